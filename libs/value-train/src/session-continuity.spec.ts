import { describe, expect, it } from '@jest/globals';
import type { SessionCommand } from './session-commands.ts';
import { workOf } from './session.ts';
import { digestOf, trainId } from './testing/pipelines.ts';
import {
  after,
  at,
  begin,
  bundleAt,
  fail,
  fitted,
  given,
  pause,
  refuse,
  resume,
  rollBack,
  scored,
  start,
  submit,
  ticketId,
} from './testing/small-session.ts';

describe('a session that changes hands', () => {
  it('is taken up by a bundle of everything that happened, and by no other', () => {
    given(...after(start, fitted))
      .when(resume(2, 1))
      .thenRejected('bundle-stale');
    given(...after(start, fitted, pause(2)))
      .when({ ...resume(2, 2), bundle: { ...bundleAt(2), bundle: digestOf('f') } } as SessionCommand)
      .thenRejected('bundle-stale');
    given(...after(start, fitted, pause(2)))
      .when(resume(2, 2))
      .then({
        type: 'SessionResumed',
        data: { trainId, ticketId, phase: 'training', fence: 2, bundle: digestOf('e') },
      });
  });

  it('is let go with a bundle, once, and takes nothing more from whoever had it', () => {
    given(...after(start, fitted))
      .when(pause(2))
      .then(
        { type: 'BundleSaved', data: { trainId, ticketId, phase: 'training', ...bundleAt(2) } },
        {
          type: 'SessionPaused',
          data: { trainId, ticketId, phase: 'training', reason: 'the train is paused', fence: 1 },
        },
      );
    given(...after(start, fitted, pause(2)))
      .when(pause(2))
      .thenNothing();
    given(...after(start, fitted, pause(2)))
      .when(scored)
      .thenRejected('fenced');
    given(...after(start, fitted, pause(2)))
      .when(resume(1, 2))
      .thenRejected('fenced');
    given(...after(start, resume(2)))
      .when(pause(3))
      .thenRejected('fenced');
  });

  it('ends when its bundle is no good', () => {
    const problems = ['it has 2310 tokens, and 2000 are allowed'];
    const reject: SessionCommand = { type: 'RejectBundle', ticketId, bundle: digestOf('e'), problems, fence: 2 };
    given(...after(start, fitted))
      .when(reject)
      .thenTypes('BundleRejected', 'WorkAbandoned');
    expect(after(start, fitted, reject).at(-1)?.data).toMatchObject({
      reasons: ['it can not go on by its bundle: it has 2310 tokens, and 2000 are allowed'],
    });
    given(...after(start, fitted, reject))
      .when(reject)
      .thenNothing();
    given(...after(start, resume(2)))
      .when(reject)
      .thenRejected('fenced');
  });
});

describe('a rollback', () => {
  const failed = fail('score', 1);

  it('makes the session what it was, and says which actions are to be done again', () => {
    given(...after(start, fitted, refuse, failed, scored))
      .when(rollBack(2))
      .then({
        type: 'SessionRolledBack',
        data: { trainId, ticketId, phase: 'training', to: 2, undone: ['score'], reason: 'wrong file', by: 'Olga' },
      });
    const back = at(start, fitted, refuse, failed, scored, rollBack(2));
    const { trail: _, ...then } = at(start, fitted) as Extract<ReturnType<typeof at>, { status: 'open' }>;
    expect(back).toMatchObject({ ...then, version: 6, held: false, bundle: undefined });
    expect(workOf(back as never)).toEqual({ artifacts: fitted.artifacts, facts: fitted.facts });
  });

  it('takes the session from whoever has it, and the next claimant goes on from there', () => {
    const back = [start, fitted, scored, rollBack(2)] as const;
    given(...after(...back))
      .when(submit())
      .thenRejected('fenced');
    given(...after(...back, resume(2, 4)))
      .when({ ...scored, result: digestOf('d'), fence: 2 })
      .thenTypes('ActionCompleted');
  });

  it('can itself be undone by another, to any version but those to come', () => {
    expect(workOf(at(start, fitted, scored, rollBack(1), rollBack(3)) as never)).toEqual(
      workOf(at(start, fitted, scored) as never),
    );
    given(...after(start, fitted, rollBack(1)))
      .when(rollBack(1))
      .thenNothing();
    for (const to of [0, 2, 9]) {
      given(...after(start, fitted))
        .when(rollBack(to))
        .thenRejected('version-unknown');
    }
  });

  it('forgets nothing that took effect outside, except that a person was asked', () => {
    given(...after(start, begin('fit'), fitted))
      .when(rollBack(1))
      .thenRejected('effect-outside');
    given(...after(start, begin('fit'), fitted))
      .when(rollBack(2))
      .thenTypes('SessionRolledBack');
    const asked: SessionCommand = { ...start, permissions: { deny: [], ask: [], allow: ['human'] } };
    given(...after(asked, begin('sign', 1, 'human')))
      .when(rollBack(1))
      .thenTypes('SessionRolledBack');
  });
});
