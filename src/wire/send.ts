import type { AnswerParts } from '../codec/aws/index.ts';
import type { CallResponse } from './call.ts';

/** Writes an answer. Resolves when its last byte is handed to the socket; a stream is read at the client's pace. */
export function sendAnswer(
  response: CallResponse,
  answer: AnswerParts,
  requestId: string,
  head: boolean,
): Promise<void> | void {
  const { headers, body, status } = answer;
  if (response.destroyed) return giveUp(body);
  headers['x-amzn-requestid'] = requestId;
  headers['x-amz-request-id'] = requestId;
  if (head) return endHead(response, status, headers, body);
  if (typeof body === 'string') {
    if (status !== 204 && status !== 304) headers['content-length'] = String(Buffer.byteLength(body));
    response.writeHead(status, headers);
    response.end(body);
  } else if (body instanceof Uint8Array) {
    headers['content-length'] = String(body.length);
    response.writeHead(status, headers);
    response.end(body);
  } else return stream(response, status, headers, body);
}

/** A HEAD has the headers of its GET, the length of the object among them, and no body. */
function endHead(
  response: CallResponse,
  status: number,
  headers: Record<string, string>,
  body: AnswerParts['body'],
): void {
  giveUp(body);
  response.writeHead(status, headers);
  response.end();
}

/** What nobody will read holds on to nothing: a file that is open, or waits to be removed. */
function giveUp(body: AnswerParts['body']): void {
  if (typeof body === 'string' || body instanceof Uint8Array) return;
  void body[Symbol.asyncIterator]()
    .return?.()
    .then(undefined, () => {});
}

async function stream(
  response: CallResponse,
  status: number,
  headers: Record<string, string>,
  body: AsyncIterable<Uint8Array>,
): Promise<void> {
  response.writeHead(status, headers);
  // Events may be long in coming; the client must know at once that its call was taken.
  response.flushHeaders();
  const iterator = body[Symbol.asyncIterator]();
  const room = new Room(response);
  // A source that waits for its next event hears of it by the call's signal; this ends one that is between two events.
  response.once('close', () => iterator.return?.().then(undefined, () => {}));
  try {
    for (;;) {
      const { done, value } = await iterator.next();
      if (done || room.gone) break;
      if (value.length === 0) continue;
      if (!response.write(value)) await room.wait();
      // Nothing waits: the kernel has it all. HTTP/2 may hold it for longer.
      if (isLent(body) && !('stream' in response) && !room.gone && response.writableLength === 0) body.release(value);
    }
    response.end();
  } catch (error) {
    // The head is out: all that can be said of an error now is to break off.
    response.destroy();
    throw error;
  }
}

/** A source that uses the memory of its pieces again. */
interface Lent {
  release(piece: Uint8Array): void;
}

function isLent(body: object): body is Lent {
  return 'release' in body;
}

/** Whether a response takes more bytes, with one listener for the life of the response. */
export class Room {
  gone = false;
  #wake: (() => void) | undefined;

  constructor(response: CallResponse) {
    response.on('drain', () => this.#wake?.());
    response.once('close', () => {
      this.gone = true;
      this.#wake?.();
    });
  }

  /** Resolves when there is room, or nobody to make any. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      if (this.gone) resolve();
      else this.#wake = resolve;
    });
  }
}
