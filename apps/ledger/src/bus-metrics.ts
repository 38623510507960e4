import type { Pool } from 'pg';
import { Gauge, type Registry } from 'prom-client';

const STATE = `
  select (select last from es.sequencer) as last,
         (select count(*) from es.unsequenced) as unsequenced,
         (select published_upto from bus.relay) as published`;

/** What only the database knows of the bus, looked up when Prometheus asks. */
export function registerBusMetrics(registry: Registry, pool: Pool): void {
  const registers = [registry];
  const consumerLag = new Gauge({
    name: 'vt_consumer_lag_events',
    help: 'Events in the global log after the position of a consumer, of any type.',
    labelNames: ['consumer'],
    registers,
  });
  const parked = new Gauge({
    name: 'vt_parked_events',
    help: 'Events that a consumer could not handle, and those of the same streams behind them.',
    labelNames: ['consumer'],
    registers,
  });
  const relayLag = new Gauge({
    name: 'vt_relay_lag_events',
    help: 'Events in the global log that JetStream has not confirmed.',
    registers,
  });
  new Gauge({
    name: 'vt_unsequenced_events',
    help: 'Appended events that have no place in the global log yet.',
    registers,
    async collect() {
      const { rows } = await pool.query<{ last: string; unsequenced: string; published: string }>(STATE);
      const { last, unsequenced, published } = rows[0]!;
      this.set(Number(unsequenced));
      relayLag.set(Math.max(0, Number(last) - Number(published)));

      const consumers = await pool.query<{ name: string; position: string; parked: string }>(
        `select name, position, (select count(*) from bus.parked where consumer = name) as parked from bus.consumers`,
      );
      for (const { name, position, parked: waiting } of consumers.rows) {
        consumerLag.set({ consumer: name }, Math.max(0, Number(last) - Number(position)));
        parked.set({ consumer: name }, Number(waiting));
      }
    },
  });
}
