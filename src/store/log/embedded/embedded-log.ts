import { DomainError, onAbort, type Random, systemRandom } from '../../../base/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import { silentLogger } from '../../../telemetry/index.ts';
import {
  LOG_LIMITS,
  type Log,
  type LogErrorCode,
  type LogRecord,
  type NewLogRecord,
  type Offset,
  type PartitionState,
} from '../log.ts';
import type { Catalog } from './catalog.ts';
import { ChunkCache } from './chunk-cache.ts';
import { nodeFiles, type StoreFiles } from './files.ts';
import type { Partition } from './partition.ts';
import { damaged, findTimestamp, readDisk, readTail } from './reader.ts';
import { Reclaimer } from './reclaim.ts';
import { type Damage, recover } from './recovery.ts';
import { OpenFiles } from './segment.ts';
import { SlabCache } from './tail-cache.ts';
import { GroupWriter } from './writer.ts';

/** Sizes of the embedded log; the defaults serve a gateway as well as a server. */
export const EMBEDDED_LOG_DEFAULTS = {
  /** A segment is sealed at this size; trimmed space comes back in pieces of it. */
  segmentBytes: 32 * 1024 * 1024,
  /** Distance of the index's entries: what a read from disk reads at least. */
  chunkBytes: 512 * 1024,
  /** Newest records kept in memory for readers at the tail. */
  tailBytes: 32 * 1024 * 1024,
  /** Smallest piece of memory that groups are encoded into. */
  slabBytes: 1024 * 1024,
  /** Chunks read from disk and kept in memory. */
  chunksCached: 8,
  /** Files of sealed segments that stay open while nobody reads them. */
  filesIdle: 32,
} as const;

export interface EmbeddedLogOptions extends Partial<typeof EMBEDDED_LOG_DEFAULTS_TYPE> {
  /** Folder of its own; made if it is not there. One process at a time: see `lockDirectory`. */
  readonly directory: string;
  readonly files?: StoreFiles;
  readonly random?: Random;
  readonly logger?: Logger;
}

declare const EMBEDDED_LOG_DEFAULTS_TYPE: { readonly [Name in keyof typeof EMBEDDED_LOG_DEFAULTS]: number };

/**
 * The log in segment files of our own: one shared log for all partitions, an index each (DESIGN §4).
 *
 * `files` holds the segments; `Catalog` is what is known of them; `GroupWriter` alone writes; readers read memory for the
 * tail and chunks of segments for older records; `Reclaimer` lets go of segments.
 */
export class EmbeddedLog implements Log {
  /** What recovery found damaged (S2); the partitions concerned refuse writes, and reads end at the damage. */
  readonly damages: readonly Damage[];
  readonly #catalog: Catalog;
  readonly #writer: GroupWriter;
  readonly #chunks: ChunkCache;
  readonly #reclaimer: Reclaimer;
  readonly #creating = new Map<string, Promise<void>>();

  private constructor(parts: {
    damages: readonly Damage[];
    catalog: Catalog;
    writer: GroupWriter;
    chunks: ChunkCache;
    reclaimer: Reclaimer;
  }) {
    this.damages = parts.damages;
    this.#catalog = parts.catalog;
    this.#writer = parts.writer;
    this.#chunks = parts.chunks;
    this.#reclaimer = parts.reclaimer;
  }

  /** Opens the log in a folder, recovering what a crash left. @throws format-too-new, log-damaged when it cannot be opened at all */
  static async open(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
    const { directory, files = nodeFiles, random = systemRandom, logger = silentLogger } = options;
    const sizes = { ...EMBEDDED_LOG_DEFAULTS, ...options };
    await files.makeDirectory(directory);
    const openFiles = new OpenFiles(files, sizes.filesIdle);
    const { chunkBytes, segmentBytes } = sizes;
    const { catalog, damages, tornBytes } = await recover({ files, openFiles, directory, chunkBytes, logger });
    if (tornBytes > 0) logger.warn('log.torn-tail-cut', { bytes: tornBytes });
    for (const damage of damages) logger.error('log.damaged', { ...damage });
    for (const { name, damagedAt } of catalog.byId.values()) {
      if (damagedAt !== undefined) logger.error('log.partition-stopped', { partition: name, offset: damagedAt });
    }
    const reclaimer = new Reclaimer({ catalog, files, openFiles, directory, random, logger, segmentBytes });
    const cache = new SlabCache(sizes.tailBytes, sizes.slabBytes);
    const onReclaimable = () => reclaimer.wake();
    const writer = new GroupWriter({
      ...sizes,
      catalog,
      cache,
      files,
      openFiles,
      directory,
      random,
      logger,
      onReclaimable,
    });
    // A damaged segment takes no more, so that its damage stays as it is found; the next one's snapshot remembers it.
    try {
      if (catalog.segments.length === 0 || damages.length > 0) await writer.rollNow();
    } catch (error) {
      await Promise.allSettled(catalog.segments.map((segment) => segment.retire()));
      throw error;
    }
    reclaimer.wake();
    return new EmbeddedLog({ damages, catalog, writer, chunks: new ChunkCache(sizes.chunksCached), reclaimer });
  }

