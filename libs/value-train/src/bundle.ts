import { Agent, Decision, Facts, Mode, Phase, Question, WorkPhase, type EventOf } from '@vt/contracts';
import { TicketId, TrainId } from '@vt/kernel';
import { z } from 'zod';
import type { Charter } from './charter.ts';
import { criterionWords } from './charter-wording.ts';
import type { PipelinePhase } from './pipeline.ts';
import { sameValue } from './same-value.ts';
import { evolveSession, UNKNOWN, type KnownSession, type Session, type SessionEvent } from './session.ts';

/** A bundle may have so many tokens. */
export const BUNDLE_TOKENS_MAX = 2_000;
/** Sources of so many tokens and more must be condensed at least so much; shorter ones have little to leave out. */
export const COMPRESSED_FROM_TOKENS = 4_000;
export const COMPRESSION_LEAST = 4;

const ByAction = { action: z.string() };

/** What whoever takes up a session has to know, without its log and its documents. */
export const Bundle = z.strictObject({
  metadata: z.strictObject({
    trainId: TrainId,
    ticketId: TicketId,
    phase: Phase,
    cycle: z.int().positive(),
    attempt: z.int().positive(),
    agent: Agent,
    mode: Mode,
    /** Absent where there is no plan. */
    workPhase: WorkPhase.optional(),
    /** Version of the session's stream that it tells of. */
    sourceVersion: z.int().positive(),
  }),
  mission: z.strictObject({
    goal: z.string().min(1),
    success: z.array(z.string()),
    constraints: z.array(z.string()),
  }),
  state: z.strictObject({
    status: z.enum(['open', 'submitted', 'abandoned', 'cancelled', 'returned', 'reversed']),
    completed: z.array(z.string()),
    /** Started, and nobody knows how far they came. */
    inProgress: z.array(z.string()),
    pending: z.array(z.string()),
    /** Of what is pending, what other agents have, under which tickets. */
    handedOff: z.array(z.strictObject({ ...ByAction, to: Agent, handoff: TicketId })),
    failures: z.array(z.strictObject({ ...ByAction, try: z.int(), reason: z.string() })),
    refusals: z.array(z.strictObject({ ...ByAction, tool: z.string(), reason: z.string() })),
  }),
  decisions: z.array(Decision.extend(ByAction)),
  questions: z.array(Question.extend(ByAction)),
  /** Everything that actions measured and reported, by name. */
  parameters: Facts,
  /** Paths in the train's tree: the content is there, to be read when it is needed. */
  context: z.strictObject({ wrote: z.array(z.string()), read: z.array(z.string()) }),
  next: z.array(z.strictObject({ ...ByAction, does: z.string(), after: z.array(z.string()) })),
  /** What the rest says, in the words of a model, for people; absent where none wrote it. Nothing is decided by it. */
  summary: z.string().min(1).optional(),
});
export type Bundle = z.infer<typeof Bundle>;

/** What a session is about, as far as its log does not say so. */
export interface Mission {
  readonly phase: PipelinePhase;
  readonly trainName: string;
  readonly charter: Pick<Charter, 'problem' | 'success' | 'baseline'> | undefined;
}

type Completed = EventOf<'ActionCompleted'>['data'];

/** The completions that count: what was rolled back does not. Those of the events that the session was folded from. */
const completionsOf = ({ completed }: KnownSession, events: readonly SessionEvent[]): readonly Completed[] => {
  const counts = ({ action, facts }: Completed) => completed.get(action)?.facts === facts;
  const done = events.flatMap((event) => (event.type === 'ActionCompleted' ? [event.data] : [])).filter(counts);
  return [...completed.keys()].map((action) => done.find((each) => each.action === action)!);
};

/** What somebody has still to find out: what actions left open, what people were asked, and what nobody knows. */
const openQuestionsOf = (
  session: KnownSession,
  done: readonly Completed[],
  { actions, title }: PipelinePhase,
): Bundle['questions'] => [
  ...done.flatMap(({ action, questions = [] }) => questions.map((question) => ({ action, ...question }))),
  ...unfinished(session).map((action) => {
    const declared = actions.find(({ id }) => id === action);
    const neededBy = actions.find(({ needs }) => needs.includes(action))?.title ?? `the gate of ${title}`;
    const impact = `${declared?.title ?? action} is not done before that`;
    const question = declared?.ask?.instructions ?? `Did ${action} take effect?`;
    return { action, question, impact, neededBy };
  }),
];

/** What was decided, also that the work was sent back, which is why a later plan is another one. */
const decidedIn = (done: readonly Completed[], events: readonly SessionEvent[]): Bundle['decisions'] => [
  ...events.flatMap((event) => {
    if (event.type !== 'WorkPhaseEntered' || !event.data.sentBack) return [];
    const { workPhase, from, sentBack } = event.data;
    const decision = `Back from ${from} to ${workPhase}`;
    return [{ action: sentBack.by, decision, rationale: sentBack.reason, alternatives: [] }];
  }),
  ...done.flatMap(({ action, decisions = [] }) => decisions.map((decision) => ({ action, ...decision }))),
];

const unfinished = ({ started, completed }: KnownSession) => [...started.keys()].filter((id) => !completed.has(id));

const pathsOf = (artifacts: readonly { readonly path: string }[]) => [...new Set(artifacts.map(({ path }) => path))];

/** An archived session has nothing more to tell: its last bundle was made before. */
export type Told = Exclude<KnownSession, { status: 'archived' }>;

