import type { Records, Write } from '../../../store/index.ts';
import { TABLE_STREAM_LIMITS } from './limits.ts';
import { rowKey, sequenceOfKey } from './row.ts';

/** All records below this number were written before that time. */
interface Mark {
  readonly sequence: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

const MARKS = 'dynamodb/streams/marks';
const HORIZON = 'dynamodb/streams/horizon';
const HORIZON_KEY = Buffer.from('sequence');
const PAGE = 1000;

/**
 * How far back streams can be read.
 *
 * Sequence numbers are shared by all streams of a node, so that a few marks, each saying what time it was when a number was next,
 * tell what has expired without looking at a record.
 */
export class Horizon {
  readonly #records: Records;
  /** Oldest first. */
  readonly #marks: Mark[];
  #sequence: number;

  private constructor(records: Records, marks: Mark[], sequence: number) {
    this.#records = records;
    this.#marks = marks;
    this.#sequence = sequence;
  }

  static async open(records: Records): Promise<Horizon> {
    const stored = await records.get(HORIZON, HORIZON_KEY);
    const marks: Mark[] = [];
    for (let from = rowKey(0, 0); ; from = rowKey(0, marks.at(-1)!.sequence + 1)) {
      const page = await records.range(MARKS, { from, limit: PAGE });
      for (const { key, value } of page) marks.push({ sequence: sequenceOfKey(key), at: numberOf(value) });
      if (page.length < PAGE) break;
    }
    return new Horizon(records, marks, stored ? numberOf(stored.value) : 0);
  }

  /** Below it everything has expired. */
  get sequence(): number {
    return this.#sequence;
  }

  /**
   * Notes the time, and moves on to what has not expired; durable when it resolves.
   * @param next  a number that no record has, above all that were given out
   * @returns whether it has moved
   */
  async advance(next: number, now: number): Promise<boolean> {
    const mark = { sequence: next, at: now };
    const marks = [...this.#marks, mark];
    const before = now - TABLE_STREAM_LIMITS.retentionMs;
    // A clock that was set back leaves marks of the future: none behind one is taken before it is due itself.
    const kept = marks.findIndex(({ at }) => at > before);
    const gone = kept < 0 ? marks : marks.slice(0, kept);
    const sequence = gone.at(-1)?.sequence ?? this.#sequence;
    const writes: Write[] = [put(MARKS, rowKey(0, next), now)];
    for (const { sequence: old } of gone) writes.push({ kind: 'delete', space: MARKS, key: rowKey(0, old) });
    if (gone.length > 0) writes.push(put(HORIZON, HORIZON_KEY, sequence));
    await this.#records.commit({ writes });
    this.#marks.push(mark);
    this.#marks.splice(0, gone.length);
    const moved = sequence > this.#sequence;
    this.#sequence = sequence;
    return moved;
  }
}

function put(space: string, key: Buffer, value: number): Write {
  return { kind: 'put', space, key, value: Buffer.from(String(value)) };
}

function numberOf(value: Uint8Array): number {
  return Number(Buffer.from(value).toString());
}
