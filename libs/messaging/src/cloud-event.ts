import { headers, type MsgHdrs } from '@nats-io/transport-node';
import type { Positioned } from '@vt/kernel';

/** Media type of the body of a published event: CloudEvents 1.0, structured, JSON. */
const CLOUD_EVENT_TYPE = 'application/cloudevents+json';
/** Header with the event's place in the global log. */
export const POSITION_HEADER = 'vt-position';

/** An event as integrators see it. Names of extension attributes are lower-case, as CloudEvents demands. */
export interface CloudEvent {
  readonly specversion: '1.0';
  /** `<stream>@<version>`, unique in its source. */
  readonly id: string;
  /** `/tenants/<tenant>` */
  readonly source: string;
  readonly type: string;
  /** The stream. */
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: object;
  readonly position: number;
  readonly version: number;
  readonly hash: string;
  readonly actor: string;
  readonly causationid: string;
  readonly correlationid: string;
}

export const cloudEventOf = (event: Positioned): CloudEvent => ({
  specversion: '1.0',
  id: event.id,
  source: `/tenants/${event.tenant}`,
  type: event.event.type,
  subject: event.stream,
  time: event.at,
  datacontenttype: 'application/json',
  data: event.event.data,
  position: event.position,
  version: event.version,
  hash: event.hash,
  actor: event.causation.actor,
  causationid: event.causation.causationId,
  correlationid: event.causation.correlationId,
});

/** What can be known about an event without opening its body. */
export function headersOf({ position, tenant, stream, version, hash, event }: Positioned): MsgHdrs {
  const result = headers();
  result.set('content-type', CLOUD_EVENT_TYPE);
  result.set(POSITION_HEADER, String(position));
  result.set('vt-type', event.type);
  result.set('vt-tenant', tenant);
  result.set('vt-stream', stream);
  result.set('vt-version', String(version));
  result.set('vt-hash', hash);
  return result;
}
