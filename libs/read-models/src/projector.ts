import { Unavailable } from '@vt/kernel';
import type { Pool, PoolClient } from 'pg';
import { rebuildView } from './rebuild.ts';
import { foldInto, isFlaw, loadTouched, saveRows, type Feed, type View } from './view.ts';

const PAGE_EVENTS = 1_000;
/** Without a doorbell the log is looked at this often. */
const POLL_MS = 1_000;
/** How often a waiting request looks whether another process has projected what it waits for. */
const WAIT_POLL_MS = 20;
const RETRY_MS = 1_000;

export interface ProjectorOptions {
  readonly pool: Pool;
  readonly store: Feed;
  readonly views: readonly View[];
  /** Told of what went wrong and will be tried again. */
  readonly onError?: (error: unknown) => void;
  /**
   * Told of a view that has a flaw: it stays behind, as it is, until a process starts whose rules can fold it, and the
   * others go on without it.
   */
  readonly onBroken?: (view: string, error: unknown) => void;
}

/** Keeps the views up to the log. Any number of processes may run one: a row lock lets one at a time do the work. */
export interface Projector {
  /** Makes the checkpoints, and rebuilds every view that an older projection has folded. `start` does it first. */
  prepare(): Promise<void>;
  /** Folds what the log has gained, one page in one transaction, and answers how many positions it went forward. */
  step(): Promise<number>;
  /** Runs until stopped. */
  start(): { readonly finished: Promise<void>; stop(): Promise<void> };
  /** The log may have grown. */
  ring(): void;
  /** Folds a view from the first event into a new table beside the live one, and swaps. Answers its position. */
  rebuild(name: string): Promise<number>;
  /** Every view that is not broken reflects the log at least up to here. */
  position(): Promise<number>;
  /** Answers the position once it is at least `position`. @throws Unavailable when it is not so in time. */
  waitFor(position: number, deadlineMs: number): Promise<number>;
  /** Calls `listener` whenever views of this process went forward; answers how to stop that. */
  onAdvance(listener: (position: number) => void): () => void;
}

interface Checkpoint {
  readonly view: View;
  readonly position: number;
}

