-- Roles belong to the cluster, not to the database: another database may have made them, or be making them now.
do $$
declare wanted text;
begin
  foreach wanted in array array['vt_owner', 'vt_reader', 'vt_projector'] loop
    begin
      if not exists (select from pg_roles where rolname = wanted) then
        execute format('create role %I nologin', wanted);
      end if;
    exception when duplicate_object or unique_violation then null;
    end;
    if not pg_has_role(current_user, wanted, 'member') then
      execute format('grant %I to current_user', wanted);
    end if;
  end loop;
end $$;

create schema if not exists rm authorization vt_owner;
