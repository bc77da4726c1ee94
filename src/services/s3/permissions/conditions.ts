import { ACCOUNT_ID } from '../../../base/index.ts';
import type { Conditions } from '../../index.ts';

type Input = Readonly<Record<string, any>>;

/** Condition keys by the member of an input that they are taken from. */
const KEYS: Readonly<Record<string, string>> = {
  ACL: 's3:x-amz-acl',
  BucketKeyEnabled: 's3:x-amz-server-side-encryption-bucket-key-enabled',
  CopySource: 's3:x-amz-copy-source',
  Delimiter: 's3:delimiter',
  GrantFullControl: 's3:x-amz-grant-full-control',
  GrantRead: 's3:x-amz-grant-read',
  GrantReadACP: 's3:x-amz-grant-read-acp',
  GrantWrite: 's3:x-amz-grant-write',
  GrantWriteACP: 's3:x-amz-grant-write-acp',
  IfMatch: 's3:if-match',
  IfNoneMatch: 's3:if-none-match',
  MaxKeys: 's3:max-keys',
  MetadataDirective: 's3:x-amz-metadata-directive',
  ObjectLockLegalHoldStatus: 's3:object-lock-legal-hold',
  ObjectLockMode: 's3:object-lock-mode',
  ObjectOwnership: 's3:x-amz-object-ownership',
  Prefix: 's3:prefix',
  SSECustomerAlgorithm: 's3:x-amz-server-side-encryption-customer-algorithm',
  SSEKMSKeyId: 's3:x-amz-server-side-encryption-aws-kms-key-id',
  ServerSideEncryption: 's3:x-amz-server-side-encryption',
  StorageClass: 's3:x-amz-storage-class',
  VersionId: 's3:VersionId',
  WebsiteRedirectLocation: 's3:x-amz-website-redirect-location',
};

/** The members of reads and listings that are keys; the others are of what is written. */
const READING = new Set(['VersionId', 'Prefix', 'Delimiter', 'MaxKeys']);

const ALL = Object.entries(KEYS);
const OF_READS = ALL.filter(([member]) => READING.has(member));
const DAY_MS = 86_400_000;

/** Condition keys of what a request itself says. @param now  epoch milliseconds: how long a lock will last */
export function conditionsOf(action: string, input: Input, now: number): Conditions {
  const isRead = /^(Get|List)/.test(action);
  const found: Record<string, string | readonly string[]> = { 's3:ResourceAccount': ACCOUNT_ID };
  for (const [member, key] of isRead ? OF_READS : ALL) {
    if (input[member] !== undefined) found[key] = String(input[member]);
  }
  if (isRead) return found;
  return { ...found, ...lockOf(input, now), ...givenTags(tagsIn(input)) };
}

/** Of PutObjectRetention and PutObjectLegalHold the lock is in the body. */
function lockOf({ Retention, LegalHold, ObjectLockRetainUntilDate }: Input, now: number): Conditions {
  const until: unknown = ObjectLockRetainUntilDate ?? Retention?.RetainUntilDate;
  const isDate = until instanceof Date && Number.isFinite(until.getTime());
  return {
    ...(Retention?.Mode !== undefined && { 's3:object-lock-mode': String(Retention.Mode) }),
    ...(LegalHold?.Status !== undefined && { 's3:object-lock-legal-hold': String(LegalHold.Status) }),
    ...(isDate && {
      's3:object-lock-retain-until-date': until.toISOString(),
      's3:object-lock-remaining-retention-days': String(Math.ceil((until.getTime() - now) / DAY_MS)),
    }),
  };
}

function tagsIn({ Tagging }: Input): readonly (readonly [string, string])[] {
  if (typeof Tagging === 'string') return [...new URLSearchParams(Tagging)];
  const set: readonly { readonly Key?: string; readonly Value?: string }[] = Tagging?.TagSet ?? [];
  return Array.isArray(set) ? set.map(({ Key, Value }) => [String(Key), String(Value ?? '')]) : [];
}

function givenTags(tags: readonly (readonly [string, string])[]): Conditions {
  if (tags.length === 0) return {};
  return {
    ...Object.fromEntries(tags.map(([key, value]) => [`s3:RequestObjectTag/${key}`, value])),
    's3:RequestObjectTagKeys': tags.map(([key]) => key),
  };
}

/** Condition keys of the tags that an object has. */
export function existingTags(tags: Readonly<Record<string, string>> | undefined): Conditions {
  return Object.fromEntries(Object.entries(tags ?? {}).map(([key, value]) => [`s3:ExistingObjectTag/${key}`, value]));
}
