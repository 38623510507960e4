import { Controller, Inject, StreamableFile } from '@nestjs/common';
import { PipelineShelf } from '@vt/agent-runtime';
import {
  Phase,
  riskStream,
  servingStream,
  sessionStream,
  spendStream,
  trainStream,
  type CommandInput,
} from '@vt/contracts';
import { bundleLine, canonicalJson } from '@vt/event-store';
import { Digest, type EventStore, type TenantId, type TrainId } from '@vt/kernel';
import type { CommandClient } from '@vt/messaging';
import { formatProblem, parsePipeline } from '@vt/profiles';
import { Problem, type Platform } from '@vt/service';
import {
  decisionAbout,
  GateReceipt,
  receiptOf,
  startOf,
  type EvaluateRule,
  type PipelineRef,
  type TrainEvent,
} from '@vt/value-train';
import { Readable } from 'node:stream';
import { z } from 'zod';
import type { Doors } from '../doors.ts';
import { carryOut } from '../edge/carry-out.ts';
import { Handles } from '../edge/handles.ts';
import { operation, type Answered, type Incoming } from '../edge/operation.ts';
import { CommandsToken, DoorsToken, PlatformToken } from '../edge/tokens.ts';
import { OfTrain } from '../trains/train-operations.ts';
import { FLIPS_MAX, Replay, replayPolicy } from './replay.ts';

const tag = 'gates';
const Count = z.coerce.number().int().positive().optional();

const getReceipt = operation({
  id: 'getGateReceipt',
  method: 'GET',
  path: '/v1/trains/{trainId}/gates/{phase}/receipt',
  tag,
  summary: 'Show everything about the last decision of a gate: its receipt, which can be verified offline',
  role: 'viewer',
  params: OfTrain.extend({ phase: Phase }),
  query: z.object({
    cycle: Count.describe('The latest, unless it is given.'),
    attempt: Count.describe('The latest, unless it is given.'),
  }),
  answer: { status: 200, description: 'The receipt.', schema: GateReceipt },
});

const exportTrain = operation({
  id: 'exportTrain',
  method: 'GET',
  path: '/v1/trains/{trainId}/export',
  tag,
  summary: 'Export every event of a train with its chain of hashes, and the pipeline that it rides on',
  role: 'viewer',
  params: OfTrain,
  answer: {
    status: 200,
    description: 'Lines of JSON: first the pipeline, then stream by stream each event as it is stored.',
    mediaType: 'application/x-ndjson',
  },
});

const reportVerdict = operation({
  id: 'reportVerdict',
  method: 'POST',
  path: '/v1/trains/{trainId}/verdicts',
  tag,
  summary: 'Pass on what a verifier outside found and signed; the signature counts, not who passes it on',
  role: 'viewer',
  params: OfTrain,
  body: z.strictObject({
    phase: Phase,
    cycle: z.int().positive(),
    attempt: z.int().positive(),
    verifier: z.string().describe('As the pipeline names it.'),
    outcome: z.enum(['pass', 'fail']),
    evidence: z.array(Digest).describe('What was looked at: all that lies at the gate, by its digests.'),
    reason: z.string().default(''),
    signature: z
      .string()
      .describe(
        'Ed25519, in base64, of the canonical JSON (RFC 8785) of all this and `trainId`, without the signature.',
      ),
  }),
  answer: { status: 204, description: 'It was heard, and the gate has judged by it.' },
});

const replay = operation({
  id: 'replayGates',
  method: 'POST',
  path: '/v1/gates/replay',
  tag,
  summary: 'Judge every past attempt again by a changed pipeline, and tell what would flip; nothing changes',
  role: 'operator',
  body: z.strictObject({
    policy: z
      .string()
      .min(1)
      .describe('The pipeline, as YAML or JSON; it is read as strictly as one that is installed.'),
    since: z.iso.datetime().optional().describe('Only decisions from then on.'),
    after: z.int().nonnegative().default(0).describe('`next` of the page before; 0 for the first.'),
    limit: z
      .int()
      .min(1)
      .max(FLIPS_MAX)
      .default(FLIPS_MAX)
      .describe('Flips after which a page ends, at the end of a train.'),
  }),
  answer: {
    status: 200,
    description:
      'A page of what would flip, train by train in the order of their starts; every number is of this page.',
    schema: Replay,
  },
});

