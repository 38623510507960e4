import { EntitySchema, type EntitySchemaColumnOptions } from 'typeorm';

/** A question mark after the type allows null. */
type ColumnType = 'uuid' | 'text' | 'integer' | 'double precision' | 'boolean' | 'timestamptz' | 'jsonb';
type Columns = Readonly<Record<string, ColumnType | `${ColumnType}?`>>;

/** The table of a view, whose columns are the properties of the view's rows. */
export interface ViewTable<Column extends string = string> {
  readonly name: string;
  readonly columns: Readonly<Record<Column, string>>;
  readonly entity: EntitySchema;
}

const SCHEMA = 'rm';
const typeOf = (column: string) => column.replace('?', '');
export const snakeCase = (property: string) => property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Kept by the runner in every view: whose row it is, and the first and the last event that touched it. */
const kept = (primaryKeyConstraintName: string) =>
  ({
    tenant: { type: 'text', primary: true, primaryKeyConstraintName },
    key: { type: 'text', primary: true, primaryKeyConstraintName },
    firstPosition: { name: 'first_position', type: 'bigint' },
    lastPosition: { name: 'last_position', type: 'bigint' },
  }) as const;

const viewTable = <const Of extends Columns>(
  name: string,
  columns: Of,
  indexes: readonly (readonly (keyof Of | 'firstPosition')[])[],
): ViewTable<keyof Of & string> => {
  const properties = Object.entries(columns).map(([property, type]): [string, EntitySchemaColumnOptions] => [
    property,
    { name: snakeCase(property), type: typeOf(type) as ColumnType, nullable: type.endsWith('?') },
  ]);
  return {
    name,
    columns: Object.fromEntries(properties.map(([property, { type }]) => [property, String(type)])) as Record<
      keyof Of & string,
      string
    >,
    entity: new EntitySchema({
      name,
      schema: SCHEMA,
      columns: { ...kept(`${name}_pkey`), ...Object.fromEntries(properties) },
      indices: indexes.map((properties) => ({
        name: [name, 'by', ...properties.map((property) => snakeCase(String(property)))].join('_'),
        columns: ['tenant', ...properties.map(String)],
      })),
    }),
  };
};

const ofTicket = { trainId: 'uuid', ticketId: 'text', phase: 'text', cycle: 'integer', attempt: 'integer' } as const;

