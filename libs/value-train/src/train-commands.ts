import type { Allowance, Artifact, Check, Facts, Money, Phase } from '@vt/contracts';
import type { Instant, TicketId, TrainId } from '@vt/kernel';
import type { Observed } from './criteria.ts';
import type { Saying } from './train-approvals.ts';
import type { Reporting } from './train-verdicts.ts';
import type { Waiving } from './train-waivers.ts';
import type { PipelineRef } from './train.ts';

/** `at`: when it is carried out. What was due by then is done first; without it, nothing is ever due. */
export type TrainCommand = {
  readonly trainId: TrainId;
  readonly at?: Instant;
  /** With whose key a person's word came, where that was somebody else. */
  readonly passedOnBy?: string;
} & (
  | {
      readonly type: 'StartTrain';
      readonly name: string;
      readonly client: string;
      readonly pipeline: PipelineRef;
      readonly inputs: readonly Artifact[];
      readonly budget: Money | null;
      readonly approvers: readonly { readonly role: string; readonly name: string }[];
      readonly by: string;
    }
  | {
      readonly type: 'JudgeWork';
      readonly ticketId: TicketId;
      readonly artifacts: readonly Artifact[];
      readonly facts: Facts;
      /** Ids of the completed actions. */
      readonly checklist: readonly string[];
      readonly outcome: string;
      /** What the inspection of the artifacts found: `artifact:<path>` for each. What was not inspected holds the gate. */
      readonly checks: readonly Check[];
      /** What other streams said at that moment; the event keeps it, so that nobody need look again. */
      readonly observed: Observed;
    }
  /** Other streams say something else now: a gate that is held judges again by it. */
  | { readonly type: 'Observe'; readonly observed: Observed }
  /** The word of a verifier outside, whose signature was verified. */
  | ({ readonly type: 'ReportVerdict' } & Reporting)
  | { readonly type: 'AcceptAbandonment'; readonly ticketId: TicketId; readonly reasons: readonly string[] }
  | ({ readonly type: 'GrantApproval' } & Saying)
  | ({ readonly type: 'RefuseApproval'; readonly revise?: boolean } & Saying)
  | { readonly type: 'AppointApprover'; readonly role: string; readonly name: string; readonly by: string }
  | {
      readonly type: 'DismissApprover';
      readonly role: string;
      readonly name: string;
      readonly reason: string;
      readonly by: string;
    }
  | {
      readonly type: 'DelegateApproval';
      readonly role: string;
      readonly from: string;
      readonly to: string;
      readonly until: Instant;
      readonly reason: string;
      readonly by: string;
    }
  | {
      readonly type: 'EndDelegation';
      readonly role: string;
      readonly from: string;
      readonly to: string;
      readonly by: string;
    }
  | ({ readonly type: 'GrantWaiver' } & Waiving)
  | {
      readonly type: 'SettleWaiver';
      readonly waiverId: string;
      readonly as: 'mended' | 'accepted';
      readonly reason: string;
      readonly role: string;
      readonly by: string;
    }
  /** Does what is due; what ended is judged again by what other streams say now. */
  | { readonly type: 'Tick'; readonly observed?: Observed }
  | {
      readonly type: 'PlaceHold';
      /** Id of what holds: a risk; or `budget`, which pauses the train besides. */
      readonly source: string;
      readonly reason: string;
      readonly phases: readonly Phase[];
    }
  /** What a ticket asked for was reserved. */
  | { readonly type: 'AcceptReservation'; readonly ticketId: TicketId; readonly allowance: Allowance }
  | { readonly type: 'LiftHold'; readonly source: string; readonly reason: string }
  | { readonly type: 'Pause' | 'Abort' | 'Unblock'; readonly by: string; readonly reason: string }
  | { readonly type: 'Resume'; readonly by: string }
);

export type CommandOf<Type extends TrainCommand['type']> = TrainCommand & { readonly type: Type };
