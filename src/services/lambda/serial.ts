/** Runs the changes of one name one after the other: each reads what the last has made durable. */
export class Serial {
  readonly #tails = new Map<string, Promise<unknown>>();

  run<T>(name: string, change: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(name) ?? Promise.resolve();
    const result = before.then(change, change);
    const tail = result
      .catch(() => {})
      .finally(() => {
        if (this.#tails.get(name) === tail) this.#tails.delete(name);
      });
    this.#tails.set(name, tail);
    return result;
  }
}
