import { type ChildProcess, type SendHandle, spawn } from 'node:child_process';
import { Socket as DatagramSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type Random, siblingModule } from '../../../base/index.ts';
import type { DoorHandle } from '../doors.ts';
import { coverInherited } from '../inherited.ts';
import type { Exit } from '../sandbox.ts';
import { CHANNEL, type Event, HEADER_BYTES, type Order, STREAMS, type StartOrder, TOKEN_BYTES } from './orders.ts';

/** Descriptors of the launcher: an input that ends with the node, none of the node's outputs, and the channel at 3. */
const GIVEN = ['pipe', 'ignore', 'ignore', 'ipc'] as const;

/** What is told of a process on its way. */
export interface LaunchListener {
  /** Bubblewrap has made the namespaces; their first process waits to be admitted. */
  onContained?(first: number): void;
  onDoor?(name: unknown, handle: DoorHandle): void;
}

/**
 * The node's side of the launcher, a process that starts others for it: see `launcher.worker.ts`. Of each process the node has the
 * other ends of its outputs and its channel, which are connections to the launcher that it has handed down.
 */
export class Launcher {
  readonly #random: Random;
  readonly #launched = new Map<number, Launched>();
  #serial = 0;
  #child: ChildProcess | undefined;
  #token: Buffer = Buffer.alloc(0);
  #directory = '';
  #listening = false;
  #closed = false;

  private constructor(random: Random) {
    this.#random = random;
  }

  /** @throws Error  (rejects) it does not start */
  static async open(random: Random): Promise<Launcher> {
    const launcher = new Launcher(random);
    await launcher.#start();
    return launcher;
  }

