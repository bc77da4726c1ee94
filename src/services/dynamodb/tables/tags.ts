import type { Tag } from '@aws-sdk/client-dynamodb';
import { invalid } from '../errors.ts';
import { TABLE_LIMITS } from '../limits.ts';

/** @throws DynamodbError `validation-failed` */
export function readTags(tags: readonly Tag[]): Readonly<Record<string, string>> {
  const read: Record<string, string> = {};
  for (const { Key, Value } of tags) {
    if (Object.hasOwn(read, Key!)) {
      throw invalid(`One or more parameter values were invalid: Duplicate Tag Key: ${Key}`);
    }
    read[Key!] = Value!;
  }
  checkCount(Object.keys(read).length);
  return read;
}

/** Tags after some were set. @throws DynamodbError `validation-failed` */
export function addTags(
  before: Readonly<Record<string, string>>,
  tags: readonly Tag[],
): Readonly<Record<string, string>> {
  const after = { ...before, ...readTags(tags) };
  checkCount(Object.keys(after).length);
  return after;
}

function checkCount(count: number): void {
  if (count <= TABLE_LIMITS.tagsMax) return;
  throw invalid(
    `One or more parameter values were invalid: Too many tags: ${count}, the limit is ${TABLE_LIMITS.tagsMax}`,
  );
}
