import { once } from 'node:events';
import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { predict, type Model } from './inference.ts';
import type { Jobs } from './thread-jobs.ts';

// Built files have another extension than sources, as which tests load them.
const FILE = join(import.meta.dirname, `thread-jobs${extname(import.meta.filename)}`);

/**
 * Does one of the jobs that last, in a thread of its own, so that leases are renewed and questions answered meanwhile.
 * What goes in and comes out is copied. Its CPU time is that of this process. A signal ends the thread in its middle.
 * @throws what the job throws; the signal's reason
 */
export const inThread = async <Job extends keyof Jobs>(
  signal: AbortSignal,
  job: Job,
  ...args: Parameters<Jobs[Job]>
): Promise<ReturnType<Jobs[Job]>> => {
  signal.throwIfAborted();
  const worker = new Worker(FILE, { workerData: { job, args } });
  try {
    const [answer] = (await once(worker, 'message', { signal })) as [ReturnType<Jobs[Job]>];
    return answer;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await worker.terminate();
  }
};

/** In a thread only where each row is compared with thousands: starting one takes longer than the other families do. */
export const predictAside = (
  signal: AbortSignal,
  model: Model,
  matrix: readonly (readonly number[])[],
): readonly number[] | Promise<readonly number[]> =>
  model.family === 'nearest-neighbours' ? inThread(signal, 'predict', model, matrix) : predict(model, matrix);
