/** What parts become together: size, etag and checksum of an object that was uploaded in parts. */
import { createHash } from 'node:crypto';
import { DomainError } from '../../../base/index.ts';
import { checksumHasher, combineCrcs } from '../../../codec/checksums/index.ts';
import type { Checksum, CompleteOptions, ObjectsErrorCode } from '../objects.ts';
import type { NumberedPart, StoredUpload } from './catalog.ts';
import { checkCustomerKey } from './ciphers.ts';
import type { Fresh } from './history.ts';

/** @throws content-mismatch: it is not of the size or checksum that it must have; customer-key-... */
export function objectOfParts(
  upload: StoredUpload,
  parts: readonly NumberedPart[],
  options: CompleteOptions,
  now: number,
): Fresh {
  // Completing reads nothing, so that the key is needed only where it is given.
  if (options.customerKey) checkCustomerKey(upload.keyCheck, options.customerKey);
  const { metadata, tags, retention, legalHold, acl, keyCheck } = upload;
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  if (options.sizeBytes !== undefined && options.sizeBytes !== sizeBytes) {
    throw mismatch(`${options.sizeBytes} bytes were announced and ${sizeBytes} came`, { reason: 'length' });
  }
  const checksum = checksumOf(upload.checksum, parts);
  if (options.checksum !== undefined && checksum && !sameChecksum(options.checksum, checksum)) {
    const { algorithm } = checksum;
    throw mismatch(`${options.checksum} was announced and ${checksum.value} came`, { reason: 'checksum', algorithm });
  }
  return {
    sizeBytes,
    etag: etagOf(parts.map(({ etag }) => etag)),
    lastModified: now,
    metadata,
    blobs: parts.map(({ part, blob, checksum: own }) => ({
      ...blob,
      part,
      ...(own !== undefined && { checksum: own }),
    })),
    ...(tags && { tags }),
    ...(retention && { retention }),
    ...(legalHold && { legalHold }),
    ...(acl !== undefined && { acl }),
    ...(keyCheck !== undefined && { keyCheck }),
    ...(checksum && { checksum }),
  };
}

/** Of all parts together; `undefined` where one of them has none. */
function checksumOf(wanted: StoredUpload['checksum'], parts: readonly NumberedPart[]): Checksum | undefined {
  if (!wanted || parts.some(({ checksum }) => checksum === undefined)) return undefined;
  const { algorithm, type } = wanted;
  const sums = parts.map(({ checksum }) => Buffer.from(checksum!, 'base64'));
  if (type === 'COMPOSITE') {
    const hasher = checksumHasher(algorithm);
    for (const sum of sums) hasher.update(sum);
    return { algorithm, type, value: `${hasher.digest().toString('base64')}-${parts.length}` };
  }
  if (algorithm === 'SHA1' || algorithm === 'SHA256') return undefined;
  const pieces = parts.map(({ sizeBytes }, index) => ({ crc: sums[index]!, sizeBytes }));
  return { algorithm, type, value: combineCrcs(algorithm, pieces).toString('base64') };
}

/** Clients leave out the count of a composite one. */
function sameChecksum(given: string, { value }: Checksum): boolean {
  return given === value || given === value.replace(/-\d+$/, '');
}

/** The etag of an object whose parts have these. */
export function etagOf(etags: readonly string[]): string {
  const hash = createHash('md5');
  for (const etag of etags) hash.update(Buffer.from(etag, 'hex'));
  return `${hash.digest('hex')}-${etags.length}`;
}

function mismatch(message: string, fields: Readonly<Record<string, string>>): DomainError<ObjectsErrorCode> {
  return new DomainError('content-mismatch', message, { fields });
}
