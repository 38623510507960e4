import type { Table } from '@vt/documents';
import { metricName } from '@vt/value-train';
import type { MetricName, Metrics } from './metrics.ts';

/** Models beside each other, a metric a row: what every document that compares shows. */
export const sideBySide = (models: Readonly<Record<string, Metrics>>): Table => {
  // Every model is measured by the metrics of the one task; a row may leave one undefined.
  const metrics = [...new Set(Object.values(models).flatMap(Object.keys))] as MetricName[];
  return {
    columns: ['metric', ...Object.keys(models)],
    rows: metrics.map((metric) => [metricName(metric), ...Object.values(models).map((each) => each[metric] ?? null)]),
  };
};