  createPartition(partition: string): Promise<void> {
    const length = Buffer.byteLength(partition);
    if (length === 0 || length > LOG_LIMITS.partitionNameBytesMax) {
      throw new RangeError(`a partition's name has 1 to ${LOG_LIMITS.partitionNameBytesMax} bytes`);
    }
    if (this.#catalog.byName.has(partition)) return Promise.resolve();
    return this.#creating.get(partition) ?? this.#create(partition);
  }

  async dropPartition(partition: string): Promise<void> {
    await this.#creating.get(partition);
    const found = this.#catalog.byName.get(partition);
    if (found) await this.#writer.control({ kind: 'drop', id: found.id });
  }

  partitions(): readonly string[] {
    return [...this.#catalog.byName.keys()].sort();
  }

  state(partition: string): PartitionState {
    const { first, next } = this.#find(partition);
    return { first, next };
  }

  async append(partition: string, records: readonly NewLogRecord[]): Promise<Offset> {
    const found = this.#writable(partition);
    for (const { payload } of records) checkSize(payload);
    if (this.#writer.pendingBytes >= LOG_LIMITS.pendingBytesMax) await this.#writer.room();
    if (records.length === 0) return found.enqueued;
    const first = this.#writer.enqueue(found, records[0]!);
    for (let i = 1; i < records.length; i++) this.#writer.enqueue(found, records[i]!);
    await this.#writer.groupCommitted();
    return first;
  }

  appendNow(partition: string, record: NewLogRecord): Offset {
    const found = this.#writable(partition);
    checkSize(record.payload);
    if (this.#writer.pendingBytes >= LOG_LIMITS.pendingBytesMax) {
      throw fault('log-busy', 'too many bytes wait to become durable', 'retry');
    }
    return this.#writer.enqueue(found, record);
  }

  committed(): Promise<void> {
    return this.#writer.committed();
  }

  pendingBytes(): number {
    return this.#writer.pendingBytes;
  }

  readNow(partition: string, from: Offset, recordsMax: number, bytesMax: number): readonly LogRecord[] | undefined {
    return readTail(this.#find(partition), from, recordsMax, bytesMax);
  }

  async read(partition: string, from: Offset, recordsMax: number, bytesMax: number): Promise<readonly LogRecord[]> {
    const found = this.#find(partition);
    return readTail(found, from, recordsMax, bytesMax) ?? readDisk(found, this.#chunks, from, recordsMax, bytesMax);
  }

  async offsetAt(partition: string, timestamp: number): Promise<Offset> {
    return findTimestamp(this.#find(partition), this.#chunks, timestamp);
  }

  wait(partition: string, from: Offset, signal: AbortSignal): Promise<void> {
    const found = this.#catalog.byName.get(partition);
    if (signal.aborted) return Promise.reject(signal.reason);
    if (!found || found.next > from || found.damagedAt !== undefined) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const forgetWaiter = found.onReadable(from, () => {
        forgetSignal();
        resolve();
      });
      const forgetSignal = onAbort(signal, (reason) => {
        forgetWaiter();
        reject(reason);
      });
    });
  }

  async trim(partition: string, before: Offset): Promise<void> {
    const { id, first, next } = this.#find(partition);
    const target = Math.min(before, next);
    if (target > first) await this.#writer.control({ kind: 'trim', id, before: target });
  }

  sizeBytes(): number {
    return this.#catalog.segments.reduce((sum, { size }) => sum + size, 0);
  }

  /** Makes what was appended durable, then lets waiting readers go and closes the files. Twice is safe. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close();
    await this.#reclaimer.close();
    for (const partition of this.#catalog.byId.values()) partition.wake(true);
    for (const segment of this.#catalog.segments) await segment.retire();
  }

  #create(partition: string): Promise<void> {
    const created = this.#writer
      .control({ kind: 'create', id: this.#catalog.nextId++, name: partition })
      .finally(() => this.#creating.delete(partition));
    this.#creating.set(partition, created);
    return created;
  }

  #find(partition: string): Partition {
    const found = this.#catalog.byName.get(partition);
    if (!found) throw fault('partition-not-found', `there is no partition ${partition}`);
    return found;
  }

  #writable(partition: string): Partition {
    const found = this.#find(partition);
    if (found.damagedAt !== undefined) throw damaged(found, found.damagedAt);
    return found;
  }
}

function checkSize(payload: Uint8Array): void {
  if (payload.length <= LOG_LIMITS.payloadBytesMax) return;
  throw fault(
    'record-too-large',
    `a record has at most ${LOG_LIMITS.payloadBytesMax} bytes, this one ${payload.length}`,
  );
}

function fault(code: LogErrorCode, message: string, remedy: 'retry' | 'never' = 'never'): DomainError<LogErrorCode> {
  return new DomainError(code, message, { remedy });
}
