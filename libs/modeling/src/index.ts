export {
  instantOf,
  lookback,
  predict,
  transform,
  type Column,
  type Feature,
  type FeatureConfig,
  type FeatureRule,
  type Model,
  type Row,
  type Tree,
  type Value,
} from './inference.ts';
export { BadData, sentenceOf, type Problem } from './data/problem.ts';
export { fingerprintOf, firstRecords, writeSnapshot, type Fingerprint } from './data/source.ts';
export { findingsOf, type DataFindings } from './data/findings.ts';
export { inspectData, readDataset } from './data/inspect.ts';
export { ROWS_MIN, type ColumnSummary, type DataSummary, type Inspection } from './data/survey.ts';
export { digestOf, ROWS_MAX, thinningWords, type Dataset } from './data/load.ts';
export { datasetFromCsv, datasetToCsv } from './data/prepared.ts';
export { rowRanges, type RowRange, type RowRanges } from './data/split.ts';
export { targetRule, type TargetRule } from './data/target.ts';
export { pearson, profileOf, quantile, type ColumnProfile, type NumberProfile, type Profile } from './data/profile.ts';
export { examplesOf, fitFeatures, planFeatures, type Examples } from './models/features.ts';
export { familiesOf, fit, type Family, type Recipe } from './models/families.ts';
export { type Run, type Search, type SearchOptions } from './models/search.ts';
export { learnedRows, planSearch, SEARCH_ROWS_MAX, type SearchPlan } from './models/search-plan.ts';
export {
  advantage,
  calibration,
  evaluate,
  higherIsBetter,
  rocAuc,
  type CalibrationBin,
  type Metric,
  type Scores,
  type Task,
} from './evaluation/metrics.ts';
export { baselineOf, type Baseline } from './evaluation/baseline.ts';
export { driftOf, numberDrift, readingOf, type ColumnDrift } from './evaluation/drift.ts';
export { type Importance } from './evaluation/importance.ts';
export {
  openInferencePackage,
  packInferencePackage,
  type InferencePackage,
  type PackageContent,
  type PackageManifest,
} from './package/inference-package.ts';
export { inThread, predictAside } from './thread.ts';
