import { BundleDamaged, canonicalJson, readBundle } from '@vt/event-store';
import { isSignedBy, readPipeline, type LoadedPipeline } from '@vt/profiles';
import { GateReceipt, receiptOf, type TrainEvent } from '@vt/value-train';
import { createHash } from 'node:crypto';
import { z } from 'zod';

/** What a receipt and a bundle prove, without asking anybody. */
export interface Verified {
  readonly decision: string;
  readonly events: number;
  readonly signatures: number;
}

/** Why a receipt does not follow from a bundle. */
export class NotProven extends Error {
  override readonly name = 'NotProven';
}

/**
 * Whether a receipt follows from a bundle: the chains of the bundle hold, the decision is in it, everything that the
 * receipt says follows from the events up to it, and the verdicts from outside bear the signatures of their verifiers.
 * @throws NotProven that names the decision, and what of it is not so
 */
export function verifyReceipt(receipt: string, bundle: string): Verified {
  const [first = '', ...lines] = linesOf(bundle);
  const policy = policyOf(first);
  const events = eventsOf(lines);
  const claimed = claimOf(receipt);
  const stream = events.filter((recorded) => recorded.stream === `train-${claimed.trainId}`);
  const decision = stream.find(({ id }) => id === claimed.id);
  const about = `${claimed.id}, the gate of ${claimed.phase}, lap ${claimed.cycle}, attempt ${claimed.attempt}`;
  if (decision?.event.type !== 'GateEvaluated') throw new NotProven(`${about}: the bundle has no such decision`);
  if (decision.event.data.policy.digest !== policy.digest) {
    throw new NotProven(`${about}: the bundle brings another pipeline than the one that was applied`);
  }
  const proven = receiptOf({ ...decision, event: decision.event }, stream, policy.pipeline);
  if (canonicalJson(proven) !== receipt.replace(/\n$/, '')) {
    const [field = 'its form, which is not canonical JSON'] = differences(JSON.parse(receipt), proven);
    throw new NotProven(`${about}: the receipt differs from the bundle in ${field}`);
  }
  for (const { signature, ...said } of proven.verdicts) {
    const { trainId, phase, cycle, attempt } = proven;
    const key = policy.pipeline.verifiers.find(({ id }) => id === said.verifier)?.publicKey;
    if (!key || !isSignedBy(key, { trainId, phase, cycle, attempt, ...said }, signature)) {
      throw new NotProven(`${about}: the verdict of ${said.verifier} does not bear its signature`);
    }
  }
  return { decision: about, events: events.length, signatures: proven.verdicts.length };
}

function linesOf(bundle: string): string[] {
  if (!bundle.endsWith('\n')) throw new NotProven('the bundle breaks off: its last line has no end');
  return bundle.slice(0, -1).split('\n');
}

/** The pipeline that the bundle brings, if it is the very content that its digest stands for. */
function policyOf(line: string): LoadedPipeline {
  const parts = /^\{"digest":"(sha256:[0-9a-f]{64})","pipeline":(\{.*\})\}$/.exec(line);
  const content = Buffer.from(parts?.[2] ?? '');
  // What is not the very content may not even be a pipeline.
  if (parts?.[1] === `sha256:${createHash('sha256').update(content).digest('hex')}`) return readPipeline(content);
  throw new NotProven('line 1: this is not the pipeline that its digest stands for');
}

function eventsOf(lines: readonly string[]) {
  try {
    // Events of other streams have other types, and are looked at by nobody here.
    return readBundle<TrainEvent>(lines, 2);
  } catch (error) {
    if (error instanceof BundleDamaged) throw new NotProven(error.message);
    throw error;
  }
}

function claimOf(receipt: string): GateReceipt {
  try {
    return GateReceipt.parse(JSON.parse(receipt));
  } catch (error) {
    const what = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new NotProven(`this is no receipt of a gate: ${what}`);
  }
}

/** Places where two values differ, as `checks[3].outcome`. */
function differences(claimed: unknown, proven: unknown, place = ''): string[] {
  if (canonicalJson([claimed ?? null]) === canonicalJson([proven ?? null])) return [];
  if (typeof claimed !== 'object' || typeof proven !== 'object' || claimed === null || proven === null) {
    return [`${place}: it says ${JSON.stringify(claimed)}, and the bundle ${JSON.stringify(proven)}`];
  }
  const [one, other] = [new Map(Object.entries(claimed)), new Map(Object.entries(proven))];
  const step = (key: string) => (Array.isArray(proven) ? `${place}[${key}]` : place === '' ? key : `${place}.${key}`);
  return [...new Set([...one.keys(), ...other.keys()])].flatMap((key) =>
    differences(one.get(key), other.get(key), step(key)),
  );
}
