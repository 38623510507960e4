import type { Check, EventOf } from '@vt/contracts';
import { isOver, type Instant } from '@vt/kernel';
import { isAgent, type Objection } from './approval.ts';
import type { Pipeline } from './pipeline.ts';

/** Checks of a gate that may be unmet until an end. */
export interface Waiver extends Omit<EventOf<'WaiverGranted'>['data'], 'trainId'> {
  readonly ended: boolean;
}

type Wish = Pick<Waiver, 'reason' | 'owner' | 'role' | 'by'> & { readonly until: Instant | null };

/** People's consent, what holds a train, and where it goes next have ways out of their own. */
const NEVER = ['approval:*', 'request:*', 'hold:*', 'budget', 'pause', 'outcome', 'work'];

const matches = (patterns: readonly string[], id: string): boolean =>
  patterns.some((pattern) => (pattern.endsWith('*') ? id.startsWith(pattern.slice(0, -1)) : id === pattern));

export const mayBeWaived = (id: string, { waivers }: Pick<Pipeline, 'waivers'>): boolean =>
  !matches([...NEVER, ...(waivers?.never ?? [])], id);

/** The checks as the waivers leave them: what is not met, and is waived, lets the gate pass. */
export const waived = (checks: readonly Check[], waivers: readonly Waiver[]): Check[] =>
  checks.map((check) => {
    if (check.outcome === 'met') return check;
    const waiver = waivers.find(({ ended, checks: covered }) => !ended && covered.includes(check.id));
    if (!waiver) return check;
    const { waiverId, by, role, until, reason } = waiver;
    const why = `${check.reason}; waived until ${until} by ${by}, ${role} (${waiverId}): ${reason}`;
    return { ...check, outcome: 'waived', reason: why };
  });

/** Why a person may not waive anything on these terms; undefined when they may. */
export function objectionToWaiver(
  { reason, owner, until, role, by }: Wish,
  {
    pipeline,
    approvers,
    authors,
  }: {
    readonly pipeline: Pick<Pipeline, 'id' | 'waivers'>;
    readonly approvers: readonly { readonly role: string; readonly name: string }[];
    /** Of the work that is to be let through. */
    readonly authors: readonly string[];
  },
  now: Instant | undefined,
): Objection | undefined {
  if (reason.trim() === '') return { code: 'waiver-without-reason', reason: 'a waiver needs a reason: say why' };
  if (owner.trim() === '') {
    return { code: 'waiver-without-owner', reason: 'a waiver needs an owner: name who sees to what is missing' };
  }
  if (until === null) return { code: 'waiver-without-end', reason: 'a waiver needs an end: say until when' };
  if (now && isOver(until, now)) return { code: 'waiver-over', reason: `${until} has passed already` };
  return objectionToWaiving({ role, by }, { pipeline, approvers, authors });
}

/** Why a person may not decide about waivers; undefined when they may. */
export function objectionToWaiving(
  { role, by }: Pick<Wish, 'role' | 'by'>,
  { pipeline, approvers, authors }: Parameters<typeof objectionToWaiver>[1],
): Objection | undefined {
  const roles = pipeline.waivers?.roles ?? [];
  if (!roles.includes(role)) {
    const who = roles.length === 0 ? 'nobody' : `only a ${roles.join(' or a ')}`;
    return { code: 'role-may-not-waive', reason: `${who} may waive a check of the pipeline ${pipeline.id}` };
  }
  if (isAgent(by)) return { code: 'agent-may-not-waive', reason: `${by} is an agent: people waive` };
  if (!approvers.some((office) => office.role === role && office.name === by)) {
    return { code: 'not-the-approver', reason: `${by} is no ${role} of this train` };
  }
  if (!authors.includes(by)) return undefined;
  return { code: 'author-may-not-waive', reason: `${by} did this work, and may not waive what it lacks` };
}

/** Checks that a train passed by only because of a waiver, and that no other covers now. */
export const uncovered = (
  { waiverId, phase, checks }: Pick<Waiver, 'waiverId' | 'phase' | 'checks'>,
  leaning: readonly string[],
  waivers: readonly Waiver[],
): string[] => {
  const others = waivers.filter((other) => other.waiverId !== waiverId && !other.ended && other.phase === phase);
  const covered = new Set(others.flatMap((other) => other.checks));
  return checks.filter((id) => leaning.includes(id) && !covered.has(id));
};
