import { expect, it } from '@jest/globals';
import { ESLint } from 'eslint';
import { resolve } from 'node:path';

const LINT_MS_MAX = 60_000;
const lint = new ESLint({ cwd: resolve(import.meta.dirname, '..') });

/** What lint says about this code, if it stood in that file. The file must exist: lint knows it from the project. */
async function complaints(filePath: string, code: string): Promise<(string | null)[]> {
  const [result] = await lint.lintText(code, { filePath });
  return result!.messages.map(({ ruleId }) => ruleId);
}

it.each([
  ['a package in a rule', 'libs/risk/src/score.ts', "import 'pg';"],
  ['a domain that imports another', 'libs/risk/src/score.ts', "import '@vt/cost';"],
  ['contracts that import the domain', 'libs/contracts/src/index.ts', "import '@vt/value-train';"],
  ['an adapter that imports an adapter', 'libs/event-store/src/index.ts', "import '@vt/messaging';"],
  ['an app that imports an app', 'apps/cost/src/index.ts', "import '@vt/app-ledger';"],
  ['a package that is not declared', 'apps/cost/src/index.ts', "import 'yaml';"],
  ['the inside of another project', 'apps/cost/src/index.ts', "import '@vt/kernel/src/errors.ts';"],
  ['the machine, in a pure library', 'libs/risk/src/score.ts', "import 'node:fs';"],
])(
  'lint refuses %s',
  async (_, file, code) => {
    expect(await complaints(file, code)).toContain('no-restricted-imports');
  },
  LINT_MS_MAX,
);

it.each([
  ['a clock', 'no-restricted-globals', 'export const at = new Date();'],
  ['chance', 'no-restricted-properties', 'export const chance = Math.random();'],
  ['waiting', 'no-restricted-syntax', 'export const later = async () => { await null; };'],
])(
  'lint refuses %s in a decider',
  async (_, rule, code) => {
    expect(await complaints('libs/risk/src/risk.decider.ts', code)).toContain(rule);
  },
  LINT_MS_MAX,
);

it(
  'lint lets through what is allowed',
  async () => {
    expect(await complaints('apps/cost/src/index.ts', "import '@vt/kernel';")).toEqual([]);
  },
  LINT_MS_MAX,
);
