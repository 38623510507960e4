import {
  callOfAction,
  isOfPattern,
  modeOf,
  parseRule,
  performerOf,
  performersOf,
  permissionsOf,
  permit,
  shadowOf,
  toolPatternOf,
  wordsOf,
  type Pipeline,
  type PipelineAction,
  type PipelineMode,
  type PipelinePhase,
  type Test,
} from '@vt/value-train';
import { testsOf } from './gate-checks.ts';
import { suggest, type Finding } from './problem.ts';

type Path = Finding['path'];
/** A name, and where it stands. */
interface Mention {
  readonly name: string;
  readonly path: Path;
}

const duplicates = (noun: string, mentions: readonly Mention[]): Finding[] =>
  mentions
    .filter(({ name }, index) => mentions.findIndex((other) => other.name === name) < index)
    .map(({ name, path }) => ({ path, message: `${noun} "${name}" is there twice`, mend: 'rename or remove one' }));

const unknown = (noun: string, known: readonly string[], mentions: readonly Mention[]): Finding[] =>
  mentions
    .filter(({ name }) => !known.includes(name))
    .map(({ name, path }) => ({ path, message: `unknown ${noun} "${name}"`, mend: suggest(name, known) }));

const idsOf = (list: readonly { readonly id: string }[], ...path: Path): Mention[] =>
  list.map(({ id }, index) => ({ name: id, path: [...path, index, 'id'] }));

/** The phases that must have come before a test can be met, by the field that names them. */
export const phasesTestedBy = (test: Test): readonly { readonly name: string; readonly field: string }[] => {
  if (test.kind !== 'completed' && test.kind !== 'evidence' && test.kind !== 'fresh') return [];
  const named = [{ name: test.phase, field: 'phase' }];
  return test.kind === 'fresh' ? [...named, { name: test.after, field: 'after' }] : named;
};

const phasesNamedBy = (phase: PipelinePhase, path: Path): Mention[] => [
  ...(phase.next === null ? [] : [{ name: phase.next, path: [...path, 'next'] }]),
  ...phase.loops.map(({ to }, index) => ({ name: to, path: [...path, 'loops', index, 'to'] })),
  ...testsOf(phase, path).flatMap((placed) =>
    phasesTestedBy(placed.test).map(({ name, field }) => ({ name, path: [...placed.path, field] })),
  ),
];

export const nameChecks = ({ modes, phases, verifiers }: Pipeline): Finding[] => {
  const phaseIds = phases.map(({ id }) => id);
  const modeIds = modes.map(({ id }) => id);
  return [
    ...duplicates('mode', idsOf(modes, 'modes')),
    ...duplicates('phase', idsOf(phases, 'phases')),
    ...duplicates('verifier', idsOf(verifiers, 'verifiers')),
    ...modes.flatMap(({ transitions }, index) =>
      unknown(
        'mode',
        modeIds,
        transitions.map((name, at) => ({ name, path: ['modes', index, 'transitions', at] })),
      ),
    ),
    ...phases.flatMap((phase, index) => {
      const path = ['phases', index];
      return [
        ...unknown('mode', modeIds, [{ name: phase.mode, path: [...path, 'mode'] }]),
        ...unknown('phase', phaseIds, phasesNamedBy(phase, path)),
        ...duplicates('action', idsOf(phase.actions, ...path, 'actions')),
        ...duplicates('criterion', [...idsOf(phase.entry, ...path, 'entry'), ...idsOf(phase.exit, ...path, 'exit')]),
        ...(['research', 'plan'] as const).flatMap((workPhase) =>
          duplicates('criterion', idsOf(phase.workGates?.[workPhase] ?? [], ...path, 'workGates', workPhase)),
        ),
        ...duplicates(
          'artifact',
          phase.artifacts.map((artifact, at) => ({ name: artifact.path, path: [...path, 'artifacts', at, 'path'] })),
        ),
        ...duplicates('outcome', [
          ...phase.loops.map(({ outcome }, at) => ({ name: outcome, path: [...path, 'loops', at, 'outcome'] })),
          ...phase.ends.map(({ outcome }, at) => ({ name: outcome, path: [...path, 'ends', at, 'outcome'] })),
        ]),
      ];
    }),
  ];
};

