import { expect, it } from '@jest/globals';
import { CommandId, Instant, NO_STREAM, TenantId, type Recorded } from '@vt/kernel';
import { randomUUID } from 'node:crypto';
import { bundleLine, readBundle } from './bundle.ts';
import { MemoryEventStore } from './memory-event-store.ts';

const tenant = TenantId.parse('acme');
const data = { phase: 'training', cycle: 1, attempt: 2, verdict: 'held', note: 'Grüße, "quoted"' };

async function streamOf(name: string): Promise<readonly Recorded[]> {
  const store = new MemoryEventStore();
  const event = { type: 'GateEvaluated', data };
  await store.append({
    ...{ tenant, stream: name, expected: NO_STREAM, commandId: CommandId.parse(randomUUID()) },
    causation: { actor: 'olga', causationId: 'c', correlationId: 'r' },
    at: Instant.parse('2026-11-21T10:00:00.000Z'),
    events: [event, { ...event, data: { value: 1 } }],
  });
  return store.read(tenant, name);
}

it('gives back what was recorded, stream by stream', async () => {
  const events = [...(await streamOf('train-1')), ...(await streamOf('risk-1'))];
  expect(readBundle(events.map(bundleLine))).toEqual(events);
});

it.each<[string, (lines: string[]) => string[], string]>([
  ['changed', ([one, two]) => [one!, two!.replace('"value":1', '"value":2')], 'line 8: train-1@2, GateEvaluated: its'],
  [
    'changed in its place',
    ([one, two]) => [one!.replace('Grüße', 'Grusse'), two!],
    'line 7: train-1@1, GateEvaluated of training, lap 1, attempt 2, held: its hash is not that of its bytes',
  ],
  ['left out', ([, two]) => [two!], 'does not follow version 0'],
  ['in another order', ([one, two]) => [two!, one!], 'does not follow version 0'],
  ['repeated', ([one]) => [one!, one!], 'does not follow version 1'],
  ['no event', () => ['{}'], 'this is no event of a bundle'],
  ['no JSON', ([one]) => [one!.replace('"GateEvaluated"', 'GateEvaluated')], 'this is no event of a bundle'],
  ['no event of ours', () => [`{"event":{"a":1},"hash":"${'0'.repeat(64)}"}`], 'this is no event of a bundle'],
])('refuses a line that was %s', async (_, change, message) => {
  const lines = (await streamOf('train-1')).map(bundleLine);
  expect(() => readBundle(change(lines), 7)).toThrow(message);
});
