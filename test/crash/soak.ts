/**
 * Many seeds of the crash tests, two at a time:
 *
 *   npm run soak                                      5,000 killed processes, spread as in `npm test`; 5,000 simulated runs where that can be
 *   npm run soak -- --seeds 500 --subject records     fewer, of one subject
 *   npm run soak -- --subject log --seed 17           one again
 */
import { parseArgs } from 'node:util';
import { killAndVerify } from './kill.ts';
import { simulate } from './simulate.ts';
import type { CrashSubject } from './subject.ts';
import { SUBJECTS } from './subjects/index.ts';

const CONCURRENCY = 2;
const PROGRESS_EVERY = 100;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '5000' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string' },
    subject: { type: 'string' },
  },
});
const subjects = SUBJECTS.filter(({ name }) => values.subject === undefined || name === values.subject);
if (subjects.length === 0)
  throw new Error(`no subject ${values.subject}; there are ${SUBJECTS.map(({ name }) => name)}`);
const from = Number(values.seed ?? values.from);
const seeds = values.seed === undefined ? Number(values.seeds) : 1;
const shares = subjects.reduce((sum, { kills }) => sum + kills, 0);

let failures = 0;
for (const subject of subjects) {
  if (subject.simulated) await runSeeds(`${subject.name}, simulated`, seeds, (seed) => simulate(subject, seed));
  const killed = Math.ceil((seeds * subject.kills) / shares);
  await runSeeds(`${subject.name}, killed`, killed, (seed) => killAndVerify(subject as CrashSubject, seed));
}
process.stdout.write(`${failures} failures\n`);
process.exitCode = failures > 0 ? 1 : 0;

/** Runs `count` seeds, a few side by side. */
async function runSeeds(title: string, count: number, run: (seed: number) => Promise<void>): Promise<void> {
  let next = from;
  const lane = async () => {
    while (next < from + count) {
      const seed = next++;
      await run(seed).catch((error: Error) => {
        failures++;
        process.stdout.write(`${title}: seed ${seed} failed\n${error.stack}\n`);
      });
      const done = seed + 1 - from;
      if (done % PROGRESS_EVERY === 0 || done === count) process.stdout.write(`${title}: ${done} of ${count}\n`);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
}