@Controller()
export class GatesController {
  private readonly log: Pick<EventStore, 'readLog'>;
  private readonly store: Pick<EventStore, 'read'>;
  private readonly pipelines: PipelineShelf;

  constructor(
    @Inject(PlatformToken) platform: Pick<Platform, 'store'>,
    @Inject(DoorsToken) private readonly doors: Doors,
    @Inject(CommandsToken) private readonly commands: Pick<CommandClient, 'send'>,
  ) {
    this.pipelines = new PipelineShelf(doors.pipelines, doors.artifacts);
    this.log = platform.store;
    // Whoever has read a train finds its pipeline on the shelf.
    this.store = this.pipelines.reading(platform.store);
  }

  @Handles(getReceipt)
  async receipt({ principal, params, query }: Incoming<typeof getReceipt>): Promise<Answered> {
    const { stream, pipeline } = await this.trainOf(principal.tenant, params.trainId);
    const decision = decisionAbout(stream, { phase: params.phase, ...query });
    if (!decision) throw new Problem(404, 'not-found', `the gate of ${params.phase} has decided nothing of that`);
    return { body: JSON.parse(canonicalJson(receiptOf(decision, stream, this.pipelines.of(pipeline)))) as GateReceipt };
  }

  @Handles(exportTrain)
  async export({ principal, params: { trainId }, reply }: Incoming<typeof exportTrain>): Promise<Answered> {
    const { stream, pipeline } = await this.trainOf(principal.tenant, trainId);
    const tickets = stream.flatMap(({ event }) => (event.type === 'TicketOpened' ? [event.data.ticketId] : []));
    const others = [...tickets.map(sessionStream), riskStream(trainId), spendStream(trainId), servingStream(trainId)];
    const { store } = this;
    // As it was kept: today's defaults would give it another digest.
    const policy = (await this.doors.artifacts.read(pipeline.digest)).toString('utf8');
    async function* lines() {
      yield `{"digest":"${pipeline.digest}","pipeline":${policy}}\n`;
      for (const recorded of stream) yield `${bundleLine(recorded)}\n`;
      for (const other of others) {
        for (const recorded of await store.read(principal.tenant, other)) yield `${bundleLine(recorded)}\n`;
      }
    }
    reply.header('cache-control', 'no-store');
    const disposition = `attachment; filename="train-${trainId}.jsonl"`;
    const type = 'application/x-ndjson';
    return { body: new StreamableFile(Readable.from(lines(), { objectMode: false }), { type, disposition }) };
  }

  @Handles(reportVerdict)
  report(incoming: Incoming<typeof reportVerdict>): Promise<Answered> {
    const verdict: CommandInput<'verdict.report'> = { ...incoming.params, ...incoming.body };
    return carryOut(this.commands, incoming, 'verdict.report', verdict);
  }

  @Handles(replay)
  async replay({ principal, body }: Incoming<typeof replay>): Promise<Answered> {
    const loaded = parsePipeline('policy', body.policy);
    if (!loaded.ok) {
      const errors = loaded.problems.map((problem) => ({ pointer: '/policy', detail: formatProblem(problem) }));
      throw new Problem(422, 'invalid', 'the policy is not a pipeline: see errors', errors);
    }
    const { pipeline, digest, rules } = loaded;
    const evaluateRule: EvaluateRule = (rule, variables) => rules.get(rule)?.(variables) ?? 'inconclusive';
    const past = {
      store: { read: this.store.read, readLog: this.log.readLog.bind(this.log) },
      pipelineOf: (ref: PipelineRef) => this.pipelines.of(ref),
      tenant: principal.tenant,
    };
    return { body: await replayPolicy(past, { pipeline, digest, evaluateRule }, body) };
  }

  private async trainOf(tenant: TenantId, trainId: TrainId) {
    const stream = await this.store.read<TrainEvent>(tenant, trainStream(trainId));
    return { stream, pipeline: startOf(trainId, stream).pipeline };
  }
}
