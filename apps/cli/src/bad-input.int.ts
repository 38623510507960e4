import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { platform } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { parse } from 'yaml';
import { OwnStation, type RunningCommand } from './testing/own-station.ts';

// 200 MB are written, sent and read.
jest.setTimeout(120_000);

const MB = 1_000_000;
const DEMO = resolve(import.meta.dirname, '../demo');
const CHARTER = readFileSync(join(DEMO, 'charter.yaml'), 'utf8');
const WEATHER = readFileSync(join(DEMO, 'seattle-weather.csv'), 'utf8').replaceAll('\r\n', '\n');
const LINES = WEATHER.trimEnd().split('\n');

/** The weather with line `number`, from 1, put otherwise. */
const withLine = (number: number, put: (line: string) => string) =>
  LINES.with(number - 1, put(LINES[number - 1]!)).join('\n');
/** The weather with another column. */
const withColumn = (name: string, field: string) =>
  LINES.map((line, index) => `${line},${index === 0 ? name : field}`).join('\n');

interface Case {
  readonly what: string;
  readonly data?: string | Buffer;
  readonly charter?: (text: string) => string;
  /** Of the charter, where the data is not named so. */
  readonly file?: string;
  readonly says: RegExp;
}

const CASES: readonly Case[] = [
  {
    what: 'a target column that is missing',
    charter: (text) => text.replace('column: precipitation', 'column: precipitations'),
    says: /weather\.csv, column precipitations, line 1: the target column is not in the file; the file has: date, precipitation, .*did you mean precipitation\?/,
  },
  {
    what: 'a column in which nothing is known',
    data: withColumn('humidity', ''),
    says: /weather\.csv, column humidity: every row is empty; fill it, or list it in data\.exclude/,
  },
  {
    what: 'one class only',
    data: LINES.map((line) => line.replace(/^([\d-]+),[\d.]+,/, '$1,0.0,')).join('\n'),
    says: /weather\.csv, column precipitation: every row has the value "0\.0"; bring rows with other outcomes/,
  },
  {
    what: 'one class only in what is held out',
    charter: (text) => text.replace('ahead: 1, above: 0', 'ahead: 1, above: 54'),
    says: /weather\.csv, column precipitation: rows 732 to 1096 \(held-out part\) have only the outcome no; bring more rows, or change/,
  },
  {
    what: '10 rows',
    data: LINES.slice(0, 11).join('\n'),
    says: /weather\.csv, column precipitation: only 9 of 10 rows have a known target; at least 100 are needed/,
  },
  {
    what: 'text that is not UTF-8',
    data: Buffer.from(
      withLine(33, (line) => line.replace(/[a-z]+$/, 'brüllend')),
      'latin1',
    ),
    says: /weather\.csv, line 33: byte \d+ \(0xfc\) is not UTF-8; save the file as UTF-8/,
  },
  {
    what: 'a row with a field too many, and one with one too few',
    data: LINES.with(699, `${LINES[699]!},more`)
      .with(899, LINES[899]!.replace(/,[a-z]+$/, ''))
      .join('\n'),
    says: /weather\.csv, line 700: 7 fields where the first line has 6; .*\n.*line 900: 5 fields/,
  },
  {
    what: 'dates that do not parse',
    data: withLine(35, (line) => line.replace(/^[\d-]+/, '03.02.2012')),
    says: /weather\.csv, column date, line 35: "03\.02\.2012" is not a date or time; write dates as 2015-12-31/,
  },
  {
    what: 'a number to be predicted that is a word',
    data: withLine(12, (line) => line.replace(/^([\d-]+),[\d.]+,/, '$1,much,')),
    says: /weather\.csv, column precipitation, line 12: the target must be a number, and "much" is not/,
  },
  { what: 'an empty file', data: '', says: /weather\.csv.*: .*empty/ },
  { what: 'a header alone', data: `${LINES[0]!}\n`, says: /weather\.csv, column precipitation: only 0 of 0 rows/ },
  {
    what: 'a picture',
    data: Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]),
    says: /weather\.csv.*: .+; .+/,
  },
  {
    what: 'a name that says Parquet over text that is not',
    file: 'weather.parquet',
    says: /weather\.parquet.*: .*Parquet.*; .+/,
  },
  {
    what: 'two columns of one name',
    data: withColumn('wind', '1'),
    says: /weather\.csv, column wind, line 1: two columns have this name; rename one of them/,
  },
  {
    what: 'a charter with a field that nobody knows',
    charter: (text) => text.replace('baseline: persistence', 'base-line: persistence'),
    says: /charter\.yaml:\d+:\d+ base-line: .*; did you mean "baseline"\?/,
  },
  {
    what: 'a criterion that nothing can meet',
    charter: (text) => text.replace('atLeast: 0.75', 'atLeast: 1.75'),
    says: /charter\.yaml:\d+:\d+ success\[0\]: roc-auc is never above 1, so it can not be at least 1\.75; /,
  },
  {
    what: 'a charter without somebody who may approve',
    charter: (text) => text.replace('  - { role: release-manager, name: Paul Brandt }\n', ''),
    says: /^charter\.approvals: the gate of deployment needs 1 release-manager, and there is none/,
  },
  {
    what: 'a budget in a currency without prices',
    charter: (text) => text.replace("amount: '50.00', currency: USD", "amount: '50.00', currency: CHF"),
    says: /^charter\.budget\.currency: the budget is in CHF, but prices are in USD/,
  },
];

