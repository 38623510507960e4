import { expect, it } from '@jest/globals';
import type { Agent, DomainEvent } from '@vt/contracts';
import { sessionStream, trainStream } from '@vt/contracts';
import { MemoryEventStore } from '@vt/event-store';
import { CommandId, commandHandler, Instant, react, TenantId, type Envelope } from '@vt/kernel';
import { phaseOf, type Pipeline } from './pipeline.ts';
import type { SessionCommand } from './session-commands.ts';
import { sessionDecider } from './session.decider.ts';
import { artifact, NOTHING_ELSE, pipelineWith, start, trainId } from './testing/pipelines.ts';
import type { TrainCommand } from './train-commands.ts';
import { trainDecider } from './train.decider.ts';
import { trainReactions } from './train.reactions.ts';

const ROUTE = [
  ['opportunity', 'onboarder'],
  ['discovery', 'onboarder'],
  ['readiness', 'onboarder'],
  ['scope', 'onboarder'],
  ['pre-kickoff', 'onboarder'],
  ['data-sources', 'lab'],
  ['extraction', 'lab'],
  ['preparation', 'lab'],
  ['exploration', 'lab'],
  ['feature-engineering', 'lab'],
  ['model-architecture', 'studio'],
  ['training', 'lab'],
  ['validation', 'evaluator'],
  ['deployment', 'ops'],
  ['monitoring', 'ops'],
  ['evaluation', 'evaluator'],
  ['performance-analysis', 'evaluator'],
  ['improvement', 'improver'],
] as const satisfies readonly (readonly [string, Agent])[];
const PHASES = ROUTE.map(([phase]) => phase);
const LAP = PHASES.slice(PHASES.indexOf('training'));

/** The route of the real pipeline: every phase asks for the one before it, deployment for two people. */
const pipeline: Pipeline = pipelineWith(
  ROUTE.map(([id, owner], place) => {
    const before = PHASES[place - 1];
    return {
      id,
      owner,
      actions: [
        { id: 'prepare', title: 'Prepare', tool: 'lab.work' },
        { id: 'write', title: 'Write', tool: 'lab.work', needs: ['prepare'], produces: [`${id}.md`] },
      ],
      artifacts: [{ path: `${id}.md` }],
      entry: before
        ? [{ id: 'order', says: `${before} is done`, check: { kind: 'completed' as const, phase: before } }]
        : [],
      exit: [
        { id: 'good', says: 'Good enough', check: { kind: 'fact' as const, fact: 'score', op: '>=', value: 0.75 } },
      ],
      approvals: id === 'deployment' ? [{ role: 'release-manager' }, { role: 'sponsor' }] : [],
      next: PHASES[place + 1] ?? null,
      loops: id === 'improvement' ? [{ outcome: 'retrain', to: 'training', retraining: true }] : [],
      ends: id === 'improvement' ? [{ outcome: 'close', as: 'completed' as const }] : [],
    };
  }),
);

