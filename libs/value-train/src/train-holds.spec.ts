import { describe, expect, it } from '@jest/globals';
import { start } from './testing/pipelines.ts';
import {
  abandon,
  after,
  at,
  given,
  hold,
  lastGate,
  lift,
  pause,
  releaseManagerAgrees,
  released,
  resume,
  sponsorAgrees,
  toRelease,
  trained,
  triaged,
  unblock,
} from './testing/small-ride.ts';

describe('a hold', () => {
  it('keeps a gate from passing until it is lifted', () => {
    given(...after(start, hold))
      .when(triaged)
      .thenTypes('GateEvaluated');
    expect(lastGate(start, hold, triaged)).toMatchObject({ 'hold:R007': 'pending' });
    given(...after(start, hold, triaged))
      .when(lift)
      .thenTypes('HoldLifted', 'GateEvaluated', 'PhaseCompleted', 'PhaseEntered', 'TicketOpened');
  });

  it('touches the gates of its phases only', () => {
    const elsewhere = { ...hold, phases: ['release'] };
    expect(at(start, elsewhere, triaged)).toMatchObject({ phase: 'training' });
  });

  it('that comes while a gate waits for people is shown in its receipt, and outlives their consent', () => {
    const held = [...toRelease, released, hold];
    given(...after(...toRelease, released))
      .when(hold)
      .thenTypes('HoldPlaced', 'GateEvaluated');
    expect(at(...held, releaseManagerAgrees, sponsorAgrees)).toMatchObject({ status: 'held' });
    expect(at(...held, releaseManagerAgrees, sponsorAgrees, lift)).toMatchObject({ phase: 'operation' });
  });

  it('does not save work that fails', () => {
    given(...after(start, triaged, hold))
      .when({ ...trained, facts: {} })
      .thenTypes('GateEvaluated', 'TicketOpened');
  });

  it('placed or lifted twice changes nothing', () => {
    given(...after(start, hold))
      .when(hold)
      .thenNothing();
    given(...after(start, hold, lift))
      .when(lift)
      .thenNothing();
  });
});

describe('a paused train', () => {
  it('lets work be finished, and goes on with it when it is resumed', () => {
    given(...after(start, pause))
      .when(triaged)
      .thenTypes('GateEvaluated');
    given(...after(start, pause, triaged))
      .when(resume)
      .thenTypes('TrainResumed', 'GateEvaluated', 'PhaseCompleted', 'PhaseEntered', 'TicketOpened');
  });

  it('gives out no new ticket after a failed attempt until it is resumed', () => {
    given(...after(start, pause))
      .when(abandon('triage_1_1'))
      .thenTypes('GateEvaluated');
    given(...after(start, pause, abandon('triage_1_1')))
      .when(resume)
      .thenTypes('TrainResumed', 'TicketOpened');
    given(...after(start, pause, abandon('triage_1_1')))
      .when(abandon('triage_1_1'))
      .thenNothing();
  });

  it('gives out none after it was unblocked, either', () => {
    const blocked = [start, ...['triage_1_1', 'triage_1_2', 'triage_1_3'].map(abandon), pause];
    given(...after(...blocked))
      .when(unblock)
      .thenTypes('TrainUnblocked');
    given(...after(...blocked))
      .when(resume)
      .thenTypes('TrainResumed');
    given(...after(...blocked, unblock))
      .when(resume)
      .thenTypes('TrainResumed', 'TicketOpened');
  });

  it('is paused once and resumed once', () => {
    given(...after(start, pause))
      .when({ ...pause, by: 'Ada' })
      .thenNothing();
    given(...after(start))
      .when(resume)
      .thenNothing();
  });
});

describe('an exhausted budget', () => {
  const exhausted = { ...hold, source: 'budget', reason: 'the budget of 5 EUR is exhausted: 6 EUR are spent' };
  const granted = { ...lift, source: 'budget' };

  it('pauses the train, and keeps its work', () => {
    given(...after(start))
      .when(exhausted)
      .thenTypes('HoldPlaced', 'TrainPaused');
    given(...after(start, exhausted))
      .when(triaged)
      .thenTypes('GateEvaluated');
  });

  it('is not got round by somebody who had paused the train before', () => {
    given(...after(start, pause))
      .when(exhausted)
      .thenTypes('HoldPlaced');
    given(...after(start, pause, exhausted))
      .when(resume)
      .thenRejected('budget-exhausted');
  });

  it('is lifted by more budget, after which somebody may resume', () => {
    given(...after(start, exhausted, triaged))
      .when(granted)
      .thenTypes('HoldLifted', 'GateEvaluated');
    given(...after(start, exhausted, granted))
      .when(resume)
      .thenTypes('TrainResumed');
    given(...after(start, exhausted, granted, resume))
      .when(exhausted)
      .thenTypes('HoldPlaced', 'TrainPaused');
  });
});
