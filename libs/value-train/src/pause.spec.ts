import { expect, it } from '@jest/globals';
import { FLEET, PauseScope } from '@vt/contracts';
import { fold, TenantId } from '@vt/kernel';
import { PAUSE_TABLE, pauseOfSource, pauseProblem, pauseSource, pauseWords } from './pause.ts';
import { pauseDecider, type PauseCommand, type PauseEvent } from './pause.decider.ts';
import { pauseList } from './pause-list.projection.ts';
import { smallPipeline, start, trainId, work } from './testing/pipelines.ts';
import { timeline } from './timeline.projection.ts';
import { trainDecider } from './train.decider.ts';
import { underPauses, type PausedCommand } from './under-pauses.decider.ts';
import { ticketIdOf, type TrainEvent } from './train.ts';

const acme = TenantId.parse('acme');
const told = { by: 'olga', reason: 'an incident' };
const place = (scope: PauseCommand['scope'], subject = '', incident: string | null = null): PauseCommand => ({
  type: 'PlacePause',
  ...{ scope, subject, incident, ...told },
});
const lift = (scope: PauseCommand['scope'], subject = ''): PauseCommand => ({
  type: 'LiftPause',
  ...{ scope, subject, ...told },
});

const carryOut = (commands: readonly PauseCommand[]): PauseEvent[] => {
  const events: PauseEvent[] = [];
  for (const command of commands) events.push(...pauseDecider.decide(command, fold(pauseDecider, events)));
  return events;
};

it.each<[string, PauseCommand[], string[]]>([
  ['each scope has a pause of its own', [place('tenant'), place('agent', 'lab')], ['tenant', 'agent:lab']],
  ['what is paused already is not paused again', [place('tenant'), place('tenant')], ['tenant']],
  ['what is not paused can not be lifted', [lift('tenant')], []],
  ['lifting one leaves the others', [place('tenant'), place('agent', 'lab'), lift('tenant')], ['agent:lab']],
  ['an incident pauses once', [place('fleet', '', '42'), lift('fleet'), place('fleet', '', '42')], []],
  [
    'an incident counts although the fleet was paused already',
    [place('fleet'), place('fleet', '', '42'), lift('fleet'), place('fleet', '', '42')],
    [],
  ],
  ['the next incident pauses again', [place('fleet', '', '42'), lift('fleet'), place('fleet', '', '43')], ['fleet']],
])('%s', (_, commands, standing) => {
  expect([...fold(pauseDecider, carryOut(commands)).standing.keys()]).toEqual(standing);
});

it('says of every scope and stimulus what happens', () => {
  for (const { under, what, then } of Object.values(PAUSE_TABLE)) {
    expect(Object.keys(under)).toEqual(PauseScope.options);
    expect([what.length, then.length].every((length) => length > 10)).toBe(true);
  }
});

it.each<[PauseScope, string, TenantId, string | undefined]>([
  ['session', 'work_1_1', acme, 'the id of a ticket'],
  ['ticket', ticketIdOf(trainId, 'work', 1, 1), acme, undefined],
  ['agent', 'labb', acme, 'one of onboarder'],
  ['agent', 'lab', acme, undefined],
  ['train', trainId, acme, 'of its own'],
  ['tenant', 'acme', acme, 'no subject'],
  ['tenant', '', acme, undefined],
  ['tenant', '', FLEET, 'the tenant fleet'],
  ['fleet', '', acme, 'the tenant fleet'],
  ['fleet', '', FLEET, undefined],
])('can pause %s "%s" of %s, or says why not', (scope, subject, tenant, problem) => {
  const said = pauseProblem({ scope, subject }, tenant);
  expect(said).toEqual(problem === undefined ? undefined : expect.stringContaining(problem));
});

it('tells the holds of pauses from others', () => {
  expect(pauseOfSource(pauseSource({ scope: 'agent', subject: 'lab' }))).toBe('agent:lab');
  expect(pauseOfSource('R001')).toBeUndefined();
  expect(pauseWords({ scope: 'agent', subject: 'lab', ...told })).toBe('the agent lab is paused by olga: an incident');
});

