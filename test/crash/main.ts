/**
 * The child of `kill.ts`: opens the store, works, and tells on stdout what it begins and what has ended, until it is killed.
 * Lines are written synchronously: what was told before a SIGKILL has reached the pipe.
 */
import { writeSync } from 'node:fs';
import { seededRandom } from '../../src/base/index.ts';
import { SUBJECTS } from './subjects/index.ts';
import { runWorkload } from './workload.ts';

const [name, directory, seed, firstId] = process.argv.slice(2) as [string, string, string, string];
const subject = SUBJECTS.find((one) => one.name === name)!;
const tell = (line: readonly unknown[]) => writeSync(1, `${JSON.stringify(line)}\n`);

const store = await subject.open({ directory });
tell(['open']);
await runWorkload({
  subject,
  store,
  random: seededRandom(Number(seed)),
  firstId: Number(firstId),
  steps: Number.POSITIVE_INFINITY,
  journal: { begin: (id, step) => tell(['begin', id, step]), end: (id, outcome) => tell(['end', id, outcome]) },
  isOver: () => false,
});
