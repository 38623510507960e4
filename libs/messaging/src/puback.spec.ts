import { JetStreamApiError } from '@nats-io/jetstream';
import { expect, it } from '@jest/globals';
import { outcomeOf } from './puback.ts';

const api = (err_code: number, code = 503) => new JetStreamApiError({ code, err_code, description: 'as told' });

it.each([
  ['stored now, or earlier', { seq: 7 }, 'confirmed'],
  ['a duplicate that was only staged', { seq: 0, duplicate: true }, 'unknown'],
  ['a duplicate in process', api(10_158), 'unknown'],
  ['no answer in time', Object.assign(new Error('timeout'), { name: 'TimeoutError' }), 'unknown'],
  ['no leader', api(10_163), 'unknown'],
  ['the stream is offline', api(10_118), 'unknown'],
  ['the disk is full', api(10_077), 'full'],
  ['too many requests', api(10_000, 429), 'full'],
  ['too big', api(10_054, 400), 'never'],
  ['too many headers', api(10_097, 400), 'never'],
  ['a stream that is not ours', api(10_060, 400), 'misplaced'],
  ['no stream', api(10_059, 404), 'misplaced'],
  ['anything else', new Error('?'), 'unknown'],
])('%s', (_answer, answer, outcome) => {
  expect(outcomeOf(answer)).toBe(outcome);
});
