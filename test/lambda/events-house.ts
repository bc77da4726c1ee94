import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DomainError, onAbort, SimulatedClock, systemRandom, uuid } from '../../src/base/index.ts';
import { type Delivery, type Outbox, openDelivery } from '../../src/delivery/index.ts';
import type { FunctionSpec, Invocation, InvocationResult, Runtime, Slot } from '../../src/runtime/index.ts';
import { ASYNC_LIMITS, type Lambda, openLambda } from '../../src/services/lambda/index.ts';
import { openEmbeddedRecords, type Records, type Write } from '../../src/store/index.ts';
import { createMetrics, type Datum, silentLogger } from '../../src/telemetry/index.ts';
import { zipOf } from '../support/clients.ts';
import { context } from './support.ts';

/** What a function answers: a value, or an error to be thrown. */
export type Behaviour = (event: any, invocation: Invocation, spec: FunctionSpec) => unknown;

/** Environments at the far edge: functions are callbacks, and places are as many as the test says. */
export class FakeRuntime implements Runtime {
  behaviour: Behaviour = () => null;
  /** Places that are free. */
  places = Number.POSITIVE_INFINITY;
  /** Thrown in place of a place. */
  refusal: DomainError | undefined;
  readonly ran: Invocation[] = [];
  readonly #waiting = new Set<() => void>();

  async reserve(
    spec: FunctionSpec,
    { wait, signal }: { readonly wait: boolean; readonly signal?: AbortSignal },
  ): Promise<Slot> {
    if (this.refusal) throw this.refusal;
    if (this.places <= 0 && !wait) throw limit();
    if (this.places <= 0) await this.#place(signal);
    this.places--;
    return {
      invoke: async (invocation) => this.#invoke(spec, invocation),
      [Symbol.dispose]: () => this.free(1),
    };
  }

  /** Makes places free. */
  free(count: number): void {
    this.places += count;
    for (const grant of [...this.#waiting].slice(0, count)) grant();
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  snapshot = async () => ({ kind: 'on' }) as const;
  provision(): void {}
  provisioned(): undefined {}
  retire(): void {}
  reserveConcurrency(): void {}
  pools = () => [];
  async [Symbol.asyncDispose](): Promise<void> {}

  #place(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const grant = () => {
        forget();
        this.#waiting.delete(grant);
        resolve();
      };
      const forget = onAbort(signal ?? new AbortController().signal, (reason) => {
        this.#waiting.delete(grant);
        reject(reason);
      });
      this.#waiting.add(grant);
    });
  }

  async #invoke(spec: FunctionSpec, invocation: Invocation): Promise<InvocationResult> {
    this.ran.push(invocation);
    const metering = { durationMs: 1, billedMs: 1, memoryUsedMb: 1, start: 'warm' } as const;
    const text = Buffer.from(invocation.payload).toString();
    try {
      const answer = await this.behaviour(JSON.parse(text), invocation, spec);
      const payload = answer instanceof Uint8Array ? answer : Buffer.from(JSON.stringify(answer) ?? 'null');
      return { kind: 'success', payload, logTail: '', metering };
    } catch (error) {
      const { name, message } = error as Error;
      const payload = Buffer.from(JSON.stringify({ errorType: name, errorMessage: message, trace: [] }));
      return { kind: 'error', payload, errorType: name, handled: true, logTail: '', metering };
    }
  }
}

const limit = () => new DomainError('concurrency-limit', 'Rate Exceeded.', { remedy: 'retry' });

/** Whoever waits for it has waited for every write before. */
const BARRIER: Write = { kind: 'put', space: 'test.barrier', key: Buffer.from('x'), value: Buffer.alloc(0) };

