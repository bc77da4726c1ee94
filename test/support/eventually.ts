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

/** How long what is waited for may take, milliseconds. */
const PATIENCE_MS = 20_000;

/**
 * Looks again until something is found: for what no event of ours tells of.
 *
 * @param look  finds nothing while it gives `undefined` or `false`
 * @param what  named by the error
 * @throws AssertionError  it is not found in twenty seconds
 */
export async function until<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  what = String(look),
): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    assert.ok(performance.now() < deadline, `${what}: it never came`);
    await aMoment();
  }
}
