import { Inject, Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { IdempotencyKeys, Projector } from '@vt/read-models';
import { Problem } from '@vt/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { from, lastValueFrom, type Observable } from 'rxjs';
import type { z } from 'zod';
import type { GatewayConfig } from '../gateway.config.ts';
import { principalOfRequest } from './authentication.guard.ts';
import { partsOf, textProblems } from './invalid.ts';
import { admit, operationOf, type Answered, type Incoming, type Operation } from './operation.ts';
import { ConfigToken, IdempotencyToken, ProjectorToken, type KeptAnswer } from './tokens.ts';

const KEY_LENGTH_MAX = 255;

/** What every operation has in common: its input is checked, its answer can be repeated, compared and waited for. */
@Injectable()
export class EdgeInterceptor implements NestInterceptor {
  constructor(
    @Inject(ConfigToken) private readonly config: GatewayConfig,
    @Inject(ProjectorToken) private readonly projector: Projector,
    @Inject(IdempotencyToken) private readonly keys: IdempotencyKeys<KeptAnswer>,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler<Answered>): Observable<unknown> {
    return from(this.serve(context, () => lastValueFrom(next.handle())));
  }

  private async serve(context: ExecutionContext, handle: () => Promise<Answered>): Promise<unknown> {
    const operation = operationOf(context);
    const http = context.switchToHttp();
    const incoming = check(operation, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
    admit(incoming);
    const { minPosition } = incoming.query as { minPosition?: number };
    if (minPosition !== undefined) await this.waitFor(minPosition);
    const changes = operation.method !== 'GET' && !operation.takesStream;
    const answered = changes ? await this.once(operation, incoming, handle) : await handle();
    // What reads no view reflects at least what the views do.
    const position = answered.position ?? (operation.role === 'anyone' ? undefined : await this.projector.position());
    return finish(incoming, position === undefined ? answered : { ...answered, position });
  }

  private async waitFor(position: number): Promise<void> {
    await this.projector.waitFor(position, this.config.MIN_POSITION_MS_MAX).catch((error: Error) => {
      throw new Problem(503, 'not-yet', `${error.message}: ask again soon`);
    });
  }

  /** The same key with the same request is answered the same; with another one it is refused. */
  private async once(operation: Operation, incoming: Incoming<Operation>, handle: () => Promise<Answered>) {
    const { principal, idempotencyKey, params, query, body, reply } = incoming;
    reply.header('idempotency-key', idempotencyKey);
    const request = JSON.stringify([operation.id, principal.keyId, params, query, body]);
    const fingerprint = createHash('sha256').update(request).digest('hex');
    const claim = await this.keys.claim(principal.tenant, idempotencyKey, fingerprint);
    if (claim === 'mismatch') {
      const detail = `the idempotency key ${idempotencyKey} came with another request before: use a new one`;
      throw new Problem(422, 'idempotency-key-reused', detail);
    }
    if (claim.reply !== null) {
      reply.header('idempotency-replayed', 'true');
      if (operation.secret) {
        throw new Problem(
          409,
          'shown-once',
          'this was done, and its secret was shown then: do it again with a new key',
        );
      }
      return answerOf(claim.reply);
    }
    // Two at once with one key both get here: what they do is done once, since ids are made of the key.
    const answered = await handle();
    const { body: value = null, position = 0, location = null } = answered;
    const kept = { body: operation.secret ? null : value, position, location };
    const first = await this.keys.settle(principal.tenant, idempotencyKey, kept);
    return operation.secret ? answered : answerOf(first);
  }
}

const answerOf = ({ body, position, location }: KeptAnswer): Answered => ({
  body: body ?? undefined,
  position,
  ...(location === null ? {} : { location }),
});

function check(operation: Operation, request: FastifyRequest, reply: FastifyReply): Incoming<Operation> {
  const given = request.headers['idempotency-key'];
  const idempotencyKey = typeof given === 'string' && given !== '' ? given : randomUUID();
  if (idempotencyKey.length > KEY_LENGTH_MAX) {
    throw new Problem(400, 'invalid', `an idempotency key has at most ${KEY_LENGTH_MAX} characters`);
  }
  if (request.body instanceof Readable && !operation.takesStream) {
    throw new Problem(415, 'unsupported-media-type', 'this takes JSON: send it as application/json');
  }
  return {
    params: parse(operation.params, request.params, 400, 'the path'),
    query: parse(operation.query, request.query, 400, 'the query'),
    body: operation.takesStream ? request.body : parse(operation.body, request.body ?? undefined, 422, 'the body'),
    // The guard has let nobody through without one, where one is needed.
    principal: principalOfRequest(request)!,
    idempotencyKey,
    request,
    reply,
  };
}

function parse(schema: z.ZodType, value: unknown, status: number, what: string): unknown {
  const result = schema.safeParse(value);
  const errors = result.success ? textProblems(result.data) : partsOf(result.error);
  if (errors.length === 0) return result.data;
  throw new Problem(status, 'invalid', `${what} is not valid: see errors`, errors);
}

function finish({ request, reply }: Incoming<Operation>, answered: Answered): unknown {
  const { body, position, next, location } = answered;
  if (position !== undefined) reply.header('vt-position', String(position));
  if (location !== undefined) reply.header('location', location);
  if (next !== undefined) reply.header('link', `<${nextPage(request, next)}>; rel="next"`);
  return body;
}

function nextPage(request: FastifyRequest, cursor: string): string {
  const url = new URL(request.url, 'http://localhost');
  url.searchParams.set('after', cursor);
  url.searchParams.delete('minPosition');
  return url.pathname + url.search;
}
