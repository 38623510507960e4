import type { ContextLoad } from '@vt/contracts';
import type { Log } from '@vt/messaging';
import { Rejection } from '@vt/kernel';
import {
  offerOf,
  permissionsOf,
  retrospectiveOf,
  type PipelineAction,
  beforePlanOf,
  workPhaseOf,
} from '@vt/value-train';
import type { Pool } from 'pg';
import type { AgentPack } from '../action.ts';
import type { ArtifactStore } from '../artifacts/artifact-store.ts';
import type { Circuits } from '../circuit-breaker.ts';
import type { ModelProvider } from '../tools/model.ts';
import type { Sandbox } from '../tools/sandbox.ts';
import type { Bell } from '../work/bell.ts';
import type { Claim } from '../work/work-items.ts';
import type { Bundles } from './bundles.ts';
import { accept, originOf, type Origin } from './handing-off.ts';
import { Performer, type Performance } from './performer.ts';
import { failuresBefore, SessionRecord, type ExecuteSession, type Reads } from './session-record.ts';
import { Stopped } from './trial.ts';
import { abandon, bundleAtEntry, enterNext, sendBack } from './work-phases.ts';
import { wasUnblocked, type Materials, type Place, type Workbench } from './workbench.ts';

/** A ticket that takes its process down this often is not worth another. */
const CRASHES_MAX = 10;

/** What the sessions of an agent have in common. */
export interface SessionDependencies {
  readonly pack: AgentPack;
  readonly store: Reads;
  readonly execute: ExecuteSession;
  readonly workbench: Workbench;
  readonly artifacts: ArtifactStore;
  readonly bundles: Bundles;
  readonly model: ModelProvider | undefined;
  /** Hears of everything that the model was to be given. */
  readonly loaded: (load: ContextLoad) => void;
  /** Acts as `vt_subscriber`. */
  readonly pool: Pool;
  readonly log: Log;
  readonly circuits: Circuits;
  readonly sandbox: Sandbox;
  /** Hears by which rule something was refused. */
  readonly refused: (rule: string) => void;
}

/** How whoever holds a claim is told to end: at once, or after the actions that are running. */
export interface Reins {
  /** Its reason is a `Stopped`. */
  readonly stop: AbortSignal;
  readonly hold: AbortSignal;
  /** Rings when something that was handed off may have come back. */
  readonly news: Bell;
}

/** done: nothing is left to do; waiting: for a person or another agent; handed-back: there is more to do, later or elsewhere. */
export type SessionEnd = 'done' | 'waiting' | 'handed-back';

/**
 * Works on a claimed ticket until it is submitted, abandoned or cancelled, or the reins say stop. What is completed
 * stays so: the next claimant goes on at the first action that is not.
 * @throws Error when this process can not work on it now
 */
export const runSession = async (
  claim: Claim,
  reins: Reins,
  dependencies: SessionDependencies,
): Promise<SessionEnd> => {
  const { workbench, execute, artifacts } = dependencies;
  const record = new SessionRecord(claim, execute, artifacts, reins.stop);
  try {
    if (claim.wish === 'cancel') throw new Stopped('cancelled', claim.wishReason);
    const place = await workbench.placeOf(claim.ticket);
    const offer = offerOf(claim.ticket.ticketId);
    const origin = offer && (await originOf(dependencies, claim.ticket, offer));
    if (origin) record.startsFrom = origin.session.completed;
    await open(record, claim, place, dependencies, origin);
    if (record.state.status !== 'open') return 'done';
    const materials =
      claim.crashes >= CRASHES_MAX
        ? new Rejection('crashed', `its agent died ${claim.crashes} times at work on it`)
        : await workbench.materialsOf(place.train).catch(refusalAsValue);
    if (materials instanceof Rejection) {
      await abandon({ record, place }, [materials.message]);
      return 'done';
    }
    return await work({ ...dependencies, claim, reins, record, place, materials, origin });
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    if (error.why === 'cancelled') return cancel(record, error.message);
    return error.why === 'over' ? 'done' : 'handed-back';
  }
};

/** Starts the session, or goes on with one that an earlier claimant started, by a bundle of all that it knows. */
async function open(
  record: SessionRecord,
  claim: Claim,
  place: Place,
  given: SessionDependencies,
  origin: Origin | undefined,
): Promise<void> {
  const { bundles, store } = given;
  const { trainId, phase, cycle, attempt, agent } = claim.ticket;
  const [mode, permissions] = [place.mode.id, permissionsOf(place.mode)];
  const bundle = claim.fence === 1 ? undefined : await bundles.make(claim.ticket);
  // An earlier claimant may have died before its first word.
  if (bundle === undefined) {
    if (origin) return accept(record, claim, place, origin, given);
    const earlierFailures = wasUnblocked(place) ? [] : await failuresBefore(store, claim.ticket);
    const allowance = claim.allowance ? { allowance: claim.allowance } : {};
    const session = { trainId, phase, cycle, attempt, agent, mode, permissions, earlierFailures, ...allowance };
    return record.append({ type: 'StartSession', ...session, beforePlan: beforePlanOf(place.phase) });
  }
  const { ref, problems } = bundle;
  await bundles.keep(bundle);
  if (problems.length > 0) return record.append({ type: 'RejectBundle', bundle: ref.bundle, problems });
  const again = () => open(record, claim, place, given, origin);
  // The one before may have had a last word meanwhile.
  await record.append({ type: 'ResumeSession', bundle: ref }).catch(unless('bundle-stale', again));
}

