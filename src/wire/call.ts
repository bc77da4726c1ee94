import type { IncomingHttpHeaders } from 'node:http';

/** A request as the dispatcher needs it: one of Node's, or one of the fast lane. */
export interface CallRequest extends AsyncIterable<Uint8Array> {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** Name and value in turn, as they came; absent where {@link headers} have them all. */
  readonly rawHeaders?: readonly string[];
  readonly httpVersionMajor: number;
  /** Where it comes from; without an address where a function calls through its door. */
  readonly socket: { readonly remoteAddress?: string | undefined; readonly encrypted?: boolean };
  /** All of it has come. */
  readonly complete: boolean;
  /** Takes back the memory of a chunk that nobody needs any more; absent where a chunk may share it with other requests'. */
  reuse?(memory: ArrayBufferLike): void;
}

/** Its response, likewise. */
export interface CallResponse {
  readonly statusCode: number;
  readonly headersSent: boolean;
  readonly destroyed: boolean;
  readonly writableEnded: boolean;
  /** Bytes that the kernel has not taken yet. */
  readonly writableLength: number;
  setHeader(name: string, value: string): unknown;
  /** @param headers  values of one name are several header lines */
  writeHead(status: number, headers: Record<string, string | string[]>): unknown;
  flushHeaders(): void;
  /** False when there is no room left; `drain` tells of it. */
  write(chunk: Uint8Array): boolean;
  end(body?: string | Uint8Array): unknown;
  destroy(): unknown;
  /** `close` comes once, after the end too. */
  on(event: 'drain' | 'close', listener: () => void): unknown;
  once(event: 'drain' | 'close', listener: () => void): unknown;
}