class World {
  readonly store = new MemoryEventStore();
  readonly #conduct = commandHandler(
    trainDecider(() => pipeline),
    ({ trainId }) => trainStream(trainId),
    this.store,
  );
  readonly #work = commandHandler(sessionDecider, ({ ticketId }) => sessionStream(ticketId), this.store);
  #commands = 0;

  async conduct(...commands: readonly TrainCommand[]): Promise<void> {
    for (const command of commands) await this.#conduct(command, this.#envelope());
  }

  async work(...commands: readonly SessionCommand[]): Promise<void> {
    for (const command of commands) await this.#work(command, this.#envelope());
  }

  /** Walking the log while it grows stands in for the bus. */
  async run(): Promise<readonly DomainEvent[]> {
    const seen: DomainEvent[] = [];
    for (;;) {
      const { events } = await this.store.readLog<DomainEvent>(seen.length);
      if (events.length === 0) return seen;
      for (const { event } of events) {
        seen.push(event);
        await this.conduct(...react(trainReactions, event));
        await this.#answer(event);
      }
    }
  }

  async append(event: DomainEvent): Promise<void> {
    const stream = `risk-${trainId}`;
    const last = (await this.store.read(this.#envelope().tenant, stream)).at(-1) ?? {
      version: 0,
      hash: '0'.repeat(64),
    };
    await this.store.append({ ...this.#envelope(), stream, expected: last, events: [event] });
  }

  /** Agents, inspection and approvers, who all find everything in order but the first model. */
  async #answer(event: DomainEvent): Promise<void> {
    if (event.type === 'TicketOpened') await this.#agent(event.data);
    if (event.type === 'WorkSubmitted') {
      const { ticketId, artifacts, facts, checklist, outcome } = event.data;
      const checks = artifacts.map(({ path }) => ({
        id: `artifact:${path}`,
        outcome: 'met' as const,
        reason: 'opens',
      }));
      const work = { artifacts, facts, checklist, outcome, checks, observed: NOTHING_ELSE };
      await this.conduct({ type: 'JudgeWork', trainId, ticketId, ...work });
    }
    if (event.type === 'ApprovalRequested') {
      const { phase, role, evidence } = event.data;
      const by = start.approvers.find((approver) => approver.role === role)!.name;
      await this.conduct({ type: 'GrantApproval', trainId, phase, role, by, evidence, comment: '', simulated: true });
    }
  }

  async #agent(ticket: Extract<DomainEvent, { type: 'TicketOpened' }>['data']): Promise<void> {
    const { ticketId, phase, cycle, attempt } = ticket;
    const { actions } = phaseOf(pipeline, phase)!;
    const isFirstModel = phase === 'training' && cycle === 1 && attempt === 1;
    await this.work({
      type: 'StartSession',
      ...ticket,
      permissions: { deny: [], ask: [], allow: ['lab.*'] },
      earlierFailures: [],
      fence: 1,
    });
    for (const { id: action, tool, produces } of actions) {
      await this.work({
        type: 'CompleteAction',
        ticketId,
        action,
        tool,
        artifacts: produces.map((path) => artifact(path, String(cycle))),
        facts: { score: isFirstModel ? 0.7 : 0.8 },
        usage: { cpuMs: 1, wallMs: 1, tokens: [] },
        result: null,
        fence: 1,
      });
    }
    const outcome = phase === 'improvement' ? (cycle === 1 ? 'retrain' : 'close') : '';
    await this.work({ type: 'SubmitWork', ticketId, required: actions.map(({ id }) => id), outcome, fence: 1 });
  }

  #envelope(): Envelope {
    this.#commands += 1;
    return {
      tenant: TenantId.parse('test'),
      commandId: CommandId.parse(`00000000-0000-4000-8000-${String(this.#commands).padStart(12, '0')}`),
      causation: { actor: 'test', causationId: 'test', correlationId: 'test' },
      at: Instant.parse('2026-11-21T09:00:00.000Z'),
    };
  }
}

it('rides all 18 phases in order, one of them twice, then a retraining lap through validation and deployment', async () => {
  const world = new World();
  await world.conduct(start);
  const events = await world.run();

  const completed = events.flatMap((event) =>
    event.type === 'PhaseCompleted' ? [[event.data.cycle, event.data.phase, event.data.attempt]] : [],
  );
  expect(completed).toEqual([
    ...PHASES.map((phase) => [1, phase, phase === 'training' ? 2 : 1]),
    ...LAP.map((phase) => [2, phase, 1]),
  ]);
  expect(events.filter(({ type }) => type === 'ApprovalGranted')).toHaveLength(4);
  expect(events.at(-1)).toMatchObject({ type: 'TrainCompleted', data: { cycle: 2, outcome: 'close' } });
});

it('stops at the gate that a critical risk holds, and goes on when the risk is settled', async () => {
  const world = new World();
  await world.conduct(start);
  const risk = { trainId, riskId: 'R007-drift' };
  await world.append({
    type: 'RiskBecameCritical',
    data: { ...risk, score: 20, reason: 'drift', phases: ['validation'] },
  });
  const held = await world.run();
  expect(held.at(-1)).toMatchObject({ type: 'GateEvaluated', data: { phase: 'validation', verdict: 'held' } });

  await world.append({ type: 'RiskSettled', data: { ...risk, status: 'closed', reason: 'mended', by: 'Dana' } });
  expect((await world.run()).at(-1)).toMatchObject({ type: 'TrainCompleted' });
});
