/**
 * Ids of versions: their order and 16 random bytes in 32 characters, so that a version is found by its id without an index, and nobody guesses
 * one.
 */
import type { Random } from '../../../base/index.ts';

export const NULL_VERSION = 'null';

const ID = /^[\w-]{32}$/;
const ORDER_BYTES = 8;

export function makeVersionId(order: number, random: Random): string {
  const bytes = Buffer.alloc(24);
  bytes.writeBigUInt64BE(BigInt(order));
  bytes.set(random.bytes(16), ORDER_BYTES);
  return bytes.toString('base64url');
}

/** The order in an id; `undefined` for what is no id of a version. */
export function orderOfId(id: string): number | undefined {
  if (!ID.test(id)) return undefined;
  const order = Buffer.from(id, 'base64url').readBigUInt64BE();
  return order <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(order) : undefined;
}
