-- Who works on which ticket now. Nothing here is a fact: what was done is in the sessions' streams.

create table work.item (
  tenant      text collate "C" not null,
  ticket_id   text collate "C" not null,
  agent       text collate "C" not null,
  train_id    uuid not null,
  phase       text not null,
  cycle       integer not null,
  attempt     integer not null,
  opened_at   timestamptz not null,
  -- Of TicketOpened: what caused all that the session does.
  event_id       text not null,
  correlation_id text not null,
  -- Place in the queue: the tickets of a tenant take turns with those of the others.
  turn        bigint not null,
  -- paused: nothing can be done before a person has answered.
  state       text not null default 'ready' check (state in ('ready', 'running', 'paused', 'done')),
  -- What the train wants of it.
  wish        text not null default 'run' check (wish in ('run', 'pause', 'cancel')),
  wish_reason text not null default '',
  owner       text,
  fence       integer not null default 0,
  -- From when on it can be claimed: ready, the end of a pause between tries; running, the end of the lease.
  free_at     timestamptz not null default clock_timestamp(),
  -- Answers of people so far, so that whoever goes to wait for one sees the one that just came.
  answers     integer not null default 0,
  -- How often a lease ran out before whoever had it was done.
  crashes     integer not null default 0,
  primary key (tenant, ticket_id)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

create index item_claimable on work.item (agent, turn) where state in ('ready', 'running') and wish <> 'pause';
create index item_turn on work.item (agent, tenant, turn);
create index item_served on work.item (agent, turn) where fence > 0;
create index item_train on work.item (tenant, train_id) where state <> 'done';

create table work.human_task (
  tenant       text collate "C" not null,
  ticket_id    text collate "C" not null,
  action       text not null,
  role         text not null,
  instructions text not null,
  asked_at     timestamptz not null default clock_timestamp(),
  done_at      timestamptz,
  done_by      text,
  facts        jsonb,
  primary key (tenant, ticket_id, action),
  foreign key (tenant, ticket_id) references work.item
);

alter table work.item enable row level security, force row level security;
alter table work.human_task enable row level security, force row level security;
create policy all_tenants on work.item to vt_subscriber using (true) with check (true);
create policy all_tenants on work.human_task to vt_subscriber using (true) with check (true);
create policy own_tenant on work.item to vt_service using (tenant = (select es.current_tenant()));
create policy own_tenant on work.human_task to vt_service using (tenant = (select es.current_tenant()));

-- Agents work for all tenants, as subscribers; a person answers within one, as the service that they talk to.
grant usage on schema work to vt_subscriber, vt_service;
grant select, insert, update on work.item, work.human_task to vt_subscriber;
grant select on work.item, work.human_task to vt_service;
grant update (state, answers) on work.item to vt_service;
grant update (done_at, done_by, facts) on work.human_task to vt_service;
