import { z } from 'zod';
import { baseName, partsOfCommand, type CommandPart } from './command-parts.ts';
import { commandsOf, Unreadable } from './shell.ts';

/** Rules, such as `lab.*`, `Bash(git:*)` or `Read(data/**)`. What no rule speaks of is denied. */
export const Permissions = z.strictObject({
  /** What is refused, whatever else is said. */
  deny: z.array(z.string().min(1)).default([]),
  /** What a person is asked about, each time. */
  ask: z.array(z.string().min(1)).default([]),
  allow: z.array(z.string().min(1)).default([]),
});
export type Permissions = z.infer<typeof Permissions>;

/** What an action wants to do. */
export type Call =
  | { readonly kind: 'tool'; readonly name: string }
  | { readonly kind: 'command'; readonly argv: readonly string[] }
  | { readonly kind: 'file'; readonly to: 'read' | 'write'; readonly path: string }
  | { readonly kind: 'fetch'; readonly host: string };

export interface Permission {
  readonly effect: 'deny' | 'ask' | 'allow';
  /** That decided; `default` when none speaks of it, `unreadable` when nobody can tell what it would run. */
  readonly rule: string;
  /** What it decided about: the call, or the part of it. */
  readonly about: string;
}

type Part = Exclude<Call, { kind: 'command' }> | CommandPart;

/** One rule, understood. Globs and hosts are kept as they are written. */
type Rule =
  | { readonly kind: 'tool'; readonly pattern: string }
  | { readonly kind: 'program'; readonly words: readonly string[]; readonly rest: boolean }
  | { readonly kind: 'file'; readonly to: 'read' | 'write'; readonly glob: string }
  | { readonly kind: 'fetch'; readonly host: string };

export type ParsedRule =
  { readonly ok: true; readonly rule: Rule } | { readonly ok: false; readonly message: string; readonly mend: string };

const FORMS = 'lab.*, Read, Edit(models/**), Bash(git:*), WebFetch(domain:example.com) or mcp__server__tool';
const TOOL = /^(\*|[a-z][a-z0-9-]*(\.([a-z0-9][a-z0-9-]*\*?|\*))?|mcp__[a-z0-9-]+(__([\w-]+\*?|\*))?)$/;
const HOST = /^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$/;

/** Reads one rule. */
export const parseRule = (text: string): ParsedRule => {
  const command = /^command:(.*)$/s.exec(text)?.[1];
  if (command !== undefined) return parseRule(command === '*' ? 'Bash' : `Bash(${command}:*)`);
  const [, name = '', inner] = /^([^()]*)(?:\((.*)\))?$/s.exec(text) ?? [];
  const malformed = (message: string, mend: string): ParsedRule => ({ ok: false, message, mend });
  if (inner?.trim() === '')
    return malformed(`"${text}" is about nothing`, `leave the () away, or write what it is about`);
  switch (name) {
    case 'Bash':
      return bashRule(text, inner ?? '*');
    case 'Read':
    case 'Edit': {
      const glob = inner ?? '**';
      if (normalPath(glob) !== glob) return malformed(`"${glob}" is no path`, 'write it relative and without . or ..');
      return { ok: true, rule: { kind: 'file', to: name === 'Read' ? 'read' : 'write', glob } };
    }
    case 'WebFetch': {
      const host = inner === undefined ? '*' : (/^domain:(.*)$/.exec(inner)?.[1]?.toLowerCase() ?? '');
      if (host !== '*' && !HOST.test(host))
        return malformed(`"${text}" names no domain`, 'write WebFetch(domain:example.com)');
      return { ok: true, rule: { kind: 'fetch', host } };
    }
    default:
      if (inner === undefined && TOOL.test(name))
        return { ok: true, rule: { kind: 'tool', pattern: serverPattern(name) } };
      return malformed(`"${text}" is no rule`, `write a tool, such as ${FORMS}`);
  }
};

/** A server of MCP stands for all of its tools. */
const serverPattern = (name: string) => (/^mcp__[a-z0-9-]+$/.test(name) ? `${name}__*` : name);

function bashRule(text: string, inner: string): ParsedRule {
  if (inner === '*') return { ok: true, rule: { kind: 'program', words: [], rest: true } };
  const [, head = '', rest] = /^(.*?)(:\*| \*)?$/s.exec(inner) ?? [];
  try {
    const [command, ...more] = commandsOf(head);
    const words = [...(command?.assignments ?? []), ...(command?.words ?? [])];
    if (words.length === 0 || more.length > 0 || command?.redirections.length || words.some(({ open }) => open)) {
      throw new Unreadable('it is not the beginning of one command');
    }
    return { ok: true, rule: { kind: 'program', words: words.map((word) => word.text), rest: rest !== undefined } };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    const mend = 'write all of a command, or its beginning and :*, as in Bash(npm run:*)';
    return { ok: false, message: `"${text}" can never match: ${error.message}`, mend };
  }
}

