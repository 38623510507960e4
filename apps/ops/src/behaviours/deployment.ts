import type { Action, ActionContext } from '@vt/agent-runtime';
import { fillTemplate, table } from '@vt/documents';
import { digestOf } from '@vt/modeling';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { baselineName } from '@vt/value-train';
import { stringify } from 'yaml';
import { ModelServers } from '../model-servers.ts';

const PACKAGE = 'delivery/model/inference-package.tgz';

export interface Deployed {
  readonly version: string;
  readonly address: string;
  /** Cycle whose package serves: an earlier one where the champion was kept. */
  readonly modelCycle: number;
  readonly packageDigest: string;
  /** Served before, with the cycle whose package it is; null where none did. */
  readonly previous: { readonly version: string; readonly cycle: number } | null;
}

/** The challenger only where validation found it better than a champion that there is; else the champion goes on. */
function cycleToDeploy({ ticket, factsOf }: ActionContext): number {
  const { 'champion-cycle': championCycle, 'challenger-better': better } = factsOf('validation');
  return Number(championCycle) > 0 && better !== true ? Number(championCycle) : ticket.cycle;
}

const versionOf = (cycle: number, digest: string) => `${cycle}-${digest.slice('sha256:'.length, 'sha256:'.length + 8)}`;

export const deployModel =
  (servers: ModelServers): Action =>
  async (context): Promise<Deployed> => {
    const { ticket } = context;
    const modelCycle = cycleToDeploy(context);
    const archive = await context.read(PACKAGE, modelCycle);
    const packageDigest = digestOf(archive);
    const version = versionOf(modelCycle, packageDigest);
    const deployment = await servers.deploy(ticket, version, archive);
    const address = ModelServers.addressOf(deployment);
    const previous = versionBefore(context, version);
    const isNew = modelCycle === ticket.cycle;
    context.decide(
      `Deploy version ${version}`,
      isNew ? 'Validation let the package of this cycle pass' : 'Validation found the challenger no better',
      isNew ? [] : [{ option: `The package of cycle ${ticket.cycle}`, because: 'it is the challenger' }],
    );

    context.fact('healthy', true);
    context.fact('address', address);
    context.fact('version', version);
    context.fact('model-cycle', modelCycle);
    if (previous) {
      context.fact('previous-version', previous.version);
      context.fact('previous-cycle', previous.cycle);
    }
    return { version, address, modelCycle, packageDigest, previous };
  };

/** What to go back to: the version that served before this one did. A champion that is kept keeps its own. */
function versionBefore({ factsOf }: ActionContext, version: string): Deployed['previous'] {
  const before = factsOf('deployment');
  const [name, cycle] =
    before['version'] === version
      ? [before['previous-version'], before['previous-cycle']]
      : [before['version'], before['model-cycle']];
  return name === undefined ? null : { version: String(name), cycle: Number(cycle) };
}

export interface Rehearsal {
  readonly steps: readonly { readonly step: string; readonly saw: string }[];
}

/**
 * Goes back to the version before and forward again, and looks at what answers after each step. Where there is no
 * version before, the way back is out of service, where callers use the charter's baseline.
 */
export const rehearseRollback =
  (servers: ModelServers): Action =>
  async (context): Promise<Rehearsal> => {
    const { ticket } = context;
    const deployed = await context.result<Deployed>('deploy-model');
    const steps: { step: string; saw: string }[] = [];
    const look = async (step: string) => steps.push({ step, saw: await answerOf(deployed.address) });

    await look(`version ${deployed.version} serves`);
    const { previous } = deployed;
    if (previous) {
      await servers.deploy(ticket, previous.version, await context.read(PACKAGE, previous.cycle));
      await look(`rolled back to version ${previous.version}`);
    } else {
      await servers.suspend(ticket.trainId);
      await look('rolled back to no model');
    }
    await servers.deploy(ticket, deployed.version, await context.read(PACKAGE, deployed.modelCycle));
    await look(`version ${deployed.version} serves again`);

    const expected = [deployed.version, previous?.version ?? OUT_OF_SERVICE, deployed.version];
    const rehearsed = steps.every(({ saw }, at) => saw === expected[at]);
    context.fact('rollback-rehearsed', rehearsed);
    return { steps };
  };

