-- Each table is a view of the log: rows by tenant, folded by the projection runner, and never the truth.

set local role vt_owner;

create table rm.train (
  tenant text not null,
  key text not null,
  first_position bigint not null,
  last_position bigint not null,
  train_id uuid not null,
  name text not null,
  client text not null,
  pipeline jsonb not null,
  status text not null,
  phase text,
  cycle integer not null,
  attempt integer not null,
  agent text,
  verdict text,
  holds jsonb not null,
  paused_for text,
  blocked_for jsonb,
  ended text,
  outcome text,
  inputs jsonb not null,
  approvers jsonb not null,
  delegations jsonb not null,
  waivers jsonb not null,
  budget jsonb,
  started_by text not null,
  started_at timestamptz not null,
  ended_at timestamptz,
  primary key (tenant, key)
);
create index train_by_first_position on rm.train (tenant, first_position);
create index train_by_status_first_position on rm.train (tenant, status, first_position);

create table rm.phase (
  tenant text not null,
  key text not null,
  first_position bigint not null,
  last_position bigint not null,
  train_id uuid not null,
  phase text not null,
  cycle integer not null,
  attempts integer not null,
  agent text,
  mode text,
  verdict text,
  facts jsonb not null,
  outcome text,
  started_at timestamptz not null,
  ended_at timestamptz,
  primary key (tenant, key)
);
create index phase_by_train_id_first_position on rm.phase (tenant, train_id, first_position);

create table rm.gate (
  tenant text not null,
  key text not null,
  first_position bigint not null,
  last_position bigint not null,
  train_id uuid not null,
  ticket_id text not null,
  phase text not null,
  cycle integer not null,
  attempt integer not null,
  verdict text not null,
  checks jsonb not null,
  policy jsonb not null,
  evidence jsonb not null,
  evaluations integer not null,
  evaluated_at timestamptz not null,
  primary key (tenant, key)
);
create index gate_by_train_id_first_position on rm.gate (tenant, train_id, first_position);

create table rm.approval (
  tenant text not null,
  key text not null,
  first_position bigint not null,
  last_position bigint not null,
  train_id uuid not null,
  ticket_id text not null,
  phase text not null,
  cycle integer not null,
  attempt integer not null,
  role text not null,
  status text not null,
  evidence jsonb not null,
  policy text not null,
  count integer not null,
  people jsonb not null,
  brings jsonb not null,
  words jsonb not null,
  stale jsonb not null,
  level integer not null,
  escalates_at jsonb not null,
  denied_at timestamptz,
  "by" text,
  comment text,
  simulated boolean not null,
  requested_at timestamptz not null,
  decided_at timestamptz,
  primary key (tenant, key)
);
create index approval_by_train_id_first_position on rm.approval (tenant, train_id, first_position);
create index approval_by_status_first_position on rm.approval (tenant, status, first_position);

create table rm.artifact_shelf (
  tenant text not null,
  key text not null,
  first_position bigint not null,
  last_position bigint not null,
  train_id uuid not null,
  phase text,
  cycle integer not null,
  attempt integer not null,
  accepted boolean not null,
  artifacts jsonb not null,
  primary key (tenant, key)
);
create index artifact_shelf_by_train_id_first_position on rm.artifact_shelf (tenant, train_id, first_position);

create table rm.session (
  tenant text not null,
  key text not null,
  first_position bigint not null,
  last_position bigint not null,
  train_id uuid not null,
  ticket_id text not null,
  phase text not null,
  cycle integer not null,
  attempt integer not null,
  agent text not null,
  mode text not null,
  status text not null,
  ended text,
  archive jsonb,
  handed_off jsonb,
  work_phase text,
  resumptions integer not null,
  actions jsonb not null,
  reasons jsonb not null,
  started_at timestamptz not null,
  ended_at timestamptz,
  primary key (tenant, key)
);
create index session_by_train_id_first_position on rm.session (tenant, train_id, first_position);

create table rm.timeline (
  tenant text not null,
  key text not null,
  first_position bigint not null,
  last_position bigint not null,
  train_id uuid not null,
  type text not null,
  at timestamptz not null,
  actor text not null,
  data jsonb not null,
  primary key (tenant, key)
);
create index timeline_by_train_id_first_position on rm.timeline (tenant, train_id, first_position);

create table rm.risk (
  tenant text not null,
  key text not null,
  first_position bigint not null,
  last_position bigint not null,
  train_id uuid not null,
  risk_id text not null,
  catalogue text not null,
  title text not null,
  signal text not null,
  reason text not null,
  probability integer not null,
  impact integer not null,
  score integer not null,
  status text not null,
  phases jsonb not null,
  mitigations jsonb not null,
  raised_by text not null,
  raised_at timestamptz not null,
  settled_at timestamptz,
  primary key (tenant, key)
);
create index risk_by_train_id_first_position on rm.risk (tenant, train_id, first_position);
create index risk_by_status_first_position on rm.risk (tenant, status, first_position);

create table rm.spend (
  tenant text not null,
  key text not null,
  first_position bigint not null,
  last_position bigint not null,
  train_id uuid not null,
  ticket_id text not null,
  phase text not null,
  agent text not null,
  attempt integer not null,
  cpu_ms double precision not null,
  wall_ms double precision not null,
  tokens jsonb not null,
  cost jsonb not null,
  reserved jsonb not null,
  unpriced integer not null,
  price_book text not null,
  primary key (tenant, key)
);
create index spend_by_train_id_first_position on rm.spend (tenant, train_id, first_position);

create table rm.budget (
  tenant text not null,
  key text not null,
  first_position bigint not null,
  last_position bigint not null,
  train_id uuid not null,
  budget jsonb not null,
  set_by text not null,
  state text not null,
  spent_then jsonb,
  changed_at timestamptz not null,
  primary key (tenant, key)
);
create index budget_by_train_id on rm.budget (tenant, train_id);

create table rm.pause (
  tenant text not null,
  key text not null,
  first_position bigint not null,
  last_position bigint not null,
  scope text not null,
  subject text not null,
  by text not null,
  reason text not null,
  since timestamptz not null,
  primary key (tenant, key)
);
create index pause_by_first_position on rm.pause (tenant, first_position);
create index pause_by_subject on rm.pause (tenant, subject);

create table rm.api_key (
  tenant text not null,
  key text not null,
  first_position bigint not null,
  last_position bigint not null,
  key_id text not null,
  name text not null,
  role text not null,
  hash text not null,
  issued_by text not null,
  issued_at timestamptz not null,
  revoked_by text,
  revoked_at timestamptz,
  primary key (tenant, key)
);
create index api_key_by_first_position on rm.api_key (tenant, first_position);

create table rm.checkpoint (
  view text not null,
  version integer not null,
  position bigint not null,
  primary key (view)
);

create table rm.idempotency_key (
  tenant text not null,
  key text not null,
  fingerprint text not null,
  answer jsonb,
  created_at timestamptz not null default now(),
  primary key (tenant, key)
);
create index idempotency_key_by_created_at on rm.idempotency_key (created_at);

reset role;
