import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ArtifactDamaged, digestOf, mediaTypeOf, openArtifactStore, type ArtifactStore } from '@vt/agent-runtime';
import { pdfReport, runNotebook, slides, wordDocument } from '@vt/documents';
import { Unavailable } from '@vt/kernel';
import { writeSnapshot } from '@vt/modeling';
import JSZip from 'jszip';
import { mkdtempSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { inspectArtifacts } from './artifact-inspection.ts';
import { pdfText } from './pdf-text.ts';

const folder = mkdtempSync(join(tmpdir(), 'inspection-'));
let store: ArtifactStore;
beforeAll(async () => {
  store = await openArtifactStore(pathToFileURL(folder).href);
});
afterAll(() => rm(folder, { recursive: true }));

const PROSE =
  'The model tells the organiser on the evening before whether it will rain, so that stages are covered in time and no crew is called in vain.';
const report = {
  title: 'Report',
  author: 'evaluator',
  date: '2026-11-21',
  sections: [{ heading: 'Findings', body: [PROSE] }],
};

async function inspect(path: string, content: string | Uint8Array) {
  const { digest, size } = await store.put(Buffer.from(content));
  const [check] = await inspectArtifacts(store, [{ path, digest, size, mediaType: mediaTypeOf(path) }]);
  return check!;
}
const zipOf = (parts: Record<string, string>) => {
  const zip = new JSZip();
  for (const [name, content] of Object.entries(parts)) zip.file(name, content);
  return zip.generateAsync({ type: 'uint8array', compression: 'DEFLATE' });
};
const notebookOf = (cells: readonly object[]) =>
  JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells });
const code = { cell_type: 'code', source: 'auc', execution_count: 1, outputs: [{ output_type: 'execute_result' }] };
async function parquetOf(csv: string): Promise<Buffer> {
  const [from, to] = [join(folder, 'rows.csv'), join(folder, 'rows.parquet')];
  await writeFile(from, csv);
  await writeSnapshot(from, to);
  return readFile(to);
}
const markdown = (source: string | string[]) => ({ cell_type: 'markdown', source });

describe('a file that opens', () => {
  it('as what our own documents are', async () => {
    const notebook = await runNotebook({ title: 'N', cells: [{ code: '1 + 1' }], scope: {} });
    const files: [string, Uint8Array | string][] = [
      ['legal/dpa.docx', await wordDocument(report)],
      ['eval-results.pdf', await pdfReport(report)],
      [
        'pitch-deck.pptx',
        await slides({
          title: 'Deck',
          author: 'studio',
          date: '2026-11-21',
          slides: [{ title: 'Why', body: [PROSE] }],
        }),
      ],
      ['train.ipynb', notebook.json],
    ];
    for (const [path, content] of files) {
      expect(await inspect(path, content)).toMatchObject({ id: `artifact:${path}`, outcome: 'met' });
    }
  });

  it.each([
    ['notes.md', `# Notes\n\n${PROSE}\n`],
    ['link.txt', 'http://127.0.0.1:4000/dashboard'],
    ['extract.py', 'print(f"{{rows}}")\n'],
    ['config.yaml', 'drift:\n  psi: 0.2\n---\nother: document\n'],
    ['errors.json', '[{"comment": "TODO"}]'],
    ['rows.csv', 'day,remark\n2026-11-21,"wet, very ""wet"""\n2026-11-22,TBD\n'],
    ['letters.csv', 'id,text\n1,"Dear {{first_name}}, hello"\n'],
    ['package.tgz', Buffer.from('1f8b0800', 'hex')],
    ['weights.bin', 'anything'],
    ['train.ipynb', notebookOf([markdown(['# Training\n', 'text']), code])],
  ])('%s', async (path, content) => {
    expect(await inspect(path, content)).toMatchObject({ outcome: 'met' });
  });

  it('as a Parquet of a client is', async () => {
    expect(await inspect('raw.parquet', await parquetOf('day,remark\n2026-11-21,wet\n'))).toMatchObject({
      outcome: 'met',
    });
  });

  it('however large its data is', async () => {
    const rows = `2026-11-21,"${'wet '.repeat(100)}"\n`.repeat(4_000);
    expect(await inspect('large.csv', `day,remark\n${rows}`)).toMatchObject({ outcome: 'met' });
  });
});

it.each([
  ['empty.md', '', 'is empty'],
  ['sow-template.md', PROSE, 'is a template by its name'],
  ['short.md', '# Scope\n\nSee above.', 'has 3 words'],
  ['latin.md', Buffer.from([0x63, 0x61, 0x66, 0xe9]), 'is not text in UTF-8'],
  ['large.md', 'word '.repeat(7_000_000), 'is larger than 32 MiB'],
  ['sow.md', `${PROSE}\n\nPrice: [Replace with price]`, 'the placeholder [Replace with price], in line 3'],
  ['sow.md', `${PROSE}\n\nPrice: {{ price }}`, 'the placeholder {{ price }}, in line 3'],
  ['sow.md', `${PROSE} TBD`, 'the placeholder TBD, in line 1'],
  ['extract.py', 'rows = 1  # TODO', 'the placeholder TODO'],
  ['link.txt', 'Lorem ipsum dolor', 'the placeholder Lorem ipsum'],
  ['config.yaml', 'image: {{ image }}', 'config.yaml'],
  ['config.yaml', 'a: [1', 'is not YAML'],
  ['errors.json', '{', 'is not JSON'],
  ['rows.csv', 'day,rain\n', 'has no rows under its header'],
  ['rows.csv', 'day,rain\n2026-11-21,1\n2026-11-22\n', 'has 1 fields in row 2, under a header of 2'],
  ['rows.csv', 'day,price\n2026-11-21,1\n2026-11-22,[Replace with price]\n', '[Replace with price], in line 3'],
  ['rows.csv', 'day,{{ column }}\n2026-11-21,1\n', 'the placeholder {{ column }}, in line 1'],
  ['raw.parquet', 'PAR1 cut off', 'is no Parquet file'],
  ['raw.parquet', 'PAR1 and columns PAR1', 'can not be read'],
  ['results.pdf', 'PDF', 'is no PDF'],
  ['results.pdf', '%PDF-1.7 cut off', 'is a PDF without its end'],
  ['package.tgz', 'plain', 'is no gzip archive'],
  ['dpa.docx', 'plain', 'is no Word document'],
  ['train.ipynb', '{"nbformat": 3}', 'is no notebook of nbformat 4'],
  ['train.ipynb', notebookOf([markdown('text'), { ...code, outputs: [] }]), 'has no code cell that was executed'],
  [
    'train.ipynb',
    notebookOf([code, { ...code, outputs: [{ output_type: 'error' }] }]),
    'an error in the output of its code cell 2',
  ],
  ['train.ipynb', notebookOf([markdown('Result: TBD'), code]), 'the placeholder TBD'],
])('%s with a flaw is refused, and the flaw is named', async (path, content, flaw) => {
  const check = await inspect(path, content);
  expect(check.outcome).toBe('unmet');
  expect(check.reason).toContain(flaw);
});

