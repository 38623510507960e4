import { describe, expect, it } from '@jest/globals';
import { fold, TicketId } from '@vt/kernel';
import { specify } from '@vt/testing';
import {
  isGranted,
  isStruckOut,
  sessionDecider,
  strikes,
  triesOf,
  workOf,
  type SessionCommand,
} from './session.decider.ts';
import { artifact, digestOf, pipelineWith, start as startTrain, trainId, work } from './testing/pipelines.ts';
import { trainDecider } from './train.decider.ts';

const { after, given } = specify(sessionDecider);
type CommandOf<Type extends SessionCommand['type']> = SessionCommand & { readonly type: Type };

const ticketId = TicketId.parse(`training_1_1_${trainId}`);
const usage = { cpuMs: 5, wallMs: 9, tokens: [] };
const start: CommandOf<'StartSession'> = {
  type: 'StartSession',
  trainId,
  ticketId,
  phase: 'training',
  cycle: 1,
  attempt: 1,
  agent: 'lab',
  mode: 'build',
  permissions: { deny: [], ask: [], allow: ['lab.*'] },
  fence: 1,
};
const resume = (fence: number): SessionCommand => ({ type: 'ResumeSession', ticketId, fence });
const begin = (action: string, fence = 1, tool = 'lab.work'): SessionCommand => ({
  type: 'StartAction',
  ticketId,
  action,
  tool,
  fence,
});
const complete = (action: string, change: Partial<CommandOf<'CompleteAction'>> = {}): CommandOf<'CompleteAction'> => ({
  type: 'CompleteAction',
  ticketId,
  action,
  tool: 'lab.work',
  artifacts: [],
  facts: {},
  usage,
  result: null,
  fence: 1,
  ...change,
});
const fail = (action: string, nth: number, kind: CommandOf<'FailAction'>['kind'] = 'transient'): SessionCommand => ({
  type: 'FailAction',
  ticketId,
  action,
  tool: 'lab.work',
  try: nth,
  kind,
  reason: 'away',
  usage,
  fence: 1,
});
const refuse: CommandOf<'RefuseTool'> = {
  type: 'RefuseTool',
  ticketId,
  action: 'deploy',
  tool: 'ops.deploy',
  call: 'ops.deploy',
  rule: 'default',
  reason: 'mode build does not allow it',
  required: true,
  fence: 1,
};
const submit = (outcome = 'go', required = ['fit', 'score']): SessionCommand => ({
  type: 'SubmitWork',
  ticketId,
  required,
  outcome,
  fence: 1,
});
const abandon: SessionCommand = { type: 'Abandon', ticketId, reasons: ['no memory'], fence: 1 };
const cancel: SessionCommand = { type: 'Cancel', ticketId, reason: 'the train was aborted' };

const fitted = complete('fit', { artifacts: [artifact('model.json', 'a')], facts: { auc: 0.7, rows: 12 } });
const scored = complete('score', { artifacts: [artifact('model.json', 'b')], facts: { auc: 0.8 } });
const at = (...commands: SessionCommand[]) => fold(sessionDecider, after(...commands));

describe('a session', () => {
  it('is started once, under the fence of its claim', () => {
    const { type: _, ...data } = start;
    given().when(start).then({ type: 'SessionStarted', data: data });
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
      .thenTypes('SessionResumed');
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
    const resumed = at(start, begin('fit'), fitted, begin('score'), resume(2));
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
    given(...after(start, begin('fit'), resume(2)))
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
    const calledOff = at(start, fail('fit', 1, 'cancelled'), fail('fit', 2, 'cancelled'), fail('fit', 3, 'cancelled'));
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
