import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { DomainError } from '../base/index.ts';
import { ChunkedDecoder, type ChunkSigner, SignatureFailure } from '../codec/aws/index.ts';
import type { CallRequest } from './call.ts';

/** How a streamed body proves itself. */
export interface StreamProof {
  /** The body is in `aws-chunked` encoding. */
  readonly chunked: boolean;
  readonly chunks?: ChunkSigner | undefined;
  readonly payloadHash?: string | undefined;
}

/**
 * A request's body as it arrives, decoded and checked. It throws before its end when anything is wrong, so that a consumer which
 * keeps what it got only after the end keeps nothing wrong.
 *
 * @throws SignatureFailure, or DomainError `body-aborted` or `content-mismatch`
 */
export async function* streamBody(request: CallRequest, proof: StreamProof): AsyncGenerator<Uint8Array> {
  const source = wholeOf(request);
  if (proof.chunked) yield* dechunk(source, proof.chunks);
  else if (proof.payloadHash !== undefined) yield* hashed(source, proof.payloadHash);
  else yield* source;
}

/** What Node reports of a broken connection, as an error of ours. */
async function* wholeOf(request: CallRequest): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of request) yield chunk as Buffer;
  } catch (error) {
    throw new DomainError('body-aborted', 'the client went away before the end of the body', { cause: error });
  }
}

async function* hashed(source: AsyncIterable<Uint8Array>, expected: string): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') !== expected) {
    throw new SignatureFailure(
      'payload',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
  }
}

async function* dechunk(
  source: AsyncIterable<Uint8Array>,
  signer: ChunkSigner | undefined,
): AsyncGenerator<Uint8Array> {
  const decoder = new ChunkedDecoder(signer);
  let crc = 0;
  for await (const piece of source) {
    for (const data of decoder.push(piece)) {
      crc = crc32(data, crc);
      yield data;
    }
  }
  decoder.end();
  checkTrailer(decoder.trailers.get('x-amz-checksum-crc32'), crc);
}

/** The checksum that AWS's clients send by default, big-endian in base64. */
function checkTrailer(announced: string | undefined, crc: number): void {
  if (announced === undefined) return;
  const actual = Buffer.alloc(4);
  actual.writeUInt32BE(crc >>> 0);
  if (actual.toString('base64') === announced) return;
  throw new DomainError('content-mismatch', 'The CRC32 you specified did not match the calculated checksum.');
}

/** True when the headers announce `aws-chunked`. */
export function isChunked(headers: Headers): boolean {
  const encoding = headers['content-encoding'];
  const payload = headers['x-amz-content-sha256'];
  return (
    (typeof encoding === 'string' && /(^|,)\s*aws-chunked\s*(,|$)/.test(encoding)) ||
    (typeof payload === 'string' && payload.startsWith('STREAMING-'))
  );
}

/** The headers as they are without `aws-chunked`: a service sees the length and encoding of the data itself. */
export function withoutChunked(headers: Headers): Headers {
  const {
    'content-encoding': encoding,
    'content-length': _,
    'x-amz-decoded-content-length': length,
    ...rest
  } = headers;
  const kept = String(encoding ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '' && part !== 'aws-chunked');
  const changed: Record<string, string | string[] | undefined> = { ...rest };
  if (kept.length > 0) changed['content-encoding'] = kept.join(',');
  if (length !== undefined) changed['content-length'] = length;
  return changed;
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;
