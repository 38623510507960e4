import type { EventOf, Role } from '@vt/contracts';
import { Rejection, type Decider } from '@vt/kernel';

export type AccessEvent = EventOf<'ApiKeyIssued' | 'ApiKeyRevoked'>;

export type AccessCommand =
  | {
      readonly type: 'IssueKey';
      readonly keyId: string;
      readonly name: string;
      readonly role: Role;
      readonly hash: string;
      readonly by: string;
    }
  | { readonly type: 'RevokeKey'; readonly keyId: string; readonly by: string };

interface KnownKey {
  readonly hash: string;
  readonly role: Role;
  readonly revoked: boolean;
}

export type Keys = Readonly<Record<string, KnownKey>>;

/** Who may use the API of a tenant. */
export const accessDecider: Decider<Keys, AccessCommand, AccessEvent> = { initial: {}, decide, evolve };

function decide(command: AccessCommand, keys: Keys): AccessEvent[] {
  const key = keys[command.keyId];
  switch (command.type) {
    case 'IssueKey': {
      const { type: _, ...data } = command;
      if (key?.revoked) throw new Rejection('key-revoked', `key ${command.keyId} was revoked: issue another one`);
      if (key !== undefined && key.hash !== command.hash) {
        throw new Rejection('key-exists', `another key is called ${command.keyId}: issue again`);
      }
      return key === undefined ? [{ type: 'ApiKeyIssued', data }] : [];
    }
    case 'RevokeKey': {
      if (key === undefined) throw new Rejection('not-found', `there is no key ${command.keyId}`);
      if (key.revoked) return [];
      const others = Object.entries(keys).filter(([id, other]) => id !== command.keyId && !other.revoked);
      if (key.role === 'admin' && !others.some(([, { role }]) => role === 'admin')) {
        throw new Rejection('last-admin', `key ${command.keyId} is the last one of an admin: issue another one first`);
      }
      return [{ type: 'ApiKeyRevoked', data: { keyId: command.keyId, by: command.by } }];
    }
  }
}

function evolve(keys: Keys, event: AccessEvent): Keys {
  const { keyId } = event.data;
  switch (event.type) {
    case 'ApiKeyIssued': {
      const { hash, role } = event.data;
      return { ...keys, [keyId]: { hash, role, revoked: false } };
    }
    case 'ApiKeyRevoked': {
      const key = keys[keyId];
      return key ? { ...keys, [keyId]: { ...key, revoked: true } } : keys;
    }
  }
}
