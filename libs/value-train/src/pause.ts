import { Agent, FLEET, type CommandName, type PauseScope } from '@vt/contracts';
import type { TenantId } from '@vt/kernel';
import { TicketId } from '@vt/kernel';
import { offerOf } from './handoff.ts';

/** What is paused. The subject is a ticket, a train or an agent, as the scope says; else it is empty. */
export interface Paused {
  readonly scope: PauseScope;
  readonly subject: string;
}

/** A pause that stands. */
export interface Pause extends Paused {
  readonly by: string;
  readonly reason: string;
}

/** executed: it has its effect now; held: it has it when the last pause that covers it is lifted; refused: it has none. */
export type PauseAnswer = 'executed' | 'held' | 'refused';

export interface Stimulus {
  /** What comes. */
  readonly what: string;
  readonly under: Readonly<Record<PauseScope, PauseAnswer>>;
  /** What a pause leaves of it, and what lifting it does with that. */
  readonly then: string;
}

const everywhere = (answer: PauseAnswer): Stimulus['under'] => ({
  session: answer,
  ticket: answer,
  train: answer,
  agent: answer,
  tenant: answer,
  fleet: answer,
});
/** Pauses of a session and of an agent are about work; what is decided about it goes on. */
const whereTrainsStand = (answer: PauseAnswer): Stimulus['under'] => ({
  ...everywhere(answer),
  session: 'executed',
  agent: 'executed',
});

/** What a pause does to whatever comes, for each scope. The rules and the adapters ask it; the reference is made of it. */
export const PAUSE_TABLE = {
  claim: {
    what: 'an agent looks for its next ticket',
    under: everywhere('held'),
    then: 'The ticket stays in its place in the queue, and is claimed from there.',
  },
  step: {
    what: 'the next action of a session at work',
    under: everywhere('held'),
    then: 'The session is handed back, and goes on at the first action that is not completed.',
  },
  result: {
    what: 'an action that was running when the pause came ends',
    under: everywhere('executed'),
    then: 'Its result is recorded and metered, once; the action is not done again.',
  },
  handoff: {
    what: 'an agent looks for what another one offers it',
    under: everywhere('held'),
    then: 'The offer stands, and is accepted from its place in the queue.',
  },
  handback: {
    what: 'what was handed off goes back to the session that offered it',
    under: everywhere('held'),
    then: 'It is recorded where it was done; the session that offered it is claimed, and goes on with it, once.',
  },
  retry: {
    what: 'another try of an action that failed',
    under: everywhere('held'),
    then: 'It is tried again; the tries before the pause count.',
  },
  submission: {
    what: "a ticket's work is submitted",
    under: whereTrainsStand('held'),
    then: 'The gate judges at once and lets nothing pass; it judges again, and the train goes on.',
  },
  failure: {
    what: "a ticket's work fails at its gate",
    under: whereTrainsStand('held'),
    then: 'The attempt has failed; the ticket of the next one is opened.',
  },
  abandonment: {
    what: "a ticket's work is given up",
    under: whereTrainsStand('held'),
    then: 'The attempt has failed; the ticket of the next one is opened.',
  },
  approval: {
    what: 'a person agrees at a gate',
    under: everywhere('executed'),
    then: 'It counts from now on; the gate that it may open is held like a submission.',
  },
  refusal: {
    what: 'a person does not agree at a gate, or asks for changes',
    under: everywhere('executed'),
    then: 'The attempt has failed; the next one is held like that of work that failed.',
  },
  office: {
    what: 'a person gives somebody a role on a train, or takes it from them',
    under: everywhere('executed'),
    then: 'Who may speak is who has the role from now on; the gate that it may open is held like a submission.',
  },
  delegation: {
    what: 'a person lets another speak in their stead, or ends that',
    under: everywhere('executed'),
    then: 'It counts from now on.',
  },
  waiver: {
    what: 'a person waives a check',
    under: everywhere('executed'),
    then: 'It counts from now on; the gate that it may open is held like a submission.',
  },
  force: {
    what: 'a person forces a gate',
    under: everywhere('executed'),
    then: 'Everything unmet is waived from now on; the gate is held like a submission.',
  },
  settlement: {
    what: 'a person settles what a waiver covered',
    under: everywhere('executed'),
    then: 'The hold of the waiver is lifted; the gate that it may open is held like a submission.',
  },
  verdict: {
    what: 'a service outside reports its signed verdict',
    under: everywhere('executed'),
    then: 'It counts from now on; the gate that it may open is held like a submission.',
  },
  escalation: {
    what: 'silence at a gate is escalated',
    under: everywhere('executed'),
    then: 'The time of people goes on.',
  },
  timeout: {
    what: 'silence at a gate becomes a no',
    under: everywhere('executed'),
    then: 'The attempt has failed; the next one is held like that of work that failed.',
  },
  expiry: {
    what: "a person's agreement expires",
    under: everywhere('executed'),
    then: 'It counts no more, and the person is asked again.',
  },
  return: {
    what: 'the time of a delegation is over',
    under: everywhere('executed'),
    then: 'The delegate has no voice any more; who delegated it has.',
  },
  end: {
    what: 'a waiver ends',
    under: everywhere('executed'),
    then: 'What it covered is looked at again; what is unmet holds the train.',
  },
  event: {
    what: 'a risk becomes critical or is settled, by what happens or by a person',
    under: everywhere('executed'),
    then: 'The hold is placed or lifted; what that may set going is held like a submission.',
  },
  budget: {
    what: 'money is spent or reserved, a budget is exhausted, or a person sets one',
    under: everywhere('executed'),
    then: 'It is metered, or set aside; a budget that is exhausted, or has too little left, pauses the train besides, which no other resume lifts.',
  },
  start: {
    what: 'a person puts a project on a pipeline',
    under: { ...everywhere('executed'), tenant: 'held', fleet: 'held' },
    then: 'The train is there, and gets its first ticket.',
  },
  unblock: {
    what: 'a person gives a blocked phase another try',
    under: { ...whereTrainsStand('held'), ticket: 'executed' },
    then: 'The train is no longer blocked, and gets its next ticket.',
  },
  renewal: {
    what: 'a person gives work that is stuck at its gate another try',
    under: whereTrainsStand('held'),
    then: 'The gate waits for that work no more, and the train gets its next ticket.',
  },
  answer: {
    what: 'a person does what a session waits for',
    under: everywhere('held'),
    then: 'The answer is kept; the session is claimed, and goes on with it.',
  },
  rollback: {
    what: 'a person takes a session back',
    under: everywhere('executed'),
    then: 'The session is what it was; it is claimed, and goes on from there, when it is not covered any more.',
  },
  abort: {
    what: 'a person ends the train',
    under: everywhere('executed'),
    then: 'The train has ended, and its session is cancelled; nothing is left to resume.',
  },
  pause: {
    what: 'a person pauses in another scope',
    under: everywhere('executed'),
    then: 'Both pauses hold what they cover.',
  },
  again: {
    what: 'a person pauses what is paused already',
    under: everywhere('refused'),
    then: 'The first pause stands, with its reason.',
  },
  resume: {
    what: 'a person lifts one of several pauses',
    under: everywhere('executed'),
    then: 'That pause is gone; the others hold what they cover.',
  },
} as const satisfies Readonly<Record<string, Stimulus>>;
export type StimulusName = keyof typeof PAUSE_TABLE;

