/*
 * The port that serves every AWS API: HTTP/1.1 and HTTP/2 without TLS, told apart by the first bytes of a connection.
 *
 * Life: created -> listening -> draining -> closed. While it drains, new connections are refused, long polls and streams are ended
 * through their signal, and requests in flight are waited for; after the deadline their connections are cut.
 */
import { createServer, type Server } from 'node:http';
import {
  createServer as createHttp2Server,
  type Http2Server,
  Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Clock, DomainError, type Random } from '../base/index.ts';
import type { Credentials, Service } from '../services/index.ts';
import type { Logger, Metrics, Spans } from '../telemetry/index.ts';
import { Authenticator } from './authenticate.ts';
import type { CallRequest, CallResponse } from './call.ts';
import { type Audit, type Authorize, Dispatcher } from './dispatch.ts';
import {
  authorityOf,
  type ClaimedHead,
  claimRoute,
  type DeviceDoor,
  type ExtraRoute,
  type HttpRequest,
  type HttpResponse,
  hostName,
  refuseUpgrade,
  type UpgradeRoute,
} from './http.ts';
import type { Serve } from './lane/connection.ts';
import { Lane } from './lane/lane.ts';
import type { LaneRequest } from './lane/request.ts';
import type { LaneResponse } from './lane/response.ts';
import { WIRE_LIMITS } from './limits.ts';
import { foreignHost, foreignTo, isLoopback } from './loopback.ts';
import { sniff } from './sniff.ts';

export interface WireOptions {
  readonly services: readonly Service[];
  readonly credentials: Credentials;
  /** `dev` accepts any credentials, or none, and listens on loopback only; `secured` proves every caller. */
  readonly mode: 'dev' | 'secured';
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Where calls are traced whose caller traces; absent traces none. */
  readonly spans?: Spans;
  /** Asked for every call in the order of decoding; absent allows whoever was authenticated. */
  readonly authorize?: Authorize;
  /** Absent keeps no record of who did what. */
  readonly audit?: Audit;
  /** The first that claims a path has it, before any AWS API. */
  readonly extraRoutes?: readonly ExtraRoute[];
  /** WebSockets that the port itself takes. */
  readonly upgrades?: UpgradeRoute;
}

export interface WireAddress {
  readonly host: string;
  readonly port: number;
  /** `http://127.0.0.1:4566` */
  readonly url: string;
}

/** - `address-in-use`, `address-not-available`: as the system says;
 *  - `insecure-listen`: `dev` was asked to listen where others could reach it. */
export type ListenErrorCode = 'address-in-use' | 'address-not-available' | 'insecure-listen';

export interface WireServer extends AsyncDisposable {
  /** Port 0 means any free one. @throws ListenErrorCode */
  listen(host: string, port: number): Promise<WireAddress>;
  /**
   * Serves a connection that comes out of a function's sandbox: AWS APIs, and of the extra routes those that are for functions.
   * What its addresses say of it is the sandbox's, not this machine's. Draining takes them as long as anything is in flight.
   */
  accept(socket: Socket): void;
  /** Serves a connection of a device, HTTP/1.1 without further ado: what the door opens to, and nothing else. */
  acceptDevice(socket: Socket, door: DeviceDoor): void;
  /** Drains and closes; resolves when the last connection is gone. Calling it again is safe. */
  close(deadlineMs?: number): Promise<void>;
  /** Requests that are being answered. */
  readonly inFlight: number;
}

/** Makes a server that does not listen yet. */
export function createWireServer(options: WireOptions): WireServer {
  return new Wire(options);
}

