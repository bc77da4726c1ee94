/*
 * Bodies in `aws-chunked` encoding, which S3's clients send:
 *
 *   hex size [;chunk-signature=64 hex] CRLF  data CRLF     any number of times
 *   0 [;chunk-signature=64 hex] CRLF                       the last one
 *   name:value CRLF ... [x-amz-trailer-signature:64 hex CRLF] CRLF     trailers, where announced
 *
 * Each chunk's signature covers the one before, so that the order is proven too. Data is handed on as it arrives; a signature
 * that does not fit ends the stream with an error, and what was stored until then must not become visible.
 */
import { createHash, createHmac, hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import { mismatch, SignatureFailure } from './sigv4.ts';

/** What the chunks are signed with; absent for `STREAMING-UNSIGNED-PAYLOAD-TRAILER`. */
export interface ChunkSigner {
  readonly key: KeyObject;
  /** `20260101T000000Z` */
  readonly time: string;
  /** `20260101/us-east-1/s3/aws4_request` */
  readonly scope: string;
  /** Signature of the request itself. */
  readonly seed: string;
}

/** Longest line of a chunk's head or a trailer (S5). */
const LINE_BYTES_MAX = 4096;
const TRAILERS_MAX = 32;
const EMPTY_HASH = hash('sha256', '', 'hex');

type Stage = 'head' | 'data' | 'data-end' | 'trailers' | 'done';

/** Decodes a body piece by piece; after `end` the trailers are there. */
export class ChunkedDecoder {
  readonly trailers = new Map<string, string>();
  readonly #signer: ChunkSigner | undefined;
  #stage: Stage = 'head';
  #line = '';
  #left = 0;
  #hash = createHash('sha256');
  #previous: string;
  #claimed = '';
  #trailerText = '';
  #trailerSignature: string | undefined;

  constructor(signer?: ChunkSigner) {
    this.#signer = signer;
    this.#previous = signer?.seed ?? '';
  }

  /** The data in `bytes`, as views of it. @throws SignatureFailure */
  push(bytes: Uint8Array): Uint8Array[] {
    const data: Uint8Array[] = [];
    let at = 0;
    while (at < bytes.length) at = this.#stage === 'data' ? this.#takeData(bytes, at, data) : this.#takeLine(bytes, at);
    return data;
  }

  /** Call when the body has ended. @throws SignatureFailure when it ended too early */
  end(): void {
    // Clients may leave out the empty line after the trailers.
    if (this.#stage === 'trailers' && this.#line === '') this.#endTrailers();
    if (this.#stage !== 'done') throw incomplete();
  }

  #takeData(bytes: Uint8Array, at: number, data: Uint8Array[]): number {
    const piece = bytes.subarray(at, at + this.#left);
    if (this.#signer) this.#hash.update(piece);
    data.push(piece);
    this.#left -= piece.length;
    if (this.#left === 0) {
      this.#endChunk();
      this.#stage = 'data-end';
    }
    return at + piece.length;
  }

  /** Reads up to a line feed; a line may arrive in pieces. */
  #takeLine(bytes: Uint8Array, at: number): number {
    if (this.#stage === 'done') throw incomplete();
    const feed = bytes.indexOf(10, at);
    const end = feed < 0 ? bytes.length : feed;
    if (this.#line.length + end - at > LINE_BYTES_MAX) throw incomplete();
    this.#line += Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at).toString('latin1');
    if (feed < 0) return end;
    if (!this.#line.endsWith('\r')) throw incomplete();
    const line = this.#line.slice(0, -1);
    this.#line = '';
    this.#onLine(line);
    return feed + 1;
  }

  #onLine(line: string): void {
    if (this.#stage === 'head') this.#beginChunk(line);
    else if (this.#stage === 'trailers') this.#takeTrailer(line);
    else if (line !== '') throw incomplete();
    else this.#stage = 'head';
  }

  #beginChunk(line: string): void {
    const match = /^([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line);
    if (!match || (this.#signer && match[2] === undefined)) throw incomplete();
    this.#claimed = match[2] ?? '';
    this.#left = Number.parseInt(match[1]!, 16);
    if (this.#left > 0) this.#stage = 'data';
    else {
      this.#endChunk();
      this.#stage = 'trailers';
    }
  }

  #endChunk(): void {
    if (!this.#signer) return;
    this.#prove('AWS4-HMAC-SHA256-PAYLOAD', `${EMPTY_HASH}\n${this.#hash.digest('hex')}`, this.#claimed);
    this.#hash = createHash('sha256');
  }

  #takeTrailer(line: string): void {
    if (line === '') return this.#endTrailers();
    const colon = line.indexOf(':');
    if (colon < 1 || this.trailers.size >= TRAILERS_MAX) throw incomplete();
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === 'x-amz-trailer-signature') this.#trailerSignature = value;
    else {
      this.trailers.set(name, value);
      this.#trailerText += `${name}:${value}\n`;
    }
  }

  #endTrailers(): void {
    if (this.#signer && this.#trailerText !== '') {
      this.#prove('AWS4-HMAC-SHA256-TRAILER', hash('sha256', this.#trailerText, 'hex'), this.#trailerSignature ?? '');
    }
    this.#stage = 'done';
  }

  #prove(algorithm: string, what: string, claimed: string): void {
    const { key, time, scope } = this.#signer!;
    const expected = createHmac('sha256', key)
      .update(`${algorithm}\n${time}\n${scope}\n${this.#previous}\n${what}`)
      .digest();
    const given = Buffer.from(claimed, 'hex');
    if (given.length !== expected.length || !timingSafeEqual(expected, given)) throw mismatch();
    this.#previous = claimed;
  }
}

function incomplete(): SignatureFailure {
  return new SignatureFailure('body', 'The request body is not in aws-chunked encoding, or terminated too early.');
}