  /** Starts a process. Never throws: one that cannot be started ends at once. */
  launch(order: Omit<StartOrder, 'kind' | 'id'>, listener: LaunchListener = {}): Launched {
    const id = this.#serial++ >>> 0;
    const streams = STREAMS.map((descriptor) => (this.#listening ? this.#connect(id, descriptor) : new PassThrough()));
    const launched = new Launched(streams, listener, (told) => this.#send({ ...told, id }));
    if (this.#listening) {
      if (this.#launched.size === 0) this.#child?.channel?.ref();
      this.#launched.set(id, launched);
      this.#send({ ...order, kind: 'start', id });
    } else {
      launched.onEnded({ code: null, signal: null });
    }
    return launched;
  }

  /** Ends it, and what is left of its processes. */
  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    if (!child) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.ref();
    child.disconnect();
    child.stdin?.destroy();
    await ended;
  }

  #start(): Promise<void> {
    this.#directory = mkdtempSync(join(tmpdir(), 'millrace-'));
    this.#token = this.#random.bytes(TOKEN_BYTES);
    const path = join(this.#directory, 'launcher');
    const program = fileURLToPath(siblingModule(import.meta.url, './launcher.worker'));
    const child = spawn(process.execPath, ['--v8-pool-size=1', program, path, this.#token.toString('hex')], {
      // Where the node keeps what is compiled, so does this: it is most of what its start costs. Its processes are given their own variables.
      env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE },
      detached: true,
      stdio: [...GIVEN, ...coverInherited(GIVEN.length)],
    });
    this.#child = child;
    // Nothing is ever written to it.
    (child.stdin as Socket | null)?.on('error', () => {}).unref();
    const ready = Promise.withResolvers<void>();
    child.on('message', (event: Event, handle) => {
      if (event.kind === 'listening') {
        this.#listening = true;
        // Alone it cannot keep a node alive that has nothing else to do; its processes can.
        child.unref();
        if (this.#launched.size === 0) child.channel?.unref();
        ready.resolve();
      } else this.#onEvent(event, handle);
    });
    const ended = () => {
      this.#onEnd(child);
      ready.reject(new Error('the launcher of sandboxes has ended'));
    };
    child.once('error', ended).once('exit', ended);
    return ready.promise;
  }

  #connect(id: number, descriptor: number): Socket {
    const header = Buffer.alloc(HEADER_BYTES);
    this.#token.copy(header);
    header.writeUInt32LE(id, TOKEN_BYTES);
    header[TOKEN_BYTES + 4] = descriptor;
    const socket = connect(join(this.#directory, 'launcher')).on('error', () => {});
    socket.write(header);
    // What is written to the process must not reach the launcher in its place.
    socket.cork();
    return socket;
  }

  #send(order: Order): void {
    if (this.#child?.connected) this.#child.send(order, () => {});
  }

  #onEvent(event: Exclude<Event, { kind: 'listening' }>, handle: SendHandle | undefined): void {
    const launched = this.#launched.get(event.id);
    if (event.kind === 'door') {
      if (!(handle instanceof Server || handle instanceof DatagramSocket)) return;
      if (launched?.listener.onDoor) launched.listener.onDoor(event.name, handle);
      else handle.close();
    } else if (event.kind === 'started') launched?.onStarted(event.pid);
    else if (event.kind === 'contained') launched?.listener.onContained?.(event.first);
    else {
      this.#launched.delete(event.id);
      if (this.#launched.size === 0) this.#child?.channel?.unref();
      launched?.onEnded({ code: event.code, signal: event.signal });
    }
  }

  /** Its processes have died with it, or do now. */
  #onEnd(child: ChildProcess): void {
    if (this.#child !== child) return;
    const ran = this.#listening;
    this.#child = undefined;
    this.#listening = false;
    rmSync(this.#directory, { recursive: true, force: true });
    for (const launched of this.#launched.values()) {
      launched.kill();
      launched.onEnded({ code: null, signal: 'SIGKILL' });
    }
    this.#launched.clear();
    // Somebody has killed it: another one, for the sandboxes to come. One that never ran would not run now.
    if (!this.#closed && ran) this.#start().catch(() => {});
  }
}

type Told = { readonly kind: 'admit' | 'shut-doors' };

/** A process that the launcher has started, or is about to. */
export class Launched {
  readonly channel: Duplex;
  readonly outputs: readonly Duplex[];
  readonly listener: LaunchListener;
  /** Resolves when the process has ended. */
  readonly ended: Promise<Exit>;
  /** Resolves when the process has ended and all that it wrote has been read. */
  readonly exited: Promise<Exit>;
  /** Once it has been started. */
  pid: number | undefined;
  readonly #streams: readonly Duplex[];
  readonly #tell: (told: Told) => void;
  readonly #end = Promise.withResolvers<Exit>();
  #killed = false;
  #alive = true;
  #doorsShut = false;

  constructor(streams: readonly Duplex[], listener: LaunchListener, tell: (told: Told) => void) {
    this.#streams = streams;
    this.outputs = streams.slice(0, 2);
    this.channel = streams[STREAMS.indexOf(CHANNEL)]!;
    this.listener = listener;
    this.ended = this.#end.promise;
    const closed = streams.map((stream) => new Promise((done) => stream.once('close', done)));
    this.exited = Promise.all([this.ended, ...closed]).then(([exit]) => exit);
    this.#tell = tell;
  }

  /** Lets the first process of bubblewrap's namespaces go on. */
  admit(): void {
    this.#tell({ kind: 'admit' });
  }

  /** The process hands over no door from now on. */
  shutDoors(): void {
    if (this.#doorsShut) return;
    this.#doorsShut = true;
    this.#tell({ kind: 'shut-doors' });
  }

  /** Kills it and its group, now or as soon as it has been started. */
  kill(): void {
    this.#killed = true;
    this.signal('SIGKILL');
  }

  /** To its process group. */
  signal(signal: NodeJS.Signals): void {
    if (this.pid === undefined || !this.#alive) return;
    try {
      process.kill(-this.pid, signal);
    } catch {
      // It has ended; we are about to be told.
    }
  }

  onStarted(pid: number): void {
    this.pid = pid;
    for (const stream of this.#streams) stream.uncork();
    if (this.#killed) this.kill();
  }

  onEnded(exit: Exit): void {
    // What it has started may outlive it and hold the streams open: it goes with it.
    this.signal('SIGKILL');
    this.#alive = false;
    // It was never started: nobody closes the other ends.
    if (this.pid === undefined) for (const stream of this.#streams) stream.destroy();
    this.#end.resolve(exit);
  }
}
