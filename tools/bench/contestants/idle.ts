// Agents that do nothing, on a copy of the delivery pipeline whose work is nothing: what is left is the platform.
import { openArtifactStore, type AgentPack } from '@vt/agent-runtime';
import type { Agent, Artifact } from '@vt/contracts';
import { loadPipelines, readYaml } from '@vt/profiles';
import { Charter, type Pipeline, type PipelinePhase } from '@vt/value-train';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export const IDLE = 'idle';
const CHARTER = new URL('../../../apps/cli/demo/charter.yaml', import.meta.url).pathname;

/** What the services of idle trains need. */
export interface Depot {
  readonly ARTIFACTS_URL: string;
  /** A folder with the idle pipeline, and no other. */
  readonly PIPELINES: string;
  /** What every train is started with. */
  readonly inputs: readonly Artifact[];
}

/** So many of the 18 phases, each with so many actions, one after the other, and a gate with a fact and a rule. */
export async function openDepot(folder: string, size: { phases: number; actions: number }): Promise<Depot> {
  const PIPELINES = join(folder, 'pipelines');
  await mkdir(join(PIPELINES, IDLE), { recursive: true });
  const [delivery] = await loadPipelines();
  // JSON is YAML, too.
  await writeFile(join(PIPELINES, IDLE, 'pipeline.yaml'), JSON.stringify(idleCopyOf(delivery!.pipeline, size)));

  const ARTIFACTS_URL = pathToFileURL(join(folder, 'artifacts')).href;
  const artifacts = await openArtifactStore(ARTIFACTS_URL);
  const charter = await readYaml(CHARTER, Charter);
  if (!charter.ok) throw new Error(`${CHARTER} is no charter`);
  const inputs = await Promise.all(
    [
      { path: 'charter.json', mediaType: 'application/json', content: JSON.stringify(charter.value) },
      { path: 'data.csv', mediaType: 'text/csv', content: 'day,rain\n2015-01-01,true\n' },
    ].map(async ({ content, ...file }) => ({ ...file, ...(await artifacts.put(Buffer.from(content))) })),
  );
  return { ARTIFACTS_URL, PIPELINES, inputs };
}

const BLOCKING = { onFail: 'block', shadow: false } as const;

/** Every agent's only tool. It says that it is done, which its gate wants to hear. */
export const idlePack = (name: Agent, did: () => void = () => undefined): AgentPack => ({
  name,
  tools: {
    [`${name}.idle`]: (context) => {
      context.fact('done', true);
      did();
      return Promise.resolve();
    },
  },
});

// Its gates ask nobody, and so nobody waives.
function idleCopyOf({ waivers: _, ...delivery }: Pipeline, size: { phases: number; actions: number }): Pipeline {
  const phases = delivery.phases.slice(0, size.phases);
  const modes = new Set(phases.map(({ mode }) => mode));
  return {
    ...delivery,
    id: IDLE,
    modes: delivery.modes
      .filter(({ id }) => modes.has(id))
      .map((mode) => ({
        ...mode,
        tools: mode.agents.map((agent) => `${agent}.idle`),
        transitions: mode.transitions.filter((to) => modes.has(to)),
      })),
    phases: phases.map((phase, index) => idlePhase(phase, size.actions, phases[index + 1]?.id ?? null)),
  };
}

const idlePhase = (phase: PipelinePhase, actions: number, next: string | null): PipelinePhase => ({
  ...phase,
  workGates: undefined,
  entry: [],
  actions: Array.from({ length: actions }, (_, index) => ({
    id: `action-${index + 1}`,
    title: 'Nothing',
    tool: `${phase.owner}.idle`,
    during: 'implement' as const,
    needs: index === 0 ? [] : [`action-${index}`],
    produces: [],
    reports: ['done'],
    required: true,
    retry: 'idempotent' as const,
    isolation: 'none' as const,
    timeoutSeconds: 300,
  })),
  artifacts: [],
  exit: [
    { id: 'done', says: 'It is done.', check: { kind: 'fact', fact: 'done', op: '==', value: true }, ...BLOCKING },
    { id: 'in-time', says: 'It took few attempts.', check: { kind: 'rule', rule: 'attempt <= 3' }, ...BLOCKING },
  ],
  approvals: [],
  approvalsNeed: {},
  next,
  loops: [],
  ends: next === null ? [{ outcome: 'next', as: 'completed' }] : [],
});
