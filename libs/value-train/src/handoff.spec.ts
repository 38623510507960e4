import { describe, expect, it } from '@jest/globals';
import { endOf, handoffTicketOf, offerOf, performersOf, phaseUnder } from './handoff.ts';
import { phaseOf } from './pipeline.ts';
import type { CommandOf, SessionCommand } from './session-commands.ts';
import { isStruckOut, sessionDecider, triesOf } from './session.decider.ts';
import { evolveSession, sessionAt, UNKNOWN, type KnownSession } from './session.ts';
import { artifact, digestOf, pipelineWith, trainId } from './testing/pipelines.ts';
import {
  abandon,
  after,
  at,
  begin,
  bundleAt,
  cancel,
  complete,
  fail,
  fitted,
  given,
  resume,
  rollBack,
  start,
  submit,
  ticketId,
  usage,
} from './testing/small-session.ts';

const handoff = handoffTicketOf(ticketId, 'score', 1);
const offer = (change: Partial<CommandOf<'OfferHandoff'>> = {}): CommandOf<'OfferHandoff'> => ({
  ...{ type: 'OfferHandoff', ticketId, action: 'score', tool: 'lab.work', to: 'studio', needs: [], repeatable: true },
  ...{ bundle: bundleAt(1), openedOn: '2026-11-21', fence: 1, ...change },
});
const accept = (change: Partial<CommandOf<'AcceptHandoff'>> = {}): CommandOf<'AcceptHandoff'> => ({
  ...{ type: 'AcceptHandoff', trainId, ticketId: handoff, of: ticketId, action: 'score', from: 'lab' },
  ...{ phase: 'training', cycle: 1, attempt: 1, agent: 'studio', mode: 'build' },
  ...{ permissions: start.permissions, earlierFailures: ['away'], bundle: digestOf('e'), problems: [], fence: 1 },
  ...change,
});
const under = <Command extends SessionCommand>(command: Command): Command => ({ ...command, ticketId: handoff });
const scored = complete('score', { artifacts: [artifact('score.md', 'd')], facts: { auc: 0.8 } });
const takenIn = { ...scored, handoff };
const givenBack = { ...fail('score', 1), handoff } as CommandOf<'FailAction'>;

describe('the ticket of a hand-off', () => {
  it('names the session that offered it, and the action', () => {
    expect(handoff).toBe(`training_1_1_score_1_${trainId}`);
    expect(offerOf(handoff)).toEqual({ action: 'score', of: ticketId });
    expect(offerOf(ticketId)).toBeUndefined();
    expect(() => handoffTicketOf(handoff, 'again', 1)).toThrow('invalid_format');
  });

  it('is about one action of its phase, which waits for nothing and can not be left out', () => {
    const actions = [
      { id: 'fit', title: 'Fit', tool: 'lab.fit' },
      { id: 'score', title: 'Score', tool: 'studio.score', by: 'studio' as const, needs: ['fit'], required: false },
    ];
    const phase = phaseOf(pipelineWith([{ id: 'training', next: null, actions }]), 'training')!;
    expect(phaseUnder(ticketId, phase)).toBe(phase);
    expect(phaseUnder(handoff, phase).actions).toMatchObject([{ id: 'score', needs: [], required: true }]);
    expect(performersOf(phase)).toEqual(['lab', 'studio']);
  });
});

