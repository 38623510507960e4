import { describe, expect, it } from '@jest/globals';
import { DomainEvent, EVENT_TYPES } from '@vt/contracts';
import type { Projection } from '@vt/kernel';
import { approvalList } from './approval-list.projection.ts';
import { artifactShelf } from './artifact-shelf.projection.ts';
import { gateReceipts } from './gate-receipts.projection.ts';
import { phaseHistory } from './phase-history.projection.ts';
import { sessionLog } from './session-log.projection.ts';
import { timeline } from './timeline.projection.ts';
import { trainBoard } from './train-board.projection.ts';

const trainId = '018f8e2a-7d34-4d11-9f3e-1d1d3f1a2b3c';
const digest = `sha256:${'a'.repeat(64)}`;
const file = { path: 'framing/brief.md', digest, size: 3, mediaType: 'text/markdown' };
const usage = { cpuMs: 1, wallMs: 5, tokens: [] };
const ticket = { trainId, ticketId: `design_1_1_${trainId}`, phase: 'design', cycle: 1, attempt: 1 };
const work = { trainId, ticketId: ticket.ticketId, phase: 'design', fence: 1 };

const started = {
  type: 'TrainStarted',
  data: {
    trainId,
    name: 'Rain',
    client: 'Open Air',
    pipeline: { id: 'ml-delivery', version: 1, digest },
    inputs: [file],
    budget: null,
    approvers: [],
    startedBy: 'Ada',
  },
};
const entered = { type: 'PhaseEntered', data: { trainId, phase: 'design', cycle: 1 } };
const opened = { type: 'TicketOpened', data: { ...ticket, agent: 'studio', mode: 'architecture' } };
const policy = { id: 'ml-delivery', version: 1, digest };
const nothing = { submission: null, observed: null, approvals: [] };
const judged = (verdict: string) => ({
  type: 'GateEvaluated',
  data: {
    ...ticket,
    verdict,
    checks: [{ id: 'c', outcome: 'met', reason: 'r' }],
    policy,
    evidence: [digest],
    ...nothing,
  },
});
const completed = {
  type: 'PhaseCompleted',
  data: { ...ticket, artifacts: [file], facts: { score: 0.8 }, outcome: 'go' },
};

/** The rows after these events; event n is at position n and second n. */
function rowsAfter<Event extends { type: string }, Row>(projection: Projection<Event, Row>, ...events: object[]) {
  const rows = new Map<string, Row>();
  for (const [index, given] of events.entries()) {
    // Checked as the store would hold it, and given only to who subscribes to it.
    const event = DomainEvent.parse(given) as unknown as Event;
    if (!projection.types.includes(event.type)) continue;
    const meta = { position: index + 1, at: `2026-01-01T00:00:0${index + 1}.000Z`, actor: 'Ada' };
    const key = projection.keyOf(event, meta)!;
    const row = projection.evolve(rows.get(key), event, meta);
    if (row !== undefined) rows.set(key, row);
  }
  return [...rows.values()];
}

