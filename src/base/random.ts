import { randomBytes } from 'node:crypto';

/** Randomness as a port, so that jitter and ids repeat under a seed in tests. */
export interface Random {
  /** A float in [0, 1). */
  next(): number;
  /** `length` fresh bytes. */
  bytes(length: number): Buffer;
}

/** Bytes asked of the system at once: 256 ids. A call costs some 9 µs, as much as the rest of a warm invocation's own work. */
const POOL_BYTES = 4096;
/** Longer requests ask for themselves. */
const POOLED_BYTES_MAX = 64;

/** Takes small requests from bytes that were asked for ahead. What has been handed out is wiped. */
function pooledBytes(): Random['bytes'] {
  let pool = Buffer.alloc(0);
  let at = 0;
  return (length) => {
    if (length > POOLED_BYTES_MAX) return randomBytes(length);
    if (at + length > pool.length) {
      pool = randomBytes(POOL_BYTES);
      at = 0;
    }
    const bytes = Buffer.from(pool.subarray(at, at + length));
    pool.fill(0, at, at + length);
    at += length;
    return bytes;
  };
}

/** Cryptographically strong bytes; `next` is for jitter and sampling only. */
export const systemRandom: Random = { next: Math.random, bytes: pooledBytes() };

/** A repeatable generator (mulberry32): the same seed gives the same run. Never for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  return {
    next,
    bytes: (length) => {
      const bytes = Buffer.allocUnsafe(length);
      for (let i = 0; i < length; i++) bytes[i] = next() * 256;
      return bytes;
    },
  };
}
