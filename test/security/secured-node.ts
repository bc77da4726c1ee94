import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const BIN = join(import.meta.dirname, '../../bin/millrace.js');

/** The root key of the tests' nodes. */
export const ROOT = {
  accessKeyId: 'AKIAROOTKEYOFTESTS00',
  secretAccessKey: 'root-secret-that-must-never-be-printed-0001',
};

/** A node for production in a process of its own, on free TCP ports. */
export class SecuredNode implements AsyncDisposable {
  readonly endpoint: string;
  readonly #process: ChildProcess;
  readonly #directory: string;
  readonly #lines: string[];

  private constructor(endpoint: string, process: ChildProcess, directory: string, lines: string[]) {
    this.endpoint = endpoint;
    this.#process = process;
    this.#directory = directory;
    this.#lines = lines;
  }

  /**
   * @param listen  settings of `listen` beside the ports
   * @param settings  others
   */
  static async start(
    listen: Readonly<Record<string, unknown>> = {},
    settings: Readonly<Record<string, unknown>> = {},
  ): Promise<SecuredNode> {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-secured-'));
    const file = join(directory, 'millrace.json');
    const config = {
      listen: { httpPort: 0, mqttPort: 0, ...listen },
      root: ROOT,
      log: { level: 'debug' },
      ...settings,
    };
    await writeFile(file, JSON.stringify(config));
    const child = spawn(process.execPath, [BIN, 'start', '--config', file], { stdio: ['ignore', 'pipe', 'pipe'] });
    const lines: string[] = [];
    createInterface({ input: child.stderr! }).on('line', (line) => lines.push(line));
    const ready = new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout! }).once('line', (line) => resolve(line.replace(/^ready /, '')));
      child.once('exit', (code) => reject(new Error(`ended (${code}) before it was ready:\n${lines.join('\n')}`)));
    });
    return new SecuredNode(await ready, child, directory, lines);
  }

  /** Where everything durable lives. */
  get dataDirectory(): string {
    return join(this.#directory, 'data');
  }

  /** Ends the node in good order and leaves what it has written. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exit = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    await exit;
  }

  /** All that the node has written to stderr. */
  get log(): string {
    return this.#lines.join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
