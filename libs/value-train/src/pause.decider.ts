import type { EventOf } from '@vt/contracts';
import type { Decider } from '@vt/kernel';
import { pauseKey, type Pause } from './pause.ts';

export type PauseEvent = EventOf<'PausePlaced' | 'PauseLifted'>;
type OtherScope = PauseEvent['data']['scope'];

export type PauseCommand = Omit<Pause, 'scope'> & { readonly scope: OtherScope } & (
    | {
        readonly type: 'PlacePause';
        /** It pauses once, however often services are started with it. */
        readonly incident: string | null;
      }
    | { readonly type: 'LiftPause' }
  );

export interface Pauses {
  /** By their keys. */
  readonly standing: ReadonlyMap<string, Pause>;
  readonly incidents: ReadonlySet<string>;
}

/** The rules of the pauses of a tenant, but for those of its trains. Their stream belongs to the conductor. */
export const pauseDecider: Decider<Pauses, PauseCommand, PauseEvent> = {
  initial: { standing: new Map(), incidents: new Set() },
  decide: (command, { standing, incidents }) => {
    const { scope, subject, by, reason } = command;
    const isStanding = standing.has(pauseKey(command));
    if (command.type === 'LiftPause') {
      return isStanding ? [{ type: 'PauseLifted', data: { scope, subject, by, reason } }] : [];
    }
    const { incident } = command;
    // An incident is written down even when the fleet is paused already: it must not pause it again after that.
    const isKnown = incident === null ? isStanding : incidents.has(incident);
    return isKnown ? [] : [{ type: 'PausePlaced', data: { scope, subject, by, reason, incident } }];
  },
  evolve: ({ standing, incidents }, { type, data }) => {
    const key = pauseKey(data);
    const others = [...standing].filter(([other]) => other !== key);
    if (type === 'PauseLifted') return { standing: new Map(others), incidents };
    const { scope, subject, by, reason, incident } = data;
    return {
      standing: new Map([...others, [key, { scope, subject, by, reason }]]),
      incidents: incident === null ? incidents : new Set([...incidents, incident]),
    };
  },
};
