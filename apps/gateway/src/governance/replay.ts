import { trainStream } from '@vt/contracts';
import { Digest, type EventStore, type TenantId } from '@vt/kernel';
import { Flip, replayGates, type Pipeline, type PipelineRef, type Policy, type TrainEvent } from '@vt/value-train';
import { z } from 'zod';

/** After so many a page ends, with the train that they are on. */
export const FLIPS_MAX = 1_000;
/** Trains whose streams are read at once: one is folded while others are fetched. */
const READ_AT_ONCE = 16;

export const Replay = z.object({
  policy: z.object({ id: z.string(), version: z.int(), digest: Digest }),
  trains: z.int(),
  judged: z.int().describe('Attempts that were judged again.'),
  elsewhere: z.int().describe('Attempts at phases that the policy does not have.'),
  flipped: z.int().describe('Attempts that the policy would have judged otherwise.'),
  changes: z.record(z.string(), z.int()).describe('How many went from which verdict to which.'),
  flips: z.array(Flip),
  next: z.int().nullable().describe('`after` of the next page; null: this is the last.'),
});
export type Replay = z.infer<typeof Replay>;

/**
 * Judges every past attempt on every train of a tenant again, page by page. It reads one stream after the other, in the
 * order in which the trains were started, so it needs no more memory for more of them.
 * @param page `since`: ISO 8601, earlier decisions stay out; `after`: the `next` of the page before
 */
export async function replayPolicy(
  {
    store,
    pipelineOf,
    tenant,
  }: {
    readonly store: Pick<EventStore, 'read' | 'readLog'>;
    /** Of a train that was read from the store. */
    readonly pipelineOf: (ref: PipelineRef) => Pipeline;
    readonly tenant: TenantId;
  },
  { digest, ...policy }: Policy & { readonly digest: Digest },
  {
    since,
    after = 0,
    limit = FLIPS_MAX,
  }: { readonly since?: string | undefined; readonly after?: number; readonly limit?: number } = {},
): Promise<Replay> {
  const { id, version } = policy.pipeline;
  const report: Replay = {
    policy: { id, version, digest },
    ...{ trains: 0, judged: 0, elsewhere: 0, flipped: 0, changes: {}, flips: [], next: null },
  };
  for await (const { position, stream } of everyTrain(store, tenant, after)) {
    const { judged, elsewhere, flips } = replayGates(stream, pipelineOf, policy, since);
    report.trains += 1;
    report.judged += judged;
    report.elsewhere += elsewhere;
    report.flipped += flips.length;
    for (const { from, to } of flips) {
      const change = `${from} → ${to}`;
      report.changes[change] = (report.changes[change] ?? 0) + 1;
    }
    report.flips.push(...flips);
    if (report.flips.length >= limit) return { ...report, next: position };
  }
  return report;
}

/** Their streams, each with the position of its start. */
async function* everyTrain(store: Pick<EventStore, 'read' | 'readLog'>, tenant: TenantId, after: number) {
  for (let position = after; ;) {
    const page = await store.readLog<TrainEvent>(position, { tenant, types: ['TrainStarted'] }, READ_AT_ONCE);
    if (page.events.length === 0 && page.scannedTo === position) return;
    yield* await Promise.all(
      page.events.map(async ({ event, position: start }) => ({
        position: start,
        stream: await store.read<TrainEvent>(tenant, trainStream(event.data.trainId)),
      })),
    );
    position = page.scannedTo;
  }
}
