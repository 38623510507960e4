import { expect, it } from '@jest/globals';
import type { ActionContext } from '@vt/agent-runtime';
import type { Facts } from '@vt/contracts';
import { Digest, TenantId, TicketId, TrainId } from '@vt/kernel';
import { Charter } from '@vt/value-train';
import JSZip from 'jszip';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { personalColumns } from './behaviours/pre-kickoff.ts';
import { onboarderPack } from './onboarder.pack.ts';

const TRAIN = '0191b2c4-6f3e-7a75-9d4e-2f1c0a9b8d7e';
const DEMO = resolve(import.meta.dirname, '../../cli/demo');
const charterOf = async (file: string): Promise<Charter> =>
  Charter.parse(parse(await readFile(join(DEMO, file), 'utf8')));

/** A train's tree in memory, over which actions run one after another; each phase sees the facts of those before it. */
const trainOf = (
  charter: Charter,
  folder = DEMO,
  narrate: ActionContext['narrate'] = async (_section, _facts, plain) => plain,
) => {
  const files = new Map<string, Buffer>();
  const results = new Map<string, unknown>();
  const facts: Record<string, Record<string, Facts[string]>> = {};
  const outcomes: string[] = [];
  const contextOf = (phase: string): ActionContext => ({
    ticket: {
      tenant: TenantId.parse('default'),
      trainId: TrainId.parse(TRAIN),
      ticketId: TicketId.parse(`${phase}_1_1_${TRAIN}`),
      phase,
      cycle: 1,
      attempt: 1,
      agent: 'onboarder',
      openedOn: '2026-11-21',
    },
    charter,
    reconcile: false,
    signal: new AbortController().signal,
    workspace: folder,
    dataFile: async () => resolve(folder, charter.data.file),
    factsOf: (name) => facts[name] ?? {},
    result: async <T>(action: string) => results.get(action) as T,
    has: (path) => files.has(path),
    read: async (path) => files.get(path) ?? Buffer.from(''),
    localPath: async (path) => path,
    write: async (path, content) => {
      files.set(path, Buffer.from(content));
      return { path, digest: Digest.parse(`sha256:${'0'.repeat(64)}`), size: content.length, mediaType: 'text/plain' };
    },
    fact: (name, value) => void ((facts[phase] ??= {})[name] = value),
    outcome: (value) => void outcomes.push(value),
    command: async () => ({ exitCode: 1, stdout: '', stderr: '' }),
    narrate,
  });
  const run = async (phase: string, ...actions: string[]) => {
    for (const action of actions) {
      // As the runtime does it: what an action answers is kept as JSON.
      const answer = await onboarderPack.tools[`onboarder.${action}`]?.(contextOf(phase));
      results.set(action, answer === undefined ? null : JSON.parse(JSON.stringify(answer)));
    }
    return facts[phase] ?? {};
  };
  return { run, outcomes, files, facts, text: (path: string) => files.get(path)?.toString('utf8') ?? '' };
};

/** All five phases, as the pipeline orders them. */
const rideOf = async (charter: Charter, folder = DEMO) => {
  const train = trainOf(charter, folder);
  await train.run('opportunity', 'write-brief', 'record-decision');
  await train.run('discovery', 'profile-data', 'write-one-pager');
  await train.run('readiness', 'write-questionnaire', 'score-readiness', 'write-risk-profile');
  await train.run('scope', 'write-sow', 'write-pitch-deck', 'write-mvp-plan');
  await train.run('pre-kickoff', 'write-dpa', 'write-access-checklist', 'write-contact-sheet', 'write-emails');
  return train;
};

const REQUIRED = [
  'preengagement/framing/opportunity-brief.md',
  'preengagement/framing/decision-record.md',
  'framing/use-case-one-pager.md',
  'discovery/data-profiler.ipynb',
  'discovery/readiness-questionnaire.md',
  'discovery/ai-readiness.md',
  'discovery/risk-profile.md',
  'planning/sow.md',
  'planning/mvp-plan.md',
  'planning/access-checklist.md',
  'planning/contact-sheet.md',
  'pitch/pitch-deck.pptx',
  'legal/dpa.docx',
  'communication/client-email.txt',
  'communication/internal-email.txt',
];

