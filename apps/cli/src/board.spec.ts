import { describe, expect, it } from '@jest/globals';
import { stripVTControlCharacters } from 'node:util';
import type { TimelineEvent } from './api.ts';
import { boardLines, changeLine, emptyBoard, isAtEnd, onBoard } from './board.ts';

const PHASES = [
  { id: 'framing', title: 'Framing', actions: 2 },
  { id: 'training', title: 'Training', actions: 4 },
];

/** An event at second `at` of a day. */
const event = (type: string, at: number, data: Record<string, unknown> = {}): TimelineEvent => ({
  position: at,
  type,
  at: new Date(Date.UTC(2026, 0, 1, 0, 0, at)).toISOString(),
  actor: 'Ada',
  data,
});
const ticket = (phase: string, at: number, attempt = 1, cycle = 1) =>
  event('TicketOpened', at, { phase, cycle, attempt, agent: 'lab' });
const gate = (phase: string, verdict: string, checks: object[] = []) =>
  event('GateEvaluated', 5, { phase, cycle: 1, verdict, checks });
const after = (...events: TimelineEvent[]) => events.reduce(onBoard, emptyBoard);
const drawn = (...events: TimelineEvent[]) =>
  boardLines(after(...events), PHASES, Date.UTC(2026, 0, 1, 0, 0, 10)).map(stripVTControlCharacters);

const started = event('TrainStarted', 0, { name: 'Rain' });

describe('the board', () => {
  it('shows what is to come, under the name of the train', () => {
    expect(drawn(started)).toEqual(['', '  Rain  10.0 s', '', '  ○  1  Framing ', '  ○  2  Training', '']);
  });

  it('shows how far a phase is', () => {
    const [, , , line] = drawn(started, ticket('framing', 2), event('ActionCompleted', 3, { phase: 'framing' }));
    expect(line).toBe('  ●  1  Framing   lab           8.0 s  ━━━━━───── 1 of 2');
  });

  it('shows whom a gate waits for, and no longer once they agreed', () => {
    const asked = [started, ticket('framing', 2), event('ApprovalRequested', 3, { phase: 'framing', role: 'sponsor' })];
    expect(drawn(...asked)[3]).toContain('waits for the sponsor');
    expect(drawn(...asked, event('ApprovalGranted', 4, { phase: 'framing' }))[3]).not.toContain('waits');
  });

  it('shows a gate that holds, attempts and laps', () => {
    expect(drawn(started, ticket('framing', 2, 2, 3), gate('framing', 'held'))[3]).toMatch(/held lap 3 attempt 2$/);
  });

  it('counts the time of a phase over all its attempts', () => {
    const completed = event('PhaseCompleted', 9, { phase: 'framing' });
    const [, , , line] = drawn(started, ticket('framing', 1), ticket('framing', 6, 2), completed);
    expect(line).toMatch(/✓ {2}1 {2}Framing .* 8\.0 s attempt 2$/);
  });

  it.each([
    ['TrainCompleted', 'completed', true],
    ['TrainArchived', 'archived', true],
    ['TrainAborted', 'aborted', true],
    ['TrainBlocked', 'blocked', true],
    ['TrainPaused', 'paused', false],
    ['TrainResumed', 'running', false],
  ])('%s leaves it %s', (type, status, ended) => {
    const board = after(started, event(type, 3));
    expect([board.status, isAtEnd(board)]).toEqual([status, ended]);
  });

  it('takes no notice of a phase that it has not seen begin', () => {
    expect(after(started, event('PhaseCompleted', 3, { phase: 'framing' })).phases).toEqual({});
  });
});

it.each([
  [ticket('framing', 3), '00:00:03  framing: lab at work'],
  [ticket('framing', 3, 2, 2), '00:00:03  framing (lap 2): lab at work, attempt 2'],
  [gate('framing', 'passed', [{ outcome: 'met', reason: 'fine' }]), '00:00:05  framing: gate passed'],
  [gate('framing', 'failed', [{ outcome: 'unmet', reason: 'too low' }]), '00:00:05  framing: gate failed: too low'],
  [
    event('ApprovalGranted', 4, { phase: 'framing', by: 'Sam', role: 'sponsor', simulated: true }),
    '00:00:04  framing: Sam agreed as sponsor (simulated)',
  ],
  [
    event('ActionFailed', 4, { phase: 'framing', action: 'score', kind: 'timeout', reason: 'too slow' }),
    '00:00:04  framing: score failed (timeout): too slow',
  ],
  [event('RiskRaised', 4, { catalogue: 'R001', title: 'Leak', reason: 'seen' }), '00:00:04  risk R001 Leak: seen'],
  [event('TrainBlocked', 4, { reasons: ['a', 'b'] }), '00:00:04  train blocked: a; b'],
  [event('SpendRecorded', 4), undefined],
])('a log says of it: %#', (given, line) => {
  expect(changeLine(given)).toBe(line);
});
