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
  wish        text not null default 'run' check (wish in ('run', 'cancel')),
  wish_reason text not null default '',
  -- Covered by a pause: nobody claims it but to cancel it.
  held        boolean not null default false,
  owner       text,
  fence       integer not null default 0,
  -- From when on it can be claimed: ready, the end of a pause between tries; running, the end of the lease.
  free_at     timestamptz not null default clock_timestamp(),
  -- Answers of people so far, so that whoever goes to wait for one sees the one that just came.
  answers     integer not null default 0,
  -- How often a lease ran out before whoever had it was done.
  crashes     integer not null default 0,
  -- Its session takes nothing more. That of a train that has ended is archived when it is done.
  archived    boolean not null default false,
  primary key (tenant, ticket_id)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

create index item_claimable on work.item (agent, turn) where state in ('ready', 'running') and (not held or wish = 'cancel');
create index item_turn on work.item (agent, tenant, turn);
create index item_served on work.item (agent, turn) where fence > 0;
create index item_archivable on work.item (agent, turn) where state = 'done' and wish = 'cancel' and not archived;
create index item_train on work.item (tenant, train_id);

-- Every pause that ever stood, by the name of what it covers. Those of the fleet are in the tenant `fleet`.
create table work.pause (
  tenant   text collate "C" not null,
  key      text collate "C" not null,
  scope    text not null,
  subject  text collate "C" not null,
  train_id uuid,
  by_whom  text not null,
  reason   text not null,
  stands   boolean not null,
  -- Of the event that it was last written by: each key belongs to one stream.
  version  integer not null,
  primary key (tenant, key)
);
create index pause_train on work.pause (tenant, train_id) where stands;

create function work.is_covered(of_tenant text, of_agent text, of_train uuid, of_ticket text) returns boolean
language sql stable as $$
  select exists (
    select from work.pause where stands and (tenant, key) in (
      ('fleet', 'fleet'), (of_tenant, 'tenant'), (of_tenant, 'agent:' || of_agent),
      (of_tenant, 'train:' || of_train), (of_tenant, 'ticket:' || of_ticket), (of_tenant, 'session:' || of_ticket)
    )
  )
$$;

-- Adds tickets, each once. A tenant that was idle starts where the queue is now; one that queues much goes behind itself,
-- not before others. The lock comes first, so that the insert, which is a statement of its own, sees every pause that
-- does not see what it adds.
create function work.add(
  of_agent text, tenants text[], tickets text[], trains uuid[], phases text[], cycles integer[], attempts integer[],
  opened timestamptz[], events text[], correlations text[]
) returns void language plpgsql as $$
begin
  lock table work.pause in row share mode;
  insert into work.item (tenant, ticket_id, agent, train_id, phase, cycle, attempt, opened_at, event_id,
    correlation_id, held, turn)
  select o.tenant, o.ticket_id, of_agent, o.train_id, o.phase, o.cycle, o.attempt, o.opened_at, o.event_id,
    o.correlation_id, work.is_covered(o.tenant, of_agent, o.train_id, o.ticket_id),
    row_number() over (partition by o.tenant order by o.place) - 1 + greatest(
      coalesce((select max(i.turn) from work.item i where i.agent = of_agent and i.tenant = o.tenant), 0) + 1,
      coalesce((select max(i.turn) from work.item i where i.agent = of_agent and i.fence > 0), 0))
  from unnest(tenants, tickets, trains, phases, cycles, attempts, opened, events, correlations) with ordinality
    as o (tenant, ticket_id, train_id, phase, cycle, attempt, opened_at, event_id, correlation_id, place)
  on conflict do nothing;
end $$;

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
alter table work.pause enable row level security, force row level security;
create policy all_tenants on work.item to vt_subscriber using (true) with check (true);
create policy all_tenants on work.human_task to vt_subscriber using (true) with check (true);
create policy all_tenants on work.pause to vt_subscriber using (true) with check (true);
create policy own_tenant on work.item to vt_service using (tenant = (select es.current_tenant()));
create policy own_tenant on work.human_task to vt_service using (tenant = (select es.current_tenant()));

-- Agents work for all tenants, as subscribers; a person answers within one, as the service that they talk to.
grant usage on schema work to vt_subscriber, vt_service;
grant select, insert, update on work.item, work.human_task, work.pause to vt_subscriber;
revoke execute on all functions in schema work from public;
grant execute on all functions in schema work to vt_subscriber;
grant select on work.item, work.human_task to vt_service;
grant update (state, answers) on work.item to vt_service;
grant update (done_at, done_by, facts) on work.human_task to vt_service;
