import { trainStream, type Artifact } from '@vt/contracts';
import { fold, Rejection, type EventStore } from '@vt/kernel';
import {
  Charter,
  modeOf,
  phaseOf,
  phaseUnder,
  trainDecider,
  type Pipeline,
  type PipelineMode,
  type PipelinePhase,
  type Riding,
  type Train,
  type TrainEvent,
} from '@vt/value-train';
import type { Ticket } from '../action.ts';
import type { ArtifactStore } from '../artifacts/artifact-store.ts';
import type { PipelineShelf } from '../pipeline-shelf.ts';

const REMEMBERED_MAX = 1_000;

/** Where a ticket stands: on which train, at which phase of its pinned pipeline, in which mode. */
export interface Place {
  readonly train: Riding;
  readonly pipeline: Pipeline;
  readonly phase: PipelinePhase;
  readonly mode: PipelineMode;
}

/** An operator had it tried again, after as many attempts as there may be: what went wrong before is settled. */
export const wasUnblocked = ({ train, pipeline }: Place): boolean => train.failures >= pipeline.attemptsMax;

/** What a train was started with. */
export interface Materials {
  readonly charter: Charter;
  readonly data: Artifact;
}

/** Finds what tickets are worked from, and remembers what it read. */
export class Workbench {
  private readonly store: Pick<EventStore, 'read'>;
  private readonly artifacts: ArtifactStore;
  private readonly pipelines: PipelineShelf;
  private readonly trains = new Memory<{ readonly version: number; readonly train: Train }>();
  private readonly charters = new Memory<Charter>();

  constructor(store: EventStore, artifacts: ArtifactStore, pipelines: PipelineShelf) {
    this.store = pipelines.reading(store);
    this.artifacts = artifacts;
    this.pipelines = pipelines;
  }

  /** @throws Error when this process lacks what it needs, which another may have */
  async placeOf(ticket: Pick<Ticket, 'tenant' | 'trainId' | 'ticketId' | 'phase'>): Promise<Place> {
    const train = await this.trainOf(ticket);
    const pipeline = this.pipelines.of(train.pipeline);
    const phase = phaseOf(pipeline, ticket.phase);
    const mode = phase && modeOf(pipeline, phase.mode);
    if (!mode) throw new Error(`pipeline ${pipeline.id} version ${pipeline.version} has no phase ${ticket.phase}`);
    return { train, pipeline, phase: phaseUnder(ticket.ticketId, phase), mode };
  }

  /** @throws Rejection when the train was started without a charter that is one, or without data */
  async materialsOf({ inputs }: Riding): Promise<Materials> {
    const isCharter = ({ path }: Artifact) => path === 'charter.json';
    const charter = await this.charterOf(inputs.find(isCharter));
    const data = inputs.find((input) => !isCharter(input));
    if (!data) throw new Rejection('data-missing', 'the train was started without a data file');
    return { charter, data };
  }

  /** Only what was added since the train was last looked at is read. */
  private async trainOf({ tenant, trainId }: Pick<Ticket, 'tenant' | 'trainId'>): Promise<Riding> {
    const { initial, evolve } = trainDecider((ref) => this.pipelines.of(ref));
    const key = `${tenant}/${trainId}`;
    const known = this.trains.get(key) ?? { version: 0, train: initial };
    const news = await this.store.read<TrainEvent>(tenant, trainStream(trainId), known.version);
    const events = news.map(({ event }) => event);
    const train = fold({ initial: known.train, evolve }, events);
    if (train.status === 'unknown') throw new Error(`there is no train ${trainId}`);
    this.trains.set(key, { version: news.at(-1)?.version ?? known.version, train });
    return train;
  }

  private async charterOf(input: Artifact | undefined): Promise<Charter> {
    if (!input) throw new Rejection('charter-missing', 'the train was started without charter.json');
    const known = this.charters.get(input.digest);
    if (known) return known;
    const parsed = Charter.safeParse(JSON.parse((await this.artifacts.read(input.digest)).toString('utf8')));
    if (!parsed.success) throw new Rejection('charter-invalid', `charter.json is not valid: ${parsed.error.message}`);
    this.charters.set(input.digest, parsed.data);
    return parsed.data;
  }
}

/** The file that the train's tree has under a path: of the latest cycle that has it, or of the one that is asked for. */
export const fileOf = ({ artifacts }: Riding, path: string, cycle?: number): Artifact | undefined =>
  (cycle === undefined ? [...artifacts.keys()].toSorted((one, other) => other - one) : [cycle])
    .map((each) => artifacts.get(each)?.find((artifact) => artifact.path === path))
    .find((artifact) => artifact !== undefined);

/** The latest few; whatever is forgotten can be read again. */
class Memory<Value> {
  private readonly values = new Map<string, Value>();

  get(key: string): Value | undefined {
    return this.values.get(key);
  }

  set(key: string, value: Value): void {
    this.values.delete(key);
    this.values.set(key, value);
    const oldest = this.values.keys().next();
    if (this.values.size > REMEMBERED_MAX && !oldest.done) this.values.delete(oldest.value);
  }
}
