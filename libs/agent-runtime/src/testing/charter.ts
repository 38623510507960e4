import { Charter } from '@vt/value-train';

const person = { name: 'Ada Open', role: 'sponsor', email: 'ada@example.org' };

/** The least that a charter may say. */
export const CHARTER = Charter.parse({
  name: 'Rain tomorrow',
  client: { name: 'Open Air', industry: 'events' },
  problem: 'Every evening somebody has to decide whether tomorrow needs a tent.',
  decision: 'Put up the tent, or leave it.',
  sponsor: person,
  contacts: [person],
  questionnaire: ['business', 'data', 'technology', 'people', 'governance'].map((dimension) => ({
    id: dimension,
    dimension,
    question: `How ready is ${dimension}?`,
    answer: 'Fairly.',
    score: 3,
  })),
  data: {
    file: 'weather.csv',
    description: 'Daily weather.',
    owner: 'Open Air',
    licence: 'public domain',
    target: 'rain',
    task: 'classification',
  },
  success: [{ metric: 'roc-auc', atLeast: 0.75 }],
  baseline: 'majority',
  budget: { amount: '100', currency: 'USD' },
  approvals: [{ role: 'sponsor', name: 'Ada Open' }],
});
