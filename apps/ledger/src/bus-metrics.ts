import type { Pool } from 'pg';
import { Gauge, type Registry } from 'prom-client';

/** Each gauge, and the query that counts its events, by consumer where there are several. */
const GAUGES = [
  {
    name: 'vt_unsequenced_events',
    help: 'Appended events that have no place in the global log yet.',
    sql: 'select count(*) as events from es.unsequenced',
  },
  {
    name: 'vt_relay_lag_events',
    help: 'Events in the global log that JetStream has not confirmed.',
    sql: 'select last - published_upto as events from es.sequencer, bus.relay',
  },
  {
    name: 'vt_consumer_lag_events',
    help: 'Events in the global log after the position of a consumer, of any type.',
    sql: 'select name as consumer, last - position as events from es.sequencer, bus.consumers',
  },
  {
    name: 'vt_parked_events',
    help: 'Events that a consumer could not handle, and those behind them; of the relay, what JetStream does not take.',
    // Whoever has parked nothing is at 0; the relay parks too, and is none of the consumers.
    sql: `select name as consumer, count(parked.position) as events
          from (select name from bus.consumers union select 'relay') known
          left join bus.parked on parked.consumer = name
          group by name`,
  },
];

/** What only the database knows of the bus, looked up whenever Prometheus asks. */
export function registerBusMetrics(registry: Registry, pool: Pool): void {
  for (const { name, help, sql } of GAUGES) {
    new Gauge({
      name,
      help,
      labelNames: ['consumer'],
      registers: [registry],
      // By each gauge for itself: what another one's look would set is shown only at the next scrape.
      async collect() {
        const { rows } = await pool.query<{ consumer?: string; events: string }>(sql);
        this.reset();
        for (const { events, ...labels } of rows) this.set(labels, Math.max(0, Number(events)));
      },
    });
  }
}
