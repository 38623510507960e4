import type { Artifact, Check, EventOf, Facts, Money, Phase } from '@vt/contracts';
import { Rejection, type Decider, type Digest, type TicketId, type TrainId } from '@vt/kernel';
import type { EvaluateRule } from './criteria.ts';
import { BUDGET, destinationOf, judge, objectionTo, type Destination, type Submission } from './gate.ts';
import { phaseOf, type Pipeline, type PipelinePhase } from './pipeline.ts';
import { sameValue } from './same-value.ts';
import {
  attemptsAt,
  evolveTrain,
  ticketIdOf,
  type PipelineRef,
  type Riding,
  type Train,
  type TrainEvent,
} from './train.ts';

interface Agreeing {
  readonly phase: Phase;
  readonly role: string;
  readonly by: string;
  /** What the person saw. */
  readonly evidence: readonly Digest[];
  readonly comment: string;
  readonly simulated: boolean;
}

export type TrainCommand = { readonly trainId: TrainId } & (
  | {
      readonly type: 'StartTrain';
      readonly name: string;
      readonly client: string;
      readonly pipeline: PipelineRef;
      readonly inputs: readonly Artifact[];
      readonly budget: Money | null;
      readonly approvers: readonly { readonly role: string; readonly name: string }[];
      readonly by: string;
    }
  | {
      readonly type: 'JudgeWork';
      readonly ticketId: TicketId;
      readonly artifacts: readonly Artifact[];
      readonly facts: Facts;
      /** Ids of the completed actions. */
      readonly checklist: readonly string[];
      readonly outcome: string;
      /** What the inspection of the artifacts found: `artifact:<path>` for each. What was not inspected holds the gate. */
      readonly checks: readonly Check[];
    }
  | { readonly type: 'AcceptAbandonment'; readonly ticketId: TicketId; readonly reasons: readonly string[] }
  | ({ readonly type: 'GrantApproval' } & Agreeing)
  | ({ readonly type: 'RefuseApproval' } & Agreeing)
  | {
      readonly type: 'PlaceHold';
      /** Id of what holds: a risk; or `budget`, which pauses the train besides. */
      readonly source: string;
      readonly reason: string;
      readonly phases: readonly Phase[];
    }
  | { readonly type: 'LiftHold'; readonly source: string; readonly reason: string }
  | { readonly type: 'Pause' | 'Abort' | 'Unblock'; readonly by: string; readonly reason: string }
  | { readonly type: 'Resume'; readonly by: string }
);

type CommandOf<Type extends TrainCommand['type']> = TrainCommand & { readonly type: Type };
type AtWork = Extract<Train, { status: 'working' | 'held' }>;
type Underway = Exclude<Riding, { status: 'ended' }>;

/**
 * The rules of a train. Its stream, `train-<trainId>`, belongs to the conductor. `pipelineOf` gives the very version
 * that a train was started on; without `evaluateRule`, every rule of a gate holds it.
 */
