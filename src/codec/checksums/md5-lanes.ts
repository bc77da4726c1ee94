import { CONSTANTS_AT, md5Constants, md5Module } from './md5-code.ts';

/** What is used of WebAssembly, which TypeScript knows of browsers only. */
interface Engine {
  readonly Memory: new (limits: object) => LaneMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Record<string, unknown> };
}
/** Absent where V8 may not compile (`--jitless`). */
const { WebAssembly: engine } = globalThis as unknown as { readonly WebAssembly?: Engine };

/** Memory that threads may share. */
export interface LaneMemory {
  readonly buffer: SharedArrayBuffer;
}

const PAGE_BYTES = 64 * 1024;
const BLOCK_BYTES = 64;
/** Messages that are taken side by side. */
export const LANES = 4;
/** Behind the constants: the state of four messages, and blocks that are put together. */
const STATE_AT = CONSTANTS_AT + 256;
const SCRATCH_AT = STATE_AT + 64;
const INITIAL = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];

/** An MD5 in the making. */
export interface LaneMd5 {
  readonly words: Uint32Array;
  /** What has come since the last whole block. */
  readonly rest: Uint8Array;
  sizeBytes: number;
}

/** Bytes of a message, where they stand in the memory. */
export interface LanePiece {
  readonly md5: LaneMd5;
  readonly at: number;
  readonly sizeBytes: number;
}

/** Memory for pieces of so many bytes: they stand from {@link PIECES_AT} on. */
export function laneMemory(sizeBytes: number): LaneMemory {
  if (!engine) return { buffer: new SharedArrayBuffer(PIECES_AT + sizeBytes) };
  const pages = (PIECES_AT + sizeBytes) / PAGE_BYTES;
  return new engine.Memory({ initial: pages, maximum: pages, shared: true });
}

export const PIECES_AT = PAGE_BYTES;

/** MD5 of several messages side by side: of four in the time of one and a half. */
export class Md5Lanes {
  readonly #bytes: Uint8Array;
  readonly #state: Uint32Array;
  readonly #compress: (p0: number, p1: number, p2: number, p3: number, blocks: number, state: number) => void;

  private constructor(memory: LaneMemory, { Module, Instance }: Engine) {
    this.#bytes = new Uint8Array(memory.buffer);
    this.#state = new Uint32Array(memory.buffer, STATE_AT, LANES * 4);
    new Uint32Array(memory.buffer, CONSTANTS_AT, 64).set(md5Constants());
    const module = new Module(md5Module(this.#bytes.length / PAGE_BYTES));
    const { exports } = new Instance(module, { env: { memory } });
    this.#compress = exports.compress as never;
  }

  /** `undefined` where WebAssembly, or vectors in it, are not to be had. */
  static open(memory: LaneMemory): Md5Lanes | undefined {
    try {
      return engine && new Md5Lanes(memory, engine);
    } catch {
      // All that is done there is to compile and to link.
      return undefined;
    }
  }

  begin(): LaneMd5 {
    return { words: Uint32Array.from(INITIAL), rest: new Uint8Array(BLOCK_BYTES), sizeBytes: 0 };
  }

  /** Takes a piece of each message. */
  update(pieces: readonly LanePiece[]): void {
    const open = pieces.map((piece) => this.#behindRest(piece));
    for (let from = 0; from < open.length; from += LANES) this.#blocks(open.slice(from, from + LANES));
    for (const { md5, at, end } of open) md5.rest.set(this.#bytes.subarray(at, end));
  }

  /** Hex; once. */
  digest(md5: LaneMd5): string {
    const rest = md5.sizeBytes % BLOCK_BYTES;
    const sizeBytes = rest < BLOCK_BYTES - 8 ? BLOCK_BYTES : 2 * BLOCK_BYTES;
    const last = Buffer.alloc(sizeBytes);
    last.set(md5.rest.subarray(0, rest));
    last[rest] = 0x80;
    last.writeBigUInt64LE(BigInt(md5.sizeBytes) * 8n, sizeBytes - 8);
    this.#bytes.set(last, SCRATCH_AT);
    this.#run([{ md5, at: SCRATCH_AT }], sizeBytes / BLOCK_BYTES);
    const digest = Buffer.alloc(16);
    for (const [index, word] of md5.words.entries()) digest.writeUInt32LE(word, index * 4);
    return digest.toString('hex');
  }

  /** Fills up a block that is not whole; what is left of the piece begins with one. */
  #behindRest({ md5, at, sizeBytes }: LanePiece): { readonly md5: LaneMd5; at: number; readonly end: number } {
    const rest = md5.sizeBytes % BLOCK_BYTES;
    const taken = rest === 0 ? 0 : Math.min(BLOCK_BYTES - rest, sizeBytes);
    const end = at + sizeBytes;
    md5.sizeBytes += sizeBytes;
    if (taken === 0) return { md5, at, end };
    md5.rest.set(this.#bytes.subarray(at, at + taken), rest);
    // What is too little for a block stands there already.
    if (rest + taken < BLOCK_BYTES) return { md5, at: end, end };
    this.#bytes.set(md5.rest, SCRATCH_AT);
    this.#run([{ md5, at: SCRATCH_AT }], 1);
    return { md5, at: at + taken, end };
  }

  /** All whole blocks: side by side as long as there are of more than one. */
  #blocks(pieces: { readonly md5: LaneMd5; at: number; readonly end: number }[]): void {
    for (let open = pieces; ; ) {
      open = open.filter(({ at, end }) => end - at >= BLOCK_BYTES);
      if (open.length === 0) return;
      const blocks = Math.min(...open.map(({ at, end }) => Math.floor((end - at) / BLOCK_BYTES)));
      this.#run(open, blocks);
      for (const piece of open) piece.at += blocks * BLOCK_BYTES;
    }
  }

  #run(pieces: readonly { readonly md5: LaneMd5; readonly at: number }[], blocks: number): void {
    const state = this.#state;
    for (const [lane, { md5 }] of pieces.entries()) {
      for (let word = 0; word < 4; word++) state[word * LANES + lane] = md5.words[word]!;
    }
    // Lanes without a message of their own take the first one's bytes, and nobody looks at what becomes of them.
    const at = (lane: number) => (pieces[lane] ?? pieces[0]!).at;
    this.#compress(at(0), at(1), at(2), at(3), blocks, STATE_AT);
    for (const [lane, { md5 }] of pieces.entries()) {
      for (let word = 0; word < 4; word++) md5.words[word] = state[word * LANES + lane]!;
    }
  }
}
