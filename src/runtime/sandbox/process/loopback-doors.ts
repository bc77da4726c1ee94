import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { InternalError } from '../../../base/index.ts';
import type { Door } from '../sandbox.ts';

/** Doors of an engine without a network of its own: listeners on the machine's loopback, each on a free port. */
export class LoopbackDoors {
  readonly #servers = new Map<string, Server>();
  readonly #held = new Map<string, Socket[]>();

  constructor(doors: readonly Door[]) {
    for (const { name } of doors) {
      const held: Socket[] = [];
      const server = createServer({ pauseOnConnect: true }, (socket) => void held.push(socket));
      server.on('error', () => {});
      server.listen(0, '127.0.0.1');
      server.unref();
      this.#servers.set(name, server);
      this.#held.set(name, held);
    }
  }

  addressOf(door: string): string {
    const { port } = this.#serverOf(door).address() as AddressInfo;
    return `127.0.0.1:${port}`;
  }

  accept(door: string, take: (socket: Socket) => void): void {
    const server = this.#serverOf(door);
    const admit = (socket: Socket) => {
      take(socket);
      socket.resume();
    };
    server.removeAllListeners('connection').on('connection', admit);
    for (const socket of this.#held.get(door)!.splice(0)) admit(socket);
  }

  close(): void {
    for (const server of this.#servers.values()) server.close();
  }

  #serverOf(door: string): Server {
    const server = this.#servers.get(door);
    if (!server) throw new InternalError(`no door ${door}`);
    return server;
  }
}
