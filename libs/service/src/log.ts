import type { LoggerService } from '@nestjs/common';
import { destination, pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';

/** Secrets by their usual names, wherever they may appear near the surface of what is logged. */
const SECRETS = ['authorization', 'cookie', 'password', 'secret', 'token', 'apiKey', 'x-api-key'].flatMap((name) => [
  `["${name}"]`,
  `*["${name}"]`,
  `*.*["${name}"]`,
]);

/** JSON lines; on standard output unless told otherwise. */
export const createLog = (level: string, destination?: DestinationStream): Logger => {
  const options = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: SECRETS, censor: '[redacted]' },
  };
  return destination ? pino(options, destination) : pino(options);
};

/** The end of a file; each line is there when the call returns, so that the last one before a crash is. */
export const endOf = (path: string): DestinationStream =>
  destination({ dest: path, append: true, mode: 0o600, sync: true });

/** Lets Nest speak through our log. What it tells of its own start is for those who debug it. */
export const nestLog = (log: Logger): LoggerService => {
  const say =
    (level: 'trace' | 'debug' | 'warn' | 'error' | 'fatal') =>
    (message: unknown, ...rest: unknown[]) =>
      log[level]({ context: rest.at(-1), ...(message instanceof Error ? { err: message } : {}) }, String(message));
  return {
    verbose: say('trace'),
    debug: say('trace'),
    log: say('debug'),
    warn: say('warn'),
    error: say('error'),
    fatal: say('fatal'),
  };
};
