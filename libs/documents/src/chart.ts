import type { Axis, BarChart, Chart, LineChart } from './content.ts';
import { formatNumber } from './format.ts';
import { INK, MUTED, RULE, seriesColor } from './theme.ts';

/** What a chart is drawn with; SVG and PDF both render these. Colours are hex without the hash. */
export type Mark =
  | {
      readonly kind: 'path';
      readonly points: readonly Point[];
      readonly color: string;
      readonly width: number;
      readonly dashed: boolean;
    }
  | {
      readonly kind: 'box';
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
      readonly color: string;
    }
  | { readonly kind: 'dot'; readonly x: number; readonly y: number; readonly radius: number; readonly color: string }
  | {
      readonly kind: 'text';
      readonly x: number;
      readonly y: number;
      readonly text: string;
      readonly size: number;
      readonly color: string;
      readonly anchor: 'start' | 'middle' | 'end';
      readonly bold: boolean;
      readonly upward: boolean;
    };

type Point = readonly [number, number];

interface Frame {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

interface Scale {
  readonly ticks: readonly number[];
  readonly at: (value: number) => number;
  readonly label: (tick: number) => string;
}

const TEXT_SIZE = 9;
/** Width of a letter as a share of its size, on average, of the fonts in use. */
const LETTER = 0.56;
const DAY_MS = 86_400_000;

const text = (
  x: number,
  y: number,
  content: string,
  options: {
    size?: number;
    color?: string;
    anchor?: 'start' | 'middle' | 'end';
    bold?: boolean;
    upward?: boolean;
  } = {},
): Mark => ({
  kind: 'text',
  x,
  y,
  text: content,
  size: options.size ?? TEXT_SIZE,
  color: options.color ?? MUTED,
  anchor: options.anchor ?? 'start',
  bold: options.bold ?? false,
  upward: options.upward ?? false,
});

const path = (points: readonly Point[], color: string, width: number, dashed = false): Mark => ({
  kind: 'path',
  points,
  color,
  width,
  dashed,
});

const shortened = (label: string, letters: number): string =>
  label.length <= letters ? label : `${label.slice(0, Math.max(1, letters - 1))}…`;

/** Round steps of 1, 2 or 5 that cover the range in about `count` ticks. */
const ticksOf = (low: number, high: number, count: number): number[] => {
  const rough = (high - low) / count;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * magnitude).find((size) => size >= rough) ?? magnitude * 10;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
};

/** Whole days that part the range evenly. */
const daysOf = (low: number, high: number, count: number): number[] =>
  Array.from(
    { length: count },
    (_, index) => Math.round((low + ((high - low) * index) / (count - 1)) / DAY_MS) * DAY_MS,
  );

const scaleOf = (axis: Axis, values: readonly number[], from: number, to: number): Scale => {
  const finite = values.filter(Number.isFinite);
  const smallest = finite.reduce((least, value) => Math.min(least, value), Infinity);
  const largest = finite.reduce((most, value) => Math.max(most, value), -Infinity);
  const wantedLow = axis.min ?? (finite.length > 0 ? smallest : 0);
  const wantedHigh = axis.max ?? (finite.length > 0 ? largest : 1);
  const room = wantedHigh > wantedLow ? 0 : Math.abs(wantedLow) / 10 || 1;
  const [low, high] = [wantedLow - (axis.min === undefined ? room : 0), wantedHigh + room];
  const count = Math.abs(to - from) < 90 ? 3 : 5;
  const ticks = axis.scale === 'day' ? daysOf(low, high, count) : ticksOf(low, high, count);
  const step = (ticks[1] ?? high) - (ticks[0] ?? low);
  const bottom = axis.min ?? (axis.scale === 'day' ? low : Math.min(low, Math.floor(low / step + 1e-9) * step));
  const top = axis.max ?? (axis.scale === 'day' ? high : Math.max(high, Math.ceil(high / step - 1e-9) * step));
  return {
    ticks: axis.scale === 'day' ? ticks : ticksOf(bottom, top, count),
    at: (value) => from + ((value - bottom) / (top - bottom)) * (to - from),
    label: (tick) => (axis.scale === 'day' ? new Date(tick).toISOString().slice(0, 10) : formatNumber(tick)),
  };
};

const widest = (labels: readonly string[]): number =>
  labels.reduce((most, label) => Math.max(most, label.length), 0) * TEXT_SIZE * LETTER;

