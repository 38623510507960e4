import type { Projector, Reader } from '@vt/read-models';
import type { PauseRow } from '@vt/value-train';
import { setTimeout as delay } from 'node:timers/promises';
import { isRevoked, type Principal } from '../keys/api-keys.ts';
import { VIEWS } from '../views.ts';

const PAGE_EVENTS = 200;
const HEARTBEAT_MS = 15_000;
/** How long a stream may go on whose key was revoked, or not tell of a pause. */
const CHECK_MS = 1_000;
/** Another process may project what is waited for here, and rings no bell. */
const POLL_MS = 500;

interface Following {
  readonly principal: Principal;
  readonly trainId: string;
  /** Position of the last event that the client has. */
  readonly after: number;
  /** Those that cover it now, of whatever scope; they lie on no stream of the train. */
  readonly pausesNow: () => Promise<readonly PauseRow[]>;
}

/**
 * The timeline of a train as frames of server-sent events: what there is, then each event as it comes, until the signal
 * says stop, or the key that opened it is revoked. Between them, without an id, what covers the train: first, and
 * whenever that changes. A page is read when the client has taken the one before, so a slow client costs nothing.
 */
export async function* timelineOf(
  reader: Reader,
  projector: Projector,
  { principal: { tenant, keyId }, trainId, after, pausesNow }: Following,
  stop: AbortSignal,
): AsyncGenerator<string> {
  let position = after;
  let spokenAt = performance.now();
  let checkedAt = -Infinity;
  let told = '';
  yield 'retry: 1000\n\n';
  while (!stop.aborted) {
    const news = advanced(projector, stop);
    const { value } = await reader.rows(tenant, VIEWS.timeline, {
      where: { trainId },
      after: { firstPosition: position, key: String(position) },
      limit: PAGE_EVENTS,
    });
    for (const { firstPosition, type, at, actor, data } of value) {
      position = firstPosition;
      yield `id: ${position}\nevent: ${type}\ndata: ${JSON.stringify({ position, type, at, actor, data })}\n\n`;
    }
    if (value.length > 0) spokenAt = performance.now();
    if (performance.now() - checkedAt >= CHECK_MS) {
      if (await isRevoked(reader, keyId)) return;
      checkedAt = performance.now();
      const pauses = JSON.stringify(await pausesNow());
      if (pauses !== told) yield `event: pauses\ndata: {"pauses":${pauses}}\n\n`;
      told = pauses;
    }
    if (value.length < PAGE_EVENTS) await news;
    if (performance.now() - spokenAt < HEARTBEAT_MS) continue;
    spokenAt = performance.now();
    yield ': still here\n\n';
  }
}

/** Resolves when the views go forward, when it is time to look anyway, or when the signal says stop. */
async function advanced(projector: Projector, stop: AbortSignal): Promise<void> {
  const heard = new AbortController();
  const forget = projector.onAdvance(() => heard.abort());
  await delay(POLL_MS, undefined, { signal: AbortSignal.any([stop, heard.signal]) }).catch(() => undefined);
  forget();
}
