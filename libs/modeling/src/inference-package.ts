import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { FeatureConfig, Model } from './inference.ts';

export interface InferencePackage {
  readonly config: FeatureConfig;
  readonly model: Model;
}

/** What an inference package (.tgz) predicts with. It is unpacked into `folder`, which is made when it is not there. */
export const openInferencePackage = async (archive: Uint8Array, folder: string): Promise<InferencePackage> => {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.tgz'), archive);
  await promisify(execFile)('tar', ['-xzf', 'package.tgz'], { cwd: folder });
  const [config, model] = await Promise.all(
    ['features.json', 'model.json'].map(async (file) => JSON.parse(await readFile(join(folder, file), 'utf8'))),
  );
  return { config, model };
};
