import { describe, expect, it } from '@jest/globals';
import { specify } from '@vt/testing';
import type { CommandOf, SessionCommand } from './session-commands.ts';
import { isGranted, isStruckOut, spiralOf, strikes, triesOf } from './session.decider.ts';
import { workOf } from './session.ts';
import { pipelineWith, work, start as startTrain } from './testing/pipelines.ts';
import {
  abandon,
  after,
  at,
  begin,
  fail,
  fitted,
  given,
  refuse,
  scored,
  start,
  submit,
  ticketId,
} from './testing/small-session.ts';
import { trainDecider } from './train.decider.ts';

describe('a tool that was refused', () => {
  const pushed = { ...refuse, action: 'fit', tool: 'command:git', call: 'git push', rule: 'Bash(git push:*)' };
  const plain = { ...pushed, required: false };
  const grant: SessionCommand = {
    ...{ type: 'GrantTool', ticketId, action: 'fit', tool: 'command:git', call: 'git push', fence: 1 },
    ...{ rule: 'Bash(git push:*)', by: 'ada' },
  };

  it('keeps its action from being completed, and a phase that requires it from success', () => {
    given(...after(start, pushed))
      .when(fitted)
      .thenRejected('tool-refused');
    given(...after(start, fitted, scored, pushed))
      .when(submit())
      .thenRejected('tool-refused');
    given(...after(start, { ...pushed, action: 'extra' }, fitted, scored))
      .when(submit())
      .thenTypes('WorkSubmitted');
    expect(after(start, pushed).at(-1)?.data).toMatchObject({ rule: 'Bash(git push:*)', call: 'git push' });
  });

  it('does no harm to an action that goes on without it, until it is one that it requires', () => {
    given(...after(start, plain))
      .when(fitted)
      .thenTypes('ActionCompleted');
    given(...after(start, plain))
      .when(pushed)
      .thenTypes('ToolRefused');
    given(...after(start, plain, pushed))
      .when(plain)
      .thenNothing();
    given(...after(start, plain, pushed))
      .when(fitted)
      .thenRejected('tool-refused');
  });

  it('leaves a gate nothing to pass', () => {
    const open = at(start, { ...pushed, action: 'work' });
    if (open.status !== 'open') throw new Error('it is not open');
    const pipeline = pipelineWith([{ id: 'training', next: null, ends: [{ outcome: 'go', as: 'completed' }] }]);
    const train = specify(trainDecider(() => pipeline));
    const all = { ...workOf(open), checklist: [...open.completed.keys()], outcome: 'go' };
    expect(train.after(startTrain, work('training_1_1', all))).toContainEqual(
      expect.objectContaining({
        type: 'GateEvaluated',
        data: expect.objectContaining({
          verdict: 'failed',
          checks: expect.arrayContaining([expect.objectContaining({ id: 'action:work', outcome: 'unmet' })]),
        }),
      }),
    );
  });

  it('may be allowed by a person, which is remembered', () => {
    given(...after(start))
      .when(grant)
      .thenTypes('ToolGranted');
    given(...after(start, grant))
      .when(grant)
      .thenNothing();
    given(...after(start, grant, abandon))
      .when(grant)
      .thenNothing();
    expect(isGranted(at(start, grant), 'fit', 'git push')).toBe(true);
    expect([isGranted(at(start, grant), 'fit', 'git'), isGranted(at(), 'fit', 'git push')]).toEqual([false, false]);
  });
});

describe('three strikes', () => {
  const out = [start, fail('fit', 1), fail('fit', 2, 'timeout'), fail('fit', 3)];

  it('block an action, but not the others', () => {
    expect(isStruckOut(at(...out.slice(0, -1)), 'fit')).toBe(false);
    expect(isStruckOut(at(...out), 'fit')).toBe(true);
    given(...after(...out))
      .when(begin('fit'))
      .thenRejected('struck-out');
    given(...after(...out))
      .when(fitted)
      .thenRejected('struck-out');
    given(...after(...out))
      .when(fail('fit', 4))
      .thenRejected('struck-out');
    given(...after(...out))
      .when(scored)
      .thenTypes('ActionCompleted');
  });

  it('are one for a failure that repeating can not mend, and none for a try that was called off', () => {
    expect(isStruckOut(at(start, fail('fit', 1, 'permanent')), 'fit')).toBe(true);
    const calledOff = at(
      start,
      fail('fit', 1, 'cancelled'),
      fail('fit', 2, 'unavailable'),
      fail('fit', 3, 'cancelled'),
    );
    expect([triesOf(calledOff, 'fit'), strikes(calledOff, 'fit')]).toEqual([3, 0]);
  });

  it('are counted by try, so that the same failure counts once', () => {
    given(...after(start, fail('fit', 1)))
      .when(fail('fit', 1))
      .thenNothing();
    given(...after(start))
      .when(fail('fit', 2))
      .thenRejected('try-skipped');
    expect(strikes(at(), 'fit')).toBe(0);
  });

  it('let the action be started again before the third', () => {
    given(...after(start, begin('fit'), fail('fit', 1)))
      .when(begin('fit'))
      .thenTypes('ActionStarted');
  });
});

describe('a spiral', () => {
  const same = (action: string, nth: number, kind?: CommandOf<'FailAction'>['kind']) =>
    fail(action, nth, kind, `no table ${nth}`);

  it('of one action is its end, with the finding', () => {
    given(...after(start, same('fit', 1), same('fit', 2)))
      .when(same('fit', 3))
      .thenTypes('ActionFailed', 'SpiralDetected');
    const spiral = at(start, same('fit', 1), same('fit', 2), same('fit', 3));
    expect(spiralOf(spiral, 'fit')).toBe('the same failed 3 times in a row, so it is not tried again: no table *');
    expect([spiralOf(spiral, 'score'), spiralOf(at(), 'fit')]).toEqual([undefined, undefined]);
  });

  it('across attempts gives up before three strikes', () => {
    const again = { ...start, earlierFailures: ['no table *', 'no table *', 'no disk', 'no table *'] };
    expect(isStruckOut(at(again, same('fit', 1)), 'fit')).toBe(false);
    const second = at(again, same('fit', 1), same('score', 1));
    expect([isStruckOut(second, 'fit'), isStruckOut(second, 'score')]).toEqual([false, true]);
    expect(spiralOf(second, 'score')).toBe('the same failed 5 times by now, so it is not tried again: no table *');
    given(...after(again, same('fit', 1), same('score', 1)))
      .when(begin('score'))
      .thenRejected('struck-out');
  });

  it('is none of tries that were called off, or not made', () => {
    const all = [
      same('fit', 1, 'unavailable'),
      same('fit', 2, 'cancelled'),
      same('fit', 3),
      same('fit', 4, 'unavailable'),
    ];
    expect(after(start, ...all).map(({ type }) => type)).not.toContain('SpiralDetected');
    expect(at(start, ...all)).toMatchObject({ signatures: [{ action: 'fit', signature: 'no table *' }] });
  });
});
