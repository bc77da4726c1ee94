import { DomainError } from '../../../base/index.ts';
import {
  decodeSegmentHeader,
  decodeSegmentIndex,
  LOG_FORMAT,
  type RunPlace,
  segmentSeed,
} from '../../../codec/log/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import { Catalog } from './catalog.ts';
import { type StoreFile, type StoreFiles, writeAllDurably } from './files.ts';
import { claimedLength, findBlock, type ScannedBlock, scanBlocks } from './scan.ts';
import { indexName, type OpenFiles, Segment, segmentName, segmentNumber } from './segment.ts';

/** Damage that recovery found: bytes that were durable and are not whole any more (S2). */
export interface Damage {
  readonly segment: number;
  readonly position: number;
}

export interface Recovered {
  readonly catalog: Catalog;
  readonly damages: readonly Damage[];
  /** Bytes of an unacknowledged group that were cut off the end. */
  readonly tornBytes: number;
}

interface Context {
  readonly files: StoreFiles;
  readonly openFiles: OpenFiles;
  readonly directory: string;
  readonly chunkBytes: number;
  readonly logger: Logger;
}

/**
 * Brings the log in a folder back (S2, S4).
 *
 * 1. Segments before the last are known by their index files; a missing one is made again by a scan.
 * 2. The last segment is scanned whole. It opens with a snapshot of all partitions.
 * 3. The first bytes that are no valid block are a torn tail if all that follows belongs to the same, unfinished group: cut.
 *    A valid block of a later group after them proves that they were durable once: damage. All partitions that do not
 *    go on without a gap after it are stopped there. If the name of one was lost, the log does not open.
 * 4. The last group is written and synced again: it may stand in the page cache only, if its sync had failed (S3). So may the
 *    name of the last segment, if the process died between making it and syncing the folder.
 */
export async function recover(context: Context): Promise<Recovered> {
  const catalog = new Catalog();
  catalog.dropped = new Set();
  const damages: Damage[] = [];
  const opened = await openSegments(context);
  try {
    const base = await lastSnapshot(opened);
    for (const segment of opened.slice(0, base)) await loadIndex(context, segment, catalog);
    let tornBytes = 0;
    for (const segment of opened.slice(base)) {
      tornBytes = await replay(segment, catalog, damages, segment === opened.at(-1));
    }
    if (opened.length > 0) await context.files.syncDirectory(context.directory);
    catalog.segments.push(...opened);
    attachExtents(catalog);
    stopGaps(catalog);
    catalog.dropped = undefined;
    return { catalog, damages, tornBytes };
  } catch (error) {
    await Promise.allSettled(opened.map((segment) => segment.retire()));
    throw error;
  }
}

async function openSegments(context: Context): Promise<Segment[]> {
  const { files, directory } = context;
  const names = await files.list(directory);
  for (const name of names) if (name.endsWith('.tmp')) await files.remove(`${directory}/${name}`);
  const numbers = names.map(segmentNumber).filter((number) => number !== undefined);
  numbers.sort((a, b) => a - b);
  const segments: Segment[] = [];
  try {
    for (const number of numbers) segments.push(await openSegment(context, number, number === numbers.at(-1)));
  } catch (error) {
    await Promise.allSettled(segments.map((segment) => segment.retire()));
    throw error;
  }
  return segments;
}

/** A segment gets its name only once its header and snapshot are durable: what bears one and has no header is damaged. */
async function openSegment(context: Context, number: number, last: boolean): Promise<Segment> {
  const { files, openFiles, directory, chunkBytes } = context;
  const path = `${directory}/${segmentName(number)}`;
  const file = await files.open(path, last ? 'update' : 'read');
  const size = await file.size();
  const header = await readHeader(file);
  const sound = header?.number === number;
  if (!last || !sound) await file.close();
  if (!sound) throw new DomainError('log-damaged', `the header of ${path} is damaged`, { fields: { segment: number } });
  const seed = segmentSeed(header);
  return new Segment({ number, path, files: openFiles, ...(last && { file }), seed, size, chunkBytes });
}

