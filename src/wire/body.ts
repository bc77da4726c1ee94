import { DomainError } from '../base/index.ts';
import type { HttpRequest } from './http.ts';
import { WIRE_LIMITS } from './limits.ts';

/** - `body-too-large`: more than the service takes; - `body-aborted`: the client went away before the end;
 *  - `wire-busy`: too many bodies are held at the moment. Retry later. */
export type BodyErrorCode = 'body-too-large' | 'body-aborted' | 'wire-busy';

const EMPTY = Buffer.alloc(0);

/** Reads whole bodies into memory, within a budget over all requests. */
export class BodyReader {
  #heldBytes = 0;

  /** The body; held until `release` gets its length back. @throws BodyErrorCode */
  read(request: HttpRequest, bytesMax: number): Promise<Buffer> | Buffer {
    const announced = request.headers['content-length'];
    // Without a length, HTTP/1.1 has a body only when it is chunked; HTTP/2 tells by ending the stream.
    const none = announced === undefined && request.httpVersionMajor === 1 && !request.headers['transfer-encoding'];
    if (announced === '0' || none) return EMPTY;
    if (announced !== undefined && Number(announced) > bytesMax) return Promise.reject(tooLarge(bytesMax));
    return new Promise((resolve, reject) => this.#collect(request, bytesMax, resolve, reject));
  }

  release(body: Uint8Array): void {
    this.#heldBytes -= body.length;
  }

  #collect(
    request: HttpRequest,
    bytesMax: number,
    resolve: (body: Buffer) => void,
    reject: (error: Error) => void,
  ): void {
    let chunks: Buffer[] = [];
    let length = 0;
    let settled = false;
    const fail = (make: () => Error) => {
      if (settled) return;
      settled = true;
      this.#heldBytes -= length;
      chunks = [];
      reject(make());
    };
    request.on('data', (chunk: Buffer) => {
      if (settled) return;
      length += chunk.length;
      this.#heldBytes += chunk.length;
      chunks.push(chunk);
      if (length > bytesMax) fail(() => tooLarge(bytesMax));
      else if (this.#heldBytes > WIRE_LIMITS.bufferedBytesMax) fail(busy);
    });
    request.on('end', () => {
      if (settled) return;
      settled = true;
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length));
    });
    request.on('error', () => fail(aborted));
    request.on('close', () => fail(aborted));
  }
}

function tooLarge(bytesMax: number): DomainError<BodyErrorCode> {
  return new DomainError('body-too-large', `Request must be smaller than ${bytesMax} bytes`);
}

function busy(): DomainError<BodyErrorCode> {
  return new DomainError('wire-busy', 'Too many request bodies are held at the moment.', { remedy: 'retry' });
}

function aborted(): DomainError<BodyErrorCode> {
  return new DomainError('body-aborted', 'the client went away before the end of the body');
}
