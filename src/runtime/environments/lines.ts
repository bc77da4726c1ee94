/**
 * Puts lines together from text as it comes. What has no end yet is kept in its pieces: looked through again with each that follows,
 * a long line that comes by the byte would cost its length each time.
 */
export class LineReader {
  readonly #lengthMax: number;
  readonly #take: (line: string) => void;
  #pieces: string[] = [];
  #length = 0;

  /** @param lengthMax  longer lines come in pieces of this many UTF-16 units */
  constructor(lengthMax: number, take: (line: string) => void) {
    this.#lengthMax = lengthMax;
    this.#take = take;
  }

  push(text: string): void {
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      this.#add(text.slice(from, end));
      this.#take(this.#whole());
      from = end + 1;
    }
    if (from < text.length) this.#add(text.slice(from));
  }

  /** Takes what stands after the last line end. */
  end(): void {
    if (this.#length > 0) this.#take(this.#whole());
  }

  #add(text: string): void {
    this.#pieces.push(text);
    this.#length += text.length;
    if (this.#length <= this.#lengthMax) return;
    let rest = this.#whole();
    for (; rest.length > this.#lengthMax; rest = rest.slice(this.#lengthMax))
      this.#take(rest.slice(0, this.#lengthMax));
    this.#pieces = [rest];
    this.#length = rest.length;
  }

  #whole(): string {
    const whole = this.#pieces.length === 1 ? this.#pieces[0]! : this.#pieces.join('');
    this.#pieces = [];
    this.#length = 0;
    return whole;
  }
}
