import { DomainError } from '../base/index.ts';
import { aborted, type BodyErrorCode } from './body-errors.ts';
import type { CallRequest } from './call.ts';
import { Gathered } from './gathered.ts';
import type { HttpRequest } from './http.ts';
import { HeldBody } from './lane/held-body.ts';
import type { PassingBody } from './lane/passing-body.ts';
import { LaneRequest } from './lane/request.ts';
import { WIRE_LIMITS } from './limits.ts';

const EMPTY = Buffer.alloc(0);

/** Reads whole bodies into memory, within a budget over all requests. */
export class BodyReader {
  #heldBytes = 0;

  /** The body; held until `release` gets its length back. @throws BodyErrorCode */
  read(request: CallRequest, bytesMax: number): Promise<Buffer> | Buffer {
    if (!(request instanceof LaneRequest)) return this.#readStream(request as HttpRequest, bytesMax);
    const { body } = request;
    if (body.sizeBytes > bytesMax) return Promise.reject(tooLarge(bytesMax));
    return body instanceof HeldBody ? this.#readHeld(body) : this.#readPassing(body);
  }

  release(body: Uint8Array): void {
    this.#heldBytes -= body.length;
  }

  /** What has come of it counts: what was only announced takes nobody's room. */
  #readHeld(held: HeldBody): Promise<Buffer> | Buffer {
    let length = 0;
    const hold = (bytes: number) => {
      if (this.#heldBytes + bytes > WIRE_LIMITS.bufferedBytesMax) throw busy();
      this.#heldBytes += bytes;
      length += bytes;
    };
    try {
      hold(held.arrivedBytes);
    } catch (error) {
      return Promise.reject(error);
    }
    const body = held.whole(hold);
    if (body instanceof Promise) body.catch(() => (this.#heldBytes -= length));
    return body;
  }

  async #readPassing(passing: PassingBody): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    let length = 0;
    try {
      for await (const piece of passing) {
        length += piece.length;
        this.#heldBytes += piece.length;
        pieces.push(piece);
        if (this.#heldBytes > WIRE_LIMITS.bufferedBytesMax) throw busy();
      }
      return Buffer.concat(pieces, length);
    } catch (error) {
      this.#heldBytes -= length;
      throw error;
    } finally {
      for (const { buffer } of pieces) passing.reuse(buffer);
    }
  }

  #readStream(request: HttpRequest, bytesMax: number): Promise<Buffer> | Buffer {
    const announced = request.headers['content-length'];
    // Without a length, HTTP/1.1 has a body only when it is chunked; HTTP/2 tells by ending the stream.
    const none = announced === undefined && request.httpVersionMajor === 1 && !request.headers['transfer-encoding'];
    if (announced === '0' || none) return EMPTY;
    if (announced !== undefined && Number(announced) > bytesMax) return Promise.reject(tooLarge(bytesMax));
    return new Promise((resolve, reject) => this.#collect(request, bytesMax, resolve, reject));
  }

  #collect(
    request: HttpRequest,
    bytesMax: number,
    resolve: (body: Buffer) => void,
    reject: (error: Error) => void,
  ): void {
    let gathered = new Gathered();
    let settled = false;
    const fail = (make: () => Error) => {
      if (settled) return;
      settled = true;
      this.#heldBytes -= gathered.sizeBytes;
      gathered = new Gathered();
      reject(make());
    };
    request.on('data', (chunk: Buffer) => {
      if (settled) return;
      this.#heldBytes += chunk.length;
      gathered.add(chunk);
      if (gathered.sizeBytes > bytesMax) fail(() => tooLarge(bytesMax));
      else if (this.#heldBytes > WIRE_LIMITS.bufferedBytesMax) fail(busy);
    });
    request.on('end', () => {
      if (settled) return;
      settled = true;
      resolve(gathered.whole());
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
