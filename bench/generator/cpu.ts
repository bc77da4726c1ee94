import { readdirSync, readFileSync } from 'node:fs';

/** A tick of /proc is 10 ms on every Linux. */
const TICK_MS = 10;

/** Processor time that a process has used so far, all its threads and the kernel's work for it; `undefined` where /proc does not tell. */
export function cpuMsOf(pid: number | undefined): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return undefined;
  }
}

/** The same of all processes below it: functions stand below the launcher of sandboxes, and bubblewrap. */
export function cpuMsBelow(pid: number): number | undefined {
  try {
    return childrenOf(pid).reduce((sum, child) => sum + (cpuMsOf(child) ?? 0) + (cpuMsBelow(child) ?? 0), 0);
  } catch {
    return undefined;
  }
}

/** Memory of a process that is in RAM, bytes; `undefined` where /proc does not tell. */
export function residentBytesOf(pid: number | undefined): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}

function childrenOf(pid: number): readonly number[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  const children = threads.flatMap((id) => readFileSync(`/proc/${pid}/task/${id}/children`, 'utf8').split(' '));
  return children.filter(Boolean).map(Number);
}

/** Processor time of a process's first thread and of all its threads that live, milliseconds; `undefined` where /proc does not tell. */
export function threadCpuMsOf(pid: number | undefined): { readonly main: number; readonly all: number } | undefined {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const times = new Map(threads.map((id) => [id, runMsOf(`/proc/${pid}/task/${id}/schedstat`)]));
    return { main: times.get(String(pid))!, all: [...times.values()].reduce((sum, one) => sum + one, 0) };
  } catch {
    return undefined;
  }
}

/** The first number is the time on a processor, nanoseconds. */
function runMsOf(file: string): number {
  return Number(readFileSync(file, 'utf8').split(' ', 1)[0]) / 1e6;
}
