export { loadPriceBook, loadRiskCatalogue } from './catalogues.ts';
export { pipelineJsonSchema } from './json-schema.ts';
export {
  loadPipeline,
  loadPipelines,
  contentOfPipeline,
  parsePipeline,
  readPipeline,
  type LoadedPipeline,
  type PipelineFile,
} from './load-pipeline.ts';
export { formatProblem, suggest, type Finding, type Problem } from './problem.ts';
export { readYaml, type YamlFile } from './read-yaml.ts';
export { isSignedBy, signVerdict, type SignedVerdict } from './verdict-signature.ts';
export { evaluateRule, type Rule, type RuleOutcome, type RuleVariables } from './rule.ts';