/** Every view of the platform. A new one is a table here, a migration, and a projection in the lib of its slice. */
export const TABLES = {
  train: viewTable(
    'train',
    {
      trainId: 'uuid',
      name: 'text',
      client: 'text',
      pipeline: 'jsonb',
      status: 'text',
      phase: 'text?',
      cycle: 'integer',
      attempt: 'integer',
      agent: 'text?',
      verdict: 'text?',
      holds: 'jsonb',
      pausedFor: 'text?',
      blockedFor: 'jsonb?',
      ended: 'text?',
      outcome: 'text?',
      inputs: 'jsonb',
      approvers: 'jsonb',
      delegations: 'jsonb',
      waivers: 'jsonb',
      budget: 'jsonb?',
      startedBy: 'text',
      startedAt: 'timestamptz',
      endedAt: 'timestamptz?',
    },
    [['firstPosition'], ['status', 'firstPosition']],
  ),
  phase: viewTable(
    'phase',
    {
      trainId: 'uuid',
      phase: 'text',
      cycle: 'integer',
      attempts: 'integer',
      agent: 'text?',
      mode: 'text?',
      verdict: 'text?',
      facts: 'jsonb',
      outcome: 'text?',
      startedAt: 'timestamptz',
      endedAt: 'timestamptz?',
    },
    [['trainId', 'firstPosition']],
  ),
  gate: viewTable(
    'gate',
    {
      ...ofTicket,
      verdict: 'text',
      checks: 'jsonb',
      policy: 'jsonb',
      evidence: 'jsonb',
      evaluations: 'integer',
      evaluatedAt: 'timestamptz',
    },
    [['trainId', 'firstPosition']],
  ),
  approval: viewTable(
    'approval',
    {
      ...ofTicket,
      role: 'text',
      status: 'text',
      evidence: 'jsonb',
      policy: 'text',
      count: 'integer',
      people: 'jsonb',
      brings: 'jsonb',
      words: 'jsonb',
      stale: 'jsonb',
      level: 'integer',
      escalatesAt: 'jsonb',
      deniedAt: 'timestamptz?',
      by: 'text?',
      comment: 'text?',
      simulated: 'boolean',
      requestedAt: 'timestamptz',
      decidedAt: 'timestamptz?',
    },
    [
      ['trainId', 'firstPosition'],
      ['status', 'firstPosition'],
    ],
  ),
  artifactShelf: viewTable(
    'artifact_shelf',
    {
      trainId: 'uuid',
      phase: 'text?',
      cycle: 'integer',
      attempt: 'integer',
      accepted: 'boolean',
      artifacts: 'jsonb',
    },
    [['trainId', 'firstPosition']],
  ),
  session: viewTable(
    'session',
    {
      ...ofTicket,
      agent: 'text',
      mode: 'text',
      status: 'text',
      ended: 'text?',
      archive: 'jsonb?',
      handedOff: 'jsonb?',
      workPhase: 'text?',
      resumptions: 'integer',
      actions: 'jsonb',
      reasons: 'jsonb',
      startedAt: 'timestamptz',
      endedAt: 'timestamptz?',
    },
    [['trainId', 'firstPosition']],
  ),
  timeline: viewTable('timeline', { trainId: 'uuid', type: 'text', at: 'timestamptz', actor: 'text', data: 'jsonb' }, [
    ['trainId', 'firstPosition'],
  ]),
  risk: viewTable(
    'risk',
    {
      trainId: 'uuid',
      riskId: 'text',
      catalogue: 'text',
      title: 'text',
      signal: 'text',
      reason: 'text',
      probability: 'integer',
      impact: 'integer',
      score: 'integer',
      status: 'text',
      phases: 'jsonb',
      mitigations: 'jsonb',
      raisedBy: 'text',
      raisedAt: 'timestamptz',
      settledAt: 'timestamptz?',
    },
    [
      ['trainId', 'firstPosition'],
      ['status', 'firstPosition'],
    ],
  ),
  spend: viewTable(
    'spend',
    {
      trainId: 'uuid',
      ticketId: 'text',
      phase: 'text',
      agent: 'text',
      attempt: 'integer',
      cpuMs: 'double precision',
      wallMs: 'double precision',
      tokens: 'jsonb',
      cost: 'jsonb',
      reserved: 'jsonb',
      unpriced: 'integer',
      priceBook: 'text',
    },
    [['trainId', 'firstPosition']],
  ),
  budget: viewTable(
    'budget',
    {
      trainId: 'uuid',
      budget: 'jsonb',
      setBy: 'text',
      state: 'text',
      spentThen: 'jsonb?',
      changedAt: 'timestamptz',
    },
    [['trainId']],
  ),
  pause: viewTable('pause', { scope: 'text', subject: 'text', by: 'text', reason: 'text', since: 'timestamptz' }, [
    ['firstPosition'],
    ['subject'],
  ]),
  apiKey: viewTable(
    'api_key',
    {
      keyId: 'text',
      name: 'text',
      role: 'text',
      hash: 'text',
      issuedBy: 'text',
      issuedAt: 'timestamptz',
      revokedBy: 'text?',
      revokedAt: 'timestamptz?',
    },
    [['firstPosition']],
  ),
} as const;

/** How far each view has come. */
export const Checkpoint = new EntitySchema({
  name: 'checkpoint',
  schema: SCHEMA,
  columns: {
    view: { type: 'text', primary: true, primaryKeyConstraintName: 'checkpoint_pkey' },
    version: { type: 'integer' },
    position: { type: 'bigint' },
  },
});

/** What was answered to a request that carried an idempotency key; the answer is null while nobody has given one. */
export const IdempotencyKey = new EntitySchema({
  name: 'idempotency_key',
  schema: SCHEMA,
  columns: {
    tenant: { type: 'text', primary: true, primaryKeyConstraintName: 'idempotency_key_pkey' },
    key: { type: 'text', primary: true, primaryKeyConstraintName: 'idempotency_key_pkey' },
    fingerprint: { type: 'text' },
    answer: { type: 'jsonb', nullable: true },
    createdAt: { name: 'created_at', type: 'timestamptz', default: () => 'now()' },
  },
  indices: [{ name: 'idempotency_key_by_created_at', columns: ['createdAt'] }],
});

export const ENTITIES = [...Object.values(TABLES).map(({ entity }) => entity), Checkpoint, IdempotencyKey];
