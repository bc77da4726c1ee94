import type { ByteRange, ObjectInfo } from '../../store/index.ts';
import { s3Error } from './errors.ts';

/** Conditions of a read, or (with `CopySource` before each name) of a copy's source. */
export interface Conditions {
  readonly IfMatch?: string;
  readonly IfNoneMatch?: string;
  readonly IfModifiedSince?: Date;
  readonly IfUnmodifiedSince?: Date;
}

/**
 * Checks them in the order of RFC 9110, section 13.2.2, as S3 does.
 * @throws DomainError `precondition-failed`, `not-modified`
 */
export function checkConditions({ etag, lastModified, versionId }: ObjectInfo, conditions: Conditions): void {
  const { IfMatch, IfNoneMatch, IfModifiedSince, IfUnmodifiedSince } = conditions;
  const seconds = Math.floor(lastModified / 1000);
  const isAfter = (date: Date) => seconds > Math.floor(date.getTime() / 1000);
  if (IfMatch !== undefined) {
    if (!matches(IfMatch, etag)) throw s3Error('precondition-failed', { fields: { Condition: 'If-Match' } });
  } else if (IfUnmodifiedSince && isAfter(IfUnmodifiedSince)) {
    throw s3Error('precondition-failed', { fields: { Condition: 'If-Unmodified-Since' } });
  }
  const isKnown = IfNoneMatch === undefined ? IfModifiedSince && !isAfter(IfModifiedSince) : matches(IfNoneMatch, etag);
  if (!isKnown) return;
  const headers = { etag: `"${etag}"`, 'last-modified': new Date(lastModified).toUTCString() };
  throw s3Error('not-modified', {
    headers: { ...headers, ...(versionId !== undefined && { 'x-amz-version-id': versionId }) },
  });
}

/** An entity tag without its quotes. */
export function unquoted(etag: string): string {
  return etag.replace(/^(?:W\/)?"(.*)"$/, '$1');
}

/**
 * The range that `Range` asks for of so many bytes; `undefined` (all) when there is none, or one that is not understood, or
 * several, which S3 does not serve.
 * @throws DomainError `range-invalid`
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match) return undefined;
  const [, first, last] = match as unknown as [string, string, string];
  if (first === '' && last === '') return undefined;
  const start = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const end = first === '' || last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  if (start >= sizeBytes) {
    throw s3Error('range-invalid', { fields: { RangeRequested: header, ActualObjectSize: sizeBytes } });
  }
  return { start, end };
}

/**
 * The bytes of a part; those of an object that was not uploaded in parts are its first.
 * @throws DomainError `part-number-invalid`
 */
export function partRange({ sizeBytes, parts }: ObjectInfo, part: number): ByteRange | undefined {
  const all = parts ?? [{ part: 1, sizeBytes }];
  const index = all.findIndex((one) => one.part === part);
  if (index < 0)
    throw s3Error('part-number-invalid', { fields: { PartNumberRequested: part, ActualPartCount: all.length } });
  // An empty one has no first byte to name.
  if (sizeBytes === 0) return undefined;
  const start = all.slice(0, index).reduce((sum, one) => sum + one.sizeBytes, 0);
  return { start, end: start + all[index]!.sizeBytes - 1 };
}

function matches(header: string, etag: string): boolean {
  return header.split(',').some((one) => one.trim() === '*' || unquoted(one.trim()) === etag);
}
