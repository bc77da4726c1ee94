import type { Tags } from './entities.ts';
import { iamError } from './errors.ts';
import { IAM_LIMITS } from './limits.ts';

/** A tag as IAM's API has it. */
export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

/** Tags as IAM's API has them, sorted by key. */
export function toTags(tags: Tags): Tag[] {
  return Object.entries(tags)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([Key, Value]) => ({ Key, Value }));
}

/** The same, absent where there are none. */
export function toTagsIfAny(tags: Tags): Tag[] | undefined {
  return Object.keys(tags).length > 0 ? toTags(tags) : undefined;
}

/**
 * Tags with some more, which replace those whose keys differ in case only.
 *
 * @throws invalid-input for a key that comes twice or that is AWS's own, limit-exceeded
 * @see IAM User Guide, Tags for AWS Identity and Access Management resources
 */
export function withTags(tags: Tags, more: readonly Tag[] = []): Record<string, string> {
  const keys = more.map(({ Key }) => Key.toLowerCase());
  if (new Set(keys).size < keys.length) {
    throw iamError('invalid-input', 'Duplicate tag keys found. Please note that Tag keys are case insensitive.');
  }
  if (keys.some((key) => key.startsWith('aws:'))) {
    throw iamError('invalid-input', 'The aws: prefix is reserved for system tags.');
  }
  const all = { ...withoutTags(tags, keys), ...Object.fromEntries(more.map(({ Key, Value }) => [Key, Value])) };
  if (Object.keys(all).length <= IAM_LIMITS.tagsMax) return all;
  throw iamError('limit-exceeded', `The number of tags has reached the maximum limit of ${IAM_LIMITS.tagsMax}.`);
}

/** Tags without those of some keys, in any case. */
export function withoutTags(tags: Tags, keys: readonly string[]): Record<string, string> {
  const gone = new Set(keys.map((key) => key.toLowerCase()));
  return Object.fromEntries(Object.entries(tags).filter(([key]) => !gone.has(key.toLowerCase())));
}
