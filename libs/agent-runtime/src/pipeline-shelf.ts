import { trainStream } from '@vt/contracts';
import { Rejection, type AnyEvent, type EventStore, type TenantId, type TrainId } from '@vt/kernel';
import { readPipeline, type LoadedPipeline, type Rule } from '@vt/profiles';
import { startOf, type EvaluateRule, type Pipeline, type PipelineRef, type TrainEvent } from '@vt/value-train';
import { ArtifactMissing, type ArtifactStore } from './artifacts/artifact-store.ts';

const TRAINS_REMEMBERED_MAX = 10_000;

/**
 * The pipelines that new trains can be started on, and those that trains are pinned to. The latter are kept in the
 * artifact store: a train rides to its end on the very content that it was started on, whatever became of the file.
 */
export class PipelineShelf {
  private readonly offered: readonly LoadedPipeline[];
  private readonly artifacts: Pick<ArtifactStore, 'put' | 'read'>;
  private readonly byDigest = new Map<string, Pipeline>();
  private readonly rules = new Map<string, Rule>();
  private readonly pinned = new Map<string, PipelineRef>();

  constructor(offered: readonly LoadedPipeline[], artifacts: Pick<ArtifactStore, 'put' | 'read'>) {
    this.offered = offered;
    this.artifacts = artifacts;
    for (const pipeline of offered) this.add(pipeline);
  }

  /** Keeps the newest pipeline of this id for a new train. @throws Rejection `pipeline-unknown` */
  async pin(id: string): Promise<PipelineRef> {
    const [newest] = this.offered
      .filter(({ pipeline }) => pipeline.id === id)
      .toSorted((one, other) => other.pipeline.version - one.pipeline.version);
    if (!newest) {
      const known = [...new Set(this.offered.map(({ pipeline }) => pipeline.id))].join(', ');
      throw new Rejection('pipeline-unknown', `there is no pipeline ${id}; use one of: ${known}`);
    }
    const { digest } = await this.artifacts.put(newest.content);
    return { id, version: newest.pipeline.version, digest };
  }

  /** A pipeline that was fetched. That of a train which was pinned here, or read from the store of `reading`, was. */
  of({ digest }: PipelineRef): Pipeline {
    const pipeline = this.byDigest.get(digest);
    if (pipeline) return pipeline;
    throw new Error(`the pipeline ${digest} was not fetched`);
  }

  /** The same store. Who has read a train from it finds that train's pipeline here. */
  reading(store: Pick<EventStore, 'append' | 'read'>): Pick<EventStore, 'append' | 'read'> {
    return {
      append: (append) => store.append(append),
      read: async <Event extends AnyEvent>(...place: Parameters<EventStore['read']>) => {
        const events = await store.read<Event>(...place);
        // Every event of this name is ours.
        const first = events[0]?.event as AnyEvent as TrainEvent | undefined;
        if (first?.type === 'TrainStarted') await this.fetch(first.data.pipeline);
        return events;
      },
    };
  }

  /** Every rule of these pipelines was compiled when they were loaded. */
  readonly evaluateRule: EvaluateRule = (rule, variables) => this.rules.get(rule)?.(variables) ?? 'inconclusive';

  /** The pipeline of a train, from the artifact store unless it is at hand. */
  async fetch({ id, version, digest }: PipelineRef): Promise<Pipeline> {
    const known = this.byDigest.get(digest);
    if (known) return known;
    const content = await this.artifacts.read(digest).catch((error: unknown) => {
      if (!(error instanceof ArtifactMissing)) throw error;
      const lost = `pipeline ${id} of version ${version} is not in the artifact store, as ${digest}`;
      throw new Error(`${lost}; put the file that the train was started on back as it was`, { cause: error });
    });
    return this.add(readPipeline(content));
  }

  /** The pipeline of a train, which is read but once: nothing changes it. @throws Rejection `train-unknown` */
  async ofTrain(store: Pick<EventStore, 'read'>, tenant: TenantId, trainId: TrainId): Promise<Pipeline> {
    const key = `${tenant}/${trainId}`;
    let ref = this.pinned.get(key);
    if (ref === undefined) {
      ref = startOf(trainId, await store.read<TrainEvent>(tenant, trainStream(trainId))).pipeline;
      this.pinned.set(key, ref);
      if (this.pinned.size > TRAINS_REMEMBERED_MAX) this.pinned.delete(this.pinned.keys().next().value!);
    }
    return this.fetch(ref);
  }

  private add({ digest, pipeline, rules }: LoadedPipeline): Pipeline {
    this.byDigest.set(digest, pipeline);
    for (const [text, rule] of rules) this.rules.set(text, rule);
    return pipeline;
  }
}