const OUT_OF_SERVICE = 'out of service';

async function answerOf(address: string): Promise<string> {
  try {
    const response = await fetch(`${address}/version`, { signal: AbortSignal.timeout(2_000) });
    const { version } = (await response.json()) as { version: string };
    return version;
  } catch {
    return OUT_OF_SERVICE;
  }
}

export const writeDeploymentDocs: Action = async (context) => {
  const { charter, ticket } = context;
  const deployed = await context.result<Deployed>('deploy-model');
  const { steps } = await context.result<Rehearsal>('rehearse-rollback');
  await context.write(
    'delivery/deploy/deploy.yaml',
    stringify({
      model: charter.name,
      version: deployed.version,
      package: { path: PACKAGE, cycle: deployed.modelCycle, digest: deployed.packageDigest },
      run: {
        program: 'node',
        args: ['server.mjs'],
        environment: { HOST: '127.0.0.1', PORT: new URL(deployed.address).port },
      },
      health: { path: '/health', expect: { status: 'ok', version: deployed.version } },
      predict: { method: 'POST', path: '/predict', body: 'rows' },
      rollback: {
        to: deployed.previous?.version ?? 'out of service; callers use the baseline',
        rehearsedOn: ticket.openedOn,
      },
      alerts: [
        {
          name: 'model-not-healthy',
          when: '/health does not answer ok',
          then: 'ops starts the server again, and writes ModelServerRevived; roll back where that goes on',
        },
        { name: 'model-slow', when: 'latency p95 above 500 ms for 5 min', then: 'look at the load, then roll back' },
      ],
    }),
  );
  await context.write(
    'delivery/deploy/deployment-config.md',
    fillTemplate(
      await readFile(join(import.meta.dirname, 'deployment-config.md'), 'utf8'),
      {
        name: charter.name,
        running: table(
          [
            ['version', deployed.version],
            ['address', deployed.address],
            ['package', `${deployed.packageDigest}, built in cycle ${deployed.modelCycle}`],
            [
              'version before',
              deployed.previous?.version ?? `none: callers fall back to ${baselineName(charter.baseline)}`,
            ],
          ],
          ['what', 'which'],
        ),
        'rollback-command': deployed.previous
          ? `start the package of version ${deployed.previous.version} on the same port`
          : 'stop the process of `deploy.yaml`',
        'rollback-sign': deployed.previous
          ? `version ${deployed.previous.version} answers`
          : 'nothing answers, and callers use the baseline',
        risks: risksOf(deployed, baselineName(charter.baseline)),
        alternatives: alternativesTo(deployed, baselineName(charter.baseline)),
        steps: steps.map(({ step, saw }, at) => `${at + 1}. ${step}: the address answered **${saw}**`).join('\n'),
        owner: charter.sponsor.name,
      },
      { agent: 'ops', date: ticket.openedOn, version: String(ticket.cycle), status: 'final' },
    ),
  );
};

/** What whoever lets it pass takes upon themselves. */
const risksOf = ({ version, previous }: Deployed, baseline: string) =>
  [
    `Version ${version} answers from now on, and was never used in earnest before: its quality is known from held-out rows alone.`,
    previous
      ? `While the versions change, the address answers nothing for a moment; version ${previous.version} is kept to go back to.`
      : `There is no version to go back to: when it fails, callers have the baseline, ${baseline}, and nothing else.`,
    'Data that drifts away from what it was trained on makes it worse without an error; monitoring looks for that.',
  ]
    .map((risk) => `- ${risk}`)
    .join('\n');

const alternativesTo = ({ previous }: Deployed, baseline: string) =>
  [
    previous
      ? `Keep version ${previous.version}, and retrain again: costs nothing now, and gives up what this version does better.`
      : `Go on with the baseline, ${baseline}: costs nothing to run, and gives up what the model does better.`,
    'Let it answer beside what serves now without being used, and compare: safer, and later by the time of the comparison.',
  ]
    .map((alternative) => `- ${alternative}`)
    .join('\n');
