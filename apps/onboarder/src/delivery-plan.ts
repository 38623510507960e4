import { loadPipelines } from '@vt/profiles';
import type { Charter, Pipeline, PipelinePhase } from '@vt/value-train';

const PIPELINE = 'ml-delivery';

/** The pipeline that the onboarder belongs to: what will be delivered, in which order, against which gates. */
export const deliveryPipeline = async (): Promise<Pipeline> => {
  const found = (await loadPipelines()).find(({ pipeline }) => pipeline.id === PIPELINE);
  if (found === undefined) throw new Error(`the pipeline ${PIPELINE} is not among those that ship`);
  return found.pipeline;
};

export interface Milestone {
  readonly title: string;
  readonly phase: PipelinePhase;
}

const MILESTONES: readonly (readonly [title: string, phase: string])[] = [
  ['Kick-off', 'pre-kickoff'],
  ['Data ready', 'preparation'],
  ['Approach chosen', 'model-architecture'],
  ['Model trained', 'training'],
  ['Model accepted', 'validation'],
  ['Model in service', 'deployment'],
  ['First cycle reviewed', 'improvement'],
];

/** Points at which the client sees something done; each is reached when the gate of its phase is passed. */
export const milestonesOf = ({ phases }: Pipeline): Milestone[] =>
  MILESTONES.flatMap(([title, id]) => phases.filter((phase) => phase.id === id).map((phase) => ({ title, phase })));

export const deliverablesOf = (
  { phases }: Pipeline,
  group: PipelinePhase['group'],
): (readonly [phase: string, files: string, needed: string])[] =>
  phases
    .filter((phase) => phase.group === group)
    .flatMap(({ title, artifacts }) =>
      artifacts.map(({ path, required, onlyRetraining, onlyOutcome }) => {
        const needed = onlyRetraining
          ? 'in a retraining cycle'
          : onlyOutcome !== undefined
            ? `on ${onlyOutcome}`
            : required
              ? 'always'
              : 'where it helps';
        return [title, `\`${path}\``, needed] as const;
      }),
    );

/** What an agent may say of papers that bind. */
export const LEGAL_STANDING =
  'A draft, put together by a program from the charter. It is no legal advice: a lawyer must check it before anybody relies on it. An approval at the gate records who agreed to exactly this file; whether that is a signature is for the lawyer to say.';

/** Who agrees to statement of work and data-processing agreement: those whose approval the gate before kick-off asks for. */
export const signaturesOf = async ({
  approvals,
}: Charter): Promise<(readonly [role: string, name: string, how: string])[]> => {
  const gate = (await deliveryPipeline()).phases.find(({ id }) => id === 'pre-kickoff');
  return (gate?.approvals ?? []).map(({ role }) => {
    const names = approvals.filter((approval) => approval.role === role).map(({ name }) => name);
    return [
      role,
      names.length === 0 ? 'nobody yet' : names.join(', '),
      'approval at the gate, bound to the digest of this file',
    ];
  });
};
