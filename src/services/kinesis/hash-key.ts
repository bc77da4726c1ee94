import { hash } from 'node:crypto';
import { invalidArgument } from './errors.ts';

/** Hash keys are whole numbers below it. */
export const HASH_KEYS = 1n << 128n;

/** Hash key of a partition key: its MD5 as a number. */
export function hashOf(partitionKey: string): bigint {
  return BigInt(`0x${hash('md5', partitionKey, 'hex')}`);
}

/** Reads an explicit hash key. */
export function parseExplicitHashKey(text: string): bigint {
  const value = /^(0|[1-9]\d{0,38})$/.test(text) ? BigInt(text) : HASH_KEYS;
  if (value < HASH_KEYS) return value;
  throw invalidArgument(
    `Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was ${text}`,
  );
}

/** Where each of `count` shards of equal share begins and ends, inclusive. */
export function evenRanges(count: number): readonly { readonly start: bigint; readonly end: bigint }[] {
  const share = HASH_KEYS / BigInt(count);
  return Array.from({ length: count }, (_, index) => ({
    start: share * BigInt(index),
    end: index === count - 1 ? HASH_KEYS - 1n : share * BigInt(index + 1) - 1n,
  }));
}