describe('an offer', () => {
  it('is made once, with a bundle of everything up to then', () => {
    given(...after(start, fitted))
      .when(offer({ needs: ['fit'], bundle: bundleAt(2) }))
      .thenTypes('BundleSaved', 'HandoffOffered');
    given(...after(start, offer()))
      .when(offer())
      .thenNothing();
    expect(after(start, offer()).at(-1)).toMatchObject({
      data: { from: 'lab', to: 'studio', handoff, bundle: digestOf('e'), openedOn: '2026-11-21' },
    });
  });

  it.each([
    ['what it needs is open', offer({ needs: ['fit'] }), 'handoff-incomplete'],
    ['something happened since its bundle', offer({ bundle: bundleAt(2) }), 'bundle-stale'],
    ['it would go to whoever makes it', offer({ to: 'lab' }), 'handoff-to-itself'],
    ['the mode does not allow the tool', offer({ tool: 'ops.deploy' }), 'tool-not-allowed'],
  ])('is refused when %s', (_, command, code) => {
    given(...after(start))
      .when(command)
      .thenRejected(code);
  });

  it('is refused of what is out with another, done, or tried in vain, and of what was offered itself', () => {
    const again = offer({ to: 'ops', bundle: bundleAt(3) });
    given(...after(start, offer()))
      .when(again)
      .thenRejected('handed-off');
    given(...after(start, scored))
      .when(offer({ bundle: bundleAt(2) }))
      .thenRejected('action-completed');
    given(...after(start, fail('score', 1, 'permanent')))
      .when(offer({ bundle: bundleAt(2) }))
      .thenRejected('struck-out');
    given(...after(accept()))
      .when(under(offer({ to: 'ops' })))
      .thenRejected('handoff-of-handoff');
  });

  it('of what may not simply be repeated says that it may have begun, which nobody takes back', () => {
    const once = offer({ repeatable: false });
    expect(
      after(start, once)
        .map(({ type }) => type)
        .slice(1),
    ).toEqual(['BundleSaved', 'ActionStarted', 'HandoffOffered']);
    given(...after(start, once))
      .when(rollBack(1))
      .thenRejected('effect-outside');
  });

  it('leaves the action to the other agent, whose word is recorded with its name', () => {
    const out = after(start, offer());
    for (const own of [begin('score'), scored, fail('score', 1)]) {
      given(...out)
        .when(own)
        .thenRejected('handed-off');
    }
    expect(after(start, offer(), takenIn).at(-1)).toMatchObject({ data: { agent: 'studio', handoff } });
    expect(after(start, offer(), givenBack).at(-1)).toMatchObject({ data: { agent: 'studio', handoff, try: 1 } });
    expect(after(start, fitted).at(-1)?.data).not.toHaveProperty('handoff');
    given(...after(start, offer(), takenIn))
      .when(takenIn)
      .thenNothing();
    given(...after(start, offer(), givenBack))
      .when(givenBack)
      .thenNothing();
  });

  it('that is over is over: another has another ticket', () => {
    const again = [start, offer(), givenBack, offer({ bundle: bundleAt(4) })];
    expect(after(...again).at(-1)).toMatchObject({ data: { handoff: handoffTicketOf(ticketId, 'score', 2) } });
    given(...after(...again))
      .when(takenIn)
      .thenRejected('handed-off');
    given(...after(start, offer(), givenBack))
      .when(takenIn)
      .thenRejected('handoff-over');
  });

  it('keeps its session from being submitted', () => {
    given(...after(start, offer()))
      .when(submit('go', []))
      .thenRejected('handoff-open');
  });

  it.each([
    ['given up', abandon, 'WorkAbandoned', 'no memory'],
    ['cancelled', cancel, 'SessionCancelled', 'the train was aborted'],
    ['rolled back', rollBack(1), 'SessionRolledBack', 'wrong file'],
    [
      'not gone on with',
      { type: 'RejectBundle', ticketId, bundle: digestOf('e'), problems: ['too long'], fence: 2 } as SessionCommand,
      'WorkAbandoned',
      'it can not go on by its bundle: too long',
    ],
  ])('is called back when its session is %s', (_, command, end, reason) => {
    const events = after(start, offer(), command).slice(-2);
    expect(events).toMatchObject([
      { type: 'HandoffWithdrawn', data: { handoff, to: 'studio', reason } },
      { type: end },
    ]);
  });

  it('stays out when its session goes back to a version after it, and its number is never given again', () => {
    const back = at(start, offer(), fitted, rollBack(3)) as KnownSession;
    expect(back.handoffs.get('score')).toMatchObject({ handoff });
    const undone = at(start, offer(), takenIn, rollBack(3)) as KnownSession;
    expect([undone.handoffs.size, undone.offers]).toEqual([0, 1]);
    const whole = after(start, offer(), takenIn).reduce(evolveSession, UNKNOWN) as KnownSession;
    expect(sessionAt(whole, 3)).toMatchObject({ offers: 1 });
    const later = [start, offer(), rollBack(1), resume(2, 5), offer({ bundle: bundleAt(7), fence: 2 })];
    expect(after(...later).at(-1)).toMatchObject({ data: { handoff: handoffTicketOf(ticketId, 'score', 2) } });
  });
});

