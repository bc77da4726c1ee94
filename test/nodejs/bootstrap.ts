import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import {
  encodeInvoke,
  encodeLoad,
  encodePrepare,
  type Frame,
  FrameReader,
} from '../../src/runtime/environments/frames.ts';
import type { FirstInvocation } from '../../src/runtime/environments/load-config.ts';

type Kind = Frame['kind'];
type Of<K extends Kind> = Extract<Frame, { readonly kind: K }>;

const BOOTSTRAP = join(import.meta.dirname, '../../runtimes/nodejs/bootstrap.js');

/** It is told what it will run before it may: in the same bytes, or once the promise has resolved. */
type Prepared = 'at once' | ((pid: number, folder: string) => Promise<void>);

/** The Node bootstrap as a bare process, spoken to in frames. */
export class Bootstrap implements AsyncDisposable {
  readonly frames: Frame[] = [];
  readonly #child: ChildProcess;
  readonly #channel: Duplex;
  readonly #folder: string;
  #news = Promise.withResolvers<void>();
  #begun = false;

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    this.#channel = child.stdio[3] as Duplex;
    const reader = new FrameReader(8 * 1024 * 1024);
    this.#channel.on('data', (chunk: Buffer) => {
      // Frames are views of the chunk.
      reader.push(Buffer.from(chunk), (frame) => this.frames.push(frame));
      this.#wake();
    });
    this.#channel.on('error', () => {});
    child.once('exit', () => this.#wake());
  }

  /** Starts it and loads a function of this source. */
  static async load(
    code: string,
    more: {
      file?: string;
      concurrency?: number;
      node?: string;
      entry?: string;
      first?: FirstInvocation;
      prepared?: Prepared;
      variables?: Record<string, string>;
    } = {},
  ): Promise<Bootstrap> {
    const {
      file = 'index.js',
      concurrency = 1,
      node = process.execPath,
      entry = BOOTSTRAP,
      first,
      prepared,
      variables: own,
    } = more;
    const folder = mkdtempSync(join(tmpdir(), 'millrace-bootstrap-'));
    writeFileSync(join(folder, file), code);
    const child = spawn(node, [entry], { env: {}, cwd: tmpdir(), stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
    const bootstrap = new Bootstrap(child, folder);
    await bootstrap.next('ready');
    const variables = {
      AWS_LAMBDA_FUNCTION_NAME: 'f',
      ...own,
      ...(concurrency > 1 ? { AWS_LAMBDA_MAX_CONCURRENCY: String(concurrency) } : {}),
    };
    const config = {
      runtime: 'nodejs24.x',
      variables,
      root: folder,
      handler: 'index.handler',
      cacheDirectory: join(folder, 'cache'),
      concurrency,
      context: {
        functionName: 'f',
        functionVersion: '1',
        memoryLimitInMB: '256',
        logGroupName: 'g',
        logStreamName: 's',
      },
      first,
    };
    if (prepared === undefined) bootstrap.#channel.write(encodeLoad(config));
    else if (prepared === 'at once') bootstrap.#channel.write(Buffer.concat([encodePrepare(config), encodeLoad({})]));
    else {
      bootstrap.#channel.write(encodePrepare(config));
      await prepared(child.pid!, folder);
      bootstrap.#channel.write(encodeLoad({}));
    }
    bootstrap.#begun = (await bootstrap.next('initialised')).begun;
    return bootstrap;
  }

  /** The invocation that went along with the code has begun. */
  get begun(): boolean {
    return this.#begun;
  }

  invoke(sequence: number, event: unknown): void {
    const payload = Buffer.from(JSON.stringify(event));
    const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false };
    const parts = encodeInvoke(sequence, 1e15, `Root=1-${sequence}`, 'arn', {
      requestId: `id-${sequence}`,
      payload,
      trace,
    });
    for (const part of parts) this.#channel.write(part);
  }

  /** Takes the next frame of this kind, whatever stands before it. Fails when the process ends first. */
  async next<K extends Kind>(kind: K, where: (frame: Of<K>) => boolean = () => true): Promise<Of<K>> {
    for (;;) {
      const index = this.frames.findIndex((frame) => frame.kind === kind && where(frame as Of<K>));
      if (index >= 0) return this.frames.splice(index, 1)[0] as Of<K>;
      if (this.#child.exitCode !== null) throw new Error(`ended with ${this.#child.exitCode} before ${kind}`);
      await this.#news.promise;
    }
  }

  /** The answer to an invocation, as JSON. */
  async answer(sequence: number): Promise<any> {
    const { payload } = await this.next('response', (frame) => frame.sequence === sequence);
    return JSON.parse(Buffer.from(payload).toString());
  }

  async exit(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What has taken over from it ends with the channel.
    this.#channel.destroy();
    this.#child.kill('SIGKILL');
    await this.exit();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #wake(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}
