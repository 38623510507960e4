import { expect, it } from '@jest/globals';
import type { Action } from '@vt/agent-runtime';
import { type ActionHarness, actionHarness } from '@vt/agent-runtime/harness';
import { findingsOf } from '@vt/modeling';
import { Charter } from '@vt/value-train';
import JSZip from 'jszip';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { personalColumns } from './behaviours/pre-kickoff.ts';
import { onboarderPack } from './onboarder.pack.ts';
import { weighOpportunity } from './qualification.ts';

const DEMO = resolve(import.meta.dirname, '../../cli/demo');
const PHASES = ['opportunity', 'discovery', 'readiness', 'scope', 'pre-kickoff'];

const charterOf = async (file = 'charter.yaml'): Promise<Charter> =>
  Charter.parse(parse(await readFile(join(DEMO, file), 'utf8')));

/** What the lab hands back: its findings, and the files and facts that the gate asks for. */
const profiled: Action = async ({ charter, dataFile, write, fact }) => {
  const findings = await findingsOf(await dataFile(), charter.data, charter.seed);
  await write('discovery/data-profiler.ipynb', JSON.stringify(findings));
  fact('target-mean', findings.targetMean);
  return findings;
};

type Phase = Awaited<ReturnType<ActionHarness['runPhase']>>;