describe('what an agent was offered', () => {
  it('is accepted once', () => {
    given(...after(accept()))
      .when(accept())
      .thenNothing();
    given(...after(accept()))
      .when(accept({ fence: 2 }))
      .thenRejected('session-exists');
    expect(at(accept())).toMatchObject({
      ...{ status: 'open', agent: 'studio', fence: 1, earlierFailures: ['away'] },
      handedOff: { action: 'score', of: ticketId, from: 'lab' },
    });
  });

  it('is that action and no other', () => {
    given(...after(accept()))
      .when(under(fitted))
      .thenRejected('not-handed-off');
    given(...after(accept()))
      .when(under(begin('fit')))
      .thenRejected('not-handed-off');
  });

  it('goes back when it is done, and is frozen', () => {
    const events = after(accept(), under(scored), under(submit('next', ['score'])));
    expect(events.map(({ type }) => type)).toEqual(['HandoffAccepted', 'ActionCompleted', 'HandoffReturned']);
    expect(events.at(-1)?.data).toMatchObject({ ticketId: handoff, of: ticketId, from: 'lab', agent: 'studio' });
    given(...events)
      .when(under(submit('next', ['score'])))
      .thenNothing();
    given(...events)
      .when(under(begin('score', 2)))
      .thenRejected('session-over');
    expect(endOf(events)).toMatchObject({ kind: 'returned', completed: { artifacts: scored.artifacts, usage } });
    given(...after(accept()))
      .when(under(submit('next', ['score'])))
      .thenRejected('checklist-open');
  });

  it('says what it taught', () => {
    const retrospective = { learnings: [], improvements: [], waived: [] };
    const laws = { 'extract-learnings': 'warn', improve: 'off' } as const;
    const events = after(accept(), under(scored), {
      ...under(submit('', ['score'])),
      retrospective,
      laws,
    } as SessionCommand);
    expect(events.slice(-2)).toMatchObject([
      { type: 'LawBroken', data: { law: 'extract-learnings' } },
      { type: 'HandoffReturned', data: { retrospective } },
    ]);
    const reversed = after(accept(), { ...under(abandon), retrospective } as SessionCommand);
    expect(reversed.at(-1)).toMatchObject({ type: 'HandoffReversed', data: { retrospective } });
  });

  it.each([
    ['what was tried in vain', [under(fail('score', 1, 'permanent'))], 'permanent'],
    ['what nobody knows to have happened', [under(fail('score', 1, 'unknown'))], 'unknown'],
    ['what could not be begun', [], 'permanent'],
  ])('goes back undone: %s', (_, tries, kind) => {
    const events = after(accept(), ...tries, under(abandon));
    expect(events.at(-1)).toMatchObject({
      type: 'HandoffReversed',
      data: { kind, reasons: ['no memory'], of: ticketId },
    });
    expect(endOf(events)).toMatchObject({ kind: 'reversed', failure: { kind } });
    given(...events)
      .when(under(abandon))
      .thenNothing();
  });

  it('goes back when its bundle is no good, for another offer may mend that', () => {
    const rejected = after(accept({ problems: ['it has 1 of 2 decisions'] }));
    expect(rejected.map(({ type }) => type)).toEqual(['HandoffAccepted', 'BundleRejected', 'HandoffReversed']);
    expect(rejected.at(-1)).toMatchObject({ data: { kind: 'transient' } });
    expect(at(accept({ problems: ['x'] }))).toMatchObject({ status: 'reversed' });
    const bundle = { type: 'RejectBundle', bundle: digestOf('f'), problems: ['too long'], fence: 2 } as const;
    const resumed = after(accept(), { ...bundle, ticketId: handoff });
    expect(resumed.at(-1)).toMatchObject({ type: 'HandoffReversed', data: { kind: 'transient' } });
  });

  it('has an end only when there is one', () => {
    expect(endOf(after(accept(), under(scored)))).toBeUndefined();
    expect(endOf([])).toBeUndefined();
    expect(endOf(after(accept(), under(cancel)))).toEqual({ kind: 'cancelled', reason: 'the train was aborted' });
  });
});

it('is tried as often as any action, whoever performs it', () => {
  const again = (nth: number): SessionCommand[] => [
    offer({ bundle: bundleAt(nth * 3 - 2) }),
    { ...fail('score', nth), handoff: handoffTicketOf(ticketId, 'score', nth) } as SessionCommand,
  ];
  const struck = at(start, ...again(1), ...again(2), ...again(3));
  expect([triesOf(struck, 'score'), isStruckOut(struck, 'score')]).toEqual([3, true]);
  expect(() => sessionDecider.decide(offer({ bundle: bundleAt(10) }), struck)).toThrow('blocked after 3');
});
