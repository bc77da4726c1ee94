/**
 * Something of which there is so much, shared by principals: one whose policy allows much may have as much as is free, so that it leaves room
 * to others (record 0114). Alone it gets half, two get a third each, and whoever has none yet gets some as long as there is any.
 */
export class Shares {
  readonly #max: number;
  readonly #held = new Map<string, number>();
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get free(): number {
    return this.#max - this.#taken;
  }

  /** Whether a principal may have so much more. A client that has proved nothing shares with nobody. */
  mayTake(principal: string | undefined, amount: number): boolean {
    const held = principal === undefined ? 0 : (this.#held.get(principal) ?? 0);
    return held + amount <= this.free;
  }

  /** What is there is counted, whether it was let in or not. */
  add(principal: string | undefined, amount: number): void {
    this.#taken += amount;
    if (principal !== undefined) this.#held.set(principal, (this.#held.get(principal) ?? 0) + amount);
  }

  remove(principal: string | undefined, amount: number): void {
    this.#taken -= amount;
    if (principal === undefined) return;
    const left = (this.#held.get(principal) ?? 0) - amount;
    if (left > 0) this.#held.set(principal, left);
    else this.#held.delete(principal);
  }
}
