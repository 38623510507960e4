import type { EventOf } from '@vt/contracts';
import canonicalize from 'canonicalize';
import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto';

/** What a verifier signs. */
export type SignedVerdict = Omit<EventOf<'VerdictReported'>['data'], 'ticketId' | 'signature'>;

/** Canonical JSON of exactly what counts: anything else that comes with it proves nothing. */
const bytesOf = (verdict: SignedVerdict): Buffer => {
  const { trainId, phase, cycle, attempt, verifier, outcome, evidence, reason } = verdict;
  return Buffer.from(canonicalize({ trainId, phase, cycle, attempt, verifier, outcome, evidence, reason }) ?? '');
};

/** @param key an Ed25519 private key; the signature is base64 */
export const signVerdict = (verdict: SignedVerdict, key: KeyObject): string =>
  sign(null, bytesOf(verdict), key).toString('base64');

/** @param publicKey as a pipeline has it: SPKI, in base64 */
export const isSignedBy = (publicKey: string, verdict: SignedVerdict, signature: string): boolean => {
  const key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' });
  return verify(null, bytesOf(verdict), key, Buffer.from(signature, 'base64'));
};
