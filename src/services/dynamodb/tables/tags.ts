import type { Tag } from '@aws-sdk/client-dynamodb';
import { invalid } from '../errors.ts';
import { TABLE_LIMITS } from '../limits.ts';

/** @throws DynamodbError `validation-failed` */
export function readTags(tags: readonly Tag[]): Readonly<Record<string, string>> {
  const read: Record<string, string> = {};
  for (const { Key, Value } of tags) {
    checkTag(Key!, Value!);
    if (Object.hasOwn(read, Key!)) {
      throw invalid(`Duplicate Tag Keys provided as input: Duplicate Tag Key found ${Key}`);
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
  throw invalid('Number of Tags exceed the current limit for the provided ResourceArn');
}

/** Letters, digits and spaces of any script, and some signs. */
const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

function checkTag(key: string, value: string): void {
  const { tagKeyMax, tagValueMax } = TABLE_LIMITS;
  if (key.length > tagKeyMax || !TAG_TEXT.test(key)) throw invalid(`The Tag Key provided is invalid, Key: ${key}`);
  if (key.startsWith('aws:')) throw invalid(`Tag Key cannot be prefixed with aws:, Key: ${key}`);
  if (value.length > tagValueMax || !TAG_TEXT.test(value)) {
    throw invalid(`The Tag Value provided is invalid, Value: ${value}`);
  }
}
