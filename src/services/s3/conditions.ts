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
export function checkConditions({ etag, lastModified }: ObjectInfo, conditions: Conditions): void {
  const { IfMatch, IfNoneMatch, IfModifiedSince, IfUnmodifiedSince } = conditions;
  const seconds = Math.floor(lastModified / 1000);
  const isAfter = (date: Date) => seconds > Math.floor(date.getTime() / 1000);
  if (IfMatch !== undefined) {
    if (!matches(IfMatch, etag)) throw s3Error('precondition-failed', { fields: { Condition: 'If-Match' } });
  } else if (IfUnmodifiedSince && isAfter(IfUnmodifiedSince)) {
    throw s3Error('precondition-failed', { fields: { Condition: 'If-Unmodified-Since' } });
  }
  if (IfNoneMatch !== undefined) {
    if (matches(IfNoneMatch, etag)) throw s3Error('not-modified');
  } else if (IfModifiedSince && !isAfter(IfModifiedSince)) {
    throw s3Error('not-modified');
  }
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

function matches(header: string, etag: string): boolean {
  return header.split(',').some((one) => one.trim() === '*' || unquoted(one.trim()) === etag);
}