/** Whether a call is permitted. One part that is denied denies the whole; what can not be read is denied. */
export const permit = (permissions: Permissions, call: Call): Permission => {
  const rules = rulesOf(permissions);
  if ('broken' in rules) return { effect: 'deny', rule: rules.broken, about: wordsOf(call) };
  const parts = partsOf(call);
  if (parts instanceof Unreadable) {
    return { effect: 'deny', rule: 'unreadable', about: `${wordsOf(call)} (${parts.message})` };
  }
  const said = parts.map((part) => permissionOf(rules, part));
  return (
    said.find(({ effect }) => effect === 'deny') ??
    said.find(({ effect }) => effect === 'ask') ??
    said[0] ?? { effect: 'deny', rule: 'default', about: wordsOf(call) }
  );
};

/** Whether a mode knows a tool at all, whatever it is asked to do with it: some of it is allowed, or asked about. */
export const knowsTool = (permissions: Permissions, tool: string): boolean => {
  const rules = rulesOf(permissions);
  if ('broken' in rules) return false;
  const program = /^command:(.*)$/.exec(tool)?.[1];
  const any: Part =
    program === undefined
      ? { kind: 'tool', name: tool }
      : { kind: 'program', assignments: [], known: [program], open: true };
  const denied = rules.deny.some(([, rule]) => matches(rule, any, 'surely'));
  return !denied && [...rules.ask, ...rules.allow].some(([, rule]) => matches(rule, any, 'maybe'));
};

/** Whether programs may use the network at all: which hosts they talk to, nobody can tell. */
export const mayUseNetwork = (permissions: Permissions): boolean => {
  const rules = rulesOf(permissions);
  if ('broken' in rules) return false;
  const hosts = (named: readonly NamedRule[]) =>
    named.flatMap(([, rule]) => (rule.kind === 'fetch' ? [rule.host] : []));
  return hosts(rules.allow).includes('*') && hosts([...rules.deny, ...rules.ask]).length === 0;
};

/** The first rule that makes another one useless: whatever the latter speaks of, the former has decided. */
export const shadowOf = (rule: string, others: readonly string[]): string | undefined => {
  const parsed = parseRule(rule);
  if (!parsed.ok) return undefined;
  return others.find((other) => {
    const shadow = parseRule(other);
    return shadow.ok && covers(shadow.rule, parsed.rule);
  });
};

/** Names of the tools of agents and of MCP that a rule speaks of, as a pattern; undefined when it is about others. */
export const toolPatternOf = (rule: string): string | undefined => {
  const parsed = parseRule(rule);
  return parsed.ok && parsed.rule.kind === 'tool' ? parsed.rule.pattern : undefined;
};

/** `lab.*` stands for `lab.profile-data`; everything else for itself. */
export const isOfPattern = (pattern: string, tool: string): boolean =>
  pattern.endsWith('*') ? tool.startsWith(pattern.slice(0, -1)) : tool === pattern;

export const wordsOf = (call: Part | Call): string => {
  switch (call.kind) {
    case 'tool':
      return call.name;
    case 'command':
      return call.argv.map(quoted).join(' ');
    case 'program':
      return [...call.assignments.map(({ text }) => text), ...call.known.map(quoted), ...(call.open ? ['…'] : [])].join(
        ' ',
      );
    case 'file':
      return `${call.to === 'read' ? 'Read' : 'Edit'}(${call.path})`;
    case 'fetch':
      return `WebFetch(domain:${call.host})`;
  }
};

/** As a shell would need it. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

type NamedRule = readonly [text: string, rule: Rule];
interface Rules {
  readonly deny: readonly NamedRule[];
  readonly ask: readonly NamedRule[];
  readonly allow: readonly NamedRule[];
}

/** A rule that can not be read might be the one that denies: all is denied then. */
function rulesOf(permissions: Permissions): Rules | { readonly broken: string } {
  const read = { deny: [] as NamedRule[], ask: [] as NamedRule[], allow: [] as NamedRule[] };
  for (const effect of ['deny', 'ask', 'allow'] as const) {
    for (const text of permissions[effect]) {
      const parsed = parseRule(text);
      if (!parsed.ok) return { broken: text };
      read[effect].push([text, parsed.rule]);
    }
  }
  return read;
}

