import { Bundles, migrateWork, openArtifactStore, PipelineShelf, Workbench } from '@vt/agent-runtime';
import {
  DomainEvent,
  PAUSE_STREAM,
  riskStream,
  sessionStream,
  spendStream,
  trainStream,
  type CommandEnvelope,
  type CommandReply,
  type Role,
} from '@vt/contracts';
import { poolFor, sequence, verify } from '@vt/event-store';
import { CommandId, Instant, NO_STREAM, type TenantId } from '@vt/kernel';
import { loadPipelines } from '@vt/profiles';
import { migrateReadModels } from '@vt/read-models';
import { startNats } from '@vt/servers';
import { DOORBELL, migratePlatform, openPlatform, PlatformSettings, startService } from '@vt/service';
import { freshDatabase } from '@vt/testing';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Doors } from '../doors.ts';
import { GatewayConfig } from '../gateway.config.ts';
import { gatewayWith } from '../gateway.service.ts';
import { mintKey } from '../keys/api-keys.ts';
import { trainStarted } from './events.ts';

const streamOf = ({ type, data }: DomainEvent): string => {
  if (type === 'PausePlaced' || type === 'PauseLifted') return PAUSE_STREAM;
  if (!('trainId' in data)) return 'access-keys';
  if (type.startsWith('Risk')) return riskStream(data.trainId);
  if (type.startsWith('Spend') || type.startsWith('Budget')) return spendStream(data.trainId);
  return 'ticketId' in data && 'fence' in data ? sessionStream(data.ticketId) : trainStream(data.trainId);
};

/** What the tests read of JSON answers. */
interface Body extends Record<string, unknown> {
  readonly items: readonly Record<string, unknown>[];
  readonly errors: readonly { readonly pointer: string; readonly detail: string }[];
  readonly next: number;
  readonly key: string;
  readonly keyId: string;
  readonly trainId: string;
}

export const json = async (response: Response) => (await response.json()) as Body;

export type RunningGateway = Awaited<ReturnType<typeof startGateway>>;

/**
 * The gateway over real servers. Who carries out commands is a stand-in: `answering` says what each command brings
 * about, and the events are appended and sequenced as they would be.
 */
export async function startGateway(overrides: Partial<Doors> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'vt-gateway-'));
  const [database, nats] = await Promise.all([freshDatabase(), startNats(join(folder, 'nats'))]);
  const { url } = database;
  await migratePlatform(url);
  await migrateReadModels(url);
  await migrateWork(url);
  const settings = PlatformSettings.parse({ DATABASE_URL: url, NATS_URL: nats.url, LOG_LEVEL: 'silent' });
  const platform = await openPlatform(settings);
  const ledger = poolFor(url, 'vt_ledger', { max: 1 });

  const order = async () => {
    while ((await sequence(ledger)) > 0) platform.nats.publish('vt.event.sequenced');
  };
  platform.nats.subscribe(DOORBELL, { callback: () => void order() });

  const record = async (tenant: TenantId, event: object, commandId = CommandId.parse(randomUUID()), actor = 'test') => {
    const checked = DomainEvent.parse(event);
    const stream = streamOf(checked);
    const last = (await platform.store.read(tenant, stream)).at(-1);
    const expected = last ? { version: last.version, hash: last.hash } : NO_STREAM;
    const causation = { actor, causationId: 'test', correlationId: 'test' };
    const at = Instant.parse(new Date().toISOString());
    const outcome = await platform.store.append({
      tenant,
      stream,
      expected,
      commandId,
      causation,
      at,
      events: [checked],
    });
    if (outcome.kind === 'conflict') throw new Error(`conflict on ${stream}`);
    await order();
    const position = (await platform.store.positionOf(tenant, stream, outcome.head.version))!;
    return { stream, version: outcome.head.version, position };
  };

  const carried: (CommandEnvelope & { name: string })[] = [];
  /** What a command brings about: an event, which its owner would check, or an answer. `said` is its body, and by whom. */
  let answering: (name: string, said: Record<string, unknown>) => object | CommandReply | undefined = () => undefined;
  const carryOut = async (name: string, command: CommandEnvelope): Promise<CommandReply | undefined> => {
    carried.push({ name, ...command });
    const said = command.body as { readonly onBehalfOf?: string };
    const answer = answering(name, { ...said, by: said.onBehalfOf ?? command.actor });
    if (answer === undefined || 'kind' in answer) return answer as CommandReply | undefined;
    return { kind: 'accepted', ...(await record(command.tenant, answer, command.commandId, command.actor)) };
  };
  platform.nats.subscribe('vt.command.>', {
    callback: (_, message) =>
      void carryOut(message.subject.slice('vt.command.'.length), message.json()).then(
        (reply) => reply && message.respond(JSON.stringify(reply)),
      ),
  });

  const adminKey = mintKey();
  const pipelines = await loadPipelines();
  const artifacts = await openArtifactStore(pathToFileURL(join(folder, 'artifacts')).href);
  const workbench = new Workbench(platform.store, artifacts, new PipelineShelf(pipelines, artifacts));
  const doors: Doors = {
    artifacts,
    bundles: new Bundles(platform.store, artifacts, workbench),
    placeOf: (ticket) => workbench.placeOf(ticket),
    pipelines,
    currency: 'EUR',
    inspectData: () => Promise.resolve({ problems: [] }),
    verify: (tenant) => verify(platform.subscriberPool, { tenant }),
    ...overrides,
  };
  const config = GatewayConfig.parse({
    ARTIFACTS_URL: 'file:///nowhere',
    ADMIN_API_KEY: adminKey,
    ADMIN_NAME: 'Ada',
    UPLOAD_BYTES_MAX: 1_000_000,
    MIN_POSITION_MS_MAX: 3_000,
  });
  const service = await startService(
    gatewayWith(() => Promise.resolve(doors)),
    platform,
    config,
    { port: 0 },
  );
  const base = service.url!;

  const ask = async (path: string, { key = adminKey, ...init }: RequestInit & { key?: string | null } = {}) =>
    fetch(new URL(path, base), {
      ...init,
      headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...(init.headers as object) },
    });

  /** A POST, or another method, with a JSON body. */
  const send = (path: string, body: unknown, { headers, ...init }: RequestInit & { key?: string } = {}) =>
    ask(path, {
      method: 'POST',
      ...init,
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...(headers as object) },
    });

  return {
    base,
    adminKey,
    databaseUrl: url,
    tenant: config.TENANT,
    artifacts: doors.artifacts,
    /** The commands that came, in order. */
    carried,
    record,
    ask,
    send,
    /** A new key in this role. */
    issue: async (name: string, role: Role) => (await json(await send('/v1/keys', { name, role }))).key,
    /** A train that was started, without anybody being asked. */
    startTrain: async (name?: string) => {
      const trainId = randomUUID();
      await record(config.TENANT, trainStarted(trainId, name));
      return trainId;
    },
    answerWith: (answer: typeof answering) => {
      answering = answer;
    },
    /** What Prometheus reads. */
    metrics: () => platform.metrics.registry.metrics(),
    /** Waits until the views show what was recorded last. */
    caughtUp: async () => {
      const position = await platform.store.lastPosition();
      await ask(`/v1/me?minPosition=${position}`);
    },
    close: async () => {
      await service.close();
      await platform.close();
      await ledger.end();
      await Promise.all([nats.stop(), database.drop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
