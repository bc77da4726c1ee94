import type { Tags } from '../../store/index.ts';
import { s3Error } from './errors.ts';
import { S3_LIMITS } from './limits.ts';
import type { Tag } from './settings.ts';

/** Characters that a key or a value may have. */
const TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** `x-amz-tagging`: `key=value&...`. @throws DomainError `argument-invalid`, `tag-invalid`, `bad-request` */
export function parseTagging(header: string | undefined): Tags {
  if (header === undefined) return {};
  const tags = [...new URLSearchParams(header)].map(([Key, Value]) => ({ Key, Value }));
  if (new Set(tags.map(({ Key }) => Key)).size < tags.length) {
    const message =
      "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.";
    throw s3Error('argument-invalid', { message, fields: { ArgumentName: 'x-amz-tagging', ArgumentValue: header } });
  }
  return fromTagSet(tags);
}

/** A tag set as the store keeps it. @throws DomainError `tag-invalid`, `bad-request`, `malformed` */
export function fromTagSet(tags: readonly Tag[] | undefined): Tags {
  const checked = checkTags(tags, S3_LIMITS.objectTagsMax, 'Object');
  return Object.fromEntries(checked.map(({ Key, Value }) => [Key, Value]));
}

export function toTagSet(tags: Tags): readonly Tag[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

/** @throws DomainError `tag-invalid`, `bad-request`, `malformed` */
export function checkTags(
  tags: readonly Tag[] | undefined,
  countMax: number,
  what: 'Bucket' | 'Object',
): readonly Tag[] {
  if (!Array.isArray(tags)) throw s3Error('malformed');
  if (tags.length > countMax) {
    const message =
      what === 'Object'
        ? `Object tags cannot be greater than ${countMax}`
        : `Bucket tag count cannot be greater than ${countMax}`;
    throw s3Error('bad-request', { message });
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
