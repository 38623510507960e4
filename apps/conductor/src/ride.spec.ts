import { afterAll, expect, it, jest } from '@jest/globals';
import { mediaTypeOf, openArtifactStore, PipelineShelf, type ArtifactStore } from '@vt/agent-runtime';
import {
  sessionStream,
  trainStream,
  type Artifact,
  type CommandBody,
  type DomainEvent,
  type Facts,
} from '@vt/contracts';
import { pdfReport, runNotebook, slides, wordDocument } from '@vt/documents';
import { MemoryEventStore } from '@vt/event-store';
import { CommandId, commandHandler, Digest, Rejection, TenantId, TrainId, type Positioned } from '@vt/kernel';
import { commandIdOf, reactionTo } from '@vt/messaging';
import { writeSnapshot } from '@vt/modeling';
import { loadPipelines } from '@vt/profiles';
import { phaseOf, sessionDecider, trainDecider } from '@vt/value-train';
import { mkdtempSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ApprovalsController } from './approvals.controller.ts';
import { ConductorController } from './conductor.controller.ts';
import { observing } from './observation.ts';

// Every file of a whole ride is written and inspected.
jest.setTimeout(30_000);

const folder = mkdtempSync(join(tmpdir(), 'conductor-ride-'));
afterAll(() => rm(folder, { recursive: true }));

const tenant = TenantId.parse('test');
const trainId = TrainId.parse('0191b2c4-6f3e-4a75-9d4e-2f1c0a9b8d7e');
const approvers = [
  { role: 'sponsor', name: 'Sam' },
  { role: 'operator', name: 'Olga' },
  { role: 'release-manager', name: 'Rita' },
];
const order: CommandBody<'train.start'> = {
  trainId,
  pipeline: 'ml-delivery',
  name: 'Rain tomorrow',
  client: 'Open Air Events',
  inputs: [],
  budget: null,
  approvers,
};

/** What good work reports, by phase. */
const FACTS: Readonly<Record<string, Facts>> = {
  opportunity: { decision: 'go', 'problem-measurable': true, 'sponsor-named': true },
  discovery: { 'data-sufficient': true, 'target-missing-share': 0 },
  readiness: { 'readiness-score': 72, dimensions: 5 },
  scope: { 'success-criteria': 2 },
  'pre-kickoff': { contacts: 3 },
  'data-sources': { sources: 1, 'sources-incomplete': 0 },
  extraction: { 'raw-rows': 1461, 'raw-digest': 'sha256:1' },
  preparation: {
    'schema-valid': true,
    'train-rows': 700,
    'holdout-rows': 365,
    'later-rows': 365,
    'split-by-time': true,
  },
  exploration: { 'candidate-variables': 6 },
  'feature-engineering': { features: 12, 'parity-checked': true },
  'model-architecture': { alternatives: 3 },
  training: { families: 3, 'best-family': 'logistic', 'cv-metric': 0.79 },
  validation: {
    'metric.roc-auc': 0.78,
    'baseline.roc-auc': 0.73,
    'success-met': true,
    'beats-baseline': true,
    'leakage-free': true,
    'champion-cycle': 1,
    'challenger-better': true,
  },
  deployment: { healthy: true, 'rollback-rehearsed': true, version: '1' },
  monitoring: { 'drift-found': false, 'later.roc-auc': 0.78, 'latency-p95-ms': 4 },
  evaluation: { champion: 'logistic-1' },
  'performance-analysis': { errors: 80, causes: 2 },
  improvement: { 'roadmap-items': 4, 'in-production': true },
};
const PROSE =
  'The model tells the organiser on the evening before whether it will rain, so that stages are covered in time and no crew is called in vain.';

async function parquetOf(csv: string): Promise<Buffer> {
  const [from, to] = [join(folder, 'rows.csv'), join(folder, 'rows.parquet')];
  await writeFile(from, csv);
  await writeSnapshot(from, to);
  return readFile(to);
}

async function contentOf(path: string): Promise<string | Uint8Array> {
  const report = {
    title: path,
    author: 'test',
    date: '2026-11-21',
    sections: [{ heading: 'Findings', body: [PROSE] }],
  };
  switch (extname(path)) {
    case '.docx':
      return wordDocument(report);
    case '.pdf':
      return pdfReport(report);
    case '.pptx':
      return slides({ title: path, author: 'test', date: '2026-11-21', slides: [{ title: 'Why', body: [PROSE] }] });
    case '.ipynb':
      return (await runNotebook({ title: path, cells: [{ code: '1 + 1' }], scope: {} })).json;
    case '.csv':
      return 'day,rain\n2026-11-21,1\n';
    case '.parquet':
      return parquetOf('day,rain\n2026-11-21,1\n');
    case '.tgz':
      return Buffer.from('1f8b0800', 'hex');
    case '.json':
      return '[]';
    case '.yaml':
      return 'version: 1\n';
    default:
      if (path.endsWith('deployment-config.md')) {
        return ['Rollback procedure', 'Risks', 'Alternatives'].map((each) => `## ${each}\n\n${PROSE}\n`).join('\n');
      }
      return `# ${path}\n\n${PROSE}\n`;
  }
}

