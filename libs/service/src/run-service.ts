import type { Logger } from 'pino';
import type { z } from 'zod';
import { createLog } from './log.ts';
import { openPlatform, type Platform } from './platform.ts';
import { startProcessServer } from './process-server.ts';
import { startService, type RunningService, type ServiceDefinition } from './service.ts';
import { loadSettings, PlatformSettings, SettingsError, type Environment } from './settings.ts';

const NODE_MIN = 24;
/** Work that takes longer than this to finish or hand back is left to whoever takes over. */
const STOP_MS_MAX = 20_000;

/**
 * The whole life of a service that is a process of its own: settings from the environment, alive at once, ready when
 * PostgreSQL and NATS are, stopped in order by SIGTERM or SIGINT. Ends the process with code 1, and one clear message,
 * when the settings or the version of Node will not do; hence the service is loaded only after a look at Node.
 */
export async function runService<Config>(
  load: () => Promise<ServiceDefinition<Config>>,
  env: Environment = process.env,
): Promise<void> {
  requireNode();
  const definition = await load();
  const [settings, own] = settingsOrExit([PlatformSettings, definition.settings], env);
  const log = createLog(settings.LOG_LEVEL).child({ service: definition.name });
  const stopping = new AbortController();
  let platform: Platform | undefined;
  let service: RunningService | undefined;

  const server = await startProcessServer(
    {
      troubles: async () => {
        if (stopping.signal.aborted) return ['stopping'];
        if (!service || !platform) return ['starting'];
        const found = await Promise.all([platform.troubles(), definition.troubles?.(platform) ?? []]);
        return found.flat();
      },
      warnings: () => platform?.warnings() ?? [],
      metrics: () => platform?.metrics.registry,
      service: () => (definition.http ? service?.handle : undefined),
    },
    settings.HTTP_PORT,
    settings.HTTP_HOST,
  );
  log.info(`listening on ${server.url}`);

  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stopping.abort());
  try {
    platform = await openPlatform(settings, {
      log: createLog(settings.LOG_LEVEL),
      signal: stopping.signal,
    });
    service = await startService(definition, platform, own);
    await aborted(stopping.signal);
  } catch (error) {
    if (!stopping.signal.aborted) {
      log.fatal({ err: error }, `${definition.name} can not start`);
      process.exitCode = 1;
    }
  }
  leaveAfter(STOP_MS_MAX, log);
  await service?.close();
  await server.close();
  await platform?.close();
  log.info(`${definition.name} has stopped`);
}

/** Ends the process with one clear line when it runs under a Node that is too old. */
export function requireNode(): void {
  const [major] = process.versions.node.split('.').map(Number);
  if (major! >= NODE_MIN) return;
  exitWith(`Value Train needs Node ${NODE_MIN} or newer; this is ${process.versions.node}.`);
}

/** The settings that are asked for; ends the process with every mistake named when they will not do. */
export function settingsOrExit<const Schemas extends readonly z.ZodType[]>(schemas: Schemas, env: Environment) {
  try {
    return loadSettings(schemas, env);
  } catch (error) {
    if (error instanceof SettingsError) exitWith(error.message);
    throw error;
  }
}

function exitWith(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

function leaveAfter(ms: number, log: Logger): void {
  setTimeout(() => {
    log.error('work was still in hand when the time to stop was over; whoever takes over will repeat it');
    process.exit(1);
  }, ms).unref();
}
