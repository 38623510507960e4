/**
 * A decider holds the rules of one kind of stream, as two pure functions.
 *
 * `decide` says what happens when a command meets a state. It returns no events when the command asks for what is
 * already so, which makes every command safe to repeat. `evolve` says what an event does to the state, and never
 * refuses.
 */
export interface Decider<State, Command, Event> {
  readonly initial: State;
  decide(command: Command, state: State): readonly Event[];
  evolve(state: State, event: Event): State;
}

export const fold = <State, Event>(
  { initial, evolve }: Pick<Decider<State, never, Event>, 'initial' | 'evolve'>,
  events: readonly Event[],
): State => events.reduce(evolve, initial);
