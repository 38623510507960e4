import { expect, it } from '@jest/globals';
import { fold, Rejection } from '@vt/kernel';
import { accessDecider, type AccessCommand, type AccessEvent } from './access.decider.ts';
import { keyRing, type KeyRow } from './key-ring.projection.ts';

const issue = (keyId: string, role: 'admin' | 'viewer' = 'viewer', hash = 'h'): AccessCommand => ({
  type: 'IssueKey',
  keyId,
  name: 'Vi',
  role,
  hash,
  by: 'Ada',
});
const revoke = (keyId: string): AccessCommand => ({ type: 'RevokeKey', keyId, by: 'Ada' });

const eventsOf = (...commands: AccessCommand[]): AccessEvent[] =>
  commands.reduce<AccessEvent[]>(
    (events, command) => [...events, ...accessDecider.decide(command, fold(accessDecider, events))],
    [],
  );
const codeOf = (...commands: AccessCommand[]) => {
  try {
    eventsOf(...commands);
    return undefined;
  } catch (error) {
    return error instanceof Rejection ? error.code : error;
  }
};

it('answers a command that is repeated with nothing new', () => {
  expect(eventsOf(issue('a'), issue('a'), revoke('a'), revoke('a')).map(({ type }) => type)).toEqual([
    'ApiKeyIssued',
    'ApiKeyRevoked',
  ]);
});

it.each([
  ['issues no key that was revoked', [issue('a'), revoke('a'), issue('a')], 'key-revoked'],
  ['issues no other key under a name that is taken', [issue('a'), issue('a', 'viewer', 'other')], 'key-exists'],
  ['revokes no key that there is not', [revoke('a')], 'not-found'],
  ['revokes not the last key of an admin', [issue('a', 'admin'), issue('b'), revoke('a')], 'last-admin'],
  ['revokes an admin while there is another', [issue('a', 'admin'), issue('b', 'admin'), revoke('a')], undefined],
])('%s', (_, commands, code) => {
  expect(codeOf(...commands)).toBe(code);
});

it('shows who holds a key, and that it was revoked', () => {
  const meta = { position: 1, at: '2026-01-01T00:00:00.000Z', actor: 'Ada' };
  const rows = eventsOf(issue('a'), revoke('a')).reduce<(KeyRow | undefined)[]>((known, event) => {
    expect(keyRing.keyOf(event, meta)).toBe('a');
    return [...known, keyRing.evolve(known.at(-1), event, meta)];
  }, []);
  expect(rows).toMatchObject([
    { name: 'Vi', role: 'viewer', revokedAt: null },
    { name: 'Vi', revokedBy: 'Ada', revokedAt: meta.at },
  ]);
});
