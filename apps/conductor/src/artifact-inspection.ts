import { ArtifactDamaged, ArtifactMissing, type ArtifactStore } from '@vt/agent-runtime';
import type { Artifact, Check } from '@vt/contracts';
import { Unavailable, type Digest } from '@vt/kernel';
import { extname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Flaw, OPENED_BYTES_MAX, openAs, TAIL_BYTES, type Content, type Sample } from './artifact-formats.ts';

const PLACEHOLDERS = [
  { pattern: /\[replace\b[^\]]*\](?!\()/i, in: ['prose', 'code', 'data'] },
  { pattern: /\{\{[^{}]*\}\}/, in: ['prose', 'data'] },
  { pattern: /\blorem\s+ipsum\b/i, in: ['prose', 'code', 'data'] },
  { pattern: /\b(TODO|TBD)\b/, in: ['prose', 'code'] },
  {
    pattern: /(?<=^|\t)(\[replace\b[^\]\t\n]*\]|\{\{[^{}\t\n]*\}\}|lorem ipsum\b[^\t\n]*)(?=\t|$)/im,
    in: ['cells'],
  },
] as const satisfies readonly { pattern: RegExp; in: readonly Content['kind'][] }[];

/** For one file: 32 MiB of text are read in less than a second, and a store that hangs would keep the gate for ever. */
const FILE_MS_MAX = 60_000;

/**
 * Looks into every file that was submitted, as a person would who opens it: a check `artifact:<path>` for each.
 * @throws Unavailable when the artifact store does not answer, so that nobody's work fails for that
 */
export const inspectArtifacts = async (
  store: Pick<ArtifactStore, 'get'>,
  artifacts: readonly Artifact[],
  msMax = FILE_MS_MAX,
): Promise<Check[]> => {
  const checks: Check[] = [];
  for (const artifact of artifacts) checks.push(await inWhile(inspect(store, artifact), artifact, msMax));
  return checks;
};

/** What takes too long is inconclusive; what is found after that is nobody's any more. */
async function inWhile(inspection: Promise<Check>, { path }: Artifact, msMax: number): Promise<Check> {
  const found = new AbortController();
  const late = delay(msMax, undefined, { signal: found.signal }).then(
    (): Check => inconclusive(path, `was not inspected within ${msMax / 1_000} s`),
    () => inspection,
  );
  return Promise.race([inspection, late]).finally(() => found.abort());
}

const inconclusive = (path: string, why: string): Check => ({
  id: `artifact:${path}`,
  outcome: 'inconclusive',
  reason: `${path} ${why}`,
});

async function inspect(store: Pick<ArtifactStore, 'get'>, { path, digest }: Artifact): Promise<Check> {
  const id = `artifact:${path}`;
  try {
    if (/template/i.test(path)) throw new Flaw('is a template by its name');
    const sample = await sampleOf(store, digest);
    if (sample.size === 0) throw new Flaw('is empty');
    refusePlaceholders(await openAs(extname(path).toLowerCase(), sample));
    return { id, outcome: 'met', reason: `${path} opens, ${sample.size} bytes` };
  } catch (error) {
    if (error instanceof Flaw) return { id, outcome: 'unmet', reason: `${path} ${error.message}` };
    if (error instanceof Unavailable) throw error;
    return inconclusive(path, `could not be inspected: ${String(error)}`);
  }
}

async function sampleOf(store: Pick<ArtifactStore, 'get'>, digest: Digest): Promise<Sample> {
  const kept: Buffer[] = [];
  let tail = Buffer.alloc(0);
  let size = 0;
  try {
    for await (const chunk of await store.get(digest)) {
      // The store gives bytes.
      const bytes = chunk as Buffer;
      if (size < OPENED_BYTES_MAX) kept.push(bytes.subarray(0, OPENED_BYTES_MAX - size));
      tail = Buffer.concat([tail, bytes.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES);
      size += bytes.length;
    }
  } catch (error) {
    if (error instanceof ArtifactMissing) throw new Flaw('is not in the artifact store');
    if (error instanceof ArtifactDamaged) throw new Flaw('is damaged in the artifact store');
    throw new Unavailable(`the artifact store did not give ${digest}`, { cause: error });
  }
  return { head: Buffer.concat(kept), tail, size };
}

function refusePlaceholders({ text, kind }: Content): void {
  for (const { pattern, in: kinds } of PLACEHOLDERS) {
    const found = (kinds as readonly string[]).includes(kind) ? pattern.exec(text) : null;
    if (!found) continue;
    const line = text.slice(0, found.index).split('\n').length;
    throw new Flaw(`still holds the placeholder ${found[0]}, in line ${line} of its text`);
  }
}
