import { modeOf, phaseOf, type Pipeline, type PipelinePhase } from '@vt/value-train';
import { testsOf } from './gate-checks.ts';
import type { Finding } from './problem.ts';
import { phasesTestedBy } from './reference-checks.ts';

/** A candidate of a retraining lap must pass these again before it may serve. */
const RETRAINING_GATES = ['validation', 'deployment'];

const waysOut = ({ next, loops }: PipelinePhase): string[] => [
  ...(next === null ? [] : [next]),
  ...loops.map(({ to }) => to),
];

/** Every phase that the ways out of some phases lead to, with those phases themselves. */
const reachedFrom = (pipeline: Pipeline, found: readonly string[]): readonly string[] => {
  const further = found.flatMap((id) => {
    const phase = phaseOf(pipeline, id);
    return phase === undefined ? [] : waysOut(phase);
  });
  const all = [...new Set([...found, ...further])];
  return all.length === found.length ? all : reachedFrom(pipeline, all);
};

/** The phases that follow one another by `next`, from a phase on. */
const wayForward = (pipeline: Pipeline, from: string | null, passed: readonly string[] = []): readonly string[] =>
  from === null || passed.includes(from)
    ? passed
    : wayForward(pipeline, phaseOf(pipeline, from)?.next ?? null, [...passed, from]);

const endFindings = (pipeline: Pipeline): Finding[] => {
  const { phases } = pipeline;
  const first = phases[0]?.id ?? '';
  const reached = reachedFrom(pipeline, [first]);
  const place = (phase: PipelinePhase) => ['phases', phases.indexOf(phase), 'id'];
  const endless = phases.findLast(
    ({ id }) => reached.includes(id) && reachedFrom(pipeline, [id]).every((on) => !phaseOf(pipeline, on)?.ends.length),
  );
  return [
    ...phases
      .filter(({ id }) => !reached.includes(id))
      .map((phase) => ({
        path: place(phase),
        message: `no way leads from "${first}" to phase "${phase.id}"`,
        mend: 'name it in the next or the loops of a phase before it, or remove it',
      })),
    // Only the last of them: those before it are endless because it is.
    ...(endless === undefined
      ? []
      : [
          {
            path: place(endless),
            message: `no way leads from phase "${endless.id}" to an end of the train`,
            mend: 'add ends: [{ outcome, as: completed }] to a phase on its way',
          },
        ]),
  ];
};

/** What must have come before, and can not have. */
const orderFindings = (pipeline: Pipeline): Finding[] =>
  pipeline.phases.flatMap((phase, index) =>
    testsOf(phase, ['phases', index]).flatMap(({ test, path }) =>
      phasesTestedBy(test).flatMap(({ name, field }) => {
        const before = phaseOf(pipeline, name);
        const reachable = before === undefined || reachedFrom(pipeline, waysOut(before)).includes(phase.id);
        return reachable && name !== phase.id
          ? []
          : [
              {
                path: [...path, field],
                message: `"${phase.id}" can never be entered after "${name}" is completed`,
                mend: 'require a phase that leads here',
              },
            ];
      }),
    ),
  );

const transitionFindings = (pipeline: Pipeline): Finding[] =>
  pipeline.phases.flatMap((phase, index) => {
    const from = modeOf(pipeline, phase.mode);
    const ways = [
      { to: phase.next, path: ['phases', index, 'next'] },
      ...phase.loops.map(({ to }, at) => ({ to, path: ['phases', index, 'loops', at, 'to'] })),
    ];
    return ways.flatMap(({ to, path }) => {
      const mode = phaseOf(pipeline, to ?? '')?.mode;
      return from === undefined || mode === undefined || from.transitions.includes(mode)
        ? []
        : [
            {
              path,
              message: `mode "${from.id}" of ${phase.id} may not be followed by mode "${mode}" of ${to}`,
              mend: `add "${mode}" to the transitions of mode "${from.id}", or go elsewhere`,
            },
          ];
    });
  });

const retrainingFindings = (pipeline: Pipeline): Finding[] =>
  pipeline.phases.flatMap(({ loops }, index) =>
    loops.flatMap(({ to, retraining }, at) => {
      const way = wayForward(pipeline, to);
      const bypassed = RETRAINING_GATES.filter((gate) => !way.includes(gate));
      return !retraining || bypassed.length === 0
        ? []
        : [
            {
              path: ['phases', index, 'loops', at, 'to'],
              message: `the retraining lap to "${to}" bypasses ${bypassed.join(' and ')}`,
              mend: `lead it to a phase before ${RETRAINING_GATES[0]}, such as training`,
            },
          ];
    }),
  );

/** Whether trains get through: meant for pipelines whose names are all known. */
export const routeChecks = (pipeline: Pipeline): Finding[] => [
  ...endFindings(pipeline),
  ...orderFindings(pipeline),
  ...transitionFindings(pipeline),
  ...retrainingFindings(pipeline),
];
