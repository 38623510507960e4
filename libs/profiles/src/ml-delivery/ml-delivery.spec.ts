import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Facts } from '@vt/contracts';
import { modeOf, phaseOf, type Pipeline } from '@vt/value-train';
import canonicalize from 'canonicalize';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { contentOfPipeline, loadPipelines, pipelineJsonSchema, readPipeline, type LoadedPipeline } from '../index.ts';

/**
 * SHA-256 of what each version says, the first one first. Trains and people name a pipeline by its version, so one that
 * says something else has the next version, and its digest is added here; none is edited.
 */
const VERSIONS = [
  'f6e66594314250cf0f46a1bd00997e9eede1dc8f512b5840b3d12ec333981831',
  'cbbf844461deeff6baea034a40efb3b7e5ce77be8456cc33f3b8d47c51103aae',
  'de1376b31462db26b6607c272a4b5effc5203be2bccbbeabdac68fe42790b64e',
];

let loaded: LoadedPipeline;
beforeAll(async () => {
  const [first] = await loadPipelines();
  if (first === undefined) throw new Error('no pipeline ships');
  loaded = first;
});

/** The eighteen phases: owner, mode, and the files without which their gates do not open. */
const PHASES: readonly [phase: string, owner: string, mode: string, required: string[]][] = [
  [
    'opportunity',
    'onboarder',
    'intake',
    ['preengagement/framing/opportunity-brief.md', 'preengagement/framing/decision-record.md'],
  ],
  ['discovery', 'onboarder', 'discover', ['framing/use-case-one-pager.md', 'discovery/data-profiler.ipynb']],
  [
    'readiness',
    'onboarder',
    'discover',
    ['discovery/readiness-questionnaire.md', 'discovery/ai-readiness.md', 'discovery/risk-profile.md'],
  ],
  ['scope', 'onboarder', 'scope', ['planning/sow.md', 'pitch/pitch-deck.pptx', 'planning/mvp-plan.md']],
  [
    'pre-kickoff',
    'onboarder',
    'scope',
    ['legal/dpa.docx', 'planning/access-checklist.md', 'planning/contact-sheet.md'],
  ],
  ['data-sources', 'lab', 'design', ['delivery/data/source-map.md', 'delivery/data/data-access-plan.md']],
  ['extraction', 'lab', 'build', ['delivery/data/extract.py', 'delivery/data/extraction-log.md']],
  ['preparation', 'lab', 'build', ['delivery/data/prepared.csv', 'delivery/data/schema-spec.md']],
  ['exploration', 'lab', 'build', ['delivery/exploration/profile.ipynb', 'delivery/exploration/profile-report.md']],
  [
    'feature-engineering',
    'lab',
    'build',
    ['delivery/features/feature-map.md', 'delivery/features/feature-config.yaml'],
  ],
  ['model-architecture', 'studio', 'design', ['delivery/model/architecture.pptx']],
  [
    'training',
    'lab',
    'build',
    ['delivery/model/train.ipynb', 'delivery/model/mlflow-runs.md', 'delivery/retrain/retrain.ipynb'],
  ],
  [
    'validation',
    'evaluator',
    'evaluate',
    [
      'delivery/validation/eval-results.pdf',
      'delivery/validation/validation-report.md',
      'delivery/retrain/performance-comparison.md',
    ],
  ],
  ['deployment', 'ops', 'deliver', ['delivery/deploy/deploy.yaml', 'delivery/deploy/deployment-config.md']],
  ['monitoring', 'ops', 'operate', ['delivery/monitor/dashboard-link.txt', 'delivery/monitor/monitoring-config.yaml']],
  [
    'evaluation',
    'evaluator',
    'evaluate',
    ['delivery/evaluation/champion-log.md', 'delivery/evaluation/business-impact.md'],
  ],
  [
    'performance-analysis',
    'improver',
    'improve',
    ['delivery/performance/error-log.json', 'delivery/performance/root-cause.md'],
  ],
  [
    'improvement',
    'improver',
    'improve',
    ['delivery/improvement/improvement-roadmap.md', 'delivery/improvement/retraining-plan.md'],
  ],
];

