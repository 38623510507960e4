import type { Isolation } from '@vt/contracts';
import { Rejection } from '@vt/kernel';
import {
  callOfAction,
  isGranted,
  permit,
  refusedBeforePlan,
  wordsOf,
  type Call,
  type Permission,
  type Permissions,
  type PipelineAction,
} from '@vt/value-train';
import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import type { Ticket } from '../action.ts';
import { isEnough, type Sandbox } from '../tools/sandbox.ts';
import { askPerson } from '../work/human-tasks.ts';
import type { SessionRecord } from './session-record.ts';

const CALL_CHARS_MAX = 500;

/** A person has to answer first, and the action is done again after that. */
export class Awaited extends Error {
  override readonly name = 'Awaited';
}

/** Answers why a call is refused; undefined when it is not. @throws Awaited */
export type Check = (call: Call, required?: boolean) => Promise<Rejection | undefined>;

interface Guarded {
  readonly ticket: Ticket;
  readonly permissions: Permissions;
  /** Of the phase: before its plan is accepted, nothing of the implementation may be done. */
  readonly actions: readonly PipelineAction[];
  readonly record: SessionRecord;
  readonly pool: Pool;
  /** Hears by which rule something was refused. */
  readonly refused: (rule: string) => void;
}

/** What an action may do, by the rules of its mode: a refusal and a person's word are recorded, and hold. */
export class Guard {
  private readonly given: Guarded;

  constructor(given: Guarded) {
    this.given = given;
  }

  /** May ask: the action can be done again from its beginning once a person has answered. */
  async check(action: PipelineAction, call: Call, required: boolean, mayAsk: boolean): Promise<Rejection | undefined> {
    const { permissions, record, actions } = this.given;
    const early = refusedBeforePlan(record.state, actions, action.id, call);
    if (early) {
      const reason = `before the plan is accepted, ${shortened(early.about)} is refused, by the rule ${early.rule}`;
      return this.refuse(action, call, required, early, reason);
    }
    const permission = permissionFor(permissions, call);
    if (permission.effect === 'allow') return undefined;
    const name = nameOf(call);
    if (permission.effect === 'deny') return this.refuse(action, call, required, permission, reasonOf(permission));
    if (isGranted(record.state, action.id, name)) return undefined;
    if (!mayAsk) return this.refuse(action, call, required, permission, `${reasonOf(permission)}, and may not wait`);
    return this.ask(action, call, required, permission);
  }

  /** Refuses an action that is to be contained better than this machine can. */
  async demand(action: PipelineAction, asked: Isolation, { name, level }: Sandbox): Promise<Rejection | undefined> {
    if (isEnough(level, asked)) return undefined;
    const rule = `isolation: ${asked}`;
    const reason = `it is to be contained by ${asked}, and this machine gives ${level} (${name})`;
    return this.refuse(action, callOfAction(action), true, { effect: 'deny', rule, about: asked }, reason);
  }

  private async ask(action: PipelineAction, call: Call, required: boolean, permission: Permission) {
    const { pool, ticket, record } = this.given;
    const name = nameOf(call);
    const id = `${action.id}.may-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
    const instructions = `May "${action.title}" do this: ${name}? The rule ${permission.rule} asks. Answer granted=true or granted=false.`;
    const answer = await askPerson(pool, ticket, { id, role: 'operator', instructions });
    if (!answer) throw new Awaited(`a person must allow ${name}`);
    if (answer.facts['granted'] !== true) {
      return this.refuse(action, call, required, permission, `${answer.by} did not allow ${name}`);
    }
    const { rule } = permission;
    await record.append({ type: 'GrantTool', action: action.id, tool: toolOf(call), call: name, rule, by: answer.by });
    return undefined;
  }

  private async refuse({ id }: PipelineAction, call: Call, required: boolean, { rule }: Permission, reason: string) {
    const { record, refused } = this.given;
    await record.append({
      type: 'RefuseTool',
      action: id,
      tool: toolOf(call),
      call: nameOf(call),
      rule,
      reason,
      required,
    });
    refused(rule);
    return new Rejection('tool-refused', reason);
  }
}

/** Where nobody can be asked, such as in tests of packs. */
export const refusalWithoutPeople = (permissions: Permissions, call: Call): Rejection | undefined => {
  const permission = permissionFor(permissions, call);
  return permission.effect === 'allow' ? undefined : new Rejection('tool-refused', reasonOf(permission));
};

/** A rule that can not be evaluated allows nothing. */
function permissionFor(permissions: Permissions, call: Call): Permission {
  try {
    return permit(permissions, call);
  } catch (error) {
    return { effect: 'deny', rule: 'error', about: `${wordsOf(call)} (${String(error)})` };
  }
}

const reasonOf = ({ effect, rule, about }: Permission): string => {
  const what = effect === 'ask' ? 'asks about' : rule === 'default' ? 'does not allow' : 'denies';
  return `the mode ${what} ${shortened(about)}, by the rule ${rule}`;
};

/** What a call is known by: its words, or as many as fit and the digest of all. */
const nameOf = (call: Call): string => shortened(wordsOf(call));

const shortened = (words: string): string =>
  words.length <= CALL_CHARS_MAX
    ? words
    : `${words.slice(0, CALL_CHARS_MAX)}… sha256:${createHash('sha256').update(words).digest('hex')}`;

/** The tool that a call is recorded under. */
function toolOf(call: Call): string {
  switch (call.kind) {
    case 'tool':
      return call.name;
    case 'command':
      return `command:${call.argv[0] ?? ''}`;
    case 'file':
      return call.to === 'read' ? 'Read' : 'Edit';
    case 'fetch':
      return 'WebFetch';
  }
}
