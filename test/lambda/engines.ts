import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { openSandbox, type SandboxEngine } from '../../src/runtime/index.ts';

/** The engines, and why one cannot be tested on this machine. */
export const ENGINES: readonly { readonly engine: SandboxEngine; readonly skip: string | false }[] = [
  { engine: 'process', skip: false },
  { engine: 'namespace', skip: await whyNot('namespace') },
];

async function whyNot(engine: SandboxEngine): Promise<string | false> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-engine-'));
  try {
    const { sandbox } = await openSandbox({ engine, directory, clock: systemClock, random: systemRandom });
    await sandbox[Symbol.asyncDispose]();
    return false;
  } catch (error) {
    return (error as Error).message;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** `T` is stopped, `S` sleeps; `undefined` when there is no such process. */
export function stateOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]![0];
  } catch {
    return undefined;
  }
}

export const isGone = (pid: number) => stateOf(pid) === undefined || stateOf(pid) === 'Z';

/** By a signal, or by its control group. */
export function isFrozen(pid: number): boolean {
  if (stateOf(pid) === 'T') return true;
  try {
    const unified = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/self/mounts', 'utf8'))![1]!;
    const group = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))![1]!;
    return readFileSync(join(unified, group, 'cgroup.events'), 'utf8').includes('frozen 1');
  } catch {
    return false;
  }
}

/** A process by what its command line begins with: sandboxes number their processes themselves. `process.title` sets it. */
export function pidOf(title: string): number | undefined {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'latin1').split('\0').join(' ');
      if (words.startsWith(title) && !isGone(Number(name))) return Number(name);
    } catch {
      // It has ended meanwhile.
    }
  }
  return undefined;
}
