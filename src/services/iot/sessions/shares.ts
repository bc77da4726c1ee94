/**
 * How many sessions each principal has, so that one whose policy allows many client ids leaves places to others: it may have as many as
 * are free (record 0114). Alone it gets half of them, two get a third each, and whoever has none yet gets one as long as there is one.
 */
export class Shares {
  readonly #held = new Map<string, number>();

  /** Whether a principal may have one more. A client that has proved nothing shares with nobody. */
  mayTake(principal: string | undefined, free: number): boolean {
    return principal === undefined || (this.#held.get(principal) ?? 0) < free;
  }

  add(principal: string | undefined): void {
    if (principal !== undefined) this.#held.set(principal, (this.#held.get(principal) ?? 0) + 1);
  }

  remove(principal: string | undefined): void {
    if (principal === undefined) return;
    const left = (this.#held.get(principal) ?? 0) - 1;
    if (left > 0) this.#held.set(principal, left);
    else this.#held.delete(principal);
  }
}