/** Lambda over a real outbox, in simulated time; destinations keep what they get. */
export class EventsHouse implements AsyncDisposable {
  readonly clock: SimulatedClock;
  readonly runtime: FakeRuntime;
  readonly delivery: Outbox;
  readonly lambda: Lambda;
  readonly data: Datum[];
  /** What queues, topics and buckets were given, oldest first. */
  readonly received: Delivery[];
  readonly #records: Records;
  readonly #scope: AsyncDisposableStack;

  private constructor(
    records: Records,
    parts: Omit<EventsHouse, 'advanceUntil' | 'call' | 'create' | 'send' | typeof Symbol.asyncDispose>,
    scope: AsyncDisposableStack,
  ) {
    this.clock = parts.clock;
    this.runtime = parts.runtime;
    this.delivery = parts.delivery;
    this.lambda = parts.lambda;
    this.data = parts.data;
    this.received = parts.received;
    this.#records = records;
    this.#scope = scope;
  }

  /** @param directory  of an earlier house, which it goes on with; else a new one that goes with it */
  static async open(
    directory?: string,
    clock = new SimulatedClock(),
    fails: (delivery: Delivery) => void = () => {},
  ): Promise<EventsHouse> {
    await using scope = new AsyncDisposableStack();
    const root = directory ?? (await mkdtemp(join(tmpdir(), 'millrace-events-')));
    if (directory === undefined) scope.defer(() => rm(root, { recursive: true, force: true }));
    const metrics = createMetrics();
    const ground = { clock, random: systemRandom, logger: silentLogger, metrics };
    const data: Datum[] = [];
    metrics.onDatum((datum) => data.push({ ...datum }));
    const records = scope.use(await openEmbeddedRecords({ directory: join(root, 'records') }));
    const delivery = scope.use(await openDelivery({ records, ...ground }));
    const runtime = new FakeRuntime();
    const readObject = () => Promise.reject(new Error('no objects here'));
    const code = { readObject, readObjectRights: () => [] };
    const codeDirectory = join(root, 'code');
    const lambda = scope.use(await openLambda({ records, runtime, delivery, codeDirectory, ...code, ...ground }));
    const received: Delivery[] = [];
    const target = {
      deliver: async (one: Delivery) => {
        fails(one);
        received.push(one);
      },
    };
    for (const service of ['sqs', 'sns', 's3']) delivery.register(service, target);
    delivery.register('lambda', lambda.target, { concurrencyMax: ASYNC_LIMITS.concurrencyMax });
    return new EventsHouse(records, { clock, runtime, delivery, lambda, data, received }, scope.move());
  }

  async call(operation: string, input: Record<string, unknown>): Promise<any> {
    return await this.lambda.service.operations[operation]!(input, context());
  }

  async create(name: string, more: Record<string, unknown> = {}): Promise<any> {
    return this.call('CreateFunction', {
      FunctionName: name,
      Runtime: 'nodejs24.x',
      Role: 'arn:aws:iam::000000000000:role/test',
      Handler: 'index.handler',
      Code: { ZipFile: await zipOf({ 'index.js': `// ${name} ${uuid(systemRandom)}` }) },
      ...more,
    });
  }

  /** Moves the time on in steps until `condition` holds; what a step has caused is done before the next. */
  async advanceUntil(stepMs: number, condition: () => boolean): Promise<void> {
    for (const end = performance.now() + 15_000; !condition(); ) {
      if (performance.now() > end) throw new Error(`never: ${condition}`);
      await this.clock.advance(stepMs);
      for (let round = 0; round < 4; round++) await this.#records.commit({ writes: [BARRIER] });
    }
  }

  /** Invokes asynchronously. @param event  JSON text stays as it is */
  async send(name: string, event: unknown, more: Record<string, unknown> = {}): Promise<void> {
    const Payload = Buffer.from(typeof event === 'string' ? event : JSON.stringify(event));
    const answer = await this.call('Invoke', { FunctionName: name, InvocationType: 'Event', Payload, ...more });
    if (answer.StatusCode !== 202) throw new Error(`status ${answer.StatusCode}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.disposeAsync();
  }
}
