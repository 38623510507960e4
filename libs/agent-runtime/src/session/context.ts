import { WorkPhase, type Artifact, type ContextLoad, type Facts, type Isolation } from '@vt/contracts';
import { Rejection } from '@vt/kernel';
import { isAboutPeople, type Bundle, type Call, type Charter, type Notes } from '@vt/value-train';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { mkdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, normalize } from 'node:path';
import type { ActionContext, Ticket } from '../action.ts';
import { mediaTypeOf, type ArtifactStore } from '../artifacts/artifact-store.ts';
import type { Circuits } from '../circuit-breaker.ts';
import { runCommand } from '../tools/command.ts';
import type { ModelProvider } from '../tools/model.ts';
import { narrate } from '../tools/narration.ts';
import type { Sandbox } from '../tools/sandbox.ts';
import { Awaited, type Check } from './guard.ts';
import { Unaffordable } from './purse.ts';
import type { UsageMeter } from './usage.ts';

const REASON_LENGTH_MAX = 200;

/** What surrounds the actions of a session. */
export interface Surroundings {
  readonly ticket: Ticket;
  readonly charter: Charter;
  readonly data: Artifact;
  readonly artifacts: ArtifactStore;
  readonly model: ModelProvider | undefined;
  readonly circuits: Circuits;
  readonly sandbox: Sandbox;
  /** Whether programs may use the network, where the sandbox can take it away. */
  readonly network: boolean;
  /** The file that the train's tree has under this path: of this session, or of the latest cycle, or of `cycle`. */
  find(path: string, cycle?: number): Artifact | undefined;
  /** What the work is about now; undefined where there is no plan. */
  readonly workPhase: WorkPhase | undefined;
  /** What this work phase began with, and all that a model is told of those before it. */
  readonly bundle: Bundle | undefined;
  /** Why the attempt before did not pass, and why this one was sent back. */
  readonly feedback: readonly string[];
  factsOf(phase: string): Facts;
  /** Hears of each section that the model failed to write. */
  modelFailed(reason: string): void;
  /** Hears of everything that a model was to be given. */
  loaded(load: ContextLoad): void;
  /** What a completed action of this session answered. */
  answerOf(action: string): Promise<unknown>;
}

/** One try of one action. */
export interface Trial {
  readonly action: string;
  readonly reconcile: boolean;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly meter: UsageMeter;
  /** Whether a call may be made. */
  readonly check: Check;
}

/** Work is not sent back by an error that somebody may catch: it ends the action whatever that does then. */
export class SentBack extends Error {
  override readonly name = 'SentBack';
  readonly to: WorkPhase;

  constructor(to: WorkPhase, reason: string) {
    super(reason);
    this.to = to;
  }
}

/** What a try has found so far; it counts when the action completes. */
export interface Findings {
  readonly artifacts: ReadonlyMap<string, Artifact>;
  readonly facts: Facts;
  readonly notes: Notes;
  readonly outcome: string | undefined;
  /** The first call that was refused, or that a person has to allow first. */
  readonly refusal: Rejection | Awaited | undefined;
  readonly sentBack: SentBack | undefined;
  /** How the programs that it ran were contained. */
  readonly isolation: Isolation | undefined;
}

export interface OpenContext {
  readonly context: ActionContext;
  /** Ends the context, for good: an action that goes on after its end reaches nothing any more. */
  close(): Promise<Findings>;
}

/** Made when it is first asked for: most actions never look at a file. */
class TryFolder {
  private path: string | undefined;

