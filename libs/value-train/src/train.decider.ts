import type { Artifact, Check, EventOf, Facts, Money, Phase } from '@vt/contracts';
import { earliest, isOver, Rejection, type Decider, type Instant, type TicketId, type TrainId } from '@vt/kernel';
import { authorsOf, groupsTooSmall, isAgent } from './approval.ts';
import type { EvaluateRule, Observed } from './criteria.ts';
import { BUDGET, destinationOf, judge, type Destination, type Judgement, type Submission } from './gate.ts';
import { hearingOf } from './hearing.ts';
import { phaseOf, type ApprovalGroup, type Pipeline, type PipelinePhase } from './pipeline.ts';
import { sameValue } from './same-value.ts';
import { isAlreadySo, isSameStart } from './train-already-so.ts';
import {
  approvalMoments,
  consentTo,
  delegating,
  overdueApprovals,
  request,
  wordOf,
  type Saying,
} from './train-approvals.ts';
import { reporting, type Reporting } from './train-verdicts.ts';
import { liftings, overdueWaivers, settling, waiverMoments, waiving, type Waiving } from './train-waivers.ts';
import {
  attemptsAt,
  evolveTrain,
  isPaused,
  ticketIdOf,
  type AtWork,
  type PipelineRef,
  type Riding,
  type Train,
  type TrainEvent,
} from './train.ts';

/** `at`: when it is carried out. What was due by then is done first; without it, nothing is ever due. */
export type TrainCommand = { readonly trainId: TrainId; readonly at?: Instant } & (
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
      /** What other streams said at that moment; the event keeps it, so that nobody need look again. */
      readonly observed: Observed;
    }
  /** Other streams say something else now: a gate that is held judges again by it. */
  | { readonly type: 'Observe'; readonly observed: Observed }
  /** The word of a verifier outside, whose signature was verified. */
  | ({ readonly type: 'ReportVerdict' } & Reporting)
  | { readonly type: 'AcceptAbandonment'; readonly ticketId: TicketId; readonly reasons: readonly string[] }
  | ({ readonly type: 'GrantApproval' } & Saying)
  | ({ readonly type: 'RefuseApproval'; readonly revise?: boolean } & Saying)
  | { readonly type: 'AppointApprover'; readonly role: string; readonly name: string; readonly by: string }
  | {
      readonly type: 'DismissApprover';
      readonly role: string;
      readonly name: string;
      readonly reason: string;
      readonly by: string;
    }
  | {
      readonly type: 'DelegateApproval';
      readonly role: string;
      readonly from: string;
      readonly to: string;
      readonly until: Instant;
      readonly reason: string;
      readonly by: string;
    }
  | {
      readonly type: 'EndDelegation';
      readonly role: string;
      readonly from: string;
      readonly to: string;
      readonly by: string;
    }
  | ({ readonly type: 'GrantWaiver' } & Waiving)
  | {
      readonly type: 'SettleWaiver';
      readonly waiverId: string;
      readonly as: 'mended' | 'accepted';
      readonly reason: string;
      readonly role: string;
      readonly by: string;
    }
  /** Does what is due. */
  | { readonly type: 'Tick' }
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
type Underway = Exclude<Riding, { status: 'ended' }>;

/**
 * The rules of a train. Its stream, `train-<trainId>`, belongs to the conductor. `pipelineOf` gives the very version
 * that a train was started on; without `evaluateRule`, every rule of a gate holds it.
 */
