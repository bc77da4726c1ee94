import assert from 'node:assert/strict';
import { systemClock } from '../../src/base/index.ts';

/** Between two looks. A loop that does not rest takes the processor from what it waits for, and from the test beside it. */
const REST_MS = 5;

/** Lets what is waited for go on, before it is looked at again. */
export const aMoment = (): Promise<void> => systemClock.sleep(REST_MS);

/** Asks again until `ready` holds. @returns the answer for which it does */
export async function eventually<T>(ask: () => Promise<T>, ready: (answer: T) => boolean): Promise<T> {
  for (let tries = 0; tries < 5_000; tries++) {
    const answer = await ask();
    if (ready(answer)) return answer;
    await aMoment();
  }
  throw new Error('it did not become so');
}

/** Waits for what no event of ours tells of, as long as it may take. */
export async function until(condition: () => boolean, withinMs = 10_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!condition()) {
    assert.ok(performance.now() < end, `waited for ${withinMs} ms`);
    await aMoment();
  }
}
