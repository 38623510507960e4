import { expect, it } from '@jest/globals';
import { runNotebook } from './notebook.ts';

interface CodeCell {
  cell_type: string;
  execution_count: number | null;
  outputs: {
    output_type: string;
    text?: string;
    data?: Record<string, string>;
    ename?: string;
    traceback?: string[];
  }[];
}

const run = async (code: readonly string[], scope: Record<string, unknown> = {}) => {
  const result = await runNotebook({ title: 'Test', cells: code.map((cell) => ({ code: cell })), scope });
  // The shape is what these tests are about.
  const { cells } = JSON.parse(result.json) as { cells: CodeCell[] };
  return { ...result, code: cells.filter(({ cell_type }) => cell_type === 'code') };
};

const plain = (cell: CodeCell | undefined): string | undefined => cell?.outputs.at(-1)?.data?.['text/plain'];

it('runs cells in order over one context, and keeps what they print and answer', async () => {
  const { code, failed } = await run(
    [
      'const { a, ...rest } = given;\nconsole.log("a is", a);',
      'twice(a) + rest.b; // the sum',
      'function twice(x) { return 2 * x; }\ntwice(4)',
    ],
    { given: { a: 1, b: 5 }, twice: (x: number) => 2 * x },
  );

  expect(failed).toBe(false);
  expect(code.map(({ execution_count }) => execution_count)).toEqual([1, 2, 3]);
  expect(code[0]?.outputs).toEqual([{ output_type: 'stream', name: 'stdout', text: 'a is 1\n' }]);
  expect(plain(code[1])).toBe('7');
  expect(plain(code[2])).toBe('8');
});

it('awaits at the top of a cell, and lets a later cell declare a name again', async () => {
  const { code } = await run(
    ['const n = await load(); class Box { size = n }', 'let n2 = n; const n = n2 + 1; n + new Box().size'],
    {
      load: async () => 20,
    },
  );

  expect(plain(code[1])).toBe('42');
});

it('shows marked values as tables and pictures', async () => {
  const { code } = await run([
    'dataTable([["a<b", 1]], ["name", "n"])',
    'chart({ kind: "bar", title: "Days", categories: ["dry", "wet"], y: { label: "days" }, series: [{ name: "n", values: [3, 4] }] })',
  ]);

  expect(code[0]?.outputs[0]?.data?.['text/html']).toContain('<td>a&lt;b</td><td style="text-align: right">1</td>');
  expect(code[1]?.outputs[0]?.data?.['image/svg+xml']).toMatch(/^<svg .*aria-label="Days".*<\/svg>\n$/s);
});

it('keeps the error of a failing cell, and runs none after it', async () => {
  const { code, failed, error } = await run(['1 + 1', 'const x = 3;\nthrow new RangeError("too far")', '"never"']);

  expect(failed).toBe(true);
  expect(error).toBe('cell 2: RangeError: too far');
  expect(code[1]?.outputs[0]).toMatchObject({ output_type: 'error', ename: 'RangeError', evalue: 'too far' });
  expect(code[1]?.outputs[0]?.traceback?.[1]).toContain('cell-2.js:2');
  expect(code[2]).toMatchObject({ execution_count: null, outputs: [] });
});

it('reports a cell that is no JavaScript as a failed cell', async () => {
  expect((await run(['const = 3'])).error).toMatch(/^cell 1: SyntaxError: Unexpected token/);
});

it('is a notebook of format 4.5, the same bytes each time', async () => {
  const notebook = { title: 'Again', cells: [{ markdown: 'Text' }, { code: '({ a: [1, 2] })' }], scope: {} };
  const [first, second] = [await runNotebook(notebook), await runNotebook(notebook)];

  expect(first.json).toBe(second.json);
  expect(JSON.parse(first.json)).toMatchObject({
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { kernelspec: { language: 'javascript' } },
  });
});