export function createProjector(options: ProjectorOptions): Projector {
  const { pool, store, views, onError = () => {}, onBroken = () => {} } = options;
  const types = [...new Set(views.flatMap(({ projection }) => projection.types))];
  const broken = new Set<View>();
  const listeners = new Set<(position: number) => void>();
  let wake: () => void = () => {};
  let rung = false;

  const working = () => views.filter((view) => !broken.has(view));

  /** Carries on without the view when it is its own flaw that it can not be folded. */
  const unlessBroken = async (
    view: View,
    fold: () => Promise<unknown>,
    undo = () => Promise.resolve<unknown>(null),
  ) => {
    try {
      await fold();
      return true;
    } catch (error) {
      if (!isFlaw(error)) throw error;
      await undo();
      broken.add(view);
      onBroken(view.table.name, error);
      return false;
    }
  };

  const step = async (): Promise<number> => {
    const gained = await inTransaction(pool, async (client) => {
      const checkpoints = await lockCheckpoints(client, working());
      if (checkpoints.length === 0) return undefined;
      const from = Math.min(...checkpoints.map(({ position }) => position));
      const { events, scannedTo } = await store.readLog(from, { types }, PAGE_EVENTS);
      if (scannedTo <= from) return undefined;
      const folded: string[] = [];
      for (const { view, position } of checkpoints) {
        const wanted = new Set<string>(view.projection.types);
        const news = events.filter((event) => event.position > position && wanted.has(event.event.type));
        const { name } = view.table;
        const fold = async () => {
          await client.query('savepoint before_view');
          const rows = await loadTouched(client, view, name, news);
          foldInto(rows, view, news);
          await saveRows(client, view, name, rows);
        };
        const undo = () => client.query('rollback to before_view');
        if (news.length === 0 || (await unlessBroken(view, fold, undo))) folded.push(name);
      }
      await client.query('update rm.checkpoint set position = $2 where view = any ($1) and position < $2', [
        folded,
        scannedTo,
      ]);
      return { from, scannedTo };
    });
    if (gained === undefined) return 0;
    for (const listener of listeners) listener(gained.scannedTo);
    return gained.scannedTo - gained.from;
  };

  const position = async (): Promise<number> => {
    const { rows } = await pool.query<{ position: string | null }>(READ_POSITION, [
      working().map(({ table }) => table.name),
    ]);
    return Number(rows[0]?.position ?? 0);
  };

  const ring = () => {
    rung = true;
    wake();
  };

  const rebuild = async (name: string): Promise<number> => {
    const target = views.find(({ projection, table }) => projection.name === name || table.name === name);
    if (target === undefined) throw new Error(`no view is called ${name}: there are ${names(views)}`);
    const position = await rebuildView(pool, store, target);
    broken.delete(target);
    return position;
  };

  /** Resolves when rung, after `ms`, or when the signal is aborted. */
  const pause = (ms: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      if (rung || signal.aborted) return resolve();
      const timer = setTimeout(done, ms);
      function done() {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        wake = () => {};
        resolve();
      }
      wake = done;
      signal.addEventListener('abort', done);
    });

  const prepare = async (): Promise<void> => {
    for (const outdated of await outdatedViews(pool, views, await store.lastPosition())) {
      await unlessBroken(outdated, () => rebuildView(pool, store, outdated));
    }
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    let prepared = false;
    while (!signal.aborted) {
      rung = false;
      try {
        if (!prepared) await prepare();
        prepared = true;
        if ((await step()) > 0) continue;
        await pause(POLL_MS, signal);
      } catch (error) {
        onError(error);
        await pause(RETRY_MS, signal);
      }
    }
  };

  return {
    prepare,
    step,
    position,
    ring,
    rebuild,
    start: () => {
      const stopping = new AbortController();
      const finished = run(stopping.signal);
      return {
        finished,
        stop: () => {
          stopping.abort();
          return finished;
        },
      };
    },
    waitFor: async (wanted, deadlineMs) => {
      const until = performance.now() + deadlineMs;
      for (;;) {
        const reached = await position();
        if (reached >= wanted) return reached;
        if (performance.now() >= until) {
          throw new Unavailable(`the views reflect position ${reached}, and not ${wanted} as yet`);
        }
        ring();
        await new Promise((resolve) => setTimeout(resolve, WAIT_POLL_MS));
      }
    },
    onAdvance: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

const READ_POSITION = 'select min(position) as position from rm.checkpoint where view = any ($1)';

const names = (views: readonly View[]) => views.map(({ table }) => table.name).join(', ');

/**
 * Locks what is free: a view that is being swapped is left to who swaps it, and all of them to who projects them now.
 * A view of another version is another release's to keep.
 */
async function lockCheckpoints(client: PoolClient, views: readonly View[]): Promise<Checkpoint[]> {
  const { rows } = await client.query<{ view: string; position: string }>(
    `select view, position from rm.checkpoint where (view, version) in (select * from unnest($1::text[], $2::int[]))
     order by view for update skip locked`,
    versionsOf(views),
  );
  return rows.map((row) => ({
    // Only names of our own views were asked for.
    view: views.find(({ table }) => table.name === row.view)!,
    position: Number(row.position),
  }));
}

/** Views whose rows were folded by an older projection, and new ones when there is much to fold. */
async function outdatedViews(pool: Pool, views: readonly View[], lastPosition: number): Promise<View[]> {
  return inTransaction(pool, async (client) => {
    const { rows: added } = await client.query<{ view: string }>(
      `insert into rm.checkpoint (view, version, position)
       select view, version, 0 from unnest($1::text[], $2::int[]) as wanted (view, version)
       on conflict do nothing returning view`,
      versionsOf(views),
    );
    const { rows } = await client.query<{ view: string; version: number }>('select view, version from rm.checkpoint');
    const versions = new Map(rows.map(({ view, version }) => [view, version]));
    const isNew = new Set(lastPosition > PAGE_EVENTS ? added.map(({ view }) => view) : []);
    return views.filter(
      ({ table, projection }) =>
        isNew.has(table.name) || (versions.get(table.name) ?? projection.version) < projection.version,
    );
  });
}

const versionsOf = (views: readonly View[]) => [
  views.map(({ table }) => table.name),
  views.map(({ projection }) => projection.version),
];

/** One transaction as the projector, which sees and writes the rows of all tenants. */
export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin; set local role vt_projector');
    const result = await work(client);
    await client.query('commit');
    client.release();
    return result;
  } catch (error) {
    await client.query('rollback').then(
      () => client.release(),
      () => client.release(true),
    );
    throw error;
  }
}
