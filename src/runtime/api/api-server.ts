import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { API_LIMITS } from './limits.ts';

/** What serves the requests of one environment. */
export interface ApiHandler {
  handle(request: IncomingMessage, response: ServerResponse): void;
}

/**
 * The HTTP server of all environments. It listens nowhere: each environment's connections are handed to it, so that a request
 * can only be one of the environment whose door it came through.
 */
export class ApiServer {
  readonly #server: Server;
  readonly #handlers = new WeakMap<Socket, ApiHandler>();
  /** Connections of each environment. */
  readonly #connections = new WeakMap<ApiHandler, number>();

  constructor() {
    // No time limits: a frozen environment finishes its request when it is thawed. What it may hold open is limited by number.
    this.#server = createServer({ keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0 }, (request, response) => {
      this.#handlers.get(request.socket)?.handle(request, response);
    });
  }

  /** Serves one connection of an environment until it closes. */
  serve(socket: Socket, handler: ApiHandler): void {
    const open = (this.#connections.get(handler) ?? 0) + 1;
    if (open > API_LIMITS.connectionsMax) return void socket.destroy();
    this.#connections.set(handler, open);
    this.#handlers.set(socket, handler);
    socket.setNoDelay(true);
    socket.on('close', () => this.#connections.set(handler, this.#connections.get(handler)! - 1));
    this.#server.emit('connection', socket);
  }
}
