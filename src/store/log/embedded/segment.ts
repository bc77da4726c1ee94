import type { ChunkList, IndexedPartition, RunPlace } from '../../../codec/log/index.ts';
import type { StoreFile } from './files.ts';

/** What one segment holds of one partition, growing while the segment is written. */
export class Extent implements IndexedPartition {
  readonly partition: number;
  readonly segment: Segment;
  readonly first: number;
  end: number;
  bytes = 0;
  timestampMax = Number.NEGATIVE_INFINITY;
  readonly chunks: ChunkList;

  constructor(segment: Segment, partition: number, first: number, chunks?: ChunkList) {
    this.segment = segment;
    this.partition = partition;
    this.first = first;
    this.end = first;
    this.chunks = chunks ?? { positions: [], offsets: [], timestamps: [] };
  }

  /** Index of the chunk that holds `offset`: the last one that begins at or before it. */
  chunkOf(offset: number): number {
    const { offsets } = this.chunks;
    let low = 0;
    let high = offsets.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (offsets[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/**
 * One file of the log and the index of what lies in it.
 *
 * The index is sparse: a chunk begins with the first block at least `chunkBytes` after the last chunk's begin, and the
 * index knows for each partition the chunks that have some of its records.
 */
export class Segment {
  readonly number: number;
  readonly file: StoreFile;
  /** Checksum of its salt: where the checksums of its blocks begin. */
  readonly seed: number;
  /** Bytes that count: header and whole, durable groups. */
  size: number;
  /** By partition id. */
  readonly extents = new Map<number, Extent>();
  readonly chunkBytes: number;
  #chunk = -1;
  #users = 0;
  #retired = false;

  constructor(options: { number: number; file: StoreFile; seed: number; size: number; chunkBytes: number }) {
    this.number = options.number;
    this.file = options.file;
    this.seed = options.seed;
    this.size = options.size;
    this.chunkBytes = options.chunkBytes;
  }

  /**
   * Enters a durable run whose block stands at `position`.
   *
   * @returns the extent when it is new
   */
  enter(
    run: Pick<RunPlace, 'partition' | 'count' | 'first' | 'timestampMax' | 'start' | 'end'>,
    position: number,
  ): Extent | undefined {
    if (this.#chunk < 0 || position - this.#chunk >= this.chunkBytes) this.#chunk = position;
    const known = this.extents.get(run.partition);
    const extent = known ?? new Extent(this, run.partition, run.first);
    if (!known) this.extents.set(run.partition, extent);
    extent.end = run.first + run.count;
    extent.bytes += run.end - run.start;
    if (run.timestampMax > extent.timestampMax) extent.timestampMax = run.timestampMax;
    this.#enterChunk(extent.chunks, run);
    return known ? undefined : extent;
  }

  #enterChunk(chunks: ChunkList, run: { readonly first: number; readonly timestampMax: number }): void {
    const last = chunks.offsets.length - 1;
    if (last < 0 || chunks.positions[last]! < this.#chunk) {
      chunks.positions.push(this.#chunk);
      chunks.offsets.push(run.first);
      chunks.timestamps.push(run.timestampMax);
    } else if (run.timestampMax > chunks.timestamps[last]!) {
      chunks.timestamps[last] = run.timestampMax;
    }
  }

  /** Runs `work` while the file is sure to stay open. */
  async use<T>(work: (file: StoreFile) => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await work(this.file);
    } finally {
      this.#users--;
      if (this.#retired && this.#users === 0) await this.file.close();
    }
  }

  /** Closes the file once nobody uses it. */
  async retire(): Promise<void> {
    if (this.#retired) return;
    this.#retired = true;
    if (this.#users === 0) await this.file.close();
  }

  /** Enters what its index file says. */
  load(indexed: readonly IndexedPartition[]): void {
    for (const { partition, first, end, bytes, timestampMax, chunks } of indexed) {
      const extent = new Extent(this, partition, first, chunks);
      Object.assign(extent, { end, bytes, timestampMax });
      this.extents.set(partition, extent);
    }
  }
}

export const segmentName = (number: number) => `${String(number).padStart(12, '0')}.segment`;
export const indexName = (number: number) => `${String(number).padStart(12, '0')}.index`;

/** Number of a segment file by its name; `undefined` when it is none. */
export function segmentNumber(name: string): number | undefined {
  const match = /^(\d{12})\.segment$/.exec(name);
  return match ? Number(match[1]) : undefined;
}
