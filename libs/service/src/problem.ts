import {
  Catch,
  HttpException,
  StandardSchemaValidationPipe,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import { Conflict, Rejection, Unavailable } from '@vt/kernel';
import { isOutage, type Log } from '@vt/messaging';
import { STATUS_CODES } from 'node:http';

/** What was wrong with one place of a request; `pointer` is a JSON pointer into its body. */
export interface ProblemPart {
  readonly pointer: string;
  readonly detail: string;
}

/** An answer that is an error, as RFC 9457 writes it; `code` is for programs, `detail` for people. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly code: string;
  readonly errors: readonly ProblemPart[];

  constructor(status: number, code: string, detail: string, errors: readonly ProblemPart[] = []) {
    super(detail);
    this.status = status;
    this.code = code;
    this.errors = errors;
  }
}

const RETRY_AFTER_S = '2';
const UNPROCESSABLE = 422;

/** Codes of refusals that have a status of their own. What is unknown is not found; all else is a conflict with the state of things. */
const STATUS_OF_REFUSAL: Readonly<Record<string, number>> = {
  invalid: UNPROCESSABLE,
  'not-found': 404,
  forbidden: 403,
  'event-too-large': 413,
};

const statusOf = (code: string): number => STATUS_OF_REFUSAL[code] ?? (code.endsWith('-unknown') ? 404 : 409);

/** Any error as the problem that the caller may read. What is our fault is not explained to them. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof Rejection) return new Problem(statusOf(error.code), error.code, error.message);
  if (error instanceof Conflict) return new Problem(409, 'conflict', error.message);
  if (error instanceof Unavailable || isOutage(error)) {
    return new Problem(503, 'unavailable', 'something that this needs is away: try again soon');
  }
  if (error instanceof HttpException) {
    const status = error.getStatus();
    const code = (STATUS_CODES[status] ?? 'error').toLowerCase().replaceAll(' ', '-');
    return new Problem(status, code, error.message);
  }
  const refusedByServer = fastifyStatus(error);
  if (refusedByServer) return new Problem(refusedByServer, 'bad-request', String((error as Error).message));
  return new Problem(500, 'internal', 'an error on our side; it was logged under the instance given here');
}

/** Fastify's own refusals, such as a body that is too large or no JSON, carry their status. */
function fastifyStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  const { statusCode } = error;
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 ? statusCode : undefined;
}

/** The part of a Fastify reply that is needed here. */
interface Reply {
  status(code: number): Reply;
  header(name: string, value: string): Reply;
  send(body: object): unknown;
}

interface Request {
  readonly id: string;
  readonly method: string;
  readonly url: string;
}

/** Answers every error as `application/problem+json`. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly log: Log;

  constructor(log: Log) {
    this.log = log;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(error, http.getRequest<Request>(), http.getResponse<Reply>());
  }

  /** For what the router refuses before Nest hears of it. */
  answer(error: unknown, request: Request, reply: Reply): void {
    const { status, code, message, errors } = problemOf(error);
    const about = { request: request.id, method: request.method, url: request.url, status };
    if (status >= 500) this.log.error({ ...about, err: error }, 'a request failed');
    if (status === 503) reply.header('retry-after', RETRY_AFTER_S);
    reply
      .header('content-type', 'application/problem+json')
      .status(status)
      .send({
        type: 'about:blank',
        title: STATUS_CODES[status],
        status,
        detail: message,
        instance: `urn:request:${request.id}`,
        code,
        ...(errors.length > 0 ? { errors } : {}),
      });
  }
}

/** Checks what a handler declares by `@Body({ schema })` and the like; every mistake is named. */
export const requestValidation = () =>
  new StandardSchemaValidationPipe({
    exceptionFactory: (issues) => {
      const errors = issues.map(({ path = [], message }) => ({
        pointer: path.map((part) => `/${String(typeof part === 'object' ? part.key : part)}`).join(''),
        detail: message,
      }));
      return new Problem(400, 'invalid', 'the request is not valid: see errors', errors);
    },
  });
