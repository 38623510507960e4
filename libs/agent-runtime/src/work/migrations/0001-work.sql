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
  -- paused: nothing can be done before a person or another agent has answered.
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
  -- Answers of people and of other agents so far, so that whoever goes to wait for one sees the one that just came.
  answers     integer not null default 0,
  -- How often a lease ran out before whoever had it was done.
  crashes     integer not null default 0,
  -- Its session takes nothing more. That of a train that has ended is archived when it is done.
  archived    boolean not null default false,
  -- What was reserved for it, and how much of that calls of models have taken, or may have: null, 0 where nothing was.
  allowance   jsonb,
  taken       numeric not null default 0,
  primary key (tenant, ticket_id)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

create index item_claimable on work.item (agent, turn) where state in ('ready', 'running') and (not held or wish = 'cancel');
create index item_turn on work.item (agent, tenant, turn);
create index item_served on work.item (agent, turn) where fence > 0;
create index item_archivable on work.item (agent, turn) where state = 'done' and wish = 'cancel' and not archived;
-- The train first: with the tenant first it would look as good as the primary key to a plan that is made when there are
-- few tickets.
create index item_train on work.item (train_id, tenant);

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

-- The ticket of the train that a ticket is about: its own, or that of the session that offered it.
create function work.root_of(of_ticket text) returns text language sql immutable as $$
  select regexp_replace(of_ticket, '^([^_]+_\d+_\d+)_[^_]+_\d+_', '\1_')
$$;

create function work.is_covered(of_tenant text, of_agent text, of_train uuid, of_ticket text) returns boolean
language sql stable as $$
  select exists (
    select from work.pause where stands and (tenant, key) in (
      ('fleet', 'fleet'), (of_tenant, 'tenant'), (of_tenant, 'agent:' || of_agent),
      (of_tenant, 'train:' || of_train), (of_tenant, 'ticket:' || of_ticket), (of_tenant, 'session:' || of_ticket),
      (of_tenant, 'ticket:' || work.root_of(of_ticket)), (of_tenant, 'session:' || work.root_of(of_ticket))
    )
  )
$$;

-- Pauses of other scopes that may cover these trains, or the tickets that they are at; `place` counts trains from 1.
create function work.pauses_of(tenants text[], trains uuid[])
returns table (place integer, scope text, subject text, by_whom text, reason text) language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
begin
  return query
    select t.place::integer, p.scope, p.subject, p.by_whom, p.reason
    from unnest(tenants, trains) with ordinality as t (tenant, train_id, place)
    cross join lateral (
      select * from work.pause where stands and tenant = 'fleet' and key = 'fleet'
      union all
      select * from work.pause where stands and tenant = t.tenant and key = 'tenant'
      union all
      select * from work.pause where stands and tenant = t.tenant and train_id = t.train_id and scope = 'ticket'
    ) p
    order by t.place, p.key;
end $$;

-- Functions that look up rows by their keys turn off every plan that reads more than those: a plan lives as long as its
-- connection, and is made when there are few tickets. They change one ticket after the other, in the order of their ids:
-- a join may be planned the other way round, and in another order two of them wait for each other.

-- Adds tickets, each once. A tenant that was idle starts where the queue is now; one that queues much goes behind itself,
-- not before others. The lock comes first, so that the insert, which is a statement of its own, sees every pause that
-- does not see what it adds.
create function work.add(
  of_agent text, tenants text[], tickets text[], trains uuid[], phases text[], cycles integer[], attempts integer[],
  opened timestamptz[], events text[], correlations text[], allowances jsonb[]
) returns void language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  lock table work.pause in row share mode;
  insert into work.item (tenant, ticket_id, agent, train_id, phase, cycle, attempt, opened_at, event_id,
    correlation_id, allowance, held, turn)
  select o.tenant, o.ticket_id, of_agent, o.train_id, o.phase, o.cycle, o.attempt, o.opened_at, o.event_id,
    o.correlation_id, o.allowance, work.is_covered(o.tenant, of_agent, o.train_id, o.ticket_id),
    row_number() over (partition by o.tenant order by o.place) - 1 + greatest(
      coalesce((select max(i.turn) from work.item i where i.agent = of_agent and i.tenant = o.tenant), 0) + 1,
      coalesce((select max(i.turn) from work.item i where i.agent = of_agent and i.fence > 0), 0))
  from unnest(tenants, tickets, trains, phases, cycles, attempts, opened, events, correlations, allowances)
    with ordinality
    as o (tenant, ticket_id, train_id, phase, cycle, attempt, opened_at, event_id, correlation_id, allowance,
      place)
  on conflict do nothing;