/** What the work decides, where it decides. */
const outcomeOf = (phase: string, cycle: number): string | undefined =>
  ({ opportunity: 'go', improvement: cycle === 1 ? 'retrain' : 'close' })[phase];

/** The conductor over a store in memory, with agents and approvers that the test plays. */
class World {
  readonly store = new MemoryEventStore();
  readonly #work = commandHandler(sessionDecider, ({ ticketId }) => sessionStream(ticketId), this.store);
  readonly #shelf: PipelineShelf;
  readonly #artifacts: ArtifactStore;
  readonly conductor: ConductorController;
  readonly approvals: ApprovalsController;
  readonly #contentOf: typeof contentOf;
  readonly #deliveries: number;
  readonly #outcomeOf: typeof outcomeOf;

  private constructor(shelf: PipelineShelf, artifacts: ArtifactStore, options: Partial<Options>) {
    this.#shelf = shelf;
    this.#artifacts = artifacts;
    this.#contentOf = options.contentOf ?? contentOf;
    this.#deliveries = options.deliveries ?? 1;
    this.#outcomeOf = options.outcomeOf ?? outcomeOf;
    const decider = trainDecider((ref) => shelf.of(ref), shelf.evaluateRule);
    const conduct = commandHandler(decider, ({ trainId }) => trainStream(trainId), shelf.reading(this.store));
    this.conductor = new ConductorController(conduct, shelf, artifacts, observing(this.store), this);
    this.approvals = new ApprovalsController(conduct);
  }

  static async open(options: Partial<Options> = {}): Promise<World> {
    const artifacts = await openArtifactStore(pathToFileURL(folder).href);
    return new World(new PipelineShelf(await loadPipelines(), artifacts), artifacts, options);
  }

  command<Body>(actor: string, id: string, body: Body) {
    return { tenant, commandId: CommandId.parse(commandIdOf(id)), actor, correlationId: 'test', body };
  }

  /** Walking the log while it grows stands in for the bus, which may bring an event more than once. */
  async run(): Promise<readonly DomainEvent[]> {
    const seen: DomainEvent[] = [];
    for (;;) {
      const { events } = await this.store.readLog<DomainEvent>(seen.length);
      if (events.length === 0) return seen;
      for (const recorded of events) {
        seen.push(recorded.event);
        for (let delivery = 0; delivery < this.#deliveries; delivery += 1) await this.#deliver(recorded);
      }
    }
  }

  async #deliver(recorded: Positioned<DomainEvent>): Promise<void> {
    const { event } = recorded;
    if (event.type === 'WorkSubmitted') await this.conductor.onWorkSubmitted({ ...recorded, event });
    if (event.type === 'TicketOpened') await this.#agent({ ...recorded, event });
    if (event.type === 'ApprovalRequested') {
      const { phase, role, evidence } = event.data;
      const { name } = approvers.find((approver) => approver.role === role)!;
      const body = { trainId, phase, role, evidence, comment: '', simulated: true };
      await this.approvals.onGrant(this.command(name, recorded.id, body));
    }
  }

  async #agent(recorded: Positioned<Extract<DomainEvent, { type: 'TicketOpened' }>>): Promise<void> {
    const { ticketId, phase, cycle, ...ticket } = recorded.event.data;
    const ref = await this.#shelf.pin('ml-delivery');
    const { actions, artifacts } = phaseOf(this.#shelf.of(ref), phase)!;
    const due = new Set(artifacts.filter(({ onlyRetraining }) => !onlyRetraining || cycle > 1).map(({ path }) => path));
    const decision = this.#outcomeOf(phase, cycle);
    const envelope = (name: string) => reactionTo(recorded, ticket.agent, name);

    const permissions = { deny: [], ask: [], allow: ['*', 'Bash'] };
    const start = {
      type: 'StartSession',
      ...ticket,
      ticketId,
      phase,
      cycle,
      permissions,
      earlierFailures: [],
      fence: 1,
    } as const;
    await this.#work(start, envelope('start'));
    for (const { id: action, tool, produces } of actions) {
      const files = await Promise.all(produces.filter((path) => due.has(path)).map((path) => this.#put(path)));
      const facts = { ...FACTS[phase], ...(decision ? { decision } : {}) };
      const usage = { cpuMs: 1, wallMs: 1, tokens: [] };
      await this.#work(
        { type: 'CompleteAction', ticketId, action, tool, artifacts: files, facts, usage, result: null, fence: 1 },
        envelope(action),
      );
    }
    const required = actions.map(({ id }) => id);
    await this.#work(
      { type: 'SubmitWork', ticketId, required, outcome: decision ?? '', fence: 1 },
      envelope('submit'),
    ).catch(ignoreRejection);
  }

