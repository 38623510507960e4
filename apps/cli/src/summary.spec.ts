import { expect, it } from '@jest/globals';
import { stripVTControlCharacters } from 'node:util';
import { summaryLines, type Summary } from './summary.ts';

/** As a demo told it, with fewer phases and files. */
const RECORDED: Summary = {
  trainId: '4f7c1e2a-9d0b-4c1e-8a35-6f2d1b0c9e77',
  name: 'Rain tomorrow',
  client: 'Rainier Open Air',
  status: 'completed',
  outcome: 'close',
  blockedFor: null,
  heldFor: [],
  cycles: 2,
  phases: [
    { id: 'opportunity', attempts: 1, verdict: 'passed', durationMs: 412, laps: 1 },
    { id: 'training', attempts: 3, verdict: 'passed', durationMs: 21_480, laps: 2 },
  ],
  model: {
    family: 'gradient-boosting',
    metrics: { 'roc-auc': 0.7829, brier: 0.1861 },
    baseline: { 'roc-auc': 0.7311, brier: 0.2658 },
    primary: 'roc-auc',
    successMet: true,
    calibrationError: 0.0449,
  },
  drift: { found: true, features: 'weather', psiMax: 0.291 },
  retraining: { champion: 0.8048, challenger: 0.8174, challengerBetter: true },
  server: { address: 'http://127.0.0.1:40197', version: '2-8d53c5d9' },
  approvals: [
    { phase: 'scope', cycle: 1, role: 'sponsor', by: 'Marta Lindqvist', status: 'granted', simulated: true },
    { phase: 'deployment', cycle: 2, role: 'release-manager', by: null, status: 'pending', simulated: false },
  ],
  risks: [
    {
      riskId: 'R003-drift',
      catalogue: 'R003',
      title: 'Model Performance',
      score: 12,
      status: 'open',
      reason: 'drift was found in weather',
    },
  ],
  cost: {
    budget: { budget: { amount: '50.00', currency: 'USD' } },
    total: { cost: [{ amount: '0.000412', currency: 'USD' }], cpuMs: 25_100, unpriced: 0 },
    byPhase: [{ phase: 'training', cost: [{ amount: '0.000381', currency: 'USD' }], cpuMs: 21_400 }],
  },
  artifacts: { folder: '/home/ann/.value-train/trains/4f7c1e2a', files: ['cycle-1/planning/sow.md'] },
  verified: true,
  events: 412,
};

const textOf = (change: Partial<Summary> = {}) =>
  summaryLines({ ...RECORDED, ...change })
    .map(stripVTControlCharacters)
    .join('\n');

it('tells a train from its phases to the proof of its events', () => {
  const text = textOf();
  for (const told of [
    'Rain tomorrow, for Rainier Open Air',
    'completed: 2 of 2 phases passed, 2 laps 4f7c1e2a-9d0b-4c1e-8a35-6f2d1b0c9e77',
    /^ +2 {2}training \(2 laps\) +3 {9}passed +21\.5 s$/m,
    /^ +roc-auc +0\.783 +0\.731$/m,
    'gradient-boosting; success criteria met; calibration error 0.045',
    'drift: found in weather (largest index 0.291)',
    'retraining: challenger 0.817, champion 0.805 by roc-auc: the challenger replaced the champion',
    'model server: http://127.0.0.1:40197, version 2-8d53c5d9',
    /^ +scope +sponsor +Marta Lindqvist +granted \(simulated by the demo\)$/m,
    /^ +deployment lap 2 +release-manager +– +pending$/m,
    /^ +R003 +Model Performance +12 +open +drift was found in weather$/m,
    'in total USD 0.000412 of USD 50.00',
    '1 file in /home/ann/.value-train/trains/4f7c1e2a',
    '✓ the event store verifies: 412 events, every chain whole',
  ]) {
    expect(text).toEqual(told instanceof RegExp ? expect.stringMatching(told) : expect.stringContaining(told));
  }
});

it('tells a train that came to nothing without holes', () => {
  const nothing = { family: null, metrics: {}, baseline: {}, primary: null, successMet: null, calibrationError: null };
  const text = textOf({
    status: 'blocked',
    blockedFor: ['sponsor-named: nobody'],
    cycles: 1,
    phases: [
      { id: 'opportunity', attempts: 3, verdict: 'failed', durationMs: null, laps: 1 },
      { id: 'training', attempts: 0, verdict: null, durationMs: null, laps: 0 },
    ],
    ...{ model: nothing, drift: null, retraining: null, server: null, approvals: [], risks: [], verified: false },
  });
  expect(text).toContain('blocked: 0 of 2 phases passed, 1 lap ');
  expect(text).toContain('  sponsor-named: nobody');
  expect(text).toMatch(/training +0 +not reached +–/);
  expect(text).toContain('no model was validated');
  expect(text).toContain('not monitored');
  expect(text).toContain('✗ the event store does NOT verify');
  expect(text).not.toMatch(/undefined|null|NaN/);
});

it('says of a train that is held what it waits for, and who can act', () => {
  const text = textOf({ status: 'running', heldFor: ['R012 Security Breach is critical'] });
  expect(text).toContain('held: 2 of 2 phases passed');
  expect(text).toContain('  R012 Security Breach is critical');
  expect(text).toContain(`it goes on when somebody acts: vt risks ${RECORDED.trainId}`);
});