  /** The folder of this name in it, which is there. */
  at(name: string): string {
    this.path ??= mkdtempSync(join(tmpdir(), 'value-train-action-'));
    const folder = join(this.path, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  async remove(): Promise<void> {
    if (this.path !== undefined) await rm(this.path, { recursive: true, force: true });
  }
}

/** One try in progress. */
interface Open {
  readonly surroundings: Surroundings;
  readonly trial: Trial;
  /** Everything that is to be gone after the try. */
  readonly folder: TryFolder;
  readonly written: Map<string, Artifact>;
  /** Files of the train that were looked at, by digest. */
  readonly read: Map<string, Artifact>;
  readonly facts: Facts;
  readonly notes: { readonly [Name in Exclude<keyof Notes, 'read'>]-?: Exclude<Notes[Name], undefined> };
  /** Sections that the model did not write, and why. */
  readonly plain: string[];
  /** Files that were given to it by their paths: where they are, and under which path. */
  readonly files: { readonly source: string; readonly at: string }[];
  outcome: string | undefined;
  refusal: Rejection | Awaited | undefined;
  sentBack: SentBack | undefined;
  isolation: Isolation | undefined;
  /** Why the model is asked no more. */
  modelAway: string | undefined;
  closed: boolean;
}

export const openContext = async (surroundings: Surroundings, trial: Trial): Promise<OpenContext> => {
  const { ticket, charter, feedback, factsOf, answerOf } = surroundings;
  const folder = new TryFolder();
  const found = { written: new Map(), read: new Map(), facts: {}, plain: [], files: [] };
  const notes = { decisions: [], questions: [], learnings: [], improvements: [] };
  const said = { outcome: undefined, refusal: undefined, sentBack: undefined };
  const went = { isolation: undefined, modelAway: undefined };
  const open: Open = { surroundings, trial, folder, ...found, notes, ...said, ...went, closed: false };
  return {
    context: {
      ticket,
      charter,
      get workspace() {
        assertOpen(open);
        return folder.at('workspace');
      },
      signal: trial.signal,
      reconcile: trial.reconcile,
      feedback,
      factsOf,
      // The type is the word of whoever wrote both actions.
      result: async <T>(action: string) => (await answerOf(action)) as T,
      ...filesFor(open),
      ...reportsFor(open),
      ...toolsFor(open),
    },
    close: async () => {
      open.closed = true;
      await folder.remove();
      return { ...open, artifacts: open.written, notes: { ...open.notes, read: [...open.read.values()] } };
    },
  };
};

const assertOpen = ({ closed, trial: { action, signal } }: Open): void => {
  signal.throwIfAborted();
  if (closed) throw new Error(`${action} is over: what it does now does not count`);
};

function filesFor(open: Open): Pick<ActionContext, 'dataFile' | 'has' | 'read' | 'localPath' | 'write'> {
  const { surroundings, written, read, folder } = open;
  const { artifacts, ticket, data } = surroundings;

  const find = (path: string, cycle?: number): Artifact | undefined =>
    (cycle === undefined || cycle === ticket.cycle ? written.get(path) : undefined) ?? surroundings.find(path, cycle);
  const existing = (path: string, cycle?: number): Artifact => {
    assertOpen(open);
    const artifact = find(path, cycle);
    if (artifact) {
      read.set(artifact.digest, artifact);
      return artifact;
    }
    throw new Rejection('file-missing', `the train has no file ${path}${cycle ? ` of cycle ${cycle}` : ''}`);
  };
  /** The content under the name that it has in the tree, because many tools go by the extension. */
  const link = async ({ path, digest }: Artifact, place: string): Promise<string> => {
    const name = join(folder.at(place), path);
    await mkdir(dirname(name), { recursive: true });
    await rm(name, { force: true });
    const source = await artifacts.localPath(digest);
    await symlink(source, name);
    open.files.push({ source, at: name });
    return name;
  };

  return {
    dataFile: () => link({ ...data, path: basename(data.path) }, 'data'),
    has: (path, cycle) => find(path, cycle) !== undefined,
    read: async (path, cycle) => {
      await insistOn(open, { kind: 'file', to: 'read', path });
      return artifacts.read(existing(path, cycle).digest);
    },
    localPath: async (path, cycle) => {
      await insistOn(open, { kind: 'file', to: 'read', path });
      return link(existing(path, cycle), `cycle-${cycle ?? 'latest'}`);
    },
    write: async (path, content) => {
      await insistOn(open, { kind: 'file', to: 'write', path: inTree(path) });
      const stored = await artifacts.put(Buffer.from(content));
      assertOpen(open);
      const artifact = { path: inTree(path), mediaType: mediaTypeOf(path), ...stored };
      written.set(path, artifact);
      return artifact;
    },
  };
}

function reportsFor(
  open: Open,
): Pick<ActionContext, 'fact' | 'outcome' | 'decide' | 'ask' | 'learn' | 'improve' | 'sendBack'> {
  return {
    sendBack: (to, reason) => {
      assertOpen(open);
      const { workPhase } = open.surroundings;
      if (workPhase === undefined || WorkPhase.options.indexOf(to) >= WorkPhase.options.indexOf(workPhase)) {
        throw new Rejection(
          'work-phase',
          `work in ${workPhase ?? 'a phase without a plan'} can not be sent back to ${to}`,
        );
      }
      throw (open.sentBack ??= new SentBack(to, reason));
    },
    fact: (name, value) => {
      assertOpen(open);
      if (isAboutPeople(name)) throw new Rejection('fact-reserved', `${name}: who did an action is no fact to be told`);
      open.facts[name] = value;
    },
    outcome: (value) => {
      assertOpen(open);
      open.outcome = value;
    },
    decide: (decision, rationale, alternatives = []) => {
      assertOpen(open);
      open.notes.decisions.push({ decision, rationale, alternatives });
    },
    ask: (question, impact, neededBy) => {
      assertOpen(open);
      open.notes.questions.push({ question, impact, neededBy });
    },
    learn: (learning, evidence) => {
      assertOpen(open);
      open.notes.learnings.push({ learning, evidence });
    },
    improve: (proposal, because, estimate) => {
      assertOpen(open);
      open.notes.improvements.push({ proposal, because, ...(estimate ?? { impact: null, effort: null }) });
    },
  };
}

/**
 * The rules of the mode are asked first, whatever the action thinks, and an action that goes on after a refusal fails.
 * @throws Rejection, Awaited
 */
async function insistOn(open: Open, call: Call): Promise<void> {
  assertOpen(open);
  const refusal = await open.trial.check(call).catch((error: unknown) => {
    if (error instanceof Awaited) return error;
    throw error;
  });
  if (refusal) throw (open.refusal ??= refusal);
  assertOpen(open);
}

/** What reaches out of our own process. */
function toolsFor(open: Open): Pick<ActionContext, 'command' | 'narrate'> {
  const { surroundings, trial, folder } = open;
  const { model, circuits, sandbox, network } = surroundings;
  const { signal, meter } = trial;

  return {
    command: async (program, args, { input, timeoutMs = trial.timeoutMs } = {}) => {
      await insistOn(open, { kind: 'command', argv: [program, ...args] });
      const call = {
        program,
        args,
        sandbox,
        box: { cwd: folder.at('workspace'), files: open.files, network },
        timeoutMs,
        signal,
        ...(input === undefined ? {} : { input }),
      };
      open.isolation = sandbox.level;
      // How a program ends is its own answer; that it does not end, or can not be begun, is none.
      const isFailure = (error: unknown) =>
        !(error instanceof Rejection) && (!signal.aborted || isTimeout(signal.reason));
      const { cpuMs, ...result } = await circuits.call(`command:${program}`, () => runCommand(call), isFailure);
      meter.program(cpuMs);
      return result;
    },
    narrate: async (section, facts, plain) => {
      assertOpen(open);
      // Whoever may not ask a model goes on with the plain text.
      if (!model || (await trial.check({ kind: 'tool', name: 'model' }, false))) return plain;
      const plainly = (reason: string): string => {
        open.plain.push(`${section} (${reason})`);
        open.facts[`${trial.action}.not-by-model`] = open.plain.join(', ');
        return plain;
      };
      if (open.modelAway !== undefined) return plainly(open.modelAway);
      const feedback = surroundings.feedback.length > 0 ? { feedback: surroundings.feedback } : {};
      const before = surroundings.bundle ? { before: knownFrom(surroundings.bundle) } : {};
      const load = (each: ContextLoad) => {
        meter.load(each);
        surroundings.loaded(each);
      };
      const metering = { load, model: meter.model.bind(meter) };
      try {
        const narrated = await narrate(model, { section, facts, plain, ...feedback, ...before }, { metering, signal });
        return 'text' in narrated ? narrated.text : plainly(narrated.plainBecause);
      } catch (error) {
        // A model that is away makes the text plainer, and nothing else; but a call that was stopped stops the action.
        signal.throwIfAborted();
        if (error instanceof Unaffordable) return plainly(error.message);
        open.modelAway = (error instanceof Error ? error.message : String(error)).slice(0, REASON_LENGTH_MAX);
        surroundings.modelFailed(open.modelAway);
        return plainly(open.modelAway);
      }
    },
  };
}

/** What of a bundle is about the matter, and not about who does what when. */
const knownFrom = ({ mission, decisions, questions, parameters }: Bundle) => ({
  ...{ mission, decisions, questions, parameters },
});

const isTimeout = (error: unknown) => error instanceof DOMException && error.name === 'TimeoutError';

/** @throws Rejection when the path leads out of the tree */
function inTree(path: string): string {
  if (path !== '' && path === normalize(path) && !path.startsWith('/') && !path.startsWith('..')) return path;
  throw new Rejection('path-invalid', `${path} is no path in the train's tree: give a relative one, without ..`);
}
