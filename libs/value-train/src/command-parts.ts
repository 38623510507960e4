import { commandsOf, Unreadable, type ShellCommand, type Word } from './shell.ts';

/** A program that would be run, or a file that would be opened. */
export type CommandPart =
  | {
      readonly kind: 'program';
      readonly assignments: readonly Word[];
      /** The program's name, then its arguments up to the first one that is open. */
      readonly known: readonly string[];
      /** More arguments follow, known only when it runs. */
      readonly open: boolean;
    }
  | { readonly kind: 'file'; readonly to: 'read' | 'write'; readonly path: string };

/** How to find, behind the options of a program, the command that it runs. */
interface Wrapper {
  /** Letters of options without a value, and with one. */
  readonly flags?: string;
  readonly valued?: string;
  /** Long options without a value, and with one. */
  readonly long?: readonly string[];
  readonly longValued?: readonly string[];
  /** How many operands come before the command. */
  readonly operands?: number;
  /** `NAME=value` may come before the command. */
  readonly assigns?: boolean;
}

const WRAPPERS: ReadonlyMap<string, Wrapper> = new Map<string, Wrapper>([
  ['env', { flags: 'iv', valued: 'uC', long: ['ignore-environment'], longValued: ['unset', 'chdir'], assigns: true }],
  ['sudo', { flags: 'AbEHnPSk', valued: 'ugpCDRT', longValued: ['user', 'group'], assigns: true }],
  ['doas', { flags: 'n', valued: 'u' }],
  ['xargs', { flags: '0rtpx', valued: 'nPILsdEa', long: ['null', 'no-run-if-empty'] }],
  [
    'timeout',
    {
      flags: 'v',
      valued: 'ks',
      long: ['foreground', 'preserve-status', 'verbose'],
      longValued: ['kill-after', 'signal'],
      operands: 1,
    },
  ],
  ['nohup', {}],
  ['setsid', { flags: 'cfw' }],
  ['nice', { valued: 'n', longValued: ['adjustment'] }],
  ['ionice', { flags: 't', valued: 'cn' }],
  ['stdbuf', { valued: 'ioe' }],
  ['time', { flags: 'pva', valued: 'fo' }],
  ['command', { flags: 'p' }],
  ['builtin', {}],
  ['exec', { flags: 'cl', valued: 'a' }],
  ['busybox', {}],
  ['toybox', {}],
]);

const SHELLS = new Set(['sh', 'bash', 'dash', 'ash', 'zsh', 'ksh']);

/** What runs commands, or has them run later, in ways that are not read here. */
const OPAQUE = new Set(
  `. source alias trap enable mapfile readarray bind complete compgen jobs hash fc csh tcsh fish su runuser pkexec
   chroot unshare nsenter setpriv prlimit taskset chrt flock watch parallel script strace ltrace gdb systemd-run
   start-stop-daemon at batch crontab entr expect tmux screen fakeroot unbuffer rlwrap bwrap firejail run-parts
   let declare typeset local readonly read unset getopts wait`.split(/\s+/),
);
/** Builtins that take the name of a variable, in whose index a shell runs what stands in `$( )`. */
const NAMING = new Set(['test', 'printf', 'export']);

const DEPTH_MAX = 10;

/**
 * Everything that a command would run and open: itself, and what stands behind `env`, `sudo`, `xargs`, `bash -c` and the
 * like, each part of its own. What runs a program by a language of its own (`python3 -c`, `make`) is one part.
 * @throws Unreadable when that can not be told for certain
 */
export const partsOfCommand = (argv: readonly string[]): readonly CommandPart[] =>
  partsOf({ assignments: [], words: argv.map((text) => ({ text, open: false })), redirections: [] }, 0);

export const baseName = (program: string): string => program.slice(program.lastIndexOf('/') + 1);

