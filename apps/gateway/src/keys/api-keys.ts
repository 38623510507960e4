import { ACCESS_STREAM, type Role } from '@vt/contracts';
import { CommandId, commandHandler, Instant, type EventStore, type TenantId } from '@vt/kernel';
import type { Reader } from '@vt/read-models';
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { idFrom } from '../edge/deterministic-id.ts';
import type { GatewayConfig } from '../gateway.config.ts';
import { VIEWS } from '../views.ts';
import { accessDecider, type AccessCommand } from './access.decider.ts';

const PREFIX = 'vt_';
const SECRET_BYTES = 32;
const KEY_ID_LENGTH = 12;
const POSITION_MS_MAX = 5_000;
const POSITION_POLL_MS = 5;

/** Who is asking, as their key says. */
export interface Principal {
  readonly tenant: TenantId;
  readonly keyId: string;
  /** What they do is done in this name. */
  readonly name: string;
  readonly role: Role;
}

export const mintKey = (): string => PREFIX + randomBytes(SECRET_BYTES).toString('base64url');

/** A key is known by the first digits of its hash, so nothing of the key itself is ever written down. */
const fingerprintOf = (key: string) => {
  const hash = createHash('sha256').update(key).digest('hex');
  return { hash, keyId: hash.slice(0, KEY_ID_LENGTH) };
};

/** The key that the settings name, and whose it is. */
export type FirstKey = Omit<Principal, 'keyId'> & { readonly key: string };

export const firstKeyOf = ({ ADMIN_API_KEY, ADMIN_NAME, TENANT }: GatewayConfig): FirstKey | undefined =>
  ADMIN_API_KEY === undefined ? undefined : { key: ADMIN_API_KEY, tenant: TENANT, name: ADMIN_NAME, role: 'admin' };

/**
 * Whom the key belongs to; undefined when it opens nothing (any more). The first key opens before the views show that
 * it was issued, so that nobody has to wait for them after a start.
 */
export async function principalOf(reader: Reader, key: string, first?: FirstKey): Promise<Principal | undefined> {
  const { hash, keyId } = fingerprintOf(key);
  const found = await reader.anyTenant(VIEWS.keys, keyId);
  if (found === undefined) {
    if (first === undefined || !sameHash(fingerprintOf(first.key).hash, hash)) return undefined;
    const { tenant, name, role } = first;
    return { tenant, keyId, name, role };
  }
  if (found.row.revokedAt !== null || !sameHash(found.row.hash, hash)) return undefined;
  const { name, role } = found.row;
  return { tenant: found.tenant, keyId, name, role };
}

/** Whether a key that has opened before was revoked since. */
export const isRevoked = async (reader: Reader, keyId: string): Promise<boolean> =>
  (await reader.anyTenant(VIEWS.keys, keyId))?.row.revokedAt != null;

const sameHash = (one: string, other: string) => timingSafeEqual(Buffer.from(one, 'hex'), Buffer.from(other, 'hex'));

/** The API keys of tenants, as events of their access streams. */
export interface ApiKeys {
  /** Lets `key` be used in this role; the same key again is answered the same. */
  issue(tenant: TenantId, key: string, grant: { name: string; role: Role; by: string }): Promise<Granted>;
  revoke(tenant: TenantId, keyId: string, by: string): Promise<Granted>;
}

export interface Granted {
  readonly keyId: string;
  readonly position: number;
}

export function apiKeys(store: EventStore): ApiKeys {
  const execute = commandHandler(accessDecider, () => ACCESS_STREAM, store);

  const carryOut = async (tenant: TenantId, command: AccessCommand): Promise<Granted> => {
    const id = `${tenant}/${command.type}/${command.keyId}`;
    const { head } = await execute(command, {
      tenant,
      commandId: CommandId.parse(idFrom(id)),
      causation: { actor: command.by, causationId: `request:${id}`, correlationId: id },
      at: Instant.parse(new Date().toISOString()),
    });
    return { keyId: command.keyId, position: await placeOf(store, tenant, head.version) };
  };

  return {
    issue: (tenant, key, grant) => carryOut(tenant, { type: 'IssueKey', ...fingerprintOf(key), ...grant }),
    revoke: (tenant, keyId, by) => carryOut(tenant, { type: 'RevokeKey', keyId, by }),
  };
}

/** Waits for the sequencer; 0 when it takes too long, which only costs the caller the wait for their own write. */
async function placeOf(store: EventStore, tenant: TenantId, version: number): Promise<number> {
  const until = performance.now() + POSITION_MS_MAX;
  while (version > 0 && performance.now() < until) {
    const position = await store.positionOf(tenant, ACCESS_STREAM, version);
    if (position !== undefined) return position;
    await delay(POSITION_POLL_MS);
  }
  return 0;
}
