import { ArtifactDamaged, ArtifactMissing, type ArtifactStore } from '@vt/agent-runtime';
import type { Artifact, Check } from '@vt/contracts';
import { Unavailable, type Digest } from '@vt/kernel';
import type { PipelinePhase } from '@vt/value-train';

/**
 * Looks for what a request for approval must bring, each in a section of a Markdown file that was submitted: a check
 * `request:<what>` for each.
 * @throws Unavailable when the artifact store does not answer, so that nobody's work fails for that
 */
export const inspectNeeds = async (
  store: Pick<ArtifactStore, 'read'>,
  { approvalsNeed }: Pick<PipelinePhase, 'approvalsNeed'>,
  artifacts: readonly Artifact[],
): Promise<Check[]> => {
  const checks: Check[] = [];
  for (const [what, where] of Object.entries(approvalsNeed)) {
    // The pipeline's schema asks for both.
    const [path = '', heading = ''] = where.split('#');
    const digest = artifacts.find((artifact) => artifact.path === path)?.digest;
    const words = digest === undefined ? undefined : wordsUnder(heading, await textOf(store, digest));
    const id = `request:${what}`;
    if (words) checks.push({ id, outcome: 'met', reason: `the request brings ${what}: ${where}, ${words} words` });
    else {
      const mend = `write the section "${heading}" of ${path}`;
      checks.push({ id, outcome: 'unmet', reason: `the request brings no ${what}: ${mend}` });
    }
  }
  return checks;
};

/** How many words stand between a heading and the next one that is not below it; undefined when there is no such. */
function wordsUnder(heading: string, text: string): number | undefined {
  const lines = text.split('\n');
  const levelOf = (line: string) => /^(#{1,6})\s/.exec(line)?.[1]?.length ?? Infinity;
  const start = lines.findIndex(
    (line) => /^#{1,6}\s+(.*?)\s*$/.exec(line)?.[1]?.toLowerCase() === heading.toLowerCase(),
  );
  if (start === -1) return undefined;
  const end = lines.findIndex((line, at) => at > start && levelOf(line) <= levelOf(lines[start]!));
  const body = lines.slice(start + 1, end === -1 ? undefined : end).filter((line) => levelOf(line) === Infinity);
  return body.join(' ').match(/[\p{L}\p{N}]+/gu)?.length;
}

async function textOf(store: Pick<ArtifactStore, 'read'>, digest: Digest): Promise<string> {
  try {
    return (await store.read(digest)).toString('utf8');
  } catch (error) {
    // What the inspection of artifacts says of it is enough.
    if (error instanceof ArtifactMissing || error instanceof ArtifactDamaged) return '';
    throw new Unavailable(`the artifact store did not give ${digest}`, { cause: error });
  }
}
