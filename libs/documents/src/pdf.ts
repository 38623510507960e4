import { createRequire } from 'node:module';
import PDFDocument from 'pdfkit';
import { drawChart, type Mark } from './chart.ts';
import type { Block, Chart, Report, Table } from './content.ts';
import { formatCell } from './format.ts';
import { columnShares, isNumeric, runsOf } from './layout.ts';
import { ACCENT, INK, MUTED, PAPER, RULE } from './theme.ts';

const require = createRequire(import.meta.url);
// An embedded face: the fonts that PDF readers bring lack Greek, Cyrillic, ≥ and →.
const REGULAR = require.resolve('@expo-google-fonts/inter/400Regular/Inter_400Regular.ttf');
const BOLD = require.resolve('@expo-google-fonts/inter/700Bold/Inter_700Bold.ttf');

// Points, on A4.
const MARGIN = 62;
const BODY_SIZE = 10;
const TABLE_SIZE = 8.5;
const CHART_HEIGHT = 212;
/** Of a table's text. */
const LINE_LETTERS = 88;
const CELL_PADDING = 5;
/** Figures of one width: kerned, the point of 87.98 slips under its neighbour and is not seen. */
const FIGURES: Pick<PDFKit.Mixins.TextOptions, 'features'> = { features: ['tnum'] };

type Pdf = PDFKit.PDFDocument;

const hex = (color: string): string => `#${color}`;
const widthOf = (pdf: Pdf): number => pdf.page.width - 2 * MARGIN;
const bottomOf = (pdf: Pdf): number => pdf.page.height - MARGIN;

/** Starts a page when less than `height` is left, so that nothing is cut or left alone at the foot. */
const ensureRoom = (pdf: Pdf, height: number): void => {
  if (pdf.y + height > bottomOf(pdf)) pdf.addPage();
};

const paragraph = (pdf: Pdf, text: string, indent = 0): void => {
  const runs = runsOf(text);
  pdf.fontSize(BODY_SIZE).fillColor(hex(INK));
  ensureRoom(pdf, BODY_SIZE * 2.6);
  runs.forEach((run, index) => {
    const options = { continued: index < runs.length - 1, lineGap: 3, width: widthOf(pdf) - indent, ...FIGURES };
    pdf.font(run.bold ? 'bold' : 'regular');
    if (index === 0) pdf.text(run.text, MARGIN + indent, pdf.y, options);
    else pdf.text(run.text, options);
  });
  pdf.x = MARGIN;
  pdf.y += 5;
};

const bullets = (pdf: Pdf, items: readonly string[]): void => {
  for (const item of items) {
    ensureRoom(pdf, BODY_SIZE * 2.6);
    pdf.circle(MARGIN + 6, pdf.y + 6.5, 1.6).fill(hex(ACCENT));
    paragraph(pdf, item, 16);
  }
};

const drawRow = (pdf: Pdf, table: Table, cells: readonly string[], widths: readonly number[], head: boolean): void => {
  pdf.font(head ? 'bold' : 'regular').fontSize(TABLE_SIZE);
  const inner = (at: number): number => (widths[at] ?? 0) - 2 * CELL_PADDING;
  const height =
    Math.max(...cells.map((cell, at) => pdf.heightOfString(cell, { width: inner(at), ...FIGURES }))) + 2 * CELL_PADDING;
  const [top, width] = [pdf.y, widthOf(pdf)];
  if (head) pdf.rect(MARGIN, top, width, height).fill(hex(PAPER));
  let x = MARGIN;
  cells.forEach((cell, at) => {
    pdf.fillColor(hex(INK)).text(cell, x + CELL_PADDING, top + CELL_PADDING, {
      width: inner(at),
      align: isNumeric(table, at) ? 'right' : 'left',
      ...FIGURES,
    });
    x += widths[at] ?? 0;
  });
  pdf
    .moveTo(MARGIN, top + height)
    .lineTo(MARGIN + width, top + height)
    .lineWidth(0.5)
    .stroke(hex(RULE));
  pdf.x = MARGIN;
  pdf.y = top + height;
};

const drawTable = (pdf: Pdf, table: Table): void => {
  const widths = columnShares(table, LINE_LETTERS).map((share) => share * widthOf(pdf));
  const rows = table.rows.map((row) => row.map(formatCell));
  const heightOf = (cells: readonly string[]): number => {
    pdf.font('regular').fontSize(TABLE_SIZE);
    return (
      Math.max(
        ...cells.map((cell, at) =>
          pdf.heightOfString(cell, { width: (widths[at] ?? 0) - 2 * CELL_PADDING, ...FIGURES }),
        ),
      ) +
      2 * CELL_PADDING
    );
  };
  const whole = rows.reduce((sum, row) => sum + heightOf(row), 50);
  // A small table stays in one piece; a long one goes on overleaf, under its head again.
  ensureRoom(pdf, Math.min(whole, 160));
  if (table.title !== undefined) {
    pdf
      .font('bold')
      .fontSize(BODY_SIZE)
      .fillColor(hex(INK))
      .text(table.title, MARGIN, pdf.y, { width: widthOf(pdf) });
    pdf.y += 4;
  }
  drawRow(pdf, table, table.columns, widths, true);
  for (const row of rows) {
    if (pdf.y + heightOf(row) > bottomOf(pdf)) {
      pdf.addPage();
      drawRow(pdf, table, table.columns, widths, true);
    }
    drawRow(pdf, table, row, widths, false);
  }
  pdf.y += 12;
};

