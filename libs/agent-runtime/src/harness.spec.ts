import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync } from 'node:fs';
import { access, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Action, ActionContext, AgentPack } from './action.ts';
import { actionHarness, type HarnessOptions } from './harness.ts';
import { CHARTER } from './testing/charter.ts';
import { scriptedModel } from './tools/model.ts';
import { until } from './testing/noting.ts';

const dir = mkdtempSync(join(tmpdir(), 'harness-'));
const dataFile = join(dir, 'weather.csv');
beforeAll(() => writeFile(dataFile, 'day,rain\n1,0\n2,1\n'));
afterAll(() => rm(dir, { recursive: true }));

const nothing: Action = async () => undefined;
/** A pack for the phase discovery, in whose mode python3 and a model are allowed. */
const packOf = (tools: Record<string, Action>): AgentPack => ({
  name: 'onboarder',
  tools: { 'lab.profile-data': nothing, 'onboarder.write-one-pager': nothing, ...tools },
});
const discovery = (profile: Action, options: Partial<HarnessOptions> = {}) =>
  actionHarness({
    pack: packOf({ 'lab.profile-data': profile }),
    phase: 'discovery',
    charter: CHARTER,
    dataFile,
    dir,
    ...options,
  });

describe('an action', () => {
  it('leaves files, facts and an answer', async () => {
    const harness = await discovery(async ({ write, fact, dataFile: data, ticket }) => {
      const rows = (await readFile(await data(), 'utf8')).trim().split('\n').length - 1;
      fact('rows', rows);
      await write('discovery/profile.md', `${rows} rows on ${ticket.openedOn}\n`);
      return { rows };
    });
    const run = await harness.run('profile-data');
    expect(run).toMatchObject({ facts: { rows: 2 }, answer: { rows: 2 }, artifacts: [{ mediaType: 'text/markdown' }] });
    await expect(readFile(harness.file('discovery/profile.md'), 'utf8')).resolves.toBe('2 rows on 2026-11-21\n');
  });

  it('reads what earlier actions answered and left, and what earlier phases and cycles left and reported', async () => {
    const onePager: Action = async ({ result, read, localPath, factsOf, has, fact }) => {
      fact('rows', (await result<{ rows: number }>('profile-data')).rows);
      fact('profile', String(await read('discovery/profile.md')));
      fact('model', await readFile(await localPath('models/model.json', 1), 'utf8'));
      fact('go', factsOf('opportunity')['decision'] === 'go');
      fact('later', has('models/model.json', 2));
    };
    const pack = packOf({
      'lab.profile-data': async ({ write }) => ({ rows: (await write('discovery/profile.md', 'two')).size }),
      'onboarder.write-one-pager': onePager,
    });
    const harness = await discovery(nothing, { pack, cycle: 2 });
    await harness.seed('models/model.json', '{}', 1);
    harness.seedFacts('opportunity', { decision: 'go' });
    const { facts } = await harness.runPhase();
    expect(facts).toEqual({ rows: 3, profile: 'two', model: '{}', go: true, later: false });
  });

  it('is gone from its workspace after its end, and can do nothing any more', async () => {
    const left: ActionContext[] = [];
    const scratch: string[] = [];
    const harness = await discovery(async (context) => {
      scratch.push(join(context.workspace, 'scratch'));
      await writeFile(scratch[0]!, '');
      left.push(context);
    });
    await harness.run('profile-data');
    await expect(access(scratch[0]!)).rejects.toThrow('ENOENT');
    expect(() => left[0]!.workspace).toThrow('is over');
    expect(() => left[0]!.fact('late', 1)).toThrow('is over');
    await expect(left[0]!.write('late.md', '')).rejects.toThrow('is over');
  });

  it('may not write outside the tree', async () => {
    for (const path of ['../key', '/etc/passwd', 'a/../../b', '']) {
      const harness = await discovery(({ write }) => write(path, 'x'));
      await expect(harness.run('profile-data')).rejects.toThrow('path in the train');
    }
  });

  it('says which file is missing', async () => {
    const harness = await discovery(({ read }) => read('models/none.json'));
    await expect(harness.run('profile-data')).rejects.toThrow('no file models/none.json');
  });
});

