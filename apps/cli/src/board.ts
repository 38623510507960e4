import { duration, bad, dim, good, heading, warn } from './output.ts';
import type { Pause, TimelineEvent } from './api.ts';
import { pauseLine, scopeLine } from './pauses.ts';

export interface BoardPhase {
  readonly id: string;
  readonly title: string;
  /** Actions that its checklist has. */
  readonly actions: number;
}

interface PhaseState {
  readonly cycle: number;
  readonly attempt: number;
  readonly agent: string;
  readonly done: number;
  readonly verdict: 'passed' | 'failed' | 'held' | undefined;
  /** Whom it waits for. */
  readonly waits: readonly string[];
  readonly startedAt: number;
  readonly endedAt: number | undefined;
}

/** What is shown of a train while it rides, made of its events alone. */
export interface Board {
  readonly name: string;
  readonly cycle: number;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly status: string;
  readonly phases: Readonly<Record<string, PhaseState>>;
  /** The last thing that a person should know, with its time. */
  readonly remark: string | undefined;
  /** What else covers it than a pause of its own. */
  readonly pauses: readonly Pause[];
}

export const emptyBoard: Board = {
  name: '',
  cycle: 1,
  startedAt: undefined,
  endedAt: undefined,
  status: 'running',
  phases: {},
  remark: undefined,
  pauses: [],
};

const ENDS: Readonly<Record<string, string>> = {
  TrainCompleted: 'completed',
  TrainArchived: 'archived',
  TrainAborted: 'aborted',
  TrainBlocked: 'blocked',
};

/** Whether nothing more will happen: for good, or, where it is blocked, until a person acts. */
export const isAtEnd = ({ status }: Board) => status !== 'running' && status !== 'paused';

export function onBoard(board: Board, event: TimelineEvent): Board {
  const after = standing(board, event);
  return isRemarkable(event) ? { ...after, remark: changeLine(event) } : after;
}

/** What changes when these cover the train, and a line for each that is new or gone; its own have events. */
export function underPauses(board: Board, standing: readonly Pause[]): { board: Board; lines: readonly string[] } {
  const pauses = standing.filter(({ scope }) => scope !== 'train');
  const without = (some: readonly Pause[], others: readonly Pause[]) =>
    some.filter((one) => !others.some((other) => pauseLine(other) === pauseLine(one)));
  const lines = [
    ...without(pauses, board.pauses).map(pauseLine),
    ...without(board.pauses, pauses).map((gone) => `${scopeLine(gone)} is no longer paused`),
  ];
  return { board: { ...board, pauses, remark: lines.at(-1) ?? board.remark }, lines };
}

const REMARKABLE = [
  ...['ActionFailed', 'HoldPlaced', 'HoldLifted', 'RiskRaised', 'BudgetWarned', 'BudgetExhausted'],
  ...['TrainPaused', 'TrainResumed', 'TrainBlocked', 'TrainUnblocked', 'TrainAborted', 'ApprovalEscalated'],
];
const isRemarkable = ({ type, data }: TimelineEvent) => REMARKABLE.includes(type) || data['verdict'] === 'failed';

function standing(board: Board, { type, at, data }: TimelineEvent): Board {
  const now = Date.parse(at);
  const phase = String(data['phase'] ?? '');
  const known = board.phases[phase];
  const change = (state: Partial<PhaseState>): Board =>
    known ? { ...board, phases: { ...board.phases, [phase]: { ...known, ...state } } } : board;
  const without = (whom: string) => ({ waits: (known?.waits ?? []).filter((other) => other !== whom) });
  const waits = (whom: string) => change({ waits: [...without(whom).waits, whom] });
  switch (type) {
    case 'TrainStarted':
      return { ...board, name: String(data['name']), startedAt: now };
    case 'CycleStarted':
      return { ...board, cycle: Number(data['cycle']) };
    case 'TicketOpened': {
      const again = known?.cycle === Number(data['cycle']);
      const state: PhaseState = {
        cycle: Number(data['cycle']),
        attempt: Number(data['attempt']),
        agent: String(data['agent']),
        done: 0,
        verdict: undefined,
        waits: [],
        startedAt: again ? known.startedAt : now,
        endedAt: undefined,
      };
      return { ...board, phases: { ...board.phases, [phase]: state } };
    }
    case 'ActionStarted':
      return data['tool'] === 'human' ? waits(aPerson(data)) : board;
    case 'ActionCompleted':
      return change({ done: (known?.done ?? 0) + 1, ...without(aPerson(data)) });
    case 'GateEvaluated':
      // The schema of the event says which words there are.
      return change({ verdict: data['verdict'] as PhaseState['verdict'] });
    case 'ApprovalRequested':
      return waits(theRole(data));
    case 'ApprovalGranted':
      return change(without(theRole(data)));
    case 'PhaseCompleted':
      return change({ endedAt: now, verdict: 'passed', waits: [] });
    case 'TrainPaused':
      return { ...board, status: 'paused' };
    case 'TrainResumed':
    case 'TrainUnblocked':
      return { ...board, status: 'running', endedAt: undefined };
    default:
      return ENDS[type] ? { ...board, status: ENDS[type], endedAt: now } : board;
  }
}

const theRole = ({ role }: TimelineEvent['data']) => `the ${String(role)}`;
const aPerson = ({ action }: TimelineEvent['data']) => `a person: ${String(action)}`;

const BAR = 10;
const bar = (done: number, of: number) => {
  const full = of === 0 ? 0 : Math.min(BAR, Math.round((BAR * done) / of));
  return `${'━'.repeat(full)}${dim('─'.repeat(BAR - full))}`;
};