describe('train board', () => {
  const riding = [started, entered, opened];
  const hold = { type: 'HoldPlaced', data: { trainId, source: 'risk-1', reason: 'leak', phases: [] } };
  const paused = { type: 'TrainPaused', data: { trainId, by: 'Ada', reason: 'lunch' } };
  const office = { trainId, role: 'sponsor', name: 'Zoe', by: 'Ada' };
  const appointed = { type: 'ApproverAppointed', data: office };
  const dismissed = { type: 'ApproverDismissed', data: { ...office, reason: 'left' } };
  const delegation = { trainId, role: 'sponsor', from: 'Zoe', to: 'Dora', by: 'Zoe' };
  const until = '2026-02-01T00:00:00.000Z';
  const delegated = { type: 'ApprovalDelegated', data: { ...delegation, until, reason: 'away' } };
  const undelegated = { type: 'DelegationEnded', data: { ...delegation, cause: 'revoked' } };
  const terms = {
    phase: 'design',
    cycle: 1,
    checks: ['c'],
    reason: 'r',
    owner: 'Bo',
    until,
    role: 'sponsor',
    by: 'Zoe',
  };
  const waived = { type: 'WaiverGranted', data: { trainId, waiverId: 'W1', ...terms, forced: false } };
  const again = { ...waived, data: { ...waived.data, waiverId: 'W2' } };
  const settled = {
    type: 'WaiverSettled',
    data: { trainId, waiverId: 'W1', as: 'mended', reason: 'r', role: 'sponsor', by: 'Zoe' },
  };
  const blocked = { type: 'TrainBlocked', data: { trainId, phase: 'design', reasons: ['no'] } };

  it.each([
    ['a started train', [started], { status: 'running', phase: null, attempt: 0, startedBy: 'Ada', inputs: [file] }],
    ['an entered phase', [started, entered], { phase: 'design', cycle: 1, attempt: 0, agent: null }],
    ['an opened ticket', riding, { attempt: 1, agent: 'studio', verdict: null }],
    ['a judged gate', [...riding, judged('held')], { verdict: 'held' }],
    [
      'a new cycle',
      [...riding, { type: 'CycleStarted', data: { trainId, cycle: 2, from: 'b', to: 'a' } }],
      { cycle: 2 },
    ],
    ['a hold', [...riding, hold, hold], { holds: [{ source: 'risk-1', reason: 'leak', phases: [] }] }],
    [
      'a lifted hold',
      [...riding, hold, { type: 'HoldLifted', data: { trainId, source: 'risk-1', reason: 'fixed' } }],
      { holds: [] },
    ],
    ['an appointment', [...riding, appointed], { approvers: [{ role: 'sponsor', name: 'Zoe' }] }],
    ['a dismissal', [...riding, appointed, dismissed], { approvers: [] }],
    [
      'a delegation',
      [...riding, delegated],
      { delegations: [{ role: 'sponsor', from: 'Zoe', to: 'Dora', until: '2026-02-01T00:00:00.000Z' }] },
    ],
    ['the end of a delegation', [...riding, delegated, undelegated], { delegations: [] }],
    ['a waiver', [...riding, waived], { waivers: [expect.objectContaining({ waiverId: 'W1', state: 'active' })] }],
    [
      'a waiver that ended, and another',
      [...riding, waived, again, { type: 'WaiverEnded', data: { trainId, waiverId: 'W1', unmet: [] } }],
      { waivers: [expect.objectContaining({ state: 'ended' }), expect.objectContaining({ state: 'active' })] },
    ],
    [
      'a waiver that was settled',
      [...riding, waived, settled],
      { waivers: [expect.objectContaining({ state: 'mended' })] },
    ],
    ['a paused train', [...riding, paused], { status: 'paused', pausedFor: 'lunch' }],
    [
      'a resumed train',
      [...riding, paused, { type: 'TrainResumed', data: { trainId, by: 'Ada' } }],
      { status: 'running', pausedFor: null },
    ],
    ['a blocked train', [...riding, blocked], { status: 'blocked', blockedFor: ['no'] }],
    ['a blocked train that is paused', [...riding, blocked, paused], { status: 'paused', blockedFor: ['no'] }],
    [
      'an unblocked train',
      [...riding, blocked, { type: 'TrainUnblocked', data: { trainId, phase: 'design', by: 'Ada', reason: 'again' } }],
      { status: 'running', blockedFor: null },
    ],
    [
      'an aborted train',
      [...riding, paused, { type: 'TrainAborted', data: { trainId, by: 'Ada', reason: 'enough' } }],
      { status: 'aborted', outcome: 'enough', endedAt: '2026-01-01T00:00:05.000Z' },
    ],
    [
      'an archived train',
      [...riding, { type: 'TrainArchived', data: { trainId, phase: 'design', outcome: 'no-go' } }],
      { status: 'archived', outcome: 'no-go' },
    ],
    [
      'a completed train',
      [...riding, { type: 'TrainCompleted', data: { trainId, cycle: 2, outcome: 'close' } }],
      { status: 'completed', outcome: 'close', ended: 'completed' },
    ],
  ])('shows %s', (_, events, expected) => {
    expect(rowsAfter(trainBoard, ...events)).toEqual([expect.objectContaining(expected)]);
  });

  it('shows nothing of a train that it has not seen start', () => {
    expect(rowsAfter(trainBoard, entered, opened)).toEqual([]);
  });
});

it('keeps the history of a phase through attempts, its end and a loop back into it', () => {
  const again = { ...opened, data: { ...opened.data, attempt: 2, ticketId: `design_1_2_${trainId}` } };
  const [row] = rowsAfter(phaseHistory, started, entered, opened, judged('failed'), again, judged('passed'), completed);
  expect(row).toMatchObject({ attempts: 2, agent: 'studio', mode: 'architecture', verdict: 'passed' });
  expect(row).toMatchObject({ facts: { score: 0.8 }, outcome: 'go', startedAt: '2026-01-01T00:00:02.000Z' });
  expect(row?.endedAt).toBe('2026-01-01T00:00:07.000Z');
  const [back] = rowsAfter(phaseHistory, entered, opened, completed, entered);
  expect(back).toMatchObject({ attempts: 1, verdict: null, outcome: null, endedAt: null });
});

