import type { DomainEvent, EventOf } from '@vt/contracts';

export interface Offices {
  /** Who has which role. */
  readonly approvers: readonly { readonly role: string; readonly name: string }[];
  /** Who speaks in whose stead. */
  readonly delegations: readonly Pick<EventOf<'ApprovalDelegated'>['data'], 'role' | 'from' | 'to' | 'until'>[];
}

const OF_OFFICES = ['ApproverAppointed', 'ApproverDismissed', 'ApprovalDelegated', 'DelegationEnded'] as const;
export type OfficeEvent = EventOf<(typeof OF_OFFICES)[number]>;

export const isOfOffices = (event: DomainEvent): event is OfficeEvent => OF_OFFICES.some((type) => type === event.type);

/** What an event does to who may speak at the gates of a train. */
export function withOffices<State extends Offices>(state: State, event: OfficeEvent): State {
  const { approvers, delegations } = state;
  switch (event.type) {
    case 'ApproverAppointed': {
      const { role, name } = event.data;
      return { ...state, approvers: [...approvers, { role, name }] };
    }
    case 'ApproverDismissed': {
      const { role, name } = event.data;
      return { ...state, approvers: approvers.filter((each) => each.role !== role || each.name !== name) };
    }
    case 'ApprovalDelegated': {
      const { role, from, to, until } = event.data;
      return { ...state, delegations: [...delegations, { role, from, to, until }] };
    }
    case 'DelegationEnded': {
      const { role, from } = event.data;
      return { ...state, delegations: delegations.filter((each) => each.role !== role || each.from !== from) };
    }
  }
}
