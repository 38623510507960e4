import { parentPort, workerData } from 'node:worker_threads';
import { importanceOf } from './evaluation/importance.ts';
import { predict } from './inference.ts';
import { fit } from './models/families.ts';
import { searchModels } from './models/search.ts';

const JOBS = { fit, importanceOf, predict, searchModels };
export type Jobs = typeof JOBS;

// Written by `inThread`, which has their types.
const { job, args } = workerData as { job: keyof Jobs; args: unknown[] };
parentPort?.postMessage((JOBS[job] as (...given: unknown[]) => unknown)(...args));
