import type { Agent, Artifact, Decision, Facts, Question } from '@vt/contracts';
import type { TenantId, TicketId, TrainId } from '@vt/kernel';
import type { Charter } from '@vt/value-train';

export interface Ticket {
  readonly tenant: TenantId;
  readonly trainId: TrainId;
  readonly ticketId: TicketId;
  readonly phase: string;
  readonly cycle: number;
  readonly attempt: number;
  readonly agent: Agent;
  /** UTC day on which the ticket was opened, `2026-11-21`: the date that documents carry, the same on every try. */
  readonly openedOn: string;
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What an action may reach. Everything outside its own thought comes in through here, and is recorded or refused. */
export interface ActionContext {
  readonly ticket: Ticket;
  readonly charter: Charter;
  /** True when an earlier try may have taken effect, nobody knows: look first, and do only what is missing. */
  readonly reconcile: boolean;
  /** Aborted when the ticket is cancelled, the lease is lost or the time is up. */
  readonly signal: AbortSignal;
  /** A folder of this action's own, empty at its start and gone after it. */
  readonly workspace: string;
  /** Local path of the project's data file. */
  dataFile(): Promise<string>;
  /** Why the attempt before this one did not pass, in the words of the gate and of people; empty for the first. */
  readonly feedback: readonly string[];
  /** Facts that a completed phase reported, of the latest cycle that has them; empty when there are none. */
  factsOf(phase: string): Facts;
  /** What an earlier action of this work phase answered; of those before it there are the files, and the bundle. */
  result<T>(action: string): Promise<T>;
  /** Whether the train's tree has this file, from this session or an earlier phase. */
  has(path: string, cycle?: number): boolean;
  /** Content of a file of the train's tree: this session's if it wrote one, else the latest cycle's (or `cycle`'s). */
  read(path: string, cycle?: number): Promise<Buffer>;
  /** The same as a file on this machine, read-only, for tools that want a path. */
  localPath(path: string, cycle?: number): Promise<string>;
  /** Leaves a file in the train's tree; it counts when the action completes. */
  write(path: string, content: string | Uint8Array): Promise<Artifact>;
  /** Reports a number or a word that gates and later phases may read by name. */
  fact(name: string, value: Facts[string]): void;
  /** Says what the work decided, in phases that decide: go, no-go, operate, retrain, close. */
  outcome(value: string): void;
  /** Says what was decided on the way, why, and what was not taken and why not: for whoever goes on with the work. */
  decide(decision: string, rationale: string, alternatives?: Decision['alternatives']): void;
  /** Says what had to be left open, what hangs on it, and who needs the answer. */
  ask(question: string, impact: Question['impact'], neededBy: Question['neededBy']): void;
  /** Says what the work taught, and by what evidence. */
  learn(learning: string, evidence: string): void;
  /**
   * Ends the action: what it found does not fit the plan, or what the research said. That work phase and all after it
   * are done anew, with the reason among their `feedback`; after three times the work is abandoned.
   * @throws always
   */
  sendBack(to: 'research' | 'plan', reason: string): never;
  /** Proposes what would make work better; impact and effort from 1 to 10, where somebody has estimated them. */
  improve(proposal: string, because: string, estimate?: { readonly impact: number; readonly effort: number }): void;
  /** Runs a program as its own process group, in `workspace`; refused unless the mode allows `command:<program>`. */
  command(
    program: string,
    args: readonly string[],
    options?: { input?: string; timeoutMs?: number },
  ): Promise<CommandResult>;
  /** A section of prose. With a model it is written by the model from `facts`; without one it is `plain`. */
  narrate(section: string, facts: unknown, plain: string): Promise<string>;
}

/** How one tool does its work. The answer, as JSON, is there for the actions that need it, also after a crash. */
export type Action = (context: ActionContext) => Promise<unknown>;

/** An agent: its name, and what it can do, by tool. */
export interface AgentPack {
  readonly name: Agent;
  readonly tools: Readonly<Record<string, Action>>;
}
