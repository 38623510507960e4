import { describe, expect, it } from '@jest/globals';
import { fold, Instant } from '@vt/kernel';
import { specify } from '@vt/testing';
import { NOTHING_ELSE, pipelineWith, start, trainId, work } from './testing/pipelines.ts';
import type { TrainCommand } from './train-commands.ts';
import { nextMoment, trainDecider } from './train.decider.ts';
import type { Riding } from './train.ts';

const at = (hour: number) => Instant.parse(`2026-11-21T${String(hour).padStart(2, '0')}:00:00.000Z`);
const good = { id: 'good', says: 'Good', check: { kind: 'fact', fact: 'good', op: '==', value: true } } as const;
const safe = { id: 'safe', says: 'Safe', check: { kind: 'fact', fact: 'safe', op: '==', value: true } } as const;
const sure = { id: 'sure', says: 'Sure', check: { kind: 'rule', rule: 'facts["x"] > 1' } } as const;
const human = [{ id: 'work', title: 'Work', tool: 'human' }];

const pipeline = {
  ...pipelineWith(
    [
      { id: 'make', next: 'use', exit: [good, safe], actions: human },
      { id: 'use', next: 'sell', exit: [sure], loops: [{ outcome: 'back', to: 'make' }] },
      { id: 'sell', next: null, ends: [{ outcome: 'close', as: 'completed' as const }] },
    ],
    1,
  ),
  waivers: { roles: ['sponsor'], never: ['criterion:safe'] },
};
const decider = trainDecider(() => pipeline);
const { after, given } = specify(decider);

const approvers = ['Sam', 'Dana', 'lab-keeper'].map((name) => ({ role: 'sponsor', name }));
const begin = { ...start, approvers, at: at(8) };
const make = (attempt = 1, facts: Record<string, boolean> = {}) =>
  work(`make_1_${attempt}`, { facts: { good: false, safe: true, 'work.by': 'Dana', ...facts } });
const blocked = [begin, make()];
const unsafe = [begin, make(1, { safe: false })];
type Waive = TrainCommand & { readonly type: 'GrantWaiver' };
const waive = (more: Partial<Waive> = {}): Waive => ({
  type: 'GrantWaiver',
  ...{ trainId, phase: 'make', checks: ['criterion:good'], reason: 'it will do', owner: 'Olga' },
  ...{ until: at(12), role: 'sponsor', by: 'Sam', at: at(9) },
  ...more,
});
const settle = (as: 'mended' | 'accepted', more = {}): TrainCommand => ({
  type: 'SettleWaiver',
  ...{ trainId, waiverId: 'W1', as, reason: 'as it is', role: 'sponsor', by: 'Sam' },
  ...more,
});
const tick = (hour: number) => ({ type: 'Tick', trainId, at: at(hour) }) satisfies TrainCommand;
const passed = [...blocked, waive(), make(2)];
const trainAfter = (...commands: TrainCommand[]) => fold(decider, after(...commands)) as Riding;
const use = { ...work('use_1_1'), at: at(13) };

