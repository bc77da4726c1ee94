import type { Memory } from '../machine/machine.ts';
import { SCALING_LIMITS } from './limits.ts';

/** Memory that idle environments should give back now, bytes; 0 while there is enough. */
export function shortageOf({ totalBytes, availableBytes, stalled }: Memory): number {
  const { memoryLow, memoryEnough, memoryStallMax } = SCALING_LIMITS;
  const enough = totalBytes * memoryEnough;
  if (availableBytes < totalBytes * memoryLow) return enough - availableBytes;
  // Something is short though much looks free, as it does when the files of busy programs are what fills memory.
  return stalled > memoryStallMax ? Math.max(enough - availableBytes, totalBytes * (memoryEnough - memoryLow)) : 0;
}
