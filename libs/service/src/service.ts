import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { CommandServer, EventPump, JetStreamDoorbell, JetStreamEvents } from '@vt/messaging';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { z } from 'zod';
import { nestLog } from './log.ts';
import type { Platform } from './platform.ts';
import { ProblemFilter, requestValidation } from './problem.ts';

/** What makes a service: its name, its own settings, and its module. */
export interface ServiceDefinition<Config = unknown> {
  /** Names its durable consumer, its position and its queue group. */
  readonly name: string;
  readonly settings: z.ZodType<Config>;
  module(platform: Platform, settings: Config): DynamicModule;
  /** It answers HTTP. */
  readonly http?: boolean;
  /** What keeps it from working now, beside what keeps the platform; empty when nothing does. */
  troubles?(platform: Platform): Promise<readonly string[]>;
  /** What only HTTP services need: documents, hooks of the server. Called before the routes are made. */
  prepare?(app: NestFastifyApplication, platform: Platform): Promise<void> | void;
}

export interface ServiceOptions {
  /** Listen here; 0 takes any free port. Without it nothing listens. */
  readonly port?: number;
  readonly host?: string;
}

export interface RunningService {
  readonly name: string;
  /** Where it listens, if it does. */
  readonly url: string | undefined;
  /** Answers a request that somebody else's HTTP server got. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Takes nothing new, finishes what is in hand, and stops. */
  close(): Promise<void>;
}

/** Starts one service on a platform: its HTTP, if it has any, its commands and its events. */
export async function startService<Config>(
  definition: ServiceDefinition<Config>,
  platform: Platform,
  settings: Config,
  { port, host = platform.settings.HTTP_HOST }: ServiceOptions = {},
): Promise<RunningService> {
  const log = platform.log.child({ service: definition.name });
  const problems = new ProblemFilter(log);
  const adapter = new FastifyAdapter({
    forceCloseConnections: 'idle',
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      problems.answer(error, request, reply),
  });
  const app = await NestFactory.create<NestFastifyApplication>(
    definition.module({ ...platform, log }, settings),
    adapter,
    { logger: nestLog(log), abortOnError: false },
  );
  app.useGlobalFilters(problems);
  app.useGlobalPipes(requestValidation());
  await definition.prepare?.(app, platform);
  const { nats, store, feed, subscriberPool, locks, metrics, topology } = platform;

  app.connectMicroservice({ strategy: new CommandServer({ nats, service: definition.name, store, log }) });
  app.connectMicroservice({
    strategy: new JetStreamEvents((types, handle) => {
      const consumer = definition.name;
      const doorbell = new JetStreamDoorbell({ nats, stream: topology.name, consumer: { name: consumer, types }, log });
      const reading = { store: feed, pool: subscriberPool, locks, doorbell };
      return new EventPump({ ...reading, consumer, types, handle, log, watch: metrics });
    }),
  });

  try {
    await app.init();
    await adapter.getInstance().ready();
    await app.startAllMicroservices();
    if (port !== undefined) await app.listen(port, host);
  } catch (error) {
    await app.close();
    throw error;
  }
  log.info(`${definition.name} is running`);
  return {
    name: definition.name,
    url: port === undefined ? undefined : await app.getUrl(),
    handle: (request, response) => adapter.getInstance().routing(request, response),
    close: () => app.close(),
  };
}
