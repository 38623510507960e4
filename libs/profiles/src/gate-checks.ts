import type { Criterion, Pipeline, PipelinePhase, Test } from '@vt/value-train';
import { isOfPattern, performersOf, phaseOf } from '@vt/value-train';
import { suggest, type Finding } from './problem.ts';
import { compileRule } from './rule.ts';

type Path = Finding['path'];

/** A test of a phase's criterion, also one within others, and where it stands. */
export interface PlacedTest {
  readonly test: Test;
  readonly door: 'entry' | 'exit' | 'research' | 'plan';
  readonly path: Path;
}

const within = ({ test, door, path }: PlacedTest): PlacedTest[] => [
  { test, door, path },
  ...('of' in test
    ? test.of.flatMap((inner, index) => within({ test: inner, door, path: [...path, 'of', index] }))
    : []),
];

/** Every test that stands at the doors of a phase, and of its work phases. */
export const testsOf = (phase: PipelinePhase, path: Path): PlacedTest[] => [
  ...(['entry', 'exit'] as const).flatMap((door) => testsAt(door, phase[door], [...path, door])),
  ...(['research', 'plan'] as const).flatMap((door) =>
    testsAt(door, phase.workGates?.[door] ?? [], [...path, 'workGates', door]),
  ),
];

const testsAt = (door: PlacedTest['door'], criteria: readonly Criterion[], path: Path): PlacedTest[] =>
  criteria.flatMap(({ check }, index) => within({ test: check, door, path: [...path, index, 'check'] }));

const factFinding = (fact: string, reported: readonly string[], path: Path, whose = ''): Finding[] =>
  reported.some((pattern) => isOfPattern(pattern, fact))
    ? []
    : [{ path, message: `no action${whose} reports the fact "${fact}"`, mend: suggest(fact, reported) }];

/** What the gate of research, or of a plan, reads was reported before. */
const reportedBy = ({ actions }: PipelinePhase, door: PlacedTest['door'] = 'exit') => {
  const none: readonly string[] = door === 'research' ? ['plan', 'implement'] : door === 'plan' ? ['implement'] : [];
  return actions.filter(({ during }) => !none.includes(during)).flatMap((action) => action.reports);
};

const ruleFindings = (rule: string, reported: readonly string[], path: Path): Finding[] => {
  const compiled = compileRule(rule);
  if (!compiled.ok) return [{ path, message: compiled.message, mend: compiled.mend }];
  return [...new Set(compiled.facts)].flatMap((fact) => factFinding(fact, reported, path));
};

const evidenceFindings = (
  { phase: name, fact }: Extract<Test, { kind: 'evidence' }>,
  phase: PipelinePhase,
  pipeline: Pipeline,
  path: Path,
): Finding[] => {
  const judge = phaseOf(pipeline, name);
  if (judge === undefined) return [];
  const own = performersOf(phase);
  const both = performersOf(judge).find((agent) => own.includes(agent));
  const itself = {
    path: [...path, 'phase'],
    message: `${both} would judge its own work: it ${both === judge.owner ? 'owns' : 'has a hand in'} ${name}`,
    mend: 'use a phase of another agent, or kind: fact',
  };
  return both !== undefined ? [itself] : factFinding(fact, reportedBy(judge), [...path, 'fact'], ` of ${name}`);
};

const testFindings = ({ test, door, path }: PlacedTest, phase: PipelinePhase, pipeline: Pipeline): Finding[] => {
  const reported = door === 'entry' ? pipeline.phases.flatMap((each) => reportedBy(each)) : reportedBy(phase, door);
  switch (test.kind) {
    case 'fact':
      return factFinding(test.fact, reported, [...path, 'fact']);
    case 'rule':
      return ruleFindings(test.rule, reported, [...path, 'rule']);
    case 'evidence':
      return evidenceFindings(test, phase, pipeline, path);
    case 'external': {
      const verifiers = pipeline.verifiers.map(({ id }) => id);
      if (verifiers.includes(test.verifier)) return [];
      const add = 'add verifiers: [{ id, publicKey }] to the pipeline';
      const mend = verifiers.length === 0 ? add : suggest(test.verifier, verifiers);
      return [{ path: [...path, 'verifier'], message: `unknown verifier "${test.verifier}"`, mend }];
    }
    case 'at-least':
      return test.count <= test.of.length
        ? []
        : [
            {
              path: [...path, 'count'],
              message: `${test.count} of ${test.of.length} can never be met`,
              mend: `ask for at most ${test.of.length}`,
            },
          ];
    default:
      return [];
  }
};

/** A criterion that no work can meet, because it does not parse or reads what nothing reports, or that judges itself. */
export const criterionChecks = (pipeline: Pipeline): Finding[] =>
  pipeline.phases.flatMap((phase, index) =>
    testsOf(phase, ['phases', index]).flatMap((placed) => testFindings(placed, phase, pipeline)),
  );

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
