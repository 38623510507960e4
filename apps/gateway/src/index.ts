import { Bundles, Circuits, circuitWatch, openArtifactStore, PipelineShelf, Workbench } from '@vt/agent-runtime';
import { verify } from '@vt/event-store';
import { inspectData } from '@vt/modeling';
import { loadPipelines, loadPriceBook } from '@vt/profiles';
import { gatewayWith } from './gateway.service.ts';

export { DocumentController } from './content/document.controller.ts';
export { replayPolicy } from './governance/replay.ts';

export const gateway = gatewayWith(async ({ ARTIFACTS_URL, PIPELINES, PRICE_BOOK }, platform) => {
  const { store, subscriberPool } = platform;
  const circuits = new Circuits(circuitWatch(platform));
  const [artifacts, pipelines] = await Promise.all([
    openArtifactStore(ARTIFACTS_URL, circuits),
    loadPipelines(PIPELINES),
  ]);
  const workbench = new Workbench(store, artifacts, new PipelineShelf(pipelines, artifacts));
  return {
    artifacts,
    bundles: new Bundles(store, artifacts, workbench),
    placeOf: (ticket) => workbench.placeOf(ticket),
    pipelines,
    currency: (await loadPriceBook(PRICE_BOOK)).currency,
    inspectData,
    verify: (tenant) => verify(subscriberPool, { tenant }),
  };
});
