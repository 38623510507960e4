/** What to do about events, as one pure function for each type of interest. The keys are the subscription. */
export type Reactions<Event extends { type: string }, Command> = {
  readonly [Type in Event['type']]?: (event: Extract<Event, { type: Type }>) => readonly Command[];
};

export const react = <Event extends { type: string }, Command>(
  reactions: Reactions<Event, Command>,
  event: Event,
): readonly Command[] => {
  // The key and the argument have the same type by construction, which the compiler cannot follow.
  const reaction = reactions[event.type as Event['type']] as ((event: Event) => readonly Command[]) | undefined;
  return reaction?.(event) ?? [];
};