export const trainDecider = (
  pipelineOf: (ref: PipelineRef) => Pipeline,
  evaluateRule: EvaluateRule = () => 'inconclusive',
): Decider<Train, TrainCommand, TrainEvent> => {
  const evolve = evolveTrain(pipelineOf);
  return { initial: { status: 'unknown' }, decide, evolve };

  function decide(command: TrainCommand, train: Train): TrainEvent[] {
    if (command.type === 'StartTrain') return start(command, train);
    if (train.status === 'unknown') {
      throw new Rejection('train-unknown', `there is no train ${command.trainId}; start it first`);
    }
    const due = command.at ? overdue(train, command.at) : [];
    // What is due changes a train, and does not make it unknown.
    return [...due, ...carryOut(command, due.reduce(evolve, train) as Riding)];
  }

  /** What the clock does to a train that nobody touches, and what follows from it. */
  function overdue(train: Riding, now: Instant): TrainEvent[] {
    if (train.status === 'ended') return [];
    const pipeline = pipelineOf(train.pipeline);
    const events = [
      ...overdueApprovals(train, phaseOf(pipeline, train.phase), now),
      ...overdueWaivers(train, pipeline, now),
    ];
    return events.length === 0 ? [] : goOnAfter(train, events, now);
  }

  function carryOut(command: Exclude<TrainCommand, { type: 'StartTrain' }>, train: Riding): TrainEvent[] {
    const { at } = command;
    if (isAlreadySo(command, train)) return [];
    if (train.status === 'ended') {
      throw new Rejection('train-ended', `train ${train.trainId} is ${train.as}, and nothing happens on it any more`);
    }
    switch (command.type) {
      case 'JudgeWork':
        return judgeWork(command, train);
      case 'AcceptAbandonment':
        return acceptAbandonment(command, train);
      case 'Observe':
        return train.status === 'held' ? judgement(train, train.submission, command.observed, at) : [];
      case 'ReportVerdict':
        return goOnAfter(train, [{ type: 'VerdictReported', data: reporting(command, train) }], at);
      case 'GrantApproval': {
        const { word, expiresAt } = saying(command, train, true);
        return goOnAfter(train, [{ type: 'ApprovalGranted', data: { ...word, expiresAt } }], at);
      }
      case 'RefuseApproval': {
        const { word } = saying(command, train, false);
        return goOnAfter(train, [{ type: 'ApprovalRefused', data: { ...word, revise: command.revise ?? false } }], at);
      }
      case 'AppointApprover': {
        if (isAgent(command.name)) throw new Rejection('agent-may-not-approve', `${command.name} is an agent`);
        const { role, name, by } = command;
        return goOnAfter(train, [{ type: 'ApproverAppointed', data: { trainId: train.trainId, role, name, by } }], at);
      }
      case 'DelegateApproval':
        return goOnAfter(train, [delegating(command, train, at)], at);
      case 'GrantWaiver':
        return settled(train, waiving(command, train, pipelineOf(train.pipeline), at), at);
      case 'SettleWaiver':
        return settled(train, [settling(command, train, pipelineOf(train.pipeline))], at);
      case 'PlaceHold':
        return goOnAfter(train, placing(command, train), at);
      case 'Resume':
        refuseWithoutBudget(train);
        return goOnAfter(train, [{ type: 'TrainResumed', data: { trainId: train.trainId, by: command.by } }], at);
      case 'Tick':
        return [];
      default:
        return goOnAfter(train, [changeOf(command, train)], at);
    }
  }

  /** Lifts what waivers held and hold no more, and goes on. */
  function settled(train: Underway, events: readonly TrainEvent[], now: Instant | undefined): TrainEvent[] {
    return goOnAfter(train, [...events, ...liftings(events.reduce(evolve, train as Train) as Riding)], now);
  }

  function start(command: CommandOf<'StartTrain'>, train: Train): TrainEvent[] {
    const { trainId, name, client, pipeline, budget, by } = command;
    if (train.status !== 'unknown') {
      if (isSameStart(command, train)) return [];
      throw new Rejection('train-exists', `train ${trainId} was started as ${train.name}, for ${train.client}`);
    }
    const { phases } = pipelineOf(pipeline);
    const approvers = [...command.approvers];
    const agent = approvers.find(({ name }) => isAgent(name));
    if (agent) throw new Rejection('agent-may-not-approve', `${agent.name} is an agent, and can not be ${agent.role}`);
    const [tooSmall] = groupsTooSmall({ phases }, approvers, by);
    if (tooSmall) throw new Rejection('approver-missing', tooSmall);
    const started: TrainEvent = {
      type: 'TrainStarted',
      data: { trainId, name, client, pipeline, inputs: [...command.inputs], budget, approvers, startedBy: by },
    };
    // The pipeline's schema asks for at least one phase.
    return goOnAfter(
      train,
      [started, { type: 'PhaseEntered', data: { trainId, phase: phases[0]!.id, cycle: 1 } }],
      command.at,
    );
  }

  function judgeWork({ ticketId, at, ...command }: CommandOf<'JudgeWork'>, train: Underway): TrainEvent[] {
    const current = atWork(ticketId, train);
    if (!current) return [];
    const { facts, outcome, observed } = command;
    const [artifacts, checklist, checks] = [[...command.artifacts], [...command.checklist], [...command.checks]];
    return judgement(current, { artifacts, facts, checklist, outcome, checks }, observed, at);
  }

  function acceptAbandonment({ ticketId, reasons, at }: CommandOf<'AcceptAbandonment'>, train: Underway): TrainEvent[] {
    const current = atWork(ticketId, train);
    // Work that was submitted can not be abandoned any more.
    if (current?.status !== 'working') return [];
    const checks: Check[] = [{ id: 'work', outcome: 'unmet', reason: `abandoned: ${reasons.join('; ')}` }];
    const found = { verdict: 'failed' as const, checks, evidence: [] };
    const nothing = { submission: null, observed: null, approvals: [], authors: [current.ticket.agent] };
    return failure(current, evaluated(current, found, nothing), at);
  }

  /** Applies the gate to a submission, and draws the consequences in the same decision. */
  function judgement(
    before: AtWork,
    submission: Submission,
    observed: Observed | null,
    now: Instant | undefined,
  ): TrainEvent[] {
    const pipeline = pipelineOf(before.pipeline);
    const phase = phaseAt(pipeline, before);
    const { counted, stale } = consentTo({ ...before, submission }, phase);
    // What is not agreed to any more takes no ticket away.
    const train = stale.reduce(evolve, before as Train) as AtWork;
    const hearing = hearingOf(train, { pipeline, phase }, { submission, observed, counted });
    const found = judge(hearing, evaluateRule);
    const approvals = counted.map(({ role, by, standsInFor, agreed, evidence }) => {
      return { role, by, standsInFor, agreed, evidence: [...evidence] };
    });
    const authors = authorsOf(train.ticket.agent, phase, submission.facts);
    const receipt = evaluated(train, found, { submission, observed, approvals, authors });
    switch (found.verdict) {
      case 'failed':
        return [...stale, ...failure(train, receipt, now)];
      case 'passed':
        return [
          ...stale,
          ...passage(train, receipt, submission, destinationOf(pipeline, phase, submission.outcome), now),
        ];
      case 'held':
        return [...stale, ...holding(train, receipt, submission, { phase, missing: found.missing }, now)];
    }
  }

  /** A gate that is held asks for what is missing once for each submission, and writes down when a check changes. */
  function holding(
    train: AtWork,
    receipt: EventOf<'GateEvaluated'>,
    submission: Submission,
    { phase, missing }: { readonly phase: PipelinePhase; readonly missing: readonly ApprovalGroup[] },
    now: Instant | undefined,
  ): TrainEvent[] {
    const known = train.status === 'held' && sameValue(train.submission, submission);
    const asked = { evidence: receipt.data.evidence, brings: phase.approvalsNeed };
    const requests = missing
      .filter(({ role }) => !known || !train.requests.has(role))
      .map((group) => request(train.ticket, group, train, asked, now));
    const news = !known || !sameValue(train.checks, receipt.data.checks);
    return [...(news ? [receipt] : []), ...requests];
  }

  function failure(train: AtWork, receipt: EventOf<'GateEvaluated'>, now: Instant | undefined): TrainEvent[] {
    const { trainId, phase } = train;
    const after = evolve(train, receipt) as Riding;
    if (after.failures < pipelineOf(train.pipeline).attemptsMax) return goOnAfter(train, [receipt], now);
    const reasons = after.unmet.map(({ reason }) => reason);
    return [receipt, { type: 'TrainBlocked', data: { trainId, phase, reasons } }];
  }

  function passage(
    train: AtWork,
    receipt: EventOf<'GateEvaluated'>,
    { artifacts, facts, outcome }: Submission,
    destination: Destination,
    now: Instant | undefined,
  ): TrainEvent[] {
    const { trainId, ticketId, phase, cycle, attempt } = train.ticket;
    const completed: TrainEvent = {
      type: 'PhaseCompleted',
      data: { trainId, ticketId, phase, cycle, attempt, artifacts, facts, outcome },
    };
    const mended = liftings(evolve(train, receipt) as Riding);
    return goOnAfter(train, [receipt, ...mended, completed, ...departure(train, outcome, destination)], now);
  }

  /** Does what the train waited for, if it can be done now: judge again, or give out the next ticket. */
  function goOnAfter(train: Train, events: TrainEvent[], now: Instant | undefined): TrainEvent[] {
    const after = events.reduce(evolve, train);
    if (after.status === 'held') return [...events, ...judgement(after, after.submission, after.observed, now)];
    if (after.status !== 'waiting' || isPaused(after)) return events;
    const { trainId, cycle } = after;
    const { id: phase, owner: agent, mode } = phaseAt(pipelineOf(after.pipeline), after);
    const attempt = attemptsAt(after, phase, cycle) + 1;
    const ticketId = ticketIdOf(trainId, phase, cycle, attempt);
    const feedback = after.unmet.map(({ reason }) => reason);
    return [
      ...events,
      { type: 'TicketOpened', data: { trainId, ticketId, phase, cycle, attempt, agent, mode, feedback } },
    ];
  }

  /** What the event of a person's word says. */
  function saying(command: CommandOf<'GrantApproval' | 'RefuseApproval'>, train: Underway, agreed: boolean) {
    if (train.status !== 'held' || train.phase !== command.phase) {
      throw new Rejection('gate-not-held', `no gate of ${command.phase} waits for an approval on this train now`);
    }
    const revise = command.type === 'RefuseApproval' && command.revise === true;
    return wordOf(command, train, phaseAt(pipelineOf(train.pipeline), train), { agreed, revise, now: command.at });
  }
};

