import { assert } from '../../../base/index.ts';
import type { ChunkList, IndexedPartition, RunPlace } from '../../../codec/log/index.ts';
import type { StoreFile, StoreFiles } from './files.ts';

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
  /** Checksum of its salt: where the checksums of its blocks begin. */
  readonly seed: number;
  /** Bytes that count: header and whole, durable groups. */
  size: number;
  /** By partition id. */
  readonly extents = new Map<number, Extent>();
  readonly chunkBytes: number;
  #chunk = -1;
  readonly #path: string;
  readonly #files: OpenFiles;
  #file: StoreFile | undefined;
  #opening: Promise<StoreFile> | undefined;
  #users = 0;
  /** The writer is done with it: its file may be closed between uses. */
  #sealed: boolean;
  #retired = false;

  /** @param options.file  open for writing: the active segment, until {@link seal} */
  constructor(options: {
    readonly number: number;
    readonly path: string;
    readonly files: OpenFiles;
    readonly file?: StoreFile;
    readonly seed: number;
    readonly size: number;
    readonly chunkBytes: number;
  }) {
    this.number = options.number;
    this.seed = options.seed;
    this.size = options.size;
    this.chunkBytes = options.chunkBytes;
    this.#path = options.path;
    this.#files = options.files;
    this.#file = options.file;
    this.#sealed = options.file === undefined;
  }

  /** The file of the active segment. */
  get file(): StoreFile {
    assert(this.#file && !this.#sealed, `segment ${this.number} is not open for writing`);
    return this.#file;
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
    const file = await this.#acquire();
    try {
      return await work(file);
    } finally {
      await this.#letGo();
    }
  }

  /**
   * Opens the file and keeps it open until {@link retire}: before its name goes or means another file, so that readers who have found
   * the segment finish with what they found.
   */
  async pin(): Promise<void> {
    await this.#acquire();
    this.#users--;
    this.#sealed = false;
  }

  /** The writer is done with it. */
  seal(): void {
    this.#sealed = true;
    if (this.#users === 0) this.#files.idle(this);
  }

  /** Closes the file once nobody uses it; nobody may begin to. */
  async retire(): Promise<void> {
    this.#retired = true;
    this.#files.busy(this);
    if (this.#users === 0) await this.close();
  }

  /** Closes the file if nobody uses it; the next use opens it again. */
  async close(): Promise<void> {
    const file = this.#file;
    if (this.#users > 0 || !file) return;
    this.#file = undefined;
    await file.close();
  }

  async #acquire(): Promise<StoreFile> {
    this.#users++;
    this.#files.busy(this);
    try {
      this.#opening ??= this.#file ? undefined : this.#files.open(this.#path);
      this.#file ??= await this.#opening!;
      return this.#file;
    } catch (error) {
      this.#users--;
      throw error;
    } finally {
      this.#opening = undefined;
    }
  }

  async #letGo(): Promise<void> {
    if (--this.#users > 0) return;
    if (this.#retired) await this.close();
    else if (this.#sealed) this.#files.idle(this);
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

/** Files of sealed segments: open while they are used, and the last few for a while after. Segments are many, descriptors few. */
export class OpenFiles {
  readonly #files: StoreFiles;
  readonly #idleMax: number;
  /** Least recently used first. */
  readonly #idle = new Set<Segment>();

  constructor(files: StoreFiles, idleMax: number) {
    this.#files = files;
    this.#idleMax = idleMax;
  }

  open(path: string): Promise<StoreFile> {
    return this.#files.open(path, 'read');
  }

  busy(segment: Segment): void {
    this.#idle.delete(segment);
  }

  idle(segment: Segment): void {
    this.#idle.add(segment);
    if (this.#idle.size <= this.#idleMax) return;
    const [oldest] = this.#idle;
    this.#idle.delete(oldest!);
    // A file that was only read: that its close fails means nothing to anybody.
    oldest!.close().catch(() => {});
  }
}

export const segmentName = (number: number) => `${String(number).padStart(12, '0')}.segment`;
export const indexName = (number: number) => `${String(number).padStart(12, '0')}.index`;

/** Number of a segment file by its name; `undefined` when it is none. */
export function segmentNumber(name: string): number | undefined {
  const match = /^(\d{12})\.segment$/.exec(name);
  return match ? Number(match[1]) : undefined;
}
