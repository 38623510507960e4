import { describe, expect, it } from '@jest/globals';
import { TicketId } from '@vt/kernel';
import { specify } from '@vt/testing';
import type { SessionCommand } from './session-commands.ts';
import { sessionDecider } from './session.decider.ts';
import { digestOf, trainId } from './testing/pipelines.ts';

const { after, given } = specify(sessionDecider);
const ticketId = TicketId.parse(`training_1_1_${trainId}`);

const start: SessionCommand = {
  ...{ type: 'StartSession', trainId, ticketId, phase: 'training', cycle: 1, attempt: 1, agent: 'lab', mode: 'build' },
  ...{ permissions: { deny: [], ask: [], allow: ['lab.*'] }, earlierFailures: [], fence: 1 },
};
const learning = { learning: 'rain is rare', evidence: '12 of 100 rows' };
const waived = [{ law: 'improve' as const, reason: 'nothing was in the way' }];
const retrospective = { learnings: [learning], improvements: [], waived };
const submit: SessionCommand = { type: 'SubmitWork', ticketId, required: [], outcome: 'next', retrospective, fence: 1 };
const abandon: SessionCommand = { type: 'Abandon', ticketId, reasons: ['no memory'], fence: 1 };
const cancel: SessionCommand = { type: 'Cancel', ticketId, reason: 'the train was aborted' };
const ref = { bundle: digestOf('e'), tokenizer: 'o200k_base', tokens: 500, sourceTokens: 5_000 };
const archive = (sourceVersion: number, laws = {}): SessionCommand => ({
  ...{ type: 'Archive', ticketId, bundle: { ...ref, sourceVersion }, laws },
});

describe('a session is archived', () => {
  it('when it has ended, with its last bundle and what it has learned', () => {
    given(...after(start, submit))
      .when(archive(2))
      .then({
        type: 'SessionArchived',
        data: {
          ...{ trainId, ticketId, phase: 'training', ...ref, sourceVersion: 2 },
          ...{ learnings: 1, improvements: 0, waived, agent: 'lab', attempt: 1 },
        },
      });
  });

  it('with what its words cost', () => {
    const usage = { cpuMs: 1, wallMs: 900, tokens: [{ model: 'm', input: 500, output: 20 }] };
    given(...after(start, submit))
      .when({ ...archive(2), usage } as SessionCommand)
      .thenTypes('SessionArchived');
    expect(after(start, submit, { ...archive(2), usage } as SessionCommand).at(-1)?.data).toMatchObject({ usage });
  });

  it('once, and takes nothing after that', () => {
    const archived = after(start, submit, archive(2));
    given(...archived)
      .when(archive(2))
      .thenNothing();
    // Not even what it had heard before.
    for (const command of [submit, abandon, cancel, { ...start, fence: 2 }] as const) {
      given(...archived)
        .when(command)
        .thenRejected(command.type === 'StartSession' ? 'session-exists' : 'session-over');
    }
    given(...archived)
      .when({ type: 'RollBack', ticketId, to: 1, reason: 'late', by: 'Olga' })
      .thenRejected('session-over');
  });

  it('not before its end, nor by a bundle that leaves its end out', () => {
    given().when(archive(1)).thenRejected('session-unknown');
    given(...after(start))
      .when(archive(1))
      .thenRejected('session-open');
    given(...after(start, submit))
      .when(archive(1))
      .thenRejected('bundle-stale');
  });

  it('not without a learning, a proposal or the reason, where the laws are enforced', () => {
    const silent = after(start, abandon);
    given(...silent)
      .when(archive(2))
      .thenRejected('law-broken');
    given(...silent)
      .when(archive(2, { 'extract-learnings': 'warn', improve: 'off' }))
      .thenTypes('SessionArchived');
  });

  it('when its work was called off, which is reason enough', () => {
    expect(after(start, cancel, archive(2)).at(-1)?.data).toMatchObject({
      ...{ learnings: 0, improvements: 0 },
      waived: [
        { law: 'extract-learnings', reason: 'called off: the train was aborted' },
        { law: 'improve', reason: 'called off: the train was aborted' },
      ],
    });
  });

  it('when it ended because its bundle was no good', () => {
    const reject: SessionCommand = { type: 'RejectBundle', ticketId, bundle: ref.bundle, problems: ['old'], fence: 2 };
    expect(after(start, reject, archive(3)).at(-1)?.data).toMatchObject({ learnings: 1, waived: [{ law: 'improve' }] });
  });
});