/** When something is due on a train next, after this moment; undefined when nothing is. */
export const nextMoment = (
  train: Train,
  pipelineOf: (ref: PipelineRef) => Pipeline,
  now: Instant,
): Instant | undefined => {
  if (train.status === 'unknown' || train.status === 'ended') return undefined;
  const moments = [
    ...approvalMoments(train, phaseOf(pipelineOf(train.pipeline), train.phase)),
    ...waiverMoments(train),
  ];
  return earliest(moments.filter((moment) => !isOver(moment, now)));
};

/** A ticket is judged once: the work of one that is over is a redelivery. */
function atWork(ticketId: TicketId, train: Underway): AtWork | undefined {
  if ((train.status === 'working' || train.status === 'held') && train.ticket.ticketId === ticketId) return train;
  if (train.tickets.has(ticketId)) return undefined;
  throw new Rejection('ticket-unknown', `train ${train.trainId} has opened no ticket ${ticketId}`);
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
  command: CommandOf<'LiftHold' | 'Pause' | 'Unblock' | 'Abort' | 'DismissApprover' | 'EndDelegation'>,
  { trainId, phase }: Riding,
): TrainEvent {
  switch (command.type) {
    case 'LiftHold':
      return { type: 'HoldLifted', data: { trainId, source: command.source, reason: command.reason } };
    case 'Pause':
      return { type: 'TrainPaused', data: { trainId, by: command.by, reason: command.reason } };
    case 'Unblock':
      return { type: 'TrainUnblocked', data: { trainId, phase, by: command.by, reason: command.reason } };
    case 'DismissApprover': {
      const { role, name, by, reason } = command;
      return { type: 'ApproverDismissed', data: { trainId, role, name, by, reason } };
    }
    case 'EndDelegation': {
      const { role, from, to, by } = command;
      return { type: 'DelegationEnded', data: { trainId, role, from, to, by, cause: 'revoked' } };
    }
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

type Receipt = EventOf<'GateEvaluated'>['data'];

const evaluated = (
  { ticket, pipeline }: AtWork,
  { verdict, checks, evidence }: Pick<Judgement, 'verdict' | 'checks' | 'evidence'>,
  judged: Pick<Receipt, 'submission' | 'observed' | 'approvals' | 'authors'>,
): EventOf<'GateEvaluated'> => {
  const { trainId, ticketId, phase, cycle, attempt } = ticket;
  const data = { trainId, ticketId, phase, cycle, attempt, verdict, checks, policy: pipeline, evidence, ...judged };
  return { type: 'GateEvaluated', data };
};

const phaseAt = (pipeline: Pipeline, { phase }: Riding): PipelinePhase => {
  const found = phaseOf(pipeline, phase);
  // A train is on a phase of the pipeline it is pinned to; anything else is another pipeline under the same name.
  if (!found) throw new Error(`pipeline ${pipeline.id} version ${pipeline.version} has no phase ${phase}`);
  return found;
};
