import type { Agreement } from './approval.ts';
import type { Observed } from './criteria.ts';
import type { Hearing, Submission } from './gate.ts';
import type { Pipeline, PipelinePhase } from './pipeline.ts';
import { waiversHere } from './train-waivers.ts';
import type { AtWork } from './train.ts';

/** The case of a submission at the gate of a pipeline, which need not be the one that the train rides on. */
export const hearingOf = (
  train: AtWork,
  { pipeline, phase }: { readonly pipeline: Pipeline; readonly phase: PipelinePhase },
  {
    counted,
    ...judged
  }: {
    readonly submission: Submission;
    readonly observed: Observed | null;
    /** What people said about it, and counts. */
    readonly counted: readonly Agreement[];
  },
): Hearing => {
  const { cycle, completed, reports, approvers, requests, holds, ticket } = train;
  return {
    ...{ pipeline, phase, cycle, attempt: ticket.attempt, agent: ticket.agent, ...judged },
    ...{ completed, reports, approvers, requests, holds },
    verdicts: train.verdicts.filter(({ ticketId }) => ticketId === ticket.ticketId),
    agreements: counted,
    waivers: waiversHere(train),
    paused: train.paused,
  };
};
