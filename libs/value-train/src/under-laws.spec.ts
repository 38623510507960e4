import { describe, expect, it } from '@jest/globals';
import { specify } from '@vt/testing';
import { REACTIONS_MAX } from './laws.ts';
import type { LawPolicy } from './pipeline.ts';
import { smallPipeline, start, trainId } from './testing/pipelines.ts';
import { trainDecider } from './train.decider.ts';
import type { TrainCommand } from './train-commands.ts';
import { underLaws } from './under-laws.decider.ts';

const under = (policy?: LawPolicy) => {
  const pipeline = { ...smallPipeline, laws: policy && { 'prevent-loops': policy } };
  return specify(
    underLaws(
      () => pipeline,
      trainDecider(() => pipeline),
    ),
  );
};
const hold: TrainCommand = { type: 'PlaceHold', trainId, source: 'R1', reason: 'a leak', phases: [] };
const lift: TrainCommand = { type: 'LiftHold', trainId, source: 'R1', reason: 'gone' };
const unblock: TrainCommand = { type: 'Unblock', trainId, by: 'Olga', reason: 'it was mended' };
const deep = { ...hold, depth: REACTIONS_MAX + 1 };
const deeper = { ...hold, source: 'R2', depth: REACTIONS_MAX + 2 };

describe('reactions that lead to one another', () => {
  it('are carried out up to the limit, and those of people always', () => {
    const { given, after } = under();
    given(...after(start))
      .when({ ...hold, depth: REACTIONS_MAX })
      .thenTypes('HoldPlaced');
    given(...after(start, hold))
      .when(lift)
      .thenTypes('HoldLifted');
  });

  it('block the train above it, once, with what to do about it; a person goes on', () => {
    const { given, after } = under();
    given(...after(start, hold))
      .when(deep)
      .thenTypes('LawBroken', 'TrainBlocked');
    expect(after(start, hold, deep).at(-1)?.data).toMatchObject({
      reasons: [expect.stringMatching(/no more than 20 reactions .* To mend it: .*; then unblock the train$/)],
    });
    given(...after(start, hold, deep))
      .when({ ...lift, depth: REACTIONS_MAX + 2 })
      .thenNothing();
    given(...after(start, deep))
      .when(unblock)
      .thenTypes('TrainUnblocked', 'TicketOpened');
    // What a service says of something else, in between, is heard.
    given(...after(start, hold, deep))
      .when({ ...lift, depth: 1 })
      .thenTypes('HoldLifted');
  });

  it('hold the train all the same: whoever unblocks it passes no risk that became critical meanwhile', () => {
    const { given, after } = under();
    given(...after(start))
      .when(deep)
      .thenTypes('HoldPlaced', 'LawBroken', 'TrainBlocked');
    given(...after(start, deep))
      .when(deeper)
      .thenTypes('HoldPlaced');
  });

  it('are told of once where the pipeline only warns, and not at all where it looks away', () => {
    const warned = under('warn');
    warned
      .given(...warned.after(start))
      .when(deep)
      .thenTypes('HoldPlaced', 'LawBroken');
    warned
      .given(...warned.after(start, deep))
      .when(deeper)
      .thenTypes('HoldPlaced');
    warned
      .given(...warned.after(start, deep))
      .when(deep)
      .thenNothing();
    const off = under('off');
    off
      .given(...off.after(start))
      .when(deep)
      .thenTypes('HoldPlaced');
  });

  it('change nothing about a train that is not there, or has ended', () => {
    const { given, after } = under();
    given().when(deep).thenRejected('train-unknown');
    given(...after(start, { type: 'Abort', trainId, by: 'Olga', reason: 'over' }))
      .when(deep)
      .thenRejected('train-ended');
  });

  it('block a train that has no ticket yet without naming one', () => {
    const { given, after } = under();
    const [started, entered] = after(start);
    given(started!, entered!).when(deep).thenTypes('HoldPlaced', 'TrainBlocked');
  });
});
