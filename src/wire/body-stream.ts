import { createHash, hash } from 'node:crypto';
import { DomainError } from '../base/index.ts';
import { ChunkedDecoder, type ChunkSigner, SignatureFailure } from '../codec/aws/index.ts';
import type { StreamedBody } from '../services/index.ts';
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
 * @throws SignatureFailure, or DomainError `body-aborted`
 */
export class RequestBody implements StreamedBody {
  readonly trailerNames: readonly string[];
  readonly trailers: ReadonlyMap<string, string>;
  readonly #bytes: AsyncGenerator<Uint8Array>;
  /** Memory that holds a piece of this body and nothing else, in the order of the pieces. */
  readonly #own: ArrayBufferLike[] = [];
  readonly #request: CallRequest;
  /** Chunks are the pieces as they came, and not parts of them. */
  readonly #isPlain: boolean;

  constructor(request: CallRequest, { chunked, chunks, payloadHash }: StreamProof) {
    this.#request = request;
    this.#isPlain = !chunked;
    const whole = wholeOf(request, this.#own);
    const source = payloadHash === undefined ? whole : hashed(whole, payloadHash);
    const decoder = chunked ? new ChunkedDecoder(chunks) : undefined;
    this.trailers = decoder?.trailers ?? NONE;
    this.trailerNames = decoder ? listed(request.headers['x-amz-trailer']) : [];
    this.#bytes = decoder ? this.#dechunk(source, decoder) : source;
  }

  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    return this.#bytes;
  }

  /** Chunks of `aws-chunked` share a piece's memory, so that it goes when one of a later piece is released. */
  release({ buffer }: Uint8Array): void {
    const through = this.#own.indexOf(buffer) + (this.#isPlain ? 1 : 0);
    if (through > 0) for (const memory of this.#own.splice(0, through)) this.#letGo(memory);
  }

  async *#dechunk(source: AsyncIterable<Uint8Array>, decoder: ChunkedDecoder): AsyncGenerator<Uint8Array> {
    for await (const piece of source) {
      const data = decoder.push(piece);
      if (data.length <= CHUNKS_MAX) yield* data;
      else yield this.#joined(data, piece.buffer);
    }
    decoder.end();
  }

  /** The chunks of a piece, put together; its memory is needed no longer. */
  #joined(data: readonly Uint8Array[], memory: ArrayBufferLike): Uint8Array {
    const joined = Buffer.concat(data);
    const at = this.#own.indexOf(memory);
    if (at >= 0) for (const own of this.#own.splice(at, 1)) this.#letGo(own);
    return joined;
  }

  /** Memory outside of V8's heap has it collect everything again and again; let go of, it does not. */
  #letGo(memory: ArrayBufferLike): void {
    if (this.#request.reuse) this.#request.reuse(memory);
    else (memory as ArrayBuffer).transfer(0);
  }
}

/** Chunks of one piece that are handed on as they are: an object for each byte would take a hundred times its memory. */
const CHUNKS_MAX = 16;
const NONE: ReadonlyMap<string, string> = new Map();

function listed(header: string | string[] | undefined): readonly string[] {
  const names = String(header ?? '')
    .toLowerCase()
    .split(',');
  return names.map((name) => name.trim()).filter((name) => name !== '');
}

/**
 * What Node reports of a broken connection is an error of ours.
 * @param own  gets the memory of pieces that have one of their own: HTTP/2 cuts those of several bodies out of one
 */
async function* wholeOf(request: CallRequest, own: ArrayBufferLike[]): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of request) {
      if (request.reuse || piece.byteLength === piece.buffer.byteLength) own.push(piece.buffer);
      yield piece;
    }
  } catch (error) {
    throw new DomainError('body-aborted', 'the client went away before the end of the body', { cause: error });
  }
}

async function* hashed(source: AsyncIterable<Uint8Array>, expected: string): AsyncGenerator<Uint8Array> {
  const sum = createHash('sha256');
  for await (const chunk of source) {
    sum.update(chunk);
    yield chunk;
  }
  if (sum.digest('hex') !== expected) throw otherPayload();
}

/** A body that is there whole, if it has the hash that it must have. @throws SignatureFailure */
export function proven(body: Uint8Array, payloadHash: string | undefined): Uint8Array {
  if (payloadHash !== undefined && hash('sha256', body, 'hex') !== payloadHash) throw otherPayload();
  return body;
}

function otherPayload(): SignatureFailure {
  return new SignatureFailure(
    'payload',
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
  );
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