describe('bad input', () => {
  const station = new OwnStation();
  let up: RunningCommand;
  beforeAll(async () => {
    up = await station.up();
  });
  afterAll(async () => {
    await up.interrupt();
    station.remove();
  });

  const noTrain = async () => expect(await station.json('train', 'list')).toEqual([]);

  it.each(CASES)(
    'is refused before a train starts: $what',
    async ({ what, data = WEATHER, charter = (text) => text, file = 'weather.csv', says }) => {
      const folder = join(station.folder, what.replaceAll(/\W+/g, '-'));
      mkdirSync(folder);
      writeFileSync(join(folder, file), data);
      writeFileSync(join(folder, 'charter.yaml'), charter(CHARTER.replace('seattle-weather.csv', file)));
      const said = await station.vt('train', 'start', join(folder, 'charter.yaml'));
      expect(said).toMatchObject({ code: 2, out: '', err: expect.stringMatching(says) });
      await noTrain();
    },
  );

  it.each<[string, (charter: Record<string, unknown>) => unknown, string, RegExp]>([
    [
      'a field that nobody knows',
      (charter) => ({ ...charter, colour: 'red' }),
      '/charter/colour',
      /unknown field colour: remove it/,
    ],
    ['no charter', () => undefined, '/charter', /./],
    [
      'a criterion out of reach',
      (charter) => ({ ...charter, success: [{ metric: 'f1', atLeast: 2 }] }),
      '/charter/success/0',
      /f1 is never above 1/,
    ],
  ])('is refused by the API with the place: %s', async (_, change, pointer, detail) => {
    const charter = change(parse(CHARTER) as Record<string, unknown>);
    const answer = await station.post('/v1/trains', { charter });
    expect([400, 422]).toContain(answer.status);
    expect(await answer.json()).toMatchObject({
      errors: expect.arrayContaining([{ pointer, detail: expect.stringMatching(detail) }]),
    });
    await noTrain();
  });

  it('is found at the end of 200 MB, while the station goes on answering and never holds it all', async () => {
    const charter = join(station.folder, 'large.yaml');
    // Without a time column, for which eight bytes a row are kept.
    writeFileSync(
      charter,
      CHARTER.replace('seattle-weather.csv', 'weather.csv')
        .replace('ahead: 1, ', '')
        .replace('time: date', 'exclude: [date]')
        .replace('baseline: persistence', 'baseline: majority'),
    );
    const before = peakOf(station.address.pid);
    expect(await refuseLarge(200 * MB, charter)).toBeGreaterThan(10);
    // Whoever held all of it would need its 200 MB beside the 110 that a file of 50 MB takes, too.
    expect(peakOf(station.address.pid) - before).toBeLessThan(240 * MB);
    await noTrain();
  });

  /** How often the station answered while it refused so large a file. */
  async function refuseLarge(bytes: number, charter: string) {
    const lines = await writeLarge(join(station.folder, 'weather.csv'), bytes);
    const { url } = station.address;
    let [answered, ended] = [0, false];
    const starting = station.vt('train', 'start', charter).finally(() => (ended = true));
    while (!ended) {
      expect((await fetch(`${url}/health/live`)).status).toBe(200);
      answered += 1;
      await delay(50);
    }
    expect(await starting).toMatchObject({
      code: 2,
      err: expect.stringContaining(`weather.csv, line ${lines}: 2 fields where the first line has 6`),
    });
    return answered;
  }
});

/** Bytes that a process has had in memory at most; 0 where nobody tells. */
const peakOf = (pid: number) =>
  platform === 'linux'
    ? Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1_024
    : 0;

/** Days without an end, and a last line that is cut off; answers how many lines there are. */
async function writeLarge(file: string, bytes: number): Promise<number> {
  const out = createWriteStream(file);
  out.write(`${LINES[0]!}\n`);
  let [written, lines] = [0, 1];
  while (written < bytes) {
    // A minute each from 1970 on, ten thousand to a chunk.
    const chunk = Array.from({ length: 10_000 }, (_, at) => {
      const minute = new Date((lines + at) * 60_000).toISOString();
      return `${minute},${(lines + at) % 3},${at % 40},${at % 20},${at % 7}.5,rain\n`;
    }).join('');
    lines += 10_000;
    written += chunk.length;
    if (!out.write(chunk)) await once(out, 'drain');
  }
  out.end('1999-01-01,cut\n');
  await once(out, 'close');
  return lines + 1;
}
