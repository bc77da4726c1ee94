/**
 * The child of `kill.ts`: opens the store, works, and tells on stdout what it begins and what has ended, until it is killed.
 * Lines are written synchronously: what was told before a SIGKILL has reached the pipe.
 */
import { writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { hasCode, seededRandom } from '../../src/base/index.ts';
import type { CrashSubject } from './subject.ts';
import { runWorkload } from './workload.ts';

const [name, directory, seed, firstId = '0'] = process.argv.slice(2) as [string, string, string?, string?];
// Only its own subject: loading all of them takes longer than most children live.
const subjects: Record<string, CrashSubject> = await import(`./subjects/${name}.ts`);
const subject = subjects[`${name}Subject`]!;
const tell = (line: readonly unknown[]) => writeWhole(Buffer.from(`${JSON.stringify(line)}\n`));

// Of a process that is killed nothing would be left for the next one.
flushCompileCache();
tell(['opening']);
const store = await subject.open({ directory });
tell(['open']);
// Its recovery alone is to be killed: it stays until then.
if (seed === undefined) process.stdin.resume();
else await work(seed, firstId);

async function work(seed: string, firstId: string): Promise<void> {
  await runWorkload({
    subject,
    store,
    random: seededRandom(Number(seed)),
    firstId: Number(firstId),
    steps: Number.POSITIVE_INFINITY,
    journal: { begin: (id, step) => tell(['begin', id, step]), end: (id, outcome) => tell(['end', id, outcome]) },
    isOver: () => false,
  });
}

/** The pipe does not block: while the parent is behind, the child waits for it here, with all of its thread. */
function writeWhole(line: Buffer): void {
  const turn = new Int32Array(new SharedArrayBuffer(4));
  for (let written = 0; written < line.length; ) {
    try {
      written += writeSync(1, line, written);
    } catch (error) {
      if (!hasCode(error, 'EAGAIN')) throw error;
      Atomics.wait(turn, 0, 0, 1);
    }
  }
}
