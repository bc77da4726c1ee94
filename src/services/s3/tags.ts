import { s3Error } from './errors.ts';
import { S3_LIMITS } from './limits.ts';
import type { Tag } from './settings.ts';

/** Characters that a key or a value may have. */
const TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** @throws DomainError `tag-invalid`, `bad-request`, `malformed` */
export function checkTags(
  tags: readonly Tag[] | undefined,
  countMax: number,
  what: 'Bucket' | 'Object',
): readonly Tag[] {
  if (!Array.isArray(tags)) throw s3Error('malformed');
  if (tags.length > countMax) {
    throw s3Error('bad-request', { message: `${what} tag count cannot be greater than ${countMax}` });
  }
  for (const { Key, Value } of tags) {
    if (typeof Key !== 'string' || typeof Value !== 'string') throw s3Error('malformed');
    if (Key.startsWith('aws:') && what === 'Bucket') {
      throw invalid('System tags cannot be added/updated by requester', Key);
    }
    if (Key === '' || Key.length > S3_LIMITS.tagKeyCharactersMax || !TEXT.test(Key)) {
      throw invalid('The TagKey you have provided is invalid', Key);
    }
    if (Value.length > S3_LIMITS.tagValueCharactersMax || !TEXT.test(Value)) {
      throw invalid('The TagValue you have provided is invalid', Key, Value);
    }
  }
  if (new Set(tags.map(({ Key }) => Key)).size < tags.length) {
    throw s3Error('tag-invalid', { message: 'Cannot provide multiple Tags with the same key' });
  }
  return tags;
}

function invalid(message: string, TagKey: string, TagValue?: string) {
  return s3Error('tag-invalid', { message, fields: { TagKey, TagValue } });
}
