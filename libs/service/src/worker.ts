import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';

export interface Running {
  /** Settles when the work ends; rejects when it ended by failing. */
  readonly finished: Promise<void>;
  stop(): Promise<void>;
}

/** Work that goes on until its signal says stop. */
export const runningUntilStopped = (work: (signal: AbortSignal) => Promise<void>): Running => {
  const stopping = new AbortController();
  const finished = work(stopping.signal);
  return {
    finished,
    stop: async () => {
      stopping.abort();
      await finished;
    },
  };
};

/** Ties background work to the life of the service: it starts and stops with it, and takes it down when it fails. */
export class Worker implements OnApplicationBootstrap, OnApplicationShutdown {
  private running: Running | undefined;
  private readonly start: () => Promise<Running> | Running;

  constructor(start: () => Promise<Running> | Running) {
    this.start = start;
  }

  async onApplicationBootstrap(): Promise<void> {
    this.running = await this.start();
    this.running.finished.catch((error: unknown) => {
      process.emitWarning(error instanceof Error ? error : String(error));
      process.exitCode = 1;
      process.kill(process.pid, 'SIGTERM');
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.running?.stop();
  }
}
