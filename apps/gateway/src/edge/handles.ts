import {
  applyDecorators,
  createParamDecorator,
  HttpCode,
  RequestMapping,
  SetMetadata,
  UseGuards,
  UseInterceptors,
  type ExecutionContext,
} from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AuthenticationGuard } from './authentication.guard.ts';
import { EdgeInterceptor } from './edge.interceptor.ts';
import { admitted, METHODS, OPERATION, type Answered, type Incoming, type Operation } from './operation.ts';

const declared = new Map<string, Operation>();

/** Every operation that a controller handles, for the document. */
export const operations = (): readonly Operation[] => [...declared.values()];

const Admitted = createParamDecorator((_: unknown, context: ExecutionContext) =>
  admitted(context.switchToHttp().getRequest<FastifyRequest>()),
);

/** The method handles this operation: it is routed, guarded, checked and documented by it, and can not be without. */
export const Handles =
  <Of extends Operation>(of: Of) =>
  <Handler extends (incoming: Incoming<Of>) => Promise<Answered>>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<Handler>,
  ): void => {
    declared.set(of.id, of);
    Admitted()(target, name, 0);
    applyDecorators(
      RequestMapping({ path: of.path.replace(/\{(\w+)\}/g, ':$1'), method: METHODS[of.method] }),
      HttpCode(of.answer.status),
      SetMetadata(OPERATION, of),
      UseGuards(AuthenticationGuard),
      UseInterceptors(EdgeInterceptor),
    )(target, name, descriptor);
  };
