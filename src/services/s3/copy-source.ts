import type { Objects } from '../../store/index.ts';
import { checkConditions, parseRange } from './conditions.ts';
import { s3Error } from './errors.ts';

export interface CopySourceInput {
  readonly CopySource: string;
  readonly CopySourceRange?: string;
  readonly CopySourceIfMatch?: string;
  readonly CopySourceIfNoneMatch?: string;
  readonly CopySourceIfModifiedSince?: Date;
  readonly CopySourceIfUnmodifiedSince?: Date;
}

/** `bucket/key`, with or without a slash before it, percent-encoded. @throws DomainError `argument-invalid` */
export function parseCopySource(header: string): { readonly bucket: string; readonly key: string } {
  const [path] = header.split('?versionId=', 1) as [string];
  const match = /^\/?([^/]+)\/(.+)$/s.exec(decode(path));
  if (!match) throw s3Error('argument-invalid', { message: 'Invalid copy source object key' });
  return { bucket: match[1]!, key: match[2]! };
}

/** Opens the source of a copy, whole or in part. For a copy an unmet condition is always a failure, never "not modified". */
export async function openCopySource(objects: Objects, input: CopySourceInput) {
  const { bucket, key } = parseCopySource(input.CopySource);
  const info = await objects.head(bucket, key);
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
  const range = parseRange(input.CopySourceRange, info.sizeBytes);
  return objects.get(bucket, key, range && { range });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