it('finds a placeholder in the rows of a Parquet', async () => {
  const check = await inspect(
    'raw.parquet',
    await parquetOf('day,price\n2026-11-21,1\n2026-11-22,lorem ipsum dolor\n'),
  );
  expect(check).toMatchObject({ outcome: 'unmet', reason: expect.stringContaining('lorem ipsum dolor, in line 3') });
});

it.each(['[Replace with price]', '{{ price }}', 'TBD', 'Lorem ipsum'])(
  'finds %s in the text of a PDF',
  async (left) => {
    const body = [PROSE, { bullets: [`**Price**: ${left}`] }];
    const check = await inspect(
      'results.pdf',
      await pdfReport({ ...report, sections: [{ heading: 'Findings', body }] }),
    );
    expect(check).toMatchObject({ outcome: 'unmet', reason: expect.stringContaining(`the placeholder ${left}`) });
  },
);

it('reads the text of a PDF as a person does', async () => {
  const text = pdfText(Buffer.from(await pdfReport(report)));
  expect(text.replaceAll('\n', ' ')).toContain('whether it will rain');
  const plain = '<< /Length 40 >>\nstream\nBT (Price \\(EUR\\): ) Tj [(T) 3 (BD)] TJ ET\nendstream';
  expect(pdfText(Buffer.from(plain))).toBe('Price (EUR): \nTBD');
});

describe('an office document', () => {
  const types = { '[Content_Types].xml': '<Types/>' };
  const word = (text: string) => zipOf({ ...types, 'word/document.xml': `<w:p><w:r><w:t>${text}</w:t></w:r></w:p>` });

  it('must have the parts of its kind, and say something', async () => {
    expect(await inspect('deck.pptx', await word('text'))).toMatchObject({ outcome: 'unmet' });
    expect(await inspect('dpa.docx', await word(''))).toMatchObject({ reason: 'dpa.docx has no text' });
  });

  it('may not hide a placeholder in runs', async () => {
    const check = await inspect('dpa.docx', await word('[Repl</w:t></w:r><w:r><w:t>ace name]'));
    expect(check.reason).toContain('the placeholder [Replace name]');
  });

  it('may not unpack to more than a document has', async () => {
    const check = await inspect('dpa.docx', await word('a'.repeat(40 * 1024 * 1024)));
    expect(check.reason).toContain('unpacks to more text than a document has');
  });
});

describe('the store', () => {
  const artifact = { path: 'notes.md', digest: digestOf(Buffer.from('lost')), size: 4, mediaType: 'text/markdown' };
  const failing = (error: Error) => ({
    get: async () =>
      // What a stream of Node's does when the disk fails: it begins, and breaks.
      Readable.from(
        (function* () {
          yield Buffer.from('lo');
          throw error;
        })(),
      ),
  });

  it('that lacks the content, or has it damaged, makes the file a flaw', async () => {
    expect(await inspectArtifacts(store, [artifact])).toMatchObject([
      { outcome: 'unmet', reason: expect.stringContaining('is not in') },
    ]);
    const damaged = failing(new ArtifactDamaged(artifact.digest, digestOf(Buffer.from('x'))));
    expect(await inspectArtifacts(damaged, [artifact])).toMatchObject([
      { reason: expect.stringContaining('is damaged') },
    ]);
  });

  it('that is away fails nobody: it is asked again later', async () => {
    await expect(inspectArtifacts(failing(new Error('socket hang up')), [artifact])).rejects.toThrow(Unavailable);
  });

  it('that hangs makes the file inconclusive, and so does an inspection that breaks', async () => {
    const hanging = { get: () => Promise.resolve(new Readable({ read: () => undefined })) };
    expect(await inspectArtifacts(hanging, [artifact], 1)).toEqual([
      { id: 'artifact:notes.md', outcome: 'inconclusive', reason: 'notes.md was not inspected within 0.001 s' },
    ]);
    const document = await zipOf({ '[Content_Types].xml': '<Types/>', 'word/document.xml': 'wet '.repeat(1_000) });
    // Its directory is whole, and the compressed words are not.
    const words = Buffer.from(document).indexOf('word/document.xml') + 'word/document.xml'.length;
    document.fill(0xff, words, words + 8);
    expect(await inspect('dpa.docx', document)).toMatchObject({
      outcome: 'inconclusive',
      reason: expect.stringContaining('dpa.docx could not be inspected: Error'),
    });
  });
});
