import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { assert, TextMemo } from '../../base/index.ts';
import type { CallResponse } from '../call.ts';
import { WIRE_LIMITS } from '../limits.ts';

type Headers = Record<string, string | string[]>;

/** The connection that a response goes out on. */
export interface ResponseOwner {
  readonly socket: Socket;
  /** Date of now, as the header has it. */
  readonly date: () => string;
  /** What is answered now ends the connection: the node closes, or more of the request is to come. */
  readonly closes: boolean;
  /** Sends the first bytes of these; they may be changed as soon as it returns. */
  write(bytes: Uint8Array, sizeBytes: number): void;
  /** The response is over: the next request may come, unless the connection is not to be kept. */
  ended(keep: boolean): void;
}

/** Bodies up to here are copied behind their head, so that both leave in one write. */
const JOINED_BYTES_MAX = 16 * 1024;
/** Where they are put together; text takes up to three bytes a character. */
const joined = Buffer.allocUnsafeSlow(64 * 1024);
const JOINED_TEXT_MAX = joined.length / 3;
const ASCII = /^[\t\x20-\x7e]*$/;
const LATIN = /^[\t\x20-\x7e\x80-\xff]*$/;
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** How the line of a header begins, by its name; nothing for what is no name. */
const LINES = new TextMemo((name) => (NAME.test(name) ? `${name}: ` : ''), { entriesMax: 1000, charactersMax: 100 });
const KEPT = `Connection: keep-alive\r\nKeep-Alive: timeout=${WIRE_LIMITS.keepAliveTimeoutMs / 1000}\r\n\r\n`;
const CLOSED = 'Connection: close\r\n\r\n';
const NO_LISTENERS: readonly (() => void)[] = [];
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
  readonly #isToHead: boolean;
  /** Header lines until they are sent. */
  #lines: string | undefined;
  #hasLength = false;
  #hasDate = false;
  #closes = false;
  #chunked = false;
  #isAscii = true;
  #isOver = false;
  #onClose: readonly (() => void)[] = NO_LISTENERS;
  #onDrain: readonly (() => void)[] = NO_LISTENERS;

  /** @param isToHead  it answers a HEAD */
  constructor(owner: ResponseOwner, isToHead: boolean) {
    this.#owner = owner;
    this.#isToHead = isToHead;
  }

  /** It ends with its head, whatever it is given: a body would be read as the next answer (RFC 9112, section 6.3). */
  get #isBodiless(): boolean {
    return this.#isToHead || this.statusCode === 204 || this.statusCode === 304;
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

  /** @throws TypeError, RangeError  nothing has been sent then, and another head may be written */
  writeHead(status: number, headers: Headers): void {
    if (!Number.isInteger(status) || status < 200 || status > 999) {
      throw new RangeError(`this is no status of an answer: ${status}`);
    }
    this.#lines = this.#linesOf(headers);
    this.#hasLength = headers['content-length'] !== undefined;
    this.#hasDate = headers.date !== undefined;
    this.statusCode = status;
    this.headersSent = true;
  }

  /** Sends the head alone: what follows comes in pieces. */
  flushHeaders(): void {
    this.#chunked = !this.#hasLength && !this.#isBodiless;
    const encoding = this.#chunked ? 'Transfer-Encoding: chunked\r\n' : '';
    this.#owner.socket.write(this.#head(encoding), 'latin1');
    this.#lines = undefined;
  }

  write(chunk: Uint8Array): boolean {
    const { socket } = this.#owner;
    if (this.#lines !== undefined) this.flushHeaders();
    // A chunk of nothing would be the last one.
    if (this.#isBodiless || chunk.length === 0) return true;
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
    if (this.#lines !== undefined) this.#sendWhole(body);
    else if (this.#chunked) this.#owner.socket.write(LAST_CHUNK, 'latin1');
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

  #sendWhole(body: string | Uint8Array = ''): void {
    const { socket } = this.#owner;
    if (this.#isBodiless) return void socket.write(this.#head(''), 'latin1');
    // What was to be streamed may turn out to be empty: nobody has said its length then.
    const head = this.#head(this.#hasLength ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`);
    if (typeof body === 'string') {
      if (!this.#isAscii) return this.#sendBytes(head, Buffer.from(body));
      const text = head + body;
      if (text.length > JOINED_TEXT_MAX) return void socket.write(text, 'utf8');
      return this.#owner.write(joined, joined.write(text, 'utf8'));
    }
    this.#sendBytes(head, body);
  }

  #sendBytes(head: string, body: Uint8Array): void {
    const { socket } = this.#owner;
    if (body.length <= JOINED_BYTES_MAX && head.length <= JOINED_BYTES_MAX) {
      joined.write(head, 0, 'latin1');
      joined.set(body, head.length);
      return this.#owner.write(joined, head.length + body.length);
    }
    socket.cork();
    socket.write(head, 'latin1');
    socket.write(body);
    socket.uncork();
  }

  /** @param framing  how the body is told from what follows, where the headers do not say it */
  #head(framing: string): string {
    const status = this.statusCode;
    const date = this.#hasDate ? '' : `Date: ${this.#owner.date()}\r\n`;
    this.#closes ||= this.#owner.closes;
    const connection = this.#closes ? CLOSED : KEPT;
    return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n${this.#lines}${date}${framing}${connection}`;
  }

  #linesOf(headers: Headers): string {
    let lines = '';
    for (const name in headers) {
      const value = headers[name]!;
      if (typeof value !== 'string') for (const one of value) lines += this.#line(name, one);
      else if (name === 'connection') this.#closes ||= value.toLowerCase() === 'close';
      else lines += this.#line(name, value);
    }
    return lines;
  }

  #line(name: string, value: string): string {
    const isAscii = ASCII.test(value);
    if (!isAscii) this.#isAscii = false;
    const begin = LINES.get(name);
    if (begin === '' || (!isAscii && !LATIN.test(value))) {
      throw new TypeError(`this is no header: ${JSON.stringify(name)}`);
    }
    return `${begin}${value}\r\n`;
  }
}
