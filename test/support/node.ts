import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { removeDirectory } from './directory.ts';

const BIN = join(import.meta.dirname, '../../bin/millrace.js');

/** Where a node listens, as `GET /_millrace/endpoints` tells. */
export interface Endpoints {
  readonly http: string;
  readonly mqtt: { readonly host: string; readonly port: number };
  readonly deviceHttps: { readonly host: string; readonly port: number };
}

/** A real node in a process of its own, on free TCP ports. */
export class TestNode implements AsyncDisposable {
  readonly endpoints: Endpoints;
  readonly dataDirectory: string;
  readonly #process: ChildProcess;
  readonly #stderr: string[];
  readonly #ownsDirectory: boolean;

  private constructor(
    child: ChildProcess,
    endpoints: Endpoints,
    dataDirectory: string,
    ownsDirectory: boolean,
    stderr: string[],
  ) {
    this.#process = child;
    this.endpoints = endpoints;
    this.dataDirectory = dataDirectory;
    this.#ownsDirectory = ownsDirectory;
    this.#stderr = stderr;
  }

  /**
   * Starts `millrace dev` and waits for its ready line.
   *
   * @param options.directory  the application to deploy; none starts an empty node
   * @param options.dataDirectory  kept when given (for restarts), else a fresh one that `dispose` removes
   * @throws Error with all that the node wrote, when it ends before it is ready
   */
  static async start(
    options: {
      readonly directory?: string;
      readonly dataDirectory?: string;
      readonly arguments?: readonly string[];
      readonly environment?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<TestNode> {
    const dataDirectory = options.dataDirectory ?? (await mkdtemp(join(tmpdir(), 'millrace-test-')));
    const argv = [BIN, 'dev', ...(options.directory ? [options.directory] : [])];
    argv.push('--http-port', '0', '--mqtt-port', '0', '--data-dir', dataDirectory, ...(options.arguments ?? []));
    const child = spawn(process.execPath, argv, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // An application without a directory of its own must not pick up this repository's.
      cwd: options.directory ? undefined : dataDirectory,
      env: { ...process.env, ...options.environment },
    });
    const stderr: string[] = [];
    createInterface({ input: child.stderr! }).on('line', (line) => stderr.push(line));
    const http = await readyLine(child, stderr);
    const answer = await fetch(`${http}/_millrace/endpoints`);
    const endpoints = (await answer.json()) as Endpoints;
    return new TestNode(child, endpoints, dataDirectory, options.dataDirectory === undefined, stderr);
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** All lines that the node has written to stderr. */
  get log(): string {
    return this.#stderr.join('\n');
  }

  /** Sends SIGTERM (or `signal`) and waits for the end. @returns the exit code, `null` when a signal ended it */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exit = once(this.#process, 'exit');
      this.#process.kill(signal);
      await exit;
    }
    return this.#process.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
    if (this.#ownsDirectory) await removeDirectory(this.dataDirectory);
  }
}

function readyLine(child: ChildProcess, stderr: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const match = /^ready (http:\/\/\S+)$/.exec(line);
      if (match) resolve(match[1]!);
    });
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      reject(new Error(`the node ended (${code ?? signal}) before it was ready:\n${stderr.join('\n')}`)),
    );
  });
}

/** Settings that every AWS client of the tests takes: our endpoint, any credentials, one region. */
export function clientEnvironment(endpoint: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_REGION: 'us-east-1',
    AWS_PAGER: '',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}
