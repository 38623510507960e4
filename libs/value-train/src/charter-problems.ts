import type { Charter } from './charter.ts';

type Criterion = Charter['success'][number];

/** What can be measured for which task, and the best value there is of it. */
const METRICS: Readonly<Record<Criterion['metric'], { task: Charter['data']['task']; best: number }>> = {
  'roc-auc': { task: 'classification', best: 1 },
  accuracy: { task: 'classification', best: 1 },
  f1: { task: 'classification', best: 1 },
  'log-loss': { task: 'classification', best: 0 },
  brier: { task: 'classification', best: 0 },
  mae: { task: 'regression', best: 0 },
  rmse: { task: 'regression', best: 0 },
  r2: { task: 'regression', best: 1 },
};

/** Baselines that say something about a task; persistence says something about both. */
const BASELINE_OF = { majority: 'classification', mean: 'regression' } as const;

export interface CharterProblem {
  /** JSON pointer into the charter. */
  readonly path: string;
  readonly message: string;
}

/** What a well-formed charter asks for that can not be, each with the mend. */
export function charterProblems({ data, success, baseline }: Charter): CharterProblem[] {
  const problems = success.flatMap((criterion, index) =>
    problemsOf(criterion, data.task).map((message) => ({ path: `/success/${index}`, message })),
  );
  if (baseline !== 'persistence' && BASELINE_OF[baseline] !== data.task) {
    const mend = data.task === 'regression' ? 'mean or persistence' : 'majority or persistence';
    problems.push({ path: '/baseline', message: `${baseline} is no baseline for ${data.task}: use ${mend}` });
  }
  if (baseline === 'persistence' && data.time === undefined) {
    const message = 'persistence needs a time column: name one in data.time, or use another baseline';
    problems.push({ path: '/baseline', message });
  }
  return problems;
}

function problemsOf(criterion: Criterion, task: Charter['data']['task']): string[] {
  const { metric } = criterion;
  const { task: measured, best } = METRICS[metric];
  if (measured !== task) {
    const usable = Object.entries(METRICS).filter(([, { task: its }]) => its === task);
    return [`${metric} is measured for ${measured}, not for ${task}: use ${usable.map(([name]) => name).join(', ')}`];
  }
  if ('betterThanBaselineBy' in criterion) {
    const { betterThanBaselineBy } = criterion;
    return best === 1 && betterThanBaselineBy >= 1
      ? [`${metric} can not be better than a baseline by ${betterThanBaselineBy}: it is never above 1`]
      : [];
  }
  if ('atLeast' in criterion) {
    if (best === 0) return [`${metric} is better the smaller it is: say atMost`];
    return criterion.atLeast > 1 ? [`${metric} is never above 1, so it can not be at least ${criterion.atLeast}`] : [];
  }
  if (best === 1) return [`${metric} is better the larger it is: say atLeast`];
  return criterion.atMost < 0 ? [`${metric} is never below 0, so it can not be at most ${criterion.atMost}`] : [];
}
