import type { EventOf } from '@vt/contracts';
import type { Decider, TrainId } from '@vt/kernel';
import { pauseSource, pauseWords, underPause, type Pause } from './pause.ts';
import type { TrainCommand } from './train-commands.ts';
import type { Riding, Train, TrainEvent } from './train.ts';

/** A command, and the pauses of its tenant that stand while it is decided, but for those of trains. */
export type PausedCommand = TrainCommand & { readonly pauses?: readonly Pause[] };

/**
 * The rules of a train under pauses of other scopes. The first thing that is decided on a train under such a pause
 * writes it down there as a hold: gates wait for it like for any other, and lifting it sets the train going again.
 */
export const underPauses = (
  rules: Decider<Train, TrainCommand, TrainEvent>,
): Decider<Train, PausedCommand, TrainEvent> => ({
  ...rules,
  decide: ({ pauses = [], ...command }, train) => {
    const covering = pauses.filter((pause) => covers(pause, train));
    const again = covering.find((pause) => command.type === 'LiftHold' && command.source === pauseSource(pause));
    if (again && train.status !== 'unknown') return replaced(train, again);
    const placed = covering
      // Whether a train stands still under a pause is whether a submission does.
      .filter(({ scope }) => underPause('submission', scope) === 'held')
      .filter((pause) => train.status === 'unknown' || !train.holds.has(pauseSource(pause)))
      .map((pause) => placing(command.trainId, pause));
    if (placed.length === 0) return rules.decide(command, train);
    if (train.status === 'unknown') return startHeld(rules.decide(command, train), placed);
    const events = rules.decide(command, placed.reduce(rules.evolve, train));
    const after = events.reduce(rules.evolve, train);
    return events.length === 0 || after.status === 'ended' ? events : [...placed, ...events];
  },
});

const placing = (trainId: TrainId, pause: Pause): EventOf<'HoldPlaced'> => ({
  type: 'HoldPlaced',
  data: { trainId, source: pauseSource(pause), reason: pauseWords(pause), phases: [] },
});

/** Its pause was lifted, and placed again before the train could go on. */
function replaced({ trainId, holds }: Riding, pause: Pause): TrainEvent[] {
  const source = pauseSource(pause);
  if (!holds.has(source)) return [];
  const lifted: TrainEvent = { type: 'HoldLifted', data: { trainId, source, reason: 'the pause was lifted' } };
  return [lifted, placing(trainId, pause)];
}

/** A train that is put on its pipeline under a pause: all but its first ticket, and what that would ask for. */
const startHeld = (started: readonly TrainEvent[], placed: readonly TrainEvent[]): TrainEvent[] => [
  ...started.filter(({ type }) => type !== 'TicketOpened' && type !== 'AllowanceRequested'),
  ...placed,
];

function covers({ scope, subject }: Pause, train: Train): boolean {
  switch (scope) {
    case 'tenant':
    case 'fleet':
      return true;
    case 'ticket':
      return (train.status === 'working' || train.status === 'held') && train.ticket.ticketId === subject;
    default:
      return false;
  }
}
