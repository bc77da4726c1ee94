/**
 * The child of `kill.ts`: opens stores, works with each, and tells on stdout what it begins and what has ended, until it is killed.
 * Lines are written synchronously: what was told before a SIGKILL has reached the pipe.
 */
import { writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { hasCode, seededRandom } from '../../src/base/index.ts';
import { loadSubject } from './subjects/index.ts';
import { runWorkload } from './workload.ts';

/** A store to be worked with; without a seed it is to be opened, and no more. */
interface Work {
  readonly directory: string;
  readonly seed?: number;
  readonly firstId: number;
}

const [name, works] = process.argv.slice(2) as [string, string];
const subject = await loadSubject(name);
const tell = (...line: readonly unknown[]) => writeWhole(Buffer.from(`${JSON.stringify(line)}\n`));

// Of a process that is killed nothing would be left for the next one.
flushCompileCache();
// It stays until it is killed, whatever there is to do.
process.stdin.resume();
tell('opening');
const opened = (JSON.parse(works) as Work[]).map(async (work) => ({ work, store: await subject.open(work) }));
for (const [at, { work, store }] of (await Promise.all(opened)).entries()) {
  if (work.seed !== undefined) void begin(at, store, work.seed, work.firstId);
}

async function begin(at: number, store: AsyncDisposable, seed: number, firstId: number): Promise<void> {
  await runWorkload({
    ...{ subject, store, random: seededRandom(seed), firstId, steps: Number.POSITIVE_INFINITY },
    journal: {
      begin: (id, step) => tell('begin', at, id, step),
      end: (id, outcome) => tell('end', at, id, outcome),
    },
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
