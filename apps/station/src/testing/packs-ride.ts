import { actionHarness, type ActionHarness, type HarnessRun } from '@vt/agent-runtime/harness';
import { evaluatorPack } from '@vt/app-evaluator';
import { improverPack } from '@vt/app-improver';
import { labPack } from '@vt/app-lab';
import { onboarderPack } from '@vt/app-onboarder';
import { ModelServers, opsPack } from '@vt/app-ops';
import { studioPack } from '@vt/app-studio';
import { loadPipelines } from '@vt/profiles';
import { Charter, type PipelinePhase } from '@vt/value-train';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';

export const DEMO = resolve(import.meta.dirname, '../../../cli/demo');
const LAPS_MAX = 3;

export const charterOf = async (file: string): Promise<Charter> =>
  Charter.parse(parse(await readFile(join(DEMO, file), 'utf8')));

/** One phase of one lap, and what it left. */
export interface RiddenPhase {
  readonly phase: PipelinePhase;
  readonly cycle: number;
  readonly run: Omit<HarnessRun, 'answer'>;
  readonly actions: Readonly<Record<string, HarnessRun>>;
  /** Its exit rules by their ids, as the gate would find them. */
  readonly exit: Readonly<Record<string, unknown>>;
}

export interface PacksRide {
  readonly charter: Charter;
  readonly phases: readonly RiddenPhase[];
  phase(id: string, cycle?: number): RiddenPhase;
  /** A file as it was left in a cycle (the tree holds the last). */
  read(path: string, cycle?: number): Promise<Buffer>;
  /** The train, at a phase, to run something again. */
  at(phase: string, cycle?: number): Promise<ActionHarness>;
}

/** All packs, phase after phase as the pipeline says, on a real artifact store; no service, no database, no bus. */
export async function ridePacks(
  charter: Charter,
  dataFile: string,
  dir: string,
  servers: ModelServers,
): Promise<PacksRide> {
  const packs = {
    ...{ onboarder: onboarderPack, lab: labPack, studio: studioPack, evaluator: evaluatorPack },
    ...{ improver: improverPack, ops: opsPack(servers) },
  };
  const { pipeline, rules } = (await loadPipelines()).find(({ pipeline: { id } }) => id === 'ml-delivery')!;
  const phases: RiddenPhase[] = [];
  const start = await actionHarness({ pack: onboarderPack, phase: pipeline.phases[0]!.id, charter, dataFile, dir });
  const packOf = (id: string) => packs[pipeline.phases.find((phase) => phase.id === id)!.owner as keyof typeof packs];
  const at = (id: string, cycle = 1) => start.at(id, { pack: packOf(id), cycle });

  let cycle = 1;
  for (let next: string | null = pipeline.phases[0]!.id; next !== null;) {
    const phase: PipelinePhase = pipeline.phases.find(({ id }) => id === next)!;
    const harness = await at(phase.id, cycle);
    const run = await harness.runPhase();
    const variables = {
      ...{ facts: run.facts, outcome: run.outcome ?? '', cycle, attempt: 1 },
      artifacts: run.artifacts.map(({ path }) => path),
    };
    const exit = Object.fromEntries(
      phase.exit.flatMap(({ id, check }) => (check.kind === 'rule' ? [[id, rules.get(check.rule)!(variables)]] : [])),
    );
    phases.push({ phase, cycle, run, actions: {}, exit });
    const loop = phase.loops.find(({ outcome }) => outcome === run.outcome);
    if (loop?.retraining) cycle += 1;
    if (cycle > LAPS_MAX) throw new Error('the train goes round and round');
    next = phase.ends.some(({ outcome }) => outcome === run.outcome) ? null : (loop?.to ?? phase.next);
  }
  return {
    charter,
    phases,
    phase: (id, of) => phases.findLast(({ phase, cycle: lap }) => phase.id === id && (of === undefined || of === lap))!,
    read: (path) => readFile(start.file(path)),
    at,
  };
}
