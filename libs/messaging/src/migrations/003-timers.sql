-- What is to be done at a moment to come: the next moment of each thing that waits, and nothing else.

create table bus.timer (
  owner text not null,
  tenant text not null,
  subject text not null,
  due timestamptz not null,
  -- When it is tried: at its moment, or later when that failed.
  try_at timestamptz not null,
  primary key (owner, tenant, subject)
);
create index timer_by_try_at on bus.timer (owner, try_at);

grant select, insert, update, delete on bus.timer to vt_subscriber;
