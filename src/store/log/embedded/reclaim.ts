import type { Random } from '../../../base/index.ts';
import {
  BlockWriter,
  blockSpaceMax,
  type DecodedRecord,
  decodeRecords,
  encodeSegmentHeader,
  encodeSegmentIndex,
  LOG_FORMAT,
  type RunPlace,
  segmentSeed,
} from '../../../codec/log/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { Catalog } from './catalog.ts';
import { replaceFile, type StoreFile, type StoreFiles, writeAll } from './files.ts';
import { type ScannedBlock, scanBlocks } from './scan.ts';
import { type Extent, indexName, type OpenFiles, Segment, segmentName } from './segment.ts';

interface Options {
  readonly catalog: Catalog;
  readonly files: StoreFiles;
  readonly openFiles: OpenFiles;
  readonly directory: string;
  readonly segmentBytes: number;
  readonly random: Random;
  readonly logger: Logger;
}

/** A sealed segment is rewritten once less than this part of a full one is alive in it. */
const LIVE_SHARE_MIN = 0.25;

/**
 * Gives space back: removes segments in which nothing is alive, and rewrites those that a few survivors pin (a small stream
 * with a long retention beside a large one with a short one). So the log holds at most four times its live bytes, plus
 * the active segment, plus a file per sealed segment that still has a survivor.
 */
export class Reclaimer {
  readonly #options: Options;
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Looks for space to give back, in the background. */
  wake(): void {
    if (this.#closed) return;
    this.#again = true;
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    // Not in the caller's turn: it is publishing a commit, and a pass that finds nothing would end before it is noted as running.
    await new Promise<void>((resolve) => setImmediate(resolve));
    try {
      while (this.#again && !this.#closed) {
        this.#again = false;
        for (const segment of this.#options.catalog.segments.slice(0, -1)) {
          if (this.#closed) break;
          await this.#reclaim(segment);
        }
      }
    } catch (cause) {
      // Space that is not given back now is found again at the next trim or start.
      this.#options.logger.warn('log.reclaim-failed', { cause });
    } finally {
      this.#running = undefined;
    }
  }

  async #reclaim(segment: Segment): Promise<void> {
    const { catalog, segmentBytes } = this.#options;
    const live = liveExtents(catalog, segment);
    if (live.length === 0) return this.#remove(segment);
    const bytes = live.reduce((sum, extent) => sum + liveBytes(catalog, extent), 0);
    const worthwhile = bytes < segment.size / 2 && bytes < segmentBytes * LIVE_SHARE_MIN;
    if (worthwhile && segment.size > segmentBytes * LIVE_SHARE_MIN) await this.#rewrite(segment, live);
  }

  async #remove(segment: Segment): Promise<void> {
    const { catalog, files, directory } = this.#options;
    await segment.pin();
    catalog.segments.splice(catalog.segments.indexOf(segment), 1);
    try {
      await files.remove(`${directory}/${segmentName(segment.number)}`);
      await files.remove(`${directory}/${indexName(segment.number)}`);
    } finally {
      await segment.retire();
    }
  }

