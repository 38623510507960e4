import type { PauseScope } from '@vt/contracts';
import { Agent, FLEET } from '@vt/contracts';
import type { TenantId } from '@vt/kernel';
import { TicketId } from '@vt/kernel';

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
  retry: {
    what: 'another try of an action that failed',
    under: everywhere('held'),
    then: 'It is tried again; the tries before the pause count.',
  },
  submission: {
    what: "a ticket's work is submitted or given up",
    under: whereTrainsStand('held'),
    then: 'The gate judges at once and lets nothing pass; it judges again, and the train goes on.',
  },
  approval: {
    what: "a person's word at a gate",
    under: everywhere('executed'),
    then: 'It counts from now on; the gate that it may open is held like a submission.',
  },
  verdict: {
    what: 'a service outside reports its signed verdict',
    under: everywhere('executed'),
    then: 'It counts from now on; the gate that it may open is held like a submission.',
  },
  timer: {
    what: 'a deadline of people comes: an approval is escalated or times out, a waiver ends',
    under: everywhere('executed'),
    then: 'Their time goes on; what that may set going is held like a submission.',
  },
  event: {
    what: 'a fact of another service: a risk became critical, or was settled',
    under: everywhere('executed'),
    then: 'The hold is placed or lifted; what that may set going is held like a submission.',
  },
  budget: {
    what: 'money is spent, a budget is exhausted or set',
    under: everywhere('executed'),
    then: 'It is metered; an exhausted budget pauses the train besides, which no other resume lifts.',
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
  answer: {
    what: 'a person does what a session waits for',
    under: everywhere('held'),
    then: 'The answer is kept; the session is claimed, and goes on with it.',
  },
  abort: {
    what: 'a person ends the train',
    under: everywhere('executed'),
    then: 'The train has ended, and its session is cancelled; nothing is left to resume.',
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

/** A ticket's work, of the tenant whose pause or the fleet's it is. */
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
      return subject === ticketId;
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
