import { Agent, type Check, type EventOf, type Facts } from '@vt/contracts';
import { earliest, isOver, type Digest, type Instant, type TicketId } from '@vt/kernel';
import type { ApprovalGroup, Pipeline, PipelinePhase } from './pipeline.ts';

/** What a person said about an attempt. */
export interface Agreement {
  readonly ticketId: TicketId;
  readonly phase: string;
  readonly role: string;
  readonly by: string;
  /** Whose voice it is, when it is that of somebody who delegated it; null: their own. */
  readonly standsInFor: string | null;
  readonly evidence: readonly Digest[];
  readonly policy: Digest;
  readonly agreed: boolean;
  readonly revise: boolean;
  readonly comment: string;
  readonly expiresAt: Instant | null;
}

export type Delegation = Pick<EventOf<'ApprovalDelegated'>['data'], 'role' | 'from' | 'to' | 'until'>;

/** What a gate waits for, and how long it has. */
export interface Request extends Pick<EventOf<'ApprovalRequested'>['data'], 'escalatesAt' | 'deniedAt'> {
  /** How often its silence was escalated. */
  readonly level: number;
  readonly timedOut: boolean;
}

interface Office {
  readonly role: string;
  readonly name: string;
}

/** Everything that decides whose word counts at a gate. */
export interface Quorum {
  readonly phase: Pick<PipelinePhase, 'id' | 'approvals' | 'approvalsInOrder'>;
  readonly evidence: readonly Digest[];
  /** Digest of the pipeline that asks. */
  readonly policy: Digest;
  /** The agent that did the work, and the people whose answers are part of it. */
  readonly authors: readonly string[];
  /** Who started the train. */
  readonly requester: string;
  readonly approvers: readonly Office[];
  readonly delegations: readonly Delegation[];
}

export interface Objection {
  readonly code: string;
  readonly reason: string;
}

const AGENTS: ReadonlySet<string> = new Set([...Agent.options, 'conductor']);
export const isAgent = (name: string): boolean => AGENTS.has(name);

/** Whether a fact says who did an action, or passed it on: a session writes that down, and takes nobody's word for it. */
export const isAboutPeople = (fact: string): boolean => /\.(by|passedOnBy)$/.test(fact);

/** The agents that do the work, and whoever answered a task whose answer is part of it. */
export const authorsOf = (agent: string, { actions }: Pick<PipelinePhase, 'actions'>, facts: Facts): string[] => [
  ...new Set([agent, ...actions.flatMap(({ by = [] }) => by)]),
  ...new Set(
    actions.flatMap(({ id, tool }) => {
      const by = tool === 'human' ? facts[`${id}.by`] : undefined;
      return typeof by === 'string' ? [by] : [];
    }),
  ),
];

/** The people who may speak for a group by their own right. */
export const peopleOf = (group: ApprovalGroup, approvers: readonly Office[]): string[] => {
  const named = approvers.filter(({ role }) => role === group.role).map(({ name }) => name);
  return [...new Set(named)].filter((name) => group.people?.includes(name) ?? true);
};

/** Groups of a pipeline that could never agree, however many of their people do, each with the mend. */
export const groupsTooSmall = (
  { phases }: Pick<Pipeline, 'phases'>,
  approvers: readonly Office[],
  requester: string,
): string[] => [
  ...new Set(
    phases.flatMap(({ id, approvals }) =>
      approvals.flatMap((group) => {
        const free = peopleOf(group, approvers).filter((name) => name !== requester && !isAgent(name));
        if (free.length >= group.count) return [];
        const who = group.people ? ` among ${group.people.join(', ')}` : '';
        const found = free.length === 0 ? 'there is none' : `there is only ${free.join(', ')}`;
        return [
          `the gate of ${id} needs ${group.count} ${group.role}${who}, and ${found} besides who starts the train: name more among the approvers`,
        ];
      }),
    ),
  ),
];

/** Whose voice a person speaks with; their own, if they have one. */
export const voiceOf = ({ by, standsInFor }: Pick<Agreement, 'by' | 'standsInFor'>): string => standsInFor ?? by;

/** Whom a person stands in for, where nobody said so: somebody only where they have no voice of their own. */
export const standsInFor = (
  by: string,
  group: ApprovalGroup | undefined,
  { approvers, delegations }: Pick<Quorum, 'approvers' | 'delegations'>,
): string | null => {
  if (!group || peopleOf(group, approvers).includes(by)) return null;
  return delegations.find(({ role, to }) => role === group.role && to === by)?.from ?? null;
};