class Wire implements WireServer {
  readonly #options: WireOptions;
  readonly #draining = new AbortController();
  readonly #dispatcher: Dispatcher;
  readonly #http: Server;
  readonly #http2: Http2Server;
  /** Likewise, for connections out of sandboxes: those of HTTP/2 hide their socket. */
  readonly #sandboxHttp2: Http2Server;
  readonly #fromSandboxes = new WeakSet<Socket>();
  readonly #doors = new WeakMap<Duplex, DeviceDoor>();
  readonly #lane: Lane;
  /** Who answers on the fast lane, by the route that claims a request; by none for the AWS APIs. */
  readonly #laneServers = new Map<ExtraRoute | undefined, Serve>();
  #takeHttp1: (socket: Socket) => void = () => {};
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #inFlight = 0;
  #onIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  /** Nothing is answered any more: until then what is in flight may be an invocation, whose function calls the node. */
  #drained = false;

  constructor(options: WireOptions) {
    this.#options = options;
    const { credentials, mode, clock } = options;
    const authenticator = new Authenticator({ credentials, secured: mode === 'secured', now: () => clock.now() });
    this.#dispatcher = new Dispatcher({
      ...options,
      authorize: options.authorize,
      audit: options.audit,
      spans: options.spans,
      authenticator,
      proving: new Authenticator({ credentials, secured: true, now: () => clock.now() }),
      draining: this.#draining.signal,
    });
    this.#http = createServer({
      headersTimeout: WIRE_LIMITS.headersTimeoutMs,
      requestTimeout: WIRE_LIMITS.requestTimeoutMs,
      keepAliveTimeout: WIRE_LIMITS.keepAliveTimeoutMs,
      maxHeaderSize: WIRE_LIMITS.headerBytesMax,
      noDelay: true,
      // Others ask as well, for HTTP/2 mostly: they are answered in HTTP/1.1.
      shouldUpgradeCallback: (request) => this.#mayUpgrade(request),
    });
    const settings = {
      maxConcurrentStreams: WIRE_LIMITS.streamsPerConnectionMax,
      maxHeaderListSize: WIRE_LIMITS.headerBytesMax,
    };
    this.#http2 = createHttp2Server({ settings, Http2ServerResponse: StreamResponse });
    this.#sandboxHttp2 = createHttp2Server({ settings, Http2ServerResponse: StreamResponse });
    for (const route of [undefined, ...(options.extraRoutes ?? [])]) {
      if (route && !route.handlePlain) continue;
      this.#laneServers.set(
        route,
        (request, response, socket) => void this.#takeFast(request, response, socket, route),
      );
    }
    this.#lane = new Lane({
      clock,
      serverOf: (head) => this.#laneServers.get(this.#claimed(head)),
      handOver: (socket) => this.#takeHttp1.call(this.#http, socket),
    });
    this.#connect();
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  async listen(host: string, port: number): Promise<WireAddress> {
    if (this.#options.mode === 'dev' && !isLoopback(host)) {
      throw new DomainError(
        'insecure-listen',
        `refusing to listen on ${host}: without authentication only loopback is allowed`,
      );
    }
    await new Promise<void>((resolve, reject) => {
      this.#http.once('error', (error) => reject(listenError(error, host, port)));
      this.#http.listen({ host, port, backlog: 1024 }, resolve);
    });
    this.#http.removeAllListeners('error');
    this.#http.on('error', (error) => this.#options.logger.error('wire-listener-failed', { error }));
    const bound = this.#http.address() as AddressInfo;
    const shown = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
    return { host: bound.address, port: bound.port, url: `http://${shown}:${bound.port}` };
  }

  close(deadlineMs: number = WIRE_LIMITS.drainMs): Promise<void> {
    this.#closing ??= this.#drain(deadlineMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  accept(socket: Socket): void {
    if (this.#drained || this.#sockets.size >= WIRE_LIMITS.connectionsMax) return void socket.destroy();
    this.#fromSandboxes.add(socket);
    socket.setNoDelay(true);
    this.#http.emit('connection', socket);
  }

  acceptDevice(socket: Socket, door: DeviceDoor): void {
    if (this.#drained || this.#sockets.size >= WIRE_LIMITS.connectionsMax) return void socket.destroy();
    this.#doors.set(socket, door);
    this.#keep(socket);
    this.#takeHttp1.call(this.#http, socket);
  }

  /** Node's own connection handler takes HTTP/1.1 connections once they are known to be that. */
  #connect(): void {
    const [takeHttp1] = this.#http.listeners('connection') as ((socket: Socket) => void)[];
    this.#takeHttp1 = takeHttp1!;
    this.#http.removeAllListeners('connection');
    this.#http.maxConnections = WIRE_LIMITS.connectionsMax;
    this.#http.on('connection', (socket: Socket) => {
      this.#keep(socket);
      const http2 = this.#fromSandboxes.has(socket) ? this.#sandboxHttp2 : this.#http2;
      sniff(socket, this.#options.clock, {
        http1: (first) => this.#lane.take(socket, first),
        http2: () => http2.emit('connection', socket),
      });
    });
    this.#http.on('request', (request, response) => {
      void this.#take(request, response, this.#fromSandboxes.has(request.socket));
    });
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#connectHttp2(this.#http2, false);
    this.#connectHttp2(this.#sandboxHttp2, true);
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #mayUpgrade({ headers, socket, url = '' }: HttpRequest): boolean {
    if (headers.upgrade?.toLowerCase() !== 'websocket') return false;
    if (this.#doors.has(socket)) return true;
    return !this.#fromSandboxes.has(socket) && url.split('?', 1)[0] === this.#options.upgrades?.path;
  }

  #upgrade(request: HttpRequest, socket: Duplex, head: Buffer): void {
    const door = this.#doors.get(socket);
    if (door) return door.upgrade(request, socket, head);
    const foreign = this.#options.mode === 'dev' ? foreignTo(request) : undefined;
    if (foreign === undefined) return this.#options.upgrades!.handle(request, socket, head);
    refuseUpgrade(socket, 403, foreign);
  }

  #connectHttp2(server: Http2Server, fromSandbox: boolean): void {
    server.on('request', (request, response) => {
      void this.#take(request as unknown as HttpRequest, response as unknown as HttpResponse, fromSandbox);
    });
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.once('close', () => this.#sessions.delete(session));
      if (this.#closing !== undefined && !fromSandbox) session.close();
    });
    server.on('sessionError', (error) => this.#options.logger.debug('wire-session-error', { error }));
  }

  async #take(request: HttpRequest, response: HttpResponse, fromSandbox: boolean): Promise<void> {
    this.#inFlight++;
    request.on('error', () => {});
    response.on('error', () => {});
    if (this.#closing !== undefined && request.httpVersionMajor === 1) response.setHeader('connection', 'close');
    try {
      await this.#answer(request, response, fromSandbox);
    } catch (error) {
      this.#options.logger.error('wire-request-failed', { path: request.url?.split('?')[0], error });
      response.destroy();
    } finally {
      if (--this.#inFlight === 0) this.#onIdle?.();
    }
  }

  /** A request of the fast lane. @param route  that claims it */
  async #takeFast(
    request: LaneRequest,
    response: LaneResponse,
    socket: Socket,
    route: ExtraRoute | undefined,
  ): Promise<void> {
    this.#inFlight++;
    try {
      const refused = this.#refusalOf(request, this.#fromSandboxes.has(socket), route);
      if (refused !== undefined) refuse(response, refused);
      else if (route) await this.#handled(request, response, () => route.handlePlain!(request, response));
      else await this.#dispatcher.handle(request, response);
    } catch (error) {
      this.#options.logger.error('wire-request-failed', { path: request.url.split('?')[0], error });
      response.destroy();
    } finally {
      if (--this.#inFlight === 0) this.#onIdle?.();
    }
  }

  /** The extra route that a request is for. */
  #claimed(request: ClaimedHead): ExtraRoute | undefined {
    const { extraRoutes = [] } = this.#options;
    if (extraRoutes.length === 0) return undefined;
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    return claimRoute(extraRoutes, mark < 0 ? url : url.slice(0, mark), hostName(authorityOf(request)), request);
  }

  async #answer(request: HttpRequest, response: HttpResponse, fromSandbox: boolean): Promise<void> {
    const door = this.#doors.get(request.socket);
    if (door) return this.#dispatcher.handleDevice(request, response, door);
    const route = this.#claimed(request);
    const refused = this.#refusalOf(request, fromSandbox, route);
    if (refused !== undefined) return refuse(response, refused);
    if (!route) return this.#dispatcher.handle(request, response);
    await this.#handled(request, response, () =>
      route.handle(request, response, () => this.#dispatcher.handle(request, response)),
    );
  }

  /** Why nobody answers a request; `undefined` where somebody does. */
  #refusalOf(request: CallRequest, fromSandbox: boolean, route: ExtraRoute | undefined): string | undefined {
    if (this.#options.mode === 'dev') {
      const foreign = route?.crossOrigin ? foreignHost(request) : foreignTo(request);
      if (foreign !== undefined) return foreign;
    }
    return fromSandbox && route && !route.forFunctions ? `${route.prefix} is not open to functions.` : undefined;
  }

  async #handled(request: CallRequest, response: CallResponse, handle: () => void | Promise<void>): Promise<void> {
    try {
      await handle();
    } catch (error) {
      this.#options.logger.error('extra-route-failed', { path: request.url?.split('?')[0], error });
      if (response.headersSent) response.destroy();
      else {
        response.writeHead(500, { 'content-type': 'application/json', 'content-length': '28' });
        response.end('{"message":"Internal error"}');
      }
    }
  }

  async #drain(deadlineMs: number): Promise<void> {
    const closed = this.#http.listening
      ? new Promise<void>((resolve) => this.#http.close(() => resolve()))
      : Promise.resolve();
    this.#draining.abort(new DOMException('the node drains', 'AbortError'));
    for (const session of this.#sessions) session.close();
    this.#http.closeIdleConnections();
    this.#lane.close();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const deadline = this.#options.clock.timer(deadlineMs, resolve);
    await Promise.race([this.#idle(), late]);
    this.#drained = true;
    this.#http.closeIdleConnections();
    await Promise.race([this.#sent(), late]);
    deadline.cancel();
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Resolves when nothing is in flight. */
  #idle(): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      // The last answer is still on its way to its socket.
      this.#onIdle = () => setImmediate(resolve);
    });
  }

  /** Resolves when the last answers have left, however slowly their clients read. */
  async #sent(): Promise<void> {
    const sending = [...this.#sockets].filter((socket) => !socket.destroyed && socket.writableLength > 0);
    const closed = [...sending, ...this.#sessions].map((one) => new Promise((resolve) => one.once('close', resolve)));
    for (const socket of sending) socket.destroySoon();
    for (const session of this.#sessions) session.close();
    await Promise.all(closed);
  }
}

/** Says, as those of HTTP/1.1 do and Node's types promise, that its client is gone: for who comes too late for `close`. */
class StreamResponse extends Http2ServerResponse {
  static {
    Object.defineProperty(StreamResponse.prototype, 'destroyed', {
      get(this: Http2ServerResponse) {
        return this.stream.destroyed;
      },
    });
  }
}

function refuse(response: CallResponse, message: string): void {
  const body = JSON.stringify({ __type: 'AccessDeniedException', message });
  const length = String(Buffer.byteLength(body));
  const type = 'AccessDeniedException';
  response.writeHead(403, { 'content-type': 'application/json', 'x-amzn-errortype': type, 'content-length': length });
  response.end(body);
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code === 'EADDRINUSE') {
    return new DomainError('address-in-use', `${host}:${port} is in use by another process`, { cause: error });
  }
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') {
    return new DomainError('address-not-available', `${host} is no address of this machine`, { cause: error });
  }
  return error;
}
