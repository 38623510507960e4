import { Digest } from '@vt/kernel';
import { Pipeline } from '@vt/value-train';
import canonicalize from 'canonicalize';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { approvalChecks } from './approval-checks.ts';
import { artifactChecks, criterionChecks, testsOf } from './gate-checks.ts';
import { formatProblem, type Problem } from './problem.ts';
import { parseYaml, readYaml, type YamlFile } from './read-yaml.ts';
import { nameChecks, toolChecks } from './reference-checks.ts';
import { routeChecks } from './route-checks.ts';
import { compileRule, type Rule } from './rule.ts';
import { workPhaseChecks } from './work-phase-checks.ts';

export interface LoadedPipeline {
  readonly pipeline: Pipeline;
  /** What it says, whatever its layout and comments, as canonical JSON (RFC 8785); a train keeps to it. */
  readonly content: Buffer;
  /** SHA-256 of the content. */
  readonly digest: Digest;
  /** Compiled rules, by their text. */
  readonly rules: ReadonlyMap<string, Rule>;
}

export type PipelineFile =
  ({ readonly ok: true } & LoadedPipeline) | { readonly ok: false; readonly problems: readonly Problem[] };

/** What is kept of a pipeline, with its defaults filled in. */
export const contentOfPipeline = (pipeline: Pipeline): Buffer => Buffer.from(canonicalize(pipeline) ?? '');

/**
 * A pipeline as it was kept, perhaps by an earlier release: what that one did not know has today's default.
 * @throws ZodError when today's schema has no room for what it says.
 */
export const readPipeline = (content: Buffer): LoadedPipeline => {
  const pipeline = Pipeline.parse(JSON.parse(content.toString('utf8')));
  const digest = Digest.parse(`sha256:${createHash('sha256').update(content).digest('hex')}`);
  return { pipeline, content, digest, rules: rulesOf(pipeline) };
};

const rulesOf = ({ phases }: Pipeline): ReadonlyMap<string, Rule> =>
  new Map(
    phases
      .flatMap((phase) => testsOf(phase, []))
      .flatMap(({ test }) => {
        if (test.kind !== 'rule') return [];
        const compiled = compileRule(test.rule);
        return compiled.ok ? [[test.rule, compiled.rule] as const] : [];
      }),
  );

interface Known {
  /** Tools that the agents have; without it, a tool's name is checked by its agent and its mode. */
  readonly tools?: readonly string[];
}

/** Reads a pipeline strictly: one that could not run to its end is refused, with every problem's line and mend. */
export const loadPipeline = async (file: string, known?: Known): Promise<PipelineFile> =>
  checked(await readYaml(file, Pipeline), known);

/** The same of a text, as JSON or YAML; problems call it by its name. */
export const parsePipeline = (name: string, text: string, known?: Known): PipelineFile =>
  checked(parseYaml(name, text, Pipeline), known);

const checked = (read: YamlFile<Pipeline>, { tools = [] }: Known = {}): PipelineFile => {
  if (!read.ok) return read;
  const { value: pipeline, problemsOf } = read;
  const names = nameChecks(pipeline);
  const findings = [
    ...names,
    ...toolChecks(pipeline, tools),
    ...artifactChecks(pipeline),
    ...workPhaseChecks(pipeline),
    ...criterionChecks(pipeline),
    ...approvalChecks(pipeline),
    // A misspelt phase would also be reported as every way that it breaks.
    ...(names.length === 0 ? routeChecks(pipeline) : []),
  ];
  return findings.length === 0
    ? { ok: true, ...readPipeline(contentOfPipeline(pipeline)) }
    : { ok: false, problems: problemsOf(findings) };
};

/**
 * The pipelines that ship, or those of another folder: every file in it that is named pipeline.yaml.
 * @throws Error that lists the problems, when one of them is refused.
 */
export const loadPipelines = async (
  folder: string = import.meta.dirname,
  known?: Known,
): Promise<readonly LoadedPipeline[]> => {
  const files = (await readdir(folder, { recursive: true }))
    .filter((file) => basename(file) === 'pipeline.yaml')
    .toSorted();
  const loaded = await Promise.all(files.map((file) => loadPipeline(join(folder, file), known)));
  const problems = loaded.flatMap((file) => (file.ok ? [] : file.problems));
  if (problems.length > 0) throw new Error(problems.map(formatProblem).join('\n'));
  return loaded.filter((file) => file.ok);
};
