import { expect, it } from '@jest/globals';
import { DomainEvent, type EventOf } from '@vt/contracts';
import { riskRegister, type RiskRow } from './risk-register.projection.ts';

const of = { trainId: '018f8e2a-7d34-4d11-9f3e-1d1d3f1a2b3c', riskId: 'R001-design' };
const level = { probability: 4, impact: 5 };
const about = { ...of, catalogue: 'R001', title: 'Leak', signal: 'x', phases: ['design'], raisedBy: 'rules' };
const raised = { type: 'RiskRaised', data: { ...about, ...level, reason: 'seen', source: 's1' } };
const critical = { type: 'RiskBecameCritical', data: { ...of, score: 20, reason: 'high', phases: [] } };
const mitigated = (effectiveness: number) => ({
  type: 'RiskMitigated',
  data: { ...of, mitigation: 'M001', effectiveness, by: 'Ada' },
});
const settled = (status: string) => ({ type: 'RiskSettled', data: { ...of, status, reason: 'done', by: 'Ada' } });

const after = (...events: object[]): RiskRow | undefined =>
  events.reduce<RiskRow | undefined>((row, given, index) => {
    const event = DomainEvent.parse(given) as EventOf<'RiskRaised'>;
    return riskRegister.evolve(row, event, { position: index, at: '2026-01-01T00:00:00.000Z', actor: 'Ada' });
  }, undefined);

it.each([
  ['raised', [raised], { status: 'open', score: 20, raisedBy: 'rules', mitigations: [] }],
  [
    'scored again',
    [raised, { type: 'RiskRescored', data: { ...of, probability: 2, impact: 3, reason: 'less', source: 's2' } }],
    { score: 6, reason: 'less' },
  ],
  ['critical', [raised, critical], { status: 'critical' }],
  ['mitigated in part', [raised, mitigated(0.5)], { score: 10, status: 'open' }],
  ['mitigated again, by the same', [raised, mitigated(0.5), mitigated(0.75)], { score: 5 }],
  ['no longer critical', [raised, critical, settled('mitigated')], { status: 'mitigated', reason: 'done' }],
  ['accepted', [raised, critical, settled('accepted')], { status: 'accepted', score: 20 }],
  [
    'accepted, and scored again',
    [
      raised,
      settled('accepted'),
      { type: 'RiskRescored', data: { ...of, probability: 5, impact: 5, reason: 'more', source: 's2' } },
    ],
    { status: 'open', score: 25 },
  ],
  ['closed', [raised, settled('closed')], { status: 'closed', settledAt: '2026-01-01T00:00:00.000Z' }],
  ['raised again', [raised, mitigated(0.5), settled('closed'), raised], { status: 'open', score: 20, mitigations: [] }],
])('shows a risk that was %s', (_, events, expected) => {
  expect(after(...events)).toMatchObject(expected);
});

it('keeps each risk of each train apart', () => {
  const event = DomainEvent.parse(raised) as EventOf<'RiskRaised'>;
  expect(riskRegister.keyOf(event, { position: 1, at: '', actor: '' })).toBe(`${of.trainId}/${of.riskId}`);
});
