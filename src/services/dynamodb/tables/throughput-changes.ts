import { DynamodbError, invalid } from '../errors.ts';
import { TABLE_LIMITS } from '../limits.ts';
import type { Provisioned } from './definition.ts';
import type { Units } from './validation.ts';

/**
 * Provisioned units after a change.
 *
 * @param at  epoch milliseconds
 * @throws DynamodbError `limit-exceeded`: too many decreases today; `validation-failed`: nothing changes
 */
export function changeUnits(before: Provisioned, after: Units, at: number, what: string): Provisioned {
  const increases = after.read > before.read || after.write > before.write;
  const decreases = after.read < before.read || after.write < before.write;
  if (!increases && !decreases) throw unchanged(before, after, what);
  if (decreases) checkDecrease(before, at);
  return {
    ...before,
    ...after,
    ...(increases && { increasedAt: at }),
    ...(decreases && { decreasedAt: at, decreases: decreasesOn(before, at) + 1 }),
  };
}

/** How many decreases there were on the UTC day of `at`. */
export function decreasesOn({ decreases, decreasedAt = 0 }: Provisioned, at: number): number {
  return dayOf(decreasedAt) === dayOf(at) ? decreases : 0;
}

const dayOf = (at: number) => Math.floor(at / 86_400_000);

/** Four a day, and then one in every hour. */
function checkDecrease(before: Provisioned, at: number): void {
  const today = decreasesOn(before, at);
  const { freeDecreases, decreaseIntervalMs } = TABLE_LIMITS;
  const next = (before.decreasedAt ?? 0) + decreaseIntervalMs;
  if (today < freeDecreases || at >= next) return;
  throw new DynamodbError(
    'limit-exceeded',
    `Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. After the first ${freeDecreases} decreases, each subsequent decrease in the same UTC day can be performed at most once every ${decreaseIntervalMs / 1000} seconds. Number of decreases today: ${today}. Last decrease at ${dateText(before.decreasedAt!)}. Next decrease can be made at ${dateText(next)}`,
  );
}

function dateText(at: number): string {
  const date = new Intl.DateTimeFormat('en-US', { dateStyle: 'full', timeStyle: 'medium', timeZone: 'UTC' });
  return `${date.format(at).replaceAll('\u202f', ' ')} UTC`;
}

function unchanged(before: Units, after: Units, what: string): DynamodbError {
  return invalid(
    `The provisioned throughput for the ${what} will not change. The requested value equals the current value. ` +
      `Current ReadCapacityUnits provisioned for the ${what}: ${before.read}. Requested ReadCapacityUnits: ${after.read}. ` +
      `Current WriteCapacityUnits provisioned for the ${what}: ${before.write}. Requested WriteCapacityUnits: ${after.write}. ` +
      'Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.',
  );
}
