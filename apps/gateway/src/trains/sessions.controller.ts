import { Controller, Inject } from '@nestjs/common';
import { Agent, Improvement, Law, Phase, sessionStream, trainStream } from '@vt/contracts';
import { Digest, TicketId } from '@vt/kernel';
import type { CommandClient } from '@vt/messaging';
import type { Reader } from '@vt/read-models';
import { Problem, type Platform } from '@vt/service';
import {
  Bundle,
  complianceOf,
  orchestrationOf,
  LawPolicy,
  type SessionEvent,
  type SessionRow,
  type TrainEvent,
} from '@vt/value-train';
import { z } from 'zod';
import type { Doors } from '../doors.ts';
import { carryOut } from '../edge/carry-out.ts';
import { Handles } from '../edge/handles.ts';
import { operation, type Answered, type Incoming } from '../edge/operation.ts';
import { CommandsToken, DoorsToken, PlatformToken, ReaderToken } from '../edge/tokens.ts';
import { VIEWS } from '../views.ts';
import { OfTrain } from './train-operations.ts';
import { ROWS_OF_TRAIN_MAX, trainOf } from './trains.controller.ts';

const tag = 'sessions';
const OfSession = OfTrain.extend({ ticketId: TicketId });

const Kept = z.object({ kept: z.int(), of: z.int() });

const ShownBundle = z.object({
  ticketId: TicketId,
  phase: Phase,
  cycle: z.int(),
  attempt: z.int(),
  digest: Digest,
  tokenizer: z.string().describe('By this encoding everything is counted.'),
  logTokens: z.int().describe('Of the events of the session, as JSON.'),
  sourceTokens: z.int().describe('Of the log and of the documents that its actions read and wrote.'),
  tokens: z.int().describe('Of the bundle.'),
  ratio: z.number().describe('sourceTokens / tokens.'),
  retention: z.object({ decisions: Kept, questions: Kept, parameters: Kept }),
  archived: z.boolean().describe('It was kept when the session was archived; else it was made just now.'),
  problems: z.array(z.string()).describe('Why nothing may go on by it; empty when it may.'),
  bundle: Bundle,
});

const listBundles = operation({
  id: 'listBundles',
  method: 'GET',
  path: '/v1/trains/{trainId}/bundles',
  tag,
  summary: 'Condense the sessions of a train, as they stand, and measure what was kept',
  role: 'viewer',
  params: OfTrain,
  query: z.object({ phase: Phase.optional() }),
  answer: { status: 200, description: 'A bundle a session.', schema: z.object({ items: z.array(ShownBundle) }) },
});

const Reported = z.object({
  ticketId: TicketId,
  phase: Phase,
  cycle: z.int(),
  attempt: z.int(),
  waves: z.int().describe('What needs nothing is in the first; the rest comes one wave after what it needs.'),
  wallMs: z.number().describe('From the begin of the first completed action to the end of the last.'),
  sequentialMs: z.number().describe('What one after the other would have taken.'),
  criticalMs: z.number().describe('The longest way through what needs what.'),
  criticalPath: z.array(z.string()),
  actions: z.array(
    z.object({
      ...{ action: z.string(), by: Agent, wave: z.int(), wallMs: z.number(), lostMs: z.number() },
      handoffMs: z.number().describe('What it took to hand it off and back, beside the work.'),
    }),
  ),
});

const reportSessions = operation({
  id: 'reportSessions',
  method: 'GET',
  path: '/v1/trains/{trainId}/orchestration',
  tag,
  summary: 'Compare the time that sessions took with what one after the other, and no waiting at all, would have taken',
  role: 'viewer',
  params: OfTrain,
  query: z.object({ phase: Phase.optional() }),
  answer: {
    status: 200,
    description: 'Each session in which an action is completed.',
    schema: z.object({ items: z.array(Reported) }),
  },
});

const ShownCompliance = z.object({
  laws: z.array(
    z.object({
      law: Law,
      says: z.string(),
      policy: LawPolicy,
      checked: z.int().describe('Cases that were looked at.'),
      waived: z.int().describe('Of these, those that gave a reason instead.'),
      violations: z.array(z.object({ where: z.string(), reason: z.string() })),
      mend: z.string(),
    }),
  ),
  suggestions: z.array(Improvement).describe('What sessions proposed, the most promising first. Nothing was begun.'),
});

const judgeLaws = operation({
  id: 'judgeLaws',
  method: 'GET',
  path: '/v1/trains/{trainId}/laws',
  tag,
  summary: 'Judge a train by the laws, from its log',
  role: 'viewer',
  params: OfTrain,
  answer: { status: 200, description: 'Each law, and what broke it.', schema: ShownCompliance },
});

const SessionLogEntry = z.object({
  version: z.int(),
  at: z.iso.datetime(),
  actor: z.string(),
  type: z.string(),
  data: z.record(z.string(), z.unknown()),
});

const readSessionLog = operation({
  id: 'readSessionLog',
  method: 'GET',
  path: '/v1/trains/{trainId}/sessions/{ticketId}/log',
  tag,
  summary: 'Read the events of a session, by version',
  role: 'viewer',
  params: OfSession,
  answer: { status: 200, description: 'Its events.', schema: z.object({ items: z.array(SessionLogEntry) }) },
});

