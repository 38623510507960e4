import { describe, expect, it } from '@jest/globals';
import { stripVTControlCharacters } from 'node:util';
import type { TimelineEvent } from './api.ts';
import { boardLines, changeLine, emptyBoard, isAtEnd, onBoard, underPauses, type Board } from './board.ts';

const PHASES = [
  { id: 'scope', title: 'Scope', actions: 3 },
  { id: 'training', title: 'Training', actions: 4 },
];
const START = Date.parse('2026-11-21T09:00:00.000Z');

type Happened = readonly (readonly [type: string, data?: Readonly<Record<string, unknown>>])[];

/** Events a second apart. */
const events = (...happened: Happened): TimelineEvent[] =>
  happened.map(([type, data = {}], index) => ({
    position: index + 1,
    type,
    at: new Date(START + index * 1_000).toISOString(),
    actor: 'somebody',
    data,
  }));
const boardOf = (...happened: Happened) => events(...happened).reduce(onBoard, emptyBoard);
const linesOf = (...happened: Happened) =>
  boardLines(boardOf(...happened), PHASES, START + 60_000).map(stripVTControlCharacters);

const started = ['TrainStarted', { name: 'Rain' }] as const;
const ticket = (phase: string, attempt = 1, cycle = 1) =>
  ['TicketOpened', { phase, attempt, cycle, agent: 'lab' }] as const;

