export {
  riskDecider,
  riskStreamOf,
  scoreOf,
  type Risk,
  type RiskCommand,
  type RiskEvent,
  type Risks,
} from './risk.decider.ts';
export { riskReactions } from './risk.reactions.ts';
export { bandOf, CRITICAL_SCORE, residualScore, RiskCatalogue } from './score.ts';
export { riskRegister, RiskRow } from './risk-register.projection.ts';