/** The words that count, in the order in which they were said, and why the others do not. */
export function tally(quorum: Quorum, words: readonly Agreement[]) {
  const counted: Agreement[] = [];
  const void_: { readonly word: Agreement; readonly objection: Objection }[] = [];
  for (const word of words) {
    const objection = objectionTo(word, quorum, counted);
    if (objection) void_.push({ word, objection });
    else counted.push(word);
  }
  return { counted, void: void_ };
}

/** Why a person's word does not count after those that do; undefined when it does. */
function objectionTo(word: Agreement, quorum: Quorum, counted: readonly Agreement[]): Objection | undefined {
  const { phase } = quorum;
  const group = phase.approvals.find(({ role }) => role === word.role);
  if (!group) return { code: 'role-not-asked', reason: `the gate of ${phase.id} does not ask for a ${word.role}` };
  return (
    objectionToPerson(word, quorum) ??
    objectionToRole(word, group, quorum) ??
    objectionToEvidence(word, quorum) ??
    objectionToTurn(word, group, quorum, counted)
  );
}

/** Separation of duties, which looks through a delegation: neither who speaks nor whose voice it is. */
function objectionToPerson(word: Agreement, { authors, requester }: Quorum): Objection | undefined {
  for (const name of new Set([word.by, voiceOf(word)])) {
    const through = name === word.by ? '' : `, for whom ${word.by} speaks,`;
    if (authors.includes(name)) {
      return { code: 'author-may-not-approve', reason: `${name}${through} did this work, and may not approve it` };
    }
    if (isAgent(name)) return { code: 'agent-may-not-approve', reason: `${name} is an agent: people approve` };
    if (name === requester) {
      const reason = `${name}${through} started this train, and may not approve what they asked for`;
      return { code: 'requester-may-not-approve', reason };
    }
  }
  return undefined;
}

/** Why somebody may not say what others said: with the words of others they could do alone what asks for two. */
export function objectionToPassingOn(
  name: string,
  { authors, requester }: Pick<Quorum, 'authors' | 'requester'>,
): Objection | undefined {
  const why = authors.includes(name) ? 'did this work' : name === requester ? 'started this train' : undefined;
  if (why === undefined) return undefined;
  return { code: 'may-not-pass-on', reason: `${name} ${why}, and may not pass on what others say about it` };
}

function objectionToRole(
  word: Agreement,
  group: ApprovalGroup,
  { approvers, delegations }: Quorum,
): Objection | undefined {
  const people = peopleOf(group, approvers);
  const voice = voiceOf(word);
  if (!people.includes(voice)) {
    const named = people.length === 0 ? 'nobody' : people.join(' or ');
    return { code: 'not-the-approver', reason: `the ${group.role} of this train is ${named}, not ${voice}` };
  }
  const isTheirs = ({ role, from, to }: Delegation) => role === group.role && from === voice && to === word.by;
  if (voice === word.by || delegations.some(isTheirs)) return undefined;
  return { code: 'not-the-delegate', reason: `${voice} has not let ${word.by} speak as ${group.role}` };
}

function objectionToEvidence(word: Agreement, { phase, evidence, policy }: Quorum): Objection | undefined {
  const seen = new Set(word.evidence);
  if (seen.size !== evidence.length || evidence.some((digest) => !seen.has(digest))) {
    return { code: 'stale-evidence', reason: `${word.by} saw other evidence than lies at the gate of ${phase.id} now` };
  }
  if (word.policy !== policy) {
    return { code: 'stale-policy', reason: `${word.by} agreed by other rules than the gate of ${phase.id} has now` };
  }
  return undefined;
}

function objectionToTurn(
  word: Agreement,
  group: ApprovalGroup,
  { phase }: Quorum,
  counted: readonly Agreement[],
): Objection | undefined {
  const voices = counted.filter(({ role }) => role === group.role).flatMap((other) => [other.by, voiceOf(other)]);
  const twice = [word.by, voiceOf(word)].find((name) => voices.includes(name));
  if (twice)
    return { code: 'has-spoken', reason: `${twice} has spoken as ${group.role} already: a person has one voice` };
  const earlier = phase.approvalsInOrder ? phase.approvals.slice(0, phase.approvals.indexOf(group)) : [];
  const waited = earlier.find((before) => !isMet(before, counted));
  if (!waited) return undefined;
  return { code: 'not-your-turn', reason: `the ${waited.role} must agree before the ${group.role}` };
}

const yesOf = ({ role }: ApprovalGroup, counted: readonly Agreement[]) =>
  counted.filter((word) => word.agreed && word.role === role);
const isMet = (group: ApprovalGroup, counted: readonly Agreement[]): boolean =>
  yesOf(group, counted).length >= group.count;

