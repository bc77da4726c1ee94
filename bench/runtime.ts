/** What the benchmarks of execution environments share: a runtime over a fresh folder, and functions for it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { systemClock, systemRandom, uuid } from '../src/base/index.ts';
import {
  type FunctionSpec,
  type InvocationResult,
  type ManagedRuntime,
  openRuntime,
  type RuntimeOptions,
  type Slot,
} from '../src/runtime/index.ts';
import { createMetrics, newTrace, silentLogger } from '../src/telemetry/index.ts';

/** Time in which all blank environments are started. */
const FILL_MS = 1_500;

/** A handler of 1 KB that answers at once. */
export const SMALL = `// ${'x'.repeat(950)}\nexports.handler = async (event) => ({ ok: event.n });\n`;

/** A handler with a Kinesis client, bundled as SAM bundles it, without what it does not use: about 300 KB. */
export async function bundleWithClient(): Promise<Buffer> {
  const contents = `
    import { KinesisClient } from '@aws-sdk/client-kinesis';
    const client = new KinesisClient({});
    export const handler = async (event) => ({ ok: event.n, send: typeof client.send });
  `;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'cjs',
    mainFields: ['module', 'main'],
    write: false,
    logLevel: 'error',
  });
  return Buffer.from(outputFiles[0]!.contents);
}

/** A runtime as a node opens it, with the strongest sandbox that the machine can run, and functions made of source text. */
export class BenchRuntime implements AsyncDisposable {
  readonly runtime: ManagedRuntime;
  readonly #directory: string;
  #made = 0;

  private constructor(runtime: ManagedRuntime, directory: string) {
    this.runtime = runtime;
    this.#directory = directory;
  }

  static async open(options: Partial<RuntimeOptions> = {}): Promise<BenchRuntime> {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-runtime-'));
    const runtime = await openRuntime({
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      metrics: createMetrics(),
      logs: { write() {} },
      directory: join(directory, 'environments'),
      endpoint: () => 'http://127.0.0.1:4566',
      blanksAfterMs: 0,
      // What is kept for bursts would be started beside what is measured.
      blanks: 2,
      ...options,
    });
    return new BenchRuntime(runtime, directory);
  }

  spec(code: string | Buffer, more: Partial<FunctionSpec> = {}, file = 'index.js'): FunctionSpec {
    const name = `bench${this.#made++}`;
    const codeDirectory = join(this.#directory, 'code', name);
    mkdirSync(codeDirectory, { recursive: true });
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
      memoryMb: 512,
      timeoutMs: 60_000,
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

  /** @throws concurrency-limit unless `wait` */
  async invoke(spec: FunctionSpec, event: unknown = { n: 1 }, wait = true): Promise<InvocationResult> {
    using slot = await this.runtime.reserve(spec, { wait });
    return await this.invokeIn(slot, event);
  }

  async invokeIn(slot: Slot, event: unknown = { n: 1 }): Promise<InvocationResult> {
    const payload = Buffer.from(JSON.stringify(event));
    const result = await slot.invoke({ requestId: uuid(systemRandom), payload, trace: newTrace(systemRandom, false) });
    if (result.kind === 'error') throw new Error(Buffer.from(result.payload).toString());
    return result;
  }

  /** Times of cold starts on blank environments, milliseconds; the first one makes the code cache and is not counted. */
  async coldStarts(spec: FunctionSpec, count: number): Promise<readonly number[]> {
    const times: number[] = [];
    // The pools are full after a while; then each start waits until they are again.
    await sleep(FILL_MS);
    for (let i = 0; i <= count; i++) {
      while (!this.runtime.blanksFull) await sleep(10);
      await sleep(50);
      const start = performance.now();
      await this.invoke(spec);
      if (i > 0) times.push(performance.now() - start);
      // The cache is written after the answer.
      await sleep(50);
      this.runtime.retire(spec.arn);
    }
    return times;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runtime[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
