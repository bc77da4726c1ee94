/**
 * SQS through HTTP with SigV4: batches of ten are sent, received and deleted by clients in a process of their own, every
 * send and delete durable; beside the same bytes put to and deleted from the bare store, and beside RabbitMQ (durable queue,
 * persistent messages, publisher confirms, manual acks) under as many clients. Then receives from a backlog of five million
 * messages beside those from one of five thousand, and what the backlog costs in memory.
 * Not measured: TLS, several queues, FIFO queues, message attributes.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock, systemRandom } from '../src/base/index.ts';
import type { OperationContext } from '../src/services/index.ts';
import { openSqs } from '../src/services/sqs/index.ts';
import { openEmbeddedRecords, type Records } from '../src/store/index.ts';
import { createMetrics, newTrace, silentLogger } from '../src/telemetry/index.ts';
import { createWireServer } from '../src/wire/index.ts';
import { type Figure, formatFigure, median, skipped } from './figure.ts';
import type { RabbitLoad } from './generator/rabbitmq.worker.ts';
import type { SqsLoad, SqsResult } from './generator/sqs.worker.ts';
import { KEY } from './generator/sqs-client.ts';
import { startRabbitMq } from './rabbitmq.ts';

const BATCHES = 5_000;
const BATCH = 10;
const CONNECTIONS = 16;
const BODY_BYTES = 200;

const BACKLOG = 5_000_000;
const SMALL_BACKLOG = 5_000;
const BACKLOG_BODY_BYTES = 100;
const RECEIVES = 300;

/** About three minutes, most of them for filling the large queue. */
export async function run(): Promise<Figure[]> {
  await using house = await openHouse();
  await house.measure(500);
  const result = await house.measure(BATCHES);
  const rate = (BATCHES * BATCH * 1000) / result.elapsedMs;
  const floor = await bareStore(house.records);
  const all = Object.values(result.latencies).flat();
  const p99 = quantile(all, 0.99);
  return [
    {
      name: 'SQS over HTTP with SigV4, batches of 10: sent, received and deleted',
      value: rate,
      unit: 'messages/s',
      floor: { name: 'the same bytes on the bare store', value: floor },
      ratio: rate / floor,
      target: { value: 10_000, met: rate >= 10_000 },
    },
    { name: 'a call of it, p50', value: median(all), unit: 'ms' },
    { name: 'a call of it, p99', value: p99, unit: 'ms', target: { value: 20, met: p99 < 20 } },
    await besideRabbitMq(rate),
    ...(await backlogs(house)),
  ];
}

async function besideRabbitMq(rate: number): Promise<Figure> {
  const name = 'the same beside RabbitMQ (durable, confirms, manual acks)';
  await using rabbit = await startRabbitMq();
  if (!rabbit) return skipped(name, 'rabbitmq-server is not installed');
  const client = forkClient('rabbitmq.worker.ts');
  const load: RabbitLoad = { url: rabbit.url, clients: CONNECTIONS, batches: BATCHES, bodyBytes: BODY_BYTES };
  client.send(load);
  const [{ elapsedMs }] = (await once(client, 'message')) as [{ elapsedMs: number }];
  client.kill();
  const value = (BATCHES * BATCH * 1000) / elapsedMs;
  return {
    name,
    value: rate,
    unit: 'messages/s',
    floor: { name: `RabbitMQ ${rabbit.version}`, value },
    ratio: rate / value,
  };
}

/** What a receive of ten takes from a small and from a large backlog, and what the large one holds in memory. */
async function backlogs(house: Awaited<ReturnType<typeof openHouse>>): Promise<Figure[]> {
  // The first receives of a process pay for its compiler.
  await house.receives(await house.fill('warm', SMALL_BACKLOG));
  const small = await house.fill('small', SMALL_BACKLOG);
  const before = settledMemory();
  const large = await house.fill('large', BACKLOG);
  const megabytes = Math.max(0, settledMemory() - before) / 1024 ** 2;
  const [ofSmall, ofLarge] = [await house.receives(small), await house.receives(large)];
  const ratio = ofLarge / ofSmall;
  return [
    {
      name: `a receive of 10 from a backlog of ${BACKLOG / 1e6} million, mean`,
      value: ofLarge,
      unit: 'µs',
      floor: { name: `from one of ${SMALL_BACKLOG}`, value: ofSmall },
      ratio,
      target: { ratio: 1, met: ratio < 1.25 },
    },
    {
      name: `memory of a backlog of ${BACKLOG / 1e6} million`,
      value: megabytes,
      unit: 'MB',
      target: { value: 100, met: megabytes < 100 },
    },
  ];
}

