import { expect, it } from '@jest/globals';
import { actionHarness } from '@vt/agent-runtime/harness';
import { Charter } from '@vt/value-train';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { labPack } from '../lab.pack.ts';

const DEMO = resolve(import.meta.dirname, '../../../cli/demo');

/** What the lab leaves of the data of the demo, in the phase of another agent. */
const profiled = async (data: Partial<Charter['data']> = {}) => {
  const charter = Charter.parse(parse(await readFile(join(DEMO, 'charter.yaml'), 'utf8')));
  const harness = await actionHarness({
    ...{ pack: labPack, phase: 'discovery', charter: { ...charter, data: { ...charter.data, ...data } } },
    ...{ dataFile: join(DEMO, charter.data.file), dir: await mkdtemp(join(tmpdir(), 'lab-discovery-')) },
  });
  const { facts } = await harness.run('profile-data');
  return { facts, notebook: await readFile(harness.file('discovery/data-profiler.ipynb'), 'utf8') };
};

it('tells the gate what it asks for', async () => {
  const { facts } = await profiled();
  expect(facts).toMatchObject({ rows: 1461, columns: 6, 'data-sufficient': true });
  expect(facts['target-missing-share']).toBeCloseTo(1 / 1461, 10);
});

it('profiles the data in cells that ran', async () => {
  const { notebook } = await profiled();
  // The shape is the notebook format's.
  const { cells } = JSON.parse(notebook) as {
    cells: {
      cell_type: string;
      execution_count?: number;
      outputs?: { text?: string; data?: Record<string, string> }[];
    }[];
  };
  const code = cells.filter(({ cell_type }) => cell_type === 'code');

  expect(code.map(({ execution_count }) => execution_count)).toEqual(code.map((_, index) => index + 1));
  expect(code[0]?.outputs?.[0]?.text).toContain('rows: 1461  columns: 6');
  expect(code.flatMap(({ outputs }) => outputs ?? []).filter(({ data }) => data?.['image/svg+xml'])).not.toHaveLength(
    0,
  );
});

it('says in the notebook, and to the gate, why data cannot be used', async () => {
  const { facts, notebook } = await profiled({ target: 'rainfall', positive: 'rain' });
  expect(facts).toMatchObject({ 'data-sufficient': false, 'target-missing-share': 1 });
  expect(facts['data-problem']).toContain('rainfall');
  expect(notebook).toContain('What must be mended');
});
