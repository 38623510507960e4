import { describe, expect, it } from '@jest/globals';
import {
  NO_STREAM,
  type AnyEvent,
  type Append,
  type AppendOutcome,
  type CommandId,
  type EventStore,
  type Head,
  type Instant,
  type TenantId,
} from '@vt/kernel';
import fc from 'fast-check';
import { randomUUID } from 'node:crypto';

/** A store under test, and what stands in for its sequencer: gives positions to all events that wait for one. */
export interface OpenedStore {
  readonly store: EventStore;
  readonly sequenceAll: () => Promise<void>;
}

const AT = '2026-11-21T09:00:00.000Z' as Instant;
const CAUSATION = { actor: 'tester', causationId: 'request-1', correlationId: 'journey-1' };
const SIZE_MAX = 256 * 1024;

const newTenant = () => `tenant-${randomUUID()}` as TenantId;
const newStream = () => `train-${randomUUID()}`;
const newCommand = () => randomUUID() as CommandId;
const happened = (type: string, data: object = {}): AnyEvent => ({ type, data });

const appendTo = (tenant: TenantId, stream: string, expected: Head, ...events: readonly AnyEvent[]): Append => ({
  tenant,
  stream,
  expected,
  commandId: newCommand(),
  causation: CAUSATION,
  at: AT,
  events,
});

const headOf = (outcome: AppendOutcome): Head => {
  if (outcome.kind !== 'appended') throw new Error(`expected an append, got ${outcome.kind}`);
  return outcome.head;
};

/** What every event store must do. Each implementation runs it against the real thing behind it. */
export const eventStoreContract = (name: string, open: () => OpenedStore): void =>
  describe(`${name} as an event store`, () => {
    appending(open);
    repeating(open);
    reading(open);
    positioning(open);
    behavingLikeTheModel(open);
  });

