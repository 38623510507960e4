import { expect } from '@jest/globals';
import { fold, Rejection, type Decider } from '@vt/kernel';

/** `specify(decider)` reads as the rule it checks: given what happened, when asked, then this follows. */
export const specify = <State, Command, Event extends { type: string }>(decider: Decider<State, Command, Event>) => {
  /** What happens when these commands come one after the other. */
  const after = (...commands: readonly Command[]): Event[] =>
    commands.reduce<Event[]>(
      (history, command) => [...history, ...decider.decide(command, fold(decider, history))],
      [],
    );

  const given = (...history: readonly Event[]) => ({
    when: (command: Command) => {
      const decide = () => decider.decide(command, fold(decider, history));
      return {
        then: (...events: readonly Event[]) => expect(decide()).toEqual(events),
        /** Only the types, for rules about what follows and not about what it says. */
        thenTypes: (...types: readonly Event['type'][]) => expect(decide().map(({ type }) => type)).toEqual(types),
        thenNothing: () => expect(decide()).toEqual([]),
        thenRejected: (code: string) => expect(decide).toThrow(expect.objectContaining({ name: Rejection.name, code })),
      };
    },
  });

  return { after, given };
};
