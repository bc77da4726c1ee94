import { s3Error } from './errors.ts';

/** A body as the wire gives it: a stream, bytes, or none. */
export type Body = AsyncIterable<Uint8Array> | Uint8Array | undefined;

export function streamOf(body: Body): AsyncIterable<Uint8Array> {
  return body === undefined || body instanceof Uint8Array ? once(body) : body;
}

/** `Content-MD5` in hex. @throws DomainError `digest-invalid` */
export function md5Of(header: string | undefined): { readonly md5?: string } {
  if (header === undefined) return {};
  const bytes = Buffer.from(header, 'base64');
  if (bytes.length !== 16) throw s3Error('digest-invalid');
  return { md5: bytes.toString('hex') };
}

async function* once(body: Uint8Array | undefined): AsyncGenerator<Uint8Array> {
  if (body) yield body;
}