export const trainDecider = (
  pipelineOf: (ref: PipelineRef) => Pipeline,
  evaluateRule: EvaluateRule = () => 'unknown',
): Decider<Train, TrainCommand, TrainEvent> => {
  const evolve = evolveTrain(pipelineOf);
  return { initial: { status: 'unknown' }, decide, evolve };

  function decide(command: TrainCommand, train: Train): TrainEvent[] {
    if (command.type === 'StartTrain') return start(command, train);
    if (train.status === 'unknown') {
      throw new Rejection('train-unknown', `there is no train ${command.trainId}; start it first`);
    }
    if (isAlreadySo(command, train)) return [];
    if (train.status === 'ended') {
      throw new Rejection('train-ended', `train ${train.trainId} is ${train.as}, and nothing happens on it any more`);
    }
    switch (command.type) {
      case 'JudgeWork':
        return judgeWork(command, train);
      case 'AcceptAbandonment':
        return acceptAbandonment(command, train);
      case 'GrantApproval':
        return goOnAfter(train, [{ type: 'ApprovalGranted', data: agreement(command, train) }]);
      case 'RefuseApproval':
        return goOnAfter(train, [{ type: 'ApprovalRefused', data: agreement(command, train) }]);
      case 'PlaceHold':
        return goOnAfter(train, placing(command, train));
      case 'Resume':
        refuseWithoutBudget(train);
        return goOnAfter(train, [{ type: 'TrainResumed', data: { trainId: train.trainId, by: command.by } }]);
      default:
        return goOnAfter(train, [changeOf(command, train)]);
    }
  }

  function start(command: CommandOf<'StartTrain'>, train: Train): TrainEvent[] {
    const { trainId, name, client, pipeline, budget, by } = command;
    if (train.status !== 'unknown') {
      if (isSameStart(command, train)) return [];
      throw new Rejection('train-exists', `train ${trainId} was started as ${train.name}, for ${train.client}`);
    }
    const { phases } = pipelineOf(pipeline);
    const approvers = [...command.approvers];
    for (const phase of phases) refuseWithoutApprover(phase, approvers);
    const started: TrainEvent = {
      type: 'TrainStarted',
      data: { trainId, name, client, pipeline, inputs: [...command.inputs], budget, approvers, startedBy: by },
    };
    // The pipeline's schema asks for at least one phase.
    return goOnAfter(train, [started, { type: 'PhaseEntered', data: { trainId, phase: phases[0]!.id, cycle: 1 } }]);
  }

  function judgeWork({ ticketId, ...command }: CommandOf<'JudgeWork'>, train: Underway): TrainEvent[] {
    const current = atWork(ticketId, train);
    if (!current) return [];
    const { facts, outcome } = command;
    const [artifacts, checklist, checks] = [[...command.artifacts], [...command.checklist], [...command.checks]];
    return judgement(current, { artifacts, facts, checklist, outcome, checks });
  }

  function acceptAbandonment({ ticketId, reasons }: CommandOf<'AcceptAbandonment'>, train: Underway): TrainEvent[] {
    const current = atWork(ticketId, train);
    // Work that was submitted can not be abandoned any more.
    if (current?.status !== 'working') return [];
    const checks: Check[] = [{ id: 'work', outcome: 'unmet', reason: `abandoned: ${reasons.join('; ')}` }];
    return failure(current, evaluated(current, 'failed', checks, []), checks);
  }

  /** Applies the gate to a submission, and draws the consequences in the same decision. */
  function judgement(train: AtWork, submission: Submission): TrainEvent[] {
    const pipeline = pipelineOf(train.pipeline);
    const phase = phaseAt(pipeline, train);
    const { verdict, checks, evidence, missing } = judge(
      {
        ...train,
        pipeline,
        phase,
        attempt: train.ticket.attempt,
        agent: train.ticket.agent,
        submission,
        earlierFacts: Object.assign({}, ...train.facts.values()),
        agreements: train.agreements.filter(({ ticketId }) => ticketId === train.ticket.ticketId),
      },
      evaluateRule,
    );
    const receipt = evaluated(train, verdict, checks, evidence);
    switch (verdict) {
      case 'failed':
        return failure(train, receipt, checks);
      case 'passed':
        return passage(train, receipt, submission, destinationOf(pipeline, phase, submission.outcome));
      case 'held':
        return holding(train, receipt, submission, missing);
    }
  }

  /** A gate that is held asks for what is missing once for each submission, and writes down when a check changes. */
  function holding(
    train: AtWork,
    { type, data }: EventOf<'GateEvaluated'>,
    submission: Submission,
    missing: readonly string[],
  ): TrainEvent[] {
    if (train.status === 'held' && sameValue(train.submission, submission)) {
      return sameValue(train.checks, data.checks) ? [] : [{ type, data }];
    }
    const { trainId, ticketId, phase, cycle, attempt, evidence } = data;
    const requests = missing.map((role): TrainEvent => ({
      type: 'ApprovalRequested',
      data: { trainId, ticketId, phase, cycle, attempt, role, evidence },
    }));
    return [{ type, data: { ...data, submission } }, ...requests];
  }

  function failure(train: AtWork, receipt: EventOf<'GateEvaluated'>, checks: readonly Check[]): TrainEvent[] {
    const { trainId, phase } = train;
    if (train.failures + 1 < pipelineOf(train.pipeline).attemptsMax) return goOnAfter(train, [receipt]);
    const reasons = checks.filter(({ outcome }) => outcome === 'unmet').map(({ reason }) => reason);
    return [receipt, { type: 'TrainBlocked', data: { trainId, phase, reasons } }];
  }

  function passage(
    train: AtWork,
    receipt: EventOf<'GateEvaluated'>,
    { artifacts, facts, outcome }: Submission,
    destination: Destination,
  ): TrainEvent[] {
    const { trainId, ticketId, phase, cycle, attempt } = train.ticket;
    const completed: TrainEvent = {
      type: 'PhaseCompleted',
      data: { trainId, ticketId, phase, cycle, attempt, artifacts, facts, outcome },
    };
    return goOnAfter(train, [receipt, completed, ...departure(train, outcome, destination)]);
  }

  /** Does what the train waited for, if it can be done now: judge again, or give out the next ticket. */
  function goOnAfter(train: Train, events: TrainEvent[]): TrainEvent[] {
    const after = events.reduce(evolve, train);
    if (after.status === 'held') return [...events, ...judgement(after, after.submission)];
    if (after.status !== 'waiting' || after.paused) return events;
    const { trainId, cycle } = after;
    const { id: phase, owner: agent, mode } = phaseAt(pipelineOf(after.pipeline), after);
    const attempt = attemptsAt(after, phase, cycle) + 1;
    const ticketId = ticketIdOf(trainId, phase, cycle, attempt);
    return [...events, { type: 'TicketOpened', data: { trainId, ticketId, phase, cycle, attempt, agent, mode } }];
  }

  /** The event of a person's word, unless it does not count. */
  function agreement(command: CommandOf<'GrantApproval' | 'RefuseApproval'>, train: Underway) {
    if (train.status !== 'held' || train.phase !== command.phase) {
      throw new Rejection('gate-not-held', `no gate of ${command.phase} waits for an approval on this train now`);
    }
    const { role, by, comment, simulated } = command;
    const evidence = [...command.evidence];
    const { agent, trainId, ticketId, phase, cycle, attempt } = train.ticket;
    const objection = objectionTo(
      { role, by, evidence, agreed: command.type === 'GrantApproval' },
      { ...train, phase: phaseAt(pipelineOf(train.pipeline), train), agent },
    );
    if (objection) throw new Rejection(objection.code, objection.reason);
    return { trainId, ticketId, phase, cycle, attempt, role, by, evidence, comment, simulated };
  }
};

