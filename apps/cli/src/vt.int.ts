import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startPostgres } from '@vt/servers';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Client } from 'pg';
import { OwnStation, until, type RunningCommand } from './testing/own-station.ts';

const CHARTER = resolve(import.meta.dirname, '../demo/charter.yaml');
const PIPELINE = resolve(import.meta.dirname, '../../../libs/profiles/src/ml-delivery/pipeline.yaml');
const BAD_PIPELINE = resolve(import.meta.dirname, '../../../libs/profiles/src/bad/unknown-agent.yaml');

// A station starts and stops in seconds, more of them on a busy machine.
jest.setTimeout(60_000);

interface Pending {
  readonly quote: string;
  readonly phase: string;
  readonly role: string;
  readonly evidence: readonly string[];
}

/** The commands in the order in which an operator comes to need them: each test goes on from the one before. */
const inOrder = (one: number, other: number) => one - other;

describe('vt', () => {
  const station = new OwnStation();
  let up: RunningCommand;
  let train: string;
  let olga: string;
  beforeAll(async () => {
    up = await station.up();
  }, 120_000);
  afterAll(async () => {
    await up.interrupt();
    station.remove();
  }, 60_000);

  const waiting = async (phase: string): Promise<Pending> => {
    let found: Pending | undefined;
    await until(`${phase} waits for an approval`, async () => {
      const pending = await station.json<Pending[]>('approvals', train);
      found = pending.find((each) => each.phase === phase);
      return found !== undefined;
    });
    return found!;
  };
  const shown = () =>
    station.json<{ status: string; phase: string | null; phases: { phase: string }[] }>('train', 'show', train);

  it('starts one train for one idempotency key', async () => {
    olga = (await station.json<{ key: string }>('keys', 'issue', 'Olga', 'admin')).key;
    const start = ['train', 'start', CHARTER, '--idempotency-key', 'once', '--api-key', olga];
    const [first, second] = [await station.json<{ trainId: string }>(...start), await station.json(...start)];
    expect(second).toEqual(first);
    train = first.trainId;
    expect(await station.json<unknown[]>('train', 'list')).toMatchObject([{ trainId: train, name: 'Rain tomorrow' }]);
    expect((await station.vt('train', 'list')).out).toMatch(
      new RegExp(`^train +name +status.*\n${train} +Rain tomorrow +running`),
    );
  });

  it('issues a key that may look and not steer', async () => {
    const { key, keyId } = await station.json<{ key: string; keyId: string }>('keys', 'issue', 'Vera', 'viewer');
    expect(await station.vt('train', 'show', train, '--api-key', key)).toMatchObject({ code: 0 });
    const refused = await station.vt('train', 'abort', train, '--reason', 'no', '--api-key', key);
    expect(refused).toMatchObject({ code: 4, out: '', err: expect.stringContaining('operator') });
    expect(await station.vt('keys', 'revoke', keyId)).toMatchObject({ code: 0 });
    expect(await station.vt('train', 'show', train, '--api-key', key)).toMatchObject({ code: 4 });
  });

  it('lists what waits for an approval, has it worked again when refused, and lets it pass when granted', async () => {
    const asked = await waiting('scope');
    expect(asked).toMatchObject({
      role: 'sponsor',
      evidence: expect.arrayContaining([expect.stringMatching(/^sha256:/)]),
    });
    const reject = ['reject', train, 'scope', '--as', 'Marta Lindqvist', '--reason', 'too dear'];
    expect(await station.vt(...reject)).toMatchObject({ code: 2, err: expect.stringContaining('--evidence') });
    expect(await station.vt(...reject, '--evidence', '0123456789ab')).toMatchObject({
      code: 4,
      err: expect.stringContaining(`now is ${asked.quote}`),
    });
    const refused = await station.vt(...reject, '--evidence', asked.quote);
    expect(refused).toMatchObject({ code: 0, out: 'scope: reject as sponsor: done\n' });

    const again = await waiting('scope');
    expect(await shown()).toMatchObject({
      phases: expect.arrayContaining([expect.objectContaining({ phase: 'scope', attempts: 2 })]),
    });
    const approve = ['approve', train, 'scope', '--evidence', again.quote];
    expect(await station.vt(...approve, '--as', 'Somebody Else')).toMatchObject({ code: 4 });
    expect(await station.vt(...approve, '--as', 'Marta Lindqvist', '--api-key', olga)).toMatchObject({
      code: 4,
      err: expect.stringContaining('Olga started this train, and may not pass on what others say about it'),
    });
    expect(await station.vt(...approve, '--as', 'Marta Lindqvist')).toMatchObject({ code: 0 });
    await waiting('pre-kickoff');
    expect(await station.vt('approve', train, 'scope')).toMatchObject({
      code: 3,
      out: '',
      err: expect.stringContaining('nothing waits'),
    });
  });

  it('pauses and goes on', async () => {
    expect(await station.vt('train', 'pause', train, '--reason', 'holiday')).toMatchObject({ code: 0 });
    expect(await shown()).toMatchObject({ status: 'paused' });
    expect(await station.vt('train', 'resume', train)).toMatchObject({ code: 0 });
    expect(await shown()).toMatchObject({ status: 'running' });
  });

  it('pauses in every scope, and says why nothing moves', async () => {
    for (const scope of [['--train', train], ['--agent', 'onboarder'], ['--tenant'], ['--fleet']]) {
      expect(await station.vt('pause', ...scope, '--reason', 'incident 42')).toMatchObject({ code: 0 });
    }
    expect(await station.vt('pause', '--fleet', '--reason', 'twice')).toMatchObject({
      code: 4,
      err: expect.stringContaining('the fleet is paused already'),
    });
    expect(await station.vt('pause', '--reason', 'nothing')).toMatchObject({
      code: 2,
      err: expect.stringContaining('pause what?'),
    });
    const { out } = await station.vt('pauses');
    expect(out.split('\n').map((line) => line.split(/ +/)[0])).toEqual([
      'scope',
      'fleet',
      'train',
      'agent',
      'tenant',
      '',
    ]);
    const { out: told } = await station.vt('train', 'show', train);
    for (const what of ['fleet', 'train', 'agent onboarder', 'tenant']) {
      expect(told).toMatch(new RegExp(`the ${what} is paused by admin since .*: incident 42`));
    }
    for (const scope of [['--train', train], ['--agent', 'onboarder'], ['--tenant'], ['--fleet']]) {
      expect(await station.vt('resume', ...scope)).toMatchObject({ code: 0 });
    }
    expect((await station.vt('pauses')).out).toBe('none\n');
  });

  it('lists and fetches the files of a train', async () => {
    const files = await station.json<{ path: string; accepted: boolean; phase: string | null }[]>(
      'artifacts',
      'list',
      train,
    );
    expect(files.map(({ path }) => path)).toEqual(expect.arrayContaining(['charter.json', 'planning/sow.md']));
    expect(await station.vt('artifacts', 'get', train, '--to', 'files')).toMatchObject({ code: 0 });
    const tree = readdirSync(join(station.folder, 'files', 'cycle-1'), { recursive: true, withFileTypes: true });
    const accepted = files.filter((file) => file.accepted && file.phase !== null);
    expect(tree.filter((entry) => entry.isFile())).toHaveLength(accepted.length);
    expect(readFileSync(join(station.folder, 'files', 'cycle-1', 'planning', 'sow.md'), 'utf8')).toContain(
      'Marta Lindqvist',
    );
  });

  it('shows risks and costs', async () => {
    expect(await station.vt('risks', train)).toMatchObject({ code: 0 });
    const costs = await station.json('costs', train);
    expect(costs).toMatchObject({
      budget: { budget: { amount: '50.00', currency: 'USD' } },
      byPhase: expect.arrayContaining([expect.objectContaining({ phase: 'opportunity' })]),
    });
    expect((await station.vt('costs', train)).out).toMatch(/^opportunity +\d+ ms +USD 0\.\d+/m);
  });

  it('shows what a gate decided, and proves it offline by an export of the train', async () => {
    const shown = await station.vt('gate', 'show', train, 'scope', '--attempt', '2');
    expect(shown).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^The gate of scope, lap 1, attempt 2: passed\n/),
    });
    expect(shown.out).toContain('Marta Lindqvist agreed as sponsor');
    expect(shown.out).toMatch(/✓ criterion:\S+/);
    const receipt = (await station.vt('gate', 'show', train, 'scope', '--json')).out;
    expect((await station.vt('gate', 'show', train, 'scope', '--json')).out).toBe(receipt);
    writeFileSync(join(station.folder, 'receipt.json'), receipt);
    expect(await station.vt('train', 'export', train, '--to', 'train.jsonl')).toMatchObject({ code: 0 });
    const verify = ['gate', 'verify', 'receipt.json', 'train.jsonl'];
    expect(await station.json(...verify)).toMatchObject({
      ok: true,
      decision: expect.stringContaining('the gate of scope'),
    });

    const bundle = readFileSync(join(station.folder, 'train.jsonl'), 'utf8');
    writeFileSync(join(station.folder, 'train.jsonl'), bundle.replace('"too dear"', '"too late"'));
    expect(await station.vt(...verify)).toMatchObject({
      code: 1,
      out: expect.stringMatching(/✗ line \d+: train-\S+, ApprovalRefused of scope, lap 1, attempt 1: its hash is not/),
    });
    expect(await station.vt('gate', 'verify', 'receipt.json', 'none.jsonl')).toMatchObject({ code: 2 });
    expect(await station.vt('gate', 'show', train, 'deployment')).toMatchObject({ code: 3 });
  });

  it('tells what a changed policy would have decided', async () => {
    const policy = readFileSync(PIPELINE, 'utf8');
    writeFileSync(join(station.folder, 'same.yaml'), policy);
    expect(await station.json('gate', 'replay', '--policy', 'same.yaml')).toMatchObject({ flipped: 0 });
    writeFileSync(join(station.folder, 'new.yaml'), policy.replace('- role: sponsor', '- role: operator'));
    const replayed = await station.vt('gate', 'replay', '--policy', 'new.yaml');
    expect(replayed).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d would flip of \d attempts on 1 train; nothing was changed\n/),
    });
    expect(replayed.out).toContain('approval:operator: not asked → pending');
    expect(await station.vt('gate', 'replay', '--policy', BAD_PIPELINE)).toMatchObject({
      code: 2,
      err: expect.stringContaining('did you mean "ops"?'),
    });
  });

  it('passes on no verdict that nobody waits for', async () => {
    writeFileSync(
      join(station.folder, 'ci.pem'),
      generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
    );
    const verdict = ['gate', 'verdict', train, 'pre-kickoff', '--verifier', 'ci', '--outcome', 'pass', '--key'];
    expect(await station.vt(...verdict, 'ci.pem')).toMatchObject({
      code: 3,
      err: expect.stringContaining('has no verifier ci'),
    });
    expect(await station.vt(...verdict, 'same.yaml')).toMatchObject({
      code: 2,
      err: expect.stringContaining('openssl genpkey'),
    });
    expect(await station.vt('gate', 'verdict', train, 'scope', ...verdict.slice(4), 'ci.pem')).toMatchObject({
      code: 3,
    });
  });

  it('aborts a train, and watches one to its end', async () => {
    expect(await station.vt('train', 'abort', train, '--reason', 'enough seen')).toMatchObject({ code: 0 });
    const watched = await station.vt('train', 'watch', train);
    expect(watched).toMatchObject({ code: 1, out: 'aborted\n' });
    for (const line of [
      /scope: onboarder at work, attempt 2$/m,
      /scope: Marta Lindqvist did not agree as sponsor, as admin passed it on: too dear$/m,
      /train paused: holiday$/m,
      /train aborted: enough seen$/m,
    ]) {
      expect(watched.err).toMatch(line);
    }
    expect(await station.vt('train', 'pause', train, '--reason', 'late')).toMatchObject({ code: 4, out: '' });
  });

  it('prints the log, one event a line, to its end', async () => {
    const { out, code } = await station.vt('events', 'tail', '--once', '--json');
    const events = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { position: number; type: string });
    expect(code).toBe(0);
    // All but those of the fleet, which was paused and resumed.
    expect(events).toHaveLength(events.at(-1)!.position - 2);
    expect(events.map(({ position }) => position)).toEqual(events.map(({ position }) => position).toSorted(inOrder));
    const some = await station.vt('events', 'tail', '--once', '--types', 'TrainStarted,TrainAborted', '--after', '1');
    expect(
      some.out
        .trimEnd()
        .split('\n')
        .map((line) => line.trim().split(/ +/)[2]),
    ).toEqual(['TrainStarted', 'TrainAborted']);
  });

  it('proves the log, and finds one byte that a superuser changed', async () => {
    const proved = await station.vt('audit', 'verify');
    expect(proved).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^✓ the event store verifies\n {2}events: \d+\n/),
    });

    // The station's own server, which is adopted and goes on.
    const { url } = await startPostgres(join(station.home, 'postgres'));
    const superuser = new Client({ connectionString: url });
    await superuser.connect();
    try {
      await superuser.query('alter table es.event disable trigger all');
      await superuser.query(
        `update es.event set bytes = overlay(bytes placing chr(ascii(substr(bytes, 21, 1)) # 1) from 21 for 1)
          where stream = $1 and version = 2`,
        [`train-${train}`],
      );
    } finally {
      await superuser.end();
    }
    const found = await station.vt('audit', 'verify');
    expect(found.code).toBe(1);
    expect(found.out).toMatch(/^✗ the event store does not verify\n/);
    expect(found.out).toContain(`train-${train}@2: `);
    expect(await station.json('audit', 'verify')).toMatchObject({ ok: false });
  });

  it('ends with a code that scripts can rely on', async () => {
    const nobody = '00000000-0000-4000-8000-000000000000';
    const cases: readonly (readonly [number, readonly string[]])[] = [
      [2, ['bogus']],
      [2, ['train', 'start', 'none.yaml']],
      [2, ['train', 'show', 'not-an-id']],
      [2, ['train', 'start', CHARTER, '--pipeline', 'none']],
      [2, ['pipeline', 'validate', BAD_PIPELINE]],
      [3, ['train', 'show', nobody]],
      [3, ['train', 'watch', nobody]],
      [4, ['train', 'list', '--api-key', 'vt_nobody']],
      [5, ['train', 'list', '--url', 'http://127.0.0.1:9']],
    ];
    for (const [code, args] of cases) {
      const said = await station.vt(...args);
      expect([args, said.code, said.err.split('\n')[0] === '' && said.out === '']).toEqual([args, code, false]);
      // A reason for a person, never the inside of the program.
      expect(said.err).not.toMatch(/\bat .*:\d+:\d+\)?$/m);
    }
    expect((await station.vt('pipeline', 'validate', BAD_PIPELINE)).out).toMatch(/unknown-agent\.yaml:\d+:\d+ .*; /);
    expect(await station.json<unknown[]>('train', 'list')).toHaveLength(1);
  });

  it('refuses a second station in the same folder, and says where the first is', async () => {
    const second = await station.vt('up');
    expect(second).toMatchObject({
      code: 1,
      err: expect.stringContaining(`a station runs here already: ${station.address.url}`),
    });
  });

  it('stops by Ctrl-C, says that nobody is there, and goes on with what was there', async () => {
    expect(await up.interrupt()).toMatchObject({ code: 0, err: expect.stringMatching(/stopped\n$/) });
    expect(existsSync(join(station.home, 'postgres', 'data', 'postmaster.pid'))).toBe(false);
    expect(await station.vt('train', 'list')).toMatchObject({ code: 5, err: expect.stringContaining('vt up') });
    writeFileSync(join(station.home, 'station.json'), '{"url": "http://127');
    expect(await station.vt('train', 'list')).toMatchObject({
      code: 5,
      err: expect.stringMatching(/^no station runs/),
    });

    up = await station.up();
    expect(await station.json('train', 'show', train)).toMatchObject({ status: 'aborted' });
  });
});
