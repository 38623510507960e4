export { svgChart } from './chart.ts';
export type {
  Axis,
  BarChart,
  Block,
  Cell,
  Chart,
  Deck,
  Flow,
  LineChart,
  Report,
  Section,
  Series,
  Slide,
  Table,
} from './content.ts';
export { formatCell, formatMoney, formatNumber, formatPercent } from './format.ts';
export { proseBlocks } from './layout.ts';
export { bulletList, type DocumentStamp, escapeMarkdown, fillTemplate, table, TemplateError } from './markdown.ts';
export { chart, dataTable, type NotebookCell, type NotebookRun, runNotebook } from './notebook.ts';
export { pdfReport } from './pdf.ts';
export { slides } from './slides.ts';
export { wordDocument } from './word.ts';
