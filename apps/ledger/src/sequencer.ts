import type { Log } from '@vt/messaging';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS_FIRST = 5;
const POLL_MS_MAX = 50;
/** Positions are given out so far apart: a commit for each event would cost more than the events. */
const GATHER_MS = 2;
const OUTAGE_MS = 500;

export interface SequencerOptions {
  /** Gives waiting events their positions; answers how many, 0 also while another candidate is at it. */
  readonly sequence: () => Promise<number>;
  /** There are new positions in the log. */
  readonly onSequenced: () => void;
  readonly log: Log;
}

/** Gives appended events their places in the global log as soon as it hears of them, or finds them. */
export class Sequencer {
  private readonly options: SequencerOptions;
  private wakeUp = Promise.withResolvers<void>();

  constructor(options: SequencerOptions) {
    this.options = options;
  }

  /** There may be something to sequence. */
  wake(): void {
    this.wakeUp.resolve();
  }

  async run(stop: AbortSignal): Promise<void> {
    stop.addEventListener('abort', () => this.wake(), { once: true });
    let pollMs = POLL_MS_FIRST;
    while (!stop.aborted) {
      try {
        // Whoever wakes us from now on may mean what this batch does not have.
        this.wakeUp = Promise.withResolvers();
        if ((await this.options.sequence()) > 0) {
          this.options.onSequenced();
          pollMs = POLL_MS_FIRST;
          await delay(GATHER_MS);
        }
        await this.idle(pollMs);
        pollMs = Math.min(pollMs * 2, POLL_MS_MAX);
      } catch (error) {
        this.options.log.warn({ err: error }, 'nothing can be sequenced now, trying again');
        await delay(OUTAGE_MS, undefined, { signal: stop }).catch(() => undefined);
      }
    }
  }

  /** Polling finds what a doorbell that was lost did not tell. */
  private async idle(pollMs: number): Promise<void> {
    const poll = setTimeout(() => this.wake(), pollMs);
    await this.wakeUp.promise;
    clearTimeout(poll);
  }
}
