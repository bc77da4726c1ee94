import type { Random } from '../../src/base/index.ts';
import type { StoreFile, StoreFiles } from '../../src/store/index.ts';

/** What goes wrong, counted in operations from the start of the generation. */
export interface Faults {
  /** The crash comes with this file operation. */
  readonly crashAt?: number;
  /** This sync fails with EIO; what it should have made durable never becomes so. */
  readonly failSyncAt?: number;
  /** Writes fail with ENOSPC while the disk would hold more than this, bytes. */
  readonly capacity?: number;
  /** Share of writes that write less than they were given, 0 to 1. */
  readonly shortWrites?: number;
}

type Change =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly size: number };

type EntryChange =
  | { readonly kind: 'set'; readonly path: string; readonly inode: Inode }
  | { readonly kind: 'remove'; readonly path: string };

/** A file: what programs see, what the disk has, and the way from one to the other. */
class Inode {
  seen = Buffer.alloc(0);
  durable = Buffer.alloc(0);
  pending: Change[] = [];
}

/**
 * A file system in memory with the guarantees of a real one and no more:
 * what is written is seen at once; it is durable after a sync of the file; names are durable after a sync of the folder.
 * After a crash it never answers again: {@link afterPowerCut} or {@link afterProcessEnd} give the one that the next process finds.
 */
export class SimulatedFiles implements StoreFiles {
  readonly #random: Random;
  readonly #entries: Map<string, Inode>;
  readonly #durableEntries: Map<string, Inode>;
  readonly #pendingEntries: EntryChange[];
  #faults: Faults = {};
  #operations = 0;
  #syncs = 0;
  #crashed = false;
  readonly #crash = Promise.withResolvers<void>();

  constructor(
    random: Random,
    entries: Iterable<readonly [string, Inode]> = [],
    durable = entries,
    pending: EntryChange[] = [],
  ) {
    this.#random = random;
    this.#entries = new Map(entries);
    this.#durableEntries = new Map(durable);
    this.#pendingEntries = pending;
  }

  /** Resolves when the crash has come. */
  get crashed(): Promise<void> {
    return this.#crash.promise;
  }