end $$;

-- At most so many tickets that nobody works on, or whose lease is over.
create function work.claim(of_agent text, of_owner text, at_most integer, lease_ms integer)
returns setof work.item language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off as $$
declare free record;
begin
  -- A fence that was given away must not be given again: this commit, unlike those of other subscribers, is waited for.
  perform set_config('synchronous_commit', 'on', true);
  for free in
    select i.tenant, i.ticket_id from work.item i
    where i.agent = of_agent and i.state in ('ready', 'running') and (not i.held or i.wish = 'cancel')
      and i.free_at <= clock_timestamp()
    order by i.turn limit at_most for update skip locked
  loop
    return query
      update work.item i
      set state = 'running', owner = of_owner, fence = i.fence + 1, crashes = i.crashes + (i.state = 'running')::integer,
        free_at = clock_timestamp() + lease_ms * interval '1 ms'
      where i.tenant = free.tenant and i.ticket_id = free.ticket_id
      returning i.*;
  end loop;
end $$;

-- Renews the leases of an owner, and answers the tickets that are still its own.
create function work.beat(of_owner text, tenants text[], tickets text[], fences integer[], lease_ms integer)
returns setof work.item language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
declare each record;
begin
  for each in
    select * from unnest(tenants, tickets, fences) as o (tenant, ticket_id, fence) order by o.tenant, o.ticket_id
  loop
    return query
      update work.item i set free_at = clock_timestamp() + lease_ms * interval '1 ms'
      where i.tenant = each.tenant and i.ticket_id = each.ticket_id and i.fence = each.fence
        and i.owner = of_owner and i.state = 'running'
      returning i.*;
  end loop;
end $$;

-- Tickets that are no longer an owner's stay as they are, and one that was answered meanwhile is not set aside.
create function work.let_go(
  tenants text[], tickets text[], fences integer[], owners text[], states text[], after_ms integer[], answers integer[]
) returns void language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
declare each record;
begin
  for each in
    select * from unnest(tenants, tickets, fences, owners, states, after_ms, answers)
      as l (tenant, ticket_id, fence, owner, state, after_ms, answers) order by l.tenant, l.ticket_id
  loop
    update work.item i
    set owner = null, free_at = clock_timestamp() + each.after_ms * interval '1 ms',
      state = case when each.state <> 'paused' then each.state
        when i.wish = 'cancel' or i.answers > each.answers then 'ready' else 'paused' end
    where i.tenant = each.tenant and i.ticket_id = each.ticket_id and i.fence = each.fence and i.owner = each.owner
      and i.state = 'running';
  end loop;
end $$;

-- Calls off all work on these trains, and answers those on which there was any. Work that waits for a person is claimed
-- once more, or it would never hear of it; what is done waits to be archived.
create function work.cancel(of_agent text, tenants text[], trains uuid[], reasons text[])
returns table (tenant text, train_id uuid) language plpgsql
set enable_seqscan = off set enable_bitmapscan = off as $$
#variable_conflict use_column
declare each record;
declare had_work boolean;
begin
  for each in
    select * from unnest(tenants, trains, reasons) as o (tenant, train_id, reason) order by o.tenant, o.train_id
  loop
    with called_off as (
      update work.item i
      set wish = 'cancel', wish_reason = each.reason, state = case i.state when 'paused' then 'ready' else i.state end
      where i.tenant = each.tenant and i.train_id = each.train_id and i.agent = of_agent and i.wish <> 'cancel'
      returning i.state
    )
    select bool_or(c.state <> 'done') into had_work from called_off c;
    if had_work then
      return query select each.tenant::text, each.train_id::uuid;
    end if;
  end loop;
end $$;

-- A ticket of a train that has ended, whose session is to be archived. Nothing is lost when two archive the same: who is
-- later finds it done.
create function work.claim_ended(of_agent text, lease_ms integer) returns setof work.item language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off as $$
declare ended record;
begin
  for ended in
    select i.tenant, i.ticket_id from work.item i
    where i.agent = of_agent and i.state = 'done' and i.wish = 'cancel' and not i.archived
      and i.free_at <= clock_timestamp()
    order by i.turn limit 1 for update skip locked
  loop
    return query
      update work.item i set free_at = clock_timestamp() + lease_ms * interval '1 ms'
      where i.tenant = ended.tenant and i.ticket_id = ended.ticket_id
      returning i.*;
  end loop;
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
