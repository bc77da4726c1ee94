import { readFileSync } from 'node:fs';

const PAGE_BYTES = 4096;

/** Memory that a process holds for itself, bytes; 0 when it has ended. */
export function memoryOf(pid: number | string): number {
  try {
    return privateBytes(readFileSync(`/proc/${pid}/statm`, 'latin1'));
  } catch {
    return 0;
  }
}

/** @see proc(5), statm: size, resident, shared, ... in pages */
export function privateBytes(statm: string): number {
  const [, resident, shared] = statm.split(' ', 3);
  return (Number(resident) - Number(shared)) * PAGE_BYTES;
}
