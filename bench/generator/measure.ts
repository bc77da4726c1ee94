import { cpuMsOf } from './cpu.ts';
import type { LoadResult } from './load.ts';

/** Latencies in steps of 10 µs up to 2 s; what is longer counts as that. */
export class Latencies {
  readonly #counts = new Uint32Array(200_000);
  #total = 0;
  #max = 0;

  add(ms: number): void {
    this.#counts[Math.min(199_999, Math.floor(ms * 100))]!++;
    this.#total++;
    if (ms > this.#max) this.#max = ms;
  }

  get max(): number {
    return this.#max;
  }

  quantile(q: number): number {
    if (this.#total === 0) return 0;
    let rest = q * this.#total;
    for (let i = 0; i < this.#counts.length; i++) {
      rest -= this.#counts[i]!;
      if (rest <= 0) return (i + 1) / 100;
    }
    return 2000;
  }
}

/** What a load counts, and how: `count` says how many there have been so far. */
export interface Measured {
  readonly brokerPid?: number | undefined;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly count: () => number;
  /** Its rate is given, whatever the broker could do. */
  readonly isPaced?: boolean;
  /** Rejects when the load breaks. */
  readonly broken: Promise<never>;
}

/** So many messages have made their way before it is measured: code that is still interpreted says little about a broker that stays up. */
const WARM_UP_MESSAGES = 50_000;
/** A busy machine takes its time for them, but not for ever. */
const WARM_UP_MS_MAX = 10_000;

async function warmUp({ warmUpMs, count, isPaced }: Measured): Promise<void> {
  const start = performance.now();
  await delay(warmUpMs);
  while (!isPaced && count() < WARM_UP_MESSAGES && performance.now() - start < WARM_UP_MS_MAX) await delay(50);
}

/** Lets the load warm up, then measures it. */
export async function measure(load: Measured): Promise<LoadResult> {
  const { brokerPid, measureMs, count, broken } = load;
  await Promise.race([warmUp(load), broken]);
  const first = count();
  const cpuBefore = cpuMsOf(brokerPid);
  const before = performance.eventLoopUtilization();
  const start = performance.now();
  await Promise.race([delay(measureMs), broken]);
  const elapsedMs = performance.now() - start;
  const busy = performance.eventLoopUtilization(before).utilization;
  const cpuAfter = cpuMsOf(brokerPid);
  const counted = count() - first;
  const cpuMicros =
    cpuBefore === undefined || cpuAfter === undefined ? 0 : ((cpuAfter - cpuBefore) * 1000) / Math.max(1, counted);
  return {
    rate: (counted * 1000) / elapsedMs,
    cpuMicros,
    p50Ms: 0,
    p99Ms: 0,
    maxMs: 0,
    generatorBusy: busy,
  };
}

export const delay = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
