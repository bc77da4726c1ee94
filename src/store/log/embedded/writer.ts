import type { Clock, Random } from '../../../base/index.ts';
import { DomainError, hasCode } from '../../../base/index.ts';
import {
  BlockWriter,
  blockSpaceMax,
  type ControlEntry,
  encodeControl,
  encodeSegmentHeader,
  encodeSegmentIndex,
  LOG_FORMAT,
  type RunPlace,
  segmentSeed,
} from '../../../codec/log/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import { LOG_LIMITS, type LogErrorCode, type NewLogRecord, type Offset } from '../log.ts';
import type { Catalog } from './catalog.ts';
import { replaceFile, type StoreFile, type StoreFiles, writeAllDurably } from './files.ts';
import type { LogInstruments } from './instruments.ts';
import type { Partition } from './partition.ts';
import { indexName, type OpenFiles, Segment, segmentName } from './segment.ts';
import type { Slab, SlabCache } from './tail-cache.ts';

/** Appends that become durable together. */
class Group {
  payloadBytes = 0;
  records = 0;
  readonly partitions: Partition[] = [];
  readonly control: ControlEntry[] = [];
  #settled: { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void } | undefined;

  get isEmpty(): boolean {
    return this.records === 0 && this.control.length === 0;
  }

  /** One promise for all that wait; none is made while nobody asks. */
  get committed(): Promise<void> {
    this.#settled ??= Promise.withResolvers<void>();
    return this.#settled.promise;
  }

  resolve(): void {
    this.#settled?.resolve();
  }

  reject(error: unknown): void {
    this.#settled?.reject(error);
  }
}

/** - `open`: takes appends; - `failed`: a sync failed, for good (S3); - `closed`. */
type WriterState = { readonly kind: 'open' } | { readonly kind: 'failed' | 'closed'; readonly error: DomainError };

export interface WriterOptions {
  readonly catalog: Catalog;
  readonly cache: SlabCache;
  readonly files: StoreFiles;
  readonly openFiles: OpenFiles;
  readonly directory: string;
  readonly segmentBytes: number;
  readonly chunkBytes: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly instruments: LogInstruments;
  /** A segment was sealed, or records were let go: space may be won. */
  readonly onReclaimable: () => void;
}

/** Records of one group for one partition. */
interface Batch {
  readonly partition: Partition;
  readonly records: readonly NewLogRecord[];
}

/**
 * The one writer of the log. Group commit: while one group is written and synced, the next one gathers; it starts at once
 * when that is done, never on a timer (DESIGN §4).
 *
 * 1. One group is in flight at a time, so a torn write can only be the last one (S2).
 * 2. Records are published to readers, and their appends resolved, only after the sync (S1).
 * 3. No room: the bytes are taken back, and the group and all that gathered behind it are refused, so that offsets given out
 *    stay without gaps. The next append tries again (S3).
 * 4. Any other failure: what the disk holds is unknown. The writer stops until the node restarts (S3).
 */
export class GroupWriter {
  readonly #options: WriterOptions;
  #state: WriterState = { kind: 'open' };
  #open = new Group();
  #inFlight: Group | undefined;
  #inFlightBytes = 0;
  /** Why a group was refused in this turn of the loop or the one before. */
  #refusedLately: unknown;
  #running: Promise<void> | undefined;
  #indexing: Promise<void> = Promise.resolve();

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** Payload bytes taken and not yet durable. */
  get pendingBytes(): number {
    return this.#open.payloadBytes + this.#inFlightBytes;
  }

