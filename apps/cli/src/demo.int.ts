import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { OwnStation, until, type RunningCommand } from './testing/own-station.ts';

// Whole rides, and a station that starts for each.
jest.setTimeout(180_000);

const DEMO = resolve(import.meta.dirname, '../demo');

interface Told {
  readonly trainId: string;
  readonly status: string;
  readonly heldFor: readonly string[];
  readonly blockedFor: readonly string[] | null;
  readonly phases: readonly { readonly id: string; readonly attempts: number; readonly verdict: string | null }[];
  readonly verified: boolean;
}

interface Kept {
  readonly kept: number;
  readonly of: number;
}

interface Condensed {
  readonly phase: string;
  readonly ticketId: string;
  readonly digest: string;
  readonly sourceTokens: number;
  readonly ratio: number;
  readonly problems: readonly string[];
  readonly retention: { readonly decisions: Kept; readonly questions: Kept; readonly parameters: Kept };
}

interface Listed {
  readonly status: string;
  readonly ended: string;
  readonly archive: { readonly bundle: string };
  readonly handedOff: object | null;
}

interface Compliance {
  readonly laws: readonly {
    readonly law: string;
    readonly checked: number;
    readonly waived: number;
    readonly violations: readonly unknown[];
  }[];
  readonly suggestions: readonly unknown[];
}

interface Reported {
  readonly wallMs: number;
  readonly sequentialMs: number;
  readonly criticalMs: number;
}

