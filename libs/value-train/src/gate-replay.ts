import { Verdict, type Check, type EventOf } from '@vt/contracts';
import type { Recorded } from '@vt/kernel';
import { z } from 'zod';
import type { EvaluateRule } from './criteria.ts';
import { isInTheWay, judge, type Submission } from './gate.ts';
import { hearingOf } from './hearing.ts';
import { phaseOf, type Pipeline, type PipelinePhase } from './pipeline.ts';
import { consentTo } from './train-approvals.ts';
import { evolveTrain, type AtWork, type PipelineRef, type Train, type TrainEvent } from './train.ts';

/** A check that is in the way under one policy, and not under the other. */
export const Difference = z.object({
  check: z.string(),
  /** null: that policy does not ask. */
  was: z.string().nullable(),
  is: z.string().nullable(),
  reason: z.string(),
});

/** An attempt at a phase of which another policy would have said something else. */
export const Flip = z.object({
  trainId: z.string(),
  phase: z.string(),
  cycle: z.int(),
  attempt: z.int(),
  /** The event that holds the decision. */
  decision: z.string(),
  at: z.string(),
  from: Verdict,
  to: Verdict,
  because: z.array(Difference),
});
export type Flip = z.infer<typeof Flip>;

export interface Policy {
  readonly pipeline: Pipeline;
  readonly evaluateRule: EvaluateRule;
}

export interface Replayed {
  /** Attempts that the policy was applied to. */
  readonly judged: number;
  /** Attempts at phases that the policy does not have. */
  readonly elsewhere: number;
  readonly flips: readonly Flip[];
}

interface Case {
  readonly train: AtWork;
  readonly decision: Recorded<EventOf<'GateEvaluated'>>;
  readonly submission: Submission;
}

/**
 * Judges every attempt in the stream of a train again, by what lay at the gate when it last decided: the submission,
 * the approvals that counted, the holds, and what was observed. Work that was abandoned has nothing to judge.
 * @param pipelineOf those that trains ride on
 * @param since ISO 8601; earlier decisions stay out
 */
export function replayGates(
  stream: readonly Recorded<TrainEvent>[],
  pipelineOf: (ref: PipelineRef) => Pipeline,
  policy: Policy,
  since = '',
): Replayed {
  const cases = casesIn(stream, pipelineOf).filter(({ decision }) => decision.at >= since);
  const known = cases.flatMap((each) => {
    const phase = phaseOf(policy.pipeline, each.decision.event.data.phase);
    return phase ? [flipOf(each, phase, policy)] : [];
  });
  const flips = known.filter((flip) => flip !== undefined);
  return { judged: known.length, elsewhere: cases.length - known.length, flips };
}

/** Of each attempt the last decision, with the train as it stood then. */
function casesIn(stream: readonly Recorded<TrainEvent>[], pipelineOf: (ref: PipelineRef) => Pipeline): Case[] {
  const evolve = evolveTrain(pipelineOf);
  const cases = new Map<string, Case>();
  let train: Train = { status: 'unknown' };
  for (const recorded of stream) {
    const { event } = recorded;
    if (event.type === 'GateEvaluated' && event.data.submission && 'ticket' in train) {
      const { ticketId, submission } = event.data;
      cases.set(ticketId, { train, decision: { ...recorded, event }, submission });
    }
    train = evolve(train, event);
  }
  return [...cases.values()];
}

function flipOf(
  { train, decision, submission }: Case,
  phase: PipelinePhase,
  { pipeline, evaluateRule }: Policy,
): Flip | undefined {
  const { trainId, cycle, attempt, observed, verdict, checks } = decision.event.data;
  // Whoever agreed did so to what lay there, and is not asked again because the rules may change.
  const { counted } = consentTo({ ...train, submission }, phase);
  const found = judge(hearingOf(train, { pipeline, phase }, { submission, observed, counted }), evaluateRule);
  if (found.verdict === verdict) return undefined;
  const because = differences(checks, found.checks);
  return {
    trainId,
    phase: phase.id,
    cycle,
    attempt,
    decision: decision.id,
    at: decision.at,
    from: verdict,
    to: found.verdict,
    because,
  };
}

function differences(before: readonly Check[], after: readonly Check[]): Flip['because'] {
  const [was, is] = [byId(before), byId(after)];
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((id) => {
    const [one, other] = [was.get(id), is.get(id)];
    const [hindered, hinders] = [one, other].map((check) => check !== undefined && isInTheWay(check));
    if (hindered === hinders && (!hinders || one?.outcome === other?.outcome)) return [];
    const reason = other?.reason ?? 'the policy does not ask for it';
    return [{ check: id, was: one?.outcome ?? null, is: other?.outcome ?? null, reason }];
  });
}

const byId = (checks: readonly Check[]) => new Map(checks.map((check) => [check.id, check]));
