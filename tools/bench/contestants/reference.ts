// The least that a store of this design must do: group commit, version check, event, queue row; no tenants, no hashes,
// no command ids. Its event is JSON text made before, so it measures the database and little else.
import { Client } from 'pg';
import { setImmediate } from 'node:timers/promises';
import { CAUSATION, EVENT, type OpenAppender } from './appender.ts';

const CONNECTIONS = 2;
const BATCH_APPENDS_MAX = 256;

const SCHEMA = `
  create schema reference;
  create table reference.stream (stream text primary key, version bigint not null) with (fillfactor = 70);
  create table reference.event (
    id bigint generated always as identity primary key, stream text not null, version bigint not null,
    type text not null, data text not null, meta jsonb not null,
    at timestamptz not null default clock_timestamp(), unique (stream, version)
  );
  create table reference.unsequenced (place bigint generated always as identity primary key, id bigint not null);
  create function reference.append(appends jsonb, events jsonb) returns int[] language plpgsql as $$
  declare accepted int[];
  begin
    with wanted as materialized (
      select (o - 1)::int i, x->>'s' s, (x->>'e')::bigint e, (x->>'n')::int n
      from jsonb_array_elements(appends) with ordinality as a(x, o)
    ), created as (
      insert into reference.stream select s, n from wanted where e = 0 on conflict do nothing returning stream
    ), advanced as (
      update reference.stream t set version = w.e + w.n from wanted w
      where w.e > 0 and t.stream = w.s and t.version = w.e returning t.stream
    ), ok as (
      select w.* from wanted w join (select stream from created union all select stream from advanced) u on u.stream = w.s
    ), written as (
      insert into reference.event (stream, version, type, data, meta)
      select ok.s, ok.e + x.k, x.t, x.d, x.m
      from jsonb_to_recordset(events) as x(i int, k int, t text, d text, m jsonb) join ok on ok.i = x.i
      order by x.i, x.k returning id
    ), queued as (insert into reference.unsequenced (id) select id from written order by id returning 1)
    select array_agg(i) into accepted from ok;
    return accepted;
  end $$;`;

const event = `"t":"${EVENT.type}","d":${JSON.stringify(JSON.stringify(EVENT.data))},"m":${JSON.stringify(CAUSATION)}`;

interface Waiting {
  readonly stream: string;
  readonly version: number;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

export const open: OpenAppender = async (connectionString) => {
  const clients = Array.from({ length: CONNECTIONS }, () => new Client({ connectionString }));
  await Promise.all(clients.map((client) => client.connect()));
  await clients[0]!.query(SCHEMA);
  const free = [...clients];
  let queue: Waiting[] = [];
  let scheduled = false;

  const flush = async (client: Client, batch: readonly Waiting[]) => {
    try {
      const appends = batch.map(({ stream, version }) => `{"s":"${stream}","e":${version},"n":1}`);
      const events = batch.map((_, index) => `{"i":${index},"k":1,${event}}`);
      const { rows } = await client.query<{ ok: number[] }>({
        name: 'reference',
        text: 'select reference.append($1, $2) as ok',
        values: [`[${appends.join()}]`, `[${events.join()}]`],
      });
      if (rows[0]?.ok.length !== batch.length) throw new Error('conflict');
      for (const { done } of batch) done();
    } catch (error) {
      for (const { failed } of batch) failed(error);
    }
    free.push(client);
    kick();
  };
  const kick = () => {
    while (free.length > 0 && queue.length > 0) {
      const batch = queue.slice(0, BATCH_APPENDS_MAX);
      queue = queue.slice(BATCH_APPENDS_MAX);
      void flush(free.pop()!, batch);
    }
  };
  const append = (stream: string, version: number) =>
    new Promise<void>((done, failed) => {
      queue.push({ stream, version, done, failed });
      if (scheduled) return;
      scheduled = true;
      void setImmediate().then(() => {
        scheduled = false;
        kick();
      });
    });
  return {
    stream: (stream) => {
      let version = 0;
      return () => append(stream, version++);
    },
    close: async () => {
      await Promise.all(clients.map((client) => client.end()));
    },
  };
};
