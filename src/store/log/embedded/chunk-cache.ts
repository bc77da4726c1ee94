import { LOG_FORMAT, type RunPlace } from '../../../codec/log/index.ts';
import type { StoreFile } from './files.ts';
import { claimedLength, eachBlock } from './scan.ts';
import type { Segment } from './segment.ts';

/** The blocks of one chunk of a segment, read from disk and verified: up to the first that is damaged, if one is. */
export interface Chunk {
  readonly buffer: Buffer;
  readonly view: DataView;
  /** By partition id, in order. */
  readonly runs: ReadonlyMap<number, readonly RunPlace[]>;
}

/** Reads chunks, and keeps the last few: several readers near each other share one read. */
export class ChunkCache {
  readonly #chunksMax: number;
  readonly #chunks = new Map<string, Chunk>();

  constructor(chunksMax: number) {
    this.#chunksMax = chunksMax;
  }

  async load(segment: Segment, position: number): Promise<Chunk> {
    // By seed too: a segment that was rewritten keeps its number and has another salt.
    const key = `${segment.number}:${segment.seed}:${position}`;
    const known = this.#chunks.get(key);
    if (known) {
      this.#chunks.delete(key);
      this.#chunks.set(key, known);
      return known;
    }
    const { chunk, complete } = await segment.use((file) => readChunk(segment, file, position));
    if (complete) this.#keep(key, chunk);
    return chunk;
  }

  #keep(key: string, chunk: Chunk): void {
    this.#chunks.set(key, chunk);
    for (const oldest of this.#chunks.keys()) {
      if (this.#chunks.size <= this.#chunksMax) return;
      this.#chunks.delete(oldest);
    }
  }
}

/** `complete`: the chunk can grow no more. */
async function readChunk(
  segment: Segment,
  file: StoreFile,
  position: number,
): Promise<{ chunk: Chunk; complete: boolean }> {
  const { size } = segment;
  let length = Math.min(size - position, segment.chunkBytes + LOG_FORMAT.blockBytesTarget + 4096);
  for (;;) {
    const bytes = Buffer.allocUnsafeSlow(length);
    const buffer = bytes.subarray(0, await file.read(bytes, position));
    const runs = new Map<number, RunPlace[]>();
    const end = eachBlock(buffer, segment.seed, position, (block) => {
      if (block.position >= position + segment.chunkBytes) return 'stop';
      for (const run of block.runs) collect(runs, run);
      return undefined;
    });
    const complete = end >= segment.chunkBytes;
    const needed = end + claimedLength(buffer.subarray(end));
    if (complete || end + position >= size || needed <= length || position + needed > size) {
      const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
      return { chunk: { buffer, view, runs }, complete };
    }
    length = needed;
  }
}

function collect(runs: Map<number, RunPlace[]>, run: RunPlace): void {
  const list = runs.get(run.partition);
  if (list) list.push(run);
  else runs.set(run.partition, [run]);
}