function partsOf(call: Call): readonly Part[] | Unreadable {
  if (call.kind !== 'command') return [call];
  try {
    return partsOfCommand(call.argv);
  } catch (error) {
    if (error instanceof Unreadable) return error;
    throw error;
  }
}

function permissionOf(rules: Rules, part: Part): Permission {
  const about = wordsOf(part);
  for (const effect of ['deny', 'ask', 'allow'] as const) {
    const certainty = effect === 'allow' ? 'surely' : 'maybe';
    const rule = rules[effect].find(([, each]) => matches(each, part, certainty));
    if (rule) return { effect, rule: rule[0], about };
  }
  return { effect: 'deny', rule: 'default', about };
}

/**
 * A rule that allows must match for certain; one that denies or asks need not: `git $X` may be `git push`, and
 * `/tmp/git` may be git.
 */
function matches(rule: Rule, part: Part, certainty: 'surely' | 'maybe'): boolean {
  switch (part.kind) {
    case 'tool':
      return rule.kind === 'tool' && isOfPattern(rule.pattern, part.name);
    case 'program':
      return rule.kind === 'program' && matchesProgram(rule, part, certainty);
    case 'file': {
      const path = normalPath(part.path);
      if (rule.kind !== 'file' || rule.to !== part.to) return false;
      return path === undefined ? certainty === 'maybe' : globOf(rule.glob).test(path);
    }
    case 'fetch':
      return rule.kind === 'fetch' && hostCovers(rule.host, part.host.toLowerCase());
  }
}

function matchesProgram(
  { words, rest }: Rule & { kind: 'program' },
  { assignments, known, open }: Part & { kind: 'program' },
  certainty: 'surely' | 'maybe',
): boolean {
  const begins = (said: readonly string[]) =>
    words.every((word, index) => index >= said.length || word === said[index]);
  const said = [...assignments.map(({ text }) => text), ...known];
  if (certainty === 'surely') {
    if (words.length === 0) return true;
    const isOpen = open || assignments.some((word) => word.open);
    return words.length <= said.length && begins(said) && (rest || (words.length === said.length && !isOpen));
  }
  const [program = '', ...args] = known;
  return [said, known, [baseName(program), ...args]].some(
    (each) => begins(each) && (words.length <= each.length ? rest || words.length === each.length : open),
  );
}

function covers(one: Rule, other: Rule): boolean {
  if (one.kind === 'tool' && other.kind === 'tool') return isOfPattern(one.pattern, other.pattern);
  if (one.kind === 'program' && other.kind === 'program') {
    const begins = one.words.every((word, index) => word === other.words[index]);
    return begins && (one.rest || (one.words.length === other.words.length && !other.rest));
  }
  if (one.kind === 'file' && other.kind === 'file') {
    const folder = /^(.*\/)?\*\*$/.exec(one.glob)?.[1] ?? (one.glob === '**' ? '' : undefined);
    const inside =
      folder !== undefined && other.glob.startsWith(folder) && other.glob.startsWith('/') === folder.startsWith('/');
    return one.to === other.to && (one.glob === other.glob || inside);
  }
  return one.kind === 'fetch' && other.kind === 'fetch' && hostCovers(one.host, other.host);
}

const hostCovers = (pattern: string, host: string): boolean =>
  pattern === '*' || pattern === host || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)));

/** Without `.`, `..` and doubled slashes; undefined when it leads out of where it began. */
function normalPath(path: string): string | undefined {
  const steps: string[] = [];
  for (const step of path.split('/')) {
    if (step === '' || step === '.') continue;
    if (step === '..' && steps.pop() === undefined) return undefined;
    if (step !== '..') steps.push(step);
  }
  return `${path.startsWith('/') ? '/' : ''}${steps.join('/')}`;
}

/** `*` within a folder, `**` through any number of them. */
function globOf(glob: string): RegExp {
  const pattern = glob.replaceAll(/\*\*\/|\*\*|\*|\?|[^*?]+/g, (piece) => {
    if (piece === '**/') return '(?:[^/]+/)*';
    if (piece === '**') return glob.startsWith('/') ? '.*' : '(?!/).*';
    if (piece === '*') return '[^/]*';
    return piece === '?' ? '[^/]' : piece.replaceAll(/[.+^${}()|[\]\\/]/g, '\\$&');
  });
  return new RegExp(`^${pattern}$`, 's');
}