/** Leaves a bundle to whoever has it next. One that is no good is not left: it will be refused when it is asked for. */
async function letGo({ record, claim, bundles }: Performance, end: SessionEnd, reason: string): Promise<SessionEnd> {
  const bundle = await bundles.make(claim.ticket);
  if (bundle === undefined || bundle.problems.length > 0) return end;
  await bundles.keep(bundle);
  await record.append({ type: 'PauseSession', reason, bundle: bundle.ref });
  return end;
}

function awaitedBy({ awaited, out }: Performer): string {
  const people = awaited.size > 0 ? [`a person: ${[...awaited].join(', ')}`] : [];
  return `waits for ${[...people, ...[...out].map(([action, agent]) => `${agent}: ${action}`)].join('; ')}`;
}

/** Performs everything that can be performed, one work phase after the other, then says how it ended. */
async function work(given: Performance): Promise<SessionEnd> {
  const { record, place, reins } = given;
  const { actions } = place.phase;
  for (;;) {
    const at = workPhaseOf(record.state);
    const performer = new Performer(given, await bundleAtEntry(record.state, given.artifacts));
    const now = at === undefined ? actions : actions.filter(({ during }) => during === at);
    const required = now.filter((action) => action.required).map(({ id }) => id);
    const isDoomed = () => required.some((id) => performer.gaveUp.has(id));
    const isEnough = () => isDoomed() || performer.sentBack.size > 0 || reins.hold.aborted || reins.stop.aborted;
    await performAll(now, record, performer, reins.news, isEnough);
    reins.stop.throwIfAborted();

    const isDone = performer.out.size === 0 && required.every((id) => record.isCompleted(id));
    if (performer.sentBack.size > 0) await sendBack(given, performer.sentBack);
    else if (isDone && (at === 'research' || at === 'plan')) await enterNext(given, at, required);
    else if (isDone) await submit(record, place);
    else if (isDoomed()) await abandon(given, [...performer.gaveUp.values()]);
    else if (reins.hold.aborted) return letGo(given, 'handed-back', String(reins.hold.reason));
    else if (performer.awaited.size > 0 || performer.out.size > 0) {
      return letGo(given, 'waiting', awaitedBy(performer));
    }
    // What is required needs something that is not, and that was tried in vain.
    else await abandon(given, [...performer.gaveUp.values()]);
    if (record.state.status !== 'open') return 'done';
  }
}

async function submit(record: SessionRecord, { phase, pipeline }: Place): Promise<void> {
  const required = phase.actions.filter((action) => action.required).map(({ id }) => id);
  const outcome = await record.outcome(phase.actions);
  const retrospective = retrospectiveOf(record.state, phase);
  await record.append({ type: 'SubmitWork', required, outcome, retrospective, laws: pipeline.laws ?? {} });
}

/** Each action as soon as those that it needs are completed, side by side, until none can be begun or `isEnough`. */
async function performAll(
  actions: readonly PipelineAction[],
  record: SessionRecord,
  performer: Performer,
  news: Bell,
  isEnough: () => boolean,
): Promise<void> {
  const running = new Map<string, Promise<void>>();
  const canBegin = ({ id, needs }: PipelineAction) =>
    !record.isCompleted(id) &&
    !running.has(id) &&
    !performer.isSettled(id) &&
    needs.every((needed) => record.isCompleted(needed));
  try {
    for (;;) {
      for (const action of isEnough() ? [] : actions.filter(canBegin)) {
        running.set(
          action.id,
          performer.perform(action).finally(() => running.delete(action.id)),
        );
      }
      if (running.size === 0) return;
      await Promise.race([...running.values(), ...(performer.out.size > 0 ? [news.rung] : [])]);
      if (news.heard()) performer.out.clear();
    }
  } catch (error) {
    performer.breakOff(error);
    await Promise.allSettled(running.values());
    throw error;
  }
}

/** Called off before it began leaves nothing to be said. */
async function cancel(record: SessionRecord, reason: string): Promise<SessionEnd> {
  await record
    .append({ type: 'Cancel', reason })
    .catch(unless('session-unknown', async () => undefined))
    .catch(unlessOver);
  return 'done';
}

const unless = (code: string, instead: () => Promise<void>) => (error: unknown) => {
  if (error instanceof Rejection && error.code === code) return instead();
  throw error;
};

const unlessOver = (error: unknown): void => {
  if (!(error instanceof Stopped && error.why === 'over')) throw error;
};

const refusalAsValue = (error: unknown): Materials | Rejection => {
  if (error instanceof Rejection) return error;
  throw error;
};
