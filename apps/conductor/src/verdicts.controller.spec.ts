import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { digestOf, openArtifactStore, PipelineShelf } from '@vt/agent-runtime';
import { trainStream, type CommandBody } from '@vt/contracts';
import { MemoryEventStore } from '@vt/event-store';
import { CommandId, commandHandler, Instant, TenantId, TrainId } from '@vt/kernel';
import { contentOfPipeline, readPipeline, signVerdict } from '@vt/profiles';
import { Pipeline, ticketIdOf, trainDecider, type TrainCommand } from '@vt/value-train';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { VerdictsController } from './verdicts.controller.ts';

const folder = mkdtempSync(join(tmpdir(), 'verdicts-'));
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const tenant = TenantId.parse('acme');
const trainId = TrainId.parse(randomUUID());
const store = new MemoryEventStore();
const model = { path: 'model.tgz', digest: digestOf(Buffer.from('model')), size: 5, mediaType: 'x' };
let verdicts: VerdictsController;

beforeAll(async () => {
  const green = { id: 'ci', says: 'CI is green.', check: { kind: 'external', verifier: 'ci' } };
  const pipeline = Pipeline.parse({
    ...{ id: 'small', version: 1, title: 'Small', description: 'One phase.' },
    verifiers: [{ id: 'ci', publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64') }],
    modes: [{ id: 'build', title: 'Build', agents: ['lab'], tools: ['lab.*'], transitions: ['build'] }],
    phases: [
      {
        ...{ id: 'training', title: 'T', group: 'delivery', owner: 'lab', mode: 'build', next: null, exit: [green] },
        actions: [{ id: 'train', title: 'Train', tool: 'lab.train' }],
        ends: [{ outcome: 'close', as: 'completed' }],
      },
    ],
  });
  const artifacts = await openArtifactStore(pathToFileURL(folder).href);
  const shelf = new PipelineShelf([readPipeline(contentOfPipeline(pipeline))], artifacts);
  const conduct = commandHandler(
    trainDecider((ref) => shelf.of(ref)),
    () => trainStream(trainId),
    store,
  );
  verdicts = new VerdictsController(conduct, shelf, { store });
  const commands: TrainCommand[] = [
    {
      ...{
        type: 'StartTrain',
        trainId,
        name: 'Rain',
        client: 'C',
        inputs: [],
        budget: null,
        approvers: [],
        by: 'olga',
      },
      pipeline: await shelf.pin('small'),
    },
    {
      ...{ type: 'JudgeWork', trainId, ticketId: ticketIdOf(trainId, 'training', 1, 1), artifacts: [model], facts: {} },
      ...{ checklist: ['train'], outcome: 'close' },
      checks: [{ id: 'artifact:model.tgz', outcome: 'met', reason: 'opens' }],
      observed: { risks: [], spend: { spent: null, budget: null, share: null, unpriced: 0 } },
    },
  ];
  for (const command of commands) {
    await conduct(command, {
      ...{ tenant, commandId: CommandId.parse(randomUUID()), at: Instant.parse(new Date().toISOString()) },
      causation: { actor: 'olga', causationId: 'c', correlationId: 'r' },
    });
  }
});
afterAll(() => rm(folder, { recursive: true }));

type Body = CommandBody<'verdict.report'>;
const said = {
  ...{ trainId, phase: 'training', cycle: 1, attempt: 1, verifier: 'ci', outcome: 'pass' as const },
  ...{ evidence: [model.digest], reason: '212 tests' },
};
const report = (change: Partial<Body> = {}, signed = said) =>
  verdicts.onReport({
    ...{ tenant, commandId: CommandId.parse(randomUUID()), actor: 'the CI server', correlationId: 'r' },
    body: { ...signed, signature: signVerdict(signed, privateKey), ...change },
  });

it.each<[string, Partial<Body>, string]>([
  ['another outcome than was signed', { outcome: 'fail' }, 'signature-wrong'],
  ['another reason', { reason: '213 tests' }, 'signature-wrong'],
  ['another attempt', { attempt: 2 }, 'signature-wrong'],
  ['a signature that is none', { signature: 'TBD' }, 'signature-wrong'],
  ['a verifier that the pipeline does not have', { verifier: 'cd' }, 'verifier-unknown'],
  ['a train that there is not', { trainId: TrainId.parse(randomUUID()) }, 'train-unknown'],
])('refuses %s', async (_, change, code) => {
  await expect(report(change)).rejects.toMatchObject({ code });
});

it('refuses what another key signed', async () => {
  const { privateKey: other } = generateKeyPairSync('ed25519');
  await expect(report({ signature: signVerdict(said, other) })).rejects.toMatchObject({ code: 'signature-wrong' });
});

it('refuses what was signed about other files than lie at the gate', async () => {
  const stale = { ...said, evidence: [digestOf(Buffer.from('an earlier model'))] };
  await expect(report({}, stale)).rejects.toMatchObject({ code: 'stale-evidence' });
});

it('lets the gate pass by what the verifier signed, whoever passes it on', async () => {
  await report();
  const types = (await store.read(tenant, trainStream(trainId))).map(({ event }) => event.type);
  expect(types.slice(-4)).toEqual(['VerdictReported', 'GateEvaluated', 'PhaseCompleted', 'TrainCompleted']);
});
