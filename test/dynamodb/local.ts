import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, type Random, seededRandom, systemClock, systemRandom } from '../../src/base/index.ts';
import { type Dynamodb, openDynamodb } from '../../src/services/dynamodb/index.ts';
import type { OperationContext } from '../../src/services/index.ts';
import { openEmbeddedObjects, openEmbeddedRecords, type Records } from '../../src/store/index.ts';
import { createMetrics, type Metrics, silentLogger } from '../../src/telemetry/index.ts';

/** The service over a store of its own, without a node around it: operations are called as the wire calls them. */
export class LocalTables implements AsyncDisposable {
  readonly dynamodb: Dynamodb;
  readonly records: Records;
  readonly metrics: Metrics;
  readonly #close: () => Promise<void>;

  private constructor(dynamodb: Dynamodb, records: Records, metrics: Metrics, close: () => Promise<void>) {
    this.dynamodb = dynamodb;
    this.records = records;
    this.metrics = metrics;
    this.#close = close;
  }

  static async open(
    options: {
      readonly directory?: string;
      readonly clock?: Clock;
      readonly pagesMax?: number;
      /** Answers of the store arrive in another order than they would, as the seed says. */
      readonly shakenBy?: Random;
    } = {},
  ): Promise<LocalTables> {
    const { clock = systemClock, shakenBy, pagesMax } = options;
    const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'millrace-tables-')));
    const store = await openEmbeddedRecords({ directory, ...(pagesMax !== undefined && { pagesMax }) });
    const records = shakenBy ? shaken(store, shakenBy) : store;
    const ground = { clock, random: systemRandom, logger: silentLogger };
    const objects = await openEmbeddedObjects({ directory: join(directory, 'objects'), records: store, ...ground });
    const metrics = createMetrics();
    const kinesis = { has: () => false, put: async () => {} };
    const dynamodb = await openDynamodb({ records, objects, metrics, kinesis, ...ground });
    return new LocalTables(dynamodb, records, metrics, async () => {
      await dynamodb[Symbol.asyncDispose]();
      await objects[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
    });
  }

  call(operation: string, input: object): Promise<any> {
    return this.#call(0, operation, input);
  }

  /** The same of `dynamodbstreams`. */
  callStreams(operation: string, input: object): Promise<any> {
    return this.#call(1, operation, input);
  }

  async #call(service: number, operation: string, input: object): Promise<any> {
    // What is read changes its input in place, and callers here use theirs again.
    return this.dynamodb.services[service]!.operations[operation]!(structuredClone(input), CONTEXT);
  }

  /** Makes a table of a key like `h:S` or `h:S r:N`. */
  async table(TableName: string, key = 'h:S'): Promise<string> {
    const parts = key.split(' ').map((one) => one.split(':') as [string, string]);
    await this.call('CreateTable', {
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: parts.map(([AttributeName], at) => ({ AttributeName, KeyType: at === 0 ? 'HASH' : 'RANGE' })),
      AttributeDefinitions: parts.map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
    });
    return TableName;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

const CONTEXT = { region: 'us-east-1', requestId: 'r', endpoint: 'http://127.0.0.1' } as unknown as OperationContext;

function shaken(store: Records, random: Random): Records {
  const late = async <T>(answer: Promise<T>): Promise<T> => {
    const got = await answer.catch((error: unknown) => ({ error }));
    for (let turns = Math.floor(random.next() * 4); turns > 0; turns--) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (typeof got === 'object' && got !== null && 'error' in got) throw got.error;
    return got as T;
  };
  return new Proxy(store, {
    get: (target, name) => {
      const member = target[name as keyof Records] as (...parameters: unknown[]) => Promise<unknown>;
      if (!['get', 'getAll', 'range', 'commit'].includes(String(name))) return member.bind(target);
      return (...parameters: unknown[]) => late(member.apply(target, parameters));
    },
  });
}

/** A seed of a test: given by `SEED`, else the one that is written there. */
export const seedOf = (fallback: number) => Number(process.env.SEED ?? fallback);
export { seededRandom };
