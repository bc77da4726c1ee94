/* What callers of the port must keep to. */
import { assert, DomainError } from '../../../base/index.ts';
import { type ByteRange, OBJECTS_LIMITS } from '../objects.ts';

/** @throws key-invalid */
export function checkKey(key: string): void {
  const sizeBytes = Buffer.byteLength(key);
  if (sizeBytes >= 1 && sizeBytes <= OBJECTS_LIMITS.keyBytesMax && key.isWellFormed()) return;
  throw new DomainError('key-invalid', `keys are 1 to ${OBJECTS_LIMITS.keyBytesMax} bytes of UTF-8`, {
    fields: { sizeBytes },
  });
}

export function checkMetadata(metadata: Readonly<Record<string, string>> = {}): void {
  const sizeBytes = Buffer.byteLength(JSON.stringify(metadata));
  assert(sizeBytes <= OBJECTS_LIMITS.metadataBytesMax, `metadata of ${sizeBytes} bytes`);
}

export function checkLimit(limit: number, max: number): void {
  assert(limit >= 1 && limit <= max, `limit is 1 to ${max}, not ${limit}`);
}

/** Without a range the whole; `end` at most the last byte. @throws range-invalid */
export function clampRange(sizeBytes: number, range: ByteRange = { start: 0, end: sizeBytes - 1 }): ByteRange {
  if (range.start > 0 && range.start >= sizeBytes) {
    throw new DomainError('range-invalid', `byte ${range.start} is beyond ${sizeBytes} bytes`, {
      fields: { sizeBytes },
    });
  }
  return { start: range.start, end: Math.min(range.end, sizeBytes - 1) };
}