const rollBackSession = operation({
  id: 'rollBackSession',
  method: 'POST',
  path: '/v1/trains/{trainId}/sessions/{ticketId}/rollback',
  tag,
  summary: 'Make an open session what it was at an earlier version; the next claimant goes on from there',
  role: 'operator',
  params: OfSession,
  body: z.strictObject({
    to: z.int().positive().describe('Version of its stream, as its log has it.'),
    reason: z.string().min(1),
  }),
  answer: { status: 204, description: 'It is so from the position in `VT-Position` on.' },
});

@Controller()
export class SessionsController {
  constructor(
    @Inject(PlatformToken) private readonly platform: Pick<Platform, 'store'>,
    @Inject(ReaderToken) private readonly reader: Reader,
    @Inject(CommandsToken) private readonly commands: Pick<CommandClient, 'send'>,
    @Inject(DoorsToken) private readonly doors: Doors,
  ) {}

  @Handles(listBundles)
  async bundles({ principal, params, query }: Incoming<typeof listBundles>): Promise<Answered> {
    const { tenant } = principal;
    const { value, position } = await this.sessionsOf(principal, params.trainId, query.phase);
    const items: z.infer<typeof ShownBundle>[] = [];
    // One after the other: each holds the text of a session's documents in memory.
    for (const session of value) {
      const ticketId = TicketId.parse(session.ticketId);
      const { phase, cycle, attempt } = session;
      const made = await this.doors.bundles.make({ tenant, ...params, ticketId, phase });
      if (made === undefined) continue;
      const { bundle, logTokens, ref, retention, archived, problems } = made;
      const { bundle: digest, tokenizer, tokens, sourceTokens } = ref;
      const ratio = sourceTokens / tokens;
      const measured = { digest, tokenizer, logTokens, sourceTokens, tokens, ratio, retention, archived };
      items.push({ ticketId, phase, cycle, attempt, ...measured, problems: [...problems], bundle });
    }
    return { body: { items }, position };
  }

  @Handles(reportSessions)
  async report({ principal, params, query }: Incoming<typeof reportSessions>): Promise<Answered> {
    const { tenant } = principal;
    const { value, position } = await this.sessionsOf(principal, params.trainId, query.phase);
    const items = await Promise.all(
      value.map(async ({ ticketId, phase, cycle, attempt }) => {
        const [events, place] = await Promise.all([
          this.platform.store.read<SessionEvent>(tenant, sessionStream(ticketId)),
          this.doors.placeOf({ tenant, ...params, ticketId: TicketId.parse(ticketId), phase }),
        ]);
        const timed = events.map(({ at, event }) => ({ atMs: Date.parse(at), event }));
        const found = orchestrationOf(place.phase, timed);
        return found && { ticketId, phase, cycle, attempt, ...found };
      }),
    );
    return { body: { items: items.filter((item) => item !== undefined) }, position };
  }

  @Handles(judgeLaws)
  async laws({ principal, params }: Incoming<typeof judgeLaws>): Promise<Answered> {
    const { tenant } = principal;
    const { store } = this.platform;
    const { value, position } = await this.sessionsOf(principal, params.trainId);
    const [first] = value;
    if (first === undefined) throw new Problem(404, 'not-found', `nobody has begun with train ${params.trainId}`);
    const [{ pipeline }, train, sessions] = await Promise.all([
      this.doors.placeOf({ tenant, ...params, ticketId: TicketId.parse(first.ticketId), phase: first.phase }),
      store.read<TrainEvent>(tenant, trainStream(params.trainId)),
      Promise.all(value.map(({ ticketId }) => store.read<SessionEvent>(tenant, sessionStream(ticketId)))),
    ]);
    return { body: complianceOf({ pipeline, train, sessions }), position };
  }

  @Handles(readSessionLog)
  async log({ principal, params }: Incoming<typeof readSessionLog>): Promise<Answered> {
    const { position } = await this.sessionsOf(principal, params.trainId);
    const events = params.ticketId.endsWith(`_${params.trainId}`)
      ? await this.platform.store.read(principal.tenant, sessionStream(params.ticketId))
      : [];
    const items = events.map(({ version, at, causation, event }) => ({
      version,
      at,
      actor: causation.actor,
      ...event,
    }));
    return { body: { items }, position };
  }

  @Handles(rollBackSession)
  rollBack(incoming: Incoming<typeof rollBackSession>): Promise<Answered> {
    return carryOut(this.commands, incoming, 'session.rollback', { ...incoming.params, ...incoming.body });
  }

  private sessionsOf({ tenant }: Incoming<typeof listBundles>['principal'], trainId: string, phase?: string) {
    const where = { trainId, ...(phase === undefined ? {} : { phase }) };
    return this.reader.snapshot<readonly SessionRow[]>(tenant, async (rows) => {
      await trainOf(rows, trainId);
      return rows(VIEWS.sessions, { where, limit: ROWS_OF_TRAIN_MAX });
    });
  }
}
