import { totalmem } from 'node:os';

const MIB = 1024 ** 2;
const LEAST_BYTES = 64 * MIB;
const MOST_BYTES = 1024 * MIB;
const SHARE = 1 / 16;

/**
 * Memory for pages of users' tables, bytes: a sixteenth of what there is, 64 MiB at least and 1 GiB at most. Pages are taken as they are read, so that
 * tables which are small, or idle, have little of it.
 *
 * @param memoryBytes  what the process may have
 */
export function tablesPageCacheBytes(memoryBytes = memoryOfProcess()): number {
  const share = Math.floor((memoryBytes * SHARE) / MIB) * MIB;
  return Math.min(Math.max(share, LEAST_BYTES), MOST_BYTES);
}

/** The machine's, or the limit of the container. */
function memoryOfProcess(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
