import { expect, it } from '@jest/globals';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadPipeline, parsePipeline } from './load-pipeline.ts';

const bad = join(import.meta.dirname, 'bad');
const good = join(import.meta.dirname, 'good.yaml');

/** File, then line, message and mend of the first problem. */
const refusals: readonly [file: string, line: number, message: string, mend: string][] = [
  ['all-of-nothing', 53, 'a list is too small', 'give at least 1 entries'],
  ['budget-over-all', 53, '1.5 is too big', 'give at most 1'],
  ['evidence-nobody-reports', 53, 'no action of training reports the fact "row"', 'did you mean "rows"?'],
  [
    'evidence-of-its-own',
    53,
    'evaluator would judge its own work: it owns validation',
    'use a phase of another agent, or kind: fact',
  ],
  ['evidence-of-unknown-phase', 53, 'unknown phase "trainning"', 'did you mean "training"?'],
  ['external-without-verifier', 53, 'unknown verifier "ci"', 'add verifiers: [{ id, publicKey }] to the pipeline'],
  [
    'fresh-against-itself',
    53,
    '"validation" can never be entered after "validation" is completed',
    'require a phase that leads here',
  ],
  [
    'fresh-against-unknown-phase',
    53,
    'unknown phase "preparation"',
    'use one of: training, validation, deployment, improvement',
  ],
  ['handoff-of-a-person', 71, 'a person does it, whichever agent asks', 'remove by'],
  ['handoff-outside-the-mode', 35, 'mode "build" does not list "evaluator"', 'add it to the agents of the mode'],
  ['handoff-to-its-owner', 34, '"lab" owns training', 'remove by'],
  ['handoff-without-support', 34, '"evaluator" does not support training', 'add it to the support of the phase'],
  ['more-than-there-are', 53, '3 of 2 can never be met', 'ask for at most 2'],
  ['risks-without-score', 53, 'below is missing', 'add it: a number'],
  ['unknown-kind', 53, 'unknown kind "evidnce"', 'did you mean "evidence"?'],
  ['unknown-on-fail', 53, 'unknown onFail "stop"', 'use one of: block, hold, warn'],
  ['unknown-variable-within', 53, 'Unknown variable: fact at character 1 of the rule', 'did you mean "facts"?'],
  ['verifier-without-key', 5, 'publicKey is missing', 'add it: a text'],
  [
    'verifier-with-another-key',
    5,
    '"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5" does not fit',
    'write the line between BEGIN and END of an Ed25519 PUBLIC KEY',
  ],
  ['approval-count-above-people', 81, 'count is 3, but people are 2', 'name more people, or lower the count'],
  [
    'approval-denied-before-escalation',
    81,
    'silence is escalated after PT8H, but means no after 6h already',
    'set a later deniedAfter, or fewer escalateAfter',
  ],
  ['approval-duration', 80, '"2 days" does not fit', 'write a duration, such as 4h, 30m, 2d or PT4H'],
  ['approval-escalates-backwards', 81, 'is not later than the one before', 'sort them'],
  [
    'approval-needs-no-section',
    84,
    '"plan.md" does not fit',
    'write a section of a Markdown file, such as deploy/config.md#Rollback',
  ],
  ['approval-needs-unknown-file', 84, '"plam.md" is no required artifact of improvement', 'did you mean "plan.md"?'],
  ['approval-order-of-one', 81, '1 approval of improvement can not be in order', 'remove it, or ask more groups'],
  ['approval-person-twice', 81, 'Ada is there twice', 'remove one'],
  ['approval-role-twice', 81, 'approval of the role "sponsor" is there twice', 'ask for it once, with a count'],
  [
    'artifact-nobody-makes',
    52,
    'no action of validation produces "results.pdf"',
    'add it to the produces of an action, or remove it',
  ],
  ['artifact-without-extension', 37, '"model/package" does not fit', 'write a relative path with an extension'],
  [
    'command-denied',
    34,
    'mode "build" denies "python3 -m pip install x", by the rule Bash(python3 -m pip:*)',
    'remove the rule or the action',
  ],
  [
    'command-hides-another',
    33,
    'mode "build" does not allow "rm -rf /", which it would run',
    'add a rule for it to the tools of the mode, or take it out',
  ],
  [
    'command-unreadable',
    33,
    'mode "build" denies "bash -c \'$RUN a.py\' (which program it runs is known only when it runs)", by the rule unreadable',
    'write what it runs plainly',
  ],
  ['duplicate-action', 34, 'action "train" is there twice', 'rename or remove one'],
  ['duplicate-key', 3, 'Map keys must be unique', 'keep one of the two'],
  ['duplicate-outcome', 78, 'outcome "retrain" is there twice', 'rename or remove one'],
  ['duplicate-phase', 64, 'unknown phase "improvement"', 'use one of: training, validation, deployment'],
  [
    'entry-never-met',
    47,
    '"validation" can never be entered after "validation" is completed',
    'require a phase that leads here',
  ],
  ['human-without-question', 71, 'nobody is asked', 'add ask: { role, instructions }'],
  ['missing-artifact-path', 51, 'path is missing', 'add it: a text'],
  ['missing-title', 57, 'title is missing', 'add it: a text'],
  ['needs-cycle', 33, 'actions wait for each other: train, package', 'remove one of their needs'],
  [
    'no-end',
    65,
    'no way leads from phase "improvement" to an end of the train',
    'add ends: [{ outcome, as: completed }] to a phase on its way',
  ],
  [
    'not-yaml',
    63,
    'Flow sequence in block collection must be sufficiently indented and end with a ]',
    'mend the YAML here',
  ],
  ['owner-not-in-mode', 19, 'tool "ops.deploy" is of another agent', 'use a tool of studio'],
  ['program-without-arguments', 34, 'the program has no arguments', 'add run: [...], which may be empty'],
  [
    'retraining-bypasses-validation',
    76,
    'mode "improve" of improvement may not be followed by mode "deliver" of deployment',
    'add "deliver" to the transitions of mode "improve", or go elsewhere',
  ],
  [
    'rule-does-not-parse',
    53,
    'Expected RBRACKET, got EOF at character 21 of the rule',
    'write a CEL expression, such as facts["rows"] >= 100',
  ],
  [
    'rule-does-not-type-check',
    53,
    'no such overload: int <= string at character 1 of the rule',
    'compare values of one type; a rule knows facts: map<string, dyn>, outcome: string, cycle: int, attempt: int, artifacts: list<string>',
  ],
  [
    'rule-malformed',
    10,
    '"Bash(rm -rf / && ls:*)" can never match: it is not the beginning of one command',
    'write all of a command, or its beginning and :*, as in Bash(npm run:*)',
  ],
  ['rule-not-yes-or-no', 53, 'the rule answers dyn, not yes or no', 'compare the value, as in == true'],
  [
    'rule-of-unknown-tool',
    10,
    '"Write" is no rule',
    'write a tool, such as lab.*, Read, Edit(models/**), Bash(git:*), WebFetch(domain:example.com) or mcp__server__tool',
  ],
  [
    'rule-shadowed-by-ask',
    10,
    'rule "Bash(git push:*)" can never match: "Bash(git:*)" asks about all of it before',
    'remove one of the two',
  ],
  ['rule-shadowed', 9, 'rule "lab.train" can never match: "lab.*" denies all of it before', 'remove one of the two'],
  ['rule-twice', 10, 'rule "lab.train" is there twice', 'remove one'],
  ['rule-unknown-variable', 53, 'Unknown variable: fact at character 1 of the rule', 'did you mean "facts"?'],
  [
    'rule-with-pattern',
    53,
    'a rule may not call matches',
    'use one of: exists, exists_one, all, filter, size, has, startsWith, endsWith, contains, int, double, string',
  ],
  ['rule-without-domain', 10, '"WebFetch(domain:)" names no domain', 'write WebFetch(domain:example.com)'],
  ['tool-of-another-agent', 63, 'tool "lab.train" is of another agent', 'use a tool of ops'],
  [
    'tool-of-another-mode',
    71,
    'mode "improve" does not allow tool "improver.retrain"',
    'add it to the tools of the mode, or use one of: improver.decide, human',
  ],
  [
    'transition-not-allowed',
    40,
    'mode "build" of training may not be followed by mode "evaluate" of validation',
    'add "evaluate" to the transitions of mode "build", or go elsewhere',
  ],
  [
    'undeclared-artifact',
    49,
    '"chart.svg" is not among the artifacts of validation',
    'add it to the artifacts, or use one of: report.md',
  ],
  ['unknown-agent', 60, 'unknown owner "opps"', 'did you mean "ops"?'],
  ['unknown-fact-in-rule', 53, 'no action reports the fact "eror"', 'did you mean "error"?'],
  ['unknown-fact', 39, 'no action reports the fact "row"', 'did you mean "rows"?'],
  [
    'unknown-field',
    63,
    'unknown field retires',
    'use one of: id, title, tool, by, during, needs, produces, reports, required, retry, isolation, timeoutSeconds, run, ask',
  ],
  ['unknown-mode-transition', 15, 'unknown mode "delivr"', 'did you mean "deliver"?'],
  ['unknown-mode', 61, 'unknown mode "delivery"', 'did you mean "deliver"?'],
  ['unknown-need', 34, 'unknown action of training "training"', 'use one of: train, package'],
  ['unknown-operator', 39, 'unknown op "=>"', 'use one of: ==, !=, >=, >, <=, <'],
  ['unknown-outcome', 73, 'no loop or end of improvement has the outcome "retain"', 'did you mean "retrain"?'],
  [
    'unknown-phase-completed',
    47,
    'unknown phase "preparation"',
    'use one of: training, validation, deployment, improvement',
  ],
  ['unknown-phase-loop', 56, 'unknown phase "trainning"', 'did you mean "training"?'],
  ['unknown-phase-next', 40, 'unknown phase "validaton"', 'did you mean "validation"?'],
  [
    'unknown-tool',
    33,
    'mode "build" does not allow tool "lab.trian"',
    'add it to the tools of the mode, or did you mean "lab.train"?',
  ],
  [
    'unreachable-phase',
    41,
    'no way leads from phase "validation" to an end of the train',
    'add ends: [{ outcome, as: completed }] to a phase on its way',
  ],
  [
    'plan-runs-implementation',
    33,
    '"train" would run a program of the implementation before the plan is accepted',
    'give it another program, or other arguments',
  ],
  ['plan-without-gate', 33, 'plan of training has no gate', 'add workGates: { plan: [...] }'],
  [
    'plan-without-implementation',
    33,
    'nothing of training is left to implement',
    'leave during away from what does the work',
  ],
  ['research-without-plan', 33, 'research of training leads to no plan', 'give an action during: plan, or remove it'],
  ['unknown-work-gate', 35, 'unknown field design', 'use one of: research, plan'],
  ['unknown-work-phase', 33, 'unknown during "planning"', 'use one of: research, plan, implement'],
  ['work-gate-criterion-twice', 35, 'criterion "known" is there twice', 'rename or remove one'],
  [
    'work-gate-holds',
    35,
    'nobody comes to lift what holds a work phase',
    'use block or warn; for a person, add an action of the tool human',
  ],
  [
    'work-gate-of-nothing',
    35,
    'training has a gate of plan, and no action',
    'give an action during: plan, or remove it',
  ],
  [
    'work-gate-of-other-work',
    35,
    'the gate of a work phase looks at its session alone, and can not test "completed"',
    'use one of: fact, rule, all, any, at-least; or move it to the exit of training',
  ],
  ['work-gate-reads-later', 35, 'no action reports the fact "rows"', 'remove it'],
  [
    'work-phase-needs-later',
    33,
    '"train", of plan, needs "package", which comes after it in implement',
    'remove the need, or move one of the two',
  ],
  ['waiver-never-of-nothing', 87, 'no gate has a check "action:decid"', 'did you mean "action:decide"?'],
  ['waiver-of-unknown-role', 86, 'no gate asks the role "sponsr"', 'did you mean "sponsor"?'],
];

