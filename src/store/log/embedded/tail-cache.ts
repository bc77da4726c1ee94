import { type DecodedRecord, decodeRecords, type RunPlace } from '../../../codec/log/index.ts';

/** Memory into which groups are encoded, written to disk from, and read from while they are young. */
export interface Slab {
  readonly buffer: Buffer;
  readonly view: DataView;
  used: number;
}

interface CachedRun {
  readonly run: RunPlace;
  readonly slab: Slab;
}

/** The newest records of one partition that are in memory: runs without gaps, ending at the partition's end. */
export class PartitionTail {
  #runs: CachedRun[] = [];
  #head = 0;

  /** Offset of the oldest record in memory; `undefined` when there is none. */
  get first(): number | undefined {
    return this.#runs[this.#head]?.run.first;
  }

  push(run: RunPlace, slab: Slab): void {
    this.#runs.push({ run, slab });
  }

  /** Lets go of the oldest runs while they lie in `slab`. */
  dropFront(slab: Slab): void {
    while (this.#runs[this.#head]?.slab === slab) this.#head++;
    if (this.#head > 64 && this.#head * 2 > this.#runs.length) {
      this.#runs = this.#runs.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Reads records from `from`, which is not below `first`; see {@link decodeRecords}. */
  read(from: number, recordsMax: number, bytesMax: number, into: DecodedRecord[]): void {
    let left = bytesMax;
    for (let i = this.#find(from); i < this.#runs.length && into.length < recordsMax && left > 0; i++) {
      const { run, slab } = this.#runs[i]!;
      left = decodeRecords(run, slab.buffer, slab.view, from, recordsMax, left, into);
    }
  }

  /** Offset of the first record at or after `timestamp` in memory; `undefined` when there is none. */
  offsetAt(timestamp: number, from: number): number | undefined {
    for (let i = this.#find(from); i < this.#runs.length; i++) {
      const { run, slab } = this.#runs[i]!;
      if (run.timestampMax < timestamp) continue;
      const records: DecodedRecord[] = [];
      decodeRecords(run, slab.buffer, slab.view, from, run.count, Number.POSITIVE_INFINITY, records);
      const found = records.find((record) => record.timestamp >= timestamp);
      if (found) return found.offset;
    }
    return undefined;
  }

  /** Index of the run that holds `offset`: the last one that begins at or before it. */
  #find(offset: number): number {
    let low = this.#head;
    let high = this.#runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#runs[middle]!.run.first <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Gives out slabs, and forgets the oldest once together they exceed the limit. */
export class SlabCache {
  readonly #slabs: { readonly slab: Slab; readonly tails: Set<PartitionTail> }[] = [];
  readonly #bytesMax: number;
  readonly #slabBytes: number;
  #bytes = 0;

  /** @param bytesMax  the newest slab stays whatever its size; @param slabBytes  smallest slab */
  constructor(bytesMax: number, slabBytes: number) {
    this.#bytesMax = bytesMax;
    this.#slabBytes = slabBytes;
  }

  /** A slab with `bytes` free after `used`. */
  reserve(bytes: number): Slab {
    const last = this.#slabs.at(-1)?.slab;
    if (last && last.buffer.length - last.used >= bytes) return last;
    const buffer = Buffer.allocUnsafeSlow(Math.max(this.#slabBytes, bytes));
    const slab = { buffer, view: new DataView(buffer.buffer, buffer.byteOffset, buffer.length), used: 0 };
    this.#slabs.push({ slab, tails: new Set() });
    this.#bytes += buffer.length;
    this.#evict();
    return slab;
  }

  /** Notes that `tail` has runs in the newest slab. */
  note(tail: PartitionTail): void {
    this.#slabs.at(-1)!.tails.add(tail);
  }

  #evict(): void {
    while (this.#bytes > this.#bytesMax && this.#slabs.length > 1) {
      const { slab, tails } = this.#slabs.shift()!;
      this.#bytes -= slab.buffer.length;
      for (const tail of tails) tail.dropFront(slab);
    }
  }
}
