import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { OwnStation, until, type RunningCommand } from './testing/own-station.ts';

jest.setTimeout(60_000);

const CHARTER = resolve(import.meta.dirname, '../demo/charter.yaml');
/** Nobody works here but people: one whom the charter names, and one whom it does not. */
const PIPELINE = `
id: sign-off
version: 1
title: Sign-off
description: Two people look at what there is.
modes:
  - { id: review, title: Review, agents: [onboarder], tools: [human], transitions: [review] }
phases:
  - id: reading
    title: Reading
    group: delivery
    owner: onboarder
    mode: review
    actions:
      - id: read
        title: Read the statement of work
        tool: human
        ask: { role: sponsor, instructions: Read the statement of work and count its pages. }
        reports: [pages]
      - id: walk
        title: Walk over the grounds
        tool: human
        ask: { role: scout, instructions: Walk over the grounds. }
    exit:
      - { id: read-whole, says: All four pages were read., check: { kind: fact, fact: pages, op: '>=', value: 4 } }
    next: null
    ends: [{ outcome: next, as: completed }]
`;

interface Task {
  readonly action: string;
  readonly role: string;
  readonly phase: string;
}

describe('a task for a person', () => {
  const station = new OwnStation();
  const pipelines = join(station.folder, 'pipelines', 'sign-off');
  let up: RunningCommand;
  let train: string;
  beforeAll(async () => {
    mkdirSync(pipelines, { recursive: true });
    writeFileSync(join(pipelines, 'pipeline.yaml'), PIPELINE);
    up = await station.up({ PIPELINES: join(station.folder, 'pipelines') });
    const { key: olga } = await station.json<{ key: string }>('keys', 'issue', 'Olga', 'operator');
    const start = ['train', 'start', CHARTER, '--pipeline', 'sign-off', '--api-key', olga];
    train = (await station.json<{ trainId: string }>(...start)).trainId;
    await until('both are asked', async () => (await tasks()).length === 2, up);
  }, 120_000);
  afterAll(async () => {
    await up.interrupt();
    station.remove();
  }, 60_000);

  const logged = () => station.json<{ type: string }[]>('session', 'log', train, 'reading');
  const tasks = () => station.json<Task[]>('tasks', train);

  it('is listed, of one train and of all, and shown where the train stands', async () => {
    expect(await tasks()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ trainId: train, phase: 'reading', action: 'read', role: 'sponsor' }),
        expect.objectContaining({ action: 'walk', role: 'scout', instructions: 'Walk over the grounds.' }),
      ]),
    );
    expect((await station.vt('tasks')).out).toMatch(new RegExp(`^${train} +reading +read +sponsor`, 'm'));
    const { out } = await station.vt('train', 'show', train);
    expect(out).toContain(`waits for a person, scout: Walk over the grounds. (vt task complete ${train} walk)`);
  });

  it('is not answered by a viewer, nor for a role that somebody else has, nor with what is no fact', async () => {
    const { key } = await station.json<{ key: string }>('keys', 'issue', 'Vera', 'viewer');
    const answer = ['task', 'complete', train, 'read', '--fact', 'pages=4'];
    for (const [refusal, args] of [
      ['needs the role operator or approver', ['--api-key', key]],
      ['the sponsor of this train is Marta Lindqvist, not admin', []],
      ['who did an action is no fact', ['--fact', 'walk.by=Somebody', '--as', 'Marta Lindqvist']],
    ] as const) {
      expect(await station.vt(...answer, ...args)).toMatchObject({ code: 4, err: expect.stringContaining(refusal) });
    }
    expect(await station.vt(...answer, '--fact', 'pages')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^--fact pages: /),
    });
    expect(await station.vt('task', 'complete', train, 'sing')).toMatchObject({ code: 3 });
    expect(await tasks()).toHaveLength(2);
  });

  it('goes on with the answers: by whom, passed on by whom, and what they found', async () => {
    const { key } = await station.json<{ key: string }>('keys', 'issue', 'Sam Scout', 'approver');
    expect(await station.vt('task', 'complete', train, 'walk', '--api-key', key)).toMatchObject({
      code: 0,
      out: 'walk: done\n',
    });
    await until('Sam is heard', async () => (await logged()).some(({ type }) => type === 'ActionCompleted'));
    expect((await logged()).map(({ type }) => type)).toEqual(
      expect.arrayContaining(['SessionStarted', 'ActionStarted', 'BundleSaved', 'SessionPaused', 'SessionResumed']),
    );
    const back = ['session', 'rollback', train, 'reading', '--to', '1', '--reason', 'Sam was at the wrong grounds'];
    expect(await station.vt(...back)).toMatchObject({ code: 0, out: 'reading: back at version 1\n' });
    expect(await station.vt('session', 'log', train, 'reading')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/SessionRolledBack +Sam was at the wrong grounds +admin/),
    });
    expect(await station.vt('session', 'rollback', train, 'nowhere', '--to', '1', '--reason', 'x')).toMatchObject({
      code: 3,
      err: expect.stringContaining('nobody has begun with nowhere'),
    });
    expect((await station.vt('session', 'list', train)).out).toMatch(/^reading +1 +1 +onboarder/m);
    const { key: viewer } = await station.json<{ key: string }>('keys', 'issue', 'Vic', 'viewer');
    expect(await station.vt(...back, '--api-key', viewer)).toMatchObject({ code: 4 });

    expect(
      await station.json('task', 'complete', train, 'read', '--fact', 'pages=4', '--as', 'Marta Lindqvist'),
    ).toMatchObject({ done: 'complete', facts: { pages: 4 } });
    expect(await station.vt('train', 'watch', train)).toMatchObject({
      code: 0,
      err: expect.stringContaining('reading: waits for a person: walk\n'),
    });
    const { out } = await station.vt('events', 'tail', '--once', '--types', 'WorkSubmitted', '--json');
    expect(JSON.parse(out)).toMatchObject({
      data: { facts: { pages: 4, 'read.by': 'Marta Lindqvist', 'read.passedOnBy': 'admin', 'walk.by': 'Sam Scout' } },
    });
    expect(await tasks()).toEqual([]);
    expect(await station.vt('task', 'complete', train, 'walk')).toMatchObject({ code: 3 });
  });

  it('is no reason not to stop, nor is somebody who watches', async () => {
    const start = ['train', 'start', CHARTER, '--pipeline', 'sign-off', '--idempotency-key', 'another'];
    const { trainId } = await station.json<{ trainId: string }>(...start);
    const watching = station.start(['train', 'watch', trainId]);
    await until('it waits', () => watching.said.err.includes('waits for a person: walk'), watching);
    expect(await up.interrupt()).toMatchObject({ code: 0, err: expect.stringMatching(/stopped\n$/) });
    await until('it says so', () => watching.said.err.includes('the station does not answer'), watching);
    watching.signal('SIGINT');
    expect(await watching.ended).toMatchObject({ code: 0, out: 'running\n' });
  });
});
