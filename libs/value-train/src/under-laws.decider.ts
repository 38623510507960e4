import type { EventOf } from '@vt/contracts';
import type { Decider } from '@vt/kernel';
import { LAWS, policyOf, REACTIONS_MAX } from './laws.ts';
import type { Pipeline } from './pipeline.ts';
import type { PipelineRef, Riding, Train, TrainEvent } from './train.ts';
import type { PausedCommand } from './under-pauses.decider.ts';

/** A command, and how many reactions of services led to it; absent: a person, the clock or work did. */
export type ReactingCommand = PausedCommand & { readonly depth?: number };

const REASON = `${LAWS['prevent-loops'].says} To mend it: ${LAWS['prevent-loops'].mend}; then unblock the train`;

/**
 * The rules of a train under the law that automation does not set itself off. What comes of too many reactions is not
 * carried out, but for holds, which let nothing pass, and the train is blocked; a person who unblocks it begins a chain
 * of their own. Where the pipeline only warns, it is carried out, and told of.
 */
export const underLaws = (
  pipelineOf: (ref: PipelineRef) => Pipeline,
  rules: Decider<Train, PausedCommand, TrainEvent>,
): Decider<Train, ReactingCommand, TrainEvent> => ({
  ...rules,
  decide: ({ depth = 0, ...command }, train) => {
    if (depth <= REACTIONS_MAX || train.status === 'unknown' || train.status === 'ended') {
      return rules.decide(command, train);
    }
    switch (policyOf('prevent-loops', pipelineOf(train.pipeline).laws)) {
      case 'off':
        return rules.decide(command, train);
      case 'warn': {
        const events = rules.decide(command, train);
        // Once for each chain, and not for each of its steps.
        return events.length > 0 && depth === REACTIONS_MAX + 1 ? [...events, ...lawBroken(train)] : events;
      }
      case 'enforce': {
        const { trainId, phase } = train;
        // A hold that is forgotten would let a train pass that is unblocked; one that stands too long, nobody.
        const held =
          command.type === 'PlaceHold' ? rules.decide(command, train).filter(({ type }) => type === 'HoldPlaced') : [];
        if (train.status === 'blocked') return held;
        return [...held, ...lawBroken(train), { type: 'TrainBlocked', data: { trainId, phase, reasons: [REASON] } }];
      }
    }
  },
});

/** Of a train that has no ticket yet there is none to name. */
const lawBroken = ({ trainId, phase, tickets }: Riding): EventOf<'LawBroken'>[] =>
  [...tickets].slice(-1).map((ticketId) => ({
    type: 'LawBroken',
    data: { trainId, ticketId, phase, law: 'prevent-loops', reason: LAWS['prevent-loops'].says },
  }));
