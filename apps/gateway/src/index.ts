import { openArtifactStore } from '@vt/agent-runtime';
import { verify } from '@vt/event-store';
import { inspectData } from '@vt/modeling';
import { loadPipelines, loadPriceBook } from '@vt/profiles';
import { gatewayWith } from './gateway.service.ts';

export { DocumentController } from './content/document.controller.ts';

export const gateway = gatewayWith(async ({ ARTIFACTS_URL, PIPELINES, PRICE_BOOK }, { subscriberPool }) => ({
  artifacts: await openArtifactStore(ARTIFACTS_URL),
  pipelines: await loadPipelines(PIPELINES),
  currency: (await loadPriceBook(PRICE_BOOK)).currency,
  inspectData,
  verify: (tenant) => verify(subscriberPool, { tenant }),
}));
