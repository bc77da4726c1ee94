import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Random, seededRandom } from '../../src/base/index.ts';
import { type CrashSubject, type HistoryEntry, type Outcome, settle } from './subject.ts';
import { historyJournal } from './workload.ts';

const GENERATIONS = 3;
/** A child is killed after it has told this many lines at most. */
const LINES_MAX = 400;

/** One seed with real processes: several generations of a child that is killed, each verified by this one. @throws when a promise is broken */
export async function killAndVerify<Store extends AsyncDisposable, Step>(
  subject: CrashSubject<Store, Step>,
  seed: number,
): Promise<void> {
  const random = seededRandom(seed);
  const history: HistoryEntry<Step>[] = [];
  const directory = await mkdtemp(join(tmpdir(), `millrace-crash-${subject.name}-`));
  try {
    for (let generation = 0; generation < GENERATIONS; generation++) {
      await generationOf(subject, directory, random, history);
      await using store = await subject.open({ directory });
      settle(history, await subject.verify(store, history));
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Starts a child and kills it after a random number of lines, which is a random moment of its work. */
async function generationOf<Step>(
  { name, linesMax = LINES_MAX }: Pick<CrashSubject, 'name' | 'linesMax'>,
  directory: string,
  random: Random,
  history: HistoryEntry<Step>[],
): Promise<void> {
  const main = new URL('./main.ts', import.meta.url).pathname;
  const seed = Math.floor(random.next() * 2 ** 31);
  const killAfter = Math.floor(random.next() * linesMax);
  const args = [main, name, directory, String(seed), String(history.length)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const journal = historyJournal(history);
  let lines = 0;
  // A child that dies on its own ends this loop too; it is told from a kill below.
  for await (const line of createInterface({ input: child.stdout })) {
    if (lines++ === killAfter) child.kill('SIGKILL');
    note(line, journal);
  }
  const [code] = (await exited) as [number | null];
  if (code !== null) throw new Error(`the child ended by itself with code ${code}`);
}

function note<Step>(line: string, journal: ReturnType<typeof historyJournal<Step>>): void {
  const [kind, id, more] = JSON.parse(line) as [string, number, unknown];
  if (kind === 'begin') journal.begin(id, more as Step);
  if (kind === 'end') journal.end(id, more as Outcome);
}
