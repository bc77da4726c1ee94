import { DomainError } from '../base/index.ts';
import type { Records, Write } from '../store/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { LetterCount } from './checkpoints.ts';
import { type Failure, originOf } from './dead-letter.ts';
import { DELIVERY_LIMITS, type Delivery, type Letter, type LetterFilter, type LetterSummary } from './delivery.ts';
import {
  decodeLetter,
  decodeLetterBody,
  deleteLetter,
  letterKey,
  letterRange,
  letterTime,
  putLetter,
  type StoredLetter,
} from './letter-rows.ts';
import { type Row, SPACES } from './rows.ts';
import type { Settler } from './settler.ts';
import type { Timeline } from './timeline.ts';

/** Letters looked through for one page of an answer, and thrown away at once. */
const SCAN = 500;

interface Parts {
  readonly records: Records;
  readonly settler: Settler;
  readonly timeline: Timeline;
  readonly logger: Logger;
  /** What makes the number of letters durable. */
  readonly putCount: (count: LetterCount) => Write;
}

/** The letters as they stand on disk. Their number is written in the transactions that change it. */
export class Letters {
  readonly #parts: Parts;
  #count: number;
  #bytes: number;
  /** Being sent again or thrown away: nobody else may. */
  readonly #leaving = new Set<string>();
  #trimming: Promise<void> | undefined;

  constructor(parts: Parts, { count, bytes }: LetterCount) {
    this.#parts = parts;
    this.#count = count;
    this.#bytes = bytes;
  }

  get count(): number {
    return this.#count;
  }

  /** What makes a delivery that is given up a letter. To be handed to the settler at once: the number is in it. */
  add(row: Row, failure: Failure): Write[] {
    const { timeline } = this.#parts;
    const { attributes: _, ...origin } = originOf(row, failure, timeline);
    const payloadBytes = row.delivery.payload.length;
    const { writes, sizeBytes } = putLetter(failure.at, { origin, reason: failure.reason, payloadBytes }, row);
    return [...writes, this.#change(1, sizeBytes)];
  }

  async list(query: LetterFilter & { readonly after?: string; readonly limit: number }): Promise<{
    readonly letters: readonly LetterSummary[];
    readonly next?: string;
  }> {
    const limit = Math.min(Math.max(1, query.limit), DELIVERY_LIMITS.letterPageMax);
    const page = await this.#parts.records.range(SPACES.letters, letterRange(query.after, SCAN));
    const letters: LetterSummary[] = [];
    let seen = 0;
    for (const record of page) {
      if (letters.length === limit) break;
      seen++;
      const { summary } = decodeLetter(record);
      if (takes(query, summary)) letters.push(summary);
    }
    const isLast = seen === page.length && page.length < SCAN;
    return { letters, ...(!isLast && { next: decodeLetter(page[seen - 1]!).summary.id }) };
  }

  async get(id: string): Promise<{ readonly letter: Letter; readonly delivery: Delivery } | undefined> {
    const found = await this.#find(id);
    if (!found) return undefined;
    const { attributes, payload, orderingGroup } = found.delivery;
    const { summary } = found.stored;
    const origin = { ...summary.origin, ...(attributes && { attributes }) };
    const letter = { ...summary, origin, payload, ...(orderingGroup !== undefined && { orderingGroup }) };
    return { letter, delivery: found.delivery };
  }

  /**
   * Removes a letter, together with the writes that `then` makes of what it was.
   * @throws letter-not-found, and what `then` throws: it stays
   */
  async remove(id: string, then: (delivery: Delivery) => readonly Write[] = () => []): Promise<void> {
    if (this.#leaving.has(id)) throw notFound(id);
    this.#leaving.add(id);
    try {
      const found = await this.#find(id);
      if (!found) throw notFound(id);
      const writes = then(found.delivery);
      await this.#parts.settler.write([...deleteLetter(id), this.#change(-1, -found.stored.sizeBytes), ...writes]);
    } finally {
      this.#leaving.delete(id);
    }
  }

  /** Throws away what is too old, and the oldest of what is too many. */
  trim(signal: AbortSignal): Promise<void> {
    this.#trimming ??= this.#trim(signal).finally(() => {
      this.#trimming = undefined;
    });
    return this.#trimming;
  }

  /** There are more than may be. */
  get isFull(): boolean {
    return this.#count > DELIVERY_LIMITS.lettersMax || this.#bytes > DELIVERY_LIMITS.lettersBytesMax;
  }

  async #trim(signal: AbortSignal): Promise<void> {
    const { records, settler, timeline, logger } = this.#parts;
    const old = timeline.now() - DELIVERY_LIMITS.letterMsMax;
    while (!signal.aborted) {
      const page = await records.range(SPACES.letters, letterRange(undefined, SCAN));
      const writes: Write[] = [];
      let surplus = 0;
      for (const stored of page.map(decodeLetter)) {
        const tooMany = this.isFull;
        if (!tooMany && letterTime(stored.summary.id) >= old) break;
        if (this.#leaving.has(stored.summary.id)) continue;
        if (tooMany) surplus++;
        writes.push(...deleteLetter(stored.summary.id), this.#change(-1, -stored.sizeBytes));
      }
      if (writes.length === 0) return;
      if (surplus > 0) logger.warn('letters-full', { thrownAway: surplus });
      await settler.write(writes);
    }
  }

  async #find(id: string): Promise<{ readonly stored: StoredLetter; readonly delivery: Delivery } | undefined> {
    const { records } = this.#parts;
    const key = letterKey(id);
    const [header, body] = await Promise.all([records.get(SPACES.letters, key), records.get(SPACES.letterBodies, key)]);
    return header && body && { stored: decodeLetter(header), delivery: decodeLetterBody(body).delivery };
  }

  #change(by: number, bytes: number): Write {
    this.#count = Math.max(0, this.#count + by);
    this.#bytes = Math.max(0, this.#bytes + bytes);
    return this.#parts.putCount({ count: this.#count, bytes: this.#bytes });
  }
}

function takes({ source, arn, from, to }: LetterFilter, { origin }: LetterSummary): boolean {
  if (source !== undefined && origin.source !== source) return false;
  if (arn !== undefined && origin.arn !== arn) return false;
  return origin.givenUpAt >= (from ?? 0) && origin.givenUpAt < (to ?? Number.POSITIVE_INFINITY);
}

function notFound(id: string): DomainError {
  return new DomainError('letter-not-found', `no lost letter has the id ${id}; list them again`);
}
