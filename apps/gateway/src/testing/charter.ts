import { Charter } from '@vt/value-train';

const person = { name: 'Sam Sponsor', role: 'sponsor', email: 'sam@example.org' };
const question = (id: string) => ({ id, dimension: 'data', question: 'Is there data?', answer: 'Yes.', score: 4 });

/** Every role that a gate of the delivery pipeline asks. */
const ROLES = ['sponsor', 'operator', 'release-manager'];

/** A charter that is well-formed; `changes` make it another one, or a bad one. */
export const charterWith = (changes: object = {}) => ({
  name: 'Rain tomorrow',
  client: { name: 'Open Air Ltd', industry: 'events' },
  problem: 'Whether to put up the tents is decided by feeling.',
  decision: 'Put up tents or not.',
  sponsor: person,
  contacts: [person],
  questionnaire: ['a', 'b', 'c', 'd', 'e'].map(question),
  data: {
    file: 'data/rain.csv',
    description: 'Daily weather.',
    owner: 'Sam Sponsor',
    licence: 'public domain',
    target: { column: 'precipitation', ahead: 1, above: 0 },
    task: 'classification',
    time: 'date',
  },
  success: [{ metric: 'roc-auc', atLeast: 0.75 }],
  baseline: 'persistence',
  budget: { amount: '10.00', currency: 'EUR' },
  approvals: ROLES.map((role) => ({ role, name: 'Sam Sponsor' })),
  ...changes,
});

export const charter = Charter.parse(charterWith());
