import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { formatProblem } from './problem.ts';
import { readYaml } from './read-yaml.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'read-yaml-'));
});
afterAll(() => rm(folder, { recursive: true }));

const Recipe = z.strictObject({
  name: z.string().min(2),
  contact: z.email().optional(),
  servings: z.int().min(1).max(12).optional(),
  steps: z.array(z.string()).min(1),
  oven: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('gas'), mark: z.int() }),
      z.strictObject({ kind: z.literal('electric'), degrees: z.int() }),
    ])
    .optional(),
  serve: z.union([z.enum(['hot', 'cold']), z.literal('frozen')]).optional(),
  side: z.union([z.string(), z.strictObject({ dish: z.string() })]).optional(),
});

const problemsIn = async (content: string | Uint8Array): Promise<string[]> => {
  const file = join(folder, 'recipe.yaml');
  await writeFile(file, content);
  const read = await readYaml(file, Recipe);
  return read.ok ? [] : read.problems.map((problem) => formatProblem({ ...problem, file: '' }));
};

const valid = 'name: Soup\nsteps: [Boil]\n';

it('reads what fits', () => expect(problemsIn(`${valid}oven: { kind: gas, mark: 4 }\n`)).resolves.toEqual([]));

it.each([
  ['', ':1:1 expected a mapping, found null; write a mapping'],
  ['name: Soup\n', ':1:1 steps: steps is missing; add it: a list'],
  ['name: 3\nsteps: [Boil]\n', ':1:7 name: expected a text, found 3; write a text'],
  ['name: S\nsteps: [Boil]\n', ':1:7 name: "S" is too small; give at least 2 characters'],
  ['name: Soup\nsteps: []\n', ':2:1 steps: a list is too small; give at least 1 entries'],
  [`${valid}servings: 40\n`, ':3:11 servings: 40 is too big; give at most 12'],
  [`${valid}contact: cook\n`, ':3:10 contact: "cook" does not fit; write a valid email'],
  [`${valid}serving: 2\n`, ':3:10 serving: unknown field serving; did you mean "servings"?'],
  [`${valid}serve: clod\n`, ':3:8 serve: unknown serve "clod"; did you mean "cold"?'],
  [`${valid}side: { dich: Bread }\n`, ':3:1 side.dish: dish is missing; add it: a text'],
  [`${valid}oven: { kind: solar }\n`, ':3:15 oven.kind: unknown kind "solar"; use one of: gas, electric'],
  [`${valid}oven: { mark: 4 }\n`, ':3:1 oven.kind: kind is missing; add it: gas | electric'],
  [`${valid}name: Stew\n`, ':3:1 Map keys must be unique; keep one of the two'],
  [
    `${valid}__proto__: { oven: 1 }\n`,
    ':3:1 __proto__: unknown field __proto__; use one of: name, contact, servings, steps, oven, serve, side',
  ],
  [
    `a: &a [1]\nsteps: [${Array(20).fill('*a').join()}]\n`,
    ':1:1 Excessive alias count indicates a resource exhaustion attack; write the values out',
  ],
])('finds the mistake in %j', async (content, problem) => {
  expect(await problemsIn(content)).toContain(problem);
});

it('names the line that is not UTF-8', () =>
  expect(problemsIn(Buffer.from('name: Soup\nsteps: [Cr\xe8me]\n', 'latin1'))).resolves.toEqual([
    ':2:1 this line is not UTF-8 text; save the file as UTF-8',
  ]));

it('refuses a file that is far too large', async () => {
  const [problem] = await problemsIn(`# ${'x'.repeat(600_000)}\n`);
  expect(problem).toBe(':1:1 the file has 600003 bytes; keep it under 524288');
});

it('says the first five mistakes of syntax, not their thousand consequences', async () => {
  expect(await problemsIn('['.repeat(5_000))).toHaveLength(5);
});