  /** Bytes in all files. */
  get used(): number {
    return [...this.#entries.values()].reduce((sum, { seen }) => sum + seen.length, 0);
  }

  /** Sets what goes wrong from now on. */
  plan(faults: Faults): void {
    this.#faults = faults;
    this.#operations = 0;
    this.#syncs = 0;
  }

  /** Ends the generation now. */
  end(): void {
    this.#crashed = true;
    this.#crash.resolve();
  }

  /** What is found when only the process died. */
  afterProcessEnd(): SimulatedFiles {
    return new SimulatedFiles(this.#random, this.#entries, this.#durableEntries, this.#pendingEntries);
  }

  /** What is found when the machine lost power: of what was not synced, any part. */
  afterPowerCut(): SimulatedFiles {
    const names = new Map(this.#durableEntries);
    // A file system's journal keeps the order of names: some of the last changes are missing.
    const kept = Math.floor(this.#random.next() * (this.#pendingEntries.length + 1));
    for (const change of this.#pendingEntries.slice(0, kept)) applyEntry(names, change);
    const survivors = new Map<Inode, Inode>();
    for (const inode of names.values()) survivors.set(inode, this.#survivor(inode));
    return new SimulatedFiles(
      this.#random,
      [...names].map(([path, inode]) => [path, survivors.get(inode)!] as const),
    );
  }

  /** Flips a bit of a durable file, as a failing disk does. */
  damage(path: string, position: number): void {
    for (const bytes of [this.#inode(path).seen, this.#inode(path).durable]) bytes[position]! ^= 0x10;
  }

  size(path: string): number {
    return this.#inode(path).seen.length;
  }

  async makeDirectory(): Promise<void> {}

  async list(directory: string): Promise<readonly string[]> {
    await this.#step();
    const prefix = `${directory}/`;
    return [...this.#entries.keys()].filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  }

  async open(path: string, mode: 'create' | 'log' | 'update' | 'read'): Promise<StoreFile> {
    await this.#step();
    if (mode === 'create' || mode === 'log') {
      const inode = new Inode();
      this.#change({ kind: 'set', path, inode });
      return this.#file(inode);
    }
    return this.#file(this.#inode(path));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#step();
    const inode = this.#inode(from);
    this.#change({ kind: 'set', path: to, inode });
    this.#change({ kind: 'remove', path: from });
  }

  async remove(path: string): Promise<void> {
    await this.#step();
    if (this.#entries.has(path)) this.#change({ kind: 'remove', path });
  }

  async syncDirectory(): Promise<void> {
    await this.#step();
    for (const change of this.#pendingEntries.splice(0)) applyEntry(this.#durableEntries, change);
  }

  #file(inode: Inode): StoreFile {
    return {
      write: (bytes, position) => this.#write(inode, bytes, position),
      writeDurably: async (bytes, position) => {
        const written = await this.#write(inode, bytes, position);
        await this.#sync(inode);
        return written;
      },
      read: async (bytes, position) => {
        await this.#step();
        return inode.seen.copy(bytes, 0, position, position + bytes.length);
      },
      datasync: () => this.#sync(inode),
      truncate: async (size) => {
        await this.#step();
        this.#apply(inode, { kind: 'truncate', size });
      },
      size: async () => inode.seen.length,
      close: async () => {},
    };
  }

  async #write(inode: Inode, bytes: Uint8Array, position: number): Promise<number> {
    // The write that the crash comes with may be done in part.
    if (this.#isCrash()) this.#apply(inode, write(position, bytes.subarray(0, this.#upTo(bytes.length))));
    await this.#step();
    const room = (this.#faults.capacity ?? Number.POSITIVE_INFINITY) - this.used;
    const growth = Math.max(0, position + bytes.length - inode.seen.length);
    if (growth > 0 && room <= 0) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    let length = Math.min(bytes.length, bytes.length - growth + Math.max(0, room));
    if (this.#random.next() < (this.#faults.shortWrites ?? 0)) length = Math.max(1, this.#upTo(length));
    this.#apply(inode, write(position, bytes.subarray(0, length)));
    return length;
  }

  async #sync(inode: Inode): Promise<void> {
    await this.#step();
    const pending = inode.pending.splice(0);
    // As Linux does it: the pages count as clean after the failure, and will never be written.
    if (++this.#syncs === this.#faults.failSyncAt)
      throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
    for (const change of pending) inode.durable = changed(inode.durable, change);
  }

  #apply(inode: Inode, change: Change): void {
    inode.seen = changed(inode.seen, change);
    inode.pending.push(change);
  }

  #change(change: EntryChange): void {
    applyEntry(this.#entries, change);
    this.#pendingEntries.push(change);
  }

  #survivor(inode: Inode): Inode {
    const survivor = new Inode();
    let bytes = Buffer.from(inode.durable);
    const whole = Math.floor(this.#random.next() * (inode.pending.length + 1));
    for (const [index, change] of inode.pending.entries()) {
      if (index < whole) bytes = changed(bytes, change);
      else if (change.kind === 'write' && this.#random.next() < 0.5) {
        bytes = changed(bytes, write(change.position, change.bytes.subarray(0, this.#upTo(change.bytes.length))));
      }
    }
    survivor.seen = bytes;
    survivor.durable = Buffer.from(bytes);
    return survivor;
  }

  #upTo(length: number): number {
    return Math.floor(this.#random.next() * (length + 1));
  }

  #isCrash(): boolean {
    return !this.#crashed && this.#operations + 1 === this.#faults.crashAt;
  }

  /** Counts an operation; after the crash nothing is ever answered. */
  async #step(): Promise<void> {
    this.#operations++;
    if (this.#operations === this.#faults.crashAt) this.end();
    if (this.#crashed) await new Promise<never>(() => {});
  }

  #inode(path: string): Inode {
    const inode = this.#entries.get(path);
    if (!inode) throw Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: 'ENOENT' });
    return inode;
  }
}

function write(position: number, bytes: Uint8Array): Change {
  return { kind: 'write', position, bytes: Buffer.from(bytes) };
}

function changed(bytes: Buffer, change: Change): Buffer<ArrayBuffer> {
  const size = change.kind === 'truncate' ? change.size : Math.max(bytes.length, change.position + change.bytes.length);
  const result = Buffer.alloc(size);
  bytes.copy(result);
  if (change.kind === 'write') change.bytes.copy(result, change.position);
  return result;
}

function applyEntry(entries: Map<string, Inode>, change: EntryChange): void {
  if (change.kind === 'set') entries.set(change.path, change.inode);
  else entries.delete(change.path);
}
