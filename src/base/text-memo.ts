/** What is kept of a {@link TextMemo}. */
interface MemoLimits {
  /** With more, all is forgotten: whoever comes again is made anew. */
  readonly entriesMax: number;
  /** Longer texts are not kept. */
  readonly charactersMax: number;
}

const LATIN = /^[\0-\xff]*$/;

/**
 * What is made of texts that come again and again: names, scopes, targets of requests. They are strangers' texts, so that there are bounds
 * (S5), and a text is kept as a copy: it may be a slice of something long, which would be kept with it.
 *
 * Only texts of characters up to U+00FF are kept, which heads of requests are made of. What is thrown is not kept.
 */
export class TextMemo<V extends object | string> {
  readonly #made = new Map<string, V>();
  readonly #make: (text: string) => V;
  readonly #limits: MemoLimits;

  /** @param make  gets the copy, and makes the same of the same text */
  constructor(make: (text: string) => V, limits: MemoLimits) {
    this.#make = make;
    this.#limits = limits;
  }

  get(text: string): V {
    const known = this.#made.get(text);
    if (known !== undefined) return known;
    if (text.length > this.#limits.charactersMax || !LATIN.test(text)) return this.#make(text);
    const copy = Buffer.from(text, 'latin1').toString('latin1');
    const made = this.#make(copy);
    if (this.#made.size >= this.#limits.entriesMax) this.#made.clear();
    this.#made.set(copy, made);
    return made;
  }
}
