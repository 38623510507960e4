import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Facts } from '@vt/contracts';
import { ModelServers } from '@vt/app-ops';
import { loadPipelines } from '@vt/profiles';
import { Charter } from '@vt/value-train';
import { mkdtempSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, extname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { ridePacks, type PacksRide } from './testing/packs-ride.ts';

const DEMO = resolve(import.meta.dirname, '../../cli/demo');
const RIDE_MS_MAX = 240_000;
/** More digits after the point than anybody reads. */
const LONG_NUMBER = /\d\.\d{7,}/;
const UNFINISHED = /\{\{|<!--|undefined|\bNaN\b|\[object|Infinity|\bTBD\b|\bn\/a\b/;

type Row = Readonly<Record<string, string | number | null>>;

describe.each([
  { file: 'charter.yaml', rows: 1461 },
  { file: 'more/churn.yaml', rows: 2000 },
  { file: 'more/energy.yaml', rows: 999 },
])('a train of all packs on $file', ({ file, rows }) => {
  const home = mkdtempSync(join(tmpdir(), 'packs-'));
  const servers = new ModelServers(join(home, 'models'));
  let charter: Charter;
  let ride: PacksRide;
  beforeAll(async () => {
    charter = Charter.parse(parse(await readFile(join(DEMO, file), 'utf8')));
    const dataFile = join(DEMO, dirname(file), charter.data.file);
    ride = await ridePacks({ charter, dataFile, dir: join(home, 'train'), servers });
  }, RIDE_MS_MAX);
  afterAll(async () => {
    await servers.close();
    await rm(home, { recursive: true });
  });

  const factsOf = (phase: string, cycle: number): Facts =>
    ride.phases.find((ridden) => ridden.phase.id === phase && ridden.cycle === cycle)!.run.facts;
  /** A file as the last lap left it. */
  const text = (path: string) => readFile(ride.harness.file(path), 'utf8');

  it('rides all phases, then the lap of retraining, and closes', async () => {
    const ids = (await loadPipelines())[0]!.pipeline.phases.map(({ id }) => id);
    const lap = ids.slice(ids.indexOf('training'));
    expect(ride.phases.map(({ phase, cycle }) => [phase.id, cycle])).toEqual([
      ...ids.map((id) => [id, 1]),
      ...lap.map((id) => [id, 2]),
    ]);
    expect(ride.phases.at(-1)!.run.outcome).toBe('close');
  });

  it('leaves the files and facts that the pipeline names, and meets every rule of its gates', () => {
    for (const { phase, cycle, run, exit } of ride.phases) {
      const wanted = phase.artifacts
        .filter(({ onlyRetraining }) => !onlyRetraining || cycle > 1)
        .filter(({ onlyOutcome }) => onlyOutcome === undefined || onlyOutcome === run.outcome)
        .map(({ path }) => path);
      expect([phase.id, cycle, run.artifacts.map(({ path }) => path).toSorted()]).toEqual([
        phase.id,
        cycle,
        wanted.toSorted(),
      ]);
      const reported = phase.actions
        .filter(({ id }) => id !== 'compare-with-champion' || cycle > 1)
        .flatMap(({ reports }) => reports)
        .filter((name) => !name.includes('*'));
      expect([phase.id, cycle, reported.filter((name) => !(name in run.facts))]).toEqual([phase.id, cycle, []]);
      expect([phase.id, cycle, Object.entries(exit).filter(([, says]) => says !== 'met')]).toEqual([
        phase.id,
        cycle,
        [],
      ]);
    }
  });

  it('writes documents that are finished, with numbers that a person reads', async () => {
    const paths = new Set(ride.phases.flatMap(({ run }) => run.artifacts.map(({ path }) => path)));
    const written = [...paths].filter((path) => ['.md', '.txt', '.yaml'].includes(extname(path)));
    // The features are data for a program, to the last digit.
    for (const path of written.filter((each) => each !== 'delivery/features/feature-config.yaml')) {
      const content = await text(path);
      expect([path, UNFINISHED.exec(content)?.[0], LONG_NUMBER.exec(content)?.[0]]).toEqual([
        path,
        undefined,
        undefined,
      ]);
    }
    expect((await readFile(ride.harness.file('delivery/validation/eval-results.pdf'))).subarray(0, 5).toString()).toBe(
      '%PDF-',
    );
  });

  it('says of the model what its running server says', async () => {
    const { dataset, target } = await prepared();
    expect(dataset).toHaveLength(rows);
    const { address } = factsOf('deployment', 2);
    const half = Math.round(rows * 0.75) + Math.floor((rows - Math.round(rows * 0.75)) / 2);
    const response = await fetch(`${String(address)}/predict`, {
      method: 'POST',
      body: JSON.stringify({ rows: dataset }),
    });
    const { predictions } = (await response.json()) as { predictions: { score: number }[] };
    const judged = target
      .map((truth, row) => ({ truth, score: predictions[row]!.score }))
      .slice(half)
      .filter((each): each is { truth: number; score: number } => each.truth !== null);

    const { metric } = charter.success[0]!;
    const validated = factsOf('validation', 2);
    const kept = validated['challenger-better'] === false ? 'champion-metric' : 'challenger-metric';
    expect(validated['held-out-rows']).toBe(judged.length);
    expect(validated[kept]).toBeCloseTo(MEASURES[metric]!(judged), 9);
    expect(factsOf('monitoring', 2)[`later.${metric}`]).toBeCloseTo(MEASURES[metric]!(judged), 9);
  });

  it('says of the baseline what the data says', async () => {
    const { target } = await prepared();
    const [from, to] = [Math.round(rows / 2), Math.round(rows * 0.75)];
    // What somebody without a model would say: what was known the row before, or always the same.
    const answerOf = (row: number) => (charter.baseline === 'persistence' ? target[row - 1]! : 0);
    const judged = target
      .map((truth, row) => ({ truth: truth!, score: answerOf(row) }))
      .slice(from, to)
      .filter(({ truth }) => truth !== null);
    const { metric } = charter.success[0]!;
    expect(factsOf('validation', 1)[`baseline.${metric}`]).toBeCloseTo(MEASURES[metric]!(judged), 9);
  });

  it('replaces the champion only by what is better on the same rows, and can go back', async () => {
    const [first, second] = [factsOf('deployment', 1), factsOf('deployment', 2)];
    const {
      'challenger-better': better,
      'challenger-metric': ours,
      'champion-metric': theirs,
    } = factsOf('validation', 2);
    expect(better).toBe(Number(ours) > Number(theirs));
    expect(second).toMatchObject(
      better ? { 'model-cycle': 2, 'previous-version': first['version'] } : { version: first['version'] },
    );
    expect(second['address']).toBe(first['address']);
    expect(await text('delivery/evaluation/champion-log.md')).toMatch(
      new RegExp(
        `\\| 1 \\| ${String(first['version'])} \\|.*\\| first champion \\|\n\\| 2 \\| ${String(second['version'])} \\|`,
      ),
    );
  });

  /** Read by eyes of its own: no field of these files is quoted. */
  async function prepared(): Promise<{ dataset: Row[]; target: (number | null)[] }> {
    const [head, ...lines] = (await text('delivery/data/prepared.csv')).trimEnd().split('\n');
    const columns = head!.split(',');
    const valueOf = (field: string) => (field === '' ? null : Number.isNaN(Number(field)) ? field : Number(field));
    const dataset = lines.map((line) =>
      Object.fromEntries(line.split(',').map((field, at) => [columns[at]!, valueOf(field)] as const)),
    );
    return { dataset, target: dataset.map((row) => row['__target'] as number | null) };
  }
});

type Judged = readonly { readonly truth: number; readonly score: number }[];
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** By their definitions, as slow as these are. */
const MEASURES: Readonly<Partial<Record<Charter['success'][number]['metric'], (rows: Judged) => number>>> = {
  'roc-auc': (rows) => {
    const [yes, no] = [rows.filter(({ truth }) => truth === 1), rows.filter(({ truth }) => truth === 0)];
    return mean(yes.flatMap((one) => no.map((zero) => (Math.sign(one.score - zero.score) + 1) / 2)));
  },
  r2: (rows) => {
    const centre = mean(rows.map(({ truth }) => truth));
    const squares = (distance: (row: Judged[number]) => number) => mean(rows.map((row) => distance(row) ** 2));
    return 1 - squares(({ truth, score }) => truth - score) / squares(({ truth }) => truth - centre);
  },
};
