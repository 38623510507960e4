import {
  AlignmentType,
  BorderStyle,
  Document,
  Footer,
  HeadingLevel,
  LevelFormat,
  LineRuleType,
  Packer,
  PageNumber,
  Paragraph,
  Table as WordTable,
  TableCell,
  TableLayoutType,
  TableRow,
  TextRun,
  VerticalAlign,
  WidthType,
} from 'docx';
import { ChartRun, type ChartValueAxis } from 'docx/charts';
import type { Axis, Block, Chart, Report, Table } from './content.ts';
import { formatCell } from './format.ts';
import { columnShares, isNumeric, OFFICE_DAY_FORMAT, officeValue, runsOf, upward } from './layout.ts';
import { stablePackage } from './office-package.ts';
import { ACCENT, INK, MUTED, PAPER, RULE, seriesColor } from './theme.ts';

// Twentieths of a point: A4 with margins of 2.5 cm.
const PAGE = { width: 11_906, height: 16_838 };
const MARGIN = 1418;
const TEXT_WIDTH = PAGE.width - 2 * MARGIN;
/** Of a table's text. */
const LINE_LETTERS = 84;

const paragraph = (text: string, bulleted = false): Paragraph =>
  new Paragraph({
    children: runsOf(text).map((run) => new TextRun(run)),
    spacing: { after: bulleted ? 60 : 140 },
    ...(bulleted && { numbering: { reference: 'bullets', level: 0 } }),
  });

const tableOf = (table: Table): WordTable => {
  const widths = columnShares(table, LINE_LETTERS).map((share) => Math.round(share * TEXT_WIDTH));
  const cell = (text: string, at: number, head: boolean): TableCell =>
    new TableCell({
      width: { size: widths[at] ?? 0, type: WidthType.DXA },
      margins: { top: 50, bottom: 50, left: 90, right: 90 },
      verticalAlign: head ? VerticalAlign.BOTTOM : VerticalAlign.TOP,
      ...(head && { shading: { fill: PAPER } }),
      children: [
        new Paragraph({
          alignment: isNumeric(table, at) ? AlignmentType.RIGHT : AlignmentType.LEFT,
          children: runsOf(text).map((run) => new TextRun({ ...run, bold: head || run.bold, size: 19 })),
        }),
      ],
    });
  const line = { style: BorderStyle.SINGLE, size: 4, color: RULE };
  const none = { style: BorderStyle.NONE, size: 0, color: 'auto' };
  return new WordTable({
    width: { size: TEXT_WIDTH, type: WidthType.DXA },
    columnWidths: widths,
    layout: TableLayoutType.FIXED,
    borders: { top: line, bottom: line, insideHorizontal: line, left: none, right: none, insideVertical: none },
    rows: [
      new TableRow({
        tableHeader: true,
        cantSplit: true,
        children: table.columns.map((name, at) => cell(name, at, true)),
      }),
      ...table.rows.map(
        (row) =>
          new TableRow({ cantSplit: true, children: row.map((value, at) => cell(formatCell(value), at, false)) }),
      ),
    ],
  });
};

const axisOf = ({ label, min, max, scale }: Axis): ChartValueAxis => ({
  title: label,
  ...(scale === 'day' && { numberFormat: OFFICE_DAY_FORMAT }),
  ...(min !== undefined && { minimum: min }),
  ...(max !== undefined && { maximum: max }),
});

const chartOf = (chart: Chart): Paragraph => {
  const frame = { title: chart.title, transformation: { width: 600, height: 320 } };
  const run =
    chart.kind === 'bar'
      ? new ChartRun({
          ...frame,
          type: chart.horizontal === true ? 'bar' : 'column',
          categories: upward(chart, chart.categories),
          series: chart.series.map(({ name, values }, index) => ({
            name,
            values: upward(chart, values),
            color: seriesColor(index),
          })),
          valueAxis: axisOf(chart.y),
        })
      : new ChartRun({
          ...frame,
          type: 'scatter',
          lines: 'straight',
          markers: false,
          series: chart.series.map(({ name, points, style = 'solid' }, index) => ({
            name,
            points: points.map(([x, y]) => ({ x: officeValue(chart.x, x), y })),
            color: seriesColor(index),
            ...(style === 'dashed' && { line: { dash: 'dash' } }),
            ...(style.endsWith('points') && { markers: true }),
          })),
          xAxis: axisOf(chart.x),
          yAxis: axisOf(chart.y),
        });
  return new Paragraph({ children: [run], spacing: { before: 120, after: 160 } });
};

const blockOf = (block: Block): (Paragraph | WordTable)[] => {
  if (typeof block === 'string') return [paragraph(block)];
  if ('bullets' in block) return block.bullets.map((item) => paragraph(item, true));
  if ('chart' in block) return [chartOf(block.chart)];
  const title = block.table.title;
  return [
    ...(title === undefined
      ? []
      : [
          new Paragraph({
            keepNext: true,
            spacing: { before: 80, after: 80 },
            children: [new TextRun({ text: title, bold: true, size: 20 })],
          }),
        ]),
    tableOf(block.table),
    new Paragraph({ spacing: { after: 100 } }),
  ];
};

const styles = {
  default: {
    document: {
      run: { font: 'Calibri', size: 22, color: INK },
      paragraph: { spacing: { line: 276, lineRule: LineRuleType.AUTO } },
    },
    heading1: {
      run: { size: 28, bold: true, color: ACCENT },
      paragraph: { spacing: { before: 320, after: 120 }, keepNext: true },
    },
    title: { run: { size: 44, bold: true, color: ACCENT }, paragraph: { spacing: { after: 60 } } },
  },
};

/** A Word document (.docx) on A4, with a title block, numbered pages, and native tables and charts. */
export const wordDocument = async (report: Report): Promise<Uint8Array> => {
  const { title, subtitle, author, date, sections } = report;
  const small = (text: string): TextRun => new TextRun({ text, color: MUTED, size: 18 });
  const footer = new Footer({
    children: [
      new Paragraph({
        alignment: AlignmentType.CENTER,
        children: [
          small(`${title} · ${date} · page `),
          new TextRun({ children: [PageNumber.CURRENT, ' of ', PageNumber.TOTAL_PAGES], color: MUTED, size: 18 }),
        ],
      }),
    ],
  });
  const document = new Document({
    title,
    creator: author,
    lastModifiedBy: author,
    ...(subtitle !== undefined && { description: subtitle }),
    styles,
    numbering: {
      config: [
        {
          reference: 'bullets',
          levels: [
            {
              level: 0,
              format: LevelFormat.BULLET,
              text: '•',
              style: { paragraph: { indent: { left: 400, hanging: 260 } } },
            },
          ],
        },
      ],
    },
    sections: [
      {
        properties: { page: { size: PAGE, margin: { top: MARGIN, bottom: MARGIN, left: MARGIN, right: MARGIN } } },
        footers: { default: footer },
        children: [
          new Paragraph({ text: title, heading: HeadingLevel.TITLE }),
          ...(subtitle === undefined
            ? []
            : [new Paragraph({ children: [new TextRun({ text: subtitle, size: 26, color: MUTED })] })]),
          new Paragraph({
            children: [small(`${author} · ${date}`)],
            spacing: { after: 240 },
            border: { bottom: { style: BorderStyle.SINGLE, size: 6, color: RULE, space: 6 } },
          }),
          ...sections.flatMap(({ heading, body }) => [
            new Paragraph({ text: heading, heading: HeadingLevel.HEADING_1 }),
            ...body.flatMap(blockOf),
          ]),
        ],
      },
    ],
  });
  return stablePackage(await Packer.toBuffer(document), date);
};
