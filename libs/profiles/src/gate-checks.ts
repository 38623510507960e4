import type { Criterion, Pipeline, PipelinePhase } from '@vt/value-train';
import { isOfPattern } from '@vt/value-train';
import { suggest, type Finding } from './problem.ts';
import { compileRule } from './rule.ts';

type Path = Finding['path'];

const factFinding = (fact: string, reported: readonly string[], path: Path): Finding[] =>
  reported.some((pattern) => isOfPattern(pattern, fact))
    ? []
    : [{ path, message: `no action reports the fact "${fact}"`, mend: suggest(fact, reported) }];

const criterionFindings = ({ check }: Criterion, reported: readonly string[], path: Path): Finding[] => {
  if (check.kind === 'completed') return [];
  if (check.kind === 'fact') return factFinding(check.fact, reported, [...path, 'check', 'fact']);
  const compiled = compileRule(check.rule);
  const place = [...path, 'check', 'rule'];
  if (!compiled.ok) return [{ path: place, message: compiled.message, mend: compiled.mend }];
  return [...new Set(compiled.facts)].flatMap((fact) => factFinding(fact, reported, place));
};

/** A criterion that no work can meet, because it does not parse or reads a fact that nothing reports. */
export const criterionChecks = ({ phases }: Pipeline): Finding[] => {
  const reports = ({ actions }: PipelinePhase) => actions.flatMap((action) => action.reports);
  const everywhere = phases.flatMap(reports);
  return phases.flatMap((phase, index) => [
    ...phase.entry.flatMap((criterion, at) => criterionFindings(criterion, everywhere, ['phases', index, 'entry', at])),
    ...phase.exit.flatMap((criterion, at) =>
      criterionFindings(criterion, reports(phase), ['phases', index, 'exit', at]),
    ),
  ]);
};

export const artifactChecks = ({ phases }: Pipeline): Finding[] =>
  phases.flatMap(({ id, actions, artifacts, loops, ends }, index) => {
    const declared = artifacts.map(({ path }) => path);
    const produced = actions.flatMap((action) => action.produces);
    const outcomes = [...loops, ...ends].map(({ outcome }) => outcome);
    return [
      ...actions.flatMap((action, at) =>
        action.produces.flatMap((path, file) =>
          declared.includes(path)
            ? []
            : [
                {
                  path: ['phases', index, 'actions', at, 'produces', file],
                  message: `"${path}" is not among the artifacts of ${id}`,
                  mend: `add it to the artifacts, or ${suggest(path, declared)}`,
                },
              ],
        ),
      ),
      ...artifacts.flatMap(({ path, onlyOutcome }, at) => {
        const place = ['phases', index, 'artifacts', at];
        const unmade = {
          path: [...place, 'path'],
          message: `no action of ${id} produces "${path}"`,
          mend: 'add it to the produces of an action, or remove it',
        };
        const unknownOutcome = {
          path: [...place, 'onlyOutcome'],
          message: `no loop or end of ${id} has the outcome "${onlyOutcome}"`,
          mend: suggest(onlyOutcome ?? '', outcomes),
        };
        return [
          ...(produced.includes(path) ? [] : [unmade]),
          ...(onlyOutcome === undefined || outcomes.includes(onlyOutcome) ? [] : [unknownOutcome]),
        ];
      }),
    ];
  });
