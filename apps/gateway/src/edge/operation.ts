import { RequestMethod, type ExecutionContext } from '@nestjs/common';
import type { Role } from '@vt/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Principal } from '../keys/api-keys.ts';

export const METHODS = {
  GET: RequestMethod.GET,
  POST: RequestMethod.POST,
  PUT: RequestMethod.PUT,
  DELETE: RequestMethod.DELETE,
};
export const LIMIT_MAX = 200;

/** One thing that can be asked of the API: what the router, the guard, the checks and the OpenAPI document go by. */
export interface Operation<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
> {
  /** `operationId` of the document; clients name their functions after it. */
  readonly id: string;
  readonly method: keyof typeof METHODS;
  /** As OpenAPI writes it: `/v1/trains/{trainId}`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  /** The least role that may ask, or any of several; `anyone` needs no key. */
  readonly role: Role | readonly Role[] | 'anyone';
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly answer: {
    readonly status: 200 | 201 | 204;
    readonly description: string;
    readonly schema?: z.ZodType;
    /** JSON unless it says otherwise. */
    readonly mediaType?: string;
  };
  /** The body is not JSON: it arrives as a stream. */
  readonly takesStream?: boolean;
  /** The answer holds a secret that is shown once, so it can not be kept for a repeated request. */
  readonly secret?: boolean;
}

type Given<Params, Query, Body> = Omit<Operation, 'params' | 'query' | 'body'> & {
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
};

const Nothing = z.object({});

/** Declares an operation; what it does not mention it does not take. Readers may always wait for their own write. */
export const operation = <
  Params extends z.ZodType = typeof Nothing,
  Query extends z.ZodObject = typeof Nothing,
  Body extends z.ZodType = z.ZodUndefined,
>({
  params,
  query,
  body,
  ...rest
}: Given<Params, Query, Body>): Operation<Params, Query, Body> => ({
  ...rest,
  // What is absent has the type that stands for nothing.
  params: (params ?? Nothing) as Params,
  query: z.strictObject({
    ...query?.shape,
    ...(rest.method === 'GET' && rest.role !== 'anyone' ? { minPosition: MinPosition } : {}),
  }) as unknown as Query,
  body: (body ?? z.unknown().transform(() => undefined)) as unknown as Body,
});

const MinPosition = z.coerce
  .number()
  .int()
  .nonnegative()
  .optional()
  .describe('Wait until the answer reflects this position, as `VT-Position` gave it; 503 when it takes too long.');

/** Query of a list: `after` is the cursor of the page before. */
export const Paged = z.object({
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(50),
  after: z.string().optional().describe('Cursor, from `next` of the page before.'),
});

/** What a handler gets: everything checked. */
export interface Incoming<Of extends Operation> {
  readonly params: z.infer<Of['params']>;
  readonly query: z.infer<Of['query']>;
  readonly body: z.infer<Of['body']>;
  readonly principal: Principal;
  /** Given by the caller, or made up; the same key again is the same request. */
  readonly idempotencyKey: string;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** What a handler gives back. */
export interface Answered {
  readonly body?: unknown;
  /** The log up to here is reflected. */
  readonly position?: number;
  /** Cursor of the next page, where there is one. */
  readonly next?: string | undefined;
  readonly location?: string;
}

/** Metadata of a handler: its operation. */
export const OPERATION = Symbol('operation');

/** The operation that a handler handles. */
export const operationOf = (context: ExecutionContext): Operation => {
  const found: Operation | undefined = Reflect.getMetadata(OPERATION, context.getHandler());
  if (found === undefined) throw new Error(`${context.getHandler().name} handles no operation`);
  return found;
};

const incoming = new WeakMap<FastifyRequest, Incoming<Operation>>();

/** Keeps what was checked of a request for the handler that comes next. */
export const admit = (checked: Incoming<Operation>) => void incoming.set(checked.request, checked);
export const admitted = (request: FastifyRequest) => incoming.get(request);
