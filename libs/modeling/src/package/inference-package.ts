import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';
import { digestOf } from '../data/load.ts';
import { lookback, type FeatureConfig, type Model } from '../inference.ts';
import type { Recipe } from '../models/families.ts';
import { packArchive, unpackArchive, type ArchivedFile } from './archive.ts';

export interface PackageManifest {
  /** Name of this model and training; a deployment may give it another version. */
  readonly version: string;
  readonly recipe: Recipe;
  /** Digest of the prepared rows that it was trained on. */
  readonly data: string;
  /** How many rows before a row its features look back on: send them with it. */
  readonly lookback: number;
  /** Digest of every other file, by path. */
  readonly files: Readonly<Record<string, string>>;
}

export interface InferencePackage {
  readonly config: FeatureConfig;
  readonly model: Model;
  readonly manifest: PackageManifest;
}

export interface PackageContent {
  readonly version: string;
  readonly recipe: Recipe;
  readonly data: string;
  readonly config: FeatureConfig;
  readonly model: Model;
}

/**
 * A gzipped tar with everything that predictions need but Node: `node server.mjs` serves it over HTTP (PORT, HOST,
 * MODEL_VERSION), `node server.mjs --once` answers standard input. The same content gives the same bytes.
 */
export const packInferencePackage = async ({
  version,
  recipe,
  data,
  config,
  model,
}: PackageContent): Promise<Buffer> => {
  const files: ArchivedFile[] = [
    { path: 'server.mjs', content: await readFile(join(import.meta.dirname, 'server.mjs'), 'utf8') },
    { path: 'inference.js', content: await inferenceSource() },
    { path: 'package.json', content: `${JSON.stringify({ private: true, type: 'module' })}\n` },
    { path: 'features.json', content: `${JSON.stringify(config)}\n` },
    { path: 'model.json', content: `${JSON.stringify(model)}\n` },
  ];
  const digests = Object.fromEntries(files.map(({ path, content }) => [path, digestOf(content)]));
  const manifest: PackageManifest = { version, recipe, data, lookback: lookback(config), files: digests };
  return packArchive([...files, { path: 'manifest.json', content: `${JSON.stringify(manifest, null, 2)}\n` }]);
};

/** Unpacks a package into `folder`, and checks every file against the manifest. */
export const openInferencePackage = async (archive: Uint8Array, folder: string): Promise<InferencePackage> => {
  const files = new Map(unpackArchive(archive).map(({ path, content }) => [path, content]));
  const json = <T>(path: string): T => {
    const content = files.get(path);
    if (content === undefined) throw new Error(`the inference package has no ${path}`);
    // What packInferencePackage wrote; the digests say that it still is.
    return JSON.parse(content.toString('utf8')) as T;
  };
  const manifest = json<PackageManifest>('manifest.json');
  for (const [path, digest] of Object.entries(manifest.files)) {
    const content = files.get(path);
    if (content === undefined || digestOf(content) !== digest) {
      throw new Error(`${path} of the inference package is not what its manifest says`);
    }
  }
  for (const [path, content] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return { config: json('features.json'), model: json('model.json'), manifest };
};

/** The module `inference` as JavaScript that runs on its own. */
const inferenceSource = async (): Promise<string> => {
  const beside = join(import.meta.dirname, '..');
  const built = await readFile(join(beside, 'inference.js'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  // From sources, as in tests, there is no built file.
  const source = built ?? stripTypeScriptTypes(await readFile(join(beside, 'inference.ts'), 'utf8'));
  return source.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
};
