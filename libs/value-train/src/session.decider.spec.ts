import { describe, expect, it } from '@jest/globals';
import { fold, TicketId } from '@vt/kernel';
import { specify } from '@vt/testing';
import type { SessionCommand } from './session-commands.ts';
import { isGranted, isStruckOut, spiralOf, sessionDecider, strikes, triesOf, workOf } from './session.decider.ts';
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
  earlierFailures: [],
  fence: 1,
};
/** Of everything up to a version of the stream. */
const bundleAt = (sourceVersion: number) => ({
  bundle: digestOf('e'),
  sourceVersion,
  tokenizer: 'o200k_base',
  tokens: 500,
  sourceTokens: 5_000,
});
const resume = (fence: number, sourceVersion = 1): SessionCommand => ({
  type: 'ResumeSession',
  ticketId,
  bundle: bundleAt(sourceVersion),
  fence,
});
const pause = (sourceVersion: number, fence = 1): SessionCommand => ({
  type: 'PauseSession',
  ticketId,
  reason: 'the train is paused',
  bundle: bundleAt(sourceVersion),
  fence,
});
const rollBack = (to: number): SessionCommand => ({ type: 'RollBack', ticketId, to, reason: 'wrong file', by: 'Olga' });
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
const fail = (
  action: string,
  nth: number,
  kind: CommandOf<'FailAction'>['kind'] = 'transient',
  reason = `away, for the ${['first', 'second', 'third', 'fourth'][nth - 1]} time`,
): SessionCommand => ({
  type: 'FailAction',
  ticketId,
  action,
  tool: 'lab.work',
  try: nth,
  kind,
  reason,
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
