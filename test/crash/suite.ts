import { test } from 'node:test';
import { killAndVerify } from './kill.ts';
import { simulate } from './simulate.ts';
import { loadSubject } from './subjects/index.ts';

/** Seeds of `npm test` for a subject whose files can be simulated. */
const SIMULATED = 200;

/** The crash tests of one subject; a file each, so that the runner spreads them over the cores. */
export async function crashTests(name: string): Promise<void> {
  const subject = await loadSubject(name);
  if (subject.simulated) {
    test(`${name} keeps its promises over ${SIMULATED} simulated crashes and faults`, async () => {
      for (let seed = 0; seed < SIMULATED; seed++) await withSeed(seed, () => simulate(subject, seed));
    });
  }
  test(`${name} keeps its promises when its process is killed, ${subject.kills} times over`, async () => {
    const [broken] = await killAndVerify(subject, [...Array(subject.kills).keys()]);
    if (broken) throw new Error(`seed ${broken.seed}`, { cause: broken.error });
  });
}

async function withSeed(seed: number, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error });
  }
}