const appending = (open: () => OpenedStore) =>
  describe('appending', () => {
    it('gives back what was appended, in order, numbered from 1', async () => {
      const { store } = open();
      const [tenant, stream] = [newTenant(), newStream()];
      const append = appendTo(tenant, stream, NO_STREAM, happened('Started', { b: 1, a: [2, 'ü'] }), happened('Ended'));

      const head = headOf(await store.append(append));

      const { commandId, causation, at } = append;
      const recorded = await store.read(tenant, stream);
      const envelope = { tenant, stream, commandId, causation, at, hash: expect.stringMatching(/^[0-9a-f]{64}$/) };
      expect(recorded).toEqual([
        { ...envelope, id: `${stream}@1`, version: 1, event: { type: 'Started', data: { a: [2, 'ü'], b: 1 } } },
        { ...envelope, id: `${stream}@2`, version: 2, event: { type: 'Ended', data: {} } },
      ]);
      expect(head).toEqual({ version: 2, hash: recorded[1]?.hash });
    });

    it('continues a stream from its head', async () => {
      const { store } = open();
      const [tenant, stream] = [newTenant(), newStream()];
      const first = headOf(await store.append(appendTo(tenant, stream, NO_STREAM, happened('One'))));
      const second = headOf(await store.append(appendTo(tenant, stream, first, happened('Two'), happened('Three'))));

      expect(second.version).toBe(3);
      expect((await store.read(tenant, stream)).map(({ event }) => event.type)).toEqual(['One', 'Two', 'Three']);
    });

    it('lets exactly one of many writers at the same head win', async () => {
      const { store } = open();
      const [tenant, stream] = [newTenant(), newStream()];
      const writers = Array.from({ length: 8 }, () =>
        store.append(appendTo(tenant, stream, NO_STREAM, happened('Won'))),
      );

      const kinds = (await Promise.all(writers)).map(({ kind }) => kind).sort();
      expect(kinds).toEqual(['appended', ...Array<string>(7).fill('conflict')]);
      expect(await store.read(tenant, stream)).toHaveLength(1);
    });

    it.each<[string, (head: Head) => Head]>([
      ['that is behind', () => NO_STREAM],
      ['that is ahead', ({ version, hash }) => ({ version: version + 1, hash })],
      ['with another hash', ({ version }) => ({ version, hash: 'f'.repeat(64) })],
    ])('refuses a head %s, and changes nothing', async (_, expected) => {
      const { store } = open();
      const [tenant, stream] = [newTenant(), newStream()];
      const head = headOf(await store.append(appendTo(tenant, stream, NO_STREAM, happened('One'))));

      expect(await store.append(appendTo(tenant, stream, expected(head), happened('Two')))).toEqual({
        kind: 'conflict',
      });
      expect(headOf(await store.append(appendTo(tenant, stream, head, happened('Two')))).version).toBe(2);
    });

    it.each<[string, Head]>([
      ['events that it never had', { version: 3, hash: 'a'.repeat(64) }],
      ['a hash at version 0', { version: 0, hash: 'a'.repeat(64) }],
    ])('refuses to begin a stream with %s', async (_, expected) => {
      const { store } = open();
      const [tenant, stream] = [newTenant(), newStream()];
      expect(await store.append(appendTo(tenant, stream, expected, happened('One')))).toEqual({ kind: 'conflict' });
      expect(await store.read(tenant, stream)).toEqual([]);
      expect(headOf(await store.append(appendTo(tenant, stream, NO_STREAM, happened('One')))).version).toBe(1);
    });

    it('answers each of many concurrent appends for itself', async () => {
      const { store } = open();
      const tenant = newTenant();
      const first = appendTo(tenant, newStream(), NO_STREAM, happened('One'));
      const head = headOf(await store.append(first));
      const taken = appendTo(tenant, newStream(), NO_STREAM, happened('One'));
      await store.append(taken);

      const outcomes = await Promise.all([
        ...Array.from({ length: 20 }, () => store.append(appendTo(tenant, newStream(), NO_STREAM, happened('One')))),
        store.append(appendTo(tenant, taken.stream, NO_STREAM, happened('Late'))),
        store.append({ ...first, expected: head }),
        store.append(appendTo(tenant, newStream(), { version: 2, hash: 'a'.repeat(64) }, happened('Three'))),
        store.append(appendTo(newTenant(), newStream(), NO_STREAM, happened('Elsewhere'))),
      ]);
      const kinds = outcomes.map(({ kind }) => kind);
      expect(kinds).toEqual([...Array<string>(20).fill('appended'), 'conflict', 'duplicate', 'conflict', 'appended']);
    });

    it('refuses an event above 256 KiB by name and size, and takes the ones beside it', async () => {
      const { store } = open();
      const [tenant, stream] = [newTenant(), newStream()];
      const small = store.append(appendTo(tenant, newStream(), NO_STREAM, happened('Small')));
      const large = store.append(
        appendTo(tenant, stream, NO_STREAM, happened('Large', { text: 'x'.repeat(SIZE_MAX) })),
      );

      await expect(large).rejects.toThrow(/^Large for stream .* has 26\d{4} bytes, at most 262144/);
      await expect(large).rejects.toMatchObject({ name: 'Rejection', code: 'event-too-large' });
      expect((await small).kind).toBe('appended');
    });

    it('takes an event just below the limit', async () => {
      const { store } = open();
      const event = happened('Large', { text: 'x'.repeat(SIZE_MAX - 1_000) });
      const [tenant, stream] = [newTenant(), newStream()];
      expect((await store.append(appendTo(tenant, stream, NO_STREAM, event))).kind).toBe('appended');
      expect((await store.read(tenant, stream))[0]?.event).toEqual(event);
    });

    it.each([
      ['NaN', { score: Number.NaN }],
      ['a lone surrogate', { text: '\ud800' }],
      ['a bigint', { size: 1n }],
    ])('refuses data without a canonical form: %s', async (_, data) => {
      const append = appendTo(newTenant(), newStream(), NO_STREAM, happened('Odd', data));
      await expect(open().store.append(append)).rejects.toThrow(
        /^Odd for stream .* cannot be written as canonical JSON/,
      );
    });

    it('keeps keys, escapes and numbers that are easily mistaken', async () => {
      const { store } = open();
      const [tenant, stream] = [newTenant(), newStream()];
      const data = { '10': 1, '9': 2, nul: 'a\u0000b', quote: '"\\ud800', euro: '€😀', tiny: 1e-7, huge: 1e21 };
      await store.append(appendTo(tenant, stream, NO_STREAM, happened('Odd', data)));
      expect((await store.read(tenant, stream))[0]?.event.data).toEqual(data);
    });
  });

