/** What a table's cell may hold; null and undefined show as a dash. Numbers are formatted by `formatCell`. */
export type Cell = string | number | boolean | null | undefined;

/** One table for every kind of document. `rows` have as many cells as there are columns. */
export interface Table {
  readonly title?: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface Series {
  readonly name: string;
  /** [x, y]; in the order in which a line joins them. */
  readonly points: readonly (readonly [number, number])[];
  /** `solid` when not given. */
  readonly style?: 'solid' | 'dashed' | 'points' | 'solid-with-points';
}

/** An axis; without `min` and `max` it fits the data. */
export interface Axis {
  readonly label: string;
  readonly min?: number;
  readonly max?: number;
  /** `day`: the numbers are milliseconds since 1970 and show as ISO days. */
  readonly scale?: 'number' | 'day';
}

/** Lines and points over two numeric axes: a ROC curve, a calibration plot, a metric over time. */
export interface LineChart {
  readonly kind: 'line';
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

/** Bars over categories, side by side for each series: a histogram, importances, classes. */
export interface BarChart {
  readonly kind: 'bar';
  readonly title: string;
  readonly categories: readonly string[];
  readonly y: Axis;
  /** As many values as there are categories. */
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
  /** Horizontal bars leave room for long names. */
  readonly horizontal?: boolean;
}

export type Chart = LineChart | BarChart;

/** A paragraph, in which **two stars** set bold; a list; a table; a chart. */
export type Block =
  string | { readonly bullets: readonly string[] } | { readonly table: Table } | { readonly chart: Chart };

export interface Section {
  readonly heading: string;
  readonly body: readonly Block[];
}

/** What Word documents and PDF reports are made of. */
export interface Report {
  readonly title: string;
  readonly subtitle?: string;
  /** Who hands it over. */
  readonly author: string;
  /** ISO day, `2026-11-21`. The same content and date give the same bytes. */
  readonly date: string;
  readonly sections: readonly Section[];
}

/** Boxes on a grid and the arrows between them. */
export interface Flow {
  readonly nodes: readonly {
    readonly id: string;
    readonly label: string;
    /** A second, smaller line. */
    readonly note?: string;
    /** From 0, left to right. */
    readonly column: number;
    /** From 0, top to bottom. */
    readonly row: number;
    /** `store` draws a cylinder; `step`, a rounded box, when not given. */
    readonly shape?: 'step' | 'store';
  }[];
  /** By node id. */
  readonly arrows: readonly { readonly from: string; readonly to: string; readonly label?: string }[];
}

export interface Slide {
  readonly title: string;
  /** Two blocks stand side by side; one takes the whole slide. */
  readonly body: readonly (Block | { readonly flow: Flow })[];
  /** One sentence at the bottom that says what to take away. */
  readonly message?: string;
}

export interface Deck extends Omit<Report, 'sections'> {
  readonly slides: readonly Slide[];
}
