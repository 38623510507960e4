import { Unavailable, type Append, type AppendOutcome, type Head } from '@vt/kernel';
import type { Pool } from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import { BYTEA, TEXT, binaryArray } from './binary-array.ts';
import { headAfter, type Sealed } from './chain.ts';
import { isAway, isTransient, unavailable } from './unavailable.ts';

/** An append with its events in their final form. */
export type SealedAppend = Pick<Append, 'tenant' | 'stream' | 'expected' | 'commandId'> & {
  readonly sealed: readonly Sealed[];
};

export interface GroupCommitOptions {
  /** Statements on their way at once. More of them are smaller ones: good for slow commits, bad for busy processors. */
  readonly flushesMax: number;
  /** How long an append waits for a database that is away. */
  readonly patienceMs: number;
  readonly onAppended: () => void;
}

const BATCH_APPENDS_MAX = 256;
/** Fewer are not shared out among connections: a statement has a cost of its own. */
const SHARE_APPENDS_MIN = 32;
const BATCH_BYTES_MAX = 4 * 1024 * 1024;
const QUEUED_MAX = 20_000;
const TRANSIENT_ATTEMPTS_MAX = 8;
const RETRY_MS_MIN = 20;
const RETRY_MS_MAX = 500;

const APPEND = {
  name: 'es.append',
  text:
    'select stream, carried_out_on, version, hash ' +
    'from es.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)',
};

interface Refusal {
  readonly stream: string;
  /** Where the command was carried out before and the stream stood after it; nulls when it never was. */
  readonly carried_out_on: string | null;
  readonly version: number | null;
  readonly hash: string | null;
}

interface Pending {
  readonly append: SealedAppend;
  /** Tells its stream from all others of all tenants. */
  readonly key: string;
  readonly bytes: number;
  readonly settle: (outcome: AppendOutcome) => void;
  readonly fail: (reason: unknown) => void;
  /** The connection was lost while this append was on its way: it may have been carried out. */
  inDoubt: boolean;
}

/**
 * Lets appends that come in at the same time travel in one statement, so that they share a round trip and a commit.
 * A statement carries one tenant, and each stream at most once; an append to a stream on its way waits.
 */
export class GroupCommit {
  readonly #pool: Pool;
  readonly #options: GroupCommitOptions;
  /** By tenant; tenants take turns. */
  readonly #ready = new Map<string, Pending[]>();
  /** By stream that is on its way: what waits for it. */
  readonly #behind = new Map<string, Pending[]>();
  #queued = 0;
  #flushes = 0;
  #scheduled = false;

  constructor(pool: Pool, options: GroupCommitOptions) {
    this.#pool = pool;
    this.#options = options;
  }

  submit(append: SealedAppend): Promise<AppendOutcome> {
    if (this.#queued >= QUEUED_MAX) throw new Unavailable(`${QUEUED_MAX} appends are waiting already: come back later`);
    return new Promise((settle, fail) => {
      const bytes = append.sealed.reduce((sum, event) => sum + event.bytes, 0);
      this.#queued += 1;
      const key = `${append.tenant}/${append.stream}`;
      this.#enqueue({ append, key, bytes, settle, fail, inDoubt: false });
      this.#schedule();
    });
  }

  /** Whoever else appends in this turn of the event loop comes along. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #enqueue(pending: Pending): void {
    const { tenant } = pending.append;
    const queue = this.#ready.get(tenant);
    if (queue === undefined) this.#ready.set(tenant, [pending]);
    else queue.push(pending);
  }

  #flush(): void {
    while (this.#flushes < this.#options.flushesMax) {
      const batch = this.#takeBatch(this.#shareOf(this.#options.flushesMax - this.#flushes));
      if (batch.length === 0) return;
      this.#flushes += 1;
      void this.#carryOut(batch, performance.now() + this.#options.patienceMs).finally(() => {
        this.#flushes -= 1;
        this.#release(batch);
        this.#schedule();
      });
    }
  }

  #shareOf(idle: number): number {
    let ready = 0;
    for (const queue of this.#ready.values()) ready += queue.length;
    return Math.min(BATCH_APPENDS_MAX, Math.max(SHARE_APPENDS_MIN, Math.ceil(ready / idle)));
  }

  #takeBatch(appendsMax: number): readonly Pending[] {
    const batch: Pending[] = [];
    for (const [tenant, queue] of this.#ready) {
      let taken = 0;
      let bytes = 0;
      for (const pending of queue) {
        if (batch.length === appendsMax || bytes > BATCH_BYTES_MAX) break;
        taken += 1;
        const behind = this.#behind.get(pending.key);
        if (behind !== undefined) {
          behind.push(pending);
          continue;
        }
        this.#behind.set(pending.key, []);
        bytes += pending.bytes;
        batch.push(pending);
      }
      this.#ready.delete(tenant);
      if (taken < queue.length) this.#ready.set(tenant, queue.slice(taken));
      if (batch.length > 0) break;
    }
    return batch;
  }

  #release(batch: readonly Pending[]): void {
    this.#queued -= batch.length;
    for (const { key } of batch) {
      const behind = this.#behind.get(key);
      this.#behind.delete(key);
      behind?.forEach((pending) => this.#enqueue(pending));
    }
  }

  /** Settles every append of the batch, whatever happens. */
  async #carryOut(batch: readonly Pending[], deadline: number): Promise<void> {
    const statement = { ...APPEND, values: parametersOf(batch.map(({ append }) => append)) };
    let attempts = 0;
    for (let retryMs = RETRY_MS_MIN; ; retryMs = Math.min(retryMs * 2, RETRY_MS_MAX)) {
      const answer = await this.#pool.query<Refusal>(statement).catch((error: unknown) => ({ error }));
      if ('rows' in answer) return this.#settle(batch, answer.rows);
      const { error } = answer;
      attempts += 1;
      if (isAway(error)) {
        for (const pending of batch) pending.inDoubt = true;
        const tooLate = this.#pool.ending || performance.now() + retryMs > deadline;
        if (tooLate) return failAll(batch, unavailable(error));
      } else if (batch.length > 1) {
        // One of them is at fault, or in a race: the others shall not suffer.
        const half = batch.length >> 1;
        await this.#carryOut(batch.slice(0, half), deadline);
        return this.#carryOut(batch.slice(half), deadline);
      } else if (!isTransient(error) || attempts === TRANSIENT_ATTEMPTS_MAX) {
        return failAll(batch, error);
      }
      await delay(retryMs * (0.5 + Math.random() / 2));
    }
  }

