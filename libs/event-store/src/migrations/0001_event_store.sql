-- The event store is the record of the whole platform: rows of es.event and es.global_log are added and never changed.

-- Roles belong to the cluster, not to the database: another database may have made them, or be making them now.
do $$
declare wanted text;
begin
  if getdatabaseencoding() <> 'UTF8' then
    raise exception 'database % is encoded in %, the event store needs UTF8', current_database(), getdatabaseencoding()
      using hint = 'create the database with ENCODING ''UTF8'' TEMPLATE template0';
  end if;
  foreach wanted in array array['vt_owner', 'vt_service', 'vt_subscriber', 'vt_ledger'] loop
    begin
      if not exists (select from pg_roles where rolname = wanted) then
        execute format('create role %I nologin', wanted);
      end if;
    exception when duplicate_object or unique_violation then null;
    end;
    if not pg_has_role(current_user, wanted, 'usage') then
      execute format('grant %I to current_user', wanted);
    end if;
  end loop;
end $$;

create schema es authorization vt_owner;
grant usage on schema es to vt_service, vt_subscriber, vt_ledger;
set local role vt_owner;

create table es.migration (
  name       text primary key,
  checksum   text not null,
  applied_at timestamptz not null default clock_timestamp()
);

-- An unset tenant reads as '', which this domain refuses: forgetting the tenant is an error, never an empty answer.
create domain es.tenant_id as text collate "C" check (value ~ '^[a-z0-9][a-z0-9-]{0,62}$');

-- Checks of domains are prepared once for each connection, those of tables anew by every statement.
create domain es.version as integer check (value > 0);
create domain es.sha256 as bytea check (octet_length(value) = 32);
create domain es.content as text collate "C" check (octet_length(value) <= 262144);

create function es.current_tenant() returns text language sql stable as
  $$ select current_setting('app.tenant')::es.tenant_id $$;

-- Where each stream stands. The row lock of the update is what makes appends to one stream wait for each other.
create table es.stream (
  tenant  text collate "C" not null,
  stream  text collate "C" not null,
  version es.version not null,
  hash    es.sha256 not null,
  -- Where it stood before the last append: what that append expected.
  previous_version integer not null check (previous_version between 0 and version - 1),
  previous_hash    es.sha256 not null,
  primary key (stream, tenant)
) with (fillfactor = 70);

create table es.event (
  -- Drawn under the row lock of the stream, hence CACHE 1: of two events of one stream the earlier has the lower id.
  id         bigint generated always as identity (cache 1) primary key,
  tenant     text collate "C" not null,
  stream     text collate "C" not null,
  version    es.version not null,
  type       text collate "C" not null,
  -- Only on the last event of an append: version and hash of this row are where the stream stood after the command.
  command_id uuid,
  -- Exactly what was hashed: canonical JSON (RFC 8785) of the event and its envelope.
  bytes      es.content not null,
  -- SHA-256 of the hash before it in the stream and the bytes.
  hash       es.sha256 not null,
  unique (stream, tenant, version)
);
create unique index event_command on es.event (command_id, tenant) where command_id is not null;

