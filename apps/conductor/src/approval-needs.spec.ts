import { expect, it } from '@jest/globals';
import { ArtifactMissing } from '@vt/agent-runtime';
import { Digest } from '@vt/kernel';
import { inspectNeeds } from './approval-needs.ts';

const digest = Digest.parse(`sha256:${'a'.repeat(64)}`);
const file = { path: 'deploy/config.md', digest, size: 1, mediaType: 'text/markdown' };
const needs = { approvalsNeed: { rollback: 'deploy/config.md#Rollback plan' } };
const lookInto = async (text: string, artifacts = [file]) => {
  const [check] = await inspectNeeds({ read: async () => Buffer.from(text) }, needs, artifacts);
  return check;
};

it.each([
  ['a section of that name', '# A\n\n## Rollback plan\n\nStart the version before.\n\n## Next\n'],
  ['one with parts', '# A\n## rollback plan\n### First\nStop it.\n### Then\nStart it.\n'],
  ['one at the end', '## Rollback plan  \nStop it.'],
])('finds %s', async (_, text) => {
  expect(await lookInto(text)).toMatchObject({ id: 'request:rollback', outcome: 'met' });
});

it.each([
  ['no such section', '# Deployment\n\nRollback plan: none.\n'],
  ['an empty one', '## Rollback plan\n\n## Next\n\nThe rest.\n'],
  ['one of headings alone', '## Rollback plan\n\n### First\n\n### Then\n'],
  ['one of signs alone', '## Rollback plan\n\n---\n'],
])('refuses a request with %s, and says what to write', async (_, text) => {
  expect(await lookInto(text)).toMatchObject({
    id: 'request:rollback',
    outcome: 'unmet',
    reason: 'the request brings no rollback: write the section "Rollback plan" of deploy/config.md',
  });
});

it('refuses one without the file, and waits for a store that is away', async () => {
  expect(await lookInto('## Rollback plan\n\nStop it.', [])).toMatchObject({ outcome: 'unmet' });
  const failing = (error: Error) => inspectNeeds({ read: () => Promise.reject(error) }, needs, [file]);
  expect(await failing(new ArtifactMissing(digest))).toMatchObject([{ outcome: 'unmet' }]);
  await expect(failing(new Error('away'))).rejects.toMatchObject({ name: 'Unavailable' });
});
