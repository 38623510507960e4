import { AgentSettings } from '@vt/agent-runtime';
import { conductor } from '@vt/app-conductor';
import { cost } from '@vt/app-cost';
import { evaluator } from '@vt/app-evaluator';
import { gateway } from '@vt/app-gateway';
import { improver } from '@vt/app-improver';
import { lab } from '@vt/app-lab';
import { ledger } from '@vt/app-ledger';
import { onboarder } from '@vt/app-onboarder';
import { ops } from '@vt/app-ops';
import { riskRegistry } from '@vt/app-risk-registry';
import { studio } from '@vt/app-studio';
import { PlatformSettings } from '@vt/service';
import { tmpdir } from 'node:os';
import { z } from 'zod';

const SERVICES: readonly { readonly name: string; readonly settings: z.ZodType }[] = [
  gateway,
  conductor,
  onboarder,
  lab,
  studio,
  ops,
  evaluator,
  improver,
  riskRegistry,
  cost,
  ledger,
];

interface JsonSchema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
}

/** What the variable may hold, in a few words. */
function kindOf(field: z.ZodType): string {
  const schema = z.toJSONSchema(field, { io: 'output', unrepresentable: 'any' }) as JsonSchema;
  if (schema.enum) return schema.enum.map((word) => `\`${word}\``).join(', ');
  if (schema.type === 'array') return 'list, with commas';
  if (schema.pattern) return `text like \`${schema.pattern}\``;
  if (schema.type !== 'integer') return 'text';
  const { exclusiveMinimum = -1, minimum = exclusiveMinimum + 1, maximum = Number.MAX_SAFE_INTEGER } = schema;
  return maximum === Number.MAX_SAFE_INTEGER ? `whole number from ${minimum}` : `${minimum} to ${maximum}`;
}

function defaultOf(field: z.ZodType): string {
  const unset = field.safeParse(undefined);
  if (!unset.success) return '**required**';
  // The folder of temporary files is another one on each machine.
  return unset.data === undefined ? '' : `\`${String(unset.data).replace(tmpdir(), '/tmp')}\``;
}

const cell = (text: string) => text.replaceAll('|', '\\|');

function table(settings: z.ZodType, without: z.ZodObject = z.object({})): string[] {
  if (!(settings instanceof z.ZodObject)) throw new Error('settings are a z.object: their fields are its shape');
  const fields = Object.entries<z.ZodType>(settings.shape).filter(([name]) => !(name in without.shape));
  if (fields.length === 0) return [];
  return [
    '| variable | what it is | holds | default |',
    '| --- | --- | --- | --- |',
    ...fields.map(([name, field]) => {
      if (!field.description) throw new Error(`${name} has no description: give it one by .describe()`);
      return `| \`${name}\` | ${cell(field.description)} | ${cell(kindOf(field))} | ${cell(defaultOf(field))} |`;
    }),
    '',
  ];
}

function section({ name, settings }: (typeof SERVICES)[number]): string[] {
  const isAgent = settings instanceof z.ZodObject && 'SESSIONS_MAX' in settings.shape;
  const own = table(settings, isAgent ? AgentSettings : undefined);
  const also = isAgent ? 'Those of every agent' : 'Those of every service';
  return [`## ${name}`, '', own.length > 0 ? `${also}, and:` : `${also}; none of its own.`, '', ...own];
}

export const settingsPage = () =>
  [
    '# Settings',
    '',
    'Generated from the schemas of the services. Settings are environment variables; an empty one is as good as none. A service takes the value of `NAME` from a file as well, if `NAME_FILE` names one: for secrets that are mounted. A service that misses one, or can not use it, says so in one line for each mistake and ends with code 1.',
    '',
    '## Every service',
    '',
    ...table(PlatformSettings),
    '## Every agent',
    '',
    'The onboarder, the lab, the studio, ops, the evaluator and the improver.',
    '',
    ...table(AgentSettings),
    ...SERVICES.flatMap(section),
    '## vt, and the station',
    '',
    'The station takes the settings of all services; what is not set it chooses itself, below its folder.',
    '',
    '| variable | what it is | default |',
    '| --- | --- | --- |',
    '| `VT_HOME` | folder of the station: servers, artifacts, models, its key and its address | `.value-train` |',
    '| `VT_URL` | where the gateway is, for `vt` | the station of `VT_HOME` |',
    '| `VT_API_KEY` | who you are, for `vt` | the key of that station |',
    '',
  ].join('\n');
