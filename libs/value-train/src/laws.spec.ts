import { describe, expect, it } from '@jest/globals';
import type { Law } from '@vt/contracts';
import { fold, TicketId, type Recorded } from '@vt/kernel';
import { specify } from '@vt/testing';
import { brokenAtTheEnd, complianceOf, LAWS, retrospectiveOf } from './laws.ts';
import { handoffTicketOf } from './handoff.ts';
import type { CommandOf, SessionCommand } from './session-commands.ts';
import { sessionDecider } from './session.decider.ts';
import type { SessionEvent } from './session.ts';
import { artifact, digestOf, pipelineWith, trainId } from './testing/pipelines.ts';
import type { TrainEvent } from './train.ts';

const { after, given } = specify(sessionDecider);
const ticketId = TicketId.parse(`training_1_1_${trainId}`);
const usage = (wallMs: number) => ({ cpuMs: 1, wallMs, tokens: [] });
const actions = [{ id: 'fit', title: 'Fit', tool: 'lab.fit', timeoutSeconds: 10 }];
const pipeline = pipelineWith([{ id: 'training', next: null, actions }]);
const phase = pipeline.phases[0]!;

const start: SessionCommand = {
  ...{ type: 'StartSession', trainId, ticketId, phase: 'training', cycle: 1, attempt: 1, agent: 'lab', mode: 'build' },
  ...{ permissions: { deny: [], ask: [], allow: ['lab.*'] }, earlierFailures: [], fence: 1 },
};
const fail = (nth: number): SessionCommand => ({
  ...{ type: 'FailAction', ticketId, action: 'fit', tool: 'lab.fit', try: nth, kind: 'transient', reason: 'away' },
  ...{ usage: usage(300), fence: 1 },
});
const complete = (wallMs = 1, notes = {}, action = 'fit'): SessionCommand => ({
  ...{ type: 'CompleteAction', ticketId, action, tool: 'lab.fit', artifacts: [], facts: {}, result: null },
  ...{ usage: usage(wallMs), notes, fence: 1 },
});
const refuse: SessionCommand = {
  ...{ type: 'RefuseTool', ticketId, action: 'fit', tool: 'ops.deploy', call: 'ops.deploy', rule: 'default' },
  ...{ reason: 'not here', required: false, fence: 1 },
};
const sessionAfter = (...commands: SessionCommand[]) => fold(sessionDecider, after(start, ...commands));
const learned = (...commands: SessionCommand[]) => retrospectiveOf(sessionAfter(...commands), phase);

describe('what a session has learned', () => {
  it('is nothing where nothing happened, and it says so', () => {
    const reason = '1 actions without a failure, a refusal, a delay or a report';
    expect(learned(complete())).toEqual({
      learnings: [],
      improvements: [],
      waived: [
        { law: 'extract-learnings', reason },
        { law: 'improve', reason },
      ],
    });
    expect(retrospectiveOf({ status: 'unknown' }, phase, ['no charter']).learnings).toHaveLength(1);
  });

  it('is what failed, what was refused and what was slow, with what it cost', () => {
    expect(learned(fail(1), fail(2), refuse, complete(5_400))).toMatchObject({
      learnings: [
        { learning: 'fit failed 2 times', evidence: 'transient: away' },
        { learning: 'fit may not use ops.deploy', evidence: 'not here' },
        { learning: 'fit is slow', evidence: 'it took 5 of 10 s' },
      ],
      improvements: [
        { proposal: 'Mend why fit fails', because: 'transient: away', impact: 1, effort: null },
        { proposal: 'Let fit use ops.deploy, or do without it' },
        { proposal: 'Give fit more time, or less to do' },
      ],
      waived: [],
    });
    expect(learned(fail(1)).improvements).toMatchObject([{ impact: 10 }]);
    // 10 * 3.423 / 3.423 is a bit more than 10.
    expect(learned({ ...fail(1), usage: usage(3.423) } as SessionCommand).improvements).toMatchObject([{ impact: 10 }]);
    expect(learned({ ...fail(1), usage: usage(0) } as SessionCommand).improvements).toMatchObject([{ impact: 1 }]);
    expect(learned(complete(99_000, {}, 'undeclared')).learnings).toEqual([]);
  });

  it('is what its actions reported', () => {
    const learnings = [{ learning: 'small trees do', evidence: '0.70 beside 0.69' }];
    const improvements = [{ proposal: 'More rows', because: '366 came', impact: 8, effort: 4 }];
    expect(learned(complete(1, { learnings, improvements }))).toEqual({ learnings, improvements, waived: [] });
  });
});