/** Legend under the title: names with their colour, wrapped to the width. Answers the height it took. */
const legend = (
  names: readonly string[],
  dashed: (index: number) => boolean,
  left: number,
  right: number,
  top: number,
) => {
  const marks: Mark[] = [];
  let [x, y] = [left, top];
  names.forEach((name, index) => {
    const label = shortened(name, Math.floor((right - left - 22) / (TEXT_SIZE * LETTER)));
    const width = 22 + label.length * TEXT_SIZE * LETTER + 12;
    if (x > left && x + width > right) [x, y] = [left, y + 14];
    marks.push(
      path(
        [
          [x, y - 3],
          [x + 16, y - 3],
        ],
        seriesColor(index),
        2.5,
        dashed(index),
      ),
    );
    marks.push(text(x + 21, y, label, { color: INK }));
    x += width;
  });
  return { marks, bottom: y };
};

const valueAxis = (scale: Scale, frame: Frame, label: string): Mark[] => [
  ...scale.ticks.flatMap((tick) => {
    const y = scale.at(tick);
    return [
      path(
        [
          [frame.left, y],
          [frame.right, y],
        ],
        RULE,
        0.5,
      ),
      text(frame.left - 6, y + 3, scale.label(tick), { anchor: 'end' }),
    ];
  }),
  text(
    12,
    (frame.top + frame.bottom) / 2,
    shortened(label, Math.floor((frame.bottom - frame.top) / (TEXT_SIZE * LETTER))),
    { anchor: 'middle', upward: true },
  ),
];

const lineChart = (
  chart: LineChart,
  width: number,
  height: number,
  head: { marks: Mark[]; bottom: number },
): Mark[] => {
  const points = chart.series.flatMap((series) => series.points);
  const [top, bottom] = [head.bottom + 14, height - 34];
  const y = scaleOf(
    chart.y,
    points.map(([, value]) => value),
    bottom,
    top,
  );
  const frame = { left: 26 + widest(y.ticks.map(y.label)), top, right: width - 16, bottom };
  const x = scaleOf(
    chart.x,
    points.map(([value]) => value),
    frame.left,
    frame.right,
  );
  const curves = chart.series.flatMap(({ points: curve, style = 'solid' }, index): Mark[] => {
    const placed = curve
      .filter(([a, b]) => Number.isFinite(a) && Number.isFinite(b))
      .map(([a, b]): Point => [x.at(a), y.at(b)]);
    const dots = placed.map(([a, b]): Mark => ({ kind: 'dot', x: a, y: b, radius: 2.4, color: seriesColor(index) }));
    const line = path(placed, seriesColor(index), 1.6, style === 'dashed');
    return [...(style === 'points' ? [] : [line]), ...(style.endsWith('points') ? dots : [])];
  });
  return [
    ...valueAxis(y, frame, chart.y.label),
    ...x.ticks.map((tick) => text(x.at(tick), bottom + 13, x.label(tick), { anchor: 'middle' })),
    path(
      [
        [frame.left, bottom],
        [frame.right, bottom],
      ],
      MUTED,
      0.8,
    ),
    text((frame.left + frame.right) / 2, height - 6, chart.x.label, { anchor: 'middle' }),
    ...curves,
  ];
};

const columnChart = (chart: BarChart, width: number, height: number, head: { bottom: number }): Mark[] => {
  const [top, bottom] = [head.bottom + 14, height - 34];
  const y = scaleOf(chart.y, [0, ...chart.series.flatMap(({ values }) => values)], bottom, top);
  const frame = { left: 26 + widest(y.ticks.map(y.label)), top, right: width - 16, bottom };
  const slot = (frame.right - frame.left) / Math.max(1, chart.categories.length);
  const bar = (slot * 0.76) / Math.max(1, chart.series.length);
  const letters = Math.floor(slot / (TEXT_SIZE * LETTER));
  // Labels that would not fit their slot show for every n-th category only.
  const every = Math.max(1, Math.ceil(Math.min(widest(chart.categories) + 8, 90) / slot));
  const bars = chart.series.flatMap(({ values }, index) =>
    values.map((value, at): Mark => {
      const [zero, end] = [y.at(0), y.at(value)];
      const x = frame.left + slot * at + slot * 0.12 + bar * index;
      return {
        kind: 'box',
        x,
        y: Math.min(zero, end),
        width: bar * 0.94,
        height: Math.abs(zero - end),
        color: seriesColor(index),
      };
    }),
  );
  const labels = chart.categories.flatMap((category, at) =>
    at % every === 0
      ? [text(frame.left + slot * (at + 0.5), bottom + 13, shortened(category, letters * every), { anchor: 'middle' })]
      : [],
  );
  return [
    ...valueAxis(y, frame, chart.y.label),
    ...bars,
    path(
      [
        [frame.left, y.at(0)],
        [frame.right, y.at(0)],
      ],
      MUTED,
      0.8,
    ),
    ...labels,
  ];
};