  /** Puts a segment with only the living records in the place of the old one, under the same number. */
  async #rewrite(segment: Segment, live: readonly Extent[]): Promise<void> {
    const { files, directory, logger } = this.#options;
    const name = segmentName(segment.number);
    const file = await files.open(`${directory}/${name}.tmp`, 'create');
    const survivor = await this.#copy(segment, file, new Set(live.map(({ partition }) => partition))).catch(
      async (error: unknown) => {
        await file.close().catch(() => {});
        await files.remove(`${directory}/${name}.tmp`).catch(() => {});
        throw error;
      },
    );
    await file.close();
    if (!survivor) return void (await files.remove(`${directory}/${name}.tmp`));
    await segment.pin();
    await files.rename(`${directory}/${name}.tmp`, `${directory}/${name}`);
    await files.syncDirectory(directory);
    this.#swap(segment, survivor);
    await segment.retire();
    logger.info('log.segment-rewritten', { segment: segment.number, from: segment.size, to: survivor.size });
    const index = encodeSegmentIndex(survivor.size, survivor.seed, [...survivor.extents.values()]);
    await replaceFile(files, directory, indexName(segment.number), index);
  }

  /** @returns undefined when the old segment cannot be read whole: then it stays, for its damage to be found (S2) */
  async #copy(old: Segment, file: StoreFile, partitions: ReadonlySet<number>): Promise<Segment | undefined> {
    const { random, catalog, directory, openFiles } = this.#options;
    const header = { number: old.number, salt: random.bytes(16) };
    const seed = segmentSeed(header);
    const bytes = encodeSegmentHeader(header);
    await writeAll(file, bytes, 0);
    const { number, chunkBytes } = old;
    const path = `${directory}/${segmentName(number)}`;
    const segment = new Segment({ number, path, files: openFiles, seed, size: bytes.length, chunkBytes });
    const pieces: { bytes: Buffer; places: readonly RunPlace[] }[] = [];
    const onBlock = (block: ScannedBlock) => {
      const piece = encodeSurvivors(block, catalog, partitions, seed);
      if (piece) pieces.push(piece);
    };
    const end = await old.use((from) => scanBlocks(from, old.seed, LOG_FORMAT.segmentHeaderBytes, old.size, onBlock));
    if (end < old.size) return undefined;
    for (const piece of pieces) {
      await writeAll(file, piece.bytes, segment.size);
      for (const run of piece.places) segment.enter(run, segment.size + run.block);
      segment.size += piece.bytes.length;
    }
    await file.datasync();
    return segment;
  }

  #swap(old: Segment, survivor: Segment): void {
    const { catalog } = this.#options;
    catalog.segments[catalog.segments.indexOf(old)] = survivor;
    for (const partition of catalog.byId.values()) {
      const index = partition.extents.findIndex(({ segment }) => segment === old);
      if (index < 0) continue;
      const extent = survivor.extents.get(partition.id);
      partition.extents.splice(index, 1, ...(extent ? [extent] : []));
    }
  }
}

function liveExtents(catalog: Catalog, segment: Segment): Extent[] {
  return [...segment.extents.values()].filter(({ partition, end }) => {
    const owner = catalog.byId.get(partition);
    return owner !== undefined && end > owner.first;
  });
}

/** Estimate: its records are taken to be of one size. */
function liveBytes(catalog: Catalog, { partition, first, end, bytes }: Extent): number {
  const oldest = Math.max(first, catalog.byId.get(partition)?.first ?? end);
  return (bytes * (end - oldest)) / Math.max(1, end - first);
}

/** The living records of one block as a block of another segment, of the same group. */
function encodeSurvivors(block: ScannedBlock, catalog: Catalog, partitions: ReadonlySet<number>, seed: number) {
  const kept: { readonly run: RunPlace; readonly records: DecodedRecord[] }[] = [];
  for (const run of block.runs) {
    const first = catalog.byId.get(run.partition)?.first ?? Number.POSITIVE_INFINITY;
    if (!partitions.has(run.partition) || run.first + run.count <= first) continue;
    const records: DecodedRecord[] = [];
    decodeRecords(
      run,
      block.buffer,
      block.view,
      Math.max(first, run.first),
      run.count,
      Number.POSITIVE_INFINITY,
      records,
    );
    kept.push({ run, records });
  }
  if (kept.length === 0) return undefined;
  const count = kept.reduce((sum, { records }) => sum + records.length, 0);
  const buffer = Buffer.alloc(blockSpaceMax(count, block.header.length, kept.length));
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  const blocks = new BlockWriter(buffer, view, 0, { seed, group: block.header.group });
  for (const { run, records } of kept) blocks.add(run.partition, records[0]!.offset, records);
  return { bytes: buffer.subarray(0, blocks.finish()), places: blocks.places };
}
