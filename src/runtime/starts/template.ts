import type { Socket } from 'node:net';
import type { Random } from '../../base/index.ts';
import type { Connection } from '../environments/connection.ts';
import { type CloneOrder, encodeClone, encodeLoad, type Frame } from '../environments/frames.ts';
import type { Failure } from '../environments/life-cycle.ts';
import type { LoadConfig } from '../environments/load-config.ts';
import type { Placement, SandboxProcess } from '../sandbox/sandbox.ts';
import { CLONES, type CloneOptions, CloneProcess } from './clone.ts';

/** Role, token and process id: what a clone says first. `runtimes/python/millrace_runtime/template.py` has the layout. */
const HELLO_BYTES = 37;
const TOKEN_BYTES = 16;
const OUTPUT_ROLE = 'o'.charCodeAt(0);
/** Connections that do not say whose they are, at once; more are refused. */
const STRANGERS_MAX = 64;

/**
 * A process that forks environments of itself: blank ones, or of the function that it has been initialised for.
 *
 * Clones come back by the door {@link CLONES}. A connection counts only with the token of a clone that was asked for: code of the
 * function can reach that door too, and cannot know the token of another.
 */
export class Template {
  readonly #connection: Connection;
  readonly #random: Random;
  readonly #write: (line: string) => void;
  readonly #ready = Promise.withResolvers<Failure | undefined>();
  #initialised = Promise.withResolvers<Failure | undefined>();
  #placement: Placement | undefined;
  readonly #clones = new Map<string, CloneProcess>();
  /** Orders that wait for it to be ready. */
  #orders: (() => void)[] | undefined = [];
  /** Connections that have not said yet whose they are. */
  #strangers = 0;
  #retiring = false;
  /** Why it makes no more. */
  ended: Failure | undefined;

  /**
   * @param connection  to a process that was started with the door {@link CLONES}, ready or not
   * @param write  takes what it logs
   */
  constructor(connection: Connection, random: Random, write: (line: string) => void) {
    this.#connection = connection;
    this.#random = random;
    this.#write = write;
    connection.listen({
      onFrame: (frame) => this.#onFrame(frame),
      onOutput: write,
      onEnd: (failure) => this.#onEnd(failure),
    });
    if (connection.ready) this.#onReady();
  }

  get process(): SandboxProcess {
    return this.#connection.process;
  }

  get isRetiring(): boolean {
    return this.#retiring;
  }

  get isReady(): boolean {
    return this.#orders === undefined;
  }

  /** Resolves when it waits for orders, with the failure when it never will. */
  ready(): Promise<Failure | undefined> {
    return this.#ready.promise;
  }

  /** Initialises it for one function. Once; its clones are of that function from then on. */
  load(config: LoadConfig, placement: Placement): Promise<Failure | undefined> {
    this.#placement = placement;
    this.#connection.send([encodeLoad({ ...config, snapshot: true })]);
    return this.#initialised.promise;
  }

  /** Forks one more. It ends with the template at the latest. */
  clone(
    how: Pick<CloneOrder, 'ahead' | 'directory'>,
    { doors, tidy }: Pick<CloneOptions, 'doors' | 'tidy'>,
  ): SandboxProcess {
    const token = this.#random.bytes(TOKEN_BYTES).toString('hex');
    const clone = new CloneProcess({ template: this.process, placement: this.#placement, doors, tidy });
    if (this.ended) {
      clone.end(-9);
      return clone;
    }
    this.#clones.set(token, clone);
    const order = () => {
      this.#connection.send([encodeClone({ address: this.process.addressOf(CLONES.name), token, ...how })]);
    };
    if (this.#orders) this.#orders.push(order);
    else order();
    return clone;
  }

  /** Makes no more, and ends with the last clone. */
  retire(): void {
    this.#retiring = true;
    if (this.#clones.size === 0) this.process.kill();
  }

  /** Ends it and every clone. */
  async close(): Promise<void> {
    this.process.kill();
    await this.process.exited;
  }

  #onFrame(frame: Frame): void {
    switch (frame.kind) {
      case 'ready':
        return this.#onReady();
      case 'initialised':
        return this.#initialised.resolve(undefined);
      case 'init-error':
        return this.#onEnd({ kind: 'init-error', payload: frame.payload });
      case 'log':
        return this.#write(frame.line);
      case 'clone-ended':
        return this.#endClone(frame.token, frame.code);
      default:
        return this.#onEnd({ kind: 'broken', reason: `unexpected ${frame.kind} of a template` });
    }
  }

  #onReady(): void {
    this.process.accept(CLONES.name, (socket) => this.#onConnection(socket));
    const orders = this.#orders ?? [];
    this.#orders = undefined;
    for (const order of orders) order();
    this.#ready.resolve(undefined);
  }

  #onConnection(socket: Socket): void {
    if (this.#strangers >= STRANGERS_MAX) return void socket.destroy();
    this.#strangers++;
    let hello = Buffer.alloc(0);
    const over = () => {
      this.#strangers--;
      socket.off('data', listen).off('end', leave).off('close', over);
    };
    // A clone that has died before it said who it is: doors leave it to their taker to answer an end.
    const leave = () => void socket.destroy();
    const listen = (chunk: Buffer) => {
      hello = Buffer.concat([hello, chunk]);
      if (hello.length < HELLO_BYTES) return;
      over();
      this.#welcome(socket, hello);
    };
    socket
      .on('error', () => {})
      .on('data', listen)
      .on('end', leave)
      .on('close', over);
  }

  #welcome(socket: Socket, hello: Buffer): void {
    const clone = this.#clones.get(hello.toString('latin1', 1, 33));
    const pid = hello.readUInt32LE(33);
    const rest = hello.subarray(HELLO_BYTES);
    const taken =
      hello[0] === OUTPUT_ROLE ? clone?.takeOutput(socket, rest, pid) : clone?.takeChannel(socket, rest, pid);
    if (!taken) socket.destroy();
  }

  #endClone(token: string, code: number): void {
    this.#clones.get(token)?.end(code);
    this.#clones.delete(token);
    if (this.#retiring && this.#clones.size === 0) this.process.kill();
  }

  #onEnd(failure: Failure): void {
    if (this.ended) return;
    this.ended = failure;
    this.process.kill();
    this.#ready.resolve(failure);
    this.#initialised.resolve(failure);
    for (const token of [...this.#clones.keys()]) this.#endClone(token, -9);
  }
}
