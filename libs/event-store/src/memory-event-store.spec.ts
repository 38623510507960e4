import { expect, it } from '@jest/globals';
import { NO_STREAM, type CommandId, type Instant, type TenantId } from '@vt/kernel';
import { eventStoreContract } from '@vt/testing';
import { MemoryEventStore } from './memory-event-store.ts';

const atOnce = new MemoryEventStore();
eventStoreContract('MemoryEventStore', () => ({ store: atOnce, sequenceAll: async () => {} }));

const onCall = new MemoryEventStore({ sequencing: 'on call' });
eventStoreContract('MemoryEventStore that sequences on call', () => ({
  store: onCall,
  sequenceAll: async () => void onCall.sequence(),
}));

it('gives events no position before it is asked to', async () => {
  let rung = 0;
  const store = new MemoryEventStore({ sequencing: 'on call', onAppended: () => (rung += 1) });
  const [tenant, stream] = ['acme' as TenantId, 'train-1'];
  const event = { type: 'Happened', data: {} };
  await store.append({
    tenant,
    stream,
    expected: NO_STREAM,
    commandId: 'c0a8012e-0000-4000-8000-000000000001' as CommandId,
    causation: { actor: 'tester', causationId: 'request', correlationId: 'journey' },
    at: '2026-11-21T09:00:00.000Z' as Instant,
    events: [event, event],
  });
  expect(rung).toBe(1);
  expect(await store.lastPosition()).toBe(0);
  expect(store.sequence(1)).toBe(1);
  expect([await store.positionOf(tenant, stream, 1), await store.positionOf(tenant, stream, 2)]).toEqual([
    1,
    undefined,
  ]);
});
