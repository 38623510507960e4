import { Allowance, GateEvaluated, VerdictReported, WaiverGranted, type EventOf } from '@vt/contracts';
import type { Recorded } from '@vt/kernel';
import { z } from 'zod';
import { evidenceOf, isOf } from './gate.ts';
import type { Pipeline } from './pipeline.ts';
import { waiversHere } from './train-waivers.ts';
import { evolveTrain, type Riding, type Train, type TrainEvent } from './train.ts';

const decided = GateEvaluated.shape.data.shape;

/** Everything about one decision of a gate, as it follows from the events of its train up to there. */
export const GateReceipt = z.strictObject({
  /** The event that holds the decision: `<stream>@<version>`. */
  id: z.string(),
  /** Of the event, and of all before it in its stream. */
  hash: z.string(),
  tenant: z.string(),
  at: z.string(),
  actor: z.string(),
  causationId: z.string(),
  correlationId: z.string(),
  commandId: z.string(),
  ...decided,
  /** Each with the digests of what it looked at. */
  checks: z.array(decided.checks.element.required({ inputs: true })),
  /** What this attempt might spend, which was reserved for it; what it did is in `observed`. */
  allowance: Allowance.nullable(),
  /** Those by which checks that were not met let the gate pass. */
  waivers: z.array(WaiverGranted.shape.data.omit({ trainId: true, phase: true, cycle: true })),
  /** What verifiers outside said about exactly this evidence. */
  verdicts: z.array(
    VerdictReported.shape.data.pick({ verifier: true, outcome: true, evidence: true, reason: true, signature: true }),
  ),
  /** What stood in the way of this phase, or of all. */
  holds: z.array(z.object({ source: z.string(), reason: z.string(), phases: z.array(z.string()) })),
});
export type GateReceipt = z.infer<typeof GateReceipt>;

type Decision = Recorded<EventOf<'GateEvaluated'>>;
const isDecision = (recorded: Recorded<TrainEvent>): recorded is Decision => recorded.event.type === 'GateEvaluated';

export interface Which {
  readonly phase: string;
  /** The latest, unless they are given. */
  readonly cycle?: number | undefined;
  readonly attempt?: number | undefined;
}

/** The last decision about an attempt at a phase; a gate that was held decided before. */
export const decisionAbout = (
  stream: readonly Recorded<TrainEvent>[],
  { phase, cycle, attempt }: Which,
): Decision | undefined =>
  stream.filter(isDecision).findLast(({ event: { data } }) => {
    return data.phase === phase && (cycle ?? data.cycle) === data.cycle && (attempt ?? data.attempt) === data.attempt;
  });

/** @param stream of the train, from its first event on; `pipeline` is the one that the train rides on */
export function receiptOf(
  decision: Decision,
  stream: readonly Recorded<TrainEvent>[],
  pipeline: Pipeline,
): GateReceipt {
  const { id, hash, tenant, at, causation, commandId, version, event } = decision;
  const before = stream.slice(0, version - 1).map((recorded) => recorded.event);
  // A gate decides on a train that was started.
  const train = before.reduce(
    evolveTrain(() => pipeline),
    { status: 'unknown' } as Train,
  ) as Riding;
  const { data } = event;
  const { submission, ticketId, phase } = data;
  const everything = submission ? evidenceOf(submission) : [];
  const waivedHere = data.checks.flatMap((check) => (check.outcome === 'waived' ? [check.id] : []));
  return {
    ...{ id, hash, tenant, at, ...causation, commandId },
    ...data,
    checks: data.checks.map((check) => ({ ...check, inputs: check.inputs ?? everything })),
    allowance: ('ticket' in train && train.ticket.allowance) || null,
    waivers: waiversHere(train)
      .filter(({ ended, checks }) => !ended && checks.some((check) => waivedHere.includes(check)))
      .map(({ ended: _, phase: __, cycle: ___, ...waiver }) => waiver),
    verdicts: train.verdicts
      .filter((said) => said.ticketId === ticketId && submission !== null && isOf(submission, said.evidence))
      .map(({ verifier, outcome, evidence, reason, signature }) => ({
        verifier,
        outcome,
        evidence,
        reason,
        signature,
      })),
    holds: [...train.holds]
      .filter(([, { phases }]) => phases.length === 0 || phases.includes(phase))
      .map(([source, hold]) => ({ source, reason: hold.reason, phases: [...hold.phases] })),
  };
}