it.each(refusals)('refuses %s at line %i', async (name, line, message, mend) => {
  const file = join(bad, `${name}.yaml`);
  const loaded = await loadPipeline(file);
  expect(loaded.ok ? [] : loaded.problems[0]).toMatchObject({ file, line, message, mend });
});

it('expects something of every bad pipeline', async () => {
  expect(await readdir(bad)).toEqual(refusals.map(([name]) => `${name}.yaml`).toSorted());
});

it('loads the pipeline of which each bad one differs in at most two lines', async () => {
  await expect(loadPipeline(good)).resolves.toMatchObject({ ok: true });
  const lines = new Set((await readFile(good, 'utf8')).split('\n'));
  for (const name of await readdir(bad)) {
    const strange = (await readFile(join(bad, name), 'utf8')).split('\n').filter((line) => !lines.has(line));
    expect(strange.length).toBeLessThanOrEqual(2);
  }
});

it('loads every kind of check, alone and together', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pipelines-'));
  const key = 'MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=';
  const checks = [
    '{ kind: risks, below: 8 }',
    '{ kind: budget, share: 0.9 }',
    '{ kind: external, verifier: ci }',
    "{ kind: evidence, phase: training, fact: rows, op: '>=', value: 100 }",
    '{ kind: fresh, phase: training, after: improvement }',
  ];
  const together = `{ kind: at-least, count: 2, of: [{ kind: all, of: [${checks.join(', ')}] }, { kind: any, of: [${checks[0]}] }] }`;
  const file = join(folder, 'pipeline.yaml');
  const text = await readFile(good, 'utf8');
  await writeFile(
    file,
    text
      .replace(/^modes:/m, `verifiers: [{ id: ci, publicKey: ${key} }]\nmodes:`)
      .replace(
        /^( *- \{ id: small-error.*)$/m,
        `$1\n      - { id: several, says: S, check: ${together}, onFail: warn, shadow: true }`,
      ),
  );
  expect(await loadPipeline(file)).toMatchObject({ ok: true });
  await writeFile(file, (await readFile(file, 'utf8')).replace('share: 0.9', 'shares: 0.9'));
  expect(await loadPipeline(file)).toMatchObject({
    problems: [{ message: 'share is missing' }, { message: 'unknown field shares', mend: 'did you mean "share"?' }],
  });
  await rm(folder, { recursive: true });
});

