import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { framesOf, type TimelineEvent } from './api.ts';

const COVER = {
  pauses: [{ scope: 'fleet', subject: '', by: 'Ada', reason: 'a\nb', since: '2026-11-21T09:00:00.000Z' }],
};
const EVENTS: TimelineEvent[] = [
  { position: 1, type: 'TrainStarted', at: '2026-11-21T09:00:00.000Z', actor: 'Zoë', data: { name: 'Größe ≥ 3 🚂' } },
  { position: 2, type: 'PhaseEntered', at: '2026-11-21T09:00:01.000Z', actor: 'conductor', data: { text: 'a\n\nb' } },
];
const STREAM = [
  'retry: 1000\n\n',
  ...EVENTS.map((event) => `id: ${event.position}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
  ': still here\n\n',
  `event: pauses\ndata: ${JSON.stringify(COVER)}\n\n`,
  // Cut off in the middle: it comes again after the next connection.
  'id: 3\nevent: TrainPaused\ndata: {"posit',
].join('');

async function framesIn(chunks: readonly Uint8Array[]): Promise<unknown[]> {
  const found: unknown[] = [];
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  for await (const event of framesOf(body)) found.push(event);
  return found;
}

it('finds the events of a stream, wherever it is cut', async () => {
  const bytes = Buffer.from(STREAM);
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 40 }), async (cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
      const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
      expect(await framesIn(chunks)).toEqual([...EVENTS, COVER]);
    }),
  );
});

it('finds them byte by byte', async () => {
  expect(await framesIn([...Buffer.from(STREAM)].map((byte) => Uint8Array.of(byte)))).toEqual([...EVENTS, COVER]);
});
