import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { digestOf } from '@vt/agent-runtime';
import { readBundle } from '@vt/event-store';
import { TrainId } from '@vt/kernel';
import { loadPipelines } from '@vt/profiles';
import { GateReceipt } from '@vt/value-train';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { json, startGateway, type RunningGateway } from '../testing/running-gateway.ts';

const PIPELINE = join(import.meta.dirname, '../../../../libs/profiles/src/ml-delivery/pipeline.yaml');
const trainId = TrainId.parse(randomUUID());
const brief = {
  path: 'preengagement/framing/opportunity-brief.md',
  digest: digestOf(Buffer.from('brief')),
  size: 5,
  mediaType: 'x',
};

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway();
  await failAtItsGate(trainId);
}, 60_000);
afterAll(() => gateway.close());

/** A train whose first gate has just failed. */
async function failAtItsGate(trainId: TrainId) {
  const ticket = { trainId, ticketId: `opportunity_1_1_${trainId}`, phase: 'opportunity', cycle: 1, attempt: 1 };
  const [delivery] = await loadPipelines();
  const { digest, pipeline, content } = delivery!;
  await gateway.artifacts.put(content);
  const policy = { id: pipeline.id, version: pipeline.version, digest };
  const started = {
    trainId,
    name: 'Rain',
    client: 'Open Air',
    pipeline: policy,
    inputs: [],
    budget: null,
    approvers: [],
  };
  const decided = {
    ...{
      ...ticket,
      verdict: 'failed',
      policy,
      evidence: [brief.digest],
      authors: ['onboarder'],
      observed: null,
      approvals: [],
    },
    checks: [{ id: 'action:record-decision', outcome: 'unmet', reason: 'Record the decision: not completed' }],
    submission: {
      ...{ artifacts: [brief], checklist: ['write-brief'], outcome: 'go' },
      facts: { decision: 'go', 'problem-measurable': true, 'sponsor-named': true },
      checks: [{ id: `artifact:${brief.path}`, outcome: 'met', reason: 'opens' }],
    },
  };
  for (const event of [
    { type: 'TrainStarted', data: { ...started, startedBy: 'Ada' } },
    { type: 'PhaseEntered', data: { trainId, phase: 'opportunity', cycle: 1 } },
    { type: 'TicketOpened', data: { ...ticket, agent: 'onboarder', mode: 'intake' } },
    { type: 'GateEvaluated', data: decided },
  ]) {
    await gateway.record(gateway.tenant, event);
  }
  await gateway.caughtUp();
}

it('shows the receipt of a decision, and says where there is none', async () => {
  const path = `/v1/trains/${trainId}/gates/opportunity/receipt`;
  const receipt = GateReceipt.parse(await json(await gateway.ask(path)));
  expect(receipt).toMatchObject({
    id: `train-${trainId}@4`,
    verdict: 'failed',
    actor: 'test',
    verdicts: [],
    holds: [],
  });
  expect(receipt.checks[0]!.inputs).toEqual([brief.digest]);
  expect((await gateway.ask(`${path}?attempt=2`)).status).toBe(404);
  expect((await gateway.ask(`/v1/trains/${trainId}/gates/scope/receipt`)).status).toBe(404);
  expect((await gateway.ask(`/v1/trains/${randomUUID()}/gates/scope/receipt`)).status).toBe(404);
});

it('exports a train with its pipeline, line by line', async () => {
  const response = await gateway.ask(`/v1/trains/${trainId}/export`);
  expect(response.headers.get('content-type')).toContain('application/x-ndjson');
  const [first, ...lines] = (await response.text()).trimEnd().split('\n');
  expect(JSON.parse(first!)).toMatchObject({ pipeline: { id: 'ml-delivery' } });
  expect(readBundle(lines).map(({ event }) => event.type)).toEqual([
    ...['TrainStarted', 'PhaseEntered', 'TicketOpened', 'GateEvaluated'],
  ]);
});

