import { closeSync, open, openSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { devNull } from 'node:os';

/** Descriptors that are left for those who come while the table grows: some 0.2 s of a storm. */
const ROOM_MAX = 256;
/** How many more sockets come before it is tried again. */
const AGAIN_AFTER = 16;
/** Time for another thread to begin to wait: what it takes to wake it up, many times over. */
const WAKE_UP_MS = 1;

/**
 * Has the kernel's table of this process's open files grow before it is full, in a thread that nobody waits for.
 *
 * Linux doubles the table when a descriptor beyond its end is asked for, and whoever asks waits until no core can look at the old one any
 * more, where the process has threads: 10 to 60 ms, on a busy machine 0.7 s. The event loop would wait so in `accept`, at every power of two.
 * So somebody else asks first: what is left of the table is taken, the next file is opened in a thread of libuv, which then waits, and what
 * was taken is given back before the event loop goes on.
 */
export class FileTable {
  /** A socket with this descriptor shows that the table is almost full. */
  #growAt: number;
  #isGrowing = false;

  /** @param isNeeded  false where the kernel does not wait */
  constructor(isNeeded = process.platform === 'linux') {
    this.#growAt = isNeeded ? 0 : Number.POSITIVE_INFINITY;
  }

  /**
   * A socket was accepted: with the lowest descriptor that was free.
   *
   * @returns a promise where the table grows because of it, resolved when it has
   */
  accepted(socket: Socket): Promise<void> | undefined {
    const descriptor = descriptorOf(socket);
    if (descriptor < this.#growAt || this.#isGrowing) return undefined;
    const size = this.#look();
    return descriptor < this.#growAt ? undefined : this.#grow(size, descriptor);
  }

  /** Where nothing comes of it, a later socket asks again; beyond what the process may open, nobody does. */
  async #grow(size: number, descriptor: number): Promise<void> {
    this.#isGrowing = true;
    try {
      await openBeyond(size);
      if (this.#look() === size) this.#growAt = descriptor + AGAIN_AFTER;
    } catch {
      this.#growAt = Number.POSITIVE_INFINITY;
    }
    this.#isGrowing = false;
  }

  #look(): number {
    const size = tableSize();
    // A table for all files that the process may open does not grow; and the last of them are for others.
    this.#growAt = size < filesMax() ? size - Math.min(ROOM_MAX, size / 4) : Number.POSITIVE_INFINITY;
    return size;
  }
}

/** Of the kernel's table; infinite where it is not told. */
function tableSize(): number {
  return numberOf('status', /^FDSize:\s+(\d+)$/m);
}

/** How many files the process may have open. */
function filesMax(): number {
  return numberOf('limits', /^Max open files\s+(\d+)/m);
}

/** What the kernel tells of this process; infinite where it does not. */
function numberOf(file: 'status' | 'limits', pattern: RegExp): number {
  try {
    return Number(pattern.exec(readFileSync(`/proc/self/${file}`, 'utf8'))![1]);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Opens a file in a thread while nothing below `size` is free. @throws Error  the process may open no more files */
async function openBeyond(size: number): Promise<void> {
  const taken: number[] = [];
  let opened: Promise<number>;
  try {
    // Others may close some meanwhile, which are then taken first.
    do taken.push(openSync(devNull, 'r'));
    while (taken.at(-1)! < size - 1 && taken.length < 2 * ROOM_MAX);
    opened = new Promise((resolve, reject) => {
      open(devNull, 'r', (error, descriptor) => (error ? reject(error) : resolve(descriptor)));
    });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAKE_UP_MS);
  } finally {
    for (const descriptor of taken) closeSync(descriptor);
  }
  closeSync(await opened);
}

function descriptorOf(socket: Socket): number {
  return (socket as unknown as { readonly _handle?: { readonly fd?: number } | null })._handle?.fd ?? -1;
}
