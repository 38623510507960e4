import { expect, it } from '@jest/globals';
import { loadWords } from './sessions.ts';

it('tells how what an action gave to a model was cut, and nothing of one that gave nothing', () => {
  const loads = ['part', 'part', 'delegated', 'whole', 'refused'].map((outcome) => ({ section: 'rain', outcome }));
  expect(loadWords({ action: 'tell', usage: { wallMs: 1, loads } })).toBe(
    ' (to a model: 2 part, 1 delegated, 1 whole, 1 refused)',
  );
  expect(loadWords({ action: 'tell', usage: { wallMs: 1 } })).toBe('');
  expect(loadWords({ reason: 'why' })).toBe('');
});
