import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Api } from './api.ts';

export const ShelvedFile = z.object({
  path: z.string(),
  digest: z.string(),
  size: z.int(),
  mediaType: z.string(),
  phase: z.string().nullable(),
  cycle: z.int(),
  accepted: z.boolean(),
});
export type ShelvedFile = z.infer<typeof ShelvedFile>;

export const listFiles = async (api: Api, trainId: string): Promise<ShelvedFile[]> =>
  (await api.get(`/v1/trains/${trainId}/artifacts`, z.object({ items: z.array(ShelvedFile) }))).items;

/** Writes the files that gates let out below `folder`, one tree a cycle, and answers how many. */
export async function fetchTree(api: Api, trainId: string, folder: string): Promise<number> {
  const files = (await listFiles(api, trainId)).filter(({ accepted, phase }) => accepted && phase !== null);
  for (const { path, digest, cycle } of files) {
    const target = join(folder, `cycle-${cycle}`, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, await api.download(`/v1/trains/${trainId}/artifacts/${digest}`));
  }
  return files.length;
}
