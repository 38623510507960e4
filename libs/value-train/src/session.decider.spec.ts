import { describe, expect, it } from '@jest/globals';
import { fold } from '@vt/kernel';
import { sessionDecider } from './session.decider.ts';
import { workOf } from './session.ts';
import { artifact, digestOf, trainId } from './testing/pipelines.ts';
import {
  abandon,
  after,
  at,
  begin,
  cancel,
  complete,
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
  usage,
} from './testing/small-session.ts';

describe('a session', () => {
  it('is started once, under the fence of its claim', () => {
    const { type: _, ...data } = { ...start, earlierFailures: [] };
    given().when(start).then({ type: 'SessionStarted', data });
    given(...after(start))
      .when(start)
      .thenNothing();
    given(...after(start))
      .when({ ...start, fence: 2 })
      .thenRejected('session-exists');
  });

  it('takes nothing before it is started', () => {
    given().when(begin('fit')).thenRejected('session-unknown');
  });

  it('is resumed by a higher fence, and shuts out the one before', () => {
    given(...after(start))
      .when(resume(2))
      .thenTypes('BundleSaved', 'SessionResumed');
    given(...after(start, resume(2)))
      .when(resume(2))
      .thenNothing();
    given(...after(start, resume(2)))
      .when(resume(1))
      .thenRejected('fenced');
    for (const late of [begin('fit'), fitted, fail('fit', 1), refuse, submit(), abandon]) {
      given(...after(start, resume(2)))
        .when(late)
        .thenRejected('fenced');
    }
  });

  it('knows after a resume what is done, and what it left', () => {
    const resumed = at(start, begin('fit'), fitted, begin('score'), resume(2, 4));
    expect(resumed).toMatchObject({ status: 'open', fence: 2 });
    if (resumed.status !== 'open') return;
    expect([...resumed.completed.keys()]).toEqual(['fit']);
    expect(resumed.started.get('score')).toBe(1);
    expect(workOf(resumed)).toEqual({ artifacts: fitted.artifacts, facts: fitted.facts });
  });
});

describe('an action', () => {
  it('is started once under one fence, and again under the next', () => {
    given(...after(start))
      .when(begin('fit'))
      .thenTypes('ActionStarted');
    given(...after(start, begin('fit')))
      .when(begin('fit'))
      .thenNothing();
    given(...after(start, begin('fit'), resume(2, 2)))
      .when(begin('fit', 2))
      .thenTypes('ActionStarted');
  });

  it('is completed once: again with the same content is no news, with other content it is refused', () => {
    given(...after(start))
      .when(fitted)
      .thenTypes('ActionCompleted');
    given(...after(start, fitted))
      .when({ ...fitted, usage: { ...usage, wallMs: 99 } })
      .thenNothing();
    given(...after(start, fitted))
      .when({ ...fitted, result: digestOf('d') })
      .thenRejected('action-completed');
  });

  it('can not become undone', () => {
    given(...after(start, fitted))
      .when(begin('fit'))
      .thenRejected('action-completed');
    given(...after(start, fitted))
      .when(fail('fit', 1))
      .thenRejected('action-completed');
    given(...after(start, begin('fit'), fitted))
      .when(begin('fit'))
      .thenNothing();
  });

  it('may only use the tools of its mode', () => {
    given(...after(start))
      .when(begin('deploy', 1, 'ops.deploy'))
      .thenRejected('tool-not-allowed');
    given(...after(start))
      .when(complete('deploy', { tool: 'ops.deploy' }))
      .thenRejected('tool-not-allowed');
    given(...after(start))
      .when(refuse)
      .thenTypes('ToolRefused');
    given(...after(start, refuse))
      .when(refuse)
      .thenNothing();
  });

  it('named like something that every object has is an action like any other', () => {
    given(...after(start))
      .when(complete('constructor'))
      .thenTypes('ActionCompleted');
  });
});

describe('work', () => {
  it('is submitted when every required action is completed, with all that they left', () => {
    given(...after(start, fitted))
      .when(submit())
      .thenRejected('checklist-open');
    given(...after(start, fitted, scored))
      .when(submit())
      .then({
        type: 'WorkSubmitted',
        data: {
          trainId,
          ticketId,
          phase: 'training',
          cycle: 1,
          attempt: 1,
          agent: 'lab',
          artifacts: [artifact('model.json', 'b')],
          facts: { auc: 0.8, rows: 12 },
          checklist: ['fit', 'score'],
          outcome: 'go',
        },
      });
  });

  it('is abandoned with its reasons', () => {
    given(...after(start))
      .when(abandon)
      .thenTypes('WorkAbandoned');
    expect(after(start, abandon).at(-1)?.data).toMatchObject({ attempt: 1, agent: 'lab', reasons: ['no memory'] });
  });

  it('is called off without a claim', () => {
    given(...after(start, resume(7)))
      .when(cancel)
      .thenTypes('SessionCancelled');
  });
});

describe('a frozen session', () => {
  const submitted = after(start, begin('fit'), fail('fit', 1), begin('fit'), fitted, scored, refuse, submit());

  it('answers what it has heard before with nothing', () => {
    for (const again of [start, resume(1), begin('fit'), fail('fit', 1), fitted, refuse, submit()]) {
      given(...submitted)
        .when(again)
        .thenNothing();
    }
    given(...after(start, abandon))
      .when(abandon)
      .thenNothing();
    given(...after(start, cancel))
      .when(cancel)
      .thenNothing();
  });

  it('takes nothing new', () => {
    const news = [
      resume(2),
      begin('other'),
      complete('other'),
      fail('other', 1),
      { ...refuse, action: 'other' },
      submit('no-go'),
      abandon,
      cancel,
      rollBack(1),
      pause(9),
    ] as const;
    for (const command of news)
      given(...submitted)
        .when(command)
        .thenRejected('session-over');
    given(...after(start, abandon))
      .when(submit())
      .thenRejected('session-over');
  });
});

it('an event before the start changes nothing', () => {
  const [, completed] = after(start, fitted);
  expect(fold(sessionDecider, [completed!])).toEqual({ status: 'unknown' });
});