describe('a program', () => {
  const answer = async (act: Action) => (await (await discovery(act)).run('profile-data')).answer;

  it('runs in the workspace, with its input, and with nothing of our environment', async () => {
    const script = 'import os, sys; print(sorted(os.environ), os.getcwd() == os.environ["HOME"], sys.stdin.read())';
    await expect(
      answer(({ command }) => command('python3', ['-c', script], { input: 'hello' })),
    ).resolves.toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^\[('(HOME|LANG|LC_CTYPE|PATH|PWD|TMPDIR|VT_COMMAND|_)'(, )?)+\] True hello\n$/),
    });
  });

  it('answers with its exit code and its errors', async () => {
    await expect(
      answer(({ command }) => command('python3', ['-c', 'import sys; sys.exit("not today")'])),
    ).resolves.toMatchObject({ exitCode: 1, stderr: 'not today\n' });
  });

  it('has its output cut at 1 MiB', async () => {
    const { stdout } = (await answer(({ command }) => command('python3', ['-c', 'print("x" * 3_000_000)']))) as {
      stdout: string;
    };
    expect(stdout).toHaveLength(1024 * 1024 + '\n[output cut at 1 MiB]'.length);
  });

  it('is refused when the mode does not allow it, even to an action that does not mind', async () => {
    const harness = await discovery(async ({ command }) => command('bash', ['-c', 'true']).catch(() => 'never mind'));
    await expect(harness.run('profile-data')).rejects.toThrow(
      'permanent): the mode does not allow bash -c true, by the rule default',
    );
  });

  it.each([
    ['in the background', ''],
    ['in a session of its own', ', start_new_session=True'],
  ])('takes what it started %s with it', async (_, where) => {
    const script = `import subprocess as s; print(s.Popen(["sleep", "600"], stdout=s.DEVNULL, stderr=s.DEVNULL${where}).pid)`;
    const { stdout } = (await answer(({ command }) => command('python3', ['-c', script]))) as { stdout: string };
    const state = () => readFile(`/proc/${stdout.trim()}/stat`, 'utf8').catch(() => 'gone');
    // Killed is not yet dead: the kernel may need a moment.
    await until(async () => /^gone$|\) Z /.test(await state()));
  });
});

describe('prose', () => {
  const prose = (options: Partial<HarnessOptions>) =>
    discovery(({ narrate }) => narrate('summary', { rows: 2 }, 'There are 2 rows.'), options);

  it('is plain without a model', async () => {
    await expect(prose({}).then((harness) => harness.run('profile-data'))).resolves.toMatchObject({
      answer: 'There are 2 rows.',
    });
  });

  it('is written by the model from the facts where there is one', async () => {
    const model = scriptedModel((prompt) => `Two rows, from ${JSON.parse(prompt).facts.rows}.`);
    await expect(prose({ model }).then((harness) => harness.run('profile-data'))).resolves.toMatchObject({
      answer: 'Two rows, from 2.',
    });
  });

  it('is plain when the model says a number that it was not given', async () => {
    const model = scriptedModel(() => 'There are 2 rows, 97 % of them good.');
    await expect(prose({ model }).then((harness) => harness.run('profile-data'))).resolves.toMatchObject({
      answer: 'There are 2 rows.',
      facts: { 'profile-data.not-by-model': 'summary (it said a number that it was not given)' },
    });
  });

  it('is plain when the model fails, which is asked no more, and the facts tell of it', async () => {
    let asked = 0;
    const model = scriptedModel(() => {
      asked += 1;
      throw new Error('overloaded');
    });
    const two: Action = async ({ narrate }) => [
      await narrate('summary', 2, 'Two.'),
      await narrate('outlook', 3, 'Three.'),
    ];
    const harness = await discovery(two, { model });
    await expect(harness.run('profile-data')).resolves.toMatchObject({
      answer: ['Two.', 'Three.'],
      facts: { 'profile-data.not-by-model': 'summary (overloaded), outlook (overloaded)' },
    });
    expect(asked).toBe(1);
  });
});
