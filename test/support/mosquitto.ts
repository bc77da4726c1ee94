import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BINARY = '/usr/sbin/mosquitto';

/** Debian's mosquitto on a free TCP port of loopback, with its sessions kept on disk. */
export class Mosquitto implements AsyncDisposable {
  readonly port: number;
  readonly directory: string;
  readonly #lines: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, directory: string, lines: readonly string[]) {
    this.port = port;
    this.directory = directory;
    this.#lines = lines;
  }

  /** @param lines  more of its configuration; a `listener` among them takes the place of the plain one on loopback */
  static async start(lines: readonly string[] | ((port: number) => readonly string[]) = []): Promise<Mosquitto> {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-mosquitto-'));
    const port = await freePort();
    const more = typeof lines === 'function' ? lines(port) : lines;
    const broker = new Mosquitto(port, directory, [
      ...(more.some((line) => line.startsWith('listener')) ? [] : [`listener ${port} 127.0.0.1`]),
      ...(more.some((line) => line.startsWith('allow_anonymous')) ? [] : ['allow_anonymous true']),
      'user root',
      'persistence true',
      `persistence_location ${directory}/`,
      'autosave_on_changes false',
      'max_inflight_messages 1000',
      'max_queued_messages 100000',
      ...more,
    ]);
    await broker.start();
    return broker;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  /** Starts it (again), on the same port and data. */
  async start(): Promise<void> {
    const file = join(this.directory, 'mosquitto.conf');
    await writeFile(file, `${this.#lines.join('\n')}\n`);
    const child = spawn(BINARY, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = child;
    let complaints = '';
    child.stderr!.on('data', (chunk) => {
      complaints += chunk;
    });
    while (!(await listens(this.port))) {
      if (child.exitCode !== null) throw new Error(`mosquitto ended: ${complaints}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Ends it as an operator would: it saves its sessions. `SIGKILL` does not let it. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** None of those that the system gives out: another test would get it while the broker is stopped. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    if (!(await listens(port))) return port;
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