/** The pipeline that does not ask for the record of the decision. */
const leniently = (text: string) =>
  text
    .replace(
      'needs: [write-brief]\n        produces: [preengagement/framing/decision-record.md]',
      'needs: [write-brief]\n        required: false\n        produces: [preengagement/framing/decision-record.md]',
    )
    .replace(
      '- path: preengagement/framing/decision-record.md',
      '- { path: preengagement/framing/decision-record.md, required: false }',
    );

it('replays a changed policy over all trains, and changes nothing', async () => {
  const text = await readFile(PIPELINE, 'utf8');
  const replay = async (policy: string, since?: string) =>
    json(await gateway.send('/v1/gates/replay', { policy, ...(since ? { since } : {}) }));
  expect(await replay(text)).toMatchObject({ trains: 1, judged: 1, flipped: 0, flips: [], elsewhere: 0 });
  const lenient = leniently(text);
  expect(await replay(lenient)).toMatchObject({
    ...{ judged: 1, flipped: 1, changes: { 'failed → passed': 1 } },
    flips: [
      {
        ...{ trainId, phase: 'opportunity', attempt: 1, from: 'failed', to: 'passed' },
        because: [{ check: 'action:record-decision', was: 'unmet', is: null }],
      },
    ],
  });
  expect(await replay(lenient, '2100-01-01T00:00:00Z')).toMatchObject({ judged: 0, flipped: 0 });
  expect(await json(await gateway.ask(`/v1/trains/${trainId}/gates`))).toMatchObject({ items: [{ evaluations: 1 }] });
});

it('replays page by page, and every flip is on one of them', async () => {
  const another = TrainId.parse(randomUUID());
  await failAtItsGate(another);
  const policy = leniently(await readFile(PIPELINE, 'utf8'));
  const page = async (after: number, limit: number) =>
    json(await gateway.send('/v1/gates/replay', { policy, after, limit }));
  const first = await page(0, 1);
  expect(first).toMatchObject({ trains: 1, flipped: 1, flips: [{ trainId }] });
  const second = await page(first.next, 1);
  expect(second).toMatchObject({ trains: 1, flipped: 1, flips: [{ trainId: another }] });
  expect(await page(second.next, 1)).toMatchObject({ trains: 0, flipped: 0, flips: [], next: null });
  const whole = [{ trainId }, { trainId: another }];
  expect(await page(0, 1_000)).toMatchObject({ trains: 2, flipped: 2, flips: whole, next: null });
});

it('refuses a policy that is no pipeline, with the place and the mend of each mistake', async () => {
  const bad = (await readFile(PIPELINE, 'utf8')).replace('owner: onboarder', 'owner: onbaorder');
  const response = await gateway.send('/v1/gates/replay', { policy: bad });
  expect(response.status).toBe(422);
  expect((await json(response)).errors[0]!.detail).toMatch(
    /^policy:\d+:\d+ phases\[0\]\.owner: unknown owner .* did you mean "onboarder"\?$/,
  );
});

it('lets viewers look, operators replay, and anybody pass on what a verifier signed', async () => {
  const viewer = await gateway.issue('Vera', 'viewer');
  await gateway.caughtUp();
  const asViewer = { key: viewer };
  expect((await gateway.ask(`/v1/trains/${trainId}/export`, asViewer)).status).toBe(200);
  expect((await gateway.send('/v1/gates/replay', { policy: 'x' }, asViewer)).status).toBe(403);
  gateway.answerWith(() => ({ kind: 'rejected', code: 'signature-wrong', reason: 'not what ci signed' }));
  const verdict = {
    phase: 'opportunity',
    cycle: 1,
    attempt: 1,
    verifier: 'ci',
    outcome: 'pass',
    evidence: [],
    signature: 's',
  };
  const response = await gateway.send(`/v1/trains/${trainId}/verdicts`, verdict, asViewer);
  expect(response.status).toBeGreaterThanOrEqual(400);
  expect(await json(response)).toMatchObject({ code: 'signature-wrong' });
  expect(gateway.carried.at(-1)).toMatchObject({
    name: 'verdict.report',
    actor: 'Vera',
    body: { trainId, verifier: 'ci' },
  });
});
