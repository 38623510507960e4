-- What the bus remembers: how far the relay has published, how far each consumer has come, and what it could not handle.

create table bus.relay (
  only_row boolean primary key default true check (only_row),
  published_upto bigint not null default 0
);
insert into bus.relay default values;

create table bus.consumers (
  name text primary key,
  position bigint not null default 0 check (position >= 0),
  moved_at timestamptz not null default clock_timestamp()
);

create table bus.parked (
  consumer text not null,
  position bigint not null,
  tenant text not null,
  stream text not null,
  event_id text not null,
  reason text not null,
  -- 0: never tried, it waits behind an earlier event of its stream.
  tries integer not null,
  parked_at timestamptz not null default clock_timestamp(),
  -- An operator asked to try it again.
  replay boolean not null default false,
  primary key (consumer, position)
);
create index on bus.parked (consumer, tenant, stream);
create index on bus.parked (consumer) where replay;

grant usage on schema bus to vt_service, vt_subscriber, vt_ledger;
grant select, insert, update on bus.consumers to vt_subscriber;
grant select, insert, update, delete on bus.parked to vt_subscriber;
grant select, update on bus.relay to vt_ledger;
grant select on bus.consumers to vt_ledger;
grant select, insert, update on bus.parked to vt_ledger;
grant select on bus.migration to vt_service, vt_subscriber, vt_ledger;
grant select on bus.relay, bus.consumers, bus.parked to vt_subscriber;