/** What is wrong with the name of a tool by itself, wherever it stands. */
const toolFinding = (tool: string, agents: readonly string[], registry: readonly string[], path: Path): Finding[] => {
  const [prefix = '', name] = tool.split('.');
  if (tool === 'model' || tool === 'human' || tool.startsWith('command:')) return [];
  if (tool.startsWith('mcp__')) return registryFindings(tool, registry, path);
  if (name === undefined)
    return [{ path, message: `unknown tool "${tool}"`, mend: 'use <agent>.<tool>, model, human or command:<program>' }];
  if (!agents.includes(prefix))
    return [{ path, message: `tool "${tool}" is of another agent`, mend: `use a tool of ${agents.join(' or ')}` }];
  return registryFindings(tool, registry, path);
};

const registryFindings = (tool: string, registry: readonly string[], path: Path): Finding[] =>
  registry.length === 0 || registry.some((known) => isOfPattern(tool, known))
    ? []
    : [{ path, message: `unknown tool "${tool}"`, mend: suggest(tool, registry) }];

/** What is wrong with one rule of a mode, by itself. */
const ruleFinding = (rule: string, agents: readonly string[], registry: readonly string[], path: Path): Finding[] => {
  const parsed = parseRule(rule);
  if (!parsed.ok) return [{ path, message: parsed.message, mend: parsed.mend }];
  const pattern = toolPatternOf(rule);
  return pattern === undefined ? [] : toolFinding(pattern, agents, registry, path);
};

/** Rules of a mode that are none, or that never decide anything because others decide before. */
const ruleFindings = (
  { agents, tools, permissions }: PipelineMode,
  registry: readonly string[],
  path: Path,
): Finding[] => {
  const { deny, ask, allow } = permissions;
  const placed = (effect: string, rules: readonly string[], ...place: Path) =>
    rules.map((rule, at) => ({ effect, rule, path: [...path, ...place, at] }));
  const all = [
    ...placed('deny', deny, 'permissions', 'deny'),
    ...placed('ask', ask, 'permissions', 'ask'),
    ...placed('allow', tools, 'tools'),
    ...placed('allow', allow, 'permissions', 'allow'),
  ];
  const before = { deny: [], ask: deny, allow: [...deny, ...ask] };
  return all.flatMap(({ effect, rule, path }, index) => {
    const wrong = ruleFinding(rule, agents, registry, path);
    if (wrong.length > 0) return wrong;
    if (all.slice(0, index).some((other) => other.effect === effect && other.rule === rule)) {
      return [{ path, message: `rule "${rule}" is there twice`, mend: 'remove one' }];
    }
    const shadow = shadowOf(rule, before[effect as keyof typeof before]);
    if (shadow === undefined) return [];
    const decides = deny.includes(shadow) ? 'denies' : 'asks about';
    const message = `rule "${rule}" can never match: "${shadow}" ${decides} all of it before`;
    return [{ path, message, mend: 'remove one of the two' }];
  });
};

const needsFindings = ({ id, actions }: PipelinePhase, path: Path): Finding[] => {
  const known = actions.map((action) => action.id);
  const missing = actions.flatMap(({ needs }, index) =>
    unknown(
      `action of ${id}`,
      known,
      needs.map((name, at) => ({ name, path: [...path, 'actions', index, 'needs', at] })),
    ),
  );
  /** What is done in rounds, each of the actions whose needs are done; what is never done waits for itself. */
  const rounds = (done: readonly string[]): readonly string[] => {
    const next = actions.filter(
      (action) => !done.includes(action.id) && action.needs.every((need) => done.includes(need)),
    );
    return next.length === 0 ? done : rounds([...done, ...next.map((action) => action.id)]);
  };
  const done = rounds([]);
  const waiting = known.filter((action) => !done.includes(action));
  const first = actions.findIndex((action) => action.id === waiting[0]);
  return missing.length > 0 || first === -1
    ? missing
    : [
        {
          path: [...path, 'actions', first, 'needs'],
          message: `actions wait for each other: ${waiting.join(', ')}`,
          mend: 'remove one of their needs',
        },
      ];
};

