import { requireNode } from '@vt/service';
import { Home } from './home.ts';

requireNode();
const home = new Home(process.env['VT_HOME'] ?? '.value-train');
const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stopping.abort());

try {
  const { LOG, startStation } = await import('./station.ts');
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const station = await startStation(home, { env: process.env, say, signal: stopping.signal });
  process.stderr.write(
    `Value Train is ready at ${station.url}; its key is in ${home.at('admin-key')}, its log in ${home.at(LOG)}\n`,
  );
  if (!stopping.signal.aborted) {
    await new Promise((resolve) => stopping.signal.addEventListener('abort', resolve, { once: true }));
  }
  await station.close();
  process.stderr.write('stopped\n');
  process.exit(0);
} catch (error) {
  if (stopping.signal.aborted) process.exit(130);
  process.stderr.write(`the station could not start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
