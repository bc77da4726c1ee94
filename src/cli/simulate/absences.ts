import { type Random, seededRandom } from '../../base/index.ts';
import type { Fleet, Outage } from './fleet.ts';

/** A time in which a device is not connected, milliseconds since the run began. */
export interface Absence {
  readonly from: number;
  readonly to: number;
  /** `sleep` says goodbye; `power` ends without a word; `network` goes silent: the broker notices nothing until its keep-alive ends. */
  readonly kind: 'sleep' | Outage['kind'];
  /** Messages that the device sends at once when it is back. */
  readonly burst: number;
  /** It dials so much later, by chance: 0 is a storm. Absent leaves it to the fleet. */
  readonly jitterMs?: number;
}

/** Occurrences of an outage that are looked through for one that concerns a device. */
const LOOK_AHEAD = 1000;

/** When a device is away: a function of the fleet, its index and its random numbers only. */
export class Absences {
  readonly #fleet: Fleet;
  readonly #index: number;
  readonly #random: Random;
  #spell: Absence | undefined;

  constructor(fleet: Fleet, index: number, random: Random) {
    this.#fleet = fleet;
    this.#index = index;
    this.#random = random;
  }

  /** The first absence that ends after `after`; one that has begun by then begins there. */
  next(after: number): Absence | undefined {
    let first = this.#nextSpell(after);
    for (const [number, outage] of this.#fleet.outages.entries()) {
      const one = this.#nextOutage(outage, number, after);
      if (one && (!first || one.from < first.from)) first = one;
    }
    return first && { ...first, from: Math.max(first.from, after) };
  }

  #nextSpell(after: number): Absence | undefined {
    const { spells } = this.#fleet;
    if (!spells) return undefined;
    if (!this.#spell || this.#spell.to <= after) {
      const since = this.#spell?.to ?? 0;
      // Memoryless: at any time each device is as likely to go as any other.
      const from = Math.max(since, after) - Math.log(1 - this.#random.next()) * spells.everySeconds * 1000;
      const to = from + spells.durationSeconds * 1000 * (0.5 + this.#random.next());
      this.#spell = { from, to, kind: 'sleep', burst: 0 };
    }
    return this.#spell;
  }

  #nextOutage(outage: Outage, number: number, after: number): Absence | undefined {
    const { atSeconds, everySeconds, durationSeconds, share, kind, burst, jitterSeconds } = outage;
    const passed =
      everySeconds === undefined ? 0 : Math.floor((after / 1000 - atSeconds - durationSeconds) / everySeconds);
    for (let n = Math.max(0, passed); n <= (everySeconds === undefined ? 0 : passed + LOOK_AHEAD); n++) {
      const from = (atSeconds + n * (everySeconds ?? 0)) * 1000;
      const to = from + durationSeconds * 1000;
      if (to <= after || !this.#isHit(share, number, n)) continue;
      return { from, to, kind, burst, ...(jitterSeconds !== undefined && { jitterMs: jitterSeconds * 1000 }) };
    }
    return undefined;
  }

  #isHit(share: number, outage: number, occurrence: number): boolean {
    if (share >= 1) return true;
    const { seed } = this.#fleet;
    return seededRandom(seed * 31_337 + outage * 7919 + occurrence * 104_729 + this.#index * 2_654_435).next() < share;
  }
}
