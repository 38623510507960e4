import { trainStream } from '@vt/contracts';
import { Digest, type EventStore, type TenantId } from '@vt/kernel';
import { Flip, replayGates, type Pipeline, type PipelineRef, type Policy, type TrainEvent } from '@vt/value-train';
import { z } from 'zod';

export const FLIPS_MAX = 1_000;
/** Trains whose streams are read at once: one is folded while others are fetched. */
const READ_AT_ONCE = 16;

export const Replay = z.object({
  policy: z.object({ id: z.string(), version: z.int(), digest: Digest }),
  trains: z.int(),
  judged: z.int().describe('Attempts that were judged again.'),
  elsewhere: z.int().describe('Attempts at phases that the policy does not have.'),
  flipped: z.int(),
  changes: z.record(z.string(), z.int()).describe('How many went from which verdict to which.'),
  flips: z.array(Flip),
});
export type Replay = z.infer<typeof Replay>;

/**
 * Judges every past attempt on every train of a tenant again. It reads one stream after the other, in the order in
 * which the trains were started, so it needs no more memory for more of them.
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
  since?: string,
): Promise<Replay> {
  const { id, version } = policy.pipeline;
  const report: Replay = {
    policy: { id, version, digest },
    ...{ trains: 0, judged: 0, elsewhere: 0, flipped: 0, changes: {}, flips: [] },
  };
  for await (const stream of everyTrain(store, tenant)) {
    const { judged, elsewhere, flips } = replayGates(stream, pipelineOf, policy, since);
    report.trains += 1;
    report.judged += judged;
    report.elsewhere += elsewhere;
    report.flipped += flips.length;
    for (const { from, to } of flips) {
      const change = `${from} → ${to}`;
      report.changes[change] = (report.changes[change] ?? 0) + 1;
    }
    report.flips.push(...flips.slice(0, FLIPS_MAX - report.flips.length));
  }
  return report;
}

async function* everyTrain(store: Pick<EventStore, 'read' | 'readLog'>, tenant: TenantId) {
  for (let position = 0; ;) {
    const page = await store.readLog<TrainEvent>(position, { tenant, types: ['TrainStarted'] }, READ_AT_ONCE);
    if (page.events.length === 0 && page.scannedTo === position) return;
    yield* await Promise.all(
      page.events.map(({ event }) => store.read<TrainEvent>(tenant, trainStream(event.data.trainId))),
    );
    position = page.scannedTo;
  }
}
