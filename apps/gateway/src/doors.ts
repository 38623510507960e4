import type { ArtifactStore, Bundles, Workbench } from '@vt/agent-runtime';
import type { Verification } from '@vt/event-store';
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

/** What the gateway has others do; a test gives its own. */
export interface Doors {
  readonly artifacts: Pick<ArtifactStore, 'put' | 'get' | 'read' | 'has' | 'localPath'>;
  readonly bundles: Pick<Bundles, 'make'>;
  /** Phase, mode and pipeline of a ticket, as its train was started on them. */
  readonly placeOf: Workbench['placeOf'];
  readonly pipelines: readonly LoadedPipeline[];
  /** That of the price book: a budget in another could not be watched. */
  readonly currency: string;
  inspectData(path: string, data: Charter['data']): Promise<{ readonly problems: readonly DataProblem[] }>;
  /** Checks the whole store, of all tenants, and tells of one. */
  verify(tenant: TenantId): Promise<Verification>;
}
