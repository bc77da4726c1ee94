import type { ObjectInfo } from '../../store/index.ts';
import { checkConditions } from './conditions.ts';
import { customerKeyOf } from './encryption.ts';
import { s3Error } from './errors.ts';
import { S3_LIMITS } from './limits.ts';

export interface CopySourceInput {
  readonly CopySource: string;
  readonly CopySourceIfMatch?: string;
  readonly CopySourceIfNoneMatch?: string;
  readonly CopySourceIfModifiedSince?: Date;
  readonly CopySourceIfUnmodifiedSince?: Date;
  readonly [member: string]: unknown;
}

export interface CopySource {
  readonly bucket: string;
  readonly key: string;
  readonly versionId?: string;
  readonly customerKey?: Uint8Array;
}

/** `bucket/key[?versionId=...]`, with or without a slash before it, percent-encoded. @throws DomainError `argument-invalid` */
export function parseCopySource(header: string): Omit<CopySource, 'customerKey'> {
  const [path, versionId] = header.split('?versionId=', 2) as [string, string?];
  const match = /^\/?([^/]+)\/(.+)$/s.exec(decode(path));
  if (!match) throw s3Error('argument-invalid', { message: 'Invalid copy source object key' });
  return { bucket: match[1]!, key: match[2]!, ...(versionId !== undefined && { versionId: decode(versionId) }) };
}

/** The same with the key that it is encrypted with. */
export function copySourceOf(input: CopySourceInput): CopySource {
  return { ...parseCopySource(input.CopySource), ...customerKeyOf(input, 'CopySource') };
}

/** For a copy an unmet condition is always a failure, never "not modified". @throws DomainError `precondition-failed` */
export function checkSourceConditions(info: ObjectInfo, input: CopySourceInput): void {
  try {
    checkConditions(info, {
      ...(input.CopySourceIfMatch !== undefined && { IfMatch: input.CopySourceIfMatch }),
      ...(input.CopySourceIfNoneMatch !== undefined && { IfNoneMatch: input.CopySourceIfNoneMatch }),
      ...(input.CopySourceIfModifiedSince && { IfModifiedSince: input.CopySourceIfModifiedSince }),
      ...(input.CopySourceIfUnmodifiedSince && { IfUnmodifiedSince: input.CopySourceIfUnmodifiedSince }),
    });
  } catch (error) {
    throw s3Error('precondition-failed', { cause: error });
  }
}

/** One copy takes no more than one put. @throws DomainError `request-invalid` */
export function checkSourceSize(sizeBytes: number): void {
  const { putBytesMax } = S3_LIMITS;
  if (sizeBytes <= putBytesMax) return;
  const message = `The specified copy source is larger than the maximum allowable size for a copy source: ${putBytesMax}`;
  throw s3Error('request-invalid', { message });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