describe('an end without a word of what was learned', () => {
  const submit = (laws: object): SessionCommand => ({
    ...{ type: 'SubmitWork', ticketId, required: ['fit'], outcome: 'next', laws, fence: 1 },
  });
  const done = after(start, complete());

  it('is refused, warned of or let pass, as the policy says', () => {
    given(...done)
      .when(submit({}))
      .thenRejected('law-broken');
    given(...done)
      .when(submit({ 'extract-learnings': 'warn', improve: 'warn' }))
      .thenTypes('LawBroken', 'LawBroken', 'WorkSubmitted');
    given(...done)
      .when(submit({ 'extract-learnings': 'off', improve: 'off' }))
      .thenTypes('WorkSubmitted');
  });

  it('is no matter where it is there, or waived with a reason', () => {
    const waived = [{ law: 'improve' as const, reason: 'nothing to mend' }];
    const learnings = [{ learning: 'x', evidence: 'y' }];
    expect(brokenAtTheEnd({ learnings, improvements: [], waived }, {})).toEqual([]);
  });
});

const record = (stream: string, actor: string, causationId = 'request') => {
  let version = 0;
  return <Event>(event: Event, by = actor, from = causationId): Recorded<Event> => {
    version += 1;
    const causation = { actor: by, causationId: from, correlationId: 'x' };
    return { id: `${stream}@${version}`, stream, version, causation, event } as unknown as Recorded<Event>;
  };
};
const asTrain = (event: object) => event as TrainEvent;
const reportOf = (law: Law, ...given: Parameters<typeof complianceOf>) =>
  complianceOf(...given).laws.find((report) => report.law === law)!;

