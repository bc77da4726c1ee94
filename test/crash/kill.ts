import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Random, seededRandom, systemClock } from '../../src/base/index.ts';
import { type CrashSubject, type HistoryEntry, type Outcome, settle } from './subject.ts';
import { historyJournal } from './workload.ts';

const GENERATIONS = 3;
/** A child is killed after it has told this many lines at most. */
const LINES_MAX = 400;
/** Share of recoveries that are killed, and how long they have at most, milliseconds: some come to their end. */
const RECOVERIES_KILLED = 0.3;
const RECOVERY_MS = 120;
/** What a child tells before it is open. */
const OPENING_LINES = 1;

/** What the first child has compiled: the code of the others is read from there, which is most of what a short life costs. */
const compiled = mkdtempSync(join(tmpdir(), 'millrace-crash-compiled-'));
process.once('exit', () => rmSync(compiled, { recursive: true, force: true }));

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
      // Recovery itself is crashed too, now and then.
      if (random.next() < RECOVERIES_KILLED) await killRecovery(subject.name, directory, random);
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
  const seed = Math.floor(random.next() * 2 ** 31);
  const killAfter = OPENING_LINES + Math.floor(random.next() * linesMax);
  const journal = historyJournal(history);
  let lines = 0;
  await runChild([name, directory, String(seed), String(history.length)], (line, kill) => {
    if (lines++ === killAfter) kill();
    note(line, journal);
  });
}

/** Starts a child that opens the store and does nothing else, and kills it a random time after it has begun to. */
async function killRecovery(name: string, directory: string, random: Random): Promise<void> {
  const killAfterMs = random.next() * RECOVERY_MS;
  await runChild([name, directory], (line, kill) => {
    if (line === '["opening"]') systemClock.timer(killAfterMs, kill);
  });
}

/** Runs a child until it is killed. @param told  of each line, and of what kills it */
async function runChild(args: readonly string[], told: (line: string, kill: () => void) => void): Promise<void> {
  const main = new URL('./main.ts', import.meta.url).pathname;
  const env = { ...process.env, NODE_COMPILE_CACHE: compiled };
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  // A child that dies on its own ends this loop too; it is told from a kill below.
  for await (const line of createInterface({ input: child.stdout })) told(line, () => child.kill('SIGKILL'));
  const [code] = (await exited) as [number | null];
  if (code !== null) throw new Error(`the child ended by itself with code ${code}`);
}

function note<Step>(line: string, journal: ReturnType<typeof historyJournal<Step>>): void {
  const [kind, id, more] = JSON.parse(line) as [string, number, unknown];
  if (kind === 'begin') journal.begin(id, more as Step);
  if (kind === 'end') journal.end(id, more as Outcome);
}
