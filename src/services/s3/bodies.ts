import type { BodyChecks } from '../../store/index.ts';
import type { StreamedBody } from '../index.ts';
import { type ChecksumInput, checksumOf } from './checksums.ts';
import { s3Error } from './errors.ts';
import { S3_LIMITS } from './limits.ts';

/** A body as the wire gives it: a stream, bytes, or none. */
export type Body = StreamedBody | Uint8Array | undefined;

/** The members of a request that carries a body. */
export interface BodyInput extends ChecksumInput {
  readonly Body?: Body;
  readonly ContentLength?: number;
  readonly ContentMD5?: string;
}

const NOTHING = new Uint8Array(0);

export function streamOf(body: Body): AsyncIterable<Uint8Array> | Uint8Array {
  return body ?? NOTHING;
}

/**
 * What a body must turn out to be.
 * @throws DomainError `length-missing`, `body-too-long`, `digest-invalid`, `request-invalid`
 */
export function bodyChecks(input: BodyInput): BodyChecks {
  const { Body: body, ContentLength: contentLength, ContentMD5 } = input;
  if (contentLength === undefined) throw s3Error('length-missing');
  if (contentLength > S3_LIMITS.putBytesMax) {
    throw s3Error('body-too-long', {
      fields: { ProposedSize: contentLength, MaxSizeAllowed: S3_LIMITS.putBytesMax },
    });
  }
  const checksum = checksumOf(input, body instanceof Uint8Array ? undefined : body);
  return { contentLength, ...md5Of(ContentMD5), ...(checksum && { checksum }) };
}

/** The same for the file of a form, whose length is known only when it has ended. @throws DomainError `digest-invalid`, `request-invalid` */
export function formChecks(input: BodyInput): BodyChecks {
  const checksum = checksumOf(input, undefined);
  return { ...md5Of(input.ContentMD5), ...(checksum && { checksum }) };
}

/** `Content-MD5` in hex. @throws DomainError `digest-invalid` */
export function md5Of(header: string | undefined): { readonly md5?: string } {
  if (header === undefined) return {};
  const bytes = Buffer.from(header, 'base64');
  if (bytes.length !== 16) throw s3Error('digest-invalid');
  return { md5: bytes.toString('hex') };
}
