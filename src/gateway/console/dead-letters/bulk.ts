import { messageOf } from '../../../base/index.ts';
import type { DeadLetter, DeadLetterBulk } from './letter.ts';
import { DEAD_LETTER_LIMITS } from './limits.ts';
import { decodeReference, encodeReference } from './reference.ts';
import type { Found } from './scan.ts';

/**
 * Does something with each letter that was found: letters of one group one after the other, and none behind one that failed,
 * so that an order which held before still does; the others beside each other.
 *
 * @param begunAt  when the first of the calls that go on with one another began
 */
export async function doWithAll(
  found: Found,
  begunAt: number,
  work: (letter: DeadLetter) => Promise<unknown>,
): Promise<DeadLetterBulk> {
  const failures: { id: string; message: string }[] = [];
  let done = 0;
  let failed = 0;
  const fail = ({ place, key }: DeadLetter, message: string) => {
    failed++;
    if (failures.length < DEAD_LETTER_LIMITS.failuresMax)
      failures.push({ id: encodeReference({ place, key }), message });
  };
  const lanes = [...Map.groupBy(found.letters, laneOf).values()];
  const worker = async () => {
    for (let lane = lanes.shift(); lane; lane = lanes.shift()) {
      let blocked = false;
      for (const letter of lane) {
        if (blocked) {
          fail(letter, 'A letter of the same group before it has failed.');
          continue;
        }
        try {
          await work(letter);
          done++;
        } catch (error) {
          fail(letter, messageOf(error));
          blocked = letter.group !== undefined;
        }
      }
    }
  };
  await Promise.all(Array.from({ length: DEAD_LETTER_LIMITS.bulkConcurrency }, worker));
  const { scanned, next } = found;
  const goesOn = next !== undefined && { next: encodeReference({ ...decodeReference(next)!, begunAt }) };
  return { done, failed, failures, scanned, ...goesOn };
}

function laneOf({ place, key, group }: DeadLetter): string {
  return JSON.stringify(group === undefined ? [place, key] : [place, 'group', group]);
}
