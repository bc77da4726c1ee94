import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { assert } from '../../base/index.ts';
import type { CallResponse } from '../call.ts';
import { WIRE_LIMITS } from '../limits.ts';

type Headers = Record<string, string | string[]>;

/** The connection that a response goes out on. */
export interface ResponseOwner {
  readonly socket: Socket;
  /** Date of now, as the header has it. */
  readonly date: () => string;
  /** The response is over: the next request may come, unless the connection is not to be kept. */
  ended(keep: boolean): void;
}

/** Bodies up to here are copied behind their head, so that both leave in one write. */
const JOINED_BYTES_MAX = 16 * 1024;
const ASCII = /^[\t\x20-\x7e]*$/;
const LATIN = /^[\t\x20-\x7e\x80-\xff]*$/;
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const KEPT = `Connection: keep-alive\r\nKeep-Alive: timeout=${WIRE_LIMITS.keepAliveTimeoutMs / 1000}\r\n\r\n`;
const CLOSED = 'Connection: close\r\n\r\n';
const NO_LISTENERS: readonly (() => void)[] = [];
/** Statuses of answers that have no body, and no length of one. */
const BODILESS: ReadonlySet<number> = new Set([204, 304]);
const LAST_CHUNK = '0\r\n\r\n';

/**
 * The answer to a request of the fast lane. Head and body leave in one write where the body is whole; what comes in pieces is sent
 * in chunks, unless its length is given.
 */
export class LaneResponse implements CallResponse {
  statusCode = 200;
  headersSent = false;
  writableEnded = false;
  readonly #owner: ResponseOwner;
  readonly #isHead: boolean;
  #headers: Headers | undefined;
  #closes = false;
  #chunked = false;
  #isAscii = true;
  #isOver = false;
  #onClose: readonly (() => void)[] = NO_LISTENERS;
  #onDrain: readonly (() => void)[] = NO_LISTENERS;

  /** @param isHead  of a request that is answered without a body */
  constructor(owner: ResponseOwner, isHead = false) {
    this.#owner = owner;
    this.#isHead = isHead;
  }

  /** Nothing reaches the client any more. */
  get destroyed(): boolean {
    return this.#isOver || !this.#owner.socket.writable;
  }

  get writableLength(): number {
    return this.#owner.socket.writableLength;
  }

  setHeader(name: string, value: string): void {
    assert(name === 'connection' && value === 'close', `header ${name} goes with the head`);
    this.#closes = true;
  }

  writeHead(status: number, headers: Headers): void {
    this.statusCode = status;
    this.#headers = headers;
    this.headersSent = true;
  }

  /** Sends the head alone: what follows comes in pieces. */
  flushHeaders(): void {
    const headers = this.#headers!;
    this.#headers = undefined;
    this.#chunked = headers['content-length'] === undefined;
    const encoding = this.#chunked ? 'Transfer-Encoding: chunked\r\n' : '';
    this.#owner.socket.write(this.#head(headers, encoding), 'latin1');
  }

  write(chunk: Uint8Array): boolean {
    const { socket } = this.#owner;
    if (this.#headers) this.flushHeaders();
    if (this.#isHead) return true;
    if (!this.#chunked) return socket.write(chunk);
    socket.cork();
    socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
    socket.write(chunk);
    const hasRoom = socket.write('\r\n', 'latin1');
    socket.uncork();
    return hasRoom;
  }

  end(body?: string | Uint8Array): void {
    if (this.writableEnded || this.destroyed) return;
    this.writableEnded = true;
    if (this.#headers) this.#sendWhole(this.#headers, this.#isHead ? '' : body);
    else if (this.#chunked && !this.#isHead) this.#owner.socket.write(LAST_CHUNK, 'latin1');
    this.#owner.ended(!this.#closes);
    this.over();
  }

  destroy(): void {
    this.#owner.socket.destroy();
    this.over();
  }

  on(event: 'drain' | 'close', listener: () => void): void {
    if (event === 'drain') this.#onDrain = [...this.#onDrain, listener];
    else this.once(event, listener);
  }

  once(event: 'drain' | 'close', listener: () => void): void {
    if (event === 'drain') return this.on(event, listener);
    if (this.#isOver) process.nextTick(listener);
    else this.#onClose = [...this.#onClose, listener];
  }

  /** The socket has room again. */
  drained(): void {
    for (const listener of this.#onDrain) listener();
  }

  /** Nothing more is to come of it: it has ended, or its connection is gone. */
  over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const listener of this.#onClose) listener();
  }

  #sendWhole(headers: Headers, body: string | Uint8Array = ''): void {
    const { socket } = this.#owner;
    const head = this.#head(headers, this.#lengthOf(headers, body));
    if (typeof body === 'string') {
      if (this.#isAscii) return void socket.write(head + body, 'utf8');
      return this.#sendBytes(head, Buffer.from(body));
    }
    this.#sendBytes(head, body);
  }

  /** How long a body is of which nobody has said it: where there may be one. */
  #lengthOf(headers: Headers, body: string | Uint8Array): string {
    if (headers['content-length'] !== undefined || this.#isHead || BODILESS.has(this.statusCode)) return '';
    return `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  }

  #sendBytes(head: string, body: Uint8Array): void {
    const { socket } = this.#owner;
    if (body.length <= JOINED_BYTES_MAX) {
      const whole = Buffer.allocUnsafe(head.length + body.length);
      whole.write(head, 0, 'latin1');
      whole.set(body, head.length);
      return void socket.write(whole);
    }
    socket.cork();
    socket.write(head, 'latin1');
    socket.write(body);
    socket.uncork();
  }

  /** @param framing  how the body is told from what follows, where the headers do not say it */
  #head(headers: Headers, framing: string): string {
    const status = this.statusCode;
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`;
    for (const name in headers) {
      const value = headers[name]!;
      if (typeof value !== 'string') for (const one of value) head += this.#line(name, one);
      else if (name === 'connection') this.#closes ||= value.toLowerCase() === 'close';
      else head += this.#line(name, value);
    }
    // What stands behind an API may tell the time itself.
    const date = headers.date === undefined ? `Date: ${this.#owner.date()}\r\n` : '';
    return `${head}${date}${framing}${this.#closes ? CLOSED : KEPT}`;
  }

  #line(name: string, value: string): string {
    if (!ASCII.test(value)) this.#isAscii = false;
    if (!NAME.test(name) || !LATIN.test(value)) throw new TypeError(`this is no header: ${JSON.stringify(name)}`);
    return `${name}: ${value}\r\n`;
  }
}
