import type { Socket } from 'node:net';
import { Duplex, PassThrough, type Readable } from 'node:stream';
import type { Door, Exit, Placement, SandboxProcess, Tenant } from '../sandbox/sandbox.ts';

/** Signals by number, for those that end processes. @see signal(7), x86 and ARM */
const SIGNALS: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  5: 'SIGTRAP',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
  31: 'SIGSYS',
};

export interface CloneOptions {
  readonly template: SandboxProcess;
  /** See `Clone.doors`. */
  readonly doors: readonly Door[];
  /** Of the function that the template has been initialised for; a blank clone is assigned its own. */
  readonly placement: Placement | undefined;
  /** Called when it has ended, and awaited: removes what it had for itself. */
  readonly tidy?: (() => Promise<void>) | undefined;
}

/**
 * An environment that a template has been told to fork. It comes by two connections of its own, and is until then what nobody can
 * measure or stop; who has it need not wait.
 */
export class CloneProcess implements SandboxProcess {
  readonly channel = new LateChannel();
  readonly exited: Promise<Exit>;
  readonly #output = new PassThrough();
  readonly #options: CloneOptions;
  readonly #exit = Promise.withResolvers<Exit>();
  /** Resolve when all that it has sent has been read; those of connections that never came with its end. */
  readonly #read: Promise<void>[] = [];
  #adopted: SandboxProcess | undefined;
  readonly #takers: [door: string, take: (socket: Socket) => void][] = [];
  #hasOutput = false;
  #hasChannel = false;
  #adopting = false;
  /** Lets the node and it speak to each other. */
  #attach: (() => void) | undefined;
  #killed = false;

  constructor(options: CloneOptions) {
    this.#options = options;
    this.exited = this.#exit.promise.then(async (exit) => {
      await Promise.all(this.#read);
      await options.tidy?.();
      return exit;
    });
  }

  get pid(): number | undefined {
    return this.#adopted?.pid;
  }

  get outputs(): readonly Readable[] {
    return [this.#output];
  }

  get outOfMemory(): boolean {
    return this.#adopted?.outOfMemory ?? false;
  }

  /** Its standard output and error. @returns whether it had none yet */
  takeOutput(socket: Socket, rest: Buffer, pid: number): boolean {
    if (this.#hasOutput) return false;
    this.#hasOutput = true;
    this.#adopt(pid);
    this.#read.push(endOf(socket));
    if (rest.length > 0) this.#output.write(rest);
    socket.pipe(this.#output);
    return true;
  }

  /** @returns whether it had none yet */
  takeChannel(socket: Socket, rest: Buffer, pid: number): boolean {
    if (this.#hasChannel) return false;
    this.#hasChannel = true;
    this.#adopt(pid);
    this.#read.push(endOf(socket));
    // What it says meanwhile waits.
    socket.pause();
    this.#attach = () => this.channel.attach(socket, rest);
    if (this.#adopted) this.#attach();
    return true;
  }

  /** @param code  exit code, or the signal, negative */
  end(code: number): void {
    this.#exit.resolve(code < 0 ? { code: null, signal: SIGNALS[-code] ?? `SIG${-code}` } : { code, signal: null });
  }

  /** Known when it has been adopted, and until then what was asked for. */
  hasDoor(door: string): boolean {
    return this.#adopted ? this.#adopted.hasDoor(door) : this.#options.doors.some(({ name }) => name === door);
  }

  addressOf(door: string): string {
    return this.#of().addressOf(door);
  }

  accept(door: string, take: (socket: Socket) => void): void {
    if (this.#adopted) this.#adopted.accept(door, take);
    else this.#takers.push([door, take]);
  }

  /** Its template's sandbox has such doors. */
  receive(): void {}

  adopt(): SandboxProcess {
    throw new TypeError('a clone has no clones');
  }

  assign(tenant: Tenant): Placement | Promise<Placement> {
    return this.#options.placement ?? this.#of().assign(tenant);
  }

  freeze(): void {
    this.#adopted?.freeze();
  }

  thaw(): void {
    this.#adopted?.thaw();
  }

  kill(): void {
    this.#killed = true;
    this.#adopted?.kill();
  }

  memoryBytes(): number {
    return this.#adopted?.memoryBytes() ?? 0;
  }

  /** By whichever of its connections comes first: its doors open meanwhile. */
  #adopt(pid: number): void {
    if (this.#adopting) return;
    this.#adopting = true;
    const { channel, outputs, exited } = this;
    const { template, doors } = this.#options;
    const adopted = template.adopt({ pid, channel, outputs, doors, exited });
    if (adopted instanceof Promise) void adopted.then((process) => this.#own(process));
    else this.#own(adopted);
  }

  /** From now on it can be stopped and killed, and may be told what to run. */
  #own(process: SandboxProcess): void {
    this.#adopted = process;
    for (const [door, take] of this.#takers) process.accept(door, take);
    if (this.#killed) process.kill();
    this.#attach?.();
  }

  /** Nobody asks before it has said that it is ready. */
  #of(): SandboxProcess {
    return this.#adopted ?? this.#options.template;
  }
}

function endOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    // Doors leave it to their taker to answer an end with an end.
    socket.once('end', () => socket.end());
    socket.once('close', () => resolve());
  });
}

/** One end of a connection that has not come yet: what is written before then waits. */
class LateChannel extends Duplex {
  #socket: Socket | undefined;
  #waiting: (() => void) | undefined;

  attach(socket: Socket, rest: Buffer): void {
    this.#socket = socket;
    socket.setNoDelay(true);
    if (rest.length > 0) this.push(rest);
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.resume();
    this.#waiting?.();
    this.#waiting = undefined;
  }

  override _read(): void {
    this.#socket?.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#whenThere((socket) => socket.write(chunk, done));
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#whenThere((socket) => {
      socket.cork();
      for (const [index, { chunk }] of chunks.entries())
        socket.write(chunk, index === chunks.length - 1 ? done : undefined);
      socket.uncork();
    });
  }

  #whenThere(act: (socket: Socket) => void): void {
    const socket = this.#socket;
    if (socket) act(socket);
    else this.#waiting = () => act(this.#socket!);
  }
}

/** The door by which clones come to the node. */
export const CLONES: Door = { name: 'clones', port: 9003 };