const rowChart = (chart: BarChart, width: number, height: number, head: { bottom: number }): Mark[] => {
  const [top, bottom] = [head.bottom + 10, height - 34];
  const left = 14 + Math.min(widest(chart.categories), width * 0.36);
  const x = scaleOf(chart.y, [0, ...chart.series.flatMap(({ values }) => values)], left, width - 24);
  const slot = (bottom - top) / Math.max(1, chart.categories.length);
  const bar = (slot * 0.76) / Math.max(1, chart.series.length);
  const letters = Math.floor((left - 14) / (TEXT_SIZE * LETTER)) + 1;
  const bars = chart.series.flatMap(({ values }, index) =>
    values.map((value, at): Mark => {
      const [zero, end] = [x.at(0), x.at(value)];
      const y = top + slot * at + slot * 0.12 + bar * index;
      return {
        kind: 'box',
        x: Math.min(zero, end),
        y,
        width: Math.abs(zero - end),
        height: bar * 0.94,
        color: seriesColor(index),
      };
    }),
  );
  return [
    ...x.ticks.flatMap((tick) => [
      path(
        [
          [x.at(tick), top],
          [x.at(tick), bottom],
        ],
        RULE,
        0.5,
      ),
      text(x.at(tick), bottom + 13, x.label(tick), { anchor: 'middle' }),
    ]),
    ...bars,
    path(
      [
        [x.at(0), top],
        [x.at(0), bottom],
      ],
      MUTED,
      0.8,
    ),
    ...chart.categories.map((category, at) =>
      text(left - 6, top + slot * (at + 0.5) + 3, shortened(category, letters), { anchor: 'end', color: INK }),
    ),
    text((left + width) / 2, height - 6, chart.y.label, { anchor: 'middle' }),
  ];
};

/** Lays a chart out in a box with its origin at the top left, in points or pixels. */
export const drawChart = (chart: Chart, width: number, height: number): Mark[] => {
  const title = text(14, 18, shortened(chart.title, Math.floor((width - 28) / (12 * LETTER))), {
    size: 12,
    color: INK,
    bold: true,
  });
  const names = chart.series.map(({ name }) => name);
  const dashed = (index: number): boolean => chart.kind === 'line' && chart.series[index]?.style === 'dashed';
  const head = names.length > 1 ? legend(names, dashed, 14, width - 16, 36) : { marks: [], bottom: 20 };
  const plot =
    chart.kind === 'line'
      ? lineChart(chart, width, height, head)
      : chart.horizontal === true
        ? rowChart(chart, width, height, head)
        : columnChart(chart, width, height, head);
  return [title, ...head.marks, ...plot];
};

const escapeXml = (content: string): string =>
  content.replace(/[&<>"]/g, (letter) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[letter] ?? letter);

const round = (value: number): number => Math.round(value * 100) / 100;

const svgOf = (mark: Mark): string => {
  switch (mark.kind) {
    case 'path': {
      const points = mark.points.map(([x, y]) => `${round(x)},${round(y)}`).join(' ');
      const dash = mark.dashed ? ' stroke-dasharray="5 4"' : '';
      return `<polyline points="${points}" fill="none" stroke="#${mark.color}" stroke-width="${mark.width}"${dash}/>`;
    }
    case 'box':
      return `<rect x="${round(mark.x)}" y="${round(mark.y)}" width="${round(mark.width)}" height="${round(mark.height)}" fill="#${mark.color}"/>`;
    case 'dot':
      return `<circle cx="${round(mark.x)}" cy="${round(mark.y)}" r="${mark.radius}" fill="#${mark.color}"/>`;
    case 'text': {
      const [x, y] = [round(mark.x), round(mark.y)];
      const weight = mark.bold ? ' font-weight="bold"' : '';
      const turn = mark.upward ? ` transform="rotate(-90 ${x} ${y})"` : '';
      return `<text x="${x}" y="${y}" font-size="${mark.size}" fill="#${mark.color}" text-anchor="${mark.anchor}"${weight}${turn}>${escapeXml(mark.text)}</text>`;
    }
  }
};

/** The chart as an SVG element of its own, for notebooks and as a file that Markdown links to. */
export const svgChart = (
  chart: Chart,
  size: { width: number; height: number } = { width: 640, height: 360 },
): string => {
  const { width, height } = size;
  const marks = drawChart(chart, width, height).map(svgOf).join('');
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ` +
    `font-family="Inter, Helvetica, Arial, sans-serif" role="img" aria-label="${escapeXml(chart.title)}">` +
    `<rect width="${width}" height="${height}" fill="#FFFFFF"/>${marks}</svg>\n`
  );
};
