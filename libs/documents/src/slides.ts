import { createRequire } from 'node:module';
import type pptxgenjs from 'pptxgenjs';
import type { Chart, Deck, Flow, LineChart, Slide, Table } from './content.ts';
import { formatCell } from './format.ts';
import { columnShares, isNumeric, runsOf, upward } from './layout.ts';
import { stablePackage } from './office-package.ts';
import { ACCENT, INK, MUTED, PAPER, RULE, SERIES, seriesColor } from './theme.ts';

type Pptx = pptxgenjs.default;
// Its ES module is not marked as one, so that Node warns when it is imported.
const Pptx = createRequire(import.meta.url)('pptxgenjs') as typeof pptxgenjs.default;

// Inches, on a slide of 13.33 by 7.5.
const WIDTH = 13.33;
const MARGIN = 0.6;
const BODY_TOP = 1.35;
const FONT = 'Calibri';

interface Area {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}
type Page = pptxgenjs.default.Slide;
type SlideBlock = Slide['body'][number];

const bodySize = (letters: number, area: Area): number => {
  const room = area.w * area.h;
  const density = letters / room;
  return density > 26 ? 13 : density > 16 ? 16 : 20;
};

const addText = (page: Page, paragraphs: readonly string[], bulleted: boolean, area: Area): void => {
  const fontSize = bodySize(paragraphs.join('').length, area);
  const runs = paragraphs.flatMap((paragraph) => {
    const parts = runsOf(paragraph);
    return parts.map(({ text, bold }, index) => ({
      text,
      options: {
        bold,
        breakLine: index === parts.length - 1,
        ...(bulleted && index === 0 && { bullet: { indent: 16 } }),
      },
    }));
  });
  page.addText(runs, { ...area, fontFace: FONT, fontSize, color: INK, valign: 'top', margin: 0, paraSpaceAfter: 8 });
};

/** The largest type in which the table fits the height, by an estimate of where its cells break. */
const fitTable = (table: Table, width: number, height: number) => {
  const fits = [16, 14, 12, 11, 10, 9].map((fontSize) => {
    const letters = (width * 72) / (fontSize * 0.56);
    const shares = columnShares(table, letters);
    const linesOf = (cells: readonly string[]): number =>
      Math.max(...cells.map((cell, at) => Math.ceil(cell.length / Math.max(1, (shares[at] ?? 0) * letters - 2))));
    const heights = [table.columns, ...table.rows.map((row) => row.map(formatCell))].map(
      (cells) => (linesOf(cells) * fontSize * 1.25) / 72 + 0.14,
    );
    return { fontSize, shares, heights, total: heights.reduce((sum, row) => sum + row, 0) };
  });
  const fit = fits.find(({ total }) => total <= height);
  if (fit === undefined) throw new Error(`a table of ${table.rows.length} rows does not fit a slide`);
  return fit;
};

const addTable = (page: Page, table: Table, area: Area): void => {
  const title = table.title === undefined ? 0 : 0.45;
  if (table.title !== undefined) {
    page.addText(table.title, { ...area, h: 0.4, fontFace: FONT, fontSize: 16, bold: true, color: INK, margin: 0 });
  }
  const { fontSize, shares, heights } = fitTable(table, area.w, area.h - title);
  const align = (at: number): 'right' | 'left' => (isNumeric(table, at) ? 'right' : 'left');
  const line = { type: 'solid' as const, color: RULE, pt: 0.75 };
  const none = { type: 'none' as const };
  page.addTable(
    [
      table.columns.map((text, at) => ({ text, options: { bold: true, fill: { color: PAPER }, align: align(at) } })),
      ...table.rows.map((row) => row.map((cell, at) => ({ text: formatCell(cell), options: { align: align(at) } }))),
    ],
    {
      x: area.x,
      y: area.y + title,
      w: area.w,
      colW: shares.map((share) => share * area.w),
      rowH: heights,
      fontFace: FONT,
      fontSize,
      color: INK,
      valign: 'middle',
      margin: [0.03, 0.08, 0.03, 0.08],
      border: [line, none, line, none],
    },
  );
};

