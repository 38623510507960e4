import type { Append, AppendOutcome, AnyEvent, EventStore, LogFilter, TenantId } from '@vt/kernel';
import type { PumpWatch, RelayWatch } from '@vt/messaging';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];

/** What a process counts, for Prometheus. A service registers its own on `registry`. */
export class Metrics implements PumpWatch, RelayWatch {
  readonly registry = new Registry();
  private readonly registers = [this.registry];
  readonly appends = new Histogram({
    name: 'vt_append_seconds',
    help: 'Time that an append took, by outcome: appended, duplicate, conflict, failed.',
    labelNames: ['outcome'],
    buckets: SECONDS,
    registers: this.registers,
  });
  readonly natsConnected = new Gauge({
    name: 'vt_nats_connected',
    help: '1 while this process has a connection to NATS, else 0.',
    registers: this.registers,
  });
  readonly clockLead = new Gauge({
    name: 'vt_clock_lead_seconds',
    help: "Time by which this machine's clock is ahead of PostgreSQL's, at least; measured when readiness is asked for.",
    registers: this.registers,
  });
  readonly toolsRefused = new Counter({
    name: 'vt_tools_refused_total',
    help: 'Calls of actions that were refused, by the rule that decided.',
    labelNames: ['rule'],
    registers: this.registers,
  });
  readonly isolation = new Gauge({
    name: 'vt_isolation',
    help: '1 for the driver that contains the programs of actions, and for the level that it gives: none, process, namespace.',
    labelNames: ['driver', 'level'],
    registers: this.registers,
  });
  readonly circuitsOpen = new Gauge({
    name: 'vt_circuit_open',
    help: '1 while something is not called because it failed five times in a row, else 0: a model, a program, a bucket.',
    labelNames: ['circuit'],
    registers: this.registers,
  });
  readonly contextUtilisation = new Histogram({
    name: 'vt_context_utilisation',
    help: "Share of a model's window that a request was estimated to use, by outcome: whole, part, delegated, condensed, refused. Zones end at 0.2, 0.4 and 0.6.",
    labelNames: ['agent', 'outcome'],
    // The zones of a window: fine, good, warning, critical; and the limits unless others are set.
    buckets: [0.05, 0.1, 0.2, 0.35, 0.4, 0.6, 1],
    registers: this.registers,
  });
  private readonly handling = new Histogram({
    name: 'vt_event_handling_seconds',
    help: 'Time that a consumer spent on an event, by outcome: done, rejected, retried, parked.',
    labelNames: ['consumer', 'type', 'outcome'],
    buckets: SECONDS,
    registers: this.registers,
  });
  private readonly position = new Gauge({
    name: 'vt_consumer_position',
    help: 'Place in the global log up to which a consumer of this process has handled everything.',
    labelNames: ['consumer'],
    registers: this.registers,
  });
  private readonly relayed = new Gauge({
    name: 'vt_relay_published_position',
    help: 'Place in the global log up to which JetStream confirmed everything, as this process relays it.',
    registers: this.registers,
  });
  private readonly holes = new Counter({
    name: 'vt_relay_holes_repaired_total',
    help: 'Events that JetStream had lost and that were published again.',
    registers: this.registers,
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  moved(consumer: string, position: number): void {
    this.position.set({ consumer }, position);
  }

  handled(consumer: string, type: string, outcome: 'done' | 'rejected' | 'retried' | 'parked', ms: number): void {
    this.handling.observe({ consumer, type, outcome }, ms / 1_000);
  }

  published(upto: number): void {
    this.relayed.set(upto);
  }

  repaired(holes: number): void {
    this.holes.inc(holes);
  }
}

/** An event store whose appends are timed. */
export class MeteredEventStore implements EventStore {
  private readonly store: EventStore;
  private readonly metrics: Metrics;

  constructor(store: EventStore, metrics: Metrics) {
    this.store = store;
    this.metrics = metrics;
  }

  async append<Event extends AnyEvent>(append: Append<Event>): Promise<AppendOutcome> {
    const stop = this.metrics.appends.startTimer();
    try {
      const outcome = await this.store.append(append);
      stop({ outcome: outcome.kind });
      return outcome;
    } catch (error) {
      stop({ outcome: 'failed' });
      throw error;
    }
  }

  read<Event extends AnyEvent>(tenant: TenantId, stream: string, afterVersion?: number) {
    return this.store.read<Event>(tenant, stream, afterVersion);
  }

  readLog<Event extends AnyEvent>(position: number, filter?: LogFilter, limit?: number) {
    return this.store.readLog<Event>(position, filter, limit);
  }

  lastPosition(): Promise<number> {
    return this.store.lastPosition();
  }

  positionOf(tenant: TenantId, stream: string, version: number): Promise<number | undefined> {
    return this.store.positionOf(tenant, stream, version);
  }
}
