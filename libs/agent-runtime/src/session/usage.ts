import type { ContextLoad, Usage } from '@vt/contracts';

/** The clock is read at most so often: it is not finer than this, and a trivial action takes less than its reading. */
const READ_MS = 1;

/** An action that is being metered. */
interface Metered {
  cpuUs: number;
}

/**
 * Shares the CPU time of this process among the actions that run in it. Node can not say which function used it, so
 * the time between two starts or ends is divided evenly among the actions running then: exact for one that runs alone,
 * but for what the process does beside it, and an estimate for those that run side by side.
 */
class CpuMeter {
  private readonly running = new Set<Metered>();
  private before = process.cpuUsage();
  private readAt = performance.now();

  start(): Metered {
    this.settle();
    const metered = { cpuUs: 0 };
    this.running.add(metered);
    return metered;
  }

  stop(metered: Metered): void {
    this.settle();
    this.running.delete(metered);
  }

  private settle(): void {
    if (performance.now() - this.readAt < READ_MS) return;
    this.readAt = performance.now();
    const now = process.cpuUsage();
    const spent = now.user - this.before.user + now.system - this.before.system;
    for (const metered of this.running) metered.cpuUs += spent / this.running.size;
    this.before = now;
  }
}

/** One for the process, as is its CPU time. */
const METER = new CpuMeter();

/** What one try of an action uses: its share of our CPU time, that of its programs, time on the wall, and tokens. */
export class UsageMeter {
  private readonly metered = METER.start();
  private readonly startedAt = performance.now();
  private readonly tokens = new Map<string, { input: number; output: number }>();
  private readonly loads: ContextLoad[] = [];
  private programsMs = 0;

  program(cpuMs: number): void {
    this.programsMs += cpuMs;
  }

  model(name: string, input: number, output: number): void {
    const before = this.tokens.get(name) ?? { input: 0, output: 0 };
    this.tokens.set(name, { input: before.input + input, output: before.output + output });
  }

  load(load: ContextLoad): void {
    this.loads.push(load);
  }

  stop(): Usage {
    METER.stop(this.metered);
    return {
      cpuMs: rounded(this.metered.cpuUs / 1_000 + this.programsMs),
      wallMs: rounded(performance.now() - this.startedAt),
      tokens: [...this.tokens].map(([model, used]) => ({ model, ...used })),
      ...(this.loads.length > 0 ? { loads: this.loads } : {}),
    };
  }
}

export const NO_USAGE: Usage = { cpuMs: 0, wallMs: 0, tokens: [] };

const rounded = (ms: number) => Math.round(ms * 1_000) / 1_000;
