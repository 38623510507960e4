import type { Allowance } from '@vt/contracts';
import { earliest, isOver, Rejection, type Decider, type Instant, type TicketId } from '@vt/kernel';
import { groupsTooSmall, isAgent, objectionToPassingOn } from './approval.ts';
import type { EvaluateRule, Observed } from './criteria.ts';
import { BUDGET } from './gate.ts';
import { phaseOf, type Pipeline } from './pipeline.ts';
import { advancing, phaseAt } from './train-advance.ts';
import { isAlreadySo, isSameStart } from './train-already-so.ts';
import { approvalMoments, delegating, overdueApprovals, wordOf } from './train-approvals.ts';
import type { CommandOf, TrainCommand } from './train-commands.ts';
import { reporting } from './train-verdicts.ts';
import { liftings, overdueWaivers, settling, waiverMoments, waiving } from './train-waivers.ts';
import { evolveTrain, type AtWork, type PipelineRef, type Riding, type Train, type TrainEvent } from './train.ts';

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
  const { goOnAfter, giveUp, judgement, unmetNow } = advancing(pipelineOf, evaluateRule);
  return { initial: { status: 'unknown' }, decide, evolve };

  function decide(command: TrainCommand, train: Train): TrainEvent[] {
    if (command.type === 'StartTrain') return start(command, train);
    if (train.status === 'unknown') {
      throw new Rejection('train-unknown', `there is no train ${command.trainId}; start it first`);
    }
    const due = command.at ? overdue(train, command.at, 'observed' in command ? command.observed : undefined) : [];
    // What is due changes a train, and does not make it unknown.
    return [...due, ...carryOut(command, due.reduce(evolve, train) as Riding)];
  }

  /** What the clock does to a train that nobody touches, and what follows from it. */
  function overdue(train: Riding, now: Instant, observed: Observed | undefined): TrainEvent[] {
    if (train.status === 'ended') return [];
    const pipeline = pipelineOf(train.pipeline);
    const events = [
      ...overdueApprovals(train, phaseOf(pipeline, train.phase), now),
      ...overdueWaivers(train, pipeline, now, (phase, checks) => unmetNow(train, phase, checks, observed)),
    ];
    return events.length === 0 ? [] : goOnAfter(train, events, now);
  }

  function carryOut(command: Exclude<TrainCommand, { type: 'StartTrain' }>, train: Riding): TrainEvent[] {
    const { at } = command;
    if (isAlreadySo(command, train)) return [];
    if (train.status === 'ended') {
      throw new Rejection('train-ended', `train ${train.trainId} is ${train.as}, and nothing happens on it any more`);
    }
    refuseToPassOn(command, train);
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
      case 'AcceptReservation':
        return train.asked ? goOnAfter(train, [granted(train.asked, command.allowance)], at) : [];
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
    return current?.status === 'working' ? giveUp(current, reasons, at) : [];
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

function refuseToPassOn({ passedOnBy }: TrainCommand, { authors, startedBy: requester }: Riding): void {
  const objection = passedOnBy === undefined ? undefined : objectionToPassingOn(passedOnBy, { authors, requester });
  if (objection) throw new Rejection(objection.code, objection.reason);
}

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

const granted = (
  { trainId, ticketId, phase, cycle, attempt }: NonNullable<Riding['asked']>,
  allowance: Allowance,
): TrainEvent => ({ type: 'AllowanceGranted', data: { trainId, ticketId, phase, cycle, attempt, allowance } });

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
