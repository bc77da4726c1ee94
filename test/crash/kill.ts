import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { abortable, type Random, seededRandom, systemClock } from '../../src/base/index.ts';
import { type CrashSubject, type HistoryEntry, type Outcome, settle } from './subject.ts';
import { historyJournal } from './workload.ts';

const GENERATIONS = 3;
/** A child is killed after it has told this many lines at most. */
const LINES_MAX = 400;
/** Share of recoveries that are killed, and how long they have at most, milliseconds: some come to their end. */
const RECOVERIES_KILLED = 0.3;
const RECOVERY_MS = 120;
/** A store that has not come to rest after so long, milliseconds, waits for something that will never happen. */
const VERIFICATION_MS = 300_000;
/** What a child tells before it is open. */
const OPENING_LINES = 1;

/** Where code is read as it was compiled before, by this process or by Node's own habit: compiling it is most of a short life. */
const { NODE_COMPILE_CACHE = join(tmpdir(), 'node-compile-cache') } = process.env;

/** A seed whose promises were broken. */
export interface Broken {
  readonly seed: number;
  readonly error: unknown;
}

/** One seed: a store of its own, and what is known of it. */
interface Place<Step> {
  readonly seed: number;
  readonly directory: string;
  readonly random: Random;
  readonly history: HistoryEntry<Step>[];
}

/**
 * Seeds with real processes: several generations of a child that is killed, each verified by this one. The stores of all seeds work
 * side by side in one child and die together, as starting it costs more than its short life.
 *
 * @returns those whose promises were broken
 */
export async function killAndVerify<Store extends AsyncDisposable, Step>(
  subject: CrashSubject<Store, Step>,
  seeds: readonly number[],
): Promise<readonly Broken[]> {
  const broken: Broken[] = [];
  const random = seededRandom(seeds[0]!);
  const directory = await mkdtemp(join(tmpdir(), `millrace-crash-${subject.name}-`));
  try {
    let places = seeds.map((seed): Place<Step> => {
      return { seed, directory: join(directory, String(seed)), random: seededRandom(seed), history: [] };
    });
    for (const place of places) await mkdir(place.directory);
    for (let generation = 0; generation < GENERATIONS && places.length > 0; generation++) {
      await killAtWork(subject, places, random);
      // Recovery itself is crashed too, now and then.
      if (random.next() < RECOVERIES_KILLED) await killRecovery(subject.name, places, random);
      const whole: Place<Step>[] = [];
      for (const place of places) {
        await abortable(verify(subject, place), AbortSignal.timeout(VERIFICATION_MS)).then(
          () => whole.push(place),
          (error: unknown) => broken.push({ seed: place.seed, error }),
        );
      }
      places = whole;
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return broken;
}

async function verify<Store extends AsyncDisposable, Step>(
  subject: CrashSubject<Store, Step>,
  { directory, history }: Place<Step>,
): Promise<void> {
  await using store = await subject.open({ directory });
  settle(history, await subject.verify(store, history));
}

/** Starts a child and kills it after a random number of lines, which is a random moment of its work. */
async function killAtWork<Step>(
  { name, linesMax = LINES_MAX }: Pick<CrashSubject, 'name' | 'linesMax'>,
  places: readonly Place<Step>[],
  random: Random,
): Promise<void> {
  const work = places.map(({ directory, random, history }) => {
    return { directory, seed: Math.floor(random.next() * 2 ** 31), firstId: history.length };
  });
  const killAfter = OPENING_LINES + Math.floor(random.next() * linesMax * places.length);
  const journals = places.map(({ history }) => historyJournal(history));
  let lines = 0;
  await runChild(name, work, (line, kill) => {
    if (lines++ === killAfter) kill();
    const [kind, at, id, more] = JSON.parse(line) as [string, number, number, unknown];
    if (kind === 'begin') journals[at]!.begin(id, more as Step);
    if (kind === 'end') journals[at]!.end(id, more as Outcome);
  });
}

/** Starts a child that opens the stores and does nothing else, and kills it a random time after it has begun to. */
async function killRecovery(name: string, places: readonly Place<unknown>[], random: Random): Promise<void> {
  const killAfterMs = random.next() * RECOVERY_MS;
  const stores = places.map(({ directory }) => ({ directory }));
  await runChild(name, stores, (line, kill) => {
    if (line === '["opening"]') systemClock.timer(killAfterMs, kill);
  });
}

/** Runs a child until it is killed. @param told  of each line, and of what kills it */
async function runChild(
  name: string,
  stores: readonly object[],
  told: (line: string, kill: () => void) => void,
): Promise<void> {
  const args = [new URL('./main.ts', import.meta.url).pathname, name, JSON.stringify(stores)];
  const env = { ...process.env, NODE_COMPILE_CACHE };
  const child = spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  // A child that dies on its own ends this loop too; it is told from a kill below.
  for await (const line of createInterface({ input: child.stdout })) told(line, () => child.kill('SIGKILL'));
  const [code] = (await exited) as [number | null];
  if (code !== null) throw new Error(`the child ended by itself with code ${code}`);
}