it('keeps the latest verdict of each attempt with every check, and counts how often it was judged', () => {
  const [row, ...others] = rowsAfter(gateReceipts, judged('held'), judged('passed'));
  expect(others).toEqual([]);
  expect(row).toMatchObject({ verdict: 'passed', evaluations: 2, checks: [{ id: 'c' }], evidence: [digest] });
});

describe('approvals', () => {
  const asked = { type: 'ApprovalRequested', data: { ...ticket, role: 'sponsor', evidence: [digest], policy: digest } };
  const said = {
    ...ticket,
    role: 'sponsor',
    by: 'Sam',
    evidence: [digest],
    policy: digest,
    comment: 'ok',
    simulated: true,
  };
  const stale = {
    type: 'ApprovalBecameStale',
    data: { ...ticket, role: 'sponsor', by: 'Sam', standsInFor: null, cause: 'expired', reason: 'late' },
  };

  it.each([
    ['requested', [asked], { status: 'pending', by: null, evidence: [digest] }],
    ['granted', [asked, { type: 'ApprovalGranted', data: said }], { status: 'granted', by: 'Sam', simulated: true }],
    ['refused', [asked, { type: 'ApprovalRefused', data: said }], { status: 'refused', comment: 'ok' }],
    [
      'requested again for changed evidence',
      [
        asked,
        { type: 'ApprovalGranted', data: said },
        { ...asked, data: { ...asked.data, ticketId: `design_1_2_${trainId}`, attempt: 2, evidence: [] } },
      ],
      { status: 'pending', attempt: 2, by: null, evidence: [] },
    ],
    [
      'asked for changes',
      [asked, { type: 'ApprovalRefused', data: { ...said, revise: true } }],
      { status: 'refused', words: [expect.objectContaining({ said: 'revise', passedOnBy: 'Ada' })] },
    ],
    [
      'agreed to by one of two',
      [
        { ...asked, data: { ...asked.data, count: 2 } },
        { type: 'ApprovalGranted', data: { ...said, by: 'Ada' } },
      ],
      {
        status: 'pending',
        words: [expect.objectContaining({ by: 'Ada', said: 'yes', passedOnBy: null })],
        decidedAt: null,
      },
    ],
    [
      'agreed to, became stale and was asked again',
      [asked, { type: 'ApprovalGranted', data: said }, stale, asked],
      { status: 'pending', words: [], stale: [expect.objectContaining({ by: 'Sam', cause: 'expired' })], by: null },
    ],
    [
      'escalated',
      [asked, { type: 'ApprovalEscalated', data: { ...ticket, role: 'sponsor', level: 2 } }],
      { status: 'pending', level: 2 },
    ],
    [
      'not answered in time',
      [asked, { type: 'ApprovalTimedOut', data: { ...ticket, role: 'sponsor' } }],
      { status: 'timed-out', by: null },
    ],
  ])('shows what was %s', (_, events, expected) => {
    expect(rowsAfter(approvalList, ...events)).toEqual([expect.objectContaining(expected)]);
  });
});

it('shelves what a train was started with, what an attempt left, and what its gate let out', () => {
  const outcome = { facts: {}, checklist: [], outcome: '', agent: 'studio', artifacts: [file] };
  const submitted = { type: 'WorkSubmitted', data: { ...ticket, ...outcome } };
  expect(rowsAfter(artifactShelf, started, submitted)).toMatchObject([
    { phase: null, cycle: 0, accepted: true, artifacts: [file] },
    { phase: 'design', cycle: 1, accepted: false, artifacts: [file] },
  ]);
  expect(rowsAfter(artifactShelf, submitted, completed)).toMatchObject([{ phase: 'design', accepted: true }]);
});

