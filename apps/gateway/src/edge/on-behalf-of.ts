import { Problem } from '@vt/service';
import { z } from 'zod';
import type { Principal } from '../keys/api-keys.ts';

export const OnBehalfOf = z
  .string()
  .min(1)
  .optional()
  .describe('The person whose word it is, when an admin passes it on.');

/** Only an admin may say what somebody else said; the event keeps both names. */
export function refuseToPassOn({ name, role }: Principal, onBehalfOf: string | undefined): void {
  if (onBehalfOf === undefined || onBehalfOf === name || role === 'admin') return;
  throw new Problem(403, 'forbidden', `only an admin may pass on what ${onBehalfOf} said`);
}
