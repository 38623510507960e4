export type { Action, ActionContext, AgentPack, CommandResult, Ticket } from './action.ts';