describe('session log', () => {
  const begun = {
    type: 'SessionStarted',
    data: {
      ...ticket,
      agent: 'studio',
      mode: 'architecture',
      permissions: { deny: [], ask: [], allow: ['studio.*'] },
      earlierFailures: [],
      fence: 1,
    },
  };
  const action = { ...work, action: 'choose', tool: 'studio.choose', agent: 'studio', attempt: 1 };
  const failed = {
    type: 'ActionFailed',
    data: { ...action, try: 1, kind: 'transient', reason: 'away', usage },
  };
  const done = {
    type: 'ActionCompleted',
    data: { ...action, artifacts: [file], facts: {}, usage, result: null },
  };
  const close = { ...ticket, agent: 'studio' };
  const subTicket = work.ticketId.replace('_1_1_', '_1_1_choose_1_');
  const sub = {
    ...{ ...work, ticketId: subTicket, agent: 'lab', action: 'choose', from: 'studio', of: work.ticketId },
  };
  const terms = { mode: 'architecture', permissions: { deny: [], ask: [], allow: [] }, earlierFailures: [], fence: 1 };
  const accepted = { type: 'HandoffAccepted', data: { ...sub, cycle: 1, attempt: 1, ...terms, bundle: digest } };
  const handed = { ...work, action: 'choose', to: 'lab', handoff: subTicket };
  const offered = {
    type: 'HandoffOffered',
    data: {
      ...{ ...handed, cycle: 1, attempt: 1, tool: 'lab.choose', from: 'studio', needs: [], bundle: digest },
      ...{ openedOn: '2026-11-21', fence: 1 },
    },
  };
  const withdrawn = { type: 'HandoffWithdrawn', data: { ...handed, reason: 'enough' } };
  const beforePlan = {
    sketch: { during: 'plan', produces: [] },
    ask: { during: 'research', produces: [] },
  };
  const planning = { ...begun, data: { ...begun.data, beforePlan } };
  const onTo = (workPhase: string, sentBack?: object) => ({
    type: 'WorkPhaseEntered',
    data: { ...work, workPhase, from: 'research', checks: [], bundle: digest, ...(sentBack && { sentBack }) },
  });

  it.each([
    ['a session', [begun], { status: 'working', agent: 'studio', workPhase: null, actions: [] }],
    ['a session that has a plan to make', [planning], { workPhase: 'research' }],
    ['a session in another work phase', [planning, onTo('implement')], { workPhase: 'implement', actions: [] }],
    [
      'work that was sent back',
      [planning, onTo('implement'), done, onTo('plan', { by: 'map', reason: 'other rows', undone: ['choose'] })],
      { workPhase: 'plan', actions: [expect.objectContaining({ state: 'rolled-back', reason: 'other rows' })] },
    ],
    [
      'work that a person took back',
      [
        planning,
        onTo('implement'),
        {
          type: 'SessionRolledBack',
          data: { ...work, to: 1, undone: [], workPhase: 'research', reason: 'wrong', by: 'Olga' },
        },
      ],
      { workPhase: 'research', status: 'paused' },
    ],
    [
      'a resumed one',
      [begun, { type: 'SessionResumed', data: { ...work, fence: 2, bundle: digest } }],
      { resumptions: 1 },
    ],
    [
      'a paused one',
      [begun, { type: 'SessionPaused', data: { ...work, fence: 1, reason: 'holiday' } }],
      { status: 'paused', reasons: ['holiday'] },
    ],
    [
      'one that was rolled back',
      [
        begun,
        { ...done, data: { ...done.data, action: 'measure' } },
        done,
        done,
        { type: 'SessionRolledBack', data: { ...work, to: 2, undone: ['choose'], reason: 'x', by: 'Olga' } },
      ],
      {
        status: 'paused',
        actions: [
          expect.objectContaining({ action: 'measure', state: 'completed', wallMs: 5 }),
          expect.objectContaining({ action: 'choose', state: 'rolled-back', reason: 'x', wallMs: 10 }),
        ],
      },
    ],
    [
      'one whose bundle was saved, then refused',
      [
        begun,
        {
          type: 'BundleSaved',
          data: { ...work, bundle: digest, ...{ sourceVersion: 1, tokenizer: 'x' }, tokens: 1, sourceTokens: 9 },
        },
        { type: 'BundleRejected', data: { ...work, bundle: digest, problems: ['too long'], fence: 2 } },
      ],
      { status: 'working', reasons: [] },
    ],
    [
      'what was handed off',
      [begun, offered],
      { actions: [expect.objectContaining({ action: 'choose', state: 'handed-off', by: 'lab', failures: 0 })] },
    ],
    [
      'what was handed off and came back',
      [begun, offered, { ...done, data: { ...done.data, agent: 'lab', handoff: sub.ticketId } }],
      { agent: 'studio', actions: [expect.objectContaining({ state: 'completed', by: 'lab', wallMs: 5 })] },
    ],
    [
      'what was called back',
      [begun, offered, withdrawn],
      { actions: [expect.objectContaining({ reason: 'called back from lab: enough' })] },
    ],
    ['what was called back of nothing', [begun, withdrawn], { actions: [] }],
    [
      'what another session offered',
      [accepted],
      { agent: 'lab', status: 'working', handedOff: { action: 'choose', of: work.ticketId, from: 'studio' } },
    ],
    ['what went back done', [accepted, { type: 'HandoffReturned', data: sub }], { status: 'returned', reasons: [] }],
    [
      'what went back undone',
      [accepted, { type: 'HandoffReversed', data: { ...sub, kind: 'permanent', reasons: ['no'] } }],
      { status: 'reversed', reasons: ['no'] },
    ],
    [
      'an action that began',
      [begun, { type: 'ActionStarted', data: action }],
      { actions: [expect.objectContaining({ action: 'choose', state: 'started', failures: 0, wallMs: 0 })] },
    ],
    [
      'an action that failed',
      [begun, failed],
      { actions: [expect.objectContaining({ state: 'failed', reason: 'transient: away', failures: 1 })] },
    ],
    [
      'an action that was done in the end',
      [begun, failed, failed, done],
      { actions: [expect.objectContaining({ state: 'completed', reason: null, failures: 2, wallMs: 15 })] },
    ],
    [
      'a tool that was refused',
      [
        begun,
        {
          type: 'ToolRefused',
          data: {
            ...work,
            action: 'x',
            tool: 'model',
            mode: 'architecture',
            call: 'model',
            rule: 'default',
            reason: 'no',
            required: false,
          },
        },
      ],
      { actions: [expect.objectContaining({ action: 'x', state: 'refused', reason: 'no' })] },
    ],
    [
      'a spiral',
      [
        begun,
        failed,
        { type: 'SpiralDetected', data: { ...work, action: 'choose', signature: 'away', consecutive: 3, similar: 4 } },
        { type: 'SpiralDetected', data: { ...work, action: 'x', signature: 'away', consecutive: 3, similar: 4 } },
      ],
      { actions: [expect.objectContaining({ state: 'failed', reason: '4 times the same: away', failures: 1 })] },
    ],
    [
      'a tool that a person allowed',
      [
        begun,
        {
          type: 'ToolGranted',
          data: { ...work, action: 'x', tool: 'model', mode: 'architecture', call: 'model', rule: 'model', by: 'ada' },
        },
      ],
      { actions: [expect.objectContaining({ action: 'x', state: 'started', reason: 'ada allowed model' })] },
    ],
    [
      'submitted work',
      [begun, { type: 'WorkSubmitted', data: { ...close, artifacts: [], facts: {}, checklist: [], outcome: '' } }],
      { status: 'submitted', endedAt: '2026-01-01T00:00:02.000Z' },
    ],
    [
      'abandoned work',
      [begun, { type: 'WorkAbandoned', data: { ...close, reasons: ['why'] } }],
      { status: 'abandoned', reasons: ['why'] },
    ],
    [
      'a cancelled session',
      [begun, { type: 'SessionCancelled', data: { ...work, reason: 'paused' } }],
      { status: 'cancelled', reasons: ['paused'] },
    ],
    [
      'an archived one',
      [
        begun,
        { type: 'WorkAbandoned', data: { ...close, reasons: ['why'] } },
        {
          type: 'SessionArchived',
          data: {
            ...{ ...work, bundle: digest, sourceVersion: 2, tokenizer: 'o200k_base', tokens: 5, sourceTokens: 50 },
            ...{ learnings: 1, improvements: 2, waived: [], agent: 'lab', attempt: 1 },
          },
        },
      ],
      {
        ...{ status: 'archived', ended: 'abandoned', reasons: ['why'] },
        archive: {
          ...{ bundle: digest, tokens: 5, sourceTokens: 50, learnings: 1, improvements: 2, waived: [] },
          at: '2026-01-01T00:00:03.000Z',
        },
      },
    ],
  ])('shows %s', (_, events, expected) => {
    expect(rowsAfter(sessionLog, ...events)).toEqual([expect.objectContaining(expected)]);
  });
});

it('puts every event about a train on its timeline, in order, with who caused it', () => {
  expect(new Set(timeline.types)).toEqual(new Set(EVENT_TYPES.filter((type) => !/^(ApiKey|Pause)/.test(type))));
  expect(rowsAfter(timeline, started, entered).map(({ type, actor }) => [type, actor])).toEqual([
    ['TrainStarted', 'Ada'],
    ['PhaseEntered', 'Ada'],
  ]);
});
