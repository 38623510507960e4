import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { OwnStation, type RunningCommand } from './testing/own-station.ts';

// A waiver of the tutorial ends by itself, which the script waits for.
jest.setTimeout(180_000);

const TUTORIAL = resolve(import.meta.dirname, '../../../docs/tutorials/governance');
const station = new OwnStation();
let up: RunningCommand;
beforeAll(async () => {
  up = await station.up({ PIPELINES: join(TUTORIAL, 'pipelines') });
}, 120_000);
afterAll(async () => {
  await up.interrupt();
  station.remove();
}, 60_000);

/** What is another at each ride. */
const VARIES: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<train>'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '<moment>'],
  [/sha256:[0-9a-f]{12}/g, 'sha256:<digest>'],
  [/\b[0-9a-f]{12}\b/g, '<evidence>'],
  [/ +(\d+ min )?[\d.]+ m?s$/gm, '  <time>'],
  [/^( +(events|streams|positions): +)\d+$/gm, '$1<count>'],
];

it('rides the script of the tutorial, which answers what the tutorial says', async () => {
  const child = spawn('bash', [join(TUTORIAL, 'ride.sh')], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], VT_HOME: station.home, KEY: 'well', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [code] = (await once(child, 'close')) as [number | null];
  const told = VARIES.reduce((text, [pattern, name]) => text.replace(pattern, name), said).trim();
  const [, expected] = /```text\n([^]*?)\n```/.exec(readFileSync(join(TUTORIAL, 'README.md'), 'utf8')) ?? [];
  expect({ code, told }).toEqual({ code: 0, told: expected });
});
