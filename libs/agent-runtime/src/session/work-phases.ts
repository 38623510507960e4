import { WorkPhase } from '@vt/contracts';
import { Rejection } from '@vt/kernel';
import { evaluateRule } from '@vt/profiles';
import { Bundle, judgeWorkPhase, retrospectiveOf, unmetOf, type BundleRef, type Session } from '@vt/value-train';
import type { ArtifactStore } from '../artifacts/artifact-store.ts';
import type { SentBack } from './context.ts';
import type { Performance } from './performer.ts';

/** What the work phase that a session is in began with: the same for whoever takes it up in its middle. */
export const bundleAtEntry = async (
  session: Session,
  artifacts: Pick<ArtifactStore, 'read'>,
): Promise<Bundle | undefined> => {
  const digest = session.status === 'unknown' ? undefined : session.workPhases?.bundle;
  return digest && Bundle.parse(JSON.parse((await artifacts.read(digest)).toString('utf8')));
};

/** Goes on to the next work phase if the gate of this one holds, else abandons the work. */
export async function enterNext(given: Performance, from: WorkPhase, required: readonly string[]): Promise<void> {
  const { record, place } = given;
  const { state } = record;
  const checks = state.status === 'unknown' ? [] : judgeWorkPhase(state, place, evaluateRule);
  const unmet = unmetOf(checks);
  if (unmet.length > 0) return abandon(given, unmet);
  const workPhase = WorkPhase.options[WorkPhase.options.indexOf(from) + 1]!;
  await withBundle(given, (bundle) => record.append({ type: 'EnterWorkPhase', workPhase, required, checks, bundle }));
}

/** Of several actions that sent the work back, that counts which sent it the furthest, and the reasons of all. */
export async function sendBack(given: Performance, sentBack: ReadonlyMap<string, SentBack>): Promise<void> {
  const { record, place } = given;
  const all = [...sentBack].map(([action, { to, message }]) => ({ action, to, message }));
  const { action, to } = all.toSorted((one, other) => orderOf(one.to) - orderOf(other.to))[0]!;
  const reason = all.map(({ message }) => message).join('; ');
  const retrospective = retrospectiveOf(record.state, place.phase, [reason]);
  await withBundle(given, (bundle) => record.append({ type: 'SendBack', to, action, reason, bundle, retrospective }));
}

const orderOf = (workPhase: WorkPhase): number => WorkPhase.options.indexOf(workPhase);

/** Nothing goes on, or back, by a bundle that leaves something out, or where something outside would be done anew. */
async function withBundle(given: Performance, go: (bundle: BundleRef) => Promise<void>): Promise<void> {
  const { bundles, claim } = given;
  // It is open: there is something to tell of.
  const made = (await bundles.make(claim.ticket))!;
  if (made.problems.length > 0) {
    return abandon(given, [`it can not go on by its bundle: ${made.problems.join('; ')}`]);
  }
  await bundles.keep(made);
  await go(made.ref).catch((error: unknown) => {
    if (error instanceof Rejection && error.code === 'effect-outside') return abandon(given, [error.message]);
    throw error;
  });
}

export async function abandon(
  { record, place }: Pick<Performance, 'record' | 'place'>,
  reasons: readonly string[],
): Promise<void> {
  const retrospective = retrospectiveOf(record.state, place.phase, reasons);
  await record.append({ type: 'Abandon', reasons, retrospective });
}