async function readHeader(file: StoreFile) {
  const bytes = Buffer.alloc(LOG_FORMAT.segmentHeaderBytes);
  await file.read(bytes, 0);
  return decodeSegmentHeader(bytes);
}

/** Index of the newest segment whose opening snapshot is whole: state is replayed from there. */
async function lastSnapshot(segments: Segment[]): Promise<number> {
  for (let i = segments.length - 1; i >= 0; i--) if (await opensWithSnapshot(segments[i]!)) return i;
  if (segments.length === 0) return 0;
  throw new DomainError('log-damaged', 'no segment of the log opens with a whole snapshot of its partitions');
}

function opensWithSnapshot(segment: Segment): Promise<boolean> {
  return segment.use(async (file) => {
    const from = LOG_FORMAT.segmentHeaderBytes;
    const head = Buffer.alloc(LOG_FORMAT.blockHeaderBytes);
    await file.read(head, from);
    let found = false;
    await scanBlocks(file, segment.seed, from, Math.min(segment.size, from + claimedLength(head)), ({ header }) => {
      found = header.snapshot;
    });
    return found;
  });
}

async function loadIndex(context: Context, segment: Segment, catalog: Catalog): Promise<void> {
  const indexed = await readIndex(context, segment);
  if (indexed) return segment.load(indexed);
  context.logger.info('log.index-rebuilt', { segment: segment.number });
  const onBlock = ({ header, runs, position }: ScannedBlock) => {
    for (const run of runs) if (run.partition !== LOG_FORMAT.controlPartition) segment.enter(run, position);
    catalog.group = Math.max(catalog.group, header.group);
  };
  const from = LOG_FORMAT.segmentHeaderBytes;
  await segment.use((file) => scanBlocks(file, segment.seed, from, segment.size, onBlock));
}

