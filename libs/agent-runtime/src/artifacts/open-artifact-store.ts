import { fileURLToPath } from 'node:url';
import { Circuits } from '../circuit-breaker.ts';
import type { ArtifactStore } from './artifact-store.ts';
import { FileArtifactStore } from './file-artifact-store.ts';

/**
 * `file:///folder`, or `s3://bucket/prefix?endpoint=http://host:9000&region=eu-central-1` with the credentials that
 * AWS tools find by themselves.
 * @throws Error when the address is of no such kind
 */
export const openArtifactStore = async (
  address: string,
  circuits: Circuits = new Circuits(),
): Promise<ArtifactStore> => {
  const url = new URL(address);
  switch (url.protocol) {
    case 'file:': {
      const store = new FileArtifactStore(fileURLToPath(url));
      await store.sweep();
      return store;
    }
    case 's3:': {
      // Most installations keep files, and need not load the client.
      const { S3ArtifactStore } = await import('./s3-artifact-store.ts');
      return S3ArtifactStore.at(url, circuits);
    }
    default:
      throw new Error(`${address} is no address of an artifact store: use file:///folder or s3://bucket/prefix`);
  }
};