/**
 * Native charts share one axis of x: all series' values, in order. A series without a value there leaves a gap that
 * its line spans.
 */
const alignedSeries = (chart: LineChart): { xs: number[]; series: { name: string; values: number[] }[] } => {
  const xs = [...new Set(chart.series.flatMap(({ points }) => points.map(([x]) => x)))].toSorted((a, b) => a - b);
  const series = chart.series.map(({ name, points }) => {
    const byX = new Map(points);
    // The library writes a missing value as an empty cell, though its types know numbers only.
    return { name, values: xs.map((x) => byX.get(x) ?? (null as unknown as number)) };
  });
  return { xs, series };
};

const addChart = (deck: Pptx, page: Page, chart: Chart, area: Area): void => {
  const frame = {
    ...area,
    showTitle: true,
    title: chart.title,
    titleFontFace: FONT,
    titleFontSize: 14,
    titleColor: INK,
    showLegend: chart.series.length > 1,
    legendPos: 'b' as const,
    legendFontFace: FONT,
    // Dashes cannot be had here; what would be dashed, such as a baseline, is grey.
    chartColors: chart.series.map((series, index) =>
      'style' in series && series.style === 'dashed' ? MUTED : seriesColor(index),
    ),
    catAxisLabelFontFace: FONT,
    catAxisLabelFontSize: 11,
    valAxisLabelFontFace: FONT,
    valAxisLabelFontSize: 11,
    valGridLine: { color: RULE, size: 0.5 },
    showValAxisTitle: true,
    valAxisTitle: chart.y.label,
    valAxisTitleFontSize: 11,
    ...(chart.y.min !== undefined && { valAxisMinVal: chart.y.min }),
    ...(chart.y.max !== undefined && { valAxisMaxVal: chart.y.max }),
  };
  if (chart.kind === 'bar') {
    const data = chart.series.map(({ name, values }) => ({
      name,
      labels: upward(chart, chart.categories),
      values: upward(chart, values),
    }));
    page.addChart(deck.ChartType.bar, data, {
      ...frame,
      barDir: chart.horizontal === true ? 'bar' : 'col',
      barGapWidthPct: 60,
    });
    return;
  }
  const { xs, series } = alignedSeries(chart);
  const lines = {
    ...frame,
    lineSize: 2,
    lineDataSymbol: chart.series.some(({ style }) => style?.endsWith('points')) ? 'circle' : 'none',
    displayBlanksAs: 'span',
    showCatAxisTitle: true,
    catAxisTitle: chart.x.label,
    catAxisTitleFontSize: 11,
  } as const;
  if (chart.x.scale === 'day') {
    const labels = xs.map((day) => new Date(day).toISOString().slice(0, 10));
    page.addChart(
      deck.ChartType.line,
      series.map((one) => ({ ...one, labels })),
      lines,
    );
    return;
  }
  page.addChart(deck.ChartType.scatter, [{ name: chart.x.label, values: xs }, ...series], {
    ...lines,
    ...(chart.x.min !== undefined && { catAxisMinVal: chart.x.min }),
    ...(chart.x.max !== undefined && { catAxisMaxVal: chart.x.max }),
  });
};

type Node = Flow['nodes'][number];

const boxesOf = (flow: Flow, area: Area): Map<string, Area> => {
  const columns = Math.max(...flow.nodes.map(({ column }) => column)) + 1;
  const rows = Math.max(...flow.nodes.map(({ row }) => row)) + 1;
  const [cellW, cellH] = [area.w / columns, area.h / rows];
  const [w, h] = [Math.min(cellW * 0.7, 2.6), Math.min(cellH * 0.66, 1.25)];
  return new Map(
    flow.nodes.map(({ id, column, row }) => [
      id,
      { x: area.x + cellW * (column + 0.5) - w / 2, y: area.y + cellH * (row + 0.5) - h / 2, w, h },
    ]),
  );
};

