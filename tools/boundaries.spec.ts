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
  ['a package, in a rule', 'libs/risk/src/score.ts', "export const later = () => import('pg');"],
  ['the machine, in a rule', 'libs/risk/src/score.ts', "export const later = () => import('node:fs');"],
  ['the machine, in contracts', 'libs/contracts/src/index.ts', "export const later = () => import('node:fs');"],
  ['an app, in an app', 'apps/cost/src/index.ts', "export const later = () => import('@vt/app-ledger');"],
  ['the inside of a project', 'apps/cost/src/index.ts', "export const later = () => import('@vt/kernel/src/ids.ts');"],
])(
  'lint refuses to import later what may not be imported: %s',
  async (_, file, code) => {
    expect(await complaints(file, code)).toContain('no-restricted-syntax');
  },
  LINT_MS_MAX,
);

it.each([
  ['a clock', 'no-restricted-globals', 'export const at = new Date();'],
  ['another clock', 'no-restricted-globals', 'export const at = performance.now();'],
  ['chance', 'no-restricted-properties', 'export const chance = Math.random();'],
  ['ids', 'no-restricted-globals', 'export const id = globalThis.crypto.randomUUID();'],
  ['the network', 'no-restricted-globals', "export const answer = () => fetch('http://localhost');"],
  ['the machine', 'no-restricted-globals', 'export const { pid } = process;'],
  ['waiting', 'no-restricted-syntax', 'export const later = async () => { await null; };'],
  ['a list of names that opens a whole file', 'no-restricted-syntax', "export * from './ids.ts';"],
])(
  'lint refuses %s in every rule',
  async (_, rule, code) => {
    const rules = ['libs/risk/src/risk.decider.ts', 'libs/value-train/src/train.ts', 'libs/value-train/src/gate.ts'];
    for (const file of [...rules, 'apps/gateway/src/keys/access.decider.ts']) {
      expect(await complaints(file, code)).toContain(rule);
    }
  },
  LINT_MS_MAX,
);

it(
  'lint lets through what is allowed',
  async () => {
    expect(await complaints('apps/cost/src/index.ts', "import '@vt/kernel';")).toEqual([]);
    const later =
      "export const later = () => Promise.all([import('@vt/kernel'), import('node:fs'), import('./main.ts')]);";
    expect(await complaints('apps/cost/src/index.ts', later)).toEqual([]);
    const pure = 'export const whole = (of: readonly number[]) => new Set(of.map(Math.trunc));';
    expect(await complaints('libs/value-train/src/train.ts', pure)).toEqual([]);
  },
  LINT_MS_MAX,
);
