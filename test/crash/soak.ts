/**
 * Many seeds of the crash tests, on two cores:
 *
 *   npm run soak                                      5,000 killed processes, spread as in `npm test`; 5,000 simulated runs where that can be
 *   npm run soak -- --seeds 500 --subject records     fewer, of one subject
 *   npm run soak -- --subject log --seed 17           one again
 */
import { inspect, parseArgs } from 'node:util';
import { type Broken, killAndVerify } from './kill.ts';
import { simulate } from './simulate.ts';
import { loadSubject, SUBJECTS } from './subjects/index.ts';

const CONCURRENCY = 2;
/** Seeds whose stores work in one process: a process costs as much as the work of several. */
const TOGETHER = 10;
const PROGRESS_EVERY = 100;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '5000' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string' },
    subject: { type: 'string' },
  },
});
const subjects = await Promise.all((values.subject === undefined ? SUBJECTS : [values.subject]).map(loadSubject));
const from = Number(values.seed ?? values.from);
const seeds = values.seed === undefined ? Number(values.seeds) : 1;
const shares = subjects.reduce((sum, { kills }) => sum + kills, 0);

let failures = 0;
for (const subject of subjects) {
  if (subject.simulated) {
    await runSeeds(`${subject.name}, simulated`, seeds, 1, async ([seed]) => {
      await simulate(subject, seed!);
      return [];
    });
  }
  const killed = Math.ceil((seeds * subject.kills) / shares);
  await runSeeds(`${subject.name}, killed`, killed, TOGETHER, (some) => killAndVerify(subject, some));
}
process.stdout.write(`${failures} failures\n`);
process.exitCode = failures > 0 ? 1 : 0;

/** Runs `count` seeds, a few at once, and some groups of them side by side. */
async function runSeeds(
  title: string,
  count: number,
  atOnce: number,
  run: (seeds: readonly number[]) => Promise<readonly Broken[]>,
): Promise<void> {
  let next = from;
  let done = 0;
  const lane = async () => {
    while (next < from + count) {
      const some = Array.from({ length: Math.min(atOnce, from + count - next) }, () => next++);
      // What is no seed's fault alone counts as the first one's.
      for (const { seed, error } of await run(some).catch((error: unknown) => [{ seed: some[0]!, error }])) {
        failures++;
        process.stdout.write(`${title}: seed ${seed} failed\n${inspect(error)}\n`);
      }
      const before = done;
      done += some.length;
      const isStep = Math.floor(done / PROGRESS_EVERY) > Math.floor(before / PROGRESS_EVERY);
      if (isStep || done === count) process.stdout.write(`${title}: ${done} of ${count}\n`);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
}
