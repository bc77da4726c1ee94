import { SCALING_LIMITS } from './limits.ts';

const { idleTimeRangeMs: RANGE_MS, idleTimesMax } = SCALING_LIMITS;
/** Each bin is this much wider than the one before: precision stays in proportion, from seconds to hours. */
const RATIO = 1.05;
const FIRST_MS = 1_000;
const BINS = 1 + Math.ceil(Math.log(RANGE_MS / FIRST_MS) / Math.log(RATIO));

/**
 * How long a function has stood idle between two invocations, as a histogram of 5 % wide bins from a second to four hours:
 * 200 bytes a function. Old times weigh ever less: all counts are halved when they reach {@link SCALING_LIMITS.idleTimesMax}.
 *
 * @see Shahrad et al., "Serverless in the Wild", USENIX ATC 2020, section 4.2: there the bins are a minute each
 */
export class IdleTimes {
  readonly #counts = new Uint8Array(BINS);
  /** Within the range, and beyond it. */
  #inside = 0;
  #outside = 0;

  record(idleMs: number): void {
    if (idleMs >= RANGE_MS) this.#outside++;
    else {
      this.#counts[binOf(idleMs)]!++;
      this.#inside++;
    }
    if (this.#inside + this.#outside >= idleTimesMax) this.#halve();
  }

  /** How many times count, within the range. */
  get size(): number {
    return this.#inside;
  }

  /** Part of the times that lie beyond the range, 0 to 1. */
  get outside(): number {
    return this.#outside === 0 ? 0 : this.#outside / (this.#inside + this.#outside);
  }

  /**
   * Deviation of the bins' counts from their mean, over the mean: 0 when all are equal, 14 when all times are in one bin. Reckoned from
   * pairs of times, so that few of them do not look as if they had a pattern.
   */
  get variation(): number {
    const size = this.#inside;
    if (size < 2) return 0;
    const pairs = this.#counts.reduce((sum, count) => sum + count * (count - 1), 0);
    return Math.sqrt(Math.max(0, (BINS * pairs) / (size * (size - 1)) - 1));
  }

  /** Bounds of the bin in which the given part of the times has been passed. */
  quantile(part: number): { readonly fromMs: number; readonly toMs: number } {
    let left = part * this.#inside;
    let bin = this.#counts.findIndex((count) => {
      left -= count;
      return count > 0 && left <= 0;
    });
    if (bin < 0) bin = BINS - 1;
    return { fromMs: edge(bin), toMs: edge(bin + 1) };
  }

  /** Mean time until the next invocation of a function that has been idle for `idleMs`; absent when it never was so long. */
  expectedMs(idleMs: number): number | undefined {
    let times = 0;
    let sum = 0;
    for (let bin = binOf(Math.min(idleMs, RANGE_MS - 1)); bin < BINS; bin++) {
      const count = this.#counts[bin]!;
      times += count;
      sum += count * Math.max(0, edge(bin + 1) - idleMs);
    }
    return times === 0 || idleMs >= RANGE_MS ? undefined : sum / times;
  }

  #halve(): void {
    this.#inside = 0;
    for (let bin = 0; bin < BINS; bin++) {
      this.#counts[bin]! >>= 1;
      this.#inside += this.#counts[bin]!;
    }
    this.#outside >>= 1;
  }
}

function binOf(idleMs: number): number {
  if (idleMs < FIRST_MS) return 0;
  return Math.min(BINS - 1, 1 + Math.floor(Math.log(idleMs / FIRST_MS) / Math.log(RATIO)));
}

/** Where a bin begins. */
function edge(bin: number): number {
  return bin === 0 ? 0 : FIRST_MS * RATIO ** (bin - 1);
}
