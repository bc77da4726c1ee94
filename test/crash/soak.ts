/** Many seeds of the crash tests: `node test/crash/soak.ts [--seeds 5000] [--from 0] [--seed N] [--subject NAME]`. */
import { parseArgs } from 'node:util';
import { killAndVerify } from './kill.ts';
import { simulate } from './simulate.ts';
import type { CrashSubject } from './subject.ts';
import { SUBJECTS } from './subjects/index.ts';

/** One seed in this many is killed for real; all of them where the subject cannot be simulated. */
const KILLED_SHARE = 50;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '5000' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string' },
    subject: { type: 'string' },
  },
});
const from = Number(values.seed ?? values.from);
const to = values.seed === undefined ? from + Number(values.seeds) : from + 1;
const subjects = SUBJECTS.filter(({ name }) => values.subject === undefined || name === values.subject);

let failures = 0;
for (const subject of subjects) {
  for (let seed = from; seed < to; seed++) {
    if (!(await passes(subject, seed))) failures++;
    if ((seed + 1) % 500 === 0)
      process.stdout.write(`${subject.name}: ${seed + 1 - from} seeds, ${failures} failures\n`);
  }
}
process.exitCode = failures > 0 ? 1 : 0;

async function passes(subject: CrashSubject, seed: number): Promise<boolean> {
  try {
    if (subject.simulated) await simulate(subject, seed);
    if (!subject.simulated || seed % KILLED_SHARE === 0) await killAndVerify(subject, seed);
    return true;
  } catch (error) {
    process.stdout.write(`${subject.name}: seed ${seed} failed\n${(error as Error).stack}\n`);
    return false;
  }
}