/** Why an action can not be handed off to the agent that it names. */
const performerFindings = (
  { by, tool }: PipelineAction,
  { id, owner, support, mayCost }: PipelinePhase,
  mode: PipelineMode,
  judges: readonly PipelinePhase[],
  path: Path,
): Finding[] => {
  if (by === undefined) return [];
  if (by === owner) return [{ path, message: `"${by}" owns ${id}`, mend: 'remove by' }];
  if (tool === 'human') return [{ path, message: 'a person does it, whichever agent asks', mend: 'remove by' }];
  if (!support.includes(by)) {
    return [{ path, message: `"${by}" does not support ${id}`, mend: 'add it to the support of the phase' }];
  }
  if (!mode.agents.includes(by)) {
    return [{ path, message: `mode "${mode.id}" does not list "${by}"`, mend: 'add it to the agents of the mode' }];
  }
  // It is paid from the ticket of the owner, and a hand-off has a ticket of its own.
  if (mayCost) {
    return [
      { path, message: `"${by}" would spend what mayCost of ${id} does not reserve`, mend: 'remove by, or mayCost' },
    ];
  }
  const judge = judges.find((phase) => performersOf(phase).includes(by));
  if (judge === undefined) return [];
  const message = `"${by}" would judge its own work: ${judge.id} looks at ${id}`;
  return [{ path, message, mend: `hand it to an agent that has no part in ${judge.id}` }];
};

/** Phases that look at the work of this one: a gate asks that they come after it. */
const judgesOf = ({ id }: PipelinePhase, { phases }: Pipeline): readonly PipelinePhase[] => {
  const names = phases
    .flatMap((phase) => testsOf(phase, []))
    .flatMap(({ test }) => (test.kind === 'fresh' && test.after === id ? [test.phase] : []));
  return phases.filter((phase) => names.includes(phase.id));
};

const actionFindings = (
  phase: PipelinePhase,
  mode: PipelineMode,
  judges: readonly PipelinePhase[],
  registry: readonly string[],
  path: Path,
): Finding[] =>
  phase.actions.flatMap((action, index) => {
    const { tool, run, ask } = action;
    const at = [...path, 'actions', index];
    const amiss = performerFindings(action, phase, mode, judges, [...at, 'by']);
    if (amiss.length > 0) return amiss;
    const wrong = toolFinding(tool, [performerOf(phase, action)], registry, [...at, 'tool']);
    if (wrong.length > 0) return wrong;
    const { effect, rule, about } = permit(permissionsOf(mode), callOfAction({ tool, run }));
    if (effect === 'deny' && rule === 'default') {
      const itself = about === wordsOf(callOfAction({ tool, run }));
      return [
        {
          path: [...at, 'tool'],
          message: `mode "${mode.id}" does not allow ${itself ? `tool "${tool}"` : `"${about}", which it would run`}`,
          mend: itself
            ? `add it to the tools of the mode, or ${suggest(tool, mode.tools)}`
            : 'add a rule for it to the tools of the mode, or take it out',
        },
      ];
    }
    if (effect === 'deny')
      return [
        {
          path: [...at, 'tool'],
          message: `mode "${mode.id}" denies "${about}", by the rule ${rule}`,
          mend: rule === 'unreadable' ? 'write what it runs plainly' : 'remove the rule or the action',
        },
      ];
    if (tool === 'human' && ask === undefined)
      return [{ path: [...at, 'tool'], message: 'nobody is asked', mend: 'add ask: { role, instructions }' }];
    return tool.startsWith('command:') && run === undefined
      ? [{ path: [...at, 'tool'], message: 'the program has no arguments', mend: 'add run: [...], which may be empty' }]
      : [];
  });

/** @param registry tools that the agents have; empty: their names are checked by their agent only. */
export const toolChecks = (pipeline: Pipeline, registry: readonly string[]): Finding[] => [
  ...pipeline.modes.flatMap((mode, index) => ruleFindings(mode, registry, ['modes', index])),
  ...pipeline.phases.flatMap((phase, index) => {
    const path = ['phases', index];
    const mode = modeOf(pipeline, phase.mode);
    if (mode === undefined) return [];
    const absent = mode.agents.includes(phase.owner)
      ? []
      : [
          {
            path: [...path, 'owner'],
            message: `mode "${mode.id}" does not list the owner "${phase.owner}"`,
            mend: `add it to the agents of the mode, or ${suggest(phase.owner, mode.agents)}`,
          },
        ];
    return [
      ...absent,
      ...actionFindings(phase, mode, judgesOf(phase, pipeline), registry, path),
      ...needsFindings(phase, path),
    ];
  }),
];
