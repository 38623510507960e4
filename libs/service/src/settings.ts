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

/**
 * Reads the settings of the platform and of one service, once, at the start.
 * @throws SettingsError that names every mistake in both
 */
export function loadSettings<Config>(
  own: z.ZodType<Config>,
  env: Environment,
): { readonly platform: PlatformSettings; readonly service: Config } {
  // An empty variable is how many tools say that it is not set.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const platform = PlatformSettings.safeParse(given);
  const service = own.safeParse(given);
  if (platform.success && service.success) return { platform: platform.data, service: service.data };

  const mistakes = [
    ...(platform.error?.issues ?? []).map((issue) => mistake(issue, PlatformSettings, given)),
    ...(service.error?.issues ?? []).map((issue) => mistake(issue, own, given)),
  ];
  throw new SettingsError(`settings are not valid\n${[...new Set(mistakes)].map((line) => `  ${line}`).join('\n')}`);
}

function mistake({ path, message }: z.core.$ZodIssue, schema: z.ZodType, given: object): string {
  const name = String(path[0] ?? 'settings');
  const field: unknown = schema instanceof z.ZodObject ? schema.shape[name] : undefined;
  const meaning = field instanceof z.ZodType ? field.description : undefined;
  const found = name in given ? `is not usable (${message})` : 'is missing';
  return `${name} ${found}${meaning ? `: set it to ${meaning}` : ''}`;
}