it('lists the pauses that stand, those of trains among them', () => {
  const meta = { position: 7, at: '2026-11-21T10:00:00.000Z', actor: 'olga' };
  const { evolve, keyOf } = pauseList;
  const [placed] = carryOut([place('agent', 'lab')]) as [PauseEvent];
  expect(keyOf(placed, meta)).toBe('agent:lab');
  expect(evolve(undefined, placed, meta)).toEqual({ scope: 'agent', subject: 'lab', ...told, since: meta.at });
  const paused = { type: 'TrainPaused', data: { trainId, ...told } } as const;
  expect(keyOf(paused, meta)).toBe(`train:${trainId}`);
  const row = evolve(undefined, paused, meta);
  expect(row).toEqual({ scope: 'train', subject: trainId, ...told, since: meta.at });
  expect(evolve(row, { type: 'TrainResumed', data: { trainId, by: 'olga' } }, meta)).toBeUndefined();
});

it('leaves pauses that are of no train out of the timelines of trains', () => {
  expect(timeline.types).toContain('TrainPaused');
  expect(timeline.types).not.toContain('PausePlaced');
});

const rules = underPauses(trainDecider(() => smallPipeline));
const given = (...commands: PausedCommand[]) => {
  const events: TrainEvent[] = [];
  for (const command of commands) events.push(...rules.decide(command, fold(rules, events)));
  return events;
};
const types = (events: readonly TrainEvent[]) => events.map(({ type }) => type);
const pause = (scope: PauseScope, subject = '') => ({ scope, subject, ...told });
const first = ticketIdOf(trainId, 'triage', 1, 1);
const judged = work('triage_1_1', { outcome: 'next' });
const liftHold = (scope: PauseScope, subject = ''): PausedCommand => ({
  type: 'LiftHold',
  ...{ trainId, source: pauseSource({ scope, subject }), reason: 'the pause was lifted' },
});

it('puts a train on its pipeline without a ticket, and opens it when the last pause is lifted', () => {
  const pauses = [pause('tenant'), pause('fleet')];
  const begun: PausedCommand[] = [{ ...start, pauses }];
  expect(types(given(...begun))).toEqual(['TrainStarted', 'PhaseEntered', 'HoldPlaced', 'HoldPlaced']);
  begun.push({ ...liftHold('fleet'), pauses: pauses.slice(0, 1) });
  expect(types(given(...begun)).slice(4)).toEqual(['HoldLifted']);
  begun.push(liftHold('tenant'));
  expect(types(given(...begun)).slice(5)).toEqual(['HoldLifted', 'TicketOpened']);
});

it.each([pause('ticket', first), pause('tenant'), pause('fleet')])(
  'holds what is submitted under a pause of its $scope',
  (held) => {
    const events = given(start, { ...judged, pauses: [held] }, { ...judged, pauses: [held] });
    expect(types(events).slice(3)).toEqual(['HoldPlaced', 'GateEvaluated']);
    expect(events.at(-1)).toMatchObject({ data: { verdict: 'held' } });
    const after = given(start, { ...judged, pauses: [held] }, liftHold(held.scope, held.subject));
    expect(types(after).slice(5)).toEqual([
      'HoldLifted',
      'GateEvaluated',
      'PhaseCompleted',
      'PhaseEntered',
      'TicketOpened',
    ]);
  },
);

it.each([pause('session', first), pause('agent', 'onboarder'), pause('ticket', 'another')])(
  'judges at once under the pause of a $scope that is none of its',
  (other) => {
    expect(given(start, { ...judged, pauses: [other] })).toEqual(given(start, judged));
  },
);

it('keeps a train where it is when its pause is placed again before it could go on', () => {
  const held = { ...judged, pauses: [pause('tenant')] };
  const again = { ...liftHold('tenant'), pauses: [pause('tenant')] };
  expect(types(given(start, held, again)).slice(5)).toEqual(['HoldLifted', 'HoldPlaced']);
  expect(given(start, again)).toEqual(given(start));
});

it('writes nothing down on a train that ends, or about what changes nothing', () => {
  const pauses = [pause('fleet')];
  expect(types(given(start, { type: 'Abort', trainId, by: 'olga', reason: 'no', pauses })).slice(3)).toEqual([
    'TrainAborted',
  ]);
  expect(given(start, { type: 'Resume', trainId, by: 'olga', pauses })).toEqual(given(start));
});