/** Condenses a session, by taking from its events what they say in fields, and nothing else. */
export const bundleOf = (
  session: Told,
  events: readonly SessionEvent[],
  { phase, trainName, charter }: Mission,
): Bundle => {
  const done = completionsOf(session, events);
  const { trainId, ticketId, cycle, attempt, agent, mode, version, status, completed } = session;
  const workPhase = session.workPhases?.at;
  const pending = phase.actions.filter(({ id }) => !completed.has(id));
  const wrote = pathsOf(done.flatMap(({ artifacts }) => artifacts));
  return {
    metadata: {
      ...{ trainId, ticketId, phase: phase.id, cycle, attempt, agent, mode },
      ...(workPhase && { workPhase }),
      sourceVersion: version,
    },
    mission: {
      goal: `${phase.title} of ${trainName}${charter ? `: ${charter.problem}` : ''}`,
      success: [
        ...phase.exit.map(({ says }) => says),
        ...(charter?.success.map((each) => criterionWords(each, charter.baseline)) ?? []),
      ],
      constraints: (['deny', 'ask', 'allow'] as const)
        .filter((effect) => session.permissions[effect].length > 0)
        .map((effect) => `${effect}: ${session.permissions[effect].join(', ')}`),
    },
    state: {
      status,
      completed: [...completed.keys()],
      inProgress: unfinished(session),
      pending: pending.map(({ id }) => id),
      handedOff: [...session.handoffs].map(([action, { to, handoff }]) => ({ action, to, handoff })),
      failures: events.flatMap((event) => {
        if (event.type !== 'ActionFailed') return [];
        const { action, try: nth, kind, reason } = event.data;
        return [{ action, try: nth, reason: `${kind}: ${reason}` }];
      }),
      refusals: events.flatMap((event) => {
        if (event.type !== 'ToolRefused') return [];
        const { action, tool, reason } = event.data;
        return [{ action, tool, reason }];
      }),
    },
    decisions: decidedIn(done, events),
    questions: openQuestionsOf(session, done, phase),
    parameters: Object.assign({}, ...done.map(({ facts }) => facts)),
    context: { wrote, read: pathsOf(done.flatMap(({ read = [] }) => read)).filter((path) => !wrote.includes(path)) },
    next: nextOf(session, phase),
  };
};

const AFTERWARDS = {
  submitted: { action: 'gate', does: 'The gate judges the work', after: [] },
  abandoned: { action: 'attempt', does: 'A new attempt begins with a ticket of its own', after: [] },
  returned: { action: 'handoff', does: 'Whoever offered the action goes on with it', after: [] },
  reversed: { action: 'handoff', does: 'Whoever offered the action has it back, undone', after: [] },
  cancelled: { action: 'none', does: 'Nothing: the work was called off', after: [] },
};

const nextOf = ({ status, completed }: Told, { actions }: PipelinePhase): Bundle['next'] => {
  if (status !== 'open') return [AFTERWARDS[status]];
  const pending = actions.filter(({ id }) => !completed.has(id));
  if (pending.length === 0) return [{ action: 'submit', does: 'Submit the work', after: [] }];
  return pending.map(({ id, title, needs }) => ({
    action: id,
    does: title,
    after: needs.filter((need) => !completed.has(need)),
  }));
};

export interface Kept {
  readonly kept: number;
  readonly of: number;
}
export type Retention = Readonly<Record<'decisions' | 'questions' | 'parameters', Kept>>;

/** How much of what a session's events say is in a bundle, field by field: nothing is searched for in prose. */
export const retentionOf = (bundle: Bundle, events: readonly SessionEvent[], phase: PipelinePhase): Retention => {
  const session = events.reduce<Session>(evolveSession, UNKNOWN);
  const done = session.status === 'unknown' ? [] : completionsOf(session, events);
  const facts = new Map(done.flatMap((completed) => Object.entries(completed.facts)));
  const asked = session.status === 'unknown' ? [] : openQuestionsOf(session, done, phase);
  const decided = decidedIn(done, events);
  return {
    decisions: keptIn(bundle.decisions, decided),
    questions: keptIn(bundle.questions, asked),
    parameters: keptIn(Object.entries(bundle.parameters), [...facts]),
  };
};

const keptIn = (bundled: readonly unknown[], all: readonly unknown[]): Kept => ({
  kept: all.filter((one) => bundled.some((other) => sameValue(one, other))).length,
  of: all.length,
});

export interface Measured {
  readonly tokens: number;
  readonly sourceTokens: number;
}

/** Why a bundle is no good; empty when it is. `events` are those of the session, all of them. */
export const bundleProblems = (
  bundle: Bundle,
  events: readonly SessionEvent[],
  phase: PipelinePhase,
  { tokens, sourceTokens }: Measured,
): readonly string[] => {
  const ratio = sourceTokens / tokens;
  const lost = Object.entries(retentionOf(bundle, events, phase)).filter(([, { kept, of }]) => kept < of);
  const { sourceVersion } = bundle.metadata;
  return [
    sourceVersion !== events.length &&
      `it tells of version ${sourceVersion}, and the session stands at ${events.length}`,
    tokens > BUNDLE_TOKENS_MAX && `it has ${tokens} tokens, and ${BUNDLE_TOKENS_MAX} are allowed`,
    sourceTokens >= COMPRESSED_FROM_TOKENS &&
      ratio < COMPRESSION_LEAST &&
      `it condenses ${sourceTokens} tokens to ${tokens}, and ${COMPRESSION_LEAST} to 1 is the least`,
    ...lost.map(([what, { kept, of }]) => `it has ${kept} of ${of} ${what}`),
    bundle.next.length === 0 && 'it says nothing of what comes next',
  ].filter((problem) => problem !== false);
};
