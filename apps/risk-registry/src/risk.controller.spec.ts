import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { openArtifactStore, PipelineShelf } from '@vt/agent-runtime';
import { trainStream, type CommandBody, type EventOf } from '@vt/contracts';
import { MemoryEventStore } from '@vt/event-store';
import { CommandId, commandHandler, Instant, NO_STREAM, TenantId, TrainId } from '@vt/kernel';
import { loadPipelines, loadRiskCatalogue } from '@vt/profiles';
import { riskDecider, riskStreamOf } from '@vt/risk';
import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { RiskController } from './risk.controller.ts';

const folder = mkdtempSync(join(tmpdir(), 'risks-'));
const tenant = TenantId.parse('acme');
const trainId = TrainId.parse(randomUUID());
const store = new MemoryEventStore();
let risks: RiskController;

beforeAll(async () => {
  const artifacts = await openArtifactStore(pathToFileURL(folder).href);
  const pipeline = await new PipelineShelf(await loadPipelines(), artifacts).pin('ml-delivery');
  const people = { name: 'Rain', client: 'Open Air', startedBy: 'olga', approvers: [] };
  const started: EventOf<'TrainStarted'> = {
    type: 'TrainStarted',
    data: { trainId, ...people, pipeline, inputs: [], budget: null },
  };
  await store.append({
    ...{ tenant, stream: trainStream(trainId), expected: NO_STREAM, commandId: CommandId.parse(randomUUID()) },
    causation: { actor: 'olga', causationId: 'test', correlationId: 'test' },
    at: Instant.parse(new Date().toISOString()),
    events: [started],
  });
  // The registry was not given the file, so it has to find what the train was started on.
  const register = commandHandler(riskDecider, riskStreamOf, store);
  risks = new RiskController(register, await loadRiskCatalogue(), store, new PipelineShelf([], artifacts));
});
afterAll(() => rm(folder, { recursive: true }));

const raise = (body: Partial<CommandBody<'risk.raise'>>, of = tenant) =>
  risks.onRaise({
    ...{ tenant: of, commandId: CommandId.parse(randomUUID()), actor: 'olga', correlationId: 'test' },
    body: { trainId, catalogue: 'R001', title: 'T', reason: 'r', probability: 5, impact: 5, phases: [], ...body },
  });

it('raises a risk that is in the catalogue, at phases that the train has', async () => {
  await expect(raise({})).resolves.toMatchObject({ version: 2 });
  await expect(raise({ phases: ['training', 'deployment'] })).resolves.toMatchObject({ version: 4 });
});

it.each([
  ['train-unknown', { trainId: TrainId.parse(randomUUID()) }, /start it first/],
  ['invalid', { catalogue: 'R999' }, /^catalogue: there is no R999; use one of: R001, .*R012$/],
  ['invalid', { phases: ['training', 'traning'] }, /^phases: there is no traning; use one of: .*, training, /],
])('refuses as %s what is nowhere: %j', async (code, body, message) => {
  await expect(raise(body)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

it('has no train of another tenant', async () => {
  await expect(raise({}, TenantId.parse('rival'))).rejects.toMatchObject({ code: 'train-unknown' });
});
