import type { Socket as DatagramSocket } from 'node:dgram';
import { createServer, Server, type Socket } from 'node:net';
import { InternalError } from '../../base/index.ts';
import { SANDBOX_LIMITS } from './limits.ts';
import type { Door } from './sandbox.ts';

/** What a sandbox hands over for a door. */
export type DoorHandle = Server | DatagramSocket;

/** The node's side of a sandbox's doors, however their listeners came about. */
export class Doors {
  readonly #entrances = new Map<string, Entrance | Letterbox>();

  constructor(doors: readonly Door[]) {
    for (const door of doors)
      this.#entrances.set(door.name, door.protocol === 'udp' ? new Letterbox(door) : new Entrance(door));
  }

  /** Whether every door that the node must serve has its listener. */
  get complete(): boolean {
    return this.#entrances.values().every(({ open }) => open);
  }

  has(name: string): boolean {
    return this.#entrances.has(name);
  }

  /** @returns host and port, as the processes of the sandbox reach it */
  addressOf(name: string): string {
    return this.#of(name).address;
  }

  accept(name: string, take: (socket: Socket) => void): void {
    const entrance = this.#of(name);
    if (entrance instanceof Letterbox) throw new InternalError(`door ${name} takes datagrams`);
    entrance.accept(take);
  }

  receive(name: string, take: (datagram: Buffer) => boolean): void {
    const letterbox = this.#of(name);
    if (letterbox instanceof Entrance) throw new InternalError(`door ${name} takes connections`);
    letterbox.receive(take);
  }

  /** Takes over what the sandbox has made. @returns false for a door that nobody asked for, or that is open already */
  hand(name: unknown, handle: DoorHandle): boolean {
    const entrance = typeof name === 'string' ? this.#entrances.get(name) : undefined;
    if (!entrance || entrance.open) return false;
    if (entrance instanceof Entrance !== handle instanceof Server) return false;
    entrance.serve(handle as Server & DatagramSocket);
    return true;
  }

  /** Opens a listener of the node's own for each door, on a free port of the machine's loopback. */
  openOnHost(): void {
    for (const entrance of this.#entrances.values()) entrance.openOnHost();
  }

  /** Refuses new connections; those that are taken live on. */
  close(): void {
    for (const entrance of this.#entrances.values()) entrance.close();
  }

  #of(name: string): Entrance | Letterbox {
    const entrance = this.#entrances.get(name);
    if (!entrance) throw new InternalError(`no door ${name}`);
    return entrance;
  }
}

class Entrance {
  readonly #door: Door;
  readonly #waiting: Socket[] = [];
  #connections = 0;
  #server: Server | undefined;
  #address: string | undefined;
  #take: ((socket: Socket) => void) | undefined;

  constructor(door: Door) {
    this.#door = door;
  }

  get open(): boolean {
    return this.#server !== undefined || this.#address !== undefined;
  }

  get address(): string {
    if (this.#address === undefined) throw new InternalError(`door ${this.#door.name} is not open yet`);
    return this.#address;
  }

  accept(take: (socket: Socket) => void): void {
    if (this.#take) throw new InternalError(`door ${this.#door.name} has its taker`);
    this.#take = take;
    for (const socket of this.#waiting.splice(0)) take(socket);
  }

  serve(server: Server): void {
    this.#server = server;
    this.#address = `127.0.0.1:${this.#door.port}`;
    // The sandbox cannot keep a node alive that has nothing else to do, and a listener that breaks is a door that is shut.
    server.unref().on('error', () => {});
    server.on('connection', (socket) => this.#arrive(socket));
  }

  openOnHost(): void {
    const { hostAddress } = this.#door;
    if (hostAddress !== undefined) {
      this.#address = hostAddress;
      return;
    }
    const server = createServer({ allowHalfOpen: true });
    this.#server = server;
    server.unref().on('error', () => {});
    server.on('connection', (socket) => this.#arrive(socket));
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address && typeof address === 'object') this.#address = `127.0.0.1:${address.port}`;
    });
  }

  close(): void {
    this.#server?.close();
    for (const socket of this.#waiting.splice(0)) socket.destroy();
  }

  #arrive(socket: Socket): void {
    this.#connections++;
    socket.once('close', () => this.#connections--);
    // Until its taker listens: a sandbox that dies resets its connections.
    socket.on('error', () => {});
    if (this.#connections > SANDBOX_LIMITS.connectionsMax) socket.destroy();
    else if (this.#take) this.#take(socket);
    else if (this.#waiting.length < SANDBOX_LIMITS.waitingMax) this.#waiting.push(socket);
    else socket.destroy();
  }
}

/** A door for datagrams. */
class Letterbox {
  readonly #door: Door;
  #socket: DatagramSocket | undefined;
  #address: string | undefined;
  #take: ((datagram: Buffer) => boolean) | undefined;

  constructor(door: Door) {
    this.#door = door;
  }

  get open(): boolean {
    return this.#address !== undefined;
  }

  get address(): string {
    if (this.#address === undefined) throw new InternalError(`door ${this.#door.name} is not open yet`);
    return this.#address;
  }

  receive(take: (datagram: Buffer) => boolean): void {
    this.#take = take;
  }

  serve(socket: DatagramSocket): void {
    this.#socket = socket;
    this.#address = `127.0.0.1:${this.#door.port}`;
    socket.unref().on('error', () => {});
    socket.on('message', (datagram: Buffer) => {
      if (this.#take?.(datagram) === false) this.close();
    });
  }

  /** The node receives for all sandboxes in one place. */
  openOnHost(): void {
    this.#address = this.#door.hostAddress;
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }
}