  #settle(batch: readonly Pending[], refusals: readonly Refusal[]): void {
    const refused = new Map(refusals.map((refusal) => [refusal.stream, refusal]));
    for (const pending of batch) {
      const refusal = refused.get(pending.append.stream);
      if (refusal === undefined) pending.settle({ kind: 'appended', head: headAfter(pending.append.sealed) });
      else settleRefused(pending, refusal);
    }
    if (refusals.length < batch.length) this.#options.onAppended();
  }
}

const failAll = (batch: readonly Pending[], reason: unknown): void => {
  for (const { fail } of batch) fail(reason);
};

const settleRefused = ({ append, inDoubt, settle, fail }: Pending, refusal: Refusal): void => {
  const { carried_out_on: stream, version, hash } = refusal;
  if (stream === null || version === null || hash === null) return settle({ kind: 'conflict' });
  if (stream !== append.stream) return fail(new Error(reused(append, stream)));
  const head: Head = { version, hash };
  // The hash covers every byte and all that came before: what was carried out is this very append.
  const ours = inDoubt && hash === headAfter(append.sealed).hash;
  settle({ kind: ours ? 'appended' : 'duplicate', head });
};

/** A command has one stream: answering for another one would hand out a head that is not this stream's. */
export const reused = ({ commandId, stream }: Pick<Append, 'commandId' | 'stream'>, carriedOutOn: string): string =>
  `command ${commandId} was carried out on stream ${carriedOutOn} and cannot be used again for stream ${stream}`;

/** An array of what needs no quotes, in PostgreSQL's text format. */
const plainArray = (items: readonly (string | number)[]) => `{${items.join()}}`;

const parametersOf = (appends: readonly SealedAppend[]): unknown[] => {
  const expected = appends.map((append) => append.expected);
  const heads = appends.map(({ sealed }) => headAfter(sealed));
  const events = appends.flatMap(({ sealed }) => sealed);
  const versionsOf = (items: readonly Head[]) => plainArray(items.map(({ version }) => version));
  const hashesOf = (items: readonly Head[]) =>
    binaryArray(
      BYTEA,
      items.map(({ hash }) => hash),
    );
  const streams = appends.map(({ stream }) => stream);
  const commands = appends.map(({ commandId }) => commandId);
  const appendOf = appends.flatMap(({ sealed }, index) => sealed.map(() => index + 1));
  const types = events.map(({ type }) => type);
  // JSON has no line breaks of its own, and one long text is less work for everybody than an array of them.
  const contents = events.map(({ json }) => json).join('\n');
  return [
    appends[0]?.tenant,
    binaryArray(TEXT, streams),
    plainArray(commands),
    versionsOf(expected),
    hashesOf(expected),
    versionsOf(heads),
    hashesOf(heads),
    plainArray(appendOf),
    versionsOf(events),
    binaryArray(TEXT, types),
    contents,
    hashesOf(events),
  ];
};