describe('the delivery pipeline', () => {
  it('has exactly the eighteen phases, one after the other', () => {
    const ids = PHASES.map(([id]) => id);
    expect(loaded.pipeline.phases.map(({ id }) => id)).toEqual(ids);
    expect(loaded.pipeline.phases.map(({ next }) => next)).toEqual([...ids.slice(1), null]);
    expect(loaded.pipeline.phases.filter(({ group }) => group === 'pre-engagement')).toHaveLength(5);
  });

  it.each(PHASES)('gives %s to %s in mode %s, and asks for its files', (id, owner, mode, required) => {
    const phase = phaseOf(loaded.pipeline, id);
    expect(phase).toMatchObject({ owner, mode });
    const asked = phase?.artifacts.filter((artifact) => artifact.required).map(({ path }) => path);
    expect(asked).toEqual(expect.arrayContaining(required));
    expect(phase?.actions.every(({ tool, by = owner, id: action }) => tool === `${by}.${action}`)).toBe(true);
  });

  it('hands the profile of the data to the lab, as the methodology has it', () => {
    const handed = loaded.pipeline.phases.flatMap(({ id, actions }) =>
      actions.flatMap(({ id: action, by }) => (by ? [[id, action, by]] : [])),
    );
    expect(handed).toEqual([['discovery', 'profile-data', 'lab']]);
  });

  it('asks for the files of a retraining lap only in one', () => {
    const all = loaded.pipeline.phases.flatMap(({ artifacts }) => artifacts);
    expect(all.filter(({ onlyRetraining }) => onlyRetraining).map(({ path }) => path)).toEqual([
      'delivery/retrain/retrain.ipynb',
      'delivery/retrain/performance-comparison.md',
    ]);
    expect(all.filter(({ onlyOutcome }) => onlyOutcome === 'retrain').map(({ path }) => path)).toEqual([
      'delivery/improvement/retraining-plan.md',
    ]);
  });

  it('has the nine modes, with the ways between them', () => {
    const ways = loaded.pipeline.modes.map(({ id, transitions }) => [id, transitions.join(' ')]);
    expect(Object.fromEntries(ways)).toEqual({
      intake: 'intake discover scope',
      discover: 'intake discover scope',
      scope: 'intake discover scope design',
      design: 'scope design build',
      build: 'scope design build evaluate',
      evaluate: 'design build deliver improve',
      deliver: 'build deliver operate',
      operate: 'evaluate deliver operate improve',
      improve: 'build evaluate operate improve',
    });
    for (const { checklist, exit } of loaded.pipeline.modes) {
      expect(checklist.length).toBeGreaterThanOrEqual(5);
      expect(exit.length).toBeGreaterThanOrEqual(4);
    }
  });

  it('lets each mode use the tools of its own phases only', () => {
    for (const mode of loaded.pipeline.modes) {
      const used = loaded.pipeline.phases.filter((phase) => phase.mode === mode.id).flatMap(({ actions }) => actions);
      const ofAgents = mode.tools.filter((tool) => tool.includes('.'));
      expect(ofAgents.toSorted()).toEqual(used.map(({ tool }) => tool).toSorted());
    }
    expect(modeOf(loaded.pipeline, 'deliver')?.tools).not.toContain('command:python3');
  });

  it('asks people where it matters', () => {
    const asked = loaded.pipeline.phases.flatMap(({ id, approvals }) => approvals.map(({ role }) => [id, role]));
    expect(asked).toEqual([
      ['scope', 'sponsor'],
      ['pre-kickoff', 'sponsor'],
      ['model-architecture', 'operator'],
      ['deployment', 'release-manager'],
    ]);
  });

  it('ends archived on no-go and completed on close, and otherwise goes round', () => {
    expect(phaseOf(loaded.pipeline, 'opportunity')?.ends).toEqual([{ outcome: 'no-go', as: 'archived' }]);
    expect(phaseOf(loaded.pipeline, 'improvement')).toMatchObject({
      loops: [
        { outcome: 'operate', to: 'monitoring', retraining: false },
        { outcome: 'retrain', to: 'training', retraining: true },
      ],
      ends: [
        { outcome: 'close', as: 'completed' },
        { outcome: 'no-go', as: 'archived' },
      ],
    });
    expect(loaded.pipeline.phases.flatMap(({ loops }) => loops).filter(({ retraining }) => retraining)).toHaveLength(1);
  });

  it('binds: no phase can be left on nothing but files', () => {
    expect(loaded.pipeline.phases.filter(({ exit }) => exit.length === 0)).toEqual([]);
  });
});

const exitsOf = (phase: string, facts: Facts, cycle: number, outcome: string) =>
  Object.fromEntries(
    phaseOf(loaded.pipeline, phase)?.exit.flatMap(({ id, check }) => {
      const rule = check.kind === 'rule' ? loaded.rules.get(check.rule) : undefined;
      return rule === undefined ? [] : [[id, rule({ facts, outcome, cycle, attempt: 1, artifacts: [] })]];
    }) ?? [],
  );