const center = ({ x, y, w, h }: Area): [number, number] => [x + w / 2, y + h / 2];

/** Where an arrow leaves one box and meets the other: it meets a box of another row from above or below. */
const endsOf = (from: Area, to: Area): { start: [number, number]; end: [number, number] } => {
  const [[fx, fy], [tx, ty]] = [center(from), center(to)];
  const side: [number, number] = [tx > fx ? from.x + from.w : from.x, fy];
  if (Math.abs(fy - ty) < 0.01) return { start: side, end: [tx > fx ? to.x : to.x + to.w, ty] };
  const end: [number, number] = [tx, ty > fy ? to.y : to.y + to.h];
  return { start: Math.abs(fx - tx) < 0.01 ? [fx, ty > fy ? from.y + from.h : from.y] : side, end };
};

const addArrow = (deck: Pptx, page: Page, from: Area, to: Area, label: string | undefined): void => {
  const { start, end } = endsOf(from, to);
  const box = {
    x: Math.min(start[0], end[0]),
    y: Math.min(start[1], end[1]),
    w: Math.abs(start[0] - end[0]),
    h: Math.abs(start[1] - end[1]),
  };
  page.addShape(deck.ShapeType.line, {
    ...box,
    flipH: end[0] < start[0],
    flipV: end[1] < start[1],
    line: { color: MUTED, width: 1.5, endArrowType: 'triangle' },
  });
  if (label === undefined) return;
  const [x, y] = [(start[0] + end[0]) / 2, (start[1] + end[1]) / 2];
  const upright = box.w < 0.01;
  page.addText(label, {
    x: upright ? x + 0.05 : x - 0.6,
    y: upright ? y - 0.14 : y - 0.32,
    w: 1.2,
    h: 0.28,
    align: upright ? 'left' : 'center',
    fontFace: FONT,
    fontSize: 10,
    color: MUTED,
    margin: 0,
    ...(!upright && box.h > 0.01 && { fill: { color: 'FFFFFF' } }),
  });
};

const addNode = (deck: Pptx, page: Page, node: Node, box: Area): void => {
  const isStore = node.shape === 'store';
  page.addText(
    [
      { text: node.label, options: { bold: true, fontSize: 13, breakLine: node.note !== undefined } },
      ...(node.note === undefined
        ? []
        : [{ text: node.note, options: { fontSize: 10.5, color: isStore ? INK : 'E4EEF2' } }]),
    ],
    {
      ...box,
      shape: isStore ? deck.ShapeType.can : deck.ShapeType.roundRect,
      ...(!isStore && { rectRadius: 0.08 }),
      fill: { color: isStore ? PAPER : ACCENT },
      line: { color: isStore ? MUTED : ACCENT, width: 1 },
      color: isStore ? INK : 'FFFFFF',
      fontFace: FONT,
      align: 'center',
      valign: 'middle',
      margin: 4,
    },
  );
};

const addFlow = (deck: Pptx, page: Page, flow: Flow, area: Area): void => {
  const boxes = boxesOf(flow, area);
  const boxOf = (id: string): Area => {
    const box = boxes.get(id);
    if (box === undefined) throw new Error(`an arrow names "${id}", which is no node of the flow`);
    return box;
  };
  for (const { from, to, label } of flow.arrows) addArrow(deck, page, boxOf(from), boxOf(to), label);
  for (const node of flow.nodes) addNode(deck, page, node, boxOf(node.id));
};

const addBlock = (deck: Pptx, page: Page, block: SlideBlock, area: Area): void => {
  if (typeof block === 'string') addText(page, [block], false, area);
  else if ('bullets' in block) addText(page, block.bullets, true, area);
  else if ('table' in block) addTable(page, block.table, area);
  else if ('chart' in block) addChart(deck, page, block.chart, area);
  else addFlow(deck, page, block.flow, area);
};

