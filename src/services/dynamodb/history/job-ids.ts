import type { Random } from '../../../base/index.ts';

/** Id of a backup, export or import as AWS writes them: the time and a little chance, in order of time. */
export function jobId(at: number, random: Random): string {
  return `${String(at).padStart(14, '0')}-${random.bytes(4).toString('hex')}`;
}