describe('the board', () => {
  it('shows phases that nobody has reached, and how long the train rides', () => {
    expect(linesOf(started)).toEqual(['', '  Rain  1 min 00 s', '', '  ○  1  Scope   ', '  ○  2  Training', '']);
  });

  it('counts what is done of a phase, and how long it took', () => {
    const action = ['ActionCompleted', { phase: 'scope' }] as const;
    expect(linesOf(started, ticket('scope'), action, action)[3]).toMatch(
      /● {2}1 {2}Scope +lab +59\.0 s {2}━+─+ 2 of 3$/,
    );
    const passed = ['PhaseCompleted', { phase: 'scope' }] as const;
    expect(linesOf(started, ticket('scope'), action, passed)[3]).toMatch(/✓ {2}1 {2}Scope +lab +2\.0 s$/);
  });

  it('says whom a gate waits for, until they agree', () => {
    const asked = ['ApprovalRequested', { phase: 'scope', role: 'sponsor' }] as const;
    const agreed = ['ApprovalGranted', { phase: 'scope', role: 'sponsor' }] as const;
    const held = ['GateEvaluated', { phase: 'scope', verdict: 'held' }] as const;
    expect(linesOf(started, ticket('scope'), held, asked)[3]).toContain('waits for the sponsor');
    expect(linesOf(started, ticket('scope'), held, asked, agreed)[3]).toMatch(/held$/);
  });

  it('remarks on a gate that nobody answers', () => {
    const late = ['ApprovalEscalated', { phase: 'scope', role: 'sponsor', level: 2 }] as const;
    expect(linesOf(started, ticket('scope'), late).at(-1)).toBe(
      '  09:00:02  scope: still waits for the sponsor, escalation 2',
    );
  });

  it('shows what else covers the train, says when that begins and ends, and leaves its own pause to its events', () => {
    const pause = { by: 'Ada', reason: 'an incident', since: '2026-11-21T09:00:00.000Z' };
    const fleet = { ...pause, scope: 'fleet', subject: '' };
    const lab = { ...pause, scope: 'agent', subject: 'lab' };
    const shownOf = (board: Board) => boardLines(board, PHASES, START).map(stripVTControlCharacters).slice(5);
    const one = underPauses(boardOf(started), [fleet, { ...pause, scope: 'train', subject: 'its id' }]);
    const fleetLine = 'the fleet is paused by Ada since 2026-11-21T09:00:00.000Z: an incident';
    expect(one.lines).toEqual([fleetLine]);
    expect(shownOf(one.board)).toEqual(['', `  ${fleetLine}`]);
    const other = underPauses(one.board, [lab]);
    const labLine = 'the agent lab is paused by Ada since 2026-11-21T09:00:00.000Z: an incident';
    expect(other.lines).toEqual([labLine, 'the fleet is no longer paused']);
    expect(shownOf(other.board)).toEqual(['', `  ${labLine}`, '  the fleet is no longer paused']);
    expect(underPauses(other.board, [lab]).lines).toEqual([]);
  });

  it('says what a person has to do, until they have done it', () => {
    const asked = ['ActionStarted', { phase: 'scope', action: 'sign', tool: 'human' }] as const;
    const done = ['ActionCompleted', { phase: 'scope', action: 'sign' }] as const;
    const other = ['ActionCompleted', { phase: 'scope', action: 'write' }] as const;
    expect(linesOf(started, ticket('scope'), asked, other)[3]).toContain('waits for a person: sign');
    expect(linesOf(started, ticket('scope'), asked, other, done)[3]).toMatch(/ 2 of 3$/);
    const deployed = ['ActionStarted', { phase: 'scope', action: 'deploy', tool: 'ops.deploy' }] as const;
    expect(linesOf(started, ticket('scope'), deployed)[3]).toMatch(/ 0 of 3$/);
  });

  it('tells attempts and laps apart, and takes the time of a lap together', () => {
    const failed = ['GateEvaluated', { phase: 'scope', verdict: 'failed', checks: [] }] as const;
    expect(linesOf(started, ticket('scope'), failed, ticket('scope', 2))[3]).toMatch(/59\.0 s .*0 of 3 {2}attempt 2$/);
    const passed = ['PhaseCompleted', { phase: 'training' }] as const;
    const lap = ['CycleStarted', { cycle: 2 }] as const;
    const again = linesOf(started, ticket('training'), passed, lap, ticket('training', 1, 2), passed);
    expect(again[4]).toMatch(/✓ {2}2 {2}Training +lab +1\.0 s {2}lap 2$/);
    expect(again[1]).toMatch(/^ {2}Rain {2}lap 2 {2}/);
  });

  it('does not take for done what the lap has still before it', () => {
    const passed = (phase: string) => ['PhaseCompleted', { phase }] as const;
    const lap = [ticket('scope'), passed('scope'), ticket('training'), passed('training')];
    const lines = linesOf(started, ...lap, ['CycleStarted', { cycle: 2 }], ticket('scope', 1, 2));
    expect(lines[3]).toMatch(/● {2}1 {2}Scope .* 0 of 3 {2}lap 2$/);
    expect(lines[4]).toMatch(/○ {2}2 {2}Training +lab +1\.0 s {2}lap 1$/);
  });

  it('says below what happened last that a person should know', () => {
    const checks = [{ outcome: 'unmet', reason: 'no plan' }];
    const failed = ['GateEvaluated', { phase: 'scope', verdict: 'failed', checks }] as const;
    const passed = ['GateEvaluated', { phase: 'scope', verdict: 'passed', checks: [] }] as const;
    const lines = linesOf(started, ticket('scope'), failed, ticket('scope', 2), passed);
    expect(lines.at(-1)).toBe('  09:00:02  scope: gate failed: no plan');
  });

  it('stops its clock at the end of the train', () => {
    expect(linesOf(started, ['TrainCompleted'])[1]).toBe('  Rain  1.0 s  completed');
  });

  it('shows the phases around the one at work where there are few rows', () => {
    const many = Array.from({ length: 18 }, (_, index) => ({ id: `p${index + 1}`, title: 'Phase', actions: 1 }));
    const numbers = (at: string, rows: number) =>
      boardLines(boardOf(started, ticket(at)), many, START, rows).flatMap(
        (line) => /[●○] +(\d+)/.exec(stripVTControlCharacters(line))?.[1] ?? [],
      );
    expect(numbers('p9', 24)).toHaveLength(18);
    expect(numbers('p1', 12)).toEqual(['1', '2', '3', '4', '5', '6', '7']);
    expect(numbers('p9', 12)).toEqual(['6', '7', '8', '9', '10', '11', '12']);
    expect(numbers('p18', 12)).toEqual(['12', '13', '14', '15', '16', '17', '18']);
  });

  it.each([
    ['TrainCompleted', 'completed', true],
    ['TrainArchived', 'archived', true],
    ['TrainAborted', 'aborted', true],
    ['TrainBlocked', 'blocked', true],
    ['TrainPaused', 'paused', false],
  ])('knows what ends a train, and what does not: %s', (type, status, end) => {
    const board = boardOf(started, [type]);
    expect([board.status, isAtEnd(board)]).toEqual([status, end]);
    expect(boardLines(board, PHASES, START).join()).toContain(status);
  });

  it.each(['TrainResumed', 'TrainUnblocked'])('goes on after %s', (type) => {
    expect(boardOf(started, ['TrainPaused'], [type]).status).toBe('running');
  });

  it('is not moved by what it does not know', () => {
    const board = boardOf(started);
    expect(onBoard(board, events(['SomethingElse', { phase: 'scope' }])[0]!)).toBe(board);
    expect(onBoard(board, events(['ActionCompleted', { phase: 'never opened' }])[0]!)).toBe(board);
  });
});