/** The lab hands a step of the training to another agent, which the mode and the phase know. */
const handing = (text: string, tool: string, by: string) =>
  text
    .replace('agents: [lab]', `agents: [lab, ${by}]`)
    .replace("tools: [lab.train, lab.package, 'command:python3']", `tools: [lab.train, ${tool}, 'command:python3']`)
    .replace(/^    owner: lab$/m, `    owner: lab\n    support: [${by}]`)
    .replace('tool: lab.package', `tool: ${tool}, by: ${by}`);
const AFTER = '{ id: again, says: A., check: { kind: fresh, phase: validation, after: training } }';

it.each([
  [
    'a tool that is not its own',
    (text: string) => handing(text, 'lab.package', 'ops'),
    'tool "lab.package" is of another agent',
    'use a tool of ops',
  ],
  [
    'money that is reserved for its owner',
    (text: string) =>
      handing(text, 'ops.package', 'ops').replace(
        /^(    owner: lab)$/m,
        "$1\n    mayCost: { amount: '2.00', currency: USD }",
      ),
    '"ops" would spend what mayCost of training does not reserve',
    'remove by, or mayCost',
  ],
  [
    'work that it would judge',
    (text: string) =>
      handing(text, 'evaluator.package', 'evaluator').replace(/^(    mode: deliver)$/m, `$1\n    entry: [${AFTER}]`),
    '"evaluator" would judge its own work: validation looks at training',
    'hand it to an agent that has no part in validation',
  ],
  [
    'work that its own finding would be evidence for',
    (text: string) =>
      handing(text, 'evaluator.package', 'evaluator').replace(
        "check: { kind: fact, fact: rows, op: '>=', value: 100 }",
        "check: { kind: evidence, phase: validation, fact: error, op: '<', value: 1 }",
      ),
    'evaluator would judge its own work: it owns validation',
    'use a phase of another agent, or kind: fact',
  ],
  [
    'a finding that would be evidence for its own work',
    (text: string) =>
      handing(text, 'ops.package', 'ops').replace(
        /^(    mode: deliver)$/m,
        "$1\n    entry: [{ id: rows, says: R., check: { kind: evidence, phase: training, fact: rows, op: '>', value: 1 } }]",
      ),
    'ops would judge its own work: it has a hand in training',
    'use a phase of another agent, or kind: fact',
  ],
])('hands no agent %s', async (_, change, message, mend) => {
  const parsed = parsePipeline('pipeline.yaml', change(await readFile(good, 'utf8')));
  expect(parsed.ok ? [] : parsed.problems).toMatchObject([{ message, mend }]);
});

