import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type Clock, systemClock, systemRandom, uuid } from '../../src/base/index.ts';
import type { Delivery, DeliveryFailure, DeliveryService, GivenUp, Target } from '../../src/delivery/index.ts';
import { type ManagedRuntime, openRuntime, type RuntimeOptions } from '../../src/runtime/index.ts';
import type { OperationContext } from '../../src/services/index.ts';
import { type Lambda, type LambdaOptions, openLambda } from '../../src/services/lambda/index.ts';
import { openEmbeddedRecords, type Records } from '../../src/store/index.ts';
import { createMetrics, type Datum, newTrace, silentLogger } from '../../src/telemetry/index.ts';
import { zipOf } from '../support/clients.ts';

export const context = (more: Partial<OperationContext> = {}): OperationContext => ({
  requestId: uuid(systemRandom),
  region: 'us-east-1',
  caller: { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:root' },
  endpoint: 'http://127.0.0.1:4566',
  signal: new AbortController().signal,
  trace: newTrace(systemRandom, false),
  ...more,
});

/** An outbox that keeps what it is given, for the test to hand over. */
export class HeldDeliveries implements DeliveryService {
  readonly held: Delivery[] = [];
  readonly #clock: Clock;
  readonly #sentAt = new Map<Delivery, number>();
  #listener: (givenUp: GivenUp) => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  register(): void {}
  async send(deliveries: readonly Delivery[]): Promise<void> {
    for (const delivery of deliveries) this.#sentAt.set(delivery, this.#clock.now());
    this.held.push(...deliveries);
  }
  edges() {
    return [];
  }
  onDelivered() {
    return () => {};
  }

  onGivenUp(listener: (givenUp: GivenUp) => void) {
    this.#listener = listener;
    return () => {};
  }
  async [Symbol.asyncDispose](): Promise<void> {}

  /** Tells of one that was given up. */
  giveUp(delivery: Delivery): void {
    this.#listener({ delivery, reason: 'attempts', errorCode: 'function-failed', errorMessage: 'Error', attempts: 3 });
  }

  /** Tries the oldest one until it is done or given up, without the waits between; what follows is held. @returns attempts made */
  async handOver(target: Target): Promise<number> {
    const delivery = this.held.shift()!;
    const tried = { sentAt: this.#sentAt.get(delivery) ?? this.#clock.now(), uncounted: 0 };
    for (let attempt = 1; ; attempt++) {
      try {
        const followers = await target.deliver(delivery, attempt, new AbortController().signal, tried);
        await this.send(followers ?? []);
        return attempt;
      } catch (error) {
        const { aftermath } = error as Partial<DeliveryFailure>;
        if (aftermath?.kind === 'again') continue;
        await this.send(aftermath?.instead ?? []);
        this.giveUp(delivery);
        return attempt;
      }
    }
  }
}

/** The Lambda service with its runtime over a fresh directory: all real but the outbox. */
export class LambdaHouse implements AsyncDisposable {
  /** What functions have logged. */
  readonly lines: string[];
  readonly data: Datum[];
  readonly delivery: HeldDeliveries;
  /** By `bucket/key`. */
  readonly objects: Map<string, Uint8Array>;
  readonly directory: string;
  readonly runtime: ManagedRuntime;
  readonly lambda: Lambda;
  readonly #scope: AsyncDisposableStack;

  private constructor(
    parts: Pick<LambdaHouse, 'lines' | 'data' | 'delivery' | 'objects' | 'directory' | 'runtime' | 'lambda'>,
    scope: AsyncDisposableStack,
  ) {
    this.lines = parts.lines;
    this.data = parts.data;
    this.delivery = parts.delivery;
    this.objects = parts.objects;
    this.directory = parts.directory;
    this.runtime = parts.runtime;
    this.lambda = parts.lambda;
    this.#scope = scope;
  }

  static async open(
    options: {
      readonly directory?: string;
      readonly clock?: Clock;
      readonly runtime?: Partial<RuntimeOptions>;
      readonly lambda?: Partial<LambdaOptions>;
      /** Makes of the real runtime the one that the service sees. */
      readonly seen?: (runtime: ManagedRuntime) => LambdaOptions['runtime'];
    } = {},
  ): Promise<LambdaHouse> {
    await using scope = new AsyncDisposableStack();
    const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'millrace-lambda-')));
    if (!options.directory) scope.defer(() => rm(directory, { recursive: true, force: true }));
    const lines: string[] = [];
    const data: Datum[] = [];
    const objects = new Map<string, Uint8Array>();
    const clock = options.clock ?? systemClock;
    const delivery = new HeldDeliveries(options.lambda?.clock ?? clock);
    const records: Records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
    const metrics = createMetrics();
    metrics.onDatum((datum) => data.push({ ...datum }));
    const runtime = scope.use(
      await openRuntime({
        clock,
        random: systemRandom,
        logger: silentLogger,
        metrics,
        logs: { write: (_group, _stream, _at, line) => void lines.push(line) },
        directory: join(directory, 'environments'),
        endpoint: () => 'http://127.0.0.1:4566',
        blanks: 1,
        blanksAfterMs: 0,
        ...options.runtime,
      }),
    );
    const lambda = scope.use(
      await openLambda({
        records,
        runtime: options.seen?.(runtime) ?? runtime,
        delivery,
        codeDirectory: join(directory, 'code'),
        readObject: async (bucket, key) => {
          const found = objects.get(`${bucket}/${key}`);
          if (!found) throw new Error('no such object');
          return Readable.from([found]);
        },
        readObjectRights: () => [],
        clock,
        random: systemRandom,
        logger: silentLogger,
        metrics,
        ...options.lambda,
      }),
    );
    return new LambdaHouse({ lines, data, delivery, objects, directory, runtime, lambda }, scope.move());
  }

  /** Calls an operation of the API. */
  async call(
    operation: string,
    input: Record<string, unknown> = {},
    more: Partial<OperationContext> = {},
  ): Promise<any> {
    return await this.lambda.service.operations[operation]!(input, context(more));
  }

  /** Makes a function of one file, `index.js` unless the name says otherwise. */
  async create(name: string, code: string, more: Record<string, unknown> = {}, file = 'index.js'): Promise<any> {
    return this.call('CreateFunction', {
      FunctionName: name,
      Runtime: 'nodejs24.x',
      Role: 'arn:aws:iam::000000000000:role/test',
      Handler: 'index.handler',
      Code: { ZipFile: await zipOf({ [file]: code }) },
      ...more,
    });
  }

  /** Invokes and parses the answer. */
  async invoke(name: string, event: unknown = {}, more: Record<string, unknown> = {}) {
    const answer = await this.call('Invoke', {
      FunctionName: name,
      Payload: Buffer.from(JSON.stringify(event)),
      ...more,
    });
    const payload = answer.Payload ? JSON.parse(Buffer.from(answer.Payload).toString()) : undefined;
    return { ...answer, payload } as { StatusCode: number; FunctionError?: string; payload: any; [more: string]: any };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.disposeAsync();
  }
}
