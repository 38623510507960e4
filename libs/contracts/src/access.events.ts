import { z } from 'zod';
import { defineEvent } from './define-event.ts';
import { Role } from './vocabulary.ts';

export const ApiKeyIssued = defineEvent(
  'ApiKeyIssued',
  'Somebody may use the API in this role. Only the hash is kept.',
  {
    keyId: z.string(),
    name: z.string(),
    role: Role,
    /** SHA-256 of the key, hexadecimal. */
    hash: z.string(),
    by: z.string(),
  },
);

export const ApiKeyRevoked = defineEvent('ApiKeyRevoked', 'The key opens nothing any more.', {
  keyId: z.string(),
  by: z.string(),
});