it('hands a step of a phase to an agent that supports it', async () => {
  const parsed = parsePipeline('pipeline.yaml', handing(await readFile(good, 'utf8'), 'ops.package', 'ops'));
  expect(parsed.ok ? parsed.pipeline.phases[0]!.actions[1] : parsed.problems).toMatchObject({ by: 'ops' });
});

it('refuses to hand off what comes before the plan is accepted', async () => {
  const text = await readFile(good, 'utf8');
  const loaded = parsePipeline('good', text.replace('title: Train,', 'title: Train, during: plan, by: evaluator,'));
  expect(loaded.ok ? [] : loaded.problems.map(({ message }) => message)).toContain(
    '"train", of plan, is handed off: what comes before the plan is accepted is the owner\'s own',
  );
});

it('knows which tools the agents have, when it is told', async () => {
  const tools = ['lab.train', 'lab.package', 'evaluator.measure', 'ops.deploi', 'improver.decide'];
  const loaded = await loadPipeline(good, { tools });
  expect(loaded.ok ? [] : loaded.problems).toMatchObject([
    { line: 19, message: 'unknown tool "ops.deploy"', mend: 'did you mean "ops.deploi"?' },
    { line: 63, message: 'unknown tool "ops.deploy"', mend: 'did you mean "ops.deploi"?' },
  ]);
});

it('says of a file that is not there, or is no text, what is wrong with it', async () => {
  const absent = await loadPipeline(join(bad, 'absent.yaml'));
  expect(absent.ok ? [] : absent.problems).toMatchObject([{ line: 1, message: 'cannot be read (ENOENT)' }]);
  const folder = await loadPipeline(bad);
  expect(folder.ok ? [] : folder.problems).toMatchObject([{ message: 'cannot be read (EISDIR)' }]);
});
