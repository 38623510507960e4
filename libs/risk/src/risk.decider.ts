import { riskStream, type EventOf } from '@vt/contracts';
import { Rejection, type Decider, type TrainId } from '@vt/kernel';
import { CRITICAL_SCORE, residualScore } from './score.ts';

export type RiskEvent = EventOf<'RiskRaised' | 'RiskRescored' | 'RiskBecameCritical' | 'RiskMitigated' | 'RiskSettled'>;

export type RiskCommand =
  | ({ type: 'RaiseRisk' } & EventOf<'RiskRaised'>['data'])
  | ({ type: 'MitigateRisk' } & EventOf<'RiskMitigated'>['data'])
  | { type: 'AcceptRisk' | 'CloseRisk'; trainId: TrainId; riskId: string; reason: string; by: string };

export interface Risk {
  readonly status: 'open' | 'critical' | 'accepted' | 'closed';
  readonly probability: number;
  readonly impact: number;
  readonly effectiveness: Readonly<Record<string, number>>;
  readonly phases: readonly string[];
  /** Signals that were counted. */
  readonly sources: readonly string[];
}

/** The risks of one train, by id. */
export type Risks = Readonly<Record<string, Risk>>;

const LEVEL_MAX = 5;

export const riskStreamOf = ({ trainId }: RiskCommand) => riskStream(trainId);

export const riskDecider: Decider<Risks, RiskCommand, RiskEvent> = { initial: {}, decide, evolve };

function decide(command: RiskCommand, risks: Risks): RiskEvent[] {
  switch (command.type) {
    case 'RaiseRisk':
      return raise(command, risks);
    case 'MitigateRisk':
      return mitigate(command, risks);
    case 'AcceptRisk':
      return settle('accepted', command, risks);
    case 'CloseRisk':
      return settle('closed', command, risks);
  }
}

/** The first signal raises the risk; each further one makes it more probable. A closed risk opens again. */
function raise({ type: _, ...data }: CommandOf<'RaiseRisk'>, risks: Risks): RiskEvent[] {
  const risk = risks[data.riskId];
  if (risk?.sources.includes(data.source)) return [];
  if (risk === undefined || risk.status === 'closed') {
    return withConsequence({ type: 'RiskRaised', data }, data.raisedBy, risks);
  }
  const { trainId, riskId, reason, source } = data;
  const probability = Math.min(LEVEL_MAX, Math.max(risk.probability + 1, data.probability));
  const impact = Math.max(risk.impact, data.impact);
  return withConsequence(
    { type: 'RiskRescored', data: { trainId, riskId, probability, impact, reason, source } },
    data.raisedBy,
    risks,
  );
}

function mitigate({ type: _, ...data }: CommandOf<'MitigateRisk'>, risks: Risks): RiskEvent[] {
  const risk = openRisk(data.riskId, risks);
  if (risk.effectiveness[data.mitigation] === data.effectiveness) return [];
  return withConsequence({ type: 'RiskMitigated', data }, data.by, risks);
}

function settle(
  status: 'accepted' | 'closed',
  { trainId, riskId, reason, by }: CommandOf<'AcceptRisk' | 'CloseRisk'>,
  risks: Risks,
): RiskEvent[] {
  if (risks[riskId]?.status === status) return [];
  openRisk(riskId, risks);
  return [{ type: 'RiskSettled', data: { trainId, riskId, status, reason, by } }];
}

/** Crossing the critical line, either way, is a fact of its own: gates are held and let go by it. */
function withConsequence(
  event: Exclude<RiskEvent, EventOf<'RiskSettled' | 'RiskBecameCritical'>>,
  by: string,
  risks: Risks,
): RiskEvent[] {
  const { trainId, riskId } = event.data;
  const risk = evolve(risks, event)[riskId]!;
  const score = scoreOf(risk);
  if (risk.status === 'accepted') return [event];
  if (score >= CRITICAL_SCORE && risk.status !== 'critical') {
    const reason = `risk ${riskId} scores ${score} of 25, and ${CRITICAL_SCORE} is critical`;
    return [event, { type: 'RiskBecameCritical', data: { trainId, riskId, score, reason, phases: [...risk.phases] } }];
  }
  if (score < CRITICAL_SCORE && risk.status === 'critical') {
    const reason = `the score fell to ${score}, below ${CRITICAL_SCORE}`;
    return [event, { type: 'RiskSettled', data: { trainId, riskId, status: 'mitigated', reason, by } }];
  }
  return [event];
}

export const scoreOf = ({ probability, impact, effectiveness }: Risk): number =>
  residualScore(probability, impact, Object.values(effectiveness));

function openRisk(riskId: string, risks: Risks): Risk {
  const risk = risks[riskId];
  if (risk === undefined) throw new Rejection('risk-unknown', `the train has no risk ${riskId}`);
  if (risk.status === 'closed') throw new Rejection('risk-closed', `risk ${riskId} is closed; raise it again first`);
  return risk;
}

function evolve(risks: Risks, event: RiskEvent): Risks {
  const { riskId } = event.data;
  const risk = risks[riskId];
  if (event.type === 'RiskRaised') {
    const { probability, impact, phases, source } = event.data;
    const sources = [...(risk?.sources ?? []), source];
    return { ...risks, [riskId]: { status: 'open', probability, impact, effectiveness: {}, phases, sources } };
  }
  return risk ? { ...risks, [riskId]: changed(risk, event) } : risks;
}

function changed(risk: Risk, { type, data }: Exclude<RiskEvent, { type: 'RiskRaised' }>): Risk {
  switch (type) {
    case 'RiskRescored': {
      const { probability, impact, source } = data;
      // What was accepted was the risk as it stood.
      const status = risk.status === 'accepted' ? 'open' : risk.status;
      return { ...risk, status, probability, impact, sources: [...risk.sources, source] };
    }
    case 'RiskBecameCritical':
      return { ...risk, status: 'critical' };
    case 'RiskMitigated':
      return { ...risk, effectiveness: { ...risk.effectiveness, [data.mitigation]: data.effectiveness } };
    case 'RiskSettled':
      return { ...risk, status: data.status === 'mitigated' ? 'open' : data.status };
  }
}

type CommandOf<Type extends RiskCommand['type']> = RiskCommand & { type: Type };
