import type { Agent, EventOf } from '@vt/contracts';
import type { PipelinePhase } from './pipeline.ts';
import type { SessionEvent } from './session.ts';

/** An event of a session, and when it was recorded, in milliseconds. */
export interface Timed {
  readonly atMs: number;
  readonly event: SessionEvent;
}

export interface OrchestratedAction {
  readonly action: string;
  /** Who did it. */
  readonly by: Agent;
  /** 1 for what needs nothing; else one more than the latest of what it needs. */
  readonly wave: number;
  /** Milliseconds that the try took by which it was completed. */
  readonly wallMs: number;
  /** Milliseconds of tries that failed before. */
  readonly lostMs: number;
  /** Milliseconds that it took to hand it off and back, beside the work; 0 for what was not handed off. */
  readonly handoffMs: number;
}

/** How the actions of a session came about in time. */
export interface Orchestration {
  readonly actions: readonly OrchestratedAction[];
  readonly waves: number;
  /** Milliseconds from the begin of the first completed action to the end of the last. */
  readonly wallMs: number;
  /** What one after the other would have taken: the sum of all. */
  readonly sequentialMs: number;
  /** The longest way through what needs what: what no number of hands could have been faster than. */
  readonly criticalMs: number;
  readonly criticalPath: readonly string[];
}

/** A completion; when its work began to be waited for, and when it was there. */
type Completed = EventOf<'ActionCompleted'>['data'] & { readonly beganAt: number; readonly endedAt: number };

/** Measured by what each action recorded of itself; undefined while nothing is completed. */
export const orchestrationOf = (
  { actions: declared }: Pick<PipelinePhase, 'actions'>,
  events: readonly Timed[],
): Orchestration | undefined => {
  const done = new Map<string, Completed>();
  const offeredAt = new Map<string, number>();
  const lost = new Map<string, number>();
  for (const { atMs, event } of events) {
    if (event.type === 'HandoffOffered') offeredAt.set(event.data.handoff, atMs);
    if (event.type === 'ActionCompleted') {
      const { action, usage, handoff = '' } = event.data;
      const beganAt = Math.min(offeredAt.get(handoff) ?? atMs, atMs - usage.wallMs);
      done.set(action, { ...event.data, beganAt, endedAt: atMs });
    }
    if (event.type === 'ActionFailed') {
      const { action, usage } = event.data;
      lost.set(action, (lost.get(action) ?? 0) + usage.wallMs);
    }
    if (event.type === 'SessionRolledBack') for (const action of event.data.undone) done.delete(action);
    if (event.type === 'WorkPhaseEntered') for (const action of event.data.sentBack?.undone ?? []) done.delete(action);
  }
  const completed = declared.filter(({ id }) => done.has(id));
  if (completed.length === 0) return undefined;
  const msOf = (id: string) => done.get(id)!.usage.wallMs;
  // What is completed is declared, and so is what it needs, which was completed before it.
  const needsOf = new Map(declared.map(({ id, needs }) => [id, needs]));
  const waveOf = (id: string): number => 1 + Math.max(0, ...needsOf.get(id)!.map(waveOf));
  const pathTo = (id: string): readonly string[] => {
    const ways = needsOf.get(id)!.map(pathTo);
    return [...longest(ways, msOf), id];
  };
  const criticalPath = longest(
    completed.map(({ id }) => pathTo(id)),
    msOf,
  );
  const all = [...done.values()];
  const rows = completed.map(({ id }) => {
    const { agent: by, handoff, usage, beganAt, endedAt } = done.get(id)!;
    const handoffMs = handoff === undefined ? 0 : endedAt - beganAt - usage.wallMs;
    return { action: id, by, wave: waveOf(id), wallMs: usage.wallMs, lostMs: lost.get(id) ?? 0, handoffMs };
  });
  return {
    actions: rows,
    waves: Math.max(...rows.map(({ wave }) => wave)),
    wallMs: Math.max(...all.map(({ endedAt }) => endedAt)) - Math.min(...all.map(({ beganAt }) => beganAt)),
    sequentialMs: rows.reduce((sum, { wallMs }) => sum + wallMs, 0),
    criticalMs: criticalPath.reduce((sum, id) => sum + msOf(id), 0),
    criticalPath,
  };
};

const longest = (ways: readonly (readonly string[])[], msOf: (id: string) => number): readonly string[] => {
  const lengthOf = (way: readonly string[]) => way.reduce((sum, id) => sum + msOf(id), 0);
  return ways.toSorted((one, other) => lengthOf(other) - lengthOf(one))[0] ?? [];
};
