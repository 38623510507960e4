import { TenantId, type Positioned } from '@vt/kernel';
import { z } from 'zod';
import * as access from './access.events.ts';
import * as cost from './cost.events.ts';
import * as pause from './pause.events.ts';
import * as risk from './risk.events.ts';
import * as serving from './serving.events.ts';
import * as session from './session.events.ts';
import * as train from './train.events.ts';

/** Every event of the platform. A new event is added to its file and to this list, and nowhere else. */
export const DomainEvent = z.discriminatedUnion('type', [
  train.TrainStarted,
  train.PhaseEntered,
  train.TicketOpened,
  train.AllowanceRequested,
  train.AllowanceGranted,
  train.GateEvaluated,
  train.VerdictReported,
  train.ApprovalRequested,
  train.ApprovalGranted,
  train.ApprovalRefused,
  train.ApprovalBecameStale,
  train.ApprovalEscalated,
  train.ApprovalTimedOut,
  train.ApproverAppointed,
  train.ApproverDismissed,
  train.ApprovalDelegated,
  train.DelegationEnded,
  train.WaiverGranted,
  train.WaiverEnded,
  train.WaiverSettled,
  train.PhaseCompleted,
  train.CycleStarted,
  train.TrainBlocked,
  train.TrainUnblocked,
  train.TrainPaused,
  train.TrainResumed,
  train.TrainAborted,
  train.TrainArchived,
  train.TrainCompleted,
  train.HoldPlaced,
  train.HoldLifted,
  session.SessionStarted,
  session.SessionResumed,
  session.SessionPaused,
  session.SessionRolledBack,
  session.BundleSaved,
  session.BundleRejected,
  session.WorkPhaseEntered,
  session.ActionStarted,
  session.ActionCompleted,
  session.ActionFailed,
  session.HandoffOffered,
  session.HandoffWithdrawn,
  session.HandoffAccepted,
  session.HandoffReturned,
  session.HandoffReversed,
  session.SpiralDetected,
  session.ToolRefused,
  session.ToolGranted,
  session.WorkSubmitted,
  session.LawBroken,
  session.AllowanceReturned,
  session.WorkAbandoned,
  session.SessionCancelled,
  session.SessionArchived,
  risk.RiskRaised,
  risk.RiskRescored,
  risk.RiskBecameCritical,
  risk.RiskMitigated,
  risk.RiskSettled,
  cost.SpendRecorded,
  cost.BudgetSet,
  cost.BudgetWarned,
  cost.BudgetExhausted,
  cost.SpendReserved,
  cost.ReservationRefused,
  cost.ReservationReleased,
  access.ApiKeyIssued,
  access.ApiKeyRevoked,
  serving.ModelServerRevived,
  pause.PausePlaced,
  pause.PauseLifted,
]);
export type DomainEvent = z.infer<typeof DomainEvent>;
export type DomainEventType = DomainEvent['type'];
export type EventOf<Type extends DomainEventType> = Extract<DomainEvent, { type: Type }>;

export const EVENT_TYPES: readonly DomainEventType[] = DomainEvent.options.map(({ shape }) => shape.type.value);

/** First word of a stream's name: who owns it is a matter of this word. */
export type StreamKind = 'train' | 'session' | 'risk' | 'spend' | 'access' | 'serving' | 'pause';

export const trainStream = (trainId: string) => `train-${trainId}`;
export const sessionStream = (ticketId: string) => `session-${ticketId}`;
export const riskStream = (trainId: string) => `risk-${trainId}`;
export const spendStream = (trainId: string) => `spend-${trainId}`;
export const servingStream = (trainId: string) => `serving-${trainId}`;
export const ACCESS_STREAM = 'access-keys';
/** The pauses of a tenant, but for those of its trains; and of the fleet, in a tenant that is nobody's. */
export const PAUSE_STREAM = 'pause-scopes';
export const FLEET: TenantId = TenantId.parse('fleet');

const kebab = (name: string) => name.replace(/(?<!^)[A-Z]/g, '-$&').toLowerCase();

/** `vt.event.<tenant>.<event-type>.<stream>`: one type with `vt.event.*.gate-evaluated.>`, one tenant with `vt.event.<tenant>.>`. */
export const subjectOf = ({ tenant, stream, event }: Pick<Positioned, 'tenant' | 'stream' | 'event'>) =>
  `vt.event.${tenant}.${kebab(event.type)}.${stream}`;
export const subjectOfType = (type: DomainEventType, tenant: TenantId | '*' = '*') =>
  `vt.event.${tenant}.${kebab(type)}.>`;
export const ALL_EVENTS = 'vt.event.>';
