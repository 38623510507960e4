import type { Action } from '../action.ts';
import { runSession, type SessionDependencies } from '../session/session.ts';
import { completeHumanTask, listHumanTasks } from '../work/human-tasks.ts';
import { Bell } from '../work/bell.ts';
import { pipelineOf, type ActionInput, type Workshop } from './workshop.ts';

type Mode = NonNullable<Parameters<typeof pipelineOf>[1]>;
type WorkGates = Parameters<typeof pipelineOf>[2];

/** A train whose one phase has these actions and this mode; `work` has a claimant work on it until it has to stop. */
export const claimant = async (
  workshop: Workshop,
  actions: readonly ActionInput[],
  tools: Record<string, Action>,
  mode: Mode,
  given: Partial<SessionDependencies> = {},
  workGates?: WorkGates,
) => {
  const pipeline = pipelineOf(actions, mode, workGates);
  const train = await workshop.train(pipeline);
  const rules: string[] = [];
  const refused = (rule: string) => void rules.push(rule);
  const dependencies = { ...workshop.dependencies(pipeline, tools), refused, ...given };
  const signal = new AbortController().signal;
  const reins = { stop: signal, hold: signal, news: new Bell() };
  const work = async () => {
    const [claim] = await workshop.items.claim('claimant', 1);
    const end = await runSession(claim!, reins, dependencies);
    await (end === 'waiting' ? workshop.items.pause('claimant', claim!) : workshop.items.finish('claimant', claim!));
    return end;
  };
  const events = () => workshop.session({ ...train.ticket, tenant: train.tenant });
  const refusals = async () => (await events()).flatMap(({ type, data }) => (type === 'ToolRefused' ? [data] : []));
  const tasks = () => listHumanTasks(workshop.service, train.tenant, train.trainId);
  const answer = async (granted: boolean) => {
    const [task] = await tasks();
    const { trainId, tenant, ticket } = train;
    const facts = { granted };
    const word = { tenant, trainId, ticketId: ticket.ticketId, action: task!.action, by: 'Ada', facts, approvers: [] };
    await completeHumanTask(workshop.service, word);
  };
  const types = async () => (await events()).map(({ type }) => type);
  return {
    ...train,
    ticket: { ...train.ticket, tenant: train.tenant },
    work,
    events,
    types,
    refusals,
    tasks,
    answer,
    rules,
  };
};

export type ClaimantOf = Parameters<typeof claimant> extends [Workshop, ...infer Rest] ? Rest : never;
