/** Times are kept apart by so many milliseconds at first; the more time they span, the less exactly. */
const WIDTH_MS = 1000;
const BUCKETS_MAX = 128;

/**
 * How many things there are and since when, in bounded memory: counts by ranges of time that grow with the span. The age of
 * the oldest is exact to a sixtieth of the span, or to a second.
 */
export class Ages {
  #widthMs = WIDTH_MS;
  /** Ascending. */
  #starts: number[] = [];
  #counts: number[] = [];
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** When the oldest came; `undefined` when there is none. */
  get oldest(): number | undefined {
    return this.#total > 0 ? this.#starts[0] : undefined;
  }

  add(at: number, count = 1): void {
    this.#total += count;
    const index = this.#indexOf(at);
    if (index >= 0 && at < this.#starts[index]! + this.#widthMs) {
      this.#counts[index]! += count;
      return;
    }
    this.#starts.splice(index + 1, 0, at);
    this.#counts.splice(index + 1, 0, count);
    while (this.#starts.length > BUCKETS_MAX) this.#widen();
  }

  /** One that came then is gone; one that was not known is none. */
  remove(at: number): void {
    if (this.#total === 0) return;
    const index = Math.max(0, this.#indexOf(at));
    this.#total--;
    if (--this.#counts[index]! > 0) return;
    this.#starts.splice(index, 1);
    this.#counts.splice(index, 1);
    if (this.#total === 0) this.#widthMs = WIDTH_MS;
  }

  clear(): void {
    this.#starts = [];
    this.#counts = [];
    this.#total = 0;
    this.#widthMs = WIDTH_MS;
  }

  /** The last range that begins at `at` or before; -1 when there is none. */
  #indexOf(at: number): number {
    const last = this.#starts.length - 1;
    if (last >= 0 && this.#starts[last]! <= at) return last;
    let low = 0;
    let high = last;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! <= at) low = middle + 1;
      else high = middle - 1;
    }
    return high;
  }

  #widen(): void {
    this.#widthMs *= 2;
    const starts: number[] = [];
    const counts: number[] = [];
    for (let i = 0; i < this.#starts.length; i++) {
      const fits = starts.length > 0 && this.#starts[i]! < starts.at(-1)! + this.#widthMs;
      if (fits) counts[counts.length - 1]! += this.#counts[i]!;
      else {
        starts.push(this.#starts[i]!);
        counts.push(this.#counts[i]!);
      }
    }
    this.#starts = starts;
    this.#counts = counts;
  }
}
