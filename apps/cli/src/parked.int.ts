import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { OwnStation, until, type RunningCommand } from './testing/own-station.ts';

jest.setTimeout(60_000);

const CHARTER = resolve(import.meta.dirname, '../demo/charter.yaml');
const PIPELINE = `
id: waiting
version: 1
title: Waiting
description: A train that stands still.
modes:
  - { id: review, title: Review, agents: [onboarder], tools: [human], transitions: [review] }
phases:
  - id: waiting
    title: Waiting
    group: delivery
    owner: onboarder
    mode: review
    actions:
      - { id: wait, title: Wait, tool: human, ask: { role: operator, instructions: Wait. } }
    next: null
    ends: [{ outcome: next, as: completed }]
`;

interface Parked {
  readonly service: string;
  readonly stream: string;
  readonly reason: string;
  readonly attempts: number;
}

/** A service lacks the pipeline that a train rides on: somebody overwrote the file, and emptied the artifact store. */
describe('an event that the conductor can not handle', () => {
  const station = new OwnStation();
  const folder = join(station.folder, 'pipelines');
  let up: RunningCommand;
  let train: string;
  const restart = async (pipeline: string) => {
    up?.signal('SIGINT');
    await up?.ended;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'pipeline.yaml'), pipeline);
    up = await station.up({ PIPELINES: folder });
  };
  beforeAll(async () => {
    await restart(PIPELINE);
    train = (await station.json<{ trainId: string }>('train', 'start', CHARTER, '--pipeline', 'waiting')).trainId;
    // The conductor hears of the budget, too, and only the risk is to be parked.
    await until(
      'the budget is heard of',
      async () => (await metrics()).includes('type="BudgetSet",outcome="done"'),
      up,
    );
    rmSync(join(station.home, 'artifacts'), { recursive: true });
    await restart(PIPELINE.replace('stands still', 'stood still'));
    const risk = { catalogue: 'R012', title: 'Leak', reason: 'a key was found', probability: 5, impact: 5 };
    const raised = await station.post(`/v1/trains/${train}/risks`, risk);
    expect(raised.ok).toBe(true);
    await until('it is parked, and what follows it, too', async () => (await parked()).length === 2, up);
  }, 120_000);
  afterAll(async () => {
    await up.interrupt();
    station.remove();
  }, 60_000);

  const metrics = async () => (await fetch(`${station.address.url}/metrics`)).text();
  const parked = () => station.json<Parked[]>('parked');

  it('is listed with its stream, its place, its reason and its attempts', async () => {
    expect(await parked()).toMatchObject([
      { service: 'conductor', stream: `risk-${train}`, attempts: 1, reason: expect.stringContaining('artifact store') },
      {
        service: 'conductor',
        stream: `risk-${train}`,
        attempts: 0,
        reason: 'waits behind an earlier event of its stream',
      },
    ]);
    expect((await station.vt('parked', '--service', 'conductor')).out).toMatch(
      new RegExp(`^service +position +stream +attempts +reason\nconductor +\\d+ +risk-${train} +1 +`),
    );
    expect(await station.json('parked', 'list', '--service', 'cost')).toEqual([]);
  });

  it('is nothing for a viewer', async () => {
    const { key } = await station.json<{ key: string }>('keys', 'issue', 'Vera', 'viewer');
    for (const args of [['parked'], ['parked', 'replay']]) {
      expect(await station.vt(...args, '--api-key', key)).toMatchObject({ code: 4 });
    }
  });

  it('stays parked when it is replayed and nothing was mended', async () => {
    expect(await station.vt('parked', 'replay')).toMatchObject({
      code: 1,
      out: expect.stringMatching(
        new RegExp(`^0 of 2 are handled\n {2}conductor, risk-${train} at \\d+: .*artifact store`),
      ),
    });
    expect(await parked()).toMatchObject([{ attempts: 2 }, { attempts: 0 }]);
  });

  it('is handled when it is replayed after that', async () => {
    await restart(PIPELINE);
    expect(await station.json('parked', 'replay', '--service', 'conductor', '--stream', `risk-${train}`)).toEqual({
      handled: 2,
      parked: [],
      waiting: [],
    });
    expect((await station.vt('train', 'show', train)).out).toContain('held by R012-');
    expect(await station.vt('parked', 'replay')).toMatchObject({ code: 0, out: 'nothing is parked\n' });
  });
});