const repeating = (open: () => OpenedStore) =>
  describe('repeating a command', () => {
    it('answers with the first outcome, also when the stream has moved on', async () => {
      const { store } = open();
      const [tenant, stream] = [newTenant(), newStream()];
      const first = appendTo(tenant, stream, NO_STREAM, happened('One'), happened('Two'));
      const head = headOf(await store.append(first));
      const later = headOf(await store.append(appendTo(tenant, stream, head, happened('Three'))));

      expect(await store.append(first)).toEqual({ kind: 'duplicate', head });
      expect(await store.append({ ...first, expected: later })).toEqual({ kind: 'duplicate', head });
      expect(await store.read(tenant, stream)).toHaveLength(3);
    });

    it('carries it out once when it comes many times at once', async () => {
      const { store } = open();
      const [tenant, stream] = [newTenant(), newStream()];
      const append = appendTo(tenant, stream, NO_STREAM, happened('One'));

      const outcomes = await Promise.all(Array.from({ length: 6 }, () => store.append(append)));
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['appended', ...Array<string>(5).fill('duplicate')]);
      expect(await store.read(tenant, stream)).toHaveLength(1);
    });

    it('may use the id again after a conflict', async () => {
      const { store } = open();
      const [tenant, stream] = [newTenant(), newStream()];
      const head = headOf(await store.append(appendTo(tenant, stream, NO_STREAM, happened('One'))));
      const late = appendTo(tenant, stream, NO_STREAM, happened('Two'));

      expect((await store.append(late)).kind).toBe('conflict');
      expect((await store.append({ ...late, expected: head })).kind).toBe('appended');
    });

    it('knows ids by tenant', async () => {
      const { store } = open();
      const append = appendTo(newTenant(), newStream(), NO_STREAM, happened('One'));
      await store.append(append);
      expect((await store.append({ ...append, tenant: newTenant() })).kind).toBe('appended');
    });

    it('refuses to use the id of a command of another stream', async () => {
      const { store } = open();
      const append = appendTo(newTenant(), newStream(), NO_STREAM, happened('One'));
      await store.append(append);
      await expect(store.append({ ...append, stream: newStream() })).rejects.toThrow(/was carried out on stream/);
    });
  });

const reading = (open: () => OpenedStore) =>
  describe('reading a stream', () => {
    it('has no events for a stream it does not know', async () => {
      expect(await open().store.read(newTenant(), newStream())).toEqual([]);
    });

    it('begins after the version asked for', async () => {
      const { store } = open();
      const [tenant, stream] = [newTenant(), newStream()];
      await store.append(appendTo(tenant, stream, NO_STREAM, happened('One'), happened('Two'), happened('Three')));
      expect((await store.read(tenant, stream, 1)).map(({ version }) => version)).toEqual([2, 3]);
      expect(await store.read(tenant, stream, 3)).toEqual([]);
    });

    it('keeps streams of the same name in two tenants apart', async () => {
      const { store } = open();
      const stream = newStream();
      const [one, other] = [newTenant(), newTenant()];
      await store.append(appendTo(one, stream, NO_STREAM, happened('One')));
      expect(await store.read(other, stream)).toEqual([]);
      expect((await store.append(appendTo(other, stream, NO_STREAM, happened('One')))).kind).toBe('appended');
    });
  });

