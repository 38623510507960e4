import { describe, expect, it } from '@jest/globals';
import { fold, TicketId } from '@vt/kernel';
import { specify } from '@vt/testing';
import { Bundle, BUNDLE_TOKENS_MAX, bundleOf, bundleProblems, retentionOf, type Mission, type Told } from './bundle.ts';
import type { SessionCommand } from './session-commands.ts';
import { sessionDecider } from './session.decider.ts';
import type { SessionEvent } from './session.ts';
import { artifact, pipelineWith, trainId } from './testing/pipelines.ts';

const { after } = specify(sessionDecider);
const ticketId = TicketId.parse(`training_1_1_${trainId}`);
const usage = { cpuMs: 5, wallMs: 9, tokens: [] };
const [phase] = pipelineWith([
  {
    id: 'training',
    next: null,
    actions: [
      { id: 'fit', title: 'Fit', tool: 'lab.fit' },
      { id: 'sign', title: 'Sign', tool: 'human', needs: ['fit'], ask: { role: 'sponsor', instructions: 'Read it.' } },
      { id: 'send', title: 'Send', tool: 'lab.send', needs: ['sign'] },
    ],
    exit: [{ id: 'auc', says: 'Good enough', check: { kind: 'fact', fact: 'auc', op: '>=', value: 0.75 } }],
  },
]).phases;
const mission: Mission = { phase: phase!, trainName: 'Rain tomorrow', charter: undefined };

const start: SessionCommand = {
  ...{ type: 'StartSession', trainId, ticketId, phase: 'training', cycle: 1, attempt: 2, agent: 'lab', mode: 'build' },
  ...{ permissions: { deny: ['Bash(rm:*)'], ask: [], allow: ['lab.*', 'human'] }, earlierFailures: [], fence: 1 },
};
const decision = {
  decision: 'forest',
  rationale: 'best of four',
  alternatives: [{ option: 'line', because: 'worse' }],
};
const question = { question: 'Does it hold?', impact: 'it goes back', neededBy: 'validation' };
const fitted: SessionCommand = {
  ...{ type: 'CompleteAction', ticketId, action: 'fit', tool: 'lab.fit', facts: { auc: 0.8, family: 'forest' } },
  ...{ artifacts: [artifact('model.json')], usage, result: null, fence: 1 },
  notes: {
    ...{ decisions: [decision], questions: [question], learnings: [] },
    read: [artifact('rows.csv', 'b'), artifact('model.json')],
  },
};
const asked: SessionCommand = { type: 'StartAction', ticketId, action: 'sign', tool: 'human', fence: 1 };
const refused: SessionCommand = {
  ...{
    type: 'RefuseTool',
    ticketId,
    action: 'fit',
    tool: 'ops.deploy',
    reason: 'mode build does not allow it',
    fence: 1,
  },
  ...{ call: 'ops.deploy', rule: 'default', required: false },
};
const failed: SessionCommand = {
  ...{ type: 'FailAction', ticketId, action: 'fit', tool: 'lab.fit', try: 1, kind: 'transient', reason: 'away' },
  ...{ usage, fence: 1 },
};

const sessionOf = (events: readonly SessionEvent[]) => fold(sessionDecider, events) as Told;
const bundled = (...commands: SessionCommand[]) => {
  const events = after(...commands);
  return { events, bundle: bundleOf(sessionOf(events), events, mission) };
};
const MEASURED = { tokens: 500, sourceTokens: 5_000 };

