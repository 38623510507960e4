import type {
  Agent,
  Allowance,
  Artifact,
  Check,
  EventOf,
  Facts,
  Isolation,
  Mode,
  Phase,
  Retrospective,
  Usage,
  WorkPhase,
} from '@vt/contracts';
import type { Digest, TicketId, TrainId } from '@vt/kernel';
import type { Permissions } from './permissions.ts';
import type { LawPolicies } from './pipeline.ts';
import type { FailureKind } from './session.ts';

/** A bundle that was made and kept: its digest, what it tells of, and how much it condenses. */
export type BundleRef = Omit<EventOf<'BundleSaved'>['data'], 'trainId' | 'ticketId' | 'phase'>;

type Completed = EventOf<'ActionCompleted'>['data'];
/** What an action has to say beside its files and facts. */
export type Notes = Readonly<Pick<Completed, 'decisions' | 'questions' | 'learnings' | 'improvements' | 'read'>>;

/** What whoever begins a session says of it. */
interface Begun {
  readonly trainId: TrainId;
  readonly phase: Phase;
  readonly cycle: number;
  readonly attempt: number;
  readonly agent: Agent;
  readonly mode: Mode;
  readonly permissions: Permissions;
  /** Signatures of what earlier attempts failed with. */
  readonly earlierFailures: readonly string[];
  readonly fence: number;
}

export type SessionCommand = { readonly ticketId: TicketId } & (
  | (Begun & {
      readonly type: 'StartSession';
      readonly allowance?: Allowance | undefined;
      /** Actions that come before the plan is accepted; without it, there is no plan. */
      readonly beforePlan?: EventOf<'SessionStarted'>['data']['beforePlan'];
    })
  /** Another claimant takes over: its fence must be higher, and its bundle must tell of everything that happened. */
  | { readonly type: 'ResumeSession'; readonly bundle: BundleRef; readonly fence: number }
  /** Nothing goes on by a bundle that leaves something out: the attempt ends, and the next one begins anew. */
  | {
      readonly type: 'RejectBundle';
      readonly bundle: Digest;
      readonly problems: readonly string[];
      readonly fence: number;
    }
  /** The claimant lets it go, and leaves a bundle for whoever has it next. */
  | { readonly type: 'PauseSession'; readonly reason: string; readonly bundle: BundleRef; readonly fence: number }
  /** The gate of the work phase before lets it through. */
  | {
      readonly type: 'EnterWorkPhase';
      readonly workPhase: WorkPhase;
      /** Ids of the actions that the pipeline requires of the work phase before. */
      readonly required: readonly string[];
      /** What the gate of the work phase before found. */
      readonly checks: readonly Check[];
      readonly bundle: BundleRef;
      readonly fence: number;
    }
  /** An action found out what its plan, or its research, does not know. */
  | {
      readonly type: 'SendBack';
      readonly to: WorkPhase;
      readonly action: string;
      readonly reason: string;
      readonly bundle: BundleRef;
      /** In case that it was sent back too often. */
      readonly retrospective?: Retrospective;
      readonly fence: number;
    }
  | { readonly type: 'StartAction'; readonly action: string; readonly tool: string; readonly fence: number }
  /** What it starts from is told by a bundle of everything that happened. */
  | {
      readonly type: 'OfferHandoff';
      readonly action: string;
      readonly tool: string;
      readonly to: Agent;
      /** Actions that the pipeline says it needs. */
      readonly needs: readonly string[];
      /** Whether it may be done again when nobody knows whether it was done. */
      readonly repeatable: boolean;
      readonly bundle: BundleRef;
      readonly openedOn: string;
      readonly fence: number;
    }
  /** Of the ticket that an offer named. */
  | (Begun & {
      readonly type: 'AcceptHandoff';
      readonly of: TicketId;
      readonly action: string;
      readonly from: Agent;
      readonly bundle: Digest;
      /** Why nobody can begin by the bundle; empty when one can. */
      readonly problems: readonly string[];
    })
  | {
      readonly type: 'CompleteAction';
      readonly action: string;
      readonly tool: string;
      readonly artifacts: readonly Artifact[];
      readonly facts: Facts;
      readonly notes?: Notes;
      readonly usage: Usage;
      readonly isolation?: Isolation | undefined;
      /** The ticket of the agent that did it, where it was handed off. */
      readonly handoff?: TicketId | undefined;
      readonly result: Digest | null;
      readonly fence: number;
    }
  | {
      readonly type: 'FailAction';
      readonly action: string;
      readonly tool: string;
      /** Which try this was: `triesOf(session, action) + 1`. Makes the command repeatable. */
      readonly try: number;
      readonly kind: FailureKind;
      readonly reason: string;
      readonly usage: Usage;
      readonly isolation?: Isolation | undefined;
      readonly handoff?: TicketId | undefined;
      readonly fence: number;
    }
  | {
      readonly type: 'RefuseTool';
      readonly action: string;
      readonly tool: string;
      readonly call: string;
      readonly rule: string;
      readonly reason: string;
      /** An action is not completed without what it requires. */
      readonly required: boolean;
      readonly fence: number;
    }
  /** A person allowed it, whom a rule had asked. */
  | {
      readonly type: 'GrantTool';
      readonly action: string;
      readonly tool: string;
      readonly call: string;
      readonly rule: string;
      readonly by: string;
      readonly fence: number;
    }
  | {
      readonly type: 'SubmitWork';
      /** Ids of the actions that the train's pipeline requires of this phase. */
      readonly required: readonly string[];
      readonly outcome: string;
      readonly retrospective?: Retrospective;
      /** The train's pipeline's; the laws of an end are asked of whoever brings them. */
      readonly laws?: LawPolicies;
      readonly fence: number;
    }
  | {
      readonly type: 'Abandon';
      readonly reasons: readonly string[];
      readonly retrospective?: Retrospective;
      readonly fence: number;
    }
  /** Comes from the train, not from a claimant, and so bears no fence. */
  | { readonly type: 'Cancel'; readonly reason: string }
  /** Comes when the train has ended, and all work on it; bears no fence, because nobody works on it any more. */
  | {
      readonly type: 'Archive';
      readonly bundle: BundleRef;
      readonly laws: LawPolicies;
      readonly usage?: Usage | undefined;
    }
  /** Comes from a person. Whoever has the session loses it. */
  | { readonly type: 'RollBack'; readonly to: number; readonly reason: string; readonly by: string }
);

export type CommandOf<Type extends SessionCommand['type']> = Extract<SessionCommand, { type: Type }>;
