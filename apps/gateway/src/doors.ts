import type { ArtifactStore } from '@vt/agent-runtime';
import type { TenantId } from '@vt/kernel';
import type { LoadedPipeline } from '@vt/profiles';
import type { Charter } from '@vt/value-train';

/** What inspecting a data file found that would waste work. */
export interface DataProblem {
  readonly column?: string;
  readonly line?: number;
  readonly message: string;
  readonly mend?: string;
}

/** What checking the chains of a tenant's streams found. */
export interface Verification {
  readonly ok: boolean;
  readonly [detail: string]: unknown;
}

/** What the gateway has others do; a test gives its own. */
export interface Doors {
  readonly artifacts: Pick<ArtifactStore, 'put' | 'get' | 'has' | 'localPath'>;
  readonly pipelines: readonly LoadedPipeline[];
  inspectData(path: string, data: Charter['data']): Promise<{ readonly problems: readonly DataProblem[] }>;
  verify(tenant: TenantId): Promise<Verification>;
}