describe('a bundle', () => {
  const { events, bundle } = bundled(start, failed, refused, fitted, asked);

  it('has what the next claimant needs, and stays the same when it was kept', () => {
    expect(bundle).toEqual({
      metadata: {
        ...{
          trainId,
          ticketId,
          phase: 'training',
          cycle: 1,
          attempt: 2,
          agent: 'lab',
          mode: 'build',
          sourceVersion: 5,
        },
      },
      mission: {
        goal: 'training of Rain tomorrow',
        success: ['Good enough'],
        constraints: ['deny: Bash(rm:*)', 'allow: lab.*, human'],
      },
      state: {
        status: 'open',
        completed: ['fit'],
        inProgress: ['sign'],
        pending: ['sign', 'send'],
        handedOff: [],
        failures: [{ action: 'fit', try: 1, reason: 'transient: away' }],
        refusals: [{ action: 'fit', tool: 'ops.deploy', reason: 'mode build does not allow it' }],
      },
      decisions: [{ action: 'fit', ...decision }],
      questions: [
        { action: 'fit', ...question },
        { action: 'sign', question: 'Read it.', impact: 'Sign is not done before that', neededBy: 'Send' },
      ],
      parameters: { auc: 0.8, family: 'forest' },
      context: { wrote: ['model.json'], read: ['rows.csv'] },
      next: [
        { action: 'sign', does: 'Sign', after: [] },
        { action: 'send', does: 'Send', after: ['sign'] },
      ],
    });
    expect(Bundle.parse(JSON.parse(JSON.stringify(bundle)))).toEqual(bundle);
    expect(bundleProblems(bundle, events, mission.phase, MEASURED)).toEqual([]);
  });

  it('says what the charter wants', () => {
    const charter = {
      ...{ problem: 'Tents or not?', baseline: 'majority' as const },
      success: [{ metric: 'roc-auc' as const, atLeast: 0.75 }],
    };
    expect(bundleOf(sessionOf(events), events, { ...mission, charter })).toMatchObject({
      mission: { goal: 'training of Rain tomorrow: Tents or not?', success: ['Good enough', 'ROC AUC at least 0.75'] },
    });
  });

  it('asks what became of an action of which nobody knows', () => {
    const unknown = bundled(start, { ...asked, action: 'send', tool: 'lab.send' } as SessionCommand);
    expect(unknown.bundle.questions).toEqual([
      {
        action: 'send',
        question: 'Did send take effect?',
        impact: 'Send is not done before that',
        neededBy: 'the gate of training',
      },
    ]);
    const strange = bundled(start, { ...asked, action: 'gone', tool: 'lab.gone' } as SessionCommand);
    expect(strange.bundle.questions).toMatchObject([{ impact: 'gone is not done before that' }]);
  });

  it('forgets what was rolled back', () => {
    const back: SessionCommand = { type: 'RollBack', ticketId, to: 1, reason: 'wrong rows', by: 'Olga' };
    const rolledBack = bundled(start, fitted, back);
    expect(rolledBack.bundle).toMatchObject({ decisions: [], parameters: {}, state: { completed: [] } });
    expect(retentionOf(rolledBack.bundle, rolledBack.events, mission.phase).parameters).toEqual({ kept: 0, of: 0 });
  });

  it('has nothing to say of an action that said nothing', () => {
    const bare: SessionCommand = {
      ...{ type: 'CompleteAction', ticketId, action: 'fit', tool: 'lab.fit', artifacts: [], facts: {} },
      ...{ usage, result: null, fence: 1 },
    };
    const silent = bundled(start, bare);
    expect(silent.bundle).toMatchObject({ decisions: [], questions: [], context: { wrote: [], read: [] } });
    expect(bundleProblems(silent.bundle, silent.events, mission.phase, MEASURED)).toEqual([]);
  });

  it('tells of the completion that a rollback brought back', () => {
    const again = { ...fitted, facts: { auc: 0.1 } } as SessionCommand;
    const to = (version: number): SessionCommand => ({
      type: 'RollBack',
      ticketId,
      to: version,
      reason: 'x',
      by: 'Olga',
    });
    const resume = (fence: number, sourceVersion: number): SessionCommand => {
      const bundle = { bundle: artifact('x').digest, sourceVersion, tokenizer: 'x', tokens: 1, sourceTokens: 9 };
      return { type: 'ResumeSession', ticketId, bundle, fence };
    };
    const redone = [start, fitted, to(1), resume(2, 3), { ...again, fence: 2 } as SessionCommand];
    expect(bundled(...redone).bundle.parameters).toEqual({ auc: 0.1 });
    expect(bundled(...redone, to(2)).bundle.parameters).toEqual({ auc: 0.8, family: 'forest' });
  });

  it('says what comes next when the work is over', () => {
    const all = ['fit', 'sign', 'send'].map((action): SessionCommand => ({ ...fitted, action }) as SessionCommand);
    const nextOf = (...commands: SessionCommand[]) => bundled(start, ...all, ...commands).bundle.next;
    const submit: SessionCommand = { type: 'SubmitWork', ticketId, required: [], outcome: 'next', fence: 1 };
    expect(nextOf()).toMatchObject([{ action: 'submit' }]);
    expect(nextOf(submit)).toMatchObject([{ action: 'gate' }]);
    expect(nextOf({ type: 'Abandon', ticketId, reasons: ['no memory'], fence: 1 })).toMatchObject([
      { action: 'attempt' },
    ]);
    expect(nextOf({ type: 'Cancel', ticketId, reason: 'aborted' })).toMatchObject([{ action: 'none' }]);
  });
});

describe('a bundle is refused', () => {
  const { events, bundle } = bundled(start, fitted, asked);
  const problems = (change: Partial<Bundle>, measured = MEASURED) =>
    bundleProblems({ ...bundle, ...change }, events, mission.phase, measured);

  it.each([
    ['without a decision', { decisions: [] }, 'it has 0 of 1 decisions'],
    ['with another rationale', { decisions: [{ ...bundle.decisions[0]!, rationale: 'x' }] }, 'it has 0 of 1 decisions'],
    ['without an open question', { questions: bundle.questions.slice(1) }, 'it has 1 of 2 questions'],
    ['with another number', { parameters: { auc: 0.81, family: 'forest' } }, 'it has 1 of 2 parameters'],
    ['when it says nothing of what comes next', { next: [] }, 'it says nothing of what comes next'],
    [
      'when something happened since',
      { metadata: { ...bundle.metadata, sourceVersion: 2 } },
      'it tells of version 2, and the session stands at 3',
    ],
  ] as const)('%s', (_, change, problem) => {
    expect(problems(change as Partial<Bundle>)).toEqual([problem]);
  });

  it('when it is too long, or condenses a long source too little', () => {
    const tokens = BUNDLE_TOKENS_MAX + 1;
    expect(problems({}, { tokens, sourceTokens: 100_000 })).toEqual(['it has 2001 tokens, and 2000 are allowed']);
    expect(problems({}, { tokens: 1_001, sourceTokens: 4_000 })).toEqual([
      'it condenses 4000 tokens to 1001, and 4 to 1 is the least',
    ]);
    expect(problems({}, { tokens: 1_000, sourceTokens: 3_999 })).toEqual([]);
  });

  it('of a session that nobody began has nothing to keep', () => {
    expect(retentionOf(bundle, [], mission.phase)).toMatchObject({ decisions: { kept: 0, of: 0 } });
  });
});
