import type { AgentPack } from '@vt/agent-runtime';
import { actionHarness, type ActionHarness, type HarnessRun } from '@vt/agent-runtime/harness';
import { evaluatorPack } from '@vt/app-evaluator';
import { improverPack } from '@vt/app-improver';
import { labPack } from '@vt/app-lab';
import { onboarderPack } from '@vt/app-onboarder';
import { opsPack, type ModelServers } from '@vt/app-ops';
import { studioPack } from '@vt/app-studio';
import { loadPipelines } from '@vt/profiles';
import type { Charter, PipelinePhase } from '@vt/value-train';

const LAPS_MAX = 3;

/** One phase of one lap, and what it left. */
export interface RiddenPhase {
  readonly phase: PipelinePhase;
  readonly cycle: number;
  readonly run: Pick<HarnessRun, 'artifacts' | 'facts' | 'outcome'>;
  /** What each exit rule says of it, by the rule's id. */
  readonly exit: Readonly<Record<string, unknown>>;
}

export interface PacksRide {
  readonly phases: readonly RiddenPhase[];
  /** The train as it stood at its end. */
  readonly harness: ActionHarness;
}

interface Journey {
  readonly charter: Charter;
  readonly dataFile: string;
  /** Where artifacts are kept. */
  readonly dir: string;
  readonly servers: ModelServers;
}

/** All packs, phase after phase as the pipeline says, on a real artifact store; no service, no database, no bus. */
export async function ridePacks({ servers, ...journey }: Journey): Promise<PacksRide> {
  const packs = [onboarderPack, labPack, studioPack, evaluatorPack, improverPack, opsPack(servers)];
  const { pipeline, rules } = (await loadPipelines()).find((loaded) => loaded.pipeline.id === 'ml-delivery')!;
  const phases: RiddenPhase[] = [];
  let cycle = 1;
  let phase: PipelinePhase | undefined = pipeline.phases[0]!;
  let harness = await actionHarness({ ...journey, pack: onboarderPack, phase: phase.id });
  while (phase) {
    const { id, owner, exit, loops, ends, next }: PipelinePhase = phase;
    // What is handed off is done with the other agent's tools.
    const tools = Object.assign({}, ...packs.map((pack) => pack.tools)) as AgentPack['tools'];
    harness = await harness.at(id, { pack: { name: owner, tools }, cycle });
    const run = await harness.runPhase();
    const artifacts = run.artifacts.map(({ path }) => path);
    const seen = { facts: run.facts, outcome: run.outcome ?? '', cycle, attempt: 1, artifacts };
    const judged = exit.flatMap(({ id: rule, check }) =>
      check.kind === 'rule' ? [[rule, rules.get(check.rule)!(seen)] as const] : [],
    );
    phases.push({ phase, cycle, run, exit: Object.fromEntries(judged) });
    if (ends.some(({ outcome }) => outcome === run.outcome)) break;
    const loop = loops.find(({ outcome }) => outcome === run.outcome);
    if (loop?.retraining) cycle += 1;
    if (cycle > LAPS_MAX) throw new Error('the train goes round and round');
    phase = pipeline.phases.find((each) => each.id === (loop?.to ?? next));
  }
  return { phases, harness };
}
