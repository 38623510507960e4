import { WorkPhase } from '@vt/contracts';
import { beforePlanOf, callOfAction, permit, WORK_GATE_KINDS, wordsOf } from '@vt/value-train';
import type { Pipeline, PipelinePhase } from '@vt/value-train';
import { testsOf } from './gate-checks.ts';
import type { Finding } from './problem.ts';

type Path = Finding['path'];

const orderOf = (workPhase: WorkPhase): number => WorkPhase.options.indexOf(workPhase);
const BEFORE = ['research', 'plan'] as const;

/** Needs that point from an earlier work phase to a later one, and programs that would be refused before the plan. */
const orderFindings = ({ actions }: PipelinePhase, path: Path): Finding[] =>
  actions.flatMap((action, index) => {
    const { id, during, needs } = action;
    const at = [...path, 'actions', index];
    const later = needs.flatMap((name, nth): Finding[] => {
      const needed = actions.find((other) => other.id === name);
      if (needed === undefined || orderOf(needed.during) <= orderOf(during)) return [];
      const message = `"${id}", of ${during}, needs "${name}", which comes after it in ${needed.during}`;
      return [{ path: [...at, 'needs', nth], message, mend: 'remove the need, or move one of the two' }];
    });
    if (action.by !== undefined && during !== 'implement') {
      const message = `"${id}", of ${during}, is handed off: what comes before the plan is accepted is the owner's own`;
      later.push({ path: [...at, 'by'], message, mend: 'remove by, or during' });
    }
    const call = callOfAction(action);
    if (during === 'implement' || call.kind !== 'command') return later;
    const implemented = actions.filter((other) => other.during === 'implement').map((other) => callOfAction(other));
    const deny = implemented.filter(({ kind }) => kind === 'command').map((other) => `Bash(${wordsOf(other)}:*)`);
    if (permit({ deny, ask: [], allow: ['Bash'] }, call).effect !== 'deny') return later;
    const message = `"${id}" would run a program of the implementation before the plan is accepted`;
    return [...later, { path: [...at, 'run'], message, mend: 'give it another program, or other arguments' }];
  });

const gateFindings = (phase: PipelinePhase, path: Path): Finding[] =>
  BEFORE.flatMap((workPhase): Finding[] => {
    const first = phase.actions.findIndex(({ during }) => during === workPhase);
    const gate = phase.workGates?.[workPhase];
    if (first === -1 && gate) {
      const message = `${phase.id} has a gate of ${workPhase}, and no action`;
      return [
        { path: [...path, 'workGates', workPhase], message, mend: `give an action during: ${workPhase}, or remove it` },
      ];
    }
    if (first >= 0 && !gate) {
      const message = `${workPhase} of ${phase.id} has no gate`;
      return [{ path: [...path, 'actions', first, 'during'], message, mend: `add workGates: { ${workPhase}: [...] }` }];
    }
    return (gate ?? []).flatMap(({ onFail }, index): Finding[] => {
      const mend = 'use block or warn; for a person, add an action of the tool human';
      const at = [...path, 'workGates', workPhase, index, 'onFail'];
      return onFail === 'hold' ? [{ path: at, message: 'nobody comes to lift what holds a work phase', mend }] : [];
    });
  });

const wholenessFindings = ({ id, actions }: PipelinePhase, path: Path): Finding[] => {
  const first = (workPhase: WorkPhase) => actions.findIndex(({ during }) => during === workPhase);
  const found = (index: number, message: string, mend: string): Finding[] => [
    { path: [...path, 'actions', index, 'during'], message, mend },
  ];
  if (first('plan') === -1) {
    return found(first('research'), `research of ${id} leads to no plan`, 'give an action during: plan, or remove it');
  }
  return first('implement') === -1
    ? found(first('plan'), `nothing of ${id} is left to implement`, 'leave during away from what does the work')
    : [];
};

/** A way from research by a plan to the implementation that no work could go, or that would let it go unjudged. */
export const workPhaseChecks = ({ phases }: Pipeline): Finding[] =>
  phases.flatMap((phase, index) => {
    const path = ['phases', index];
    const strange = testsOf(phase, path)
      .filter(({ door, test }) => (door === 'research' || door === 'plan') && !WORK_GATE_KINDS.has(test.kind))
      .map(({ test, path: at }) => ({
        path: [...at, 'kind'],
        message: `the gate of a work phase looks at its session alone, and can not test "${test.kind}"`,
        mend: `use one of: ${[...WORK_GATE_KINDS].join(', ')}; or move it to the exit of ${phase.id}`,
      }));
    const whole = beforePlanOf(phase) === undefined ? [] : wholenessFindings(phase, path);
    return [...orderFindings(phase, path), ...whole, ...gateFindings(phase, path), ...strange];
  });