/** Under which rows of the table a command of a person or of a service outside comes. */
export const ROWS_OF_COMMANDS: Readonly<Record<CommandName, readonly StimulusName[]>> = {
  'train.start': ['start'],
  'train.pause': ['pause', 'again'],
  'train.resume': ['resume'],
  'train.abort': ['abort'],
  'train.unblock': ['unblock', 'renewal'],
  'pause.place': ['pause', 'again'],
  'pause.lift': ['resume'],
  'approval.grant': ['approval'],
  'approval.refuse': ['refusal'],
  'approver.appoint': ['office'],
  'approver.dismiss': ['office'],
  'approval.delegate': ['delegation'],
  'approval.undelegate': ['delegation'],
  'waiver.grant': ['waiver'],
  'gate.force': ['force'],
  'waiver.settle': ['settlement'],
  'verdict.report': ['verdict'],
  'task.complete': ['answer'],
  'session.rollback': ['rollback'],
  'risk.raise': ['event'],
  'risk.mitigate': ['event'],
  'risk.accept': ['event'],
  'risk.close': ['event'],
  'budget.set': ['budget'],
};

/** What a pause of this scope does to a stimulus that it covers. */
export const underPause = (stimulus: StimulusName, scope: PauseScope): PauseAnswer =>
  PAUSE_TABLE[stimulus].under[scope];

/** Names a pause among those of its tenant: `tenant`, `agent:lab`. */
export const pauseKey = ({ scope, subject }: Paused): string => (subject === '' ? scope : `${scope}:${subject}`);

/** In words, for people. */
export const pauseWords = ({ scope, subject, by, reason }: Pause): string =>
  `the ${scope}${subject === '' ? '' : ` ${subject}`} is paused by ${by}: ${reason}`;

/** Why this can not be paused; undefined when it can. */
export const pauseProblem = ({ scope, subject }: Paused, tenant: TenantId): string | undefined => {
  switch (scope) {
    case 'session':
    case 'ticket':
      return TicketId.safeParse(subject).success ? undefined : `${scope}: give the id of a ticket as the subject`;
    case 'agent':
      return Agent.safeParse(subject).success ? undefined : `agent: give one of ${Agent.options.join(', ')}`;
    case 'train':
      return 'a train has a pause of its own: pause the train';
    case 'tenant':
    case 'fleet':
      if (subject !== '') return `${scope}: it has no subject`;
      return (tenant === FLEET) === (scope === 'fleet') ? undefined : 'the fleet is paused for the tenant fleet, alone';
  }
};

/** A ticket's work, or what of it was handed off, of the tenant whose pause or the fleet's it is. */
export interface Work {
  readonly agent: string;
  readonly trainId: string;
  readonly ticketId: string;
}

/** Whether a pause covers this work. */
export const coversWork = ({ scope, subject }: Paused, { agent, trainId, ticketId }: Work): boolean => {
  switch (scope) {
    case 'session':
    case 'ticket':
      return subject === ticketId || subject === offerOf(ticketId)?.of;
    case 'train':
      return subject === trainId;
    case 'agent':
      return subject === agent;
    case 'tenant':
    case 'fleet':
      return true;
  }
};

const PREFIX = 'pause:';
/** The source of the hold by which a pause that is wider or narrower than a train is written down on it. */
export const pauseSource = (pause: Paused): string => `${PREFIX}${pauseKey(pause)}`;
/** The key of the pause that a hold comes from; undefined when it comes from something else. */
export const pauseOfSource = (source: string): string | undefined =>
  source.startsWith(PREFIX) ? source.slice(PREFIX.length) : undefined;
