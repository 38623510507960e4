-- Who may do what. The reader sees the tenant of its transaction; the projector writes all tenants' rows.
set local role vt_owner;

-- How far the views have come is no secret; what is in them is.
grant usage on schema rm to public;

-- A reader that forgot to say for whom it reads gets an error, not an empty answer.
create function rm.tenant() returns text language plpgsql stable as $$
declare
  named text := nullif(current_setting('app.tenant', true), '');
begin
  if named is null then
    raise exception 'no tenant is set: call set_config(''app.tenant'', …, true) in the transaction';
  end if;
  return named;
end $$;

create function rm.guard(target regclass) returns void language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format('create policy of_tenant on %s to vt_reader using (tenant = (select rm.tenant()))', target);
  execute format('create policy of_all on %s to vt_projector using (true) with check (true)', target);
  execute format('grant select on %s to vt_reader', target);
  execute format('grant select, insert, update, delete on %s to vt_projector', target);
end $$;

select rm.guard(format('rm.%I', tablename)::regclass) from pg_tables
where schemaname = 'rm' and tablename not in ('checkpoint', 'idempotency_key', 'migration');

grant select on rm.checkpoint to public;
grant insert, update on rm.checkpoint to vt_projector;

alter table rm.idempotency_key enable row level security;
alter table rm.idempotency_key force row level security;
create policy of_tenant on rm.idempotency_key to vt_reader
  using (tenant = (select rm.tenant())) with check (tenant = (select rm.tenant()));
create policy of_all on rm.idempotency_key to vt_projector using (true);
grant select, insert, update on rm.idempotency_key to vt_reader;
grant select, delete on rm.idempotency_key to vt_projector;

-- Rebuilding a view: an empty table beside it, its indexes, and the swap. Only the owner of tables may do this, hence
-- security definer; only what has a checkpoint is a view.
create function rm.assert_view(view text) returns void language plpgsql stable as $$
begin
  if not exists (select from rm.checkpoint as c where c.view = assert_view.view) then
    raise exception '% is not a view', view;
  end if;
end $$;

-- Without row security as yet: COPY would refuse it, and nobody reads this table before the swap.
create function rm.open_next(view text) returns void language plpgsql security definer set search_path = pg_catalog as $$
begin
  perform rm.assert_view(view);
  execute format('drop table if exists rm.%I', view || '_next');
  execute format('create table rm.%I (like rm.%I including defaults)', view || '_next', view);
  execute format('grant select, insert, update, delete on rm.%I to vt_projector', view || '_next');
end $$;

create function rm.index_next(view text) returns void language plpgsql security definer set search_path = pg_catalog as $$
declare
  index record;
begin
  perform rm.assert_view(view);
  for index in select indexname as name, indexdef as definition from pg_indexes where schemaname = 'rm' and tablename = view loop
    execute regexp_replace(
      index.definition,
      'INDEX \S+ ON rm\.\S+',
      format('INDEX %I ON rm.%I', index.name || '_next', view || '_next')
    );
  end loop;
  execute format('analyze rm.%I', view || '_next');
end $$;

create function rm.swap_next(view text) returns void language plpgsql security definer set search_path = pg_catalog as $$
declare
  names text[];
  name text;
begin
  perform rm.assert_view(view);
  select array_agg(indexname::text) into names from pg_indexes where schemaname = 'rm' and tablename = view;
  perform rm.guard(format('rm.%I', view || '_next')::regclass);
  execute format('drop table rm.%I', view);
  execute format('alter table rm.%I rename to %I', view || '_next', view);
  foreach name in array names loop
    execute format('alter index rm.%I rename to %I', name || '_next', name);
  end loop;
  execute format('alter table rm.%I add primary key using index %I', view, view || '_pkey');
end $$;

revoke execute on all functions in schema rm from public;
grant execute on function rm.tenant() to vt_reader;
grant execute on function rm.open_next(text), rm.index_next(text), rm.swap_next(text) to vt_projector;

reset role;
