import { Unavailable } from '@vt/kernel';
import type { Platform } from '@vt/service';

/** So many failures in a row open a circuit. */
export const FAILURES_MAX = 5;
const REST_MS = 30_000;

/** The call was not made, because those before it failed. */
export class CircuitOpen extends Unavailable {
  /** When it makes sense to try again. */
  readonly retryInMs: number;

  constructor(message: string, retryInMs: number, options?: ErrorOptions) {
    super(message, options);
    this.retryInMs = retryInMs;
  }
}

/** Hears that the circuit of a name has opened, with the reason, or closed again. */
export type CircuitWatch = (name: string, state: 'open' | 'closed', reason: string) => void;

interface Circuit {
  failures: number;
  reason: string;
  /** By the clock; undefined while it is closed. */
  openUntil: number | undefined;
  /** One call at a time finds out whether an open circuit can be closed. */
  probing: boolean;
}

/**
 * Circuit breakers by name, in this process: after five failures in a row no call is made for half a minute, then one,
 * which decides. What is away is left in peace, and nobody waits for it.
 */
export class Circuits {
  private readonly circuits = new Map<string, Circuit>();
  private readonly watch: CircuitWatch;
  private readonly now: () => number;

  constructor(watch: CircuitWatch = () => {}, now = () => performance.now()) {
    this.watch = watch;
    this.now = now;
  }

  /**
   * Makes a call unless its circuit is open. What it throws is a failure if `isFailure` says so.
   * @throws CircuitOpen, and whatever the call throws
   */
  async call<Result>(
    name: string,
    act: () => Promise<Result>,
    isFailure: (error: unknown) => boolean,
  ): Promise<Result> {
    const circuit = this.circuits.get(name) ?? { failures: 0, reason: '', openUntil: undefined, probing: false };
    this.circuits.set(name, circuit);
    this.enter(name, circuit);
    try {
      const result = await act();
      this.close(name, circuit);
      return result;
    } catch (error) {
      if (isFailure(error)) this.fail(name, circuit, error);
      throw error;
    } finally {
      circuit.probing = false;
    }
  }

  private enter(name: string, circuit: Circuit): void {
    if (circuit.openUntil === undefined) return;
    const restMs = circuit.openUntil - this.now();
    if (restMs <= 0 && !circuit.probing) {
      circuit.probing = true;
      return;
    }
    const why = `${name} failed ${circuit.failures} times in a row, the last time with: ${circuit.reason}`;
    throw new CircuitOpen(`${why}; it is not called for a while`, Math.max(restMs, 1_000));
  }

  private close(name: string, circuit: Circuit): void {
    const wasOpen = circuit.openUntil !== undefined;
    Object.assign(circuit, { failures: 0, openUntil: undefined });
    if (wasOpen) this.watch(name, 'closed', 'it answers again');
  }

  private fail(name: string, circuit: Circuit, error: unknown): void {
    const wasOpen = circuit.openUntil !== undefined;
    circuit.failures += 1;
    circuit.reason = error instanceof Error ? error.message : String(error);
    if (circuit.failures < FAILURES_MAX) return;
    circuit.openUntil = this.now() + REST_MS;
    if (!wasOpen) this.watch(name, 'open', circuit.reason);
  }
}

/** Tells the log and the metrics. */
export const circuitWatch =
  ({ log, metrics }: Pick<Platform, 'log' | 'metrics'>): CircuitWatch =>
  (circuit, state, reason) => {
    metrics.circuitsOpen.set({ circuit }, state === 'open' ? 1 : 0);
    if (state === 'open') log.warn({ circuit, reason }, 'it fails again and again, and is not called for a while');
    else log.info({ circuit, reason }, 'it is called again');
  };
