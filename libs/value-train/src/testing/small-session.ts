import { fold, TicketId } from '@vt/kernel';
import { specify } from '@vt/testing';
import type { CommandOf, SessionCommand } from '../session-commands.ts';
import { sessionDecider } from '../session.decider.ts';
import { artifact, digestOf, trainId } from './pipelines.ts';

export const { after, given } = specify(sessionDecider);

export const ticketId = TicketId.parse(`training_1_1_${trainId}`);
export const usage = { cpuMs: 5, wallMs: 9, tokens: [] };
export const start: CommandOf<'StartSession'> = {
  type: 'StartSession',
  trainId,
  ticketId,
  phase: 'training',
  cycle: 1,
  attempt: 1,
  agent: 'lab',
  mode: 'build',
  permissions: { deny: [], ask: [], allow: ['lab.*'] },
  earlierFailures: [],
  fence: 1,
};
/** Of everything up to a version of the stream. */
export const bundleAt = (sourceVersion: number) => ({
  bundle: digestOf('e'),
  sourceVersion,
  tokenizer: 'o200k_base',
  tokens: 500,
  sourceTokens: 5_000,
});
export const resume = (fence: number, sourceVersion = 1): SessionCommand => ({
  type: 'ResumeSession',
  ticketId,
  bundle: bundleAt(sourceVersion),
  fence,
});
export const pause = (sourceVersion: number, fence = 1): SessionCommand => ({
  type: 'PauseSession',
  ticketId,
  reason: 'the train is paused',
  bundle: bundleAt(sourceVersion),
  fence,
});
export const rollBack = (to: number): SessionCommand => ({
  type: 'RollBack',
  ticketId,
  to,
  reason: 'wrong file',
  by: 'Olga',
});
export const begin = (action: string, fence = 1, tool = 'lab.work'): SessionCommand => ({
  type: 'StartAction',
  ticketId,
  action,
  tool,
  fence,
});
export const complete = (
  action: string,
  change: Partial<CommandOf<'CompleteAction'>> = {},
): CommandOf<'CompleteAction'> => ({
  type: 'CompleteAction',
  ticketId,
  action,
  tool: 'lab.work',
  artifacts: [],
  facts: {},
  usage,
  result: null,
  fence: 1,
  ...change,
});
export const fail = (
  action: string,
  nth: number,
  kind: CommandOf<'FailAction'>['kind'] = 'transient',
  reason = `away, for the ${['first', 'second', 'third', 'fourth'][nth - 1]} time`,
): SessionCommand => ({
  type: 'FailAction',
  ticketId,
  action,
  tool: 'lab.work',
  try: nth,
  kind,
  reason,
  usage,
  fence: 1,
});
export const refuse: CommandOf<'RefuseTool'> = {
  type: 'RefuseTool',
  ticketId,
  action: 'deploy',
  tool: 'ops.deploy',
  call: 'ops.deploy',
  rule: 'default',
  reason: 'mode build does not allow it',
  required: true,
  fence: 1,
};
export const submit = (outcome = 'go', required = ['fit', 'score']): SessionCommand => ({
  type: 'SubmitWork',
  ticketId,
  required,
  outcome,
  fence: 1,
});
export const abandon: SessionCommand = { type: 'Abandon', ticketId, reasons: ['no memory'], fence: 1 };
export const cancel: SessionCommand = { type: 'Cancel', ticketId, reason: 'the train was aborted' };

export const fitted = complete('fit', { artifacts: [artifact('model.json', 'a')], facts: { auc: 0.7, rows: 12 } });
export const scored = complete('score', { artifacts: [artifact('model.json', 'b')], facts: { auc: 0.8 } });
export const at = (...commands: SessionCommand[]) => fold(sessionDecider, after(...commands));
