import { readdirSync, readFileSync } from 'node:fs';

/**
 * Ends what a node that was killed has left of sandboxes in `directory`: bubblewrap that waits for the node's word before it ties
 * its life to anybody's. Nothing of a function has run in those.
 */
export function endStranded(directory: string): void {
  let names: readonly string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return;
  }
  for (const name of names) if (/^\d+$/.test(name) && isStranded(name, directory)) end(Number(name));
}

function isStranded(pid: string, directory: string): boolean {
  try {
    const [program, ...rest] = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
    return program === 'bwrap' && rest.some((word) => word.startsWith(`${directory}/`));
  } catch {
    // It has ended meanwhile.
    return false;
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Likewise.
  }
}
