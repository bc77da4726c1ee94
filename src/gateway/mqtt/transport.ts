/**
 * What carries the packets of one client: a socket, plain or TLS, or a WebSocket. The part of Node's `Duplex` that a connection needs,
 * in its meaning; every `Duplex` is one.
 */
export interface Transport {
  /** False once it has ended or is gone. */
  readonly writable: boolean;
  /** Bytes that are written and not yet with the kernel. */
  readonly writableLength: number;
  /** `bytes` may be changed again as soon as {@link writableLength} is 0. Only sockets are written to without `written`. */
  write(bytes: Uint8Array, written?: () => void): unknown;
  /** Closes once what was written is sent. */
  end(): unknown;
  destroy(): unknown;
  pause(): unknown;
  resume(): unknown;
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  /** `end`: the peer sends no more; `close`: it is over. */
  on(event: 'end' | 'close', listener: (this: Transport) => void): unknown;
}
