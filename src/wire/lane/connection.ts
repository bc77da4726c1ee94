import type { Socket } from 'node:net';
import { DirectWriter, endReadShared, readShared } from '../../base/index.ts';
import { type PlainHead, readPlainHead } from '../../codec/http/index.ts';
import { WIRE_LIMITS } from '../limits.ts';
import { PassingBody } from './passing-body.ts';
import { LaneRequest, type RequestOwner } from './request.ts';
import { LaneResponse, type ResponseOwner } from './response.ts';

/** Answers, sooner or later. */
export type Serve = (request: LaneRequest, response: LaneResponse, socket: Socket) => void;

/** What a connection is served by. */
export interface LaneHost {
  readonly date: () => string;
  /** How often the lane has looked for connections that are silent for too long: their measure of time. */
  readonly ticks: number;
  /** No request comes after those that are under way. */
  readonly isClosing: boolean;
  /** Who answers the request with this head; what nobody does goes to Node with its connection. */
  serverOf(head: PlainHead): Serve | undefined;
  /** Node's HTTP server has the connection from now on; what was read of it is put back. */
  handOver(socket: Socket): void;
  closed(connection: LaneConnection): void;
}

/**
 * One connection on the fast lane.
 *
 *     idle -> reading the body -> answering -> idle ...      and from idle, once and for all, to Node's HTTP server
 *               `-> answered before its end -> closed
 *
 * While a request is answered, nothing more is read than one piece, which then waits: pipelining works, and is not fast. It waits as
 * well while answers have not gone out. Received bytes are good only while they are handled: what is kept of them is copied.
 */
export class LaneConnection implements ResponseOwner, RequestOwner {
  readonly socket: Socket;
  readonly #host: LaneHost;
  /** The one under way. */
  #request: LaneRequest | undefined;
  #response: LaneResponse | undefined;
  /** What came behind the request under way. */
  #behind: Buffer | undefined;
  /** When anything last came or was answered, by the host's ticks. */
  #activeAt: number;
  #headAt = 0;
  /** When the answer went out to a request that has not come whole. */
  #lingersSince: number | undefined;
  #isHandedOver = false;
  readonly #direct: DirectWriter;
  /** What arrives passes by the stream. */
  readonly #isReadShared: boolean;

