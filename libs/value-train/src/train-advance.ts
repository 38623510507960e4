import type { Check, EventOf, Phase } from '@vt/contracts';
import type { Instant } from '@vt/kernel';
import { authorsOf } from './approval.ts';
import type { EvaluateRule, Observed } from './criteria.ts';
import { destinationOf, judge, type Destination, type Judgement, type Submission } from './gate.ts';
import { hearingOf } from './hearing.ts';
import { phaseOf, type ApprovalGroup, type Pipeline, type PipelinePhase } from './pipeline.ts';
import { sameValue } from './same-value.ts';
import { consentTo, request } from './train-approvals.ts';
import { liftings } from './train-waivers.ts';
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

/** How a train goes on: its gate judges what lies before it, and what follows from that is the same decision. */
export const advancing = (pipelineOf: (ref: PipelineRef) => Pipeline, evaluateRule: EvaluateRule) => {
  const evolve = evolveTrain(pipelineOf);
  return { goOnAfter, judgement, giveUp, unmetNow };

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

  /** Checks that a phase was left with, and that its gate would still not find met, by what is known now. */
  function unmetNow(
    train: Riding,
    phaseId: Phase,
    checks: readonly string[],
    observed: Observed | undefined,
  ): string[] {
    const pipeline = pipelineOf(train.pipeline);
    const phase = phaseOf(pipeline, phaseId);
    const left = train.leanings.get(phaseId);
    if (!phase || !left || checks.length === 0) return [...checks];
    const back: AtWork = { ...train, status: 'working', phase: phaseId, ticket: left.ticket };
    const judged = { submission: left.submission, observed: observed ?? left.observed, counted: [] };
    const found = judge({ ...hearingOf(back, { pipeline, phase }, judged), waivers: [] }, evaluateRule).checks;
    return checks.filter((id) => found.find((check) => check.id === id)?.outcome !== 'met');
  }

  /** An attempt whose work was abandoned fails without a look at anything. */
  function giveUp(train: AtWork, reasons: readonly string[], now: Instant | undefined): TrainEvent[] {
    const checks: Check[] = [{ id: 'work', outcome: 'unmet', reason: `abandoned: ${reasons.join('; ')}` }];
    const found = { verdict: 'failed' as const, checks, evidence: [] };
    const nothing = { submission: null, observed: null, approvals: [], authors: [train.ticket.agent] };
    return failure(train, evaluated(train, found, nothing), now);
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
    const { id: phase, owner: agent, mode, mayCost: amount } = phaseAt(pipelineOf(after.pipeline), after);
    const attempt = attemptsAt(after, phase, cycle) + 1;
    const ticketId = ticketIdOf(trainId, phase, cycle, attempt);
    const key = { trainId, ticketId, phase, cycle, attempt, agent };
    const allowance = after.asked?.allowance;
    if (amount && !after.asked) return [...events, { type: 'AllowanceRequested', data: { ...key, amount } }];
    if (amount && !allowance) return events;
    const feedback = after.unmet.map(({ reason }) => reason);
    const given = allowance ? { allowance } : {};
    return [...events, { type: 'TicketOpened', data: { ...key, mode, feedback, ...given } }];
  }
};

/** The phase that a train is on. */
export const phaseAt = (pipeline: Pipeline, { phase }: Riding): PipelinePhase => {
  const found = phaseOf(pipeline, phase);
  // A train is on a phase of the pipeline it is pinned to; anything else is another pipeline under the same name.
  if (!found) throw new Error(`pipeline ${pipeline.id} version ${pipeline.version} has no phase ${phase}`);
  return found;
};

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
