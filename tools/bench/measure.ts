import { setTimeout as delay } from 'node:timers/promises';

const WARM_UP_MS = 1_000;

/** What a run of one contestant gave. Latencies in milliseconds. */
export interface Pace {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

export const sorted = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b);

/** The share of `ascending` numbers that lies below the answer is `share`, 0 to 1. */
export const percentile = (ascending: readonly number[], share: number): number =>
  ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? Number.NaN;

export const median = (numbers: readonly number[]) => percentile(sorted(numbers), 0.5);

/** Of the quotients of two contestants in the same round, so that a slow minute of the machine hits both. */
export const medianRatio = (ours: readonly number[], theirs: readonly number[]) =>
  median(ours.map((figure, round) => figure / theirs[round]!));

/** So many workers that do one thing after another, for `ms` after a warm-up. `did` is called for each thing done. */
export async function closedLoop(
  workers: number,
  ms: number,
  work: (worker: number, over: () => boolean, did: (latencyMs: number) => void) => Promise<void>,
): Promise<Pace> {
  const latencies: number[] = [];
  const from = performance.now() + WARM_UP_MS;
  const until = from + ms;
  const over = () => performance.now() >= until;
  const did = (latencyMs: number) => {
    const now = performance.now();
    if (now >= from && now < until) latencies.push(latencyMs);
  };
  const repeat = async (worker: number) => {
    while (!over()) await work(worker, over, did);
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => repeat(worker)));
  const ascending = sorted(latencies);
  return {
    perSecond: (latencies.length * 1_000) / ms,
    p50: percentile(ascending, 0.5),
    p99: percentile(ascending, 0.99),
  };
}

/** Starts things at an even rate, whether or not those before are done; answers how many it started. */
export async function openLoop(perSecond: number, ms: number, start: (nth: number) => void): Promise<number> {
  const from = performance.now();
  let started = 0;
  for (let elapsed = 0; elapsed < ms; elapsed = performance.now() - from) {
    for (const due = Math.floor((elapsed * perSecond) / 1_000); started < due; started += 1) start(started);
    await delay(1);
  }
  return started;
}

/** A, B, C, A, B, C…: every contestant once in each round. Says what each gave. */
export async function interleaved<Name extends string, Result>(
  rounds: number,
  contestants: Readonly<Record<Name, () => Promise<Result>>>,
): Promise<Record<Name, Result[]>> {
  // Object.keys forgets the names' type.
  const names = Object.keys(contestants) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, [] as Result[]])) as Record<Name, Result[]>;
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) {
      const result = await contestants[name]();
      process.stderr.write(`  ${name}: ${JSON.stringify(result)}\n`);
      results[name].push(result);
    }
  }
  return results;
}
