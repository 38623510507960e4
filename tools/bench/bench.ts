// Speed beside peers, and against targets: `npm run bench [-- --write]`. ONLY=regex picks sections; ROUNDS, MS,
// EVENTS and TRAINS shorten a run; PROFILE=folder keeps a processor profile of each process that worked.
import { writeFileSync } from 'node:fs';
import { openBench, type Bench } from './context.ts';
import { machineOf, tableOf, writeDocument, type Row } from './report.ts';
import { append } from './sections/append.ts';
import { engine } from './sections/engine.ts';
import { rebuild } from './sections/rebuild.ts';
import { relay } from './sections/relay.ts';
import { session } from './sections/session.ts';
import { slowCommit } from './sections/slow-commit.ts';
import { buildQuietly } from '../steps.ts';

const SECTIONS: Readonly<Record<string, (bench: Bench) => Promise<readonly Row[]>>> = {
  append,
  'slow-commit': slowCommit,
  relay,
  rebuild,
  session,
  engine,
};

const only = new RegExp(process.env['ONLY'] ?? '');
const write = process.argv.includes('--write');

buildQuietly();
const bench = await openBench();
const interrupted = () => void bench.close().then(() => process.exit(130));
process.once('SIGINT', interrupted);
try {
  const machine = await machineOf(bench.postgres);
  const rows: Row[] = [];
  for (const [name, section] of Object.entries(SECTIONS)) {
    if (!only.test(name)) continue;
    bench.say(`▸ ${name}`);
    rows.push(...(await section(bench)));
  }
  const date = new Date().toISOString().slice(0, 10);
  const measured = `Measured on ${date}, ${bench.rounds} rounds. ${machine}\n\n${tableOf(rows)}`;
  writeFileSync(process.stdout.fd, `${measured}\n`);
  if (write) await writeDocument(measured);
} finally {
  process.off('SIGINT', interrupted);
  await bench.close();
}
