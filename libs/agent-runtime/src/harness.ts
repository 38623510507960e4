import type { Artifact, Facts } from '@vt/contracts';
import { TenantId, TrainId } from '@vt/kernel';
import { loadPipelines } from '@vt/profiles';
import { Charter, modeOf, permissionsOf, phaseOf, ticketIdOf, type Notes, type PipelineAction } from '@vt/value-train';
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { AgentPack } from './action.ts';
import { mediaTypeOf } from './artifacts/artifact-store.ts';
import { Circuits } from './circuit-breaker.ts';
import { FileArtifactStore } from './artifacts/file-artifact-store.ts';
import { refusalWithoutPeople } from './session/guard.ts';
import { tryOnce } from './session/trial.ts';
import { commandTool } from './tools/command-tool.ts';
import { plainSandbox } from './tools/sandbox.ts';
import type { ModelProvider } from './tools/model.ts';

export interface HarnessOptions {
  readonly pack: AgentPack;
  readonly phase: string;
  /** As in a charter file; checked. */
  readonly charter: unknown;
  /** Path of the project's data. */
  readonly dataFile: string;
  /** Artifacts are kept in `<dir>/artifacts`, and can be opened under their own names in `<dir>/tree`. */
  readonly dir: string;
  /** Default: ml-delivery. */
  readonly pipeline?: string;
  readonly cycle?: number;
  readonly attempt?: number;
  readonly openedOn?: string;
  readonly model?: ModelProvider;
}

/** What an action left. */
export interface HarnessRun {
  readonly artifacts: readonly Artifact[];
  readonly facts: Facts;
  readonly notes: Notes;
  readonly outcome: string | undefined;
  readonly answer: unknown;
}

export interface ActionHarness {
  /** A file that an earlier phase left, of this cycle or another. */
  seed(path: string, content: string | Uint8Array, cycle?: number): Promise<void>;
  /** Facts that an earlier phase reported. */
  seedFacts(phase: string, facts: Facts): void;
  /**
   * Runs one action of the phase, by its id in the pipeline, under the tools that its mode allows.
   * @throws Error with the reason when it fails
   */
  run(action: string): Promise<HarnessRun>;
  /** Runs every action of the phase, in the order of the pipeline, and puts together what they left. */
  runPhase(): Promise<Pick<HarnessRun, 'artifacts' | 'facts' | 'outcome'>>;
  /** Local path of a file that was left, under its own name. */
  file(path: string): string;
  /** The same train at another phase, perhaps in the hands of another agent: what was left so far is there. */
  at(phase: string, options?: { readonly pack?: AgentPack; readonly cycle?: number }): Promise<ActionHarness>;
}

interface TrainSoFar {
  readonly trainId: TrainId;
  /** By cycle and path. */
  readonly tree: Map<number, Map<string, Artifact>>;
  readonly facts: Map<string, Facts>;
}

/** Runs the tools of a pack without a service, a database or a bus, on a real artifact store: for tests of packs. */
export const actionHarness = (options: HarnessOptions): Promise<ActionHarness> =>
  harnessOf(options, { trainId: TrainId.parse(randomUUID()), tree: new Map(), facts: new Map() });