/** Heap and buffers after a collection, bytes; run with --expose-gc, or what is garbage counts too. */
function settledMemory(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function quantile(values: readonly number[], part: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * part)]!;
}

/** The SQS service behind a wire that checks signatures, in this process. */
async function openHouse() {
  await using scope = new AsyncDisposableStack();
  // On the disk of the checkout, as the other broker: `/tmp` may be memory.
  const parent = resolve(import.meta.dirname, '../.bench');
  mkdirSync(parent, { recursive: true });
  const directory = mkdtempSync(join(parent, 'sqs-'));
  scope.defer(() => rmSync(directory, { recursive: true, force: true }));
  const ground = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
  const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
  const sqs = scope.use(await openSqs({ records, ...ground }));
  const caller = { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:root' };
  const wire = createWireServer({
    ...ground,
    services: [sqs.service],
    credentials: { secretFor: () => ({ secret: KEY.secret, caller }) },
    mode: 'secured',
  });
  const { port } = await wire.listen('127.0.0.1', 0);
  scope.defer(() => wire.close(1000));
  const client = forkClient('sqs.worker.ts');
  scope.defer(async () => {
    client.kill();
    await once(client, 'exit');
  });
  const context: OperationContext = {
    requestId: 'bench',
    region: 'us-east-1',
    caller,
    endpoint: `http://127.0.0.1:${port}`,
    signal: new AbortController().signal,
    trace: newTrace(systemRandom, false),
  };
  const call = async (operation: string, input: object) => sqs.service.operations[operation]!(input, context);
  const { QueueUrl: queueUrl } = await call('CreateQueue', { QueueName: 'bench' });
  const owned = scope.move();
  return {
    records,
    /** A queue with so many messages; sends go side by side, so that they share commits. */
    async fill(QueueName: string, messages: number): Promise<string> {
      const { QueueUrl } = await call('CreateQueue', { QueueName });
      const MessageBody = 'x'.repeat(BACKLOG_BODY_BYTES);
      const Entries = Array.from({ length: BATCH }, (_, at) => ({ Id: `${at}`, MessageBody }));
      let left = messages / BATCH;
      const sender = async () => {
        while (left-- > 0) await call('SendMessageBatch', { QueueUrl, Entries });
      };
      await Promise.all(Array.from({ length: 64 }, sender));
      return QueueUrl;
    },
    /** Mean time of a receive, microseconds: pages that are read ahead are in it. */
    async receives(QueueUrl: string): Promise<number> {
      const start = performance.now();
      for (let round = 0; round < RECEIVES; round++) {
        const { Messages } = await call('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 });
        if (Messages.length !== 10) throw new Error(`a receive of ${Messages.length} messages`);
      }
      return ((performance.now() - start) * 1000) / RECEIVES;
    },
    measure: (batches: number) =>
      drive(client, { port, queueUrl, connections: CONNECTIONS, batches, bodyBytes: BODY_BYTES }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function forkClient(file: string): ChildProcess {
  return fork(join(import.meta.dirname, 'generator', file), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: [],
  });
}

async function drive(client: ChildProcess, load: SqsLoad): Promise<SqsResult> {
  client.send(load);
  const [result] = (await once(client, 'message')) as [SqsResult];
  if (result.repeated > 0) throw new Error(`${result.repeated} messages came more than once`);
  return result;
}

/** Messages a second when a batch is one value: put durably, read, deleted durably, by as many writers. */
async function bareStore(records: Records): Promise<number> {
  const value = Buffer.alloc(BATCH * BODY_BYTES);
  const start = performance.now();
  const writer = async (index: number) => {
    for (let batch = index; batch < BATCHES; batch += CONNECTIONS) {
      const key = Buffer.from(`${batch}`.padStart(12, '0'));
      await records.commit({ writes: [{ kind: 'put', space: 'bare', key, value }] });
      await records.get('bare', key);
      await records.commit({ writes: [{ kind: 'delete', space: 'bare', key }] });
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => writer(index)));
  return (BATCHES * BATCH * 1000) / (performance.now() - start);
}

if (import.meta.main) for (const figure of await run()) process.stdout.write(`${formatFigure(figure)}\n`);
