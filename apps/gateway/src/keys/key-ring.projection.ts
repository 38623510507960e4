import { Role, type EventOf } from '@vt/contracts';
import type { Projection } from '@vt/kernel';
import { z } from 'zod';

export const KeyRow = z.object({
  keyId: z.string(),
  /** Who uses it: what they do with it is done in this name. */
  name: z.string(),
  role: Role,
  hash: z.string(),
  issuedBy: z.string(),
  issuedAt: z.iso.datetime(),
  revokedBy: z.string().nullable(),
  revokedAt: z.iso.datetime().nullable(),
});
export type KeyRow = z.infer<typeof KeyRow>;

/** One row for each API key that was ever issued. */
export const keyRing: Projection<EventOf<'ApiKeyIssued' | 'ApiKeyRevoked'>, KeyRow> = {
  name: 'api_key',
  version: 1,
  types: ['ApiKeyIssued', 'ApiKeyRevoked'],
  keyOf: ({ data }) => data.keyId,
  evolve: (row, event, { at }) => {
    switch (event.type) {
      case 'ApiKeyIssued': {
        const { keyId, name, role, hash, by } = event.data;
        return { keyId, name, role, hash, issuedBy: by, issuedAt: at, revokedBy: null, revokedAt: null };
      }
      case 'ApiKeyRevoked':
        return row && { ...row, revokedBy: event.data.by, revokedAt: at };
    }
  },
};