  constructor(socket: Socket, host: LaneHost) {
    this.socket = socket;
    this.#host = host;
    this.#activeAt = host.ticks;
    this.#direct = new DirectWriter(socket);
    socket.on('end', this.#onEnd).on('drain', this.#onDrain).on('error', this.#onError).on('close', this.#onClose);
    this.#isReadShared = readShared(socket, this.#onData);
    if (!this.#isReadShared) socket.on('data', this.#onData);
  }

  /** @param first  what has come until now */
  begin(first: Buffer): void {
    // A listener does not start what was paused.
    this.socket.resume();
    this.#onData(first);
  }

  get idle(): boolean {
    return this.#request === undefined;
  }

  date = (): string => this.#host.date();

  /** Closes it when it has been silent for too long. */
  tick(now: number): void {
    const silentMs = (now - this.#activeAt) * WIRE_LIMITS.laneTickMs;
    if (this.#lingersSince !== undefined) {
      if ((now - this.#lingersSince) * WIRE_LIMITS.laneTickMs > WIRE_LIMITS.laneLingerMs) this.socket.destroy();
    } else if (this.idle) {
      // A client that still reads its answer is not silent, though nothing comes of it.
      const patienceMs = this.socket.writableLength > 0 ? WIRE_LIMITS.requestTimeoutMs : WIRE_LIMITS.keepAliveTimeoutMs;
      if (silentMs > patienceMs) this.socket.destroy();
    } else if (this.#waitsForBody) {
      const sinceHeadMs = (now - this.#headAt) * WIRE_LIMITS.laneTickMs;
      const isSilent = silentMs > WIRE_LIMITS.headersTimeoutMs && !this.#isBehind;
      if (isSilent || sinceHeadMs > WIRE_LIMITS.requestTimeoutMs) this.socket.destroy();
    } else if (this.socket.writableLength > 0 && silentMs > WIRE_LIMITS.requestTimeoutMs) this.socket.destroy();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    // Silence counts from here: until now nobody has listened.
    this.#activeAt = this.#host.ticks;
    this.socket.resume();
  }

  write(bytes: Uint8Array, sizeBytes: number): void {
    const taken = this.#direct.write(bytes, sizeBytes);
    if (taken < sizeBytes) this.socket.write(Buffer.from(bytes.subarray(taken, sizeBytes)));
  }

  ended(keep: boolean): void {
    const request = this.#request!;
    this.#response = undefined;
    this.#activeAt = this.#host.ticks;
    request.drop();
    if (!request.complete) return this.#linger();
    this.#request = undefined;
    if (!keep) return void this.socket.destroySoon();
    // Not deeper into the stack: there may be thousands of requests in one piece.
    if (this.#behind !== undefined) setImmediate(this.#goOn);
  }

  get closes(): boolean {
    return this.#waitsForBody || this.#host.isClosing;
  }

  get #waitsForBody(): boolean {
    return this.#request?.complete === false;
  }

  /** Who reads the body is, and not its client. */
  get #isBehind(): boolean {
    const body = this.#request?.body;
    return body instanceof PassingBody && body.isPaused;
  }

  /**
   * A connection that is closed while its client sends is reset, and the client may never see its answer: what comes, be it another
   * request, is thrown away until the client closes its side, though not for ever (RFC 9112, section 9.6).
   */
  #linger(): void {
    this.#lingersSince = this.#host.ticks;
    this.socket.end();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#lingersSince !== undefined) return;
    this.#activeAt = this.#host.ticks;
    const request = this.#request;
    if (request === undefined) return this.#hasRoom && !this.#behind ? this.#take(chunk) : this.#wait(chunk);
    const taken = request.complete ? 0 : request.body.push(chunk);
    if (taken < chunk.length) this.#wait(taken === 0 ? chunk : chunk.subarray(taken));
  };

  /** Who sends nothing more has gone, as with Node's server: long polls end by it. */
  readonly #onEnd = (): void => {
    this.socket.end();
  };

  readonly #onDrain = (): void => {
    this.#activeAt = this.#host.ticks;
    if (this.#response) this.#response.drained();
    else this.#goOn();
  };

  readonly #onError = (): void => {
    this.socket.destroy();
  };

  readonly #onClose = (): void => {
    const [request, response] = [this.#request, this.#response];
    this.#host.closed(this);
    request?.abort();
    response?.over();
  };

  /**
   * Whether one more request may be answered: not before the answers until now have gone out, for who sends and does not read would
   * fill the memory with them, and not on a connection that ends.
   */
  get #hasRoom(): boolean {
    return this.idle && this.socket.writable && !this.socket.writableNeedDrain;
  }

  /** Takes what waits, when it may. */
  readonly #goOn = (): void => {
    if (!this.#hasRoom) return;
    const behind = this.#behind;
    this.#behind = undefined;
    if (behind !== undefined) this.#take(behind);
    if (!this.#isHandedOver && this.#behind === undefined) this.socket.resume();
  };

  /** Bytes behind the request under way, or behind answers that nobody reads. */
  #wait(bytes: Buffer): void {
    this.#behind = this.#behind === undefined ? Buffer.from(bytes) : Buffer.concat([this.#behind, bytes]);
    this.socket.pause();
  }

  /** Takes bytes with which a request begins. */
  #take(bytes: Buffer): void {
    const head = readPlainHead(bytes);
    if (typeof head === 'string') return this.#handOver(bytes);
    const serve = this.#host.serverOf(head);
    if (!serve) return this.#handOver(bytes);
    const end = head.headBytes + head.bodyBytes;
    const request = new LaneRequest(head, bytes.subarray(head.headBytes, end), this);
    const response = new LaneResponse(this, head.method === 'HEAD');
    this.#request = request;
    this.#response = response;
    this.#headAt = this.#host.ticks;
    if (bytes.length > end) this.#wait(bytes.subarray(end));
    serve(request, response, this.socket);
  }

  #handOver(bytes: Buffer): void {
    const { socket } = this;
    this.#isHandedOver = true;
    socket.pause();
    if (this.#isReadShared) endReadShared(socket);
    else socket.off('data', this.#onData);
    socket.off('end', this.#onEnd).off('drain', this.#onDrain).off('error', this.#onError).off('close', this.#onClose);
    this.#host.closed(this);
    socket.unshift(Buffer.from(bytes));
    this.#host.handOver(socket);
    // Node's handler reads by listening, and a listener does not start what was paused.
    socket.resume();
  }
}