/** The whole board, a line a phase; where there are too few rows, the phases around the one at work. */
export function boardLines(board: Board, phases: readonly BoardPhase[], now: number, rows = Infinity): string[] {
  const wide = Math.max(...phases.map(({ title }) => title.length));
  const reached = phases.findLastIndex(({ id }) => board.phases[id]?.cycle === board.cycle);
  const lines = phases.map(({ id, title, actions }, index) => {
    const state = board.phases[id];
    const label = `${String(index + 1).padStart(2)}  ${title.padEnd(wide)}`;
    if (!state) return dim(`  ○ ${label}`);
    const agent = state.agent.padEnd(9);
    const lap = board.cycle > 1 && (state.cycle > 1 || index > reached) ? dim(`  lap ${state.cycle}`) : '';
    const tries = state.attempt > 1 ? warn(`  attempt ${state.attempt}`) : '';
    const time = duration((state.endedAt ?? now) - state.startedAt).padStart(9);
    // Passed in an earlier lap, and to be passed again.
    if (reached >= 0 && index > reached) return dim(`  ○ ${label}  ${agent} ${time}`) + lap;
    if (state.endedAt) return `  ${good('✓')} ${label}  ${dim(agent)} ${dim(time)}${lap}${tries}`;
    const doing =
      state.waits.length > 0
        ? warn(`waits for ${state.waits.join(' and ')}`)
        : state.verdict === 'held'
          ? warn('held')
          : `${bar(state.done, actions)} ${state.done} of ${actions}`;
    return `  ${warn('●')} ${label}  ${agent} ${time}  ${doing}${lap}${tries}`;
  });
  const time = board.startedAt === undefined ? '' : dim(`  ${duration((board.endedAt ?? now) - board.startedAt)}`);
  const lap = board.cycle > 1 ? `  lap ${board.cycle}` : '';
  const status =
    board.status === 'running' ? '' : `  ${board.status === 'completed' ? good(board.status) : bad(board.status)}`;
  const above = ['', `  ${heading(board.name || 'Train')}${lap}${time}${status}`, ''];
  const standing = board.pauses.map(pauseLine);
  const below = [
    '',
    ...standing.map((line) => bad(`  ${line}`)),
    ...(board.remark && !standing.includes(board.remark) ? [dim(`  ${board.remark}`)] : []),
  ];
  // The cursor stands below.
  const room = Math.max(1, rows - above.length - below.length - 1);
  const first = Math.max(0, Math.min(reached - Math.floor(room / 2), lines.length - room));
  return [...above, ...lines.slice(first, first + room), ...below];
}

/** One line for a change that a log should show; undefined for the many that it should not. */
export function changeLine({ type, at, actor, data }: TimelineEvent): string | undefined {
  const time = at.slice(11, 19);
  const phase = String(data['phase'] ?? '');
  const lap = Number(data['cycle'] ?? 1) > 1 ? ` (lap ${String(data['cycle'])})` : '';
  const passedOn =
    data['simulated'] === true ? ' (simulated)' : data['by'] === actor ? '' : `, as ${actor} passed it on`;
  switch (type) {
    case 'TicketOpened':
      return `${time}  ${phase}${lap}: ${String(data['agent'])} at work${Number(data['attempt']) > 1 ? `, attempt ${String(data['attempt'])}` : ''}`;
    case 'GateEvaluated': {
      const reasons = (data['checks'] as { outcome: string; effect?: string; reason: string }[])
        .filter(({ outcome, effect }) => outcome !== 'met' && effect !== 'shadow')
        .map(({ effect, reason }) => (effect === 'warn' ? `a warning: ${reason}` : reason));
      return `${time}  ${phase}${lap}: gate ${String(data['verdict'])}${reasons.length > 0 ? `: ${reasons.join('; ')}` : ''}`;
    }
    case 'ActionStarted':
      return data['tool'] === 'human' ? `${time}  ${phase}${lap}: waits for ${aPerson(data)}` : undefined;
    case 'ApprovalRequested':
      return `${time}  ${phase}${lap}: waits for ${theRole(data)}`;
    case 'ApprovalEscalated':
      return `${time}  ${phase}${lap}: still waits for ${theRole(data)}, escalation ${String(data['level'])}`;
    case 'ApprovalGranted':
      return `${time}  ${phase}${lap}: ${String(data['by'])} agreed as ${String(data['role'])}${passedOn}`;
    case 'ApprovalRefused':
      return `${time}  ${phase}${lap}: ${String(data['by'])} did not agree as ${String(data['role'])}${passedOn}${data['comment'] ? `: ${String(data['comment'])}` : ''}`;
    case 'HoldPlaced':
      return `${time}  held by ${String(data['source'])}: ${String(data['reason'])}`;
    case 'HoldLifted':
      return `${time}  no longer held by ${String(data['source'])}: ${String(data['reason'])}`;
    case 'ActionFailed':
      return `${time}  ${phase}: ${String(data['action'])} failed (${String(data['kind'])}): ${String(data['reason'])}`;
    case 'RiskRaised':
      return `${time}  risk ${String(data['catalogue'])} ${String(data['title'])}: ${String(data['reason'])}`;
    case 'BudgetWarned':
    case 'BudgetExhausted':
    case 'CycleStarted':
    case 'TrainPaused':
    case 'TrainResumed':
    case 'TrainBlocked':
    case 'TrainUnblocked':
    case 'TrainAborted':
    case 'TrainArchived':
    case 'TrainCompleted':
      return `${time}  ${type.replace(/(?<!^)([A-Z])/g, ' $1').toLowerCase()}${data['reason'] ? `: ${String(data['reason'])}` : ''}${data['reasons'] ? `: ${(data['reasons'] as string[]).join('; ')}` : ''}`;
    default:
      return undefined;
  }
}