/** Rides a train of this charter through the phases, and answers what each reported and what was left. */
const ride = async (charter: Charter, phases = PHASES, { folder = DEMO }: { folder?: string } = {}) => {
  const start = await actionHarness({
    pack: { ...onboarderPack, tools: { ...onboarderPack.tools, 'lab.profile-data': profiled } },
    phase: phases[0] ?? 'opportunity',
    charter,
    dataFile: join(folder, charter.data.file),
    dir: await mkdtemp(join(tmpdir(), 'onboarder-')),
  });
  const ran: Record<string, Phase> = {};
  for (const phase of phases) ran[phase] = await (await start.at(phase)).runPhase();
  return {
    paths: Object.values(ran).flatMap(({ artifacts }) => artifacts.map(({ path }) => path)),
    digests: Object.values(ran).flatMap(({ artifacts }) => artifacts.map(({ digest }) => digest)),
    factsOf: (phase: string) => ran[phase]?.facts ?? {},
    outcomeOf: (phase: string) => ran[phase]?.outcome,
    text: (path: string) => readFile(start.file(path), 'utf8'),
    bytes: (path: string) => readFile(start.file(path)),
  };
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
    const { paths, outcomeOf, text } = await ride(await charterOf(file), PHASES, { folder: dirname(join(DEMO, file)) });

    expect(paths.toSorted()).toEqual(REQUIRED.toSorted());
    for (const path of REQUIRED.filter((name) => /\.(md|txt)$/.test(name))) {
      const content = await text(path);
      expect(content).not.toMatch(/\{\{|<!--|\[([Rr]eplace|[Ii]nsert|TBD)|[Ll]orem ipsum|undefined|\bNaN\b|\[object/);
      expect(content.length).toBeGreaterThan(300);
    }
    expect(outcomeOf('opportunity')).toBe('go');
  },
);

it('leaves the same bytes when it works again', async () => {
  const charter = await charterOf();

  expect((await ride(charter)).digests).toEqual((await ride(charter)).digests);
});

it('tells the gates what they ask for', async () => {
  const { factsOf } = await ride(await charterOf());

  expect(factsOf('opportunity')).toMatchObject({ decision: 'go', 'problem-measurable': true, 'sponsor-named': true });
  expect(factsOf('readiness')).toMatchObject({ 'readiness-score': 74, dimensions: 5, 'readiness-gaps': 1 });
  expect(factsOf('scope')).toEqual({ 'success-criteria': 2 });
  expect(factsOf('pre-kickoff')).toEqual({ contacts: 4 });
});

it('states what follows from charter, data and pipeline', async () => {
  const { text } = await ride(await charterOf());
  const [brief, sow, email] = await Promise.all(
    ['preengagement/framing/opportunity-brief.md', 'planning/sow.md', 'communication/client-email.txt'].map(text),
  );

  expect(brief).toContain('whether precipitation is above 0, 1 row later');
  expect(brief).toContain('paid for itself after 1 decision that');
  expect(sow).toContain('- ROC AUC better than persistence (the latest known value) by at least 0.03');
  expect(sow).toContain('`delivery/model/architecture.pptx`');
  expect(sow).toContain('- Ceiling: USD 50.00');
  expect(sow).toMatch(/\| sponsor \| Marta Lindqvist \|(?![\s\S]*release-manager \| Paul)/);
  expect(await text('planning/access-checklist.md')).toContain('verified 2026-11-21: 1461 rows read');
  expect(await text('discovery/ai-readiness.md')).toContain('Who watches it at night and at weekends?');
  expect(email).toMatch(/^To: Marta Lindqvist <marta.lindqvist@rainier.example>\nCc: Theo Okafor/);
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
  const { factsOf, outcomeOf, text } = await ride(change(await charterOf()), ['opportunity']);

  expect(factsOf('opportunity')['decision']).toBe(decision);
  expect(outcomeOf('opportunity')).toBe(decision);
  expect(await text('preengagement/framing/decision-record.md')).toContain(because);
});

it('asks for the data file, where it is missing or empty', async () => {
  const charter = await charterOf();

  expect(weighOpportunity(charter, null)).toMatchObject({
    decision: 'conditional',
    rationale: expect.stringContaining('seattle-weather.csv cannot be read'),
  });
  expect(weighOpportunity(charter, { bytes: 0 })).toMatchObject({
    decision: 'conditional',
    rationale: expect.stringContaining('is empty'),
  });
});

it('says on the page why data cannot be used', async () => {
  const charter = await charterOf();
  const unusable = { ...charter, data: { ...charter.data, target: 'rainfall', positive: 'rain' } };
  const { text } = await ride(unusable, ['discovery']);

  expect(await text('framing/use-case-one-pager.md')).toContain('Not yet. To be mended first');
});

it('scores readiness by weighed dimensions, and risks by readiness', async () => {
  const charter = await charterOf();
  const questionnaire = charter.questionnaire.map((answer) => ({
    ...answer,
    score: answer.dimension === 'governance' ? 0 : answer.score,
  }));
  const { factsOf, text } = await ride({ ...charter, questionnaire }, ['readiness']);

  // Business 93, data 67, technology 60, people 60, governance 0, weighed 25, 30, 15, 15, 15.
  expect(factsOf('readiness')).toMatchObject({
    'readiness-score': 61,
    'readiness-band': 'ready with mitigation',
    'readiness-gaps': 4,
    'risks-high': 1,
  });
  expect(await text('discovery/risk-profile.md')).toMatch(/\| R012 \| Security Breach \| 5 \| 5 \| 25 \| high \|/);
});

it('leaves a deck of eight slides and an agreement with the columns of the data', async () => {
  const { bytes } = await ride(await charterOf(), ['discovery', 'scope', 'pre-kickoff']);
  const deck = await JSZip.loadAsync(await bytes('pitch/pitch-deck.pptx'));
  const agreement = await JSZip.loadAsync(await bytes('legal/dpa.docx'));
  const words = (await agreement.file('word/document.xml')?.async('string'))?.replace(/<[^>]+>/g, ' ');

  expect(Object.keys(deck.files).filter((name) => /^ppt\/slides\/slide\d+\.xml$/.test(name))).toHaveLength(8);
  expect(words).toContain('Rainier Open Air');
  expect(words).toContain('precipitation');
  expect(words).toContain('a lawyer must check it');
  expect(words).toContain('no column points to a person');
});

it('sees by its name that a column may be about a person', () => {
  const columns = ['temp_max', 'customerId', 'email', 'first_name', 'page_views', 'Age', 'usage'].map((name) => ({
    name,
  }));

  expect(personalColumns(columns)).toEqual(['customerId', 'email', 'first_name', 'Age']);
});