/** One journey: interrupted, held, freed and ridden to its end; and one that is honest about a failure. */
describe('vt demo', () => {
  const station = new OwnStation();
  let running: RunningCommand | undefined;
  let train: string;
  afterAll(async () => {
    running?.signal('SIGINT');
    await running?.ended;
    station.remove();
  });

  const demo = (...args: readonly string[]) => (running = station.start(['demo', ...args]));
  const says = (line: string) => until(line, () => running!.said.err.includes(line), running);
  const pid = () => station.address.pid;
  const told = (out: string) => JSON.parse(out) as Told;

  it('ends with 130 by Ctrl-C, and stops the station that it started', async () => {
    const riding = demo();
    await says('discovery: gate passed');
    riding.signal('SIGINT');
    expect(await riding.ended).toMatchObject({
      code: 130,
      out: '',
      err: expect.stringContaining('Interrupted. The same command goes on where it was.'),
    });
    expect(pid()).toBe(0);
  });

  it('goes on where it was; held by a critical risk, it ends with 1 and tells why', async () => {
    const riding = demo('--json');
    await says('readiness: gate passed');
    const [only, ...more] = await station.json<{ trainId: string }[]>('train', 'list');
    expect(more).toEqual([]);
    train = only!.trainId;
    const risk = { catalogue: 'R012', title: 'Leak', reason: 'a key was found', probability: 5, impact: 5 };
    const raised = await station.post(`/v1/trains/${train}/risks`, risk);
    expect(raised.ok).toBe(true);

    const { code, out, err } = await riding.ended;
    expect(code).toBe(1);
    expect(told(out)).toMatchObject({ trainId: train, status: 'running', verified: true });
    expect(told(out).heldFor).toEqual([expect.stringMatching(/^risk R012-\w+ scores 25 of 25, and 15 is critical$/)]);
    expect(err).toMatch(/risk R012 Leak: a key was found\n[^]*held by R012-\w+: /);
  });

  it('says the same again while nobody acts', async () => {
    const { code, out } = await demo().ended;
    expect(code).toBe(1);
    expect(out).toContain(`it goes on when somebody acts: vt risks ${train}`);
  });

  it('rides the same train to its end when somebody has acted', async () => {
    running = await station.up();
    const [risk] = await station.json<{ riskId: string }[]>('risks', train);
    expect(await station.vt('risk', 'close', train, risk!.riskId, '--reason', 'revoked')).toMatchObject({ code: 0 });
    running.signal('SIGINT');
    await running.ended;

    const { code, out } = await demo('--json').ended;
    expect({ code, ...told(out) }).toMatchObject({
      code: 0,
      trainId: train,
      status: 'completed',
      heldFor: [],
      verified: true,
    });
    expect(told(out).phases).toHaveLength(18);
    expect(told(out).phases.filter(({ verdict }) => verdict !== 'passed')).toEqual([]);
  });

  it('has sessions that condense to a fifth and less, where they are long, without losing what was decided', async () => {
    running = await station.up();
    const bundles = await station.json<Condensed[]>('session', 'bundle', train);
    expect(new Set(bundles.map(({ phase }) => phase)).size).toBe(18);
    expect(bundles.flatMap(({ problems }) => problems)).toEqual([]);
    const decided = bundles.flatMap(({ retention: { decisions, questions, parameters } }) => [
      decisions,
      questions,
      parameters,
    ]);
    expect(decided.filter(({ kept, of }) => kept !== of)).toEqual([]);
    for (const what of ['decisions', 'questions', 'parameters'] as const) {
      expect(bundles.some(({ retention }) => retention[what].of > 0)).toBe(true);
    }
    // Nobody rides any more: the agents put away what there is.
    const list = () => station.json<Listed[]>('session', 'list', train);
    await until('archived', async () => (await list()).every(({ status }) => status === 'archived'), running);
    const archived = await station.json<Condensed[]>('session', 'bundle', train);
    expect(archived).toEqual(bundles.map((bundle) => ({ ...bundle, archived: true })));
    const listed = await list();
    expect(listed.map(({ archive }) => archive.bundle)).toEqual(archived.map(({ digest }) => digest));
    for (const { ended, handedOff } of listed) expect(ended).toBe(handedOff ? 'returned' : 'submitted');
    expect(listed.filter(({ handedOff }) => handedOff)).toHaveLength(1);
    const long = bundles.filter(({ sourceTokens }) => sourceTokens >= 4_000);
    expect(long.length).toBeGreaterThan(3);
    expect(long.filter(({ ratio }) => ratio < 5)).toEqual([]);

    const { out } = await station.vt('session', 'bundle', train, 'training');
    expect(out).toMatch(/^training +1 +1 +\d+ +\d+ +\d+ +\d+\.\d:1 +2\/2 2\/2 18\/18$/m);
    expect(out).toMatch(/^ {2}decided: Candidate 1-/m);
    const { ticketId } = bundles.find(({ phase }) => phase === 'training')!;
    const log = await station.json<{ version: number; type: string }[]>('session', 'log', train, 'training');
    expect(log.map(({ version }) => version)).toEqual(log.map((_, index) => index + 1));
    const [report] = await station.json<Reported[]>('session', 'report', train, 'training');
    expect(report).toMatchObject({ phase: 'training', waves: 4 });
    // Clocks of events have milliseconds, those of actions are finer.
    expect(report!.wallMs).toBeGreaterThan(report!.criticalMs - 5);
    expect(report!.sequentialMs).toBeGreaterThanOrEqual(report!.criticalMs);
    expect((await station.vt('session', 'report', train, 'training')).out).toContain('search-models →');

    const { laws, suggestions } = await station.json<Compliance>('laws', train);
    expect(laws.map(({ law }) => law)).toHaveLength(7);
    expect(laws.flatMap(({ violations }) => violations)).toEqual([]);
    const learned = laws.find(({ law }) => law === 'extract-learnings')!;
    expect(learned.checked).toBe(bundles.length);
    expect(learned.waived).toBeLessThan(learned.checked);
    expect(suggestions.length).toBeGreaterThan(0);
    expect((await station.vt('laws', train)).out).toMatch(/^validate-before-execute +enforce +\d+ +0 +0 +kept$/m);

    const late = await station.vt('session', 'rollback', train, 'training', '--to', '2', '--reason', 'late');
    expect(late).toMatchObject({ code: 4, err: expect.stringContaining('is frozen') });
    expect(ticketId).toContain(train);
    running.signal('SIGINT');
    await running.ended;
  });

  it('ends with 1 where a criterion is not met, after three attempts, and names it', async () => {
    const charter = join(station.folder, 'charter.yaml');
    const shipped = readFileSync(join(DEMO, 'charter.yaml'), 'utf8');
    writeFileSync(
      charter,
      shipped
        .replace('atLeast: 0.75', 'atLeast: 0.99')
        .replace('file: seattle-weather.csv', `file: ${join(DEMO, 'seattle-weather.csv')}`),
    );
    const { code, out } = await demo('--json', '--charter', charter).ended;
    const summary = told(out);
    expect({ code, ...summary }).toMatchObject({ code: 1, status: 'blocked', verified: true });
    expect(summary.blockedFor!.join()).toContain('The candidate meets every success criterion');
    expect(summary.phases.find(({ id }) => id === 'validation')).toMatchObject({ attempts: 3, verdict: 'failed' });
    expect(summary.phases.find(({ id }) => id === 'deployment')).toMatchObject({ attempts: 0, verdict: null });
  });
});