describe('a waiver', () => {
  it.each<[string, string, Partial<Waive>]>([
    ['without an end', 'waiver-without-end', { until: null }],
    ['without a reason', 'waiver-without-reason', { reason: ' ' }],
    ['without an owner', 'waiver-without-owner', { owner: '' }],
    ['that is over', 'waiver-over', { until: at(9) }],
    ['in another role', 'role-may-not-waive', { role: 'friend' }],
    ['by somebody without the role', 'not-the-approver', { by: 'Olga' }],
    ['by an agent', 'agent-may-not-waive', { by: 'ops' }],
    ['by an author of the work', 'author-may-not-waive', { by: 'Dana' }],
    ['passed on by an author of the work', 'may-not-pass-on', { passedOnBy: 'Dana' }],
    ['passed on by who started the train', 'may-not-pass-on', { passedOnBy: 'Olga' }],
    ['of what nobody may waive here', 'never-waived', { checks: ['criterion:safe'] }],
    ['of what is met', 'check-not-open', { checks: ['criterion:good', 'action:work'] }],
    ['of a phase that nobody judged', 'nothing-to-waive', { phase: 'use' }],
  ])('%s is refused: %s', (_, code, wish) => {
    given(...after(...unsafe))
      .when(waive(wish))
      .thenRejected(code);
  });

  it('is nobody’s where the pipeline says nothing of waivers', () => {
    const { waivers: _, ...strict } = pipeline;
    const rules = specify(trainDecider(() => strict));
    rules
      .given(...rules.after(...blocked))
      .when(waive())
      .thenRejected('role-may-not-waive');
  });

  it('gives a blocked train another try, whose gate lets the check through', () => {
    given(...after(...blocked))
      .when(waive())
      .thenTypes('WaiverGranted', 'TrainUnblocked', 'TicketOpened');
    given(...after(...blocked, waive()))
      .when(make(2))
      .thenTypes('GateEvaluated', 'PhaseCompleted', 'PhaseEntered', 'TicketOpened');
    const gate = after(...passed).findLast(({ type }) => type === 'GateEvaluated');
    expect(gate?.data).toMatchObject({
      verdict: 'passed',
      checks: expect.arrayContaining([
        {
          id: 'criterion:good',
          outcome: 'waived',
          reason: `Good: good is false, asked for is == true; waived until ${at(12)} by Sam, sponsor (W1): it will do`,
        },
      ]),
    });
    given(...after(...blocked, waive()))
      .when(waive())
      .thenNothing();
  });

  it('lets a gate pass that was held because nobody could tell', () => {
    // The hold of the waiver before is none of its business.
    const held = [...passed, use];
    given(...after(...held))
      .when(waive({ phase: 'use', checks: ['criterion:sure'], until: at(20) }))
      .thenTypes('WaiverGranted', 'GateEvaluated');
    given(...after(...passed, { ...use, at: at(9) }))
      .when(waive({ phase: 'use', checks: ['criterion:sure'] }))
      .thenTypes('WaiverGranted', 'GateEvaluated', 'PhaseCompleted', 'PhaseEntered', 'TicketOpened');
  });

  it('does not let what else is unmet pass', () => {
    given(...after(...blocked, waive()))
      .when(make(2, { safe: false }))
      .thenTypes('GateEvaluated', 'TrainBlocked');
  });

  it('covers the lap that it was granted in', () => {
    expect(trainAfter(...passed).waivers.get('W1')).toMatchObject({ cycle: 1, ended: false });
  });
});

describe('a forced advance', () => {
  it('is a waiver of everything that is unmet, and marked', () => {
    const forced = after(...blocked, waive({ checks: 'all' })).find(({ type }) => type === 'WaiverGranted');
    expect(forced?.data).toMatchObject({ checks: ['criterion:good'], forced: true });
    given(...after(...blocked, waive({ checks: 'all' })))
      .when(waive({ checks: 'all' }))
      .thenNothing();
  });

  it('is refused where one of them may not be waived, and where nothing is unmet', () => {
    given(...after(...unsafe))
      .when(waive({ checks: 'all' }))
      .thenRejected('never-waived');
    given(...after(begin))
      .when(waive({ checks: 'all' }))
      .thenRejected('nothing-to-waive');
  });
});

