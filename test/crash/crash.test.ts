import { test } from 'node:test';
import { killAndVerify } from './kill.ts';
import { simulate } from './simulate.ts';
import { SUBJECTS } from './subjects/index.ts';

/** Seeds of one run; those that are killed for real cost a third of a second each. */
const SIMULATED = 200;
const KILLED = 3;

for (const subject of SUBJECTS) {
  if (subject.simulated) {
    test(`${subject.name} keeps its promises over ${SIMULATED} simulated crashes and faults`, async () => {
      for (let seed = 0; seed < SIMULATED; seed++) await withSeed(seed, () => simulate(subject, seed));
    });
  }
  test(`${subject.name} keeps its promises when its process is killed`, async () => {
    const kills = subject.kills ?? KILLED;
    for (let seed = 0; seed < kills; seed++) await withSeed(seed, () => killAndVerify(subject, seed));
  });
}

async function withSeed(seed: number, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error });
  }
}
