import { Agent, type EventOf, type Improvement, type Law, type Retrospective } from '@vt/contracts';
import { Rejection, type Recorded } from '@vt/kernel';
import { offerOf, performerOf } from './handoff.ts';
import { phaseOf, type Pipeline, type PipelinePhase, type LawPolicies, type LawPolicy } from './pipeline.ts';
import { eventsAfter, type Session, type SessionEvent } from './session.ts';
import type { TrainEvent } from './train.ts';

/** From this share of the time that it may take, an action is slow. */
const SLOW = 0.5;
/** So many reactions of services may follow from one another, with no person, no clock and no work between them. */
export const REACTIONS_MAX = 20;
const SUGGESTIONS_MAX = 6;

interface LawText {
  readonly says: string;
  /** Where the pipeline says nothing. */
  readonly policy: LawPolicy;
  readonly mend: string;
}

export const LAWS: Readonly<Record<Law, LawText>> = {
  'extract-learnings': {
    says: 'No session ends without a learning, or a reason why there is none.',
    policy: 'enforce',
    mend: 'report what was learned by context.learn',
  },
  improve: {
    says: 'No session ends without a proposal to improve something, or a reason why there is none.',
    policy: 'enforce',
    mend: 'propose it by context.improve',
  },
  'document-context': {
    says: 'Work that is submitted says what was learned, and leaves a file or a fact.',
    policy: 'warn',
    mend: 'let an action of the phase write a file, or report a fact',
  },
  'validate-before-execute': {
    says: 'No action runs without a ticket that the conductor opened or an offer of such a session, and none that the pipeline does not give to who does it.',
    policy: 'enforce',
    mend: 'find out who appended it: the rules do not let it pass',
  },
  'prevent-loops': {
    says: `Automation does not set itself off: no more than ${REACTIONS_MAX} reactions of services follow from one another, without a person, the clock or work between them.`,
    policy: 'enforce',
    mend: 'look at what leads to what by vt events tail, and mend the service that answers',
  },
  'share-patterns': {
    says: 'What was learned is shared with others, without what is confidential.',
    policy: 'off',
    mend: 'nothing exports learnings yet: share them by hand',
  },
  guide: {
    says: 'People start trains, and free those that are blocked; automation proposes.',
    policy: 'enforce',
    mend: 'give the key that started it to a person',
  },
};

export const policyOf = (law: Law, policies: LawPolicies = {}): LawPolicy => policies[law] ?? LAWS[law].policy;

/** What a session that ends has learned by its own events: what actions reported, what failed, was refused or was slow. */
export const retrospectiveOf = (
  session: Session,
  { actions }: Pick<PipelinePhase, 'actions'>,
  reasons: readonly string[] = [],
): Retrospective => {
  const events = session.status === 'unknown' ? [] : [...eventsAfter(session, 0)].toReversed();
  const done = events.flatMap((event) => (event.type === 'ActionCompleted' ? [event.data] : []));
  const tried = events.flatMap((event) => (event.type === 'ActionFailed' ? [event.data] : []));
  // What was called off has not failed.
  const failed = Map.groupBy(
    tried.filter(({ kind }) => kind !== 'cancelled'),
    ({ action }) => action,
  );
  const sentBack = events.flatMap((event) =>
    event.type === 'WorkPhaseEntered' && event.data.sentBack ? [{ ...event.data, ...event.data.sentBack }] : [],
  );
  const refused = events.flatMap((event) => (event.type === 'ToolRefused' ? [event.data] : []));
  const slow = done.flatMap(({ action, usage: { wallMs } }) => {
    const seconds = actions.find(({ id }) => id === action)?.timeoutSeconds ?? Infinity;
    const took = `${Math.round(wallMs / 1_000)} of ${seconds} s`;
    return wallMs >= SLOW * seconds * 1_000 ? [{ action, took }] : [];
  });
  const spent = [...done, ...tried].reduce((sum, { usage }) => sum + usage.wallMs, 0);
  const learnings = [
    ...done.flatMap((each) => each.learnings ?? []),
    ...[...failed].map(([action, tries]) => ({
      learning: `${action} failed ${tries.length === 1 ? 'once' : `${tries.length} times`}`,
      evidence: lastOf(tries),
    })),
    ...sentBack.map(({ workPhase, from, reason }) => ({
      learning: `what ${from} found did not fit its ${workPhase}`,
      evidence: reason,
    })),
    ...refused.map(({ action, tool, reason }) => ({ learning: `${action} may not use ${tool}`, evidence: reason })),
    ...slow.map(({ action, took }) => ({ learning: `${action} is slow`, evidence: `it took ${took}` })),
    ...reasons.map((reason) => ({ learning: 'the work could not be finished', evidence: reason })),
  ];
  const improvements = [
    ...done.flatMap((each) => each.improvements ?? []),
    ...[...failed].map(([action, tries]) => ({
      ...{ proposal: `Mend why ${action} fails`, because: lastOf(tries) },
      // Measured: the share of the session's time that was lost, in tenths. Of floats, all of it may be a bit more.
      impact: Math.min(
        10,
        Math.max(1, Math.ceil((10 * tries.reduce((sum, { usage }) => sum + usage.wallMs, 0)) / (spent || 1))),
      ),
      effort: null,
    })),
    ...sentBack.map(({ workPhase, by, reason }) => ({
      ...{ proposal: `Find in ${workPhase} what ${by} found`, because: reason, impact: null, effort: null },
    })),
    ...refused.map(({ action, tool, reason }) => ({
      ...{ proposal: `Let ${action} use ${tool}, or do without it`, because: reason, impact: null, effort: null },
    })),
    ...slow.map(({ action, took }) => ({
      ...{
        proposal: `Give ${action} more time, or less to do`,
        because: `it took ${took}`,
        impact: null,
        effort: null,
      },
    })),
  ];
  const nothing = `${done.length} actions without a failure, a refusal, a delay or a report`;
  return {
    learnings,
    improvements,
    waived: [
      ...(learnings.length > 0 ? [] : [{ law: 'extract-learnings' as const, reason: nothing }]),
      ...(improvements.length > 0 ? [] : [{ law: 'improve' as const, reason: nothing }]),
    ],
  };
};

