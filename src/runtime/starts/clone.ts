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

/**
 * An environment that a template has been told to fork. It comes by two connections of its own, and is until then what nobody can
 * measure or stop; who has it need not wait.
 */
export class CloneProcess implements SandboxProcess {
  readonly channel = new LateChannel();
  readonly exited: Promise<Exit>;
  readonly #output = new PassThrough();
  readonly #template: SandboxProcess;
  readonly #placement: Placement | Promise<Placement> | undefined;
  readonly #exit = Promise.withResolvers<Exit>();
  /** Resolve when all that it has sent has been read; those of connections that never came with its end. */
  readonly #read: Promise<void>[] = [];
  #adopted: SandboxProcess | undefined;
  #hasOutput = false;
  #killed = false;

  /** @param placement  of the function that the template has been initialised for; a blank clone is assigned its own */
  constructor(template: SandboxProcess, placement: Placement | Promise<Placement> | undefined) {
    this.#template = template;
    this.#placement = placement;
    this.exited = this.#exit.promise.then(async (exit) => {
      await Promise.all(this.#read);
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
  takeOutput(socket: Socket, rest: Buffer): boolean {
    if (this.#hasOutput) return false;
    this.#hasOutput = true;
    this.#read.push(endOf(socket));
    if (rest.length > 0) this.#output.write(rest);
    socket.pipe(this.#output);
    return true;
  }

  /** Its channel: from now on it can be stopped and killed. @returns whether it had none yet */
  takeChannel(socket: Socket, rest: Buffer, pid: number): boolean {
    if (this.#adopted) return false;
    this.#read.push(endOf(socket));
    const { channel, outputs, exited } = this;
    this.#adopted = this.#template.adopt({ pid, channel, outputs, exited });
    if (this.#killed) this.#adopted.kill();
    channel.attach(socket, rest);
    return true;
  }

  /** @param code  exit code, or the signal, negative */
  end(code: number): void {
    this.#exit.resolve(code < 0 ? { code: null, signal: SIGNALS[-code] ?? `SIG${-code}` } : { code, signal: null });
  }

  /** The template's are not its own. */
  hasDoor(): boolean {
    return false;
  }

  addressOf(door: string): string {
    return this.#of().addressOf(door);
  }

  accept(door: string, take: (socket: Socket) => void): void {
    this.#of().accept(door, take);
  }

  adopt(): SandboxProcess {
    throw new TypeError('a clone has no clones');
  }

  assign(tenant: Tenant): Placement | Promise<Placement> {
    return this.#placement ?? this.#of().assign(tenant);
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

  /** Nobody asks before it has said that it is ready. */
  #of(): SandboxProcess {
    return this.#adopted ?? this.#template;
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