describe('the laws, judged from the log', () => {
  const onTrain = record(`train-${trainId}`, 'Olga');
  const train = [
    onTrain(asTrain({ type: 'TrainStarted', data: { trainId } })),
    onTrain(asTrain({ type: 'TicketOpened', data: { ticketId } }), 'conductor'),
  ];
  const improvements = [
    { proposal: 'Later', because: 'x', impact: null, effort: null },
    { proposal: 'First', because: 'y', impact: 9, effort: 1 },
  ];
  const sessionOf = (...commands: SessionCommand[]): Recorded<SessionEvent>[] => {
    const note = record(`session-${ticketId}`, 'lab', `train-${trainId}@2`);
    return after(start, ...commands).map((event) => note(event));
  };
  const submitted = (retrospective = learned(complete(1, { improvements })), facts = {}): SessionCommand[] => [
    { ...complete(), facts } as SessionCommand,
    { type: 'SubmitWork', ticketId, required: [], outcome: 'next', retrospective, fence: 1 },
  ];

  it('are kept, or waived with a reason; what was proposed is listed and not begun', () => {
    const { laws, suggestions } = complianceOf({
      pipeline,
      train,
      sessions: [sessionOf(...submitted(undefined, { auc: 0.8 }))],
    });
    expect(laws.map(({ law }) => law)).toEqual(Object.keys(LAWS));
    expect(laws.flatMap(({ violations }) => violations)).toEqual([]);
    expect(laws.find(({ law }) => law === 'extract-learnings')).toMatchObject({ checked: 1, waived: 1 });
    expect(suggestions.map(({ proposal }) => proposal)).toEqual(['First', 'Later']);
  });

  it('are broken by whoever ends without a word, or leaves nothing', () => {
    const abandoned = sessionOf({ type: 'Abandon', ticketId, reasons: ['x'], fence: 1 });
    expect(reportOf('improve', { pipeline, train, sessions: [abandoned] })).toMatchObject({
      ...{ checked: 1, policy: 'enforce' },
      violations: [{ where: ticketId, reason: 'it ended without improvements, and without a reason' }],
    });
    const silent = sessionOf(...submitted());
    const sessions = [silent];
    expect(reportOf('document-context', { pipeline, train, sessions }).violations).toHaveLength(1);
    const off = { ...pipeline, laws: { 'document-context': 'off' as const } };
    expect(reportOf('document-context', { pipeline: off, train, sessions })).toMatchObject({
      checked: 0,
      violations: [],
    });
    const left = sessionOf({ ...complete(), artifacts: [artifact('a.md')] } as SessionCommand, submitted()[1]!);
    expect(reportOf('document-context', { pipeline, train, sessions: [left] }).violations).toEqual([]);
  });

  it('are broken by an action that nobody opened a ticket for, or that is not declared', () => {
    const sessions = [sessionOf(complete(1, {}, 'sneak'), complete())];
    expect(reportOf('validate-before-execute', { pipeline, train, sessions }).violations).toEqual([
      { where: ticketId, reason: 'sneak ran, and training does not declare it' },
    ]);
    expect(
      reportOf('validate-before-execute', { pipeline, train: train.slice(0, 1), sessions }).violations,
    ).toHaveLength(2);
    const other = { ...pipeline, phases: [] };
    expect(reportOf('validate-before-execute', { pipeline: other, train, sessions }).violations).toHaveLength(2);
  });

  it('look at what was handed off: who offered it, to whom, and what came back', () => {
    const fit = { id: 'fit', title: 'Fit', tool: 'lab.fit', by: 'studio' as const };
    const handing = pipelineWith([{ id: 'training', next: null, actions: [fit] }]);
    const bundle = { bundle: digestOf('e'), sourceVersion: 1, tokenizer: 'x', tokens: 1, sourceTokens: 9 };
    const handoff = handoffTicketOf(ticketId, 'fit', 1);
    const offer: SessionCommand = {
      ...{
        type: 'OfferHandoff',
        ticketId,
        action: 'fit',
        tool: 'lab.fit',
        to: 'studio',
        needs: [],
        repeatable: true,
        bundle,
      },
      ...{ openedOn: '2026-11-21', fence: 1 },
    };
    const { type: _, ...terms } = start as CommandOf<'StartSession'>;
    const accept: SessionCommand = {
      ...{ ...terms, type: 'AcceptHandoff', ticketId: handoff, of: ticketId, action: 'fit', from: 'lab' },
      ...{ agent: 'studio', bundle: bundle.bundle, problems: [] },
    };
    const retrospective = learned(complete());
    const returning: SessionCommand = {
      ...{ type: 'SubmitWork', ticketId: handoff, required: ['fit'], outcome: '', retrospective, fence: 1 },
    };
    const owner = sessionOf(offer, { ...complete(), handoff } as SessionCommand);
    const theirs = after(accept, { ...complete(), ticketId: handoff } as SessionCommand, returning);
    const note = record(`session-${handoff}`, 'studio', `session-${ticketId}@3`);
    const noted = theirs.map((event) => note(event));
    const judged = (sessions: Recorded<SessionEvent>[][], on = handing) =>
      reportOf('validate-before-execute', { pipeline: on, train, sessions }).violations.map(({ reason }) => reason);
    expect(judged([owner, noted])).toEqual([]);
    expect(reportOf('improve', { pipeline: handing, train, sessions: [owner, noted] })).toMatchObject({ checked: 1 });
    expect(judged([owner.slice(0, 1), noted])).toEqual(['fit ran, and nobody offered it']);
    expect(judged([owner, noted.slice(0, 2)])).toEqual([`fit ran, and ${handoff} never returned it`]);
    expect(judged([owner, noted], pipeline)).toContain("fit ran, and it is lab's to do, not studio's");
    expect(judged([sessionOf(complete())])).toEqual(["fit ran, and it is studio's to do, not lab's"]);
    const strange = note({ ...theirs[1]!, data: { ...theirs[1]!.data, action: 'sneak' } } as SessionEvent);
    expect(judged([owner, [...noted, strange]])).toEqual(['sneak ran, and the offer was fit']);
  });

  it('are broken by automation that goes round, or that starts what people start', () => {
    const loop = record(`train-${trainId}`, 'conductor');
    const hold = asTrain({ type: 'HoldPlaced', data: {} });
    const self = [loop(hold), loop(hold, 'conductor', `train-${trainId}@1`)];
    expect(reportOf('prevent-loops', { pipeline, train: self, sessions: [] }).violations).toEqual([
      { where: `train-${trainId}@2`, reason: 'conductor answered its own HoldPlaced with another' },
    ]);
    const long = record(`train-${trainId}`, 'conductor');
    const kinds = [hold, asTrain({ type: 'HoldLifted', data: {} })];
    const chain = Array.from({ length: 22 }, (_, depth) => {
      const recorded = long(kinds[depth % 2]!, 'conductor', `train-${trainId}@${depth}`);
      return { ...recorded, causation: { ...recorded.causation, depth } };
    });
    expect(reportOf('prevent-loops', { pipeline, train: chain, sessions: [] }).violations).toEqual([
      { where: `train-${trainId}@22`, reason: '21 reactions led to it' },
    ]);
    const started = record(`train-${trainId}`, 'improver')(asTrain({ type: 'TrainStarted', data: {} }));
    expect(reportOf('guide', { pipeline, train: [started], sessions: [] }).violations).toEqual([
      { where: `train-${trainId}@1`, reason: 'TrainStarted came from improver' },
    ]);
  });
});