  /** Takes one record into the open group; @returns the offset it gets once {@link committed} resolves. */
  enqueue(partition: Partition, record: NewLogRecord): Offset {
    if (this.#state.kind !== 'open') throw this.#state.error;
    const group = this.#open;
    if (partition.pending.length === 0) group.partitions.push(partition);
    partition.pending.push(record);
    group.records++;
    group.payloadBytes += record.payload.length;
    if (!this.#running) this.#start();
    return partition.enqueued++;
  }

  /** Takes an entry about a partition into the open group; resolves when it is durable and carried out. */
  control(entry: ControlEntry): Promise<void> {
    if (this.#state.kind !== 'open') return Promise.reject(this.#state.error);
    this.#open.control.push(entry);
    if (!this.#running) this.#start();
    return this.#open.committed;
  }

  /** Resolves when what was just taken, in the same synchronous run, is durable. */
  groupCommitted(): Promise<void> {
    return this.#open.committed;
  }

  /**
   * Resolves when all that was taken so far is durable.
   *
   * Who asks at the end of the turn may find its group refused already: then the answer is the refusal, to all who ask until
   * the next turn is over. A refusal too many costs a retry, an acknowledgement too many a record.
   */
  committed(): Promise<void> {
    if (this.#refusedLately !== undefined) return Promise.reject(this.#refusedLately);
    if (!this.#open.isEmpty) return this.#open.committed;
    if (this.#inFlight) return this.#inFlight.committed;
    return this.#state.kind === 'failed' ? Promise.reject(this.#state.error) : Promise.resolve();
  }

  /** Waits until fewer bytes than the limit are pending (S5). */
  async room(): Promise<void> {
    while (this.pendingBytes >= LOG_LIMITS.pendingBytesMax) await (this.#inFlight ?? this.#open).committed;
  }

  /** Makes what was taken durable and takes no more. */
  async close(): Promise<void> {
    if (this.#state.kind === 'open') {
      this.#state = { kind: 'closed', error: failure('log-failed', 'the log is closed') };
    }
    await this.#running;
    await this.#indexing;
  }

  /** Seals the active segment and opens the next one, before anything else is written. For the start only. */
  async rollNow(): Promise<void> {
    await this.#roll();
  }

  #start(): void {
    // The rest of this turn of the loop gathers in the group: a burst is one commit.
    this.#running = new Promise<void>((resolve) => setImmediate(resolve)).then(() => this.#run());
  }

  async #run(): Promise<void> {
    while (!this.#open.isEmpty) {
      const group = this.#open;
      this.#open = new Group();
      this.#inFlight = group;
      this.#inFlightBytes = group.payloadBytes;
      const start = this.#options.clock.monotonic();
      const outcome = await this.#commit(group).then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      this.#inFlight = undefined;
      this.#inFlightBytes = 0;
      if (outcome) {
        this.#refuse(group, outcome.error);
      } else {
        group.resolve();
        this.#measure(group, start);
      }
    }
    this.#running = undefined;
  }

  #measure({ records, payloadBytes }: Group, start: number): void {
    const { clock, instruments } = this.#options;
    instruments.commitSeconds.observe((clock.monotonic() - start) / 1000);
    instruments.commitRecords.observe(records);
    instruments.records.add(records);
    instruments.bytes.add(payloadBytes);
  }

  async #commit(group: Group): Promise<void> {
    const { catalog, cache } = this.#options;
    const control = group.control.map((entry) => ({ timestamp: 0, payload: encodeControl(entry) }));
    const controlBytes = control.reduce((sum, { payload }) => sum + payload.length, 0);
    const space = blockSpaceMax(
      group.records + control.length,
      group.payloadBytes + controlBytes,
      group.partitions.length + 1,
    );
    // Taken before anything is awaited: what comes while a segment rolls belongs to the next group.
    const batches = group.partitions.map((partition) => ({ partition, records: partition.pending }));
    for (const { partition } of batches) partition.pending = [];
    if (this.#isFull(catalog.active.size, space)) await this.#roll();
    const slab = cache.reserve(space);
    const start = slab.used;
    const blocks = this.#encode(batches, control, slab);
    slab.used = blocks.finish();
    try {
      await this.#write(catalog.active, slab.buffer.subarray(start, slab.used));
    } catch (error) {
      slab.used = start;
      throw error;
    }
    this.#publish(group, blocks.places, slab, start);
  }

  /** A group larger than a segment goes into one of its own rather than into ever new ones. */
  #isFull(size: number, space: number): boolean {
    const { segmentBytes } = this.#options;
    return size + space > segmentBytes && size > segmentBytes / 4;
  }

  #encode(batches: readonly Batch[], control: readonly NewLogRecord[], slab: Slab): BlockWriter {
    const { catalog } = this.#options;
    const { seed } = catalog.active;
    const blocks = new BlockWriter(slab.buffer, slab.view, slab.used, { seed, group: catalog.group + 1 });
    for (const { partition, records } of batches) blocks.add(partition.id, partition.next, records);
    // After the records: a partition that is dropped in this group still has an owner for those taken before.
    if (control.length > 0) blocks.add(LOG_FORMAT.controlPartition, 0, control);
    return blocks;
  }

  async #write(segment: Segment, bytes: Buffer): Promise<void> {
    try {
      await writeAllDurably(segment.file, bytes, segment.size);
    } catch (error) {
      if (!isNoSpace(error)) throw error;
      await takeBack(segment);
      throw failure('log-full', 'the disk is full: the log takes no records until there is room', error);
    }
  }

  #publish(group: Group, places: readonly RunPlace[], slab: Slab, start: number): void {
    const { catalog, cache } = this.#options;
    const segment = catalog.active;
    const base = segment.size - start;
    catalog.group++;
    segment.size += slab.used - start;
    for (const run of places) {
      const partition = catalog.enter(segment, run, base + run.block, slab.buffer, slab.view);
      partition?.tail.push(run, slab);
    }
    for (const partition of group.partitions) {
      cache.note(partition.tail);
      partition.wake();
    }
    if (group.control.some(({ kind }) => kind !== 'create')) this.#options.onReclaimable();
  }

  #refuse(group: Group, error: unknown): void {
    if (!hasCode(error, 'log-full')) this.#fail(error);
    const reason = hasCode(error, 'log-full') ? error : (this.#state as { error?: unknown }).error;
    this.#refusedLately = reason;
    setImmediate(() =>
      setImmediate(() => {
        this.#refusedLately = undefined;
      }),
    );
    const behind = this.#open;
    this.#open = new Group();
    for (const refused of [group, behind]) {
      this.#options.instruments.refused.add(refused.records);
      for (const partition of refused.partitions) {
        partition.pending = [];
        partition.enqueued = partition.next;
      }
      refused.reject(reason);
    }
  }

  #fail(cause: unknown): void {
    this.#options.logger.error('log.failed', { cause });
    const error = failure('log-failed', 'a write to the log failed: it takes no more until the node restarts', cause);
    this.#state = { kind: 'failed', error };
  }