async function readIndex({ files, directory }: Context, segment: Segment) {
  try {
    const file = await files.open(`${directory}/${indexName(segment.number)}`, 'read');
    try {
      const bytes = Buffer.allocUnsafeSlow(await file.size());
      return decodeSegmentIndex(bytes.subarray(0, await file.read(bytes, 0)), segment.size, segment.seed);
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

/** What a scan has seen so far, so that it can tell a torn group from damage. */
class Replay {
  readonly #segment: Segment;
  readonly #catalog: Catalog;
  /** Partitions that are not known to be whole since the last damage. */
  readonly suspects = new Set<number>();
  /** Runs of the group that is not finished yet: carried out with its last block, so that a torn group leaves no trace. */
  #open: (() => void)[] = [];
  /** Where the last finished group begins and ends. */
  groupStart: number = LOG_FORMAT.segmentHeaderBytes;
  groupEnd: number = LOG_FORMAT.segmentHeaderBytes;
  #begin: number = LOG_FORMAT.segmentHeaderBytes;
  #damaged = false;

  constructor(segment: Segment, catalog: Catalog) {
    this.#segment = segment;
    this.#catalog = catalog;
  }

  /** Group that the bytes after the last valid block belong to. */
  get expectedGroup(): number {
    return this.#catalog.group + 1;
  }

  onBlock(block: ScannedBlock): void {
    if (this.#open.length === 0) this.#begin = block.position;
    this.#open.push(this.#entering(block));
    if (!block.header.lastOfGroup) return;
    for (const enter of this.#open) enter();
    this.#open = [];
    this.#catalog.group = block.header.group;
    this.groupStart = this.#begin;
    this.groupEnd = block.position + block.header.length;
  }

  /** All that is known now may miss records from here on. */
  suspectAll(): void {
    this.#open = [];
    this.#damaged = true;
    for (const id of this.#catalog.byId.keys()) this.suspects.add(id);
  }

  #entering({ runs, position, buffer, view }: ScannedBlock): () => void {
    return () => {
      for (const run of runs) this.#enter(run, position, buffer, view);
    };
  }

  /**
   * Records after damage of a partition that nobody has made: its making was in the damaged bytes. Nobody can say whose they are, so no
   * shard can be stopped for them: the log is (S2).
   */
  #refuseNameless({ partition }: RunPlace): void {
    if (partition === LOG_FORMAT.controlPartition || this.#catalog.dropped?.has(partition)) return;
    const segment = this.#segment.number;
    throw new DomainError(
      'log-damaged',
      `segment ${segment} of the log is damaged: it has lost the name of a partition`,
      {
        fields: { segment, partition },
      },
    );
  }

  #enter(run: RunPlace, position: number, buffer: Buffer, view: DataView): void {
    const partition = this.#catalog.byId.get(run.partition);
    if (!partition && this.#damaged) this.#refuseNameless(run);
    if (partition && run.first !== partition.next) partition.damagedAt ??= partition.next;
    else this.suspects.delete(run.partition);
    this.#catalog.enter(this.#segment, run, position, buffer, view);
  }
}

/** @returns bytes that were cut off as torn */
function replay(segment: Segment, catalog: Catalog, damages: Damage[], last: boolean): Promise<number> {
  return segment.use((file) => replayFile(file, segment, catalog, damages, last));
}

async function replayFile(
  file: StoreFile,
  segment: Segment,
  catalog: Catalog,
  damages: Damage[],
  last: boolean,
): Promise<number> {
  const { seed, size } = segment;
  const state = new Replay(segment, catalog);
  let position = LOG_FORMAT.segmentHeaderBytes as number;
  for (;;) {
    position = await scanBlocks(file, seed, position, size, (block) => state.onBlock(block));
    if (position >= size && (last || state.groupEnd === size)) break;
    const next = position < size ? await findBlock(file, seed, position + 1, size, state.expectedGroup) : undefined;
    if (next === undefined && last) break;
    damages.push({ segment: segment.number, position });
    state.suspectAll();
    if (next === undefined) break;
    position = next;
  }
  for (const id of state.suspects) stop(catalog, id);
  // Damaged bytes stay for whoever wants to save what is left of them; nothing is written after them.
  if (!last || damages.length > 0) return 0;
  await cut(segment, state);
  return size - segment.size;
}

function stop(catalog: Catalog, id: number): void {
  const partition = catalog.byId.get(id);
  if (partition) partition.damagedAt ??= partition.next;
}

/** Cuts the torn tail off and makes the last whole group durable for sure. */
async function cut(segment: Segment, { groupStart, groupEnd }: Replay): Promise<void> {
  if (groupEnd < segment.size) {
    await segment.file.truncate(groupEnd);
    await segment.file.datasync();
  }
  segment.size = groupEnd;
  const from = groupStart === LOG_FORMAT.segmentHeaderBytes ? 0 : groupStart;
  const bytes = Buffer.allocUnsafeSlow(groupEnd - from);
  await segment.file.read(bytes, from);
  await writeAllDurably(segment.file, bytes, from);
}

/** Gives each partition its extents, oldest first, without those that are trimmed. */
function attachExtents(catalog: Catalog): void {
  for (const partition of catalog.byId.values()) partition.extents = [];
  for (const segment of catalog.segments) {
    for (const extent of segment.extents.values()) {
      const partition = catalog.byId.get(extent.partition);
      if (partition && extent.end > partition.first) partition.extents.push(extent);
    }
  }
  for (const { extents } of catalog.byId.values()) extents.sort((a, b) => a.first - b.first);
}

/** Stops each partition where its extents leave a gap (S2). */
function stopGaps(catalog: Catalog): void {
  for (const partition of catalog.byId.values()) {
    let expected = partition.first;
    for (const { first, end } of partition.extents) {
      if (first > expected) break;
      expected = end;
    }
    partition.enqueued = partition.next;
    if (expected < partition.next) partition.damagedAt = Math.min(partition.damagedAt ?? expected, expected);
  }
}
