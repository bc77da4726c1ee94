import { type Random, seededRandom } from '../../src/base/index.ts';
import { type Faults, SimulatedFiles } from './simulated-files.ts';
import { type CrashSubject, type HistoryEntry, settle } from './subject.ts';
import { historyJournal, runWorkload } from './workload.ts';

const GENERATIONS = 5;
const STEPS_MAX = 60;

/** One seed over simulated files: several generations of opening, verifying, working and crashing. @throws when a promise is broken */
export async function simulate<Store extends AsyncDisposable, Step>(
  subject: CrashSubject<Store, Step>,
  seed: number,
): Promise<void> {
  const random = seededRandom(seed);
  const history: HistoryEntry<Step>[] = [];
  let files = new SimulatedFiles(random);
  for (let generation = 0; generation <= GENERATIONS; generation++) {
    // Recovery itself is crashed too, now and then.
    if (random.next() < 0.3) files = await crashRecovery(subject, files, random);
    const store = await subject.open({ directory: '/store', files });
    settle(history, await subject.verify(store, history));
    if (generation === GENERATIONS) return void (await store[Symbol.asyncDispose]());
    files.plan(chooseFaults(random, files.used));
    await work(subject, store, files, random, history);
    files.end();
    files = random.next() < 0.5 ? files.afterPowerCut() : files.afterProcessEnd();
  }
}

async function crashRecovery<Store extends AsyncDisposable, Step>(
  subject: CrashSubject<Store, Step>,
  files: SimulatedFiles,
  random: Random,
): Promise<SimulatedFiles> {
  files.plan({ crashAt: 1 + Math.floor(random.next() * 12) });
  await Promise.race([files.crashed, subject.open({ directory: '/store', files })]);
  files.end();
  return random.next() < 0.5 ? files.afterPowerCut() : files.afterProcessEnd();
}

async function work<Store extends AsyncDisposable, Step>(
  subject: CrashSubject<Store, Step>,
  store: Store,
  files: SimulatedFiles,
  random: Random,
  history: HistoryEntry<Step>[],
): Promise<void> {
  let over = false;
  const crashed = files.crashed.then(() => {
    over = true;
  });
  const working = runWorkload({
    subject,
    store,
    random,
    firstId: history.length,
    steps: Math.floor(random.next() * STEPS_MAX),
    journal: historyJournal(history),
    isOver: () => over,
  });
  await Promise.race([crashed, working]);
  over = true;
}

function chooseFaults(random: Random, used: number): Faults {
  const upTo = (most: number) => Math.floor(random.next() * most);
  return {
    ...(random.next() < 0.7 && { crashAt: 1 + upTo(80) }),
    ...(random.next() < 0.2 && { failSyncAt: 1 + upTo(15) }),
    ...(random.next() < 0.3 && { capacity: used + upTo(6_000) }),
    ...(random.next() < 0.3 && { shortWrites: 0.3 }),
  };
}