/** Groups that are asked now: whose agreement is missing, and whose turn it is. */
export const askedNow = (
  { approvals, approvalsInOrder }: Quorum['phase'],
  counted: readonly Agreement[],
): readonly ApprovalGroup[] => {
  const missing = approvals.filter((group) => !isMet(group, counted));
  return approvalsInOrder ? missing.slice(0, 1) : missing;
};

/** A check `approval:<role>` for each group. */
export const checkApprovals = (
  { phase, approvers }: Pick<Quorum, 'phase' | 'approvers'>,
  counted: readonly Agreement[],
  requests: ReadonlyMap<string, Request>,
): Check[] =>
  phase.approvals.map((group): Check => {
    const { role, count } = group;
    const id = `approval:${role}`;
    const refusal = counted.find((word) => word.role === role && !word.agreed);
    if (refusal) return { id, outcome: 'unmet', reason: refusalWords(refusal) };
    const yes = yesOf(group, counted).map(nameOf);
    if (yes.length >= count) return { id, outcome: 'met', reason: `${yes.join(' and ')}, ${role}, agreed` };
    if (requests.get(role)?.timedOut) {
      return { id, outcome: 'unmet', reason: `the ${role} did not answer in time, which means no` };
    }
    if (count === 1) return { id, outcome: 'pending', reason: `the ${role} must agree` };
    const so = yes.length === 0 ? 'nobody has yet' : `${yes.join(' and ')} did`;
    const people = peopleOf(group, approvers);
    return { id, outcome: 'pending', reason: `${count} of ${people.join(', ')} must agree as ${role}: ${so}` };
  });

const nameOf = ({ by, standsInFor }: Agreement) => (standsInFor ? `${by} for ${standsInFor}` : by);

const refusalWords = (word: Agreement) =>
  `${nameOf(word)}, ${word.role}, ${word.revise ? 'asks for changes' : 'did not agree'}` +
  (word.comment === '' ? '' : `: ${word.comment}`);

/** What a request must bring and nobody has looked for; what was found is among the checks of the submission. */
export const checkNeeds = (
  { approvalsNeed }: Pick<PipelinePhase, 'approvalsNeed'>,
  inspected: readonly Check[],
): Check[] =>
  Object.entries(approvalsNeed).flatMap(([what, where]): Check[] => {
    const id = `request:${what}`;
    if (inspected.some((check) => check.id === id)) return [];
    return [{ id, outcome: 'unmet', reason: `the request brings no ${what}: ${where} was not found` }];
  });

/** Requests that wait for an answer: their next moments, and whether they have come. */
export const openRequests = (
  requests: ReadonlyMap<string, Request>,
  phase: Quorum['phase'],
  counted: readonly Agreement[],
): readonly (readonly [role: string, Request])[] => {
  const asked = new Set(askedNow(phase, counted).map(({ role }) => role));
  return [...requests].filter(([role, { timedOut }]) => asked.has(role) && !timedOut);
};

/** How often a request should have been escalated by now. */
export const levelAt = ({ escalatesAt }: Request, now: Instant): number =>
  escalatesAt.filter((moment) => isOver(moment, now)).length;

/** When something must be done about a request next. */
export const nextMomentOf = ({ escalatesAt, deniedAt, level }: Request): Instant | undefined =>
  earliest([...escalatesAt.slice(level), ...(deniedAt ? [deniedAt] : [])]);

/** Why a delegation may not be; undefined when it may. Nobody passes on what was passed to them. */
export function objectionToDelegation(
  { role, from, to, until }: Delegation,
  { approvers, delegations }: Pick<Quorum, 'approvers' | 'delegations'>,
  now: Instant | undefined,
): Objection | undefined {
  const ofRole = delegations.filter((each) => each.role === role);
  if (!approvers.some((office) => office.role === role && office.name === from)) {
    return { code: 'not-the-approver', reason: `${from} is no ${role} of this train, and has nothing to delegate` };
  }
  if (isAgent(to)) return { code: 'agent-may-not-approve', reason: `${to} is an agent: people approve` };
  if (from === to) return { code: 'delegation-to-oneself', reason: `${from} speaks for themselves anyway` };
  if (now && isOver(until, now)) return { code: 'delegation-over', reason: `${until} has passed already` };
  const twice = ofRole.find((each) => each.from === from);
  if (twice) return { code: 'delegated-already', reason: `${from} has let ${twice.to} speak: end that first` };
  const chained = ofRole.find((each) => each.to === from || each.from === to);
  if (!chained) return undefined;
  const reason = `${chained.to} speaks for ${chained.from} as ${role}: what is delegated is not passed on`;
  return { code: 'delegation-chain', reason };
}