const lastOf = (tries: readonly EventOf<'ActionFailed'>['data'][]): string => {
  const { kind, reason } = tries.at(-1)!;
  return `${kind}: ${reason}`;
};

const RETROSPECTIVE = { 'extract-learnings': 'learnings', improve: 'improvements' } as const;

/**
 * The laws that a session breaks by ending so.
 * @throws Rejection `law-broken` where the policy is to enforce
 */
export const brokenAtTheEnd = (retrospective: Retrospective | undefined, policies: LawPolicies): readonly Law[] =>
  (['extract-learnings', 'improve'] as const).filter((law) => {
    const policy = policyOf(law, policies);
    if (policy === 'off' || isKept(law, retrospective)) return false;
    if (policy === 'warn') return true;
    throw new Rejection('law-broken', `${LAWS[law].says} To mend it: ${LAWS[law].mend}`);
  });

const isKept = (law: keyof typeof RETROSPECTIVE, retrospective: Retrospective | undefined): boolean =>
  retrospective !== undefined &&
  (retrospective[RETROSPECTIVE[law]].length > 0 || retrospective.waived.some((waived) => waived.law === law));

/** Everything that a train's compliance is judged by. */
export interface Ridden {
  readonly pipeline: Pipeline;
  readonly train: readonly Recorded<TrainEvent>[];
  /** The events of each session. */
  readonly sessions: readonly (readonly Recorded<SessionEvent>[])[];
}

export interface LawReport extends LawText {
  readonly law: Law;
  /** How many cases were looked at. */
  readonly checked: number;
  /** Of these, how many gave a reason instead. */
  readonly waived: number;
  readonly violations: readonly { readonly where: string; readonly reason: string }[];
}

export interface Compliance {
  readonly laws: readonly LawReport[];
  /** What sessions proposed, the most promising first. Nothing of it was begun. */
  readonly suggestions: readonly Improvement[];
}

type Verdict = Pick<LawReport, 'checked' | 'waived' | 'violations'>;
type Ended = EventOf<'WorkSubmitted' | 'WorkAbandoned' | 'HandoffReturned' | 'HandoffReversed'>;

/** Judges a train by all laws, from its log alone. */
export const complianceOf = (ridden: Ridden): Compliance => {
  const ended = ridden.sessions.flatMap((events) => events.map(({ event }) => event).filter(isEnd));
  const judge: Readonly<Record<Law, () => Verdict>> = {
    'extract-learnings': () => judgeEnds('extract-learnings', ended),
    improve: () => judgeEnds('improve', ended),
    'document-context': () => judgeDocumentation(ended),
    'validate-before-execute': () => judgeValidation(ridden),
    'prevent-loops': () => judgeLoops(ridden),
    'share-patterns': () => ({ checked: 0, waived: 0, violations: [] }),
    guide: () => judgeGuidance(ridden),
  };
  const reports = (Object.keys(LAWS) as Law[]).map((law): LawReport => {
    const policy = policyOf(law, ridden.pipeline.laws);
    const nothing = { checked: 0, waived: 0, violations: [] };
    return { law, ...LAWS[law], policy, ...(policy === 'off' ? nothing : judge[law]()) };
  });
  return { laws: reports, suggestions: suggestionsOf(ended) };
};

