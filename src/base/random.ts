import { randomBytes } from 'node:crypto';

/** Randomness as a port, so that jitter and ids repeat under a seed in tests. */
export interface Random {
  /** A float in [0, 1). */
  next(): number;
  /** `length` fresh bytes. */
  bytes(length: number): Buffer;
}

/** Cryptographically strong bytes; `next` is for jitter and sampling only. */
export const systemRandom: Random = { next: Math.random, bytes: randomBytes };

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