it.each(['charter.yaml', 'more/churn.yaml', 'more/energy.yaml'])(
  'leaves every file of the five phases, with nothing left to fill in, for %s',
  async (file) => {
    const charter = await charterOf(file);
    const train = await rideOf(charter, join(DEMO, file, '..'));

    expect([...train.files.keys()].toSorted()).toEqual(REQUIRED.toSorted());
    for (const path of REQUIRED.filter((name) => /\.(md|txt)$/.test(name))) {
      expect(train.text(path)).not.toMatch(
        /\{\{|<!--|\[([Rr]eplace|[Ii]nsert|TBD)|[Ll]orem ipsum|undefined|\bNaN\b|\[object/,
      );
      expect(train.text(path).length).toBeGreaterThan(300);
    }
    expect(train.outcomes).toEqual(['go']);
  },
);

it('tells the gates what they ask for', async () => {
  const { facts } = await rideOf(await charterOf('charter.yaml'));

  expect(facts['opportunity']).toMatchObject({ decision: 'go', 'problem-measurable': true, 'sponsor-named': true });
  expect(facts['discovery']).toMatchObject({ rows: 1461, columns: 6, 'data-sufficient': true });
  expect(facts['discovery']?.['target-missing-share']).toBeCloseTo(1 / 1461, 10);
  expect(facts['readiness']).toMatchObject({ 'readiness-score': 74, dimensions: 5, 'readiness-gaps': 1 });
  expect(facts['scope']).toEqual({ 'success-criteria': 2 });
  expect(facts['pre-kickoff']).toEqual({ contacts: 4 });
});

it('states what follows from the charter', async () => {
  const { text } = await rideOf(await charterOf('charter.yaml'));

  expect(text('preengagement/framing/opportunity-brief.md')).toContain('whether precipitation is above 0, 1 row later');
  expect(text('preengagement/framing/opportunity-brief.md')).toContain('paid for itself after 1 decision');
  expect(text('planning/sow.md')).toContain(
    '- ROC AUC better than persistence (the latest known value) by at least 0.03',
  );
  expect(text('planning/sow.md')).toContain('`delivery/model/architecture.pptx`');
  expect(text('planning/sow.md')).toContain('- Ceiling: USD 50.00');
  expect(text('planning/access-checklist.md')).toContain('verified 2026-11-21: 1461 rows read');
  expect(text('discovery/ai-readiness.md')).toContain('Who watches it at night and at weekends?');
  expect(text('communication/client-email.txt')).toMatch(
    /^To: Marta Lindqvist <marta.lindqvist@rainier.example>\nCc: Theo Okafor/,
  );
});

it('is written by the model where there is one', async () => {
  const charter = await charterOf('charter.yaml');
  const train = trainOf(charter, DEMO, async (section) => `Written: ${section}.`);
  await train.run('opportunity', 'write-brief');

  expect(train.text('preengagement/framing/opportunity-brief.md')).toContain('Written: summary of the opportunity.');
});

it.each<[string, (charter: Charter) => Charter, string, string]>([
  [
    'the sponsor holds no approval',
    (charter) => ({ ...charter, approvals: charter.approvals.slice(1) }),
    'conditional',
    'does not hold the sponsor',
  ],
  [
    'another person holds it',
    (charter) => ({ ...charter, sponsor: { ...charter.sponsor, name: 'Ann Other' } }),
    'conditional',
    'Ann Other is named as sponsor',
  ],
  [
    'there is no budget',
    (charter) => ({ ...charter, budget: { amount: '0', currency: 'USD' } }),
    'no-go',
    'not above zero',
  ],
  [
    'the file is not there',
    (charter) => ({ ...charter, data: { ...charter.data, file: 'gone.csv' } }),
    'conditional',
    'gone.csv cannot be read',
  ],
  [
    'a criterion is out of reach',
    (charter) => ({ ...charter, success: [{ metric: 'roc-auc', atLeast: 1.2 }] }),
    'no-go',
    'no model can reach what is asked of ROC AUC',
  ],
  [
    'a metric is of another task',
    (charter) => ({ ...charter, success: [{ metric: 'rmse', atMost: 3 }] }),
    'no-go',
    'root mean squared error does not measure a classification',
  ],
])('decides otherwise when %s', async (_, change, decision, because) => {
  const train = trainOf(change(await charterOf('charter.yaml')));
  const facts = await train.run('opportunity', 'write-brief', 'record-decision');

  expect(facts['decision']).toBe(decision);
  expect(train.outcomes).toEqual([decision]);
  expect(train.text('preengagement/framing/decision-record.md')).toContain(because);
});

it('profiles the data in cells that ran', async () => {
  const { files } = await rideOf(await charterOf('charter.yaml'));
  // The shape is the notebook format's.
  const { cells } = JSON.parse(String(files.get('discovery/data-profiler.ipynb'))) as {
    cells: {
      cell_type: string;
      execution_count?: number;
      outputs?: { text?: string; data?: Record<string, string> }[];
    }[];
  };
  const code = cells.filter(({ cell_type }) => cell_type === 'code');

  expect(code.map(({ execution_count }) => execution_count)).toEqual(code.map((_, index) => index + 1));
  expect(code[0]?.outputs?.[0]?.text).toContain('rows: 1461  columns: 6');
  expect(code.flatMap(({ outputs }) => outputs ?? []).filter(({ data }) => data?.['image/svg+xml'])).not.toHaveLength(
    0,
  );
});

it('says in the notebook, and to the gate, why data cannot be used', async () => {
  const charter = await charterOf('charter.yaml');
  const train = trainOf({ ...charter, data: { ...charter.data, target: 'rainfall', positive: 'rain' } });
  const facts = await train.run('discovery', 'profile-data', 'write-one-pager');

  expect(facts).toMatchObject({ 'data-sufficient': false, 'target-missing-share': 1 });
  expect(facts['data-problem']).toContain('rainfall');
  expect(train.text('discovery/data-profiler.ipynb')).toContain('What must be mended');
  expect(train.text('framing/use-case-one-pager.md')).toContain('Not yet. To be mended first');
});

it('scores readiness by weighed dimensions, and risks by readiness', async () => {
  const charter = await charterOf('charter.yaml');
  const weak = charter.questionnaire.map((answer) => ({
    ...answer,
    score: answer.dimension === 'governance' ? 0 : answer.score,
  }));
  const train = trainOf({ ...charter, questionnaire: weak });
  const facts = await train.run('readiness', 'write-questionnaire', 'score-readiness', 'write-risk-profile');

  // Business 93, data 67, technology 60, people 60, governance 0, weighed 25, 30, 15, 15, 15.
  expect(facts).toMatchObject({
    'readiness-score': 61,
    'readiness-band': 'ready with mitigation',
    'readiness-gaps': 4,
    'risks-high': 1,
  });
  expect(train.text('discovery/risk-profile.md')).toMatch(/\| R012 \| Security Breach \| 5 \| 5 \| 25 \| high \|/);
});

it('leaves a deck of eight slides and an agreement with the columns of the data', async () => {
  const { files } = await rideOf(await charterOf('charter.yaml'));
  const deck = await JSZip.loadAsync(files.get('pitch/pitch-deck.pptx') ?? '');
  const agreement = await JSZip.loadAsync(files.get('legal/dpa.docx') ?? '');
  const words = (await agreement.file('word/document.xml')?.async('string'))?.replace(/<[^>]+>/g, ' ');

  expect(Object.keys(deck.files).filter((name) => /^ppt\/slides\/slide\d+\.xml$/.test(name))).toHaveLength(8);
  expect(words).toContain('Rainier Open Air');
  expect(words).toContain('precipitation');
  expect(words).toContain('none of the columns holds data about a person');
});

it('sees by its name that a column may be about a person', () => {
  const columns = ['temp_max', 'customerId', 'email', 'first_name', 'page_views', 'Age', 'station_name', 'usage'].map(
    (name) => ({ name }),
  );

  expect(personalColumns(columns)).toEqual(['customerId', 'email', 'first_name', 'Age', 'station_name']);
});
