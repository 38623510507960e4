import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** Settings that every service has, by the names of their environment variables. A service adds its own. */
export const PlatformSettings = z.object({
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .describe('where PostgreSQL is, as postgresql://user:password@host:5432/database'),
  NATS_URL: z
    .string()
    .transform((urls) => urls.split(','))
    .pipe(z.array(z.url({ protocol: /^(nats|tls)$/ })).min(1))
    .describe('where NATS is, as nats://host:4222, or several of these with commas between them'),
  NATS_REPLICAS: z.coerce
    .number()
    .int()
    .min(1)
    .max(5)
    .default(1)
    .describe('copies that JetStream keeps, 1 to 5; 3 for a cluster'),
  POOL_SIZE: z.coerce.number().int().min(2).max(100).default(6).describe('connections to PostgreSQL of each kind'),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').describe('the least that is logged'),
  HTTP_HOST: z.string().min(1).default('127.0.0.1').describe('address to listen on; 0.0.0.0 in a container'),
  HTTP_PORT: z.coerce.number().int().min(0).max(65_535).default(3000).describe('port of the API, health and metrics'),
});
export type PlatformSettings = z.infer<typeof PlatformSettings>;

/** Settings that can not be used: every mistake, each on a line with the mend. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/** Variables by name, as the process got them. */
export type Environment = Readonly<Record<string, string | undefined>>;

type Loaded<Schemas extends readonly z.ZodType[]> = { readonly [Index in keyof Schemas]: z.output<Schemas[Index]> };

/**
 * Reads settings once, at the start: those of the platform, those of a service, or whatever is asked for. The value of
 * `NAME` may lie in a file instead, which `NAME_FILE` names; white space at its end does not count.
 * @throws SettingsError that names every mistake in all of them
 */
export function loadSettings<const Schemas extends readonly z.ZodType[]>(
  schemas: Schemas,
  env: Environment,
): Loaded<Schemas> {
  // An empty variable is how many tools say that it is not set.
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const { contents, mistakes: unread } = contentsOfFiles(schemas, set);
  const given = { ...set, ...contents };
  const results = schemas.map((schema) => schema.safeParse(given));
  const unusable = results.flatMap(({ error }, index) =>
    (error?.issues ?? [])
      .filter(({ path }) => !unread.has(String(path[0])))
      .map((issue) => mistake(issue, schemas[index]!, given)),
  );
  const mistakes = [...unread.values(), ...unusable];
  if (mistakes.length > 0) {
    throw new SettingsError(`settings are not valid\n${[...new Set(mistakes)].map((line) => `  ${line}`).join('\n')}`);
  }
  // Each result has the type of its schema, which a map over a tuple forgets.
  return results.map(({ data }) => data) as Loaded<Schemas>;
}

/** Settings whose value is in a file, which `<NAME>_FILE` names: a secret that is mounted is in no environment. */
function contentsOfFiles(schemas: readonly z.ZodType[], set: Readonly<Record<string, string | undefined>>) {
  const contents: Record<string, string> = {};
  const mistakes = new Map<string, string>();
  for (const name of schemas.flatMap((schema) => (schema instanceof z.ZodObject ? Object.keys(schema.shape) : []))) {
    const file = set[`${name}_FILE`];
    if (file === undefined) continue;
    if (set[name] !== undefined) {
      mistakes.set(name, `${name} and ${name}_FILE are both set: take one of them away`);
      continue;
    }
    try {
      contents[name] = readFileSync(file, 'utf8').trimEnd();
    } catch (error) {
      mistakes.set(name, `${name}_FILE can not be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { contents, mistakes };
}

function mistake({ path, message }: z.core.$ZodIssue, schema: z.ZodType, given: object): string {
  const name = String(path[0] ?? 'settings');
  const field: unknown = schema instanceof z.ZodObject ? schema.shape[name] : undefined;
  const meaning = field instanceof z.ZodType ? field.description : undefined;
  const found = name in given ? `is not usable (${message})` : 'is missing';
  return `${name} ${found}${meaning ? `: set it to ${meaning}` : ''}`;
}
