/** Where and when an event came to lie in the log, and who caused it. */
export interface ProjectionMeta {
  readonly position: number;
  readonly at: string;
  readonly actor: string;
}

/**
 * A view of the log, as rows. `keyOf` names the row that an event touches (undefined: none), `evolve` gives the row
 * after it. Neither may look at anything but its arguments, so a view can be rebuilt from the log at any time.
 */
export interface Projection<Event extends { type: string }, Row> {
  readonly name: string;
  /** Raise it when `evolve` changes: the runner then rebuilds the view beside the live one. */
  readonly version: number;
  readonly types: readonly Event['type'][];
  keyOf(event: Event, meta: ProjectionMeta): string | undefined;
  evolve(row: Row | undefined, event: Event, meta: ProjectionMeta): Row | undefined;
}
