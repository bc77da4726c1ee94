/** A crowd goes on with so many in a turn, however little time there is. */
const FLIGHTS_MIN = 2;
/** How fast what a flight takes is followed: a share of each difference. */
const FOLLOWING = 1 / 8;
/** One turn tells of so many times what a flight has taken before, at the most: it was a collection of garbage, or somebody else's work. */
const SURPRISE_MAX = 4;

/**
 * Decides how many flights of handshakes a turn of the event loop has time for, by the time that turns have taken: on a machine that is half as
 * fast, or that is busy with other things, half as many. Wall-clock time, since that is what others wait for.
 */
export class Pace {
  readonly #turnMs: number;
  readonly #flightsMax: number;
  /** What a flight takes, with all that is done in a turn beside it. */
  #flightMs: number;

  /**
   * @param turnMs  what flights may take of a turn
   * @param flightsMax  how many there may be, however fast they are; so many are taken to have time until there were turns
   */
  constructor(turnMs: number, flightsMax: number) {
    this.#turnMs = turnMs;
    this.#flightsMax = flightsMax;
    this.#flightMs = turnMs / flightsMax;
  }

  /** How many the next turn has time for. */
  get flights(): number {
    const flights = Math.max(FLIGHTS_MIN, Math.floor(this.#turnMs / this.#flightMs));
    return Math.min(this.#flightsMax, flights);
  }

  /** A turn with so many flights has taken so long. */
  took(ms: number, flights: number): void {
    if (flights === 0) return;
    const flightMs = Math.min(ms / flights, SURPRISE_MAX * this.#flightMs);
    // Never nothing, from which there would be no way up again.
    this.#flightMs = Math.max(
      this.#turnMs / this.#flightsMax / 2,
      this.#flightMs + (flightMs - this.#flightMs) * FOLLOWING,
    );
  }
}
