import { once } from 'node:events';
import type { AnswerParts } from '../codec/index.ts';
import type { HttpResponse } from './http.ts';

/** Writes an answer. Resolves when its last byte is handed to the socket; a stream is read at the client's pace. */
export function sendAnswer(
  response: HttpResponse,
  answer: AnswerParts,
  requestId: string,
  head: boolean,
): Promise<void> | void {
  if (response.destroyed) return;
  const { headers, body, status } = answer;
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
  response: HttpResponse,
  status: number,
  headers: Record<string, string>,
  body: AnswerParts['body'],
): void {
  if (typeof body === 'object' && Symbol.asyncIterator in body) void body[Symbol.asyncIterator]().return?.();
  response.writeHead(status, headers);
  response.end();
}

async function stream(
  response: HttpResponse,
  status: number,
  headers: Record<string, string>,
  body: AsyncIterable<Uint8Array>,
): Promise<void> {
  response.writeHead(status, headers);
  // Events may be long in coming; the client must know at once that its call was taken.
  response.flushHeaders();
  const closed = once(response, 'close');
  const iterator = body[Symbol.asyncIterator]();
  let gone = false;
  void closed.then(() => {
    gone = true;
    // Ends a source that waits for its next event, for nobody will read it.
    return iterator.return?.();
  });
  try {
    for (;;) {
      const { done, value } = await Promise.race([iterator.next(), closed.then(() => ENDED)]);
      if (done || gone) break;
      if (value.length > 0 && !response.write(value)) await Promise.race([once(response, 'drain'), closed]);
    }
    response.end();
  } catch (error) {
    // The head is out: all that can be said of an error now is to break off.
    response.destroy();
    throw error;
  }
}

const ENDED = { done: true, value: undefined } as const;
