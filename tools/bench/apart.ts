// Work in a process of its own: neither its heap nor what it does to the drivers' global settings reaches the others.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The default export of a module that works apart. Input and result go through JSON. */
export type Work<Input, Result> = (input: Input, stop: AbortSignal) => Promise<Result>;

export interface Apart<Result> {
  readonly pid: number;
  readonly result: Promise<Result>;
  /** Aborts the signal of the work, and waits until the process has ended. */
  stop(): Promise<void>;
}

/** Starts the work that `module` exports by default. With `profiles`, a folder, its processor time is profiled. */
export function startApart<Input, Result>(module: URL, input: Input, profiles?: string): Apart<Result> {
  const child = fork(fileURLToPath(import.meta.url), [module.href, JSON.stringify(input)], {
    execArgv: profiles ? ['--cpu-prof', `--cpu-prof-dir=${profiles}`] : [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const result = resultOf<Result>(child, module);
  // Whoever only stops the work does not look at its result.
  result.catch(() => undefined);
  return {
    pid: child.pid!,
    result,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.send('stop');
      await gone;
    },
  };
}

async function resultOf<Result>(child: ChildProcess, module: URL): Promise<Result> {
  let answer: { result: Result } | undefined;
  child.once('message', (message: { result: Result }) => (answer = message));
  const [code, signal] = await once(child, 'exit');
  if (answer) return answer.result;
  throw new Error(`${fileURLToPath(module)} ended with ${signal ?? code} and no result`);
}

if (import.meta.main) {
  const stopping = new AbortController();
  process.on('message', () => stopping.abort());
  // The parent is gone.
  process.on('disconnect', () => process.exit(1));
  // A terminal's Ctrl-C reaches us too, and is the parent's to handle.
  process.on('SIGINT', () => undefined);
  const [module, input] = process.argv.slice(2);
  const { default: work } = (await import(module!)) as { default: Work<unknown, unknown> };
  const result = await work(JSON.parse(input!), stopping.signal);
  process.send!({ result }, () => process.exit(0));
}