const areasFor = (body: readonly SlideBlock[], height: number): Area[] => {
  const gap = 0.5;
  const w = (WIDTH - 2 * MARGIN - gap * (body.length - 1)) / body.length;
  return body.map((_, at) => ({ x: MARGIN + (w + gap) * at, y: BODY_TOP, w, h: height }));
};

const addSlide = (deck: Pptx, slide: Slide, at: number, footer: string): void => {
  if (slide.body.length < 1 || slide.body.length > 2)
    throw new Error(`slide "${slide.title}" has ${slide.body.length} blocks; one or two fit`);
  const page = deck.addSlide();
  page.addText(slide.title, {
    x: MARGIN,
    y: 0.4,
    w: WIDTH - 2 * MARGIN,
    h: 0.7,
    fontFace: FONT,
    fontSize: 28,
    bold: true,
    color: ACCENT,
    margin: 0,
    valign: 'middle',
    fit: 'shrink',
  });
  page.addShape(deck.ShapeType.rect, {
    x: MARGIN,
    y: 1.12,
    w: 0.9,
    h: 0.05,
    fill: { color: SERIES[1] },
    line: { color: SERIES[1], width: 0 },
  });
  const areas = areasFor(slide.body, slide.message === undefined ? 5.4 : 4.65);
  slide.body.forEach((block, index) => {
    const area = areas[index];
    if (area !== undefined) addBlock(deck, page, block, area);
  });
  if (slide.message !== undefined) {
    page.addText(slide.message, {
      x: MARGIN,
      y: 6.15,
      w: WIDTH - 2 * MARGIN,
      h: 0.65,
      fontFace: FONT,
      fontSize: 16,
      bold: true,
      color: ACCENT,
      fill: { color: PAPER },
      margin: [0, 12, 0, 12],
      valign: 'middle',
      fit: 'shrink',
    });
  }
  page.addText(`${footer} · ${at + 2}`, {
    x: MARGIN,
    y: 7.02,
    w: WIDTH - 2 * MARGIN,
    h: 0.3,
    fontFace: FONT,
    fontSize: 10,
    color: MUTED,
    margin: 0,
    align: 'right',
  });
};

const addCover = (deck: Pptx, { title, subtitle, author, date }: Deck): void => {
  const cover = deck.addSlide();
  cover.background = { color: ACCENT };
  cover.addText(title, {
    x: 0.9,
    y: 2.2,
    w: 11.5,
    h: 1.5,
    fontFace: FONT,
    fontSize: 42,
    bold: true,
    color: 'FFFFFF',
    margin: 0,
    valign: 'bottom',
    fit: 'shrink',
  });
  if (subtitle !== undefined)
    cover.addText(subtitle, {
      x: 0.9,
      y: 3.9,
      w: 11.5,
      h: 1,
      fontFace: FONT,
      fontSize: 20,
      color: 'D6E4EA',
      margin: 0,
      valign: 'top',
    });
  cover.addText(`${author} · ${date}`, {
    x: 0.9,
    y: 6.5,
    w: 11.5,
    h: 0.4,
    fontFace: FONT,
    fontSize: 14,
    color: 'D6E4EA',
    margin: 0,
  });
};

/** A PowerPoint deck (.pptx), wide, with a cover and then the slides; tables, charts and flows are native and editable. */
export const slides = async (deck: Deck): Promise<Uint8Array> => {
  const file = new Pptx();
  file.layout = 'LAYOUT_WIDE';
  file.title = deck.title;
  file.author = deck.author;
  file.company = deck.author;
  file.theme = { headFontFace: FONT, bodyFontFace: FONT };
  addCover(file, deck);
  deck.slides.forEach((slide, at) => addSlide(file, slide, at, deck.title));
  const bytes = await file.write({ outputType: 'uint8array' });
  if (!(bytes instanceof Uint8Array)) throw new Error('the deck was not written as bytes');
  return stablePackage(bytes, deck.date);
};