const drawMark = (pdf: Pdf, mark: Mark): void => {
  switch (mark.kind) {
    case 'path': {
      const [first, ...rest] = mark.points;
      if (first === undefined) return;
      pdf.moveTo(first[0], first[1]);
      for (const [x, y] of rest) pdf.lineTo(x, y);
      if (mark.dashed) pdf.dash(5, { space: 4 });
      pdf.lineWidth(mark.width).lineJoin('round').stroke(hex(mark.color));
      if (mark.dashed) pdf.undash();
      return;
    }
    case 'box':
      pdf.rect(mark.x, mark.y, mark.width, mark.height).fill(hex(mark.color));
      return;
    case 'dot':
      pdf.circle(mark.x, mark.y, mark.radius).fill(hex(mark.color));
      return;
    case 'text': {
      pdf
        .save()
        .font(mark.bold ? 'bold' : 'regular')
        .fontSize(mark.size)
        .fillColor(hex(mark.color));
      const width = pdf.widthOfString(mark.text, FIGURES);
      const start = mark.x - (mark.anchor === 'end' ? width : mark.anchor === 'middle' ? width / 2 : 0);
      if (mark.upward) pdf.rotate(-90, { origin: [mark.x, mark.y] });
      pdf.text(mark.text, start, mark.y - mark.size * 0.95, { lineBreak: false, ...FIGURES }).restore();
    }
  }
};

const chartBlock = (pdf: Pdf, chart: Chart): void => {
  ensureRoom(pdf, CHART_HEIGHT + 10);
  const top = pdf.y;
  pdf.save().translate(MARGIN - 10, top);
  for (const mark of drawChart(chart, widthOf(pdf) + 10, CHART_HEIGHT)) drawMark(pdf, mark);
  pdf.restore();
  pdf.x = MARGIN;
  pdf.y = top + CHART_HEIGHT + 14;
};

const drawBlock = (pdf: Pdf, block: Block): void => {
  if (typeof block === 'string') paragraph(pdf, block);
  else if ('bullets' in block) bullets(pdf, block.bullets);
  else if ('table' in block) drawTable(pdf, block.table);
  else chartBlock(pdf, block.chart);
};

const roomFor = (block: Block | undefined): number =>
  block === undefined || typeof block === 'string' || 'bullets' in block
    ? 60
    : 'chart' in block
      ? CHART_HEIGHT + 40
      : 130;

const titleBlock = (pdf: Pdf, { title, subtitle, author, date }: Report): void => {
  pdf
    .font('bold')
    .fontSize(22)
    .fillColor(hex(ACCENT))
    .text(title, MARGIN, MARGIN, { width: widthOf(pdf) });
  if (subtitle !== undefined)
    pdf
      .font('regular')
      .fontSize(12)
      .fillColor(hex(MUTED))
      .text(subtitle, { lineGap: 2, ...FIGURES });
  pdf.font('regular').fontSize(9).fillColor(hex(MUTED)).text(`${author} · ${date}`, FIGURES);
  pdf.y += 8;
  pdf
    .moveTo(MARGIN, pdf.y)
    .lineTo(MARGIN + widthOf(pdf), pdf.y)
    .lineWidth(0.8)
    .stroke(hex(RULE));
  pdf.y += 8;
};

const numberPages = (pdf: Pdf, title: string): void => {
  const { start, count } = pdf.bufferedPageRange();
  for (let page = start; page < start + count; page += 1) {
    pdf.switchToPage(page);
    // Text below the margin would otherwise start a page of its own.
    pdf.page.margins.bottom = 0;
    pdf.font('regular').fontSize(8).fillColor(hex(MUTED));
    pdf.text(`${title} · page ${page + 1} of ${count}`, MARGIN, pdf.page.height - 40, {
      width: widthOf(pdf),
      align: 'center',
      lineBreak: false,
      ...FIGURES,
    });
  }
};

/** A PDF report on A4: numbered pages, tables that repeat their head, charts drawn as vectors. Same input, same bytes. */
export const pdfReport = async (report: Report): Promise<Uint8Array> => {
  const created = new Date(`${report.date}T00:00:00Z`);
  const pdf = new PDFDocument({
    size: 'A4',
    margin: MARGIN,
    bufferPages: true,
    info: { Title: report.title, Author: report.author, CreationDate: created, ModDate: created },
  });
  const chunks: Uint8Array[] = [];
  pdf.on('data', (chunk: Uint8Array) => chunks.push(chunk));
  const ended = new Promise<void>((resolve, reject) => pdf.on('end', resolve).on('error', reject));
  pdf.registerFont('regular', REGULAR).registerFont('bold', BOLD);
  titleBlock(pdf, report);
  for (const { heading, body } of report.sections) {
    ensureRoom(pdf, 30 + roomFor(body[0]));
    pdf.y += 8;
    pdf
      .font('bold')
      .fontSize(14)
      .fillColor(hex(ACCENT))
      .text(heading, MARGIN, pdf.y, { width: widthOf(pdf) });
    pdf.y += 5;
    for (const block of body) drawBlock(pdf, block);
  }
  numberPages(pdf, report.title);
  pdf.end();
  await ended;
  return Buffer.concat(chunks);
};