  async #put(path: string): Promise<Artifact> {
    const { digest, size } = await this.#artifacts.put(Buffer.from(await this.#contentOf(path)));
    return { path, digest, size, mediaType: mediaTypeOf(path) };
  }
}

interface Options {
  readonly contentOf: typeof contentOf;
  readonly outcomeOf: typeof outcomeOf;
  /** How often the bus brings every event. */
  readonly deliveries: number;
}

/** An agent that was told twice finds its work submitted. */
const ignoreRejection = (error: unknown) => {
  if (!(error instanceof Rejection)) throw error;
};

const completedIn = (events: readonly DomainEvent[]) =>
  events.flatMap((event) => (event.type === 'PhaseCompleted' ? [`${event.data.cycle} ${event.data.phase}`] : []));

it('rides the pipeline that ships, with a retraining lap, through every inspection and every rule', async () => {
  const world = await World.open();
  await world.conductor.onStart(world.command('olga', 'start', order));
  const events = await world.run();

  const phases = Object.keys(FACTS);
  expect(phases).toHaveLength(18);
  const lap = phases.slice(phases.indexOf('training'));
  expect(completedIn(events)).toEqual([...phases.map((phase) => `1 ${phase}`), ...lap.map((phase) => `2 ${phase}`)]);
  expect(events.at(-1)).toMatchObject({ type: 'TrainCompleted', data: { cycle: 2, outcome: 'close' } });
  const verdicts = events.flatMap((event) => (event.type === 'GateEvaluated' ? [event.data.verdict] : []));
  expect(verdicts).not.toContain('failed');
});

it('improves before it deploys, where validation says so, and passes validation again', async () => {
  const world = await World.open({
    outcomeOf: (phase, cycle) => (phase === 'validation' && cycle === 1 ? 'optimise' : outcomeOf(phase, cycle)),
  });
  await world.conductor.onStart(world.command('olga', 'start', order));
  const events = await world.run();

  const phases = Object.keys(FACTS);
  const upToValidation = phases.slice(0, phases.indexOf('deployment'));
  expect(completedIn(events)).toEqual([
    ...[...upToValidation, 'improvement'].map((phase) => `1 ${phase}`),
    ...phases.slice(phases.indexOf('training')).map((phase) => `2 ${phase}`),
  ]);
  expect(events.at(-1)).toMatchObject({ type: 'TrainCompleted', data: { cycle: 2, outcome: 'close' } });
});

it('goes from improvement to monitoring only with a model that is deployed', async () => {
  const decided: Readonly<Record<string, string>> = { validation: 'optimise', improvement: 'operate' };
  const world = await World.open({ outcomeOf: (phase, cycle) => decided[phase] ?? outcomeOf(phase, cycle) });
  await world.conductor.onStart(world.command('olga', 'start', order));
  expect((await world.run()).at(-1)).toMatchObject({
    type: 'TrainBlocked',
    data: { phase: 'improvement', reasons: ['A model is deployed: the phase deployment is not completed'] },
  });
});

it('is the same train when the bus brings every event twice', async () => {
  const once = await World.open();
  await once.conductor.onStart(once.command('olga', 'start', order));
  const twice = await World.open({ deliveries: 2 });
  await twice.conductor.onStart(twice.command('olga', 'start', order));
  await twice.conductor.onStart(twice.command('olga', 'start again', order));
  const [expected, found] = [await once.run(), await twice.run()];
  expect(found.map(({ type }) => type)).toEqual(expected.map(({ type }) => type));
});

it('blocks at the gate that finds a placeholder three times, and says where it is', async () => {
  const world = await World.open({
    contentOf: async (path) => (path.endsWith('sow.md') ? `${PROSE}\n\nPrice: [Replace with price]` : contentOf(path)),
  });
  await world.conductor.onStart(world.command('olga', 'start', order));
  expect((await world.run()).at(-1)).toMatchObject({
    type: 'TrainBlocked',
    data: {
      phase: 'scope',
      reasons: ['planning/sow.md still holds the placeholder [Replace with price], in line 3 of its text'],
    },
  });
});

it('knows its pipelines by what is in them', async () => {
  const world = await World.open();
  const unknown = world.command('olga', 'start', { ...order, pipeline: 'ml-delivry' });
  await expect(world.conductor.onStart(unknown)).rejects.toMatchObject({ code: 'pipeline-unknown' });

  const shelf = new PipelineShelf(await loadPipelines(), await openArtifactStore(pathToFileURL(folder).href));
  const ref = await shelf.pin('ml-delivery');
  expect(shelf.of(ref).phases).toHaveLength(18);
  expect(() => shelf.of({ ...ref, digest: Digest.parse(`sha256:${'0'.repeat(64)}`) })).toThrow('was not fetched');
  expect(shelf.evaluateRule('true', { facts: {}, outcome: '', cycle: 1, attempt: 1, artifacts: [] })).toBe(
    'inconclusive',
  );
});
