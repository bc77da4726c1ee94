import type { IncomingMessage } from 'node:http';

/** A request's body. `too-large`: the rest is read and thrown away. `cut`: the connection ended within it. */
export type Body =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'too-large'; readonly length: number }
  | { readonly kind: 'cut' };

const EMPTY: Body = { kind: 'whole', bytes: Buffer.alloc(0) };

/**
 * Reads a request's body of at most `bytesMax`; calls `take` once, when it is whole, has ended, or is over the limit and read to
 * its end: a client that still writes would not see the answer.
 */
export function readBody(request: IncomingMessage, bytesMax: number, take: (body: Body) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  let taken = false;
  const end = (body: Body) => {
    if (taken) return;
    taken = true;
    take(body);
  };
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= bytesMax) chunks.push(chunk);
    else chunks.length = 0;
  });
  request.on('end', () => {
    if (length > bytesMax) end({ kind: 'too-large', length });
    else if (chunks.length === 0) end(EMPTY);
    else end({ kind: 'whole', bytes: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length) });
  });
  request.on('error', () => end({ kind: 'cut' }));
  request.on('close', () => end({ kind: 'cut' }));
}