describe('the gate of validation', () => {
  const exits = (facts: Facts, cycle: number, outcome = 'done') => exitsOf('validation', facts, cycle, outcome);
  const good = {
    'metric.roc-auc': 0.78,
    'baseline.roc-auc': 0.7,
    'success-met': true,
    'beats-baseline': true,
    'leakage-free': true,
    'champion-cycle': 0,
  };

  it('opens for a candidate that meets the criteria', () =>
    expect(new Set(Object.values(exits(good, 1)))).toEqual(new Set(['met'])));

  it.each(['success-met', 'beats-baseline', 'leakage-free'])('stays closed without %s', (fact) =>
    expect(exits({ ...good, [fact]: false }, 1)[fact]).toBe('unmet'),
  );

  it('knows nothing of what nobody measured', () =>
    expect(exits({}, 1)).toMatchObject({ 'success-met': 'inconclusive', 'leakage-free': 'inconclusive' }));

  it('opens in a retraining lap for a challenger that is worse, because the champion stays', () => {
    const champion = { ...good, 'champion-cycle': 1 };
    const worse = { ...champion, 'success-met': false, 'beats-baseline': false, 'challenger-better': false };
    expect(new Set(Object.values(exits(worse, 2)))).toEqual(new Set(['met']));
    expect(exits({ ...worse, 'challenger-better': true }, 2)['success-met']).toBe('unmet');
    expect(exits(champion, 2)['champion-compared']).toBe('inconclusive');
  });

  it('asks for the criteria in a lap without a champion, as before the first deployment', () => {
    expect(new Set(Object.values(exits(good, 2)))).toEqual(new Set(['met']));
    const worse = { ...good, 'success-met': false, 'beats-baseline': false, 'challenger-better': false };
    expect(exits(worse, 2)).toMatchObject({ 'success-met': 'unmet', 'beats-baseline': 'unmet' });
  });

  it('lets the work go back without the criteria', () =>
    expect(exits({ ...good, 'success-met': false }, 1, 'iterate')['success-met']).toBe('met'));
});

describe('the gate of improvement', () => {
  it.each([
    ['close', true, 'met'],
    ['close', false, 'unmet'],
    ['no-go', false, 'met'],
    ['no-go', true, 'unmet'],
    ['retrain', false, 'met'],
    ['operate', true, 'met'],
  ])('on %s, with a model in production: %s, is %s', (outcome, inProduction, verdict) => {
    const facts = { 'roadmap-items': 3, decision: outcome, 'in-production': inProduction };
    expect(exitsOf('improvement', facts, 1, outcome)).toEqual({ 'decision-made': 'met', 'ends-as-it-is': verdict });
  });
});

describe('the file of a pipeline', () => {
  it('has a schema beside it that editors complete by, as current as the code', async () => {
    const published = await readFile(join(import.meta.dirname, '../pipeline.schema.json'), 'utf8');
    expect(JSON.parse(published)).toEqual(JSON.parse(JSON.stringify(pipelineJsonSchema())));
  });

  it('has a digest that does not change with the order of its fields, and does with what it says', () => {
    const { id, ...rest } = loaded.pipeline;
    expect(loaded.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    const digestOf = (pipeline: Pipeline) => readPipeline(contentOfPipeline(pipeline)).digest;
    expect(digestOf({ ...rest, id })).toBe(loaded.digest);
    expect(digestOf({ ...loaded.pipeline, attemptsMax: 2 })).not.toBe(loaded.digest);
  });

  it('is read as it was kept before a field was added, which then has its default', () => {
    const { attemptsMax: _, ...before } = { ...loaded.pipeline, title: 'Kept long ago' };
    const content = Buffer.from(JSON.stringify(before));
    const { pipeline, digest, rules } = readPipeline(content);
    expect(pipeline).toEqual({ ...loaded.pipeline, title: 'Kept long ago', attemptsMax: 3 });
    expect(digest).toBe(`sha256:${createHash('sha256').update(content).digest('hex')}`);
    expect([...rules.keys()]).toEqual([...loaded.rules.keys()]);
  });

  it('says something else only under another version', async () => {
    const text = await readFile(join(import.meta.dirname, 'pipeline.yaml'), 'utf8');
    const written = parse(text) as { readonly version: number };
    const digest = createHash('sha256')
      .update(canonicalize(written) ?? '')
      .digest('hex');
    expect({ version: written.version, digest }).toEqual({ version: VERSIONS.length, digest: VERSIONS.at(-1) });
  });

  it('is refused as a whole when a folder holds one that is bad', async () => {
    await expect(loadPipelines(join(import.meta.dirname, '..'), { tools: ['lab.extract'] })).rejects.toThrow(
      /pipeline\.yaml:\d+:\d+ modes\[0\]\.tools\[0\]: unknown tool "onboarder\.write-brief"/,
    );
  });
});
