import type { TenantId } from '@vt/kernel';
import type { Projector, Reader } from '@vt/read-models';
import { setTimeout as delay } from 'node:timers/promises';
import { VIEWS } from '../views.ts';

const PAGE_EVENTS = 200;
const HEARTBEAT_MS = 15_000;
/** Another process may project what is waited for here, and rings no bell. */
const POLL_MS = 500;

interface Following {
  readonly tenant: TenantId;
  readonly trainId: string;
  /** Position of the last event that the client has. */
  readonly after: number;
}

/**
 * The timeline of a train as frames of server-sent events: what there is, then each event as it comes, until the signal
 * says that the client is gone. A page is read when the client has taken the one before, so a slow client costs nothing.
 */
export async function* timelineOf(
  reader: Reader,
  projector: Projector,
  { tenant, trainId, after }: Following,
  gone: AbortSignal,
): AsyncGenerator<string> {
  let position = after;
  let spokenAt = performance.now();
  yield 'retry: 1000\n\n';
  while (!gone.aborted) {
    const news = advanced(projector, gone);
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
    if (value.length < PAGE_EVENTS) await news;
    if (performance.now() - spokenAt < HEARTBEAT_MS) continue;
    spokenAt = performance.now();
    yield ': still here\n\n';
  }
}

/** Resolves when the views go forward, when it is time to look anyway, or when the client is gone. */
async function advanced(projector: Projector, gone: AbortSignal): Promise<void> {
  const heard = new AbortController();
  const forget = projector.onAdvance(() => heard.abort());
  await delay(POLL_MS, undefined, { signal: AbortSignal.any([gone, heard.signal]) }).catch(() => undefined);
  forget();
}
