import { Rejection } from '@vt/kernel';
import type { LoadedPipeline } from '@vt/profiles';
import type { EvaluateRule, Pipeline, PipelineRef } from '@vt/value-train';

/** The pipelines that this conductor knows, by the very content that a train is pinned to. */
export class PipelineShelf {
  private readonly byDigest: ReadonlyMap<string, LoadedPipeline>;
  private readonly rules: ReadonlyMap<string, EvaluateRule>;

  constructor(loaded: readonly LoadedPipeline[]) {
    this.byDigest = new Map(loaded.map((one) => [one.digest, one]));
    this.rules = new Map(
      loaded.flatMap(({ rules }) =>
        [...rules].map(([text, rule]): [string, EvaluateRule] => [text, (_, variables) => rule(variables)]),
      ),
    );
  }

  /** What a new train is started on. @throws Rejection `pipeline-unknown` */
  latest(id: string): PipelineRef {
    const all = [...this.byDigest.values()];
    const [newest] = all
      .filter(({ pipeline }) => pipeline.id === id)
      .toSorted((one, other) => other.pipeline.version - one.pipeline.version);
    if (!newest) {
      const known = [...new Set(all.map(({ pipeline }) => pipeline.id))].join(', ');
      throw new Rejection('pipeline-unknown', `there is no pipeline ${id}; use one of: ${known}`);
    }
    return { id, version: newest.pipeline.version, digest: newest.digest };
  }

  /** @throws Error when the version that a train is on is not here: its events wait until it is put back. */
  of({ id, version, digest }: PipelineRef): Pipeline {
    const found = this.byDigest.get(digest);
    if (found) return found.pipeline;
    throw new Error(`no pipeline ${id} of version ${version} has the digest ${digest}; put that file back as it was`);
  }

  /** Every rule of these pipelines was compiled when they were loaded. */
  readonly evaluateRule: EvaluateRule = (rule, variables) => this.rules.get(rule)?.(rule, variables) ?? 'unknown';
}