const ENDS: ReadonlySet<string> = new Set<Ended['type']>([
  ...(['WorkSubmitted', 'WorkAbandoned'] as const),
  ...(['HandoffReturned', 'HandoffReversed'] as const),
]);
const isEnd = (event: SessionEvent): event is Ended => ENDS.has(event.type);

const judgeEnds = (law: keyof typeof RETROSPECTIVE, ended: readonly Ended[]): Verdict => ({
  checked: ended.length,
  waived: ended.filter(({ data }) => data.retrospective?.waived.some((waived) => waived.law === law)).length,
  violations: ended
    .filter(({ data }) => !isKept(law, data.retrospective))
    .map(({ data }) => ({
      where: data.ticketId,
      reason: `it ended without ${RETROSPECTIVE[law]}, and without a reason`,
    })),
});

const judgeDocumentation = (ended: readonly Ended[]): Verdict => {
  const submitted = ended.flatMap((event) => (event.type === 'WorkSubmitted' ? [event.data] : []));
  const silent = submitted.filter(({ artifacts, facts }) => artifacts.length === 0 && Object.keys(facts).length === 0);
  return {
    checked: submitted.length,
    waived: 0,
    violations: silent.map(({ ticketId }) => ({ where: ticketId, reason: 'it left no file and no fact' })),
  };
};

const judgeValidation = ({ pipeline, train, sessions }: Ridden): Verdict => {
  const all = sessions.flat().map(({ event }) => event);
  const opened = new Set(train.flatMap(({ event }) => (event.type === 'TicketOpened' ? [event.data.ticketId] : [])));
  const offered = new Set(
    all.flatMap(({ type, data }) => (type === 'HandoffOffered' && opened.has(data.ticketId) ? [data.handoff] : [])),
  );
  const returned = new Set(all.flatMap(({ type, data }) => (type === 'HandoffReturned' ? [data.ticketId] : [])));
  const faultOf = ({ ticketId, phase, action, agent, handoff }: EventOf<'ActionCompleted'>['data']) => {
    const offer = offerOf(ticketId);
    if (!(offer ? offered : opened).has(ticketId)) return `nobody ${offer ? 'offered it' : 'opened the ticket'}`;
    if (offer && offer.action !== action) return `the offer was ${offer.action}`;
    if (handoff !== undefined && !returned.has(handoff)) return `${handoff} never returned it`;
    const place = phaseOf(pipeline, phase);
    const declared = place?.actions.find(({ id }) => id === action);
    if (!place || !declared) return `${phase} does not declare it`;
    const performer = performerOf(place, declared);
    return agent === performer ? undefined : `it is ${performer}'s to do, not ${agent}'s`;
  };
  const done = all.flatMap((event) => (event.type === 'ActionCompleted' ? [event.data] : []));
  return {
    checked: done.length,
    waived: 0,
    violations: done.flatMap((completed) => {
      const fault = faultOf(completed);
      return fault ? [{ where: completed.ticketId, reason: `${completed.action} ran, and ${fault}` }] : [];
    }),
  };
};

const SERVICES: ReadonlySet<string> = new Set([
  ...Agent.options,
  'conductor',
  'cost',
  'risk-registry',
  'ledger',
  'gateway',
]);

const judgeLoops = ({ train, sessions }: Ridden): Verdict => {
  const all = new Map([...train, ...sessions.flat()].map((recorded) => [recorded.id, recorded]));
  const violations = [...all.values()].flatMap(({ id, causation, event }) => {
    const cause = all.get(causation.causationId);
    const isSelf =
      SERVICES.has(causation.actor) && cause?.event.type === event.type && cause.causation.actor === causation.actor;
    if (isSelf) return [{ where: id, reason: `${causation.actor} answered its own ${event.type} with another` }];
    const { depth = 0 } = causation;
    return depth > REACTIONS_MAX ? [{ where: id, reason: `${depth} reactions led to it` }] : [];
  });
  return { checked: all.size, waived: 0, violations };
};

const judgeGuidance = ({ train }: Ridden): Verdict => {
  const by = train.filter(({ event: { type } }) => type === 'TrainStarted' || type === 'TrainUnblocked');
  return {
    checked: by.length,
    waived: 0,
    violations: by
      .filter(({ causation }) => SERVICES.has(causation.actor))
      .map(({ id, causation, event }) => ({ where: id, reason: `${event.type} came from ${causation.actor}` })),
  };
};

/** By impact times (11 - effort); one that nobody has estimated has the middle of both. */
const suggestionsOf = (ended: readonly Ended[]): readonly Improvement[] => {
  const worth = ({ impact, effort }: Improvement) => (impact ?? 5) * (11 - (effort ?? 5));
  const all = ended.flatMap(({ data }) => data.retrospective?.improvements ?? []);
  return [...new Map(all.map((each) => [each.proposal, each])).values()]
    .toSorted((one, other) => worth(other) - worth(one))
    .slice(0, SUGGESTIONS_MAX);
};