  async #roll(): Promise<void> {
    const { catalog, random, chunkBytes, directory, openFiles } = this.#options;
    const sealed = catalog.segments.at(-1);
    const header = { number: (sealed?.number ?? 0) + 1, salt: random.bytes(16) };
    const seed = segmentSeed(header);
    const bytes = Buffer.concat([encodeSegmentHeader(header), this.#snapshot(seed)]);
    const file = await this.#createSegment(segmentName(header.number), bytes);
    catalog.group++;
    const path = `${directory}/${segmentName(header.number)}`;
    catalog.segments.push(
      new Segment({ number: header.number, path, files: openFiles, file, seed, size: bytes.length, chunkBytes }),
    );
    if (sealed) this.#seal(sealed);
  }

  /** The file gets its name once it is durable: a segment is there whole or not at all. */
  async #createSegment(name: string, bytes: Buffer): Promise<StoreFile> {
    const { directory, files } = this.#options;
    const temporary = `${directory}/${name}.tmp`;
    let file: StoreFile | undefined;
    try {
      file = await files.open(temporary, 'log');
      await writeAllDurably(file, bytes, 0);
      await files.rename(temporary, `${directory}/${name}`);
      await files.syncDirectory(directory);
      return file;
    } catch (error) {
      await file?.close().catch(() => {});
      await files.remove(temporary).catch(() => {});
      throw isNoSpace(error) ? failure('log-full', 'the disk is full: no new segment can be made', error) : error;
    }
  }

  #snapshot(seed: number): Buffer {
    const { catalog } = this.#options;
    const entries = catalog.snapshot().map((entry) => ({ timestamp: 0, payload: encodeControl(entry) }));
    const bytes = entries.reduce((sum, { payload }) => sum + payload.length, 0);
    const buffer = Buffer.alloc(blockSpaceMax(entries.length, bytes, 1));
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    const blocks = new BlockWriter(buffer, view, 0, { seed, group: catalog.group + 1, snapshot: true });
    blocks.add(LOG_FORMAT.controlPartition, 0, entries);
    return buffer.subarray(0, blocks.finish());
  }

  /** Writes the index of a segment that takes no more; without it the next start makes it from the segment. */
  #seal(segment: Segment): void {
    const { files, directory, logger, onReclaimable } = this.#options;
    segment.seal();
    const bytes = encodeSegmentIndex(segment.size, segment.seed, [...segment.extents.values()]);
    this.#indexing = this.#indexing
      .then(() => replaceFile(files, directory, indexName(segment.number), bytes))
      .catch((cause: unknown) => logger.warn('log.index-not-written', { segment: segment.number, cause }))
      .then(onReclaimable);
  }
}

/** Takes back what a write that ran out of room left behind; its sync keeps a later start from taking it for damage. */
async function takeBack(segment: Segment): Promise<void> {
  await segment.file.truncate(segment.size);
  await segment.file.datasync();
}

function isNoSpace(error: unknown): boolean {
  return hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT');
}

function failure(code: LogErrorCode, message: string, cause?: unknown): DomainError<LogErrorCode> {
  return new DomainError(code, message, { cause, remedy: code === 'log-full' ? 'retry' : 'never' });
}