async function harnessOf(options: HarnessOptions, train: TrainSoFar): Promise<ActionHarness> {
  const { pack, dir, cycle = 1, attempt = 1, model } = options;
  const artifacts = new FileArtifactStore(join(dir, 'artifacts'));
  const { phase, mode } = await placeOf(options);
  const charter = Charter.parse(options.charter);
  const data = { path: basename(options.dataFile), mediaType: mediaTypeOf(options.dataFile) };
  const stored = await artifacts.put({ file: options.dataFile });
  const answers = new Map<string, unknown>();
  const ticket = {
    tenant: TenantId.parse('test'),
    trainId: train.trainId,
    ticketId: ticketIdOf(train.trainId, phase.id, cycle, attempt),
    phase: phase.id,
    cycle,
    attempt,
    agent: pack.name,
    openedOn: options.openedOn ?? '2026-11-21',
  };
  const surroundings = {
    ticket,
    charter,
    data: { ...data, ...stored },
    artifacts,
    model,
    circuits: new Circuits(),
    sandbox: await plainSandbox(),
    network: false,
    find: (path: string, of?: number) =>
      (of === undefined ? [...train.tree.keys()].sort((a, b) => b - a) : [of])
        .map((each) => train.tree.get(each)?.get(path))
        .find((artifact) => artifact !== undefined),
    workPhase: undefined,
    bundle: undefined,
    feedback: [],
    factsOf: (of: string) => train.facts.get(of) ?? {},
    modelFailed: () => {},
    loaded: () => {},
    answerOf: async (action: string) => {
      if (!answers.has(action)) throw new Error(`${action} has not run in this session: run it first`);
      return answers.get(action);
    },
  };

  const keep = async (artifact: Artifact, of = cycle) => {
    train.tree.set(of, (train.tree.get(of) ?? new Map<string, Artifact>()).set(artifact.path, artifact));
    const path = join(dir, 'tree', artifact.path);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, await artifacts.read(artifact.digest));
  };
  const runAction = async (action: PipelineAction): Promise<HarnessRun> => {
    const act = action.tool.startsWith('command:') ? commandTool(action) : pack.tools[action.tool];
    if (!act) throw new Error(`the pack of ${pack.name} has no tool ${action.tool}`);
    const tried = await tryOnce(act, surroundings, {
      action: action.id,
      reconcile: false,
      signal: new AbortController().signal,
      timeoutMs: action.timeoutSeconds * 1_000,
      check: async (call) => refusalWithoutPeople(permissionsOf(mode), call),
    });
    if (tried.kind === 'sent-back') throw tried.sentBack;
    if (tried.kind === 'awaiting') throw new Error(`${action.id} waits for a person`);
    if (tried.kind === 'failed')
      throw new Error(`${action.id} failed (${tried.failure}): ${tried.reason}`, { cause: tried.cause });
    for (const artifact of tried.artifacts) await keep(artifact);
    // As after a crash: an answer is what JSON makes of it.
    answers.set(action.id, tried.answer === undefined ? undefined : JSON.parse(tried.answer));
    return { ...tried, answer: answers.get(action.id) };
  };

  return {
    seed: async (path, content, of) =>
      keep({ path, mediaType: mediaTypeOf(path), ...(await artifacts.put(Buffer.from(content))) }, of),
    seedFacts: (of, facts) => void train.facts.set(of, facts),
    run: (id) => {
      const action = phase.actions.find((each) => each.id === id);
      if (!action) throw new Error(`${phase.id} has no action ${id}`);
      return runAction(action);
    },
    runPhase: async () => {
      const runs: HarnessRun[] = [];
      for (const action of phase.actions) runs.push(await runAction(action));
      const facts: Facts = Object.assign({}, ...runs.map((run) => run.facts));
      train.facts.set(phase.id, facts);
      const outcome = runs.findLast((run) => run.outcome !== undefined)?.outcome;
      return { artifacts: runs.flatMap((run) => run.artifacts), facts, outcome };
    },
    file: (path) => join(dir, 'tree', path),
    at: (next, change = {}) => harnessOf({ ...options, ...change, phase: next }, train),
  };
}

async function placeOf({ pipeline: id = 'ml-delivery', phase: name }: HarnessOptions) {
  const pipeline = (await loadPipelines()).find((loaded) => loaded.pipeline.id === id)?.pipeline;
  const phase = pipeline && phaseOf(pipeline, name);
  const mode = pipeline && phase && modeOf(pipeline, phase.mode);
  if (!mode) throw new Error(`there is no phase ${name} in pipeline ${id}`);
  return { phase, mode };
}
