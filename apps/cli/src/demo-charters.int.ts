import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { extname, join, resolve } from 'node:path';
import { OwnStation } from './testing/own-station.ts';

jest.setTimeout(120_000);

const MORE = resolve(import.meta.dirname, '../demo/more');

interface Told {
  readonly status: string;
  readonly cycles: number;
  readonly phases: readonly { readonly verdict: string | null }[];
  readonly model: { readonly metrics: Record<string, number>; readonly baseline: Record<string, number> };
  readonly retraining: { readonly challenger: number } | null;
  readonly artifacts: { readonly folder: string; readonly files: readonly string[] };
  readonly verified: boolean;
}

/** Charters of other kinds than the demo's own, through the whole station. */
describe('vt demo --charter', () => {
  const station = new OwnStation();
  afterAll(() => station.remove());

  it.each([
    {
      charter: 'churn.yaml',
      about: 'a yes or no without time',
      names: { 'roc-auc': 'ROC AUC', accuracy: 'accuracy', 'log-loss': 'log loss' },
      baseline: 'majority',
      foreign: /\brain\b|weather|persistence|in time and come|order of time|come since|into the future/i,
    },
    {
      charter: 'energy.yaml',
      about: 'a number',
      names: { r2: 'R²', mae: 'mean absolute error', rmse: 'root mean squared error' },
      baseline: 'persistence',
      foreign: /\brain\b|weather|\bROC\b|\bAUC\b|F1 score|log loss|Brier|probabilit|misclassif|yes or no/i,
    },
  ])('rides $charter, $about, to its end', async ({ charter, names, baseline, foreign }) => {
    const { code, out } = await station.vt('demo', '--json', '--charter', join(MORE, charter));
    const told = JSON.parse(out) as Told;
    expect({ code, ...told }).toMatchObject({ code: 0, status: 'completed', cycles: 2, verified: true });
    expect(told.phases.map(({ verdict }) => verdict)).toEqual(Array.from({ length: 18 }, () => 'passed'));

    const { folder, files } = told.artifacts;
    const text = (file: string) => readFileSync(join(folder, file), 'utf8');
    const written = files.filter((file) => file.includes('/delivery/') && ['.md', '.yaml'].includes(extname(file)));
    expect(written.length).toBeGreaterThan(25);
    const slips = written.flatMap((file) => (foreign.exec(text(file)) ?? []).map((word) => `${file}: ${word}`));
    expect(slips).toEqual([]);

    // What a person reads in the report is what the evaluator measured.
    const report = text('cycle-1/delivery/validation/validation-report.md');
    for (const [metric, name] of Object.entries(names)) {
      const row = new RegExp(`^\\| ${name.replace('²', '\\u00b2')} \\| ([^|]+) \\| ([^|]+) \\|`, 'm').exec(report);
      const [ours, theirs] = [row?.[1], row?.[2]].map((cell) => Number(cell?.replace('−', '-')));
      expect([metric, ours, theirs]).toEqual([
        metric,
        figure(told.model.metrics[metric]!),
        figure(told.model.baseline[metric]!),
      ]);
    }
    expect(report).toContain(`| metric | model | ${baseline} |`);
    expect(text('cycle-2/delivery/retrain/performance-comparison.md')).toContain(
      `| ${Object.values(names)[0]!} | ${figure(told.retraining!.challenger)} |`,
    );
  });
});

/** As documents write numbers: four figures that count. */
const figure = (value: number) => Number(value.toPrecision(4));
