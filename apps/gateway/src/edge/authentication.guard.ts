import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Role } from '@vt/contracts';
import type { Reader } from '@vt/read-models';
import { Problem } from '@vt/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayConfig } from '../gateway.config.ts';
import { firstKeyOf, principalOf, type FirstKey, type Principal } from '../keys/api-keys.ts';
import { operationOf } from './operation.ts';
import { ConfigToken, ReaderToken } from './tokens.ts';

const principals = new WeakMap<FastifyRequest, Principal>();

/** Who asks; the guard has let nobody through of whom this is not known, except where anyone may ask. */
export const principalOfRequest = (request: FastifyRequest): Principal | undefined => principals.get(request);

/** viewer < operator, approver, auditor < admin: the middle three do not include each other. */
export const may = (role: Role, needed: Role | readonly Role[]): boolean =>
  role === 'admin' || [needed].flat().some((enough) => enough === role || enough === 'viewer');

/** Lets in who has a key whose role is enough, and nobody else. */
@Injectable()
export class AuthenticationGuard implements CanActivate {
  private readonly first: FirstKey | undefined;

  constructor(
    @Inject(ReaderToken) private readonly reader: Reader,
    @Inject(ConfigToken) config: GatewayConfig,
  ) {
    this.first = firstKeyOf(config);
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { role: needed } = operationOf(context);
    if (needed === 'anyone') return true;
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const key = keyOf(request);
    const principal = key === undefined ? undefined : await principalOf(this.reader, key, this.first);
    if (principal === undefined) {
      http.getResponse<FastifyReply>().header('www-authenticate', 'Bearer');
      const detail = key === undefined ? 'send an API key: `Authorization: Bearer vt_…`' : 'this API key opens nothing';
      throw new Problem(401, 'unauthenticated', detail);
    }
    if (!may(principal.role, needed)) {
      const detail = `this needs the role ${[needed].flat().join(' or ')}, and the key of ${principal.name} has the role ${principal.role}`;
      throw new Problem(403, 'forbidden', detail);
    }
    principals.set(request, principal);
    return true;
  }
}

function keyOf({ headers }: FastifyRequest): string | undefined {
  const [scheme, key] = headers.authorization?.split(' ') ?? [];
  return scheme?.toLowerCase() === 'bearer' ? key : undefined;
}
