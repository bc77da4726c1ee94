/**
 * What is noted beside the rows, so that a start need not count them: soon after it has changed, when the outbox opens and closes.
 * After a crash the numbers of edges are those of some seconds before; they are put right when an edge has run empty.
 *
 * | key of `delivery-counts` | value, JSON                                                        |
 * |--------------------------|--------------------------------------------------------------------|
 * | `edge`, name             | how many wait, and since when the oldest                            |
 * | `letters`                | how many lost letters there are: exact, written with each           |
 * | `time`                   | where the timeline stood, and the wall clock                        |
 */
import { decodeKey, encodeKey, keyRange } from '../codec/index.ts';
import { RECORDS_LIMITS, type RecordEntry, type Records, type Write } from '../store/index.ts';
import { SPACES } from './rows.ts';
import type { TimelineMark } from './timeline.ts';

export interface LetterCount {
  readonly count: number;
  readonly bytes: number;
}

export interface EdgeNote {
  readonly pending: number;
  /** By the timeline. */
  readonly oldest: number;
}

const TIME = encodeKey(['time']);
const LETTERS = encodeKey(['letters']);
const PAGE = 5000;

export function putLetterCount(count: LetterCount): Write {
  return put(LETTERS, count);
}

export async function readNotes(records: Records): Promise<{
  readonly mark: TimelineMark | undefined;
  readonly letters: LetterCount;
  readonly edges: ReadonlyMap<string, EdgeNote>;
}> {
  const [time, letters] = await Promise.all([records.get(SPACES.counts, TIME), records.get(SPACES.counts, LETTERS)]);
  return {
    mark: time && parsed<TimelineMark>(time),
    letters: letters ? parsed<LetterCount>(letters) : { count: 0, bytes: 0 },
    edges: await readEdges(records),
  };
}

async function readEdges(records: Records): Promise<ReadonlyMap<string, EdgeNote>> {
  const edges = new Map<string, EdgeNote>();
  const { from: start, to } = keyRange(['edge']);
  for (let from = start; ; ) {
    const page = await records.range(SPACES.counts, { ...(from && { from }), ...(to && { to }), limit: PAGE });
    for (const entry of page) edges.set(decodeKey(entry.key)[1] as string, parsed<EdgeNote>(entry));
    if (page.length < PAGE) return edges;
    from = Buffer.concat([page.at(-1)!.key, Buffer.of(0)]);
  }
}

/** The wall clock was set where it is so far from where the timeline has left it. */
const SET_MS = 1000;

/** Notes what has changed since it was noted last. */
export class Checkpoints {
  readonly #records: Records;
  readonly #noted: Map<string, EdgeNote>;
  #mark: TimelineMark | undefined;

  constructor(records: Records, noted: ReadonlyMap<string, EdgeNote>, mark: TimelineMark | undefined) {
    this.#records = records;
    this.#noted = new Map(noted);
    this.#mark = mark;
  }

  /** @param edges  those where something waits */
  async write(edges: ReadonlyMap<string, EdgeNote>, mark: TimelineMark): Promise<void> {
    const writes: Write[] = [];
    for (const [name, note] of edges) {
      const before = this.#noted.get(name);
      if (before?.pending !== note.pending || before.oldest !== note.oldest) writes.push(put(edgeKey(name), note));
    }
    for (const name of this.#noted.keys()) {
      if (!edges.has(name)) writes.push({ kind: 'delete', space: SPACES.counts, key: edgeKey(name) });
    }
    // Where nothing waits the time need not be known, but for what the wall clock says: what comes next may crash at once.
    if (writes.length === 0 && edges.size === 0 && !wasSet(this.#mark, mark)) return;
    writes.push(put(TIME, mark));
    // Edges are many where a topic has many subscribers. They need not be noted together.
    for (let from = 0; from < writes.length; from += RECORDS_LIMITS.writesPerTransactionMax) {
      await this.#records.commit({ writes: writes.slice(from, from + RECORDS_LIMITS.writesPerTransactionMax) });
    }
    this.#mark = mark;
    this.#noted.clear();
    for (const [name, note] of edges) this.#noted.set(name, note);
  }
}

function wasSet(before: TimelineMark | undefined, now: TimelineMark): boolean {
  return before === undefined || Math.abs(before.time - before.wall - (now.time - now.wall)) > SET_MS;
}

function edgeKey(name: string): Uint8Array {
  return encodeKey(['edge', name]);
}

function put(key: Uint8Array, value: object): Write {
  return { kind: 'put', space: SPACES.counts, key, value: Buffer.from(JSON.stringify(value)) };
}

function parsed<T>({ value }: RecordEntry): T {
  return JSON.parse(Buffer.from(value).toString()) as T;
}