describe('a line for a log', () => {
  const line = (type: string, data: Record<string, unknown>) => changeLine(events([type, data])[0]!);

  it.each<[string, Record<string, unknown>, string]>([
    ['TicketOpened', { phase: 'scope', cycle: 1, attempt: 1, agent: 'onboarder' }, 'scope: onboarder at work'],
    [
      'TicketOpened',
      { phase: 'training', cycle: 2, attempt: 3, agent: 'lab' },
      'training (lap 2): lab at work, attempt 3',
    ],
    ['GateEvaluated', { phase: 'scope', verdict: 'passed', checks: [] }, 'scope: gate passed'],
    [
      'GateEvaluated',
      {
        phase: 'scope',
        verdict: 'failed',
        checks: [
          { outcome: 'met', reason: 'fine' },
          { outcome: 'unmet', reason: 'no plan' },
          { outcome: 'inconclusive', reason: 'no price' },
          { outcome: 'unmet', reason: 'only on trial', effect: 'shadow' },
          { outcome: 'unmet', reason: 'dear', effect: 'warn' },
        ],
      },
      'scope: gate failed: no plan; no price; a warning: dear',
    ],
    [
      'ApprovalGranted',
      { phase: 'scope', by: 'Ann', role: 'sponsor', simulated: true },
      'scope: Ann agreed as sponsor (simulated)',
    ],
    [
      'ApprovalGranted',
      { phase: 'scope', by: 'somebody', role: 'sponsor', simulated: false },
      'scope: somebody agreed as sponsor',
    ],
    ['ApprovalRequested', { phase: 'scope', role: 'sponsor' }, 'scope: waits for the sponsor'],
    ['ActionStarted', { phase: 'scope', action: 'sign', tool: 'human' }, 'scope: waits for a person: sign'],
    [
      'ApprovalRefused',
      { phase: 'scope', by: 'Ann', role: 'sponsor', comment: 'too dear' },
      'scope: Ann did not agree as sponsor, as somebody passed it on: too dear',
    ],
    [
      'ActionFailed',
      { phase: 'scope', action: 'write', kind: 'transient', reason: 'no disk' },
      'scope: write failed (transient): no disk',
    ],
    ['HoldPlaced', { source: 'R012-1', reason: 'critical' }, 'held by R012-1: critical'],
    ['HoldLifted', { source: 'R012-1', reason: 'closed' }, 'no longer held by R012-1: closed'],
    ['TrainBlocked', { phase: 'scope', reasons: ['no plan', 'no price'] }, 'train blocked: no plan; no price'],
    ['TrainUnblocked', { phase: 'scope', reason: 'mended' }, 'train unblocked: mended'],
    ['TrainPaused', { reason: 'holiday' }, 'train paused: holiday'],
    ['CycleStarted', { cycle: 2 }, 'cycle started'],
    ['TrainCompleted', { cycle: 2, outcome: 'close' }, 'train completed'],
  ])('%s', (type, data, said) => {
    expect(line(type, data)).toBe(`09:00:00  ${said}`);
  });

  it('is not wanted for what happens all the time', () => {
    expect(line('ActionCompleted', { phase: 'scope' })).toBeUndefined();
    expect(line('ActionStarted', { phase: 'scope', action: 'deploy', tool: 'ops.deploy' })).toBeUndefined();
  });
});
