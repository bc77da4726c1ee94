import type { Random } from '../../base/index.ts';
import type { Fleet } from './fleet.ts';

/** What a device measures, one message after the other: a function of the fleet, its index and its random numbers only. */
export class DevicePayloads {
  readonly #fleet: Fleet;
  readonly #random: Random;
  readonly #fixed: string;
  #seq = 0;
  #lastTs = 0;
  #row: number;
  /** Milliseconds of the recording since the row; only with time acceleration. */
  #ahead = 0;
  /** Malformed messages made so far. */
  malformed = 0;

  constructor(fleet: Fleet, index: number, random: Random) {
    this.#fleet = fleet;
    this.#random = random;
    this.#fixed = JSON.stringify(fleet.payload).slice(1, -1);
    // Spread evenly, so that the fleet as a whole shows all of the recording at any time.
    this.#row = Math.floor((index * (fleet.recording?.rows ?? 0)) / fleet.devices);
  }

  /** The next message at `now`; time never stands still for a device, so that no two of its points fall together. */
  next(now: number): Buffer {
    const ts = Math.max(now, this.#lastTs + 1);
    let json = `{"seq":${this.#seq++},"ts":${ts}`;
    const { recording } = this.#fleet;
    if (recording) {
      for (const field in recording.fields) json += `,"${field}":${recording.fields[field]![this.#row]}`;
      json += `,"recordedAt":"${new Date(recording.times[this.#row]!).toISOString()}"`;
      this.#advance(ts - (this.#lastTs || ts));
    }
    if (this.#fixed) json += `,${this.#fixed}`;
    json += '}';
    this.#lastTs = ts;
    if (this.#fleet.malformed > 0 && this.#random.next() < this.#fleet.malformed) return this.#spoil(json);
    return Buffer.from(json);
  }

  #advance(elapsedMs: number): void {
    const { recording, acceleration } = this.#fleet;
    const { rows, times } = recording!;
    if (acceleration === undefined) {
      this.#row = (this.#row + 1) % rows;
      return;
    }
    this.#ahead += elapsedMs * acceleration;
    for (let hops = 0; hops < rows; hops++) {
      const following = (this.#row + 1) % rows;
      const step = Math.max(0, times[following]! - times[this.#row]!);
      if (step > this.#ahead) return;
      this.#ahead -= step;
      this.#row = following;
    }
  }

  /** The ways in which real devices go wrong: cut short, bytes of something else, a word for a number, a field left out. */
  #spoil(json: string): Buffer {
    this.malformed++;
    switch (Math.floor(this.#random.next() * 4)) {
      case 0:
        return Buffer.from(json.slice(0, json.length >> 1));
      case 1:
        return this.#random.bytes(24);
      case 2:
        return Buffer.from(json.replace(/"ts":\d+/, '"ts":"now"'));
      default:
        return Buffer.from(json.replace(/"ts":\d+,?/, ''));
    }
  }
}

/** When a device speaks next: an even pace with jitter, faster while the fleet has a spike. */
export class Pace {
  readonly #fleet: Fleet;
  readonly #random: Random;

  constructor(fleet: Fleet, random: Random) {
    this.#fleet = fleet;
    this.#random = random;
  }

  /** A first pause that spreads the fleet over one period. */
  first(): number {
    return (this.#random.next() * 1000) / this.#fleet.rate;
  }

  /** A share from 0 to 1, for what is to be spread over the fleet. */
  spread(): number {
    return this.#random.next();
  }

  /** Milliseconds to the next message, `elapsedMs` into the run. */
  pause(elapsedMs: number): number {
    const { rate, jitter } = this.#fleet;
    const spread = jitter === 0 ? 1 : 1 + jitter * (2 * this.#random.next() - 1);
    return (1000 / (rate * this.#spike(elapsedMs))) * spread;
  }

  /** Spikes come at the end of each period, so that a run begins quietly. */
  #spike(elapsedMs: number): number {
    const { spikes } = this.#fleet;
    if (!spikes) return 1;
    const into = (elapsedMs / 1000) % spikes.everySeconds;
    return into >= spikes.everySeconds - spikes.durationSeconds ? spikes.factor : 1;
  }
}
