import { expect, it } from '@jest/globals';
import { fold, TrainId } from '@vt/kernel';
import { servingDecider } from './serving.decider.ts';

const trainId = TrainId.parse('0191b2c4-6f3e-4a75-9d4e-2f1c0a9b8d7e');

it('counts on from what was counted before', () => {
  const { decide } = servingDecider;
  const died = { trainId, version: '1-abc', reason: 'process 7 is gone' };
  const first = decide(died, servingDecider.initial);
  expect(first).toEqual([{ type: 'ModelServerRevived', data: { ...died, revivals: 1 } }]);
  const [second] = decide({ ...died, version: '2-def' }, fold(servingDecider, first));
  expect(second!.data).toMatchObject({ version: '2-def', revivals: 2 });
});