const positioning = (open: () => OpenedStore) =>
  describe('the global log', () => {
    const filled = async () => {
      const { store, sequenceAll } = open();
      await sequenceAll();
      const from = await store.lastPosition();
      const [tenant, other, stream] = [newTenant(), newTenant(), newStream()];
      const head = headOf(await store.append(appendTo(tenant, stream, NO_STREAM, happened('Odd'), happened('Even'))));
      await store.append(appendTo(other, newStream(), NO_STREAM, happened('Odd')));
      await store.append(appendTo(tenant, stream, head, happened('Odd'), happened('Even')));
      await sequenceAll();
      return { store, from, tenant, other, stream };
    };

    it('numbers events without gaps, in the order of their streams', async () => {
      const { store, from, tenant, stream } = await filled();
      const { events, scannedTo } = await store.readLog(from);

      expect(events.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5].map((nth) => from + nth));
      expect(events.filter((event) => event.stream === stream).map(({ version }) => version)).toEqual([1, 2, 3, 4]);
      expect(scannedTo).toBe(from + 5);
      expect(await store.lastPosition()).toBe(from + 5);
      expect(events.find(({ id }) => id === `${stream}@4`)?.position).toBe(await store.positionOf(tenant, stream, 4));
    });

    it('gives pages that are read on from where they were full', async () => {
      const { store, from } = await filled();
      const page = await store.readLog(from, {}, 2);
      expect(page).toMatchObject({ events: [{ position: from + 1 }, { position: from + 2 }], scannedTo: from + 2 });
      expect((await store.readLog(page.scannedTo, {}, 3)).events).toHaveLength(3);
    });

    it('looks for types and tenants, and says how far it looked', async () => {
      const { store, from, tenant, other } = await filled();
      const types = async (filter: Parameters<EventStore['readLog']>[1], limit?: number) => {
        const { events, scannedTo } = await store.readLog(from, filter, limit);
        return { types: events.map(({ event }) => event.type), scannedTo: scannedTo - from };
      };

      expect(await types({ types: ['Even'] })).toEqual({ types: ['Even', 'Even'], scannedTo: 5 });
      expect(await types({ types: ['Odd', 'Even'], tenant: other })).toEqual({ types: ['Odd'], scannedTo: 5 });
      expect(await types({ tenant }, 3)).toMatchObject({ types: ['Odd', 'Even', 'Odd'] });
      expect(await types({ types: ['Unheard'] })).toEqual({ types: [], scannedTo: 5 });
    });

    it('is empty after its end, without going back', async () => {
      const { store, from } = await filled();
      expect(await store.readLog(from + 5)).toEqual({ events: [], scannedTo: from + 5 });
      expect(await store.readLog(from + 99)).toEqual({ events: [], scannedTo: from + 99 });
    });

    it('knows no position of what is not there', async () => {
      expect(await open().store.positionOf(newTenant(), newStream(), 1)).toBeUndefined();
    });
  });

type Step = { readonly stream: number; readonly events: number; readonly kind: 'next' | 'stale' | 'again' };

const step: fc.Arbitrary<Step> = fc.record({
  stream: fc.nat(3),
  events: fc.integer({ min: 1, max: 3 }),
  kind: fc.constantFrom('next', 'next', 'stale', 'again'),
});

/** Streams as arrays and commands as a set: what is left of an event store without storage. */
const behavingLikeTheModel = (open: () => OpenedStore) =>
  it('does what the model does, for any order of appends, repetitions and conflicts', async () => {
    const { store, sequenceAll } = open();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 8 }), async (rounds) => {
        const tenant = newTenant();
        const before = await store.lastPosition();
        const name = (stream: number) => `train-${stream}`;
        const heads = new Map<number, Head>();
        const done: { readonly append: Append; readonly head: Head }[] = [];

        for (const round of rounds) {
          // Streams of one round differ, so that its outcomes do not depend on who comes first.
          const steps = [...new Map(round.map((each) => [each.stream, each])).values()];
          await Promise.all(
            steps.map(async ({ stream, events, kind }) => {
              const head = heads.get(stream);
              const earlier = done.find(({ append }) => append.stream === name(stream));
              const news = Array.from({ length: events }, (_, nth) => happened('Happened', { nth }));
              if (kind === 'again' && earlier !== undefined) {
                expect(await store.append(earlier.append)).toEqual({ kind: 'duplicate', head: earlier.head });
              } else if (kind === 'stale' && head !== undefined) {
                const stale = { version: head.version - 1, hash: head.hash };
                const append = appendTo(tenant, name(stream), stale, ...news);
                expect(await store.append(append)).toEqual({ kind: 'conflict' });
              } else {
                const append = appendTo(tenant, name(stream), head ?? NO_STREAM, ...news);
                const next = headOf(await store.append(append));
                expect(next.version).toBe((head?.version ?? 0) + events);
                heads.set(stream, next);
                done.push({ append, head: next });
              }
            }),
          );
          await sequenceAll();
        }

        const { events } = await store.readLog(before, { tenant }, 1_000);
        for (const [stream, head] of heads) {
          const recorded = await store.read(tenant, name(stream));
          expect(recorded.map(({ version }) => version)).toEqual(recorded.map((_, index) => index + 1));
          expect(recorded.at(-1)).toMatchObject(head);
          expect(events.filter((event) => event.stream === name(stream)).map(({ id }) => id)).toEqual(
            recorded.map(({ id }) => id),
          );
        }
        expect(events).toHaveLength([...heads.values()].reduce((sum, { version }) => sum + version, 0));
      }),
      { numRuns: 30 },
    );
  });
