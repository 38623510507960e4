import { z } from 'zod';
import { suggest, type Finding } from './problem.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

const isSchema = (schema: unknown): schema is JsonSchema => typeof schema === 'object' && schema !== null;

/** What stands at `#/$defs/Test`; a schema that holds itself is written so. */
const referred = (ref: string, root: unknown): unknown =>
  isSchema(root) ? root.$defs?.[ref.split('/').at(-1) ?? ''] : undefined;

/** Names of the fields that a schema has at a place, for suggestions. */
const fieldsAt = (schema: unknown, path: Finding['path'], root = schema): string[] => {
  if (!isSchema(schema)) return [];
  if (schema.$ref !== undefined) return fieldsAt(referred(schema.$ref, root), path, root);
  const [step, ...rest] = path;
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return options.flatMap((option) => fieldsAt(option, path, root));
  if (step === undefined) return Object.keys(schema.properties ?? {});
  return fieldsAt(typeof step === 'number' ? schema.items : schema.properties?.[step], rest, root);
};

const shown = (value: unknown): string => {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a mapping';
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};

const NOUNS: Record<string, string> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'a mapping',
  string: 'a text',
};

/** What a schema asks for in its own words, or else the name of the form. */
const formOf = ({ format, message, pattern }: z.core.$ZodIssueInvalidStringFormat): string => {
  if (!message.startsWith('Invalid')) return message;
  return format === 'regex' ? `something that matches ${pattern}` : `a valid ${format}`;
};

const UNITS: Record<string, string> = { array: ' entries', string: ' characters' };
const sizeMend = (
  bound: 'least' | 'most',
  size: number | bigint,
  { origin, message }: { origin: string; message: string },
) => (/^Too (small|big)/.test(message) ? `give at ${bound} ${size}${UNITS[origin] ?? ''}` : message);

const missing = (path: Finding['path'], what: string): Finding => ({
  path,
  message: `${path.at(-1) ?? 'the document'} is missing`,
  mend: `add it: ${what}`,
});

/** One of several schemas must fit: either the words that they allow, or the one that came nearest. */
const unionFindings = (issue: z.core.$ZodIssueInvalidUnion, path: Finding['path'], schema: unknown): Finding[] => {
  const branches = issue.errors;
  const words = branches.flatMap((branch) =>
    branch.flatMap((inner) => (inner.code === 'invalid_value' && inner.path.length === 0 ? inner.values : [])),
  );
  if (words.length > 0 && words.length >= branches.length) return [wordFinding(issue.input, words, path)];
  const ofAnotherKind = (branch: z.core.$ZodIssue[]) =>
    branch.some(({ code, path }) => code === 'invalid_type' && path.length === 0) ? 1 : 0;
  const [nearest] = branches.toSorted(
    (one, other) => ofAnotherKind(one) - ofAnotherKind(other) || one.length - other.length,
  );
  if (nearest === undefined || nearest.length === 0) return [{ path, message: issue.message, mend: 'see the schema' }];
  return nearest.flatMap((inner) => findingsOf({ ...inner, path: [...issue.path, ...inner.path] }, schema));
};

const wordFinding = (input: unknown, values: readonly unknown[], path: Finding['path']): Finding => {
  const known = values.map(String);
  if (input === undefined) return missing(path, known.join(' | '));
  const mend = typeof input === 'string' ? suggest(input, known) : `use one of: ${known.join(', ')}`;
  return {
    path,
    message: `unknown ${path.findLast((step) => typeof step === 'string') ?? 'value'} ${shown(input)}`,
    mend,
  };
};

const findingsOf = (issue: z.core.$ZodIssue, schema: unknown): Finding[] => {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: `unknown field ${key}`,
        mend: suggest(key, fieldsAt(schema, path)),
      }));
    case 'invalid_value':
      return [wordFinding(issue.input, issue.values, path)];
    case 'invalid_union':
      return 'options' in issue && Array.isArray(issue.options)
        ? [wordFinding(at(issue.input, path.at(-1)), issue.options, path)]
        : unionFindings(issue, path, schema);
    case 'invalid_type': {
      const expected = NOUNS[issue.expected] ?? issue.expected;
      return issue.input === undefined
        ? [missing(path, expected)]
        : [{ path, message: `expected ${expected}, found ${shown(issue.input)}`, mend: `write ${expected}` }];
    }
    case 'invalid_format':
      return [{ path, message: `${shown(issue.input)} does not fit`, mend: `write ${formOf(issue)}` }];
    case 'too_small':
      return [{ path, message: `${shown(issue.input)} is too small`, mend: sizeMend('least', issue.minimum, issue) }];
    case 'too_big':
      return [{ path, message: `${shown(issue.input)} is too big`, mend: sizeMend('most', issue.maximum, issue) }];
    default:
      return [{ path, message: issue.message, mend: `change ${shown(issue.input)}` }];
  }
};

const at = (value: unknown, key: string | number | undefined): unknown =>
  typeof value === 'object' && value !== null && key !== undefined
    ? Object.entries(value).find(([name]) => name === String(key))?.[1]
    : value;

/** What a schema has against a document, in words for its author. The issues must carry their input. */
export const schemaFindings = (issues: readonly z.core.$ZodIssue[], schema: z.ZodType): Finding[] => {
  const jsonSchema = z.toJSONSchema(schema, { io: 'input' });
  return issues.flatMap((issue) => findingsOf(issue, jsonSchema));
};
