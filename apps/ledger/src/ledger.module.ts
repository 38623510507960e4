import { Module, type DynamicModule } from '@nestjs/common';
import { sequence } from '@vt/event-store';
import { Relay } from '@vt/messaging';
import { DOORBELL, provide, runningUntilStopped, token, Worker, type Platform } from '@vt/service';
import { registerBusMetrics } from './bus-metrics.ts';
import { Sequencer } from './sequencer.ts';

/** Rung by a ledger that gave out positions, for the one that relays, when that is another. */
const SEQUENCED = `${DOORBELL}.sequenced`;

const RelayToken = token<Relay>('Relay');
const SequencerToken = token<Sequencer>('Sequencer');
const RelayWork = token<Worker>('RelayWork');
const SequencerWork = token<Worker>('SequencerWork');

/** Any number of ledgers may run: they take turns at sequencing, batch by batch, and one of them relays. */
@Module({})
export class LedgerModule {
  static over(platform: Platform): DynamicModule {
    const { feed, ledgerPool, locks, log, metrics, nats, topology } = platform;
    registerBusMetrics(metrics.registry, ledgerPool);
    return {
      module: LedgerModule,
      providers: [
        provide(
          RelayToken,
          [],
          () => new Relay({ store: feed, pool: ledgerPool, locks, nats, topology, log, watch: metrics }),
        ),
        provide(
          SequencerToken,
          [RelayToken],
          (relay) =>
            new Sequencer({
              sequence: () => sequence(ledgerPool),
              onSequenced: () => (relay.isRelaying ? relay.wake() : nats.publish(SEQUENCED)),
              log,
            }),
        ),
        provide(
          RelayWork,
          [RelayToken],
          (relay) =>
            new Worker(() =>
              runningUntilStopped(async (stop) => {
                const bell = nats.subscribe(SEQUENCED, { callback: () => relay.wake() });
                await relay.run(stop);
                bell.unsubscribe();
              }),
            ),
        ),
        provide(
          SequencerWork,
          [SequencerToken],
          (sequencer) =>
            new Worker(() =>
              runningUntilStopped(async (stop) => {
                const bell = nats.subscribe(DOORBELL, { callback: () => sequencer.wake() });
                await sequencer.run(stop);
                bell.unsubscribe();
              }),
            ),
        ),
      ],
    };
  }
}