describe('when a waiver ends,', () => {
  const ended = [...passed, tick(12)];

  it('its check is looked at again by itself, and holds what comes after it if it is unmet', () => {
    expect(nextMoment(trainAfter(...passed), () => pipeline, at(9))).toBe(at(12));
    given(...after(...passed))
      .when(tick(11))
      .thenNothing();
    given(...after(...passed))
      .when(tick(12))
      .thenTypes('WaiverEnded', 'HoldPlaced');
    expect(trainAfter(...ended).holds.get('waiver:W1')).toMatchObject({
      phases: ['use', 'sell'],
      reason: expect.stringContaining('make was left with criterion:good unmet: Olga sees to it'),
    });
    expect(nextMoment(trainAfter(...ended), () => pipeline, at(12))).toBeUndefined();
  });

  it('nothing is held if the check was met in the meantime, or the phase was not left yet', () => {
    given(...after(...blocked, waive(), make(2, { good: true })))
      .when(tick(12))
      .thenTypes('WaiverEnded');
    given(...after(...blocked, waive()))
      .when(tick(12))
      .thenTypes('WaiverEnded');
    given(...after(...blocked, waive(), tick(12)))
      .when(make(2))
      .thenTypes('GateEvaluated', 'TrainBlocked');
  });

  it('its check is judged by what is true then, and by what was true before only where nobody looked', () => {
    const few = { id: 'few', says: 'Few risks', check: { kind: 'risks', below: 8 }, onFail: 'hold' } as const;
    const risks = {
      ...pipelineWith([
        { id: 'make', next: 'sell', exit: [few] },
        { id: 'sell', next: null, ends: [{ outcome: 'close', as: 'completed' as const }] },
      ]),
      waivers: { roles: ['sponsor'], never: [] },
    };
    const { given, after } = specify(trainDecider(() => risks));
    const risky = { ...NOTHING_ELSE, risks: [{ riskId: 'R007', score: 9, phases: [], accepted: false }] };
    const left = after(begin, work('make_1_1', { observed: risky }), waive({ checks: ['criterion:few'] }));
    expect(left.map(({ type }) => type).slice(-3)).toEqual(['PhaseCompleted', 'PhaseEntered', 'TicketOpened']);
    given(...left)
      .when({ ...tick(12), observed: NOTHING_ELSE })
      .then({ type: 'WaiverEnded', data: { trainId, waiverId: 'W1', unmet: [] } });
    for (const command of [{ ...tick(12), observed: risky }, tick(12)]) {
      given(...left)
        .when(command)
        .thenTypes('WaiverEnded', 'HoldPlaced');
    }
  });

  it('it can be renewed: the hold is lifted', () => {
    given(...after(...ended))
      .when(waive({ until: at(20), at: at(13) }))
      .thenTypes('WaiverGranted', 'HoldLifted');
    given(...after(...ended))
      .when(waive({ until: at(20), at: at(13), checks: ['criterion:safe'] }))
      .thenRejected('never-waived');
  });

  it.each(['mended', 'accepted'] as const)('it can be settled as %s: the hold is lifted', (as) => {
    given(...after(...ended))
      .when(settle(as))
      .thenTypes('WaiverSettled', 'HoldLifted');
    given(...after(...ended, settle(as)))
      .when(settle(as))
      .thenNothing();
    given(...after(...passed, settle(as)))
      .when(tick(12))
      .thenNothing();
  });

  it.each<[string, string, object]>([
    ['that is not there', 'not-found', { waiverId: 'W7' }],
    ['without a reason', 'waiver-without-reason', { reason: '' }],
    ['in another role', 'role-may-not-waive', { role: 'friend' }],
    ['by somebody without the role', 'not-the-approver', { by: 'Olga' }],
  ])('one %s is not settled: %s', (_, code, wish) => {
    given(...after(...ended))
      .when(settle('accepted', wish))
      .thenRejected(code);
  });

  it('going back and doing it again lifts the hold, where the gate lets the train go back', () => {
    const accepted = waive({ phase: 'use', checks: ['criterion:sure'], until: at(23) });
    const back = [...passed, { ...work('use_1_1', { outcome: 'back' }), at: at(9) }, accepted, tick(12)];
    expect(trainAfter(...back)).toMatchObject({ phase: 'make', status: 'working' });
    expect([...trainAfter(...back).holds.keys()]).toEqual(['waiver:W1']);
    const again = { ...make(3, { good: true }), at: at(13) };
    given(...after(...back))
      .when(again)
      .thenTypes('GateEvaluated', 'HoldLifted', 'PhaseCompleted', 'PhaseEntered', 'TicketOpened');
  });

  it('nothing happens on a train that has ended', () => {
    const aborted = [...passed, { type: 'Abort', trainId, by: 'Olga', reason: 'over' } as const];
    given(...after(...aborted))
      .when(tick(12))
      .thenNothing();
    expect(nextMoment(trainAfter(...aborted), () => pipeline, at(9))).toBeUndefined();
  });
});
