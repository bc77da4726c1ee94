import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Clock, systemClock, systemRandom, uuid } from '../../src/base/index.ts';
import {
  type FunctionSpec,
  type InvocationResult,
  type ManagedRuntime,
  openRuntime,
  type ResponseStream,
  type RuntimeOptions,
} from '../../src/runtime/index.ts';
import { createMetrics, newTrace, silentLogger } from '../../src/telemetry/index.ts';

/** What came of a streamed response. */
export interface Streamed {
  readonly result: InvocationResult;
  readonly contentType: string | undefined;
  readonly chunks: readonly Buffer[];
  readonly body: Buffer;
}

/** The runtime alone, over a fresh directory, with functions made of source text. */
export class RuntimeHouse implements AsyncDisposable {
  readonly runtime: ManagedRuntime;
  readonly directory: string;
  readonly lines: string[];
  #made = 0;

  private constructor(runtime: ManagedRuntime, directory: string, lines: string[]) {
    this.runtime = runtime;
    this.directory = directory;
    this.lines = lines;
  }

  static async open(options: Partial<RuntimeOptions> & { readonly clock?: Clock } = {}): Promise<RuntimeHouse> {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-runtime-'));
    const lines: string[] = [];
    const runtime = await openRuntime({
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      metrics: createMetrics(),
      logs: { write: (_group, _stream, _at, line) => void lines.push(line) },
      directory,
      endpoint: () => 'http://127.0.0.1:4566',
      blanks: 0,
      ...options,
    });
    return new RuntimeHouse(runtime, directory, lines);
  }

  /** A function of this source. */
  spec(code: string | Buffer, more: Partial<FunctionSpec> = {}, file = 'index.js'): FunctionSpec {
    const name = `f${this.#made++}`;
    const codeDirectory = join(this.directory, 'code', name);
    mkdirSync(dirname(join(codeDirectory, file)), { recursive: true });
    writeFileSync(join(codeDirectory, file), code);
    return {
      arn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
      name,
      version: '$LATEST',
      runtime: 'nodejs24.x',
      handler: 'index.handler',
      codeDirectory,
      codeHash: name,
      environment: {},
      memoryMb: 256,
      timeoutMs: 10_000,
      ephemeralStorageMb: 512,
      logGroup: `/aws/lambda/${name}`,
      roleArn: '',
      layers: [],
      provisionedConcurrency: 0,
      environmentConcurrency: 1,
      snapStart: false,
      egress: { kind: 'all' },
      revision: '1',
      ...more,
    };
  }

  /** Reserves, invokes, releases. */
  async invoke(spec: FunctionSpec, event: unknown = {}): Promise<InvocationResult & { readonly value: any }> {
    using slot = await this.runtime.reserve(spec, { wait: true });
    const payload = Buffer.from(JSON.stringify(event));
    const result = await slot.invoke({ requestId: uuid(systemRandom), payload, trace: newTrace(systemRandom, false) });
    return { ...result, value: JSON.parse(Buffer.from(result.payload).toString()) };
  }

  /** Invokes with a taker of the response; `takes(chunk)` may return a promise, as one that is behind does. */
  async stream(
    spec: FunctionSpec,
    event: unknown = {},
    takes: (chunk: Buffer) => Promise<void> | void = () => {},
  ): Promise<Streamed> {
    using slot = await this.runtime.reserve(spec, { wait: true });
    let contentType: string | undefined;
    const chunks: Buffer[] = [];
    const stream: ResponseStream = {
      start: (type) => {
        contentType = type;
      },
      write: (chunk) => {
        chunks.push(Buffer.from(chunk));
        return takes(chunks.at(-1)!);
      },
    };
    const payload = Buffer.from(JSON.stringify(event));
    const trace = newTrace(systemRandom, false);
    const result = await slot.invoke({ requestId: uuid(systemRandom), payload, trace, stream });
    return { result, contentType, chunks, body: Buffer.concat(chunks) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runtime[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
