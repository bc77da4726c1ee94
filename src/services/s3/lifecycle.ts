/*
 * Lifecycle rules: what may be set, and what they mean for an object.
 *
 * @see Amazon S3 user guide, "Managing the lifecycle of objects", "Lifecycle configuration elements"
 */
import type { ObjectInfo } from '../../store/index.ts';
import { s3Error } from './errors.ts';
import { S3_LIMITS } from './limits.ts';
import type { LifecycleRule, LifecycleScope, Tag } from './settings.ts';
import { toTagSet } from './tags.ts';

export const DAY_MS = 24 * 3600_000;

/** Classes whose objects are read like all others, so that there is nothing to be done for them on one kind of disk. */
const READABLE_CLASSES = new Set(['STANDARD_IA', 'ONEZONE_IA', 'INTELLIGENT_TIERING', 'GLACIER_IR']);

/**
 * Rules as they are carried out, from what PutBucketLifecycleConfiguration takes.
 * @throws DomainError `malformed`, `request-invalid`, `argument-invalid`, `not-built`
 */
export function checkLifecycle(rules: readonly any[] | undefined, newId: () => string): readonly LifecycleRule[] {
  if (!Array.isArray(rules) || rules.length === 0 || rules.length > S3_LIMITS.lifecycleRulesMax) {
    throw s3Error('malformed');
  }
  const checked = rules.map((rule) => checkRule(rule, newId));
  if (new Set(checked.map(({ id }) => id)).size < checked.length) {
    throw argument('Rule ID must be unique. Found same ID for more than one rule');
  }
  return checked;
}

function checkRule(rule: any, newId: () => string): LifecycleRule {
  const id: string = rule.ID || newId();
  if (id.length > S3_LIMITS.ruleIdCharactersMax) throw argument('ID length should not exceed allowed limit of 255');
  if (rule.Status !== 'Enabled' && rule.Status !== 'Disabled') throw s3Error('malformed');
  const scope = scopeOf(rule);
  const { Expiration, NoncurrentVersionExpiration: noncurrent, AbortIncompleteMultipartUpload: abort } = rule;
  const transitions = [...(rule.Transitions ?? []), ...(rule.NoncurrentVersionTransitions ?? [])];
  if (!Expiration && !noncurrent && !abort && transitions.length === 0) {
    throw s3Error('request-invalid', { message: 'At least one action needs to be specified in a rule' });
  }
  checkTransitions(transitions);
  const isTagged = scope.tags.length > 0;
  if (abort && (isTagged || hasSizes(scope))) {
    const what = isTagged ? 'Tags' : 'Object Size';
    throw s3Error('request-invalid', { message: `AbortIncompleteMultipartUpload cannot be specified with ${what}` });
  }
  const { ID: _, ...shown } = rule;
  return {
    id,
    enabled: rule.Status === 'Enabled',
    scope,
    ...(Expiration && expirationOf(Expiration, isTagged)),
    ...(noncurrent && noncurrentOf(noncurrent)),
    ...(abort && {
      abortUploadDays: positive(abort.DaysAfterInitiation, 'DaysAfterInitiation', 'AbortIncompleteMultipartUpload'),
    }),
    shown: { ID: id, ...shown },
  };
}

function scopeOf({ Filter, Prefix }: any): LifecycleScope {
  if ((Filter === undefined) === (Prefix === undefined)) throw s3Error('malformed');
  if (Filter === undefined) return { prefix: Prefix, tags: [] };
  const given = ['Prefix', 'Tag', 'ObjectSizeGreaterThan', 'ObjectSizeLessThan', 'And'].filter(
    (name) => Filter[name] !== undefined,
  );
  if (given.length > 1) throw s3Error('malformed');
  const { And } = Filter;
  const all = And ?? Filter;
  const tags: readonly Tag[] = And ? (And.Tags ?? []) : Filter.Tag ? [Filter.Tag] : [];
  if (new Set(tags.map(({ Key }) => Key)).size < tags.length) {
    throw s3Error('request-invalid', { message: 'Duplicate Tag Keys are not allowed.' });
  }
  return {
    prefix: all.Prefix ?? '',
    tags,
    ...(all.ObjectSizeGreaterThan !== undefined && { sizeGreaterThan: all.ObjectSizeGreaterThan }),
    ...(all.ObjectSizeLessThan !== undefined && { sizeLessThan: all.ObjectSizeLessThan }),
  };
}

function hasSizes({ sizeGreaterThan, sizeLessThan }: LifecycleScope): boolean {
  return sizeGreaterThan !== undefined || sizeLessThan !== undefined;
}

function expirationOf({ Days, Date: date, ExpiredObjectDeleteMarker: marker }: any, isTagged: boolean) {
  const given = [Days, date, marker].filter((one) => one !== undefined);
  if (given.length !== 1) throw s3Error('malformed');
  if (Days !== undefined) return { days: positive(Days, 'Days', 'Expiration') };
  if (marker !== undefined) {
    if (!isTagged) return { expiredDeleteMarker: marker };
    throw s3Error('request-invalid', { message: 'ExpiredObjectDeleteMarker cannot be specified with Tags.' });
  }
  const at = new Date(date).getTime();
  if (at % DAY_MS !== 0) throw argument("'Date' must be at midnight GMT");
  return { date: at };
}

