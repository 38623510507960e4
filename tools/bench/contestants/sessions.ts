import type { Servers } from '../ledger-process.ts';

export const STEPS = 18;

/** The database is empty. */
export interface SessionLoad extends Servers {
  /** A folder that the contestant may write to. */
  readonly folder: string;
  readonly inFlight: number;
}

/** Keeps so many sessions of STEPS trivial durable actions going until it is closed; calls `did` for every action. */
export type OpenSessions = (load: SessionLoad, did: () => void) => Promise<{ close(): Promise<void> }>;

/** Begins a session as soon as one has ended, until the answer is called; it then waits for those that are going. */
export function keepGoing(inFlight: number, ride: (nth: number) => Promise<unknown>): () => Promise<void> {
  let [begun, stopped] = [0, false];
  const lane = async () => {
    while (!stopped) await ride((begun += 1));
  };
  const lanes = Promise.all(Array.from({ length: inFlight }, lane));
  return async () => {
    stopped = true;
    await lanes;
  };
}