function partsOf({ assignments, words, redirections }: ShellCommand, depth: number): CommandPart[] {
  if (depth > DEPTH_MAX) throw new Unreadable(`it is wrapped more than ${DEPTH_MAX} deep`);
  const files = redirections
    .filter(({ file }) => file.text !== '/dev/null')
    .map(({ to, file }): CommandPart => ({ kind: 'file', to, path: file.text }));
  const [program, ...rest] = words;
  if (program === undefined && assignments.length === 0) return files;
  if (program?.open) throw new Unreadable('which program it runs is known only when it runs');
  // A shell runs what stands in some variables, such as PS4 and BASH_ENV, when it comes to them.
  if (assignments.some(({ text }) => /[$`]/.test(text))) throw new Unreadable('a variable may hold a command');
  const firstOpen = words.findIndex(({ open }) => open);
  const known = (firstOpen === -1 ? words : words.slice(0, firstOpen)).map(({ text }) => text);
  const itself: CommandPart = { kind: 'program', assignments, known, open: firstOpen !== -1 };
  const inner = program === undefined ? [] : commandsIn(baseName(program.text), rest);
  return [itself, ...files, ...inner.flatMap((command) => partsOf(command, depth + 1))];
}

/** The commands that a program runs because its arguments say so. */
function commandsIn(program: string, args: readonly Word[]): readonly ShellCommand[] {
  if (OPAQUE.has(program)) throw new Unreadable(`what ${program} runs is not read`);
  if (NAMING.has(program) && args.some(({ text, open }) => open || text === '-v' || /[$`]/.test(text))) {
    throw new Unreadable(`what ${program} does is known only when it runs`);
  }
  if (SHELLS.has(program)) return shellCommands(program, args);
  if (program === 'eval') return commandsOf(args.map((word) => certain(word, program)).join(' '));
  if (program === 'find') return findCommands(args);
  const wrapper = WRAPPERS.get(program);
  if (!wrapper) return [];
  const { assignments, words, values } = behind(program, wrapper, args);
  if (words.length === 0) return [];
  return [{ assignments, words: program === 'xargs' ? filled(words, values.get('I')) : words, redirections: [] }];
}

/** A shell without `-c` runs what it reads: from a file, which is a program's argument, or from anywhere. */
function shellCommands(shell: string, args: readonly Word[]): readonly ShellCommand[] {
  for (let at = 0; at < args.length; at += 1) {
    const option = certain(args[at]!, shell);
    if (!/^([-+]|\/(dev|proc)\/)/.test(option)) return [];
    if (/^-[eux]*c$/.test(option)) {
      const script = args[at + 1] && certain(args[at + 1]!, shell);
      if (script === undefined || /^[-+]/.test(script)) throw new Unreadable(`${shell} -c has no script`);
      return commandsOf(script);
    }
    if (/^-[eux]*o$/.test(option)) at += 1;
    else if (!/^-[eux]+$/.test(option)) throw new Unreadable(`the option ${option} of ${shell} is not read`);
  }
  throw new Unreadable(`${shell} would run whatever it is sent`);
}

function findCommands(args: readonly Word[]): readonly ShellCommand[] {
  for (const word of args) certain(word, 'find');
  const commands: ShellCommand[] = [];
  for (let at = 0; at < args.length; at += 1) {
    if (!/^-(exec|ok)(dir)?$/.test(args[at]!.text)) continue;
    const end = args.findIndex(({ text }, index) => index > at && (text === ';' || text === '+'));
    if (end === -1) throw new Unreadable('-exec of find has no end');
    commands.push({ assignments: [], words: filled(args.slice(at + 1, end), '{}'), redirections: [] });
    at = end;
  }
  return commands;
}

/** Behind a program that puts something in the place of a mark, or at the end. */
const filled = (words: readonly Word[], mark: string | undefined): readonly Word[] =>
  mark === undefined
    ? [...words, { text: '', open: true }]
    : words.map(({ text, open }) => ({ text, open: open || text.includes(mark) }));

function behind(program: string, wrapper: Wrapper, args: readonly Word[]) {
  const { flags = '', valued = '', long = [], longValued = [], operands = 0, assigns = false } = wrapper;
  const values = new Map<string, string>();
  const strange = (option: string) => new Unreadable(`the option ${option} of ${program} is not read`);
  let at = 0;
  const value = (): string => {
    const word = args[at];
    if (!word) throw new Unreadable(`an option of ${program} has no value`);
    at += 1;
    return certain(word, program);
  };
  while (args[at]?.text.startsWith('-')) {
    const option = certain(args[at]!, program);
    at += 1;
    if (option === '--') break;
    if (option.startsWith('--')) {
      const [name = '', given] = option.slice(2).split('=', 2);
      if (longValued.includes(name)) {
        if (given === undefined) value();
      } else if (given !== undefined || !long.includes(name)) throw strange(option);
      continue;
    }
    for (let letter = 1; letter < option.length; letter += 1) {
      const name = option[letter]!;
      if (valued.includes(name)) {
        values.set(name, option.slice(letter + 1) || value());
        break;
      }
      if (!flags.includes(name)) throw strange(option);
    }
  }
  for (let operand = 0; operand < operands; operand += 1) value();
  const assignments: Word[] = [];
  while (assigns && /^[A-Za-z_]\w*=/.test(args[at]?.text ?? '')) assignments.push(args[at++]!);
  return { assignments, words: args.slice(at), values };
}

function certain({ text, open }: Word, program: string): string {
  if (open) throw new Unreadable(`what ${program} runs is known only when it runs`);
  return text;
}
