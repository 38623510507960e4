const SYSTEM_CODES = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOTFOUND', 'EAI_AGAIN'];
/** Connection lost, resources, operator intervention, system error, serialization failure, read-only after failover. */
const SQL_STATES = /^(08...|53...|57...|58...|40001|40P01|25006|55P03)$/;
/** What pg says without a code when its connection goes away or does not come. */
const PG_CONNECTION =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection)/;
const NATS_ERRORS = [
  'ConnectionError',
  'ClosedConnectionError',
  'DrainingConnectionError',
  'RequestError',
  'NoRespondersError',
  'TimeoutError',
  'JetStreamNotEnabled',
];

/** True when PostgreSQL, NATS or the network is away: nothing is wrong with what was asked, and it may work later. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && (SYSTEM_CODES.includes(code) || SQL_STATES.test(code))) return true;
  return NATS_ERRORS.includes(error.name) || PG_CONNECTION.test(error.message) || isOutage(error.cause);
}
