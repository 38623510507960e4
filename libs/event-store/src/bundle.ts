import { NO_STREAM, type AnyEvent, type Recorded } from '@vt/kernel';
import { canonicalJson } from './canonical-json.ts';
import { hashAfter, recordedFrom } from './chain.ts';

/** A line of a bundle: the bytes of an event as they are stored, and its hash. It is canonical JSON itself. */
export const bundleLine = <Event extends AnyEvent>(recorded: Recorded<Event>): string => {
  const { tenant, stream, version, commandId, causation, at, event, hash } = recorded;
  const { type, data } = event;
  return canonicalJson({ event: { tenant, stream, version, commandId, ...causation, at, type, data }, hash });
};

/** A line of a bundle that is not as it was written. */
export class BundleDamaged extends Error {
  override readonly name = 'BundleDamaged';
}

/**
 * Reads events from lines of a bundle, and recomputes every hash: what was changed, added, left out between two or put
 * into another order is found; that the end of a stream was cut off is not.
 * @param lines events, those of a stream one after the other; `from` is the number of the first line in its file
 * @throws BundleDamaged that names the line, and the event as far as it can be told
 */
export function readBundle<Event extends AnyEvent>(lines: readonly string[], from = 1): readonly Recorded<Event>[] {
  const heads = new Map<string, { readonly version: number; readonly hash: string }>();
  return lines.map((line, index) => {
    const damaged = (what: string) => new BundleDamaged(`line ${from + index}: ${what}`);
    const parts = /^\{"event":(\{.*\}),"hash":"([0-9a-f]{64})"\}$/.exec(line);
    const recorded = parts && parsed<Event>(parts[1]!, parts[2]!);
    if (!recorded) throw damaged('this is no event of a bundle');
    const { id, tenant, stream, version, hash, event } = recorded;
    const head = heads.get(`${tenant}/${stream}`) ?? NO_STREAM;
    const about = `${id}, ${event.type}${placeOf(event.data)}`;
    if (version !== head.version + 1) throw damaged(`${about}, does not follow version ${head.version} of its stream`);
    if (hash !== hashAfter(head.hash, parts[1]!)) {
      throw damaged(`${about}: its hash is not that of its bytes and of those before it`);
    }
    heads.set(`${tenant}/${stream}`, { version, hash });
    return recorded;
  });
}

function parsed<Event extends AnyEvent>(bytes: string, hash: string): Recorded<Event> | undefined {
  try {
    const recorded = recordedFrom<Event>(bytes, hash);
    const whole = typeof recorded.stream === 'string' && typeof recorded.event.data === 'object';
    return whole ? recorded : undefined;
  } catch {
    return undefined;
  }
}

/** Which decision an event is, or touches, in words. */
function placeOf(data: object): string {
  const { phase, cycle, attempt, verdict } = data as Readonly<Record<string, unknown>>;
  const parts = [
    phase === undefined ? '' : ` of ${String(phase)}`,
    cycle === undefined ? '' : `, lap ${String(cycle)}`,
    attempt === undefined ? '' : `, attempt ${String(attempt)}`,
    verdict === undefined ? '' : `, ${String(verdict)}`,
  ];
  return parts.join('');
}