-- Events waiting for their position in the global log.
create table es.unsequenced (
  event_id bigint primary key
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

create table es.global_log (
  position bigint primary key,
  event_id bigint not null unique,
  tenant   text collate "C" not null,
  type     text collate "C" not null
);
-- A tenant reads its own log without going through everybody's.
create index global_log_of_tenant on es.global_log (tenant, position);

create table es.sequencer (
  single boolean primary key default true check (single),
  last bigint not null
) with (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
insert into es.sequencer (last) values (0);

create function es.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '%.% is append-only: % refused', tg_table_schema, tg_table_name, lower(tg_op)
    using errcode = 'insufficient_privilege';
end $$;

create trigger append_only before update or delete on es.event for each row execute function es.refuse_change();
create trigger append_only_truncate before truncate on es.event execute function es.refuse_change();
create trigger append_only before update or delete on es.global_log for each row execute function es.refuse_change();
create trigger append_only_truncate before truncate on es.global_log execute function es.refuse_change();
-- ALWAYS: also under session_replication_role = replica, which silences ordinary triggers.
alter table es.event enable always trigger append_only, enable always trigger append_only_truncate;
alter table es.global_log enable always trigger append_only, enable always trigger append_only_truncate;

alter table es.stream enable row level security, force row level security;
alter table es.event enable row level security, force row level security;
alter table es.global_log enable row level security, force row level security;

-- The sub-select makes the tenant a constant of the statement instead of a call for each row.
create policy own_tenant on es.stream to vt_service
  using (tenant = (select es.current_tenant())) with check (tenant = (select es.current_tenant()));
create policy own_tenant on es.event to vt_service
  using (tenant = (select es.current_tenant())) with check (tenant = (select es.current_tenant()));
create policy own_tenant on es.global_log for select to vt_service
  using (tenant = (select es.current_tenant()));
create policy all_tenants on es.stream for select to vt_subscriber, vt_ledger using (true);
create policy all_tenants on es.event for select to vt_subscriber, vt_ledger using (true);
create policy all_tenants on es.global_log for select to vt_subscriber, vt_ledger using (true);
create policy sequencing on es.global_log for insert to vt_ledger with check (true);

grant select on es.migration, es.stream, es.event, es.global_log, es.sequencer to vt_service, vt_subscriber, vt_ledger;
grant insert, update on es.stream to vt_service;
grant insert on es.event, es.unsequenced to vt_service;
grant select on es.unsequenced to vt_subscriber, vt_ledger;
grant delete on es.unsequenced to vt_ledger;
grant insert on es.global_log to vt_ledger;
grant update on es.sequencer to vt_ledger;

-- Functions that look up rows by their keys turn off every plan that reads more than those: a plan lives as long as its
-- connection, and may have been made when the tables were empty.

-- Appends to many streams of one tenant at once, each stream at most once. Parallel arrays: one element for each
-- append (streams to next_hashes), then one for each event, in order (append_of: index of its append, from 1; contents:
-- one line each).
-- Answers the appends that were refused: with the head after the first execution when the command was carried out
-- before, with nulls when the stream does not stand where the append expected it.
create function es.append(
  of_tenant text, streams text[], commands uuid[],
  expected_versions integer[], expected_hashes bytea[], next_versions integer[], next_hashes bytea[],
  append_of integer[], versions integer[], types text[], contents text, hashes bytea[]
) returns table (stream text, carried_out_on text, version integer, hash text) language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare moved text[];
begin
  perform set_config('app.tenant', of_tenant, true);

  -- An append that comes alone is looked at first. Appends that come together are taken at their word: a command
  -- carried out before undoes the statement, and they come again in smaller parties. A scalar sub-select, because an
  -- exists may be planned as a scan of the table. In the order of the streams' names, so that no two batches wait for
  -- each other.
  with wanted as materialized (
    select a.*
    from unnest(streams, commands, expected_versions, expected_hashes, next_versions, next_hashes)
      as a (stream, command_id, version, hash, next_version, next_hash)
    where cardinality(streams) > 1
      or (select true from es.event e where e.tenant = of_tenant and e.command_id = a.command_id) is null
    order by a.stream
  ), begun as (
    insert into es.stream as s (tenant, stream, version, hash, previous_version, previous_hash)
    select of_tenant, w.stream, w.next_version, w.next_hash, w.version, w.hash from wanted w
    where w.version = 0 and w.hash = decode(repeat('00', 32), 'hex')
    on conflict do nothing
    returning s.stream
  ), advanced as (
    update es.stream s
    set version = w.next_version, hash = w.next_hash, previous_version = w.version, previous_hash = w.hash
    from wanted w
    where w.version > 0 and s.tenant = of_tenant and s.stream = w.stream and s.version = w.version and s.hash = w.hash
    returning s.stream
  )
  select coalesce(array_agg(m.stream), '{}') into moved
  from (select b.stream from begun b union all select a.stream from advanced a) m;

  with written as (
    insert into es.event (tenant, stream, version, type, command_id, bytes, hash)
    select of_tenant, streams[e.append], e.version, e.type,
      case when e.version = next_versions[e.append] then commands[e.append] end, e.bytes, e.hash
    from unnest(append_of, versions, types, string_to_array(contents, E'\n'), hashes) with ordinality
      as e (append, version, type, bytes, hash, place)
    where cardinality(moved) = cardinality(streams) or streams[e.append] = any (moved)
    order by e.place
    returning id
  )
  insert into es.unsequenced (event_id) select w.id from written w;

  -- A statement of its own, hence with a fresh snapshot: it also sees the twin that a refused append waited for.
  if cardinality(moved) < cardinality(streams) then
    return query
      select a.stream, e.stream, e.version::integer, encode(e.hash, 'hex')
      from unnest(streams, commands) as a (stream, command_id)
      left join lateral (
        select * from es.event e where e.tenant = of_tenant and e.command_id = a.command_id limit 1
      ) e on true
      where a.stream <> all (moved);
  end if;
end $$;

-- Gives the events that wait longest their positions, at most batch of them, and answers how many got one. One candidate
-- at a time, by the row lock; the second statement starts after the lock is had, so it sees all that came before.
create function es.sequence(batch integer) returns integer language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  reached bigint;
  given integer;
begin
  -- The row lock alone would be written down, and waited for, by everybody who asks in vain.
  if not exists (select from es.unsequenced) then return 0; end if;
  select last into reached from es.sequencer for update skip locked;
  if not found then return 0; end if;

  with taken as (
    delete from es.unsequenced
    where event_id <= (select max(event_id) from (select event_id from es.unsequenced order by event_id limit batch) first)
    returning event_id
  ), placed as (
    insert into es.global_log (position, event_id, tenant, type)
    select reached + row_number() over (order by e.id), e.id, e.tenant, e.type
    from taken t join es.event e on e.id = t.event_id
    returning 1
  )
  select count(*) into given from placed;

  if given > 0 then update es.sequencer set last = reached + given; end if;
  return given;
end $$;

-- The events of many streams of one tenant, each after a version; `place` counts the streams from 1.
create function es.read_streams(of_tenant text, streams text[], after integer[])
returns table (place integer, bytes text, hash text) language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
begin
  perform set_config('app.tenant', of_tenant, true);
  return query
    select w.place::integer, e.bytes, e.hash
    from unnest(streams, after) with ordinality as w (stream, after, place)
    -- The offset keeps it a sub-select, which is looked up for each stream, and never the other way round.
    cross join lateral (
      select e.version, e.bytes::text, encode(e.hash, 'hex') as hash from es.event e
      where e.tenant = of_tenant and e.stream = w.stream and e.version > w.after order by e.version offset 0
    ) e
    order by w.place, e.version;
end $$;

-- One page of the log. Every row carries the last position of the same snapshot, and there is always at least one row:
-- a page that is not full proves that there was nothing else up to there.
create function es.read_log(after bigint, of_types text[], of_tenant text, page_size integer)
returns table (last bigint, "position" bigint, bytes text, hash text) language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
begin
  if of_tenant is not null then perform set_config('app.tenant', of_tenant, true); end if;
  return query
    with page as materialized (
      select g.position, g.event_id from es.global_log g
      where g.position > after
        and (of_types is null or g.type = any (of_types)) and (of_tenant is null or g.tenant = of_tenant)
      order by g.position limit page_size
    )
    select s.last, p.position, p.bytes, p.hash
    from es.sequencer s
    left join (
      select page.position, e.bytes::text, encode(e.hash, 'hex') as hash from page join es.event e on e.id = page.event_id
    ) p on true
    order by p.position;
end $$;

create function es.position_of(of_tenant text, of_stream text, of_version integer)
returns bigint language plpgsql as $$
begin
  perform set_config('app.tenant', of_tenant, true);
  return (
    select g.position from es.event e join es.global_log g on g.event_id = e.id
    where e.tenant = of_tenant and e.stream = of_stream and e.version = of_version
  );
end $$;

revoke execute on all functions in schema es from public;
grant execute on function es.append to vt_service;
grant execute on function es.sequence to vt_ledger;
grant execute on function es.current_tenant, es.read_streams, es.read_log, es.position_of
  to vt_service, vt_subscriber, vt_ledger;

reset role;