/** A ticket is judged once: the work of one that is over is a redelivery. */
function atWork(ticketId: TicketId, train: Underway): AtWork | undefined {
  if ((train.status === 'working' || train.status === 'held') && train.ticket.ticketId === ticketId) return train;
  if (train.tickets.has(ticketId)) return undefined;
  throw new Rejection('ticket-unknown', `train ${train.trainId} has opened no ticket ${ticketId}`);
}

/** Whether a command asks for what is so, or was. */
function isAlreadySo(command: TrainCommand, train: Riding): boolean {
  switch (command.type) {
    case 'StartTrain':
      return false;
    case 'JudgeWork':
    case 'AcceptAbandonment':
      return train.status === 'ended' && train.tickets.has(command.ticketId);
    case 'GrantApproval':
      return hasSaid(command, train, true);
    case 'RefuseApproval':
      return hasSaid(command, train, false);
    case 'PlaceHold':
      return sameValue(train.holds.get(command.source)?.phases, command.phases);
    case 'LiftHold':
      return !train.holds.has(command.source);
    case 'Pause':
      return train.paused;
    case 'Resume':
      return !train.paused;
    case 'Unblock':
      return train.status !== 'blocked' && !waitsForNobody(train);
    case 'Abort':
      return train.status === 'ended' && train.as === 'aborted';
  }
}

/** Approvals and holds come to an end by themselves; what nobody can tell is held until the work is done again. */
const waitsForNobody = (train: Riding): boolean =>
  train.status === 'held' && train.checks.some(({ outcome }) => outcome === 'unknown');

