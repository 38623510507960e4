import { describe, expect, it } from '@jest/globals';
import { DomainEvent, type EventOf } from '@vt/contracts';
import { fold } from '@vt/kernel';
import { specify } from '@vt/testing';
import { decisionAbout, receiptOf } from './gate-receipt.ts';
import type { TrainCommand } from './train-commands.ts';
import { pipelineWith, start, trainId, work } from './testing/pipelines.ts';
import { trainDecider } from './train.decider.ts';
import { trainReactions } from './train.reactions.ts';
import { ticketIdOf, type TrainEvent } from './train.ts';
import { underPauses } from './under-pauses.decider.ts';

const usd = (amount: string) => ({ amount, currency: 'USD' });
const pipeline = pipelineWith([
  { id: 'training', next: 'report', mayCost: usd('2.00') },
  { id: 'report', next: null, ends: [{ outcome: 'close', as: 'completed' }] },
]);
const decider = trainDecider(() => pipeline);
const { after, given } = specify(decider);
const allowance = { amount: usd('2.00'), priceBook: '2026-11-01', models: {} };
const ticketId = (attempt: number) => ticketIdOf(trainId, 'training', 1, attempt);
const accept = (attempt = 1): TrainCommand => ({
  type: 'AcceptReservation',
  trainId,
  ticketId: ticketId(attempt),
  allowance,
});
const pause: TrainCommand = { type: 'Pause', trainId, by: 'Olga', reason: 'lunch' };
const resume: TrainCommand = { type: 'Resume', trainId, by: 'Olga' };
const refused = (reason: string) =>
  trainReactions.ReservationRefused!({
    type: 'ReservationRefused',
    data: {
      ...{ trainId, ticketId: ticketId(1), phase: 'training', attempt: 1, agent: 'lab', amount: usd('2.00') },
      ...{ spent: usd('99.00'), reserved: usd('0.00'), budget: usd('100'), reason },
    },
  })[0]!;

describe('a phase that may cost money', () => {
  it('asks for it first, and opens its ticket when it is reserved', () => {
    given()
      .when(start)
      .then(...after(start).slice(0, 2), {
        type: 'AllowanceRequested',
        data: {
          ...{ trainId, ticketId: ticketId(1), phase: 'training', cycle: 1, attempt: 1, agent: 'lab' },
          amount: usd('2.00'),
        },
      });
    given(...after(start))
      .when(accept())
      .thenTypes('AllowanceGranted', 'TicketOpened');
    expect(after(start, accept()).at(-1)).toMatchObject({ data: { ticketId: ticketId(1), allowance } });
  });

  it('asks again for each attempt, and not for what declares nothing', () => {
    const abandon: TrainCommand = {
      ...{ type: 'AcceptAbandonment', trainId, ticketId: ticketId(1), reasons: ['no memory'] },
    };
    given(...after(start, accept()))
      .when(abandon)
      .thenTypes('GateEvaluated', 'AllowanceRequested');
    given(...after(start, accept(), abandon))
      .when(accept(2))
      .thenTypes('AllowanceGranted', 'TicketOpened');
    given(...after(start, accept()))
      .when(work('training_1_1'))
      .thenTypes('GateEvaluated', 'PhaseCompleted', 'PhaseEntered', 'TicketOpened');
  });

  it('asks and is granted once', () => {
    given(...after(start))
      .when(pause)
      .thenTypes('TrainPaused');
    given(...after(start, pause))
      .when(resume)
      .thenTypes('TrainResumed');
    given(...after(start, accept()))
      .when(accept())
      .thenNothing();
    given(...after(start))
      .when(accept(2))
      .thenNothing();
    given(...after(start, { type: 'Abort', trainId, by: 'Olga', reason: 'no need' }))
      .when(accept())
      .thenNothing();
  });

  it('is granted under a pause, and opened after it', () => {
    given(...after(start, pause))
      .when(accept())
      .thenTypes('AllowanceGranted');
    given(...after(start, pause, accept()))
      .when(accept())
      .thenNothing();
    given(...after(start, pause, accept()))
      .when(resume)
      .thenTypes('TrainResumed', 'TicketOpened');
  });

  it('that is started under a pause of all asks when that is lifted', () => {
    const rules = underPauses(decider);
    const pauses = [{ scope: 'fleet' as const, subject: '', by: 'Olga', reason: 'an incident' }];
    const events = rules.decide({ ...start, pauses }, rules.initial);
    expect(events.map(({ type }) => type)).toEqual(['TrainStarted', 'PhaseEntered', 'HoldPlaced']);
    const source = (events.at(-1) as EventOf<'HoldPlaced'>).data.source;
    const lifted = rules.decide({ type: 'LiftHold', trainId, source, reason: 'over' }, fold(rules, events));
    expect(lifted.map(({ type }) => type)).toEqual(['HoldLifted', 'AllowanceRequested']);
  });

  it('pauses its train when there is too little left, until there is more and a person resumes it', () => {
    const reason = 'training may cost 2.00 USD, and of the budget of 100 USD, 99.00 are spent and 0.00 reserved';
    given(...after(start))
      .when(refused(reason))
      .thenTypes('HoldPlaced', 'TrainPaused');
    given(...after(start, refused(reason)))
      .when(resume)
      .thenRejected('budget-exhausted');
    const [lift] = trainReactions.BudgetSet!({
      type: 'BudgetSet',
      data: { trainId, budget: usd('200'), by: 'Olga' },
    });
    const [granted] = trainReactions.SpendReserved!({
      type: 'SpendReserved',
      data: { trainId, ticketId: ticketId(1), phase: 'training', attempt: 1, agent: 'lab', ...allowance },
    });
    given(...after(start, refused(reason), lift!, granted!))
      .when(resume)
      .thenTypes('TrainResumed', 'TicketOpened');
    given(...after(start, refused(reason), lift!, resume))
      .when(granted!)
      .thenTypes('AllowanceGranted', 'TicketOpened');
  });
});

it('is on the receipt of its gate', () => {
  const events = after(start, accept(), work('training_1_1'));
  const stream = events.map((event, index) => ({
    ...{ id: `train@${index + 1}`, tenant: 'acme', stream: 'train', version: index + 1, hash: 'h', commandId: 'c' },
    ...{ at: '2026-11-21T00:00:00.000Z', causation: { actor: 'conductor', causationId: 'c', correlationId: 'c' } },
    event: DomainEvent.parse(event) as TrainEvent,
  })) as unknown as Parameters<typeof receiptOf>[1];
  const decision = decisionAbout(stream, { phase: 'training' })!;
  expect(receiptOf(decision, stream, pipeline)).toMatchObject({ allowance });
});