function noncurrentOf({ NoncurrentDays, NewerNoncurrentVersions }: any) {
  if (NewerNoncurrentVersions !== undefined && !(NewerNoncurrentVersions >= 1 && NewerNoncurrentVersions <= 100)) {
    throw argument("'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be between 1 and 100");
  }
  return {
    noncurrentDays: positive(NoncurrentDays, 'NoncurrentDays', 'NoncurrentVersionExpiration'),
    ...(NewerNoncurrentVersions !== undefined && { newerNoncurrentVersions: NewerNoncurrentVersions }),
  };
}

function checkTransitions(transitions: readonly { readonly StorageClass?: string }[]): void {
  for (const { StorageClass } of transitions) {
    if (StorageClass === undefined) throw s3Error('malformed');
    if (READABLE_CLASSES.has(StorageClass)) continue;
    throw s3Error('not-built', {
      message: `Transitions to ${StorageClass} are not built in Millrace: objects stay where they can be read at once`,
    });
  }
}

function positive(value: number | undefined, name: string, action: string): number {
  if (value === undefined) throw s3Error('malformed');
  if (value > 0 && Number.isInteger(value)) return value;
  throw argument(`'${name}' for ${action} action must be a positive integer`);
}

function argument(message: string) {
  return s3Error('argument-invalid', { message });
}

/** What rules look at of an object. */
export interface Aging {
  readonly key: string;
  readonly sizeBytes: number;
  /** Epoch milliseconds. */
  readonly lastModified: number;
  readonly tags: readonly Tag[];
}

/** Whether the rule is for such an object. */
export function covers({ scope }: LifecycleRule, { key, sizeBytes, tags }: Omit<Aging, 'lastModified'>): boolean {
  return (
    key.startsWith(scope.prefix) &&
    sizeBytes > (scope.sizeGreaterThan ?? -1) &&
    sizeBytes < (scope.sizeLessThan ?? Number.POSITIVE_INFINITY) &&
    scope.tags.every(({ Key, Value }) => tags.some((tag) => tag.Key === Key && tag.Value === Value))
  );
}

/** So many days after a time, at the next midnight of UTC: when S3 says that something is due. */
export function dueAfter(time: number, days: number): number {
  return Math.ceil((time + days * DAY_MS) / DAY_MS) * DAY_MS;
}

/** When the current version of an object expires, and by which rule: the first one; `undefined` when none lets it. */
export function expiryOf(
  rules: readonly LifecycleRule[],
  object: Aging,
): { readonly at: number; readonly ruleId: string } | undefined {
  let first: { readonly at: number; readonly ruleId: string } | undefined;
  for (const rule of rules) {
    if (!rule.enabled || !covers(rule, object)) continue;
    const at = rule.date ?? (rule.days === undefined ? undefined : dueAfter(object.lastModified, rule.days));
    if (at !== undefined && (first === undefined || at < first.at)) first = { at, ruleId: rule.id };
  }
  return first;
}

/** A version of a key that is no longer the current one. */
export interface Noncurrent extends Aging {
  /** When it ceased to be the current one. */
  readonly since: number;
  /** Versions of the key that are noncurrent and newer. */
  readonly newer: number;
}

/** Whether a noncurrent version is to go by now. */
export function isNoncurrentDue(rules: readonly LifecycleRule[], version: Noncurrent, now: number): boolean {
  return rules.some(
    (rule) =>
      rule.enabled &&
      rule.noncurrentDays !== undefined &&
      covers(rule, version) &&
      version.newer >= (rule.newerNoncurrentVersions ?? 0) &&
      dueAfter(version.since, rule.noncurrentDays) <= now,
  );
}

/** Whether a delete marker goes that no version is left behind. */
export function isMarkerDue(rules: readonly LifecycleRule[], marker: Aging, now: number): boolean {
  return rules.some((rule) => {
    if (!rule.enabled || !covers(rule, marker)) return false;
    if (rule.expiredDeleteMarker) return true;
    // Days and dates clean up markers as well, once they are old enough themselves.
    return (
      (rule.date ?? (rule.days === undefined ? Number.POSITIVE_INFINITY : dueAfter(marker.lastModified, rule.days))) <=
      now
    );
  });
}

/** Whether an upload that was begun then is to be aborted by now. */
export function isUploadDue(rules: readonly LifecycleRule[], key: string, createdAt: number, now: number): boolean {
  return rules.some(
    ({ enabled, abortUploadDays, scope }) =>
      enabled &&
      abortUploadDays !== undefined &&
      key.startsWith(scope.prefix) &&
      dueAfter(createdAt, abortUploadDays) <= now,
  );
}

/** `x-amz-expiration`. */
function expirationHeader({ at, ruleId }: { readonly at: number; readonly ruleId: string }): string {
  return `expiry-date="${new Date(at).toUTCString()}", rule-id="${encodeURIComponent(ruleId)}"`;
}

/** `x-amz-expiration` of the newest version, where a rule will let it expire. */
export function expirationMember(
  rules: readonly LifecycleRule[] | undefined,
  { key, sizeBytes, lastModified, tags, isLatest }: ObjectInfo,
): { readonly Expiration?: string } {
  if (!rules || !isLatest) return {};
  const expiry = expiryOf(rules, { key, sizeBytes, lastModified, tags: toTagSet(tags) });
  return expiry ? { Expiration: expirationHeader(expiry) } : {};
}