/** A gate that is held now asks about its own attempt; an earlier attempt may have left the very same files. */
const hasSaid = (
  { phase, role, by, evidence }: CommandOf<'GrantApproval' | 'RefuseApproval'>,
  train: Riding,
  agreed: boolean,
): boolean => {
  const here = train.status === 'held' && train.phase === phase ? train.ticket.ticketId : undefined;
  return train.agreements.some(
    (said) =>
      (here ?? said.ticketId) === said.ticketId &&
      sameValue(
        [said.phase, said.role, said.by, said.agreed, [...said.evidence].sort()],
        [phase, role, by, agreed, [...evidence].sort()],
      ),
  );
};

const isSameStart = ({ name, client, pipeline, inputs }: CommandOf<'StartTrain'>, train: Riding): boolean =>
  sameValue([train.name, train.client, train.pipeline.id, train.inputs], [name, client, pipeline.id, inputs]);

function refuseWithoutApprover(phase: PipelinePhase, approvers: CommandOf<'StartTrain'>['approvers']): void {
  const missing = phase.approvals.find(({ role }) => !approvers.some((approver) => approver.role === role));
  if (missing) {
    throw new Rejection(
      'approver-missing',
      `the gate of ${phase.id} needs a ${missing.role}: name one among the approvers`,
    );
  }
}

/** What is spent is spent: who resumes would spend on, and nobody would be warned again. */
function refuseWithoutBudget({ holds }: Riding): void {
  const hold = holds.get(BUDGET);
  if (hold) throw new Rejection('budget-exhausted', `${hold.reason}: set a budget above that, then resume`);
}

function placing({ source, reason, phases }: CommandOf<'PlaceHold'>, { trainId, paused }: Riding): TrainEvent[] {
  const placed: TrainEvent = { type: 'HoldPlaced', data: { trainId, source, reason, phases: [...phases] } };
  if (source !== BUDGET || paused) return [placed];
  return [placed, { type: 'TrainPaused', data: { trainId, by: 'cost', reason } }];
}

/** The events that need nothing but the command to be told. */
function changeOf(
  command: CommandOf<'LiftHold' | 'Pause' | 'Unblock' | 'Abort'>,
  { trainId, phase }: Riding,
): TrainEvent {
  switch (command.type) {
    case 'LiftHold':
      return { type: 'HoldLifted', data: { trainId, source: command.source, reason: command.reason } };
    case 'Pause':
      return { type: 'TrainPaused', data: { trainId, by: command.by, reason: command.reason } };
    case 'Unblock':
      return { type: 'TrainUnblocked', data: { trainId, phase, by: command.by, reason: command.reason } };
    case 'Abort':
      return { type: 'TrainAborted', data: { trainId, by: command.by, reason: command.reason } };
  }
}

/** How the train leaves a phase whose gate it passed. */
function departure({ trainId, phase, cycle }: AtWork, outcome: string, destination: Destination): TrainEvent[] {
  switch (destination.kind) {
    case 'nowhere':
      return [];
    case 'end':
      return destination.as === 'archived'
        ? [{ type: 'TrainArchived', data: { trainId, phase, outcome } }]
        : [{ type: 'TrainCompleted', data: { trainId, cycle, outcome } }];
    case 'phase': {
      const to = destination.phase.id;
      if (!destination.retraining) return [{ type: 'PhaseEntered', data: { trainId, phase: to, cycle } }];
      return [
        { type: 'CycleStarted', data: { trainId, cycle: cycle + 1, from: phase, to } },
        { type: 'PhaseEntered', data: { trainId, phase: to, cycle: cycle + 1 } },
      ];
    }
  }
}

const evaluated = (
  { ticket, pipeline }: AtWork,
  verdict: EventOf<'GateEvaluated'>['data']['verdict'],
  checks: Check[],
  evidence: Digest[],
): EventOf<'GateEvaluated'> => {
  const { trainId, ticketId, phase, cycle, attempt } = ticket;
  const policy = pipeline.digest;
  return {
    type: 'GateEvaluated',
    data: { trainId, ticketId, phase, cycle, attempt, verdict, checks, policy, evidence },
  };
};

const phaseAt = (pipeline: Pipeline, { phase }: Riding): PipelinePhase => {
  const found = phaseOf(pipeline, phase);
  // A train is on a phase of the pipeline it is pinned to; anything else is another pipeline under the same name.
  if (!found) throw new Error(`pipeline ${pipeline.id} version ${pipeline.version} has no phase ${phase}`);
  return found;
};
