import { type Clock, DomainError } from '../base/index.ts';
import type { Records, Write } from '../store/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { type Failure, originOf } from './dead-letter.ts';
import { DELIVERY_LIMITS, type Delivery, type Letter, type LetterFilter, type LetterSummary } from './delivery.ts';
import type { Row } from './rows.ts';
import * as rows from './rows.ts';
import type { Settler } from './settler.ts';

/** Letters looked at for one page of an answer, and thrown away at once. */
const SCAN = 500;

/** The letters as they stand on disk. Their number is written in the transactions that change it. */
export class Letters {
  readonly #records: Records;
  readonly #settler: Settler;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #count: number;
  /** Being sent again or thrown away: nobody else may. */
  readonly #leaving = new Set<string>();

  private constructor(
    parts: {
      readonly records: Records;
      readonly settler: Settler;
      readonly clock: Clock;
      readonly logger: Logger;
    },
    count: number,
  ) {
    this.#records = parts.records;
    this.#settler = parts.settler;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#count = count;
  }

  static async open(parts: {
    readonly records: Records;
    readonly settler: Settler;
    readonly clock: Clock;
    readonly logger: Logger;
  }): Promise<Letters> {
    return new Letters(parts, await rows.readLetterCount(parts.records));
  }

  get count(): number {
    return this.#count;
  }

  /** What makes a delivery that is given up a letter. To be handed to the settler at once: the number is in it. */
  add(row: Row, failure: Failure): Write[] {
    this.#count++;
    const { attributes: _, ...origin } = originOf(row, failure);
    const header = { origin, reason: failure.reason, payloadBytes: row.delivery.payload.length };
    return [...rows.putLetter(failure.at, header, row), rows.putLetterCount(this.#count)];
  }

  async list(query: LetterFilter & { readonly after?: string; readonly limit: number }): Promise<{
    readonly letters: readonly LetterSummary[];
    readonly next?: string;
  }> {
    const limit = Math.min(Math.max(1, query.limit), DELIVERY_LIMITS.letterPageMax);
    const page = await this.#records.range(rows.SPACES.letters, rows.letterRange(query, SCAN));
    const letters: LetterSummary[] = [];
    let last: string | undefined;
    for (const record of page) {
      const letter = rows.decodeLetter(record);
      last = letter.id;
      if (takes(query, letter)) letters.push(letter);
      if (letters.length === limit) break;
    }
    const more = page.length === SCAN || last !== (page.length > 0 ? rows.letterId(page.at(-1)!.key) : undefined);
    return { letters, ...(more && last !== undefined && { next: last }) };
  }

  async get(id: string): Promise<{ readonly letter: Letter; readonly delivery: Delivery } | undefined> {
    const key = rows.letterKey(id);
    const [header, body] = await Promise.all([
      this.#records.get(rows.SPACES.letters, key),
      this.#records.get(rows.SPACES.letterBodies, key),
    ]);
    if (!header || !body) return undefined;
    const summary = rows.decodeLetter(header);
    const { delivery } = rows.decodeLetterBody(body);
    const { attributes, payload } = delivery;
    const origin = { ...summary.origin, ...(attributes && { attributes }) };
    return { letter: { ...summary, origin, payload }, delivery };
  }

  /**
   * Removes a letter, together with the writes that `then` makes of what it was.
   * @throws letter-not-found
   */
  async remove(id: string, then: (delivery: Delivery) => readonly Write[] = () => []): Promise<void> {
    if (this.#leaving.has(id)) throw notFound(id);
    this.#leaving.add(id);
    try {
      const found = await this.get(id);
      if (!found) throw notFound(id);
      const writes = then(found.delivery);
      this.#count--;
      await this.#settler.write([
        ...rows.deleteLetter(rows.letterKey(id)),
        rows.putLetterCount(this.#count),
        ...writes,
      ]);
    } finally {
      this.#leaving.delete(id);
    }
  }

  /** Throws away what is too old, and the oldest of what is too many. */
  async sweep(signal: AbortSignal): Promise<void> {
    const old = rows.letterId(rows.letterKeyAt(this.#clock.now() - DELIVERY_LIMITS.letterMsMax));
    while (!signal.aborted) {
      const surplus = this.#count - DELIVERY_LIMITS.lettersMax;
      const page = await this.#records.range(rows.SPACES.letters, rows.letterRange({}, SCAN));
      const gone = page
        .map(({ key }) => rows.letterId(key))
        .filter((id, index) => index < surplus || isBefore(id, old));
      if (surplus > 0) this.#logger.warn('letters-full', { thrownAway: Math.min(surplus, gone.length) });
      if (gone.length === 0) return;
      const leaving = gone.filter((id) => !this.#leaving.has(id));
      this.#count -= leaving.length;
      const writes = leaving.flatMap((id) => rows.deleteLetter(rows.letterKey(id)));
      await this.#settler.write([...writes, rows.putLetterCount(this.#count)]);
      if (leaving.length === 0) return;
    }
  }
}

function takes({ source, arn, from, to }: LetterFilter, { origin }: LetterSummary): boolean {
  if (source !== undefined && origin.source !== source) return false;
  if (arn !== undefined && origin.arn !== arn) return false;
  return origin.givenUpAt >= (from ?? 0) && origin.givenUpAt < (to ?? Number.POSITIVE_INFINITY);
}

function isBefore(id: string, other: string): boolean {
  return Buffer.compare(rows.letterKey(id), rows.letterKey(other)) < 0;
}

function notFound(id: string): DomainError {
  return new DomainError('letter-not-found', `no lost letter has the id ${id}; list them again`);
}
