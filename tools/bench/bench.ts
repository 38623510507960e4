// Speed beside peers, and against targets: `npm run bench [-- --write]`. ONLY=regex picks sections; ROUNDS, MS,
// EVENTS and TRAINS shorten a run; PROFILE=folder keeps a processor profile of each process that worked.
import { openBench, type Bench } from './context.ts';
import { machineOf, tableOf, writeDocument, type Row } from './report.ts';
import { append } from './sections/append.ts';
import { engine } from './sections/engine.ts';
import { gates } from './sections/gates.ts';
import { rebuild } from './sections/rebuild.ts';
import { relay } from './sections/relay.ts';
import { session } from './sections/session.ts';
import { slowCommit } from './sections/slow-commit.ts';
import { station } from './sections/station.ts';
import { buildQuietly } from '../steps.ts';

const SECTIONS: Readonly<Record<string, (bench: Bench) => Promise<readonly Row[]>>> = {
  append,
  'slow-commit': slowCommit,
  relay,
  rebuild,
  session,
  gates,
  engine,
  station,
};

const only = new RegExp(process.env['ONLY'] ?? '');
const write = process.argv.includes('--write');

buildQuietly();
const bench = await openBench();
const interrupted = () => void bench.close().then(() => process.exit(130));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupted);
try {
  const machine = await machineOf(bench.postgres);
  const rows: Row[] = [];
  for (const [name, section] of Object.entries(SECTIONS).filter(([name]) => only.test(name))) {
    bench.say(`▸ ${name}`);
    try {
      rows.push(...(await section(bench)));
    } catch (error) {
      // The others may still be measured; but a table with a gap is not for the document.
      console.error(error);
      process.exitCode = 1;
    }
  }
  const date = new Date().toISOString().slice(0, 10);
  const measured = `Measured on ${date}, ${bench.rounds} rounds. ${machine}\n\n${tableOf(rows)}`;
  console.log(measured);
  if (write && process.exitCode === undefined) await writeDocument(measured);
} finally {
  await bench.close();
}
