import { expect, it } from '@jest/globals';
import JSZip from 'jszip';
import type { Chart, Report, Table } from './content.ts';
import { pdfReport } from './pdf.ts';
import { slides } from './slides.ts';
import { wordDocument } from './word.ts';

const curve: Chart = {
  kind: 'line',
  title: 'ROC curve',
  x: { label: 'False positives', min: 0, max: 1 },
  y: { label: 'True positives', min: 0, max: 1 },
  series: [
    {
      name: 'Model',
      points: [
        [0, 0],
        [0.2, 0.7],
        [1, 1],
      ],
    },
    {
      name: 'Chance',
      points: [
        [0, 0],
        [1, 1],
      ],
      style: 'dashed',
    },
  ],
};
const bars: Chart = {
  kind: 'bar',
  title: 'Days',
  categories: ['dry', 'wet'],
  y: { label: 'days' },
  series: [{ name: 'n', values: [3, 4] }],
};
const matrix: Table = {
  title: 'Confusion',
  columns: ['', 'dry', 'rain'],
  rows: [
    ['Was dry', 180, 35],
    ['Was rain', 52, 98],
  ],
};
const report: Report = {
  title: 'Results & more',
  subtitle: 'For the client',
  author: 'evaluator',
  date: '2026-11-21',
  sections: [
    { heading: 'Summary', body: ['It is **good**: ≥ 0.75.', { bullets: ['one', 'two'] }, { table: matrix }] },
    { heading: 'Charts', body: [{ chart: curve }, { chart: bars }] },
  ],
};

const parts = async (bytes: Uint8Array): Promise<{ names: string[]; text: (name: string) => Promise<string> }> => {
  const zip = await JSZip.loadAsync(bytes);
  return { names: Object.keys(zip.files), text: async (name) => (await zip.file(name)?.async('string')) ?? '' };
};

const plainText = (xml: string): string => xml.replace(/<[^>]+>/g, '');

it('writes a Word document with its text, a table and editable charts', async () => {
  const { names, text } = await parts(await wordDocument(report));
  const body = await text('word/document.xml');

  expect(names).toEqual(names.toSorted());
  expect(plainText(body)).toContain('It is good: ≥ 0.75.');
  expect(body).toContain('<w:tbl>');
  expect(names.filter((name) => /^word\/charts\/chart\d+\.xml$/.test(name))).toHaveLength(2);
  expect(await text('docProps/core.xml')).toContain('2026-11-21T00:00:00Z');
});

it('writes slides with native tables, charts and a flow of shapes', async () => {
  const flow = {
    nodes: [
      { id: 'data', label: 'Data', shape: 'store' as const, column: 0, row: 0 },
      { id: 'model', label: 'Model', note: 'logistic', column: 1, row: 0 },
    ],
    arrows: [{ from: 'data', to: 'model', label: 'rows' }],
  };
  const { title, author, date } = report;
  const deck = {
    title,
    author,
    date,
    slides: [
      { title: 'Flow', body: [{ flow }] },
      { title: 'Numbers', body: [{ table: matrix }, { chart: curve }], message: 'Good.' },
    ],
  };
  const { names, text } = await parts(await slides(deck));

  expect(names.filter((name) => /^ppt\/slides\/slide\d+\.xml$/.test(name))).toHaveLength(3);
  expect(await text('ppt/slides/slide2.xml')).toMatch(/prst="can"[\s\S]*prst="roundRect"/);
  expect(await text('ppt/slides/slide3.xml')).toContain('<a:tbl>');
  expect(names.some((name) => name.startsWith('ppt/charts/chart'))).toBe(true);
});

it('writes a bullet with bold words as one paragraph', async () => {
  const { title, author, date } = report;
  const deck = { title, author, date, slides: [{ title: 'S', body: [{ bullets: ['a **b** c', 'd'] }] }] };
  const slide = await (await parts(await slides(deck))).text('ppt/slides/slide2.xml');
  const paragraphs = slide.match(/<a:p>.*?<\/a:p>/g) ?? [];

  expect(paragraphs.map(plainText)).toEqual(['S', 'a b c', 'd', 'Results &amp; more · 2']);
  expect(paragraphs.every((paragraph) => paragraph.match(/<a:pPr/g)?.length === 1)).toBe(true);
});

it('refuses an arrow to a node that is not there, and a table that no slide can hold', async () => {
  const { title, author, date } = report;
  const deck = (body: Parameters<typeof slides>[0]['slides'][number]['body']) => ({
    title,
    author,
    date,
    slides: [{ title: 'S', body }],
  });
  const flow = { nodes: [{ id: 'a', label: 'A', column: 0, row: 0 }], arrows: [{ from: 'a', to: 'b' }] };

  await expect(slides(deck([{ flow }]))).rejects.toThrow('an arrow names "b"');
  await expect(
    slides(deck([{ table: { columns: ['n'], rows: Array.from({ length: 90 }, (_, n) => [n]) } }])),
  ).rejects.toThrow('90 rows');
});

it('writes a PDF with an embedded font, its pages and no page for a footer alone', async () => {
  const bytes = Buffer.from(await pdfReport(report)).toString('latin1');

  expect(bytes.slice(0, 5)).toBe('%PDF-');
  expect(bytes).toContain('FontFile2');
  expect(/\/Type \/Pages\s+\/Count (\d+)/.exec(bytes)?.[1] ?? /\/Count (\d+)/.exec(bytes)?.[1]).toBe('2');
});

it('repeats itself to the byte', async () => {
  const { title, author, date } = report;
  const deck = { title, author, date, slides: [{ title: 'Numbers', body: [{ chart: curve }, { chart: bars }] }] };
  for (const write of [() => wordDocument(report), () => pdfReport(report), () => slides(deck)]) {
    const [first, second] = [await write(), await write()];
    expect(Buffer.compare(Buffer.from(first), Buffer.from(second))).toBe(0);
  }
});
