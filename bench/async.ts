/**
 * Asynchronous invocations: events accepted, each durable before its answer, through HTTP with SigV4 and inside the node; beside the
 * same bytes on the bare records store, and beside RabbitMQ (durable queue, persistent messages, publisher confirms) with as many
 * events outstanding. Then events accepted and run: the function answers at once, so that what is measured is the way in and out of
 * the outbox.
 * Not measured: functions, retries, destinations. RabbitMQ answers a confirm when the message is written and may sync less often.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { connect } from 'amqplib';
import { systemClock, systemRandom, uuid } from '../src/base/index.ts';
import { openDelivery } from '../src/delivery/index.ts';
import type { Runtime } from '../src/runtime/index.ts';
import type { OperationContext } from '../src/services/index.ts';
import { ASYNC_LIMITS, openLambda } from '../src/services/lambda/index.ts';
import { openEmbeddedRecords, type Records } from '../src/store/index.ts';
import { createMetrics, newTrace, silentLogger } from '../src/telemetry/index.ts';
import { createWireServer } from '../src/wire/index.ts';
import { zipOf } from '../test/support/clients.ts';
import { type Figure, formatFigure } from './figure.ts';
import { KEY, signedInvoke } from './invoke.ts';
import type { InvokeLoad } from './invoke-client.worker.ts';
import { startRabbitMq } from './rabbitmq.ts';

const EVENTS = 30_000;
/** Events that wait for their answer at once. */
const OUTSTANDING = 64;
const EVENT = JSON.stringify({ data: 'x'.repeat(190) });

/** About half a minute. */
export async function run(): Promise<Figure[]> {
  await using house = await openHouse();
  await house.inside(2_000);
  const floor = await bareStore(house.records);
  const inside = await house.inside(EVENTS);
  await house.http(2_000);
  const http = await house.http(EVENTS);
  const through = await house.runAll();
  const bare = { name: 'the same bytes on the bare store', value: floor };
  const rabbit = await rabbitRate();
  const rate = (name: string, value: number, target?: number): Figure => ({
    name,
    value,
    unit: 'events/s',
    floor: bare,
    ratio: value / floor,
    ...(target !== undefined && { target: { value: target, met: value >= target } }),
  });
  return [
    rate('asynchronous invocations accepted inside the node', inside, 5_000),
    rate('asynchronous invocations accepted through HTTP with SigV4', http.rate, 5_000),
    rate('the same, one core of the node', http.perCore),
    rate('waiting events run and removed, by a function that answers at once', through),
    ...(rabbit === undefined
      ? []
      : [
          {
            name: 'asynchronous invocations accepted through HTTP, beside RabbitMQ',
            value: http.rate,
            unit: 'events/s',
            floor: { name: 'RabbitMQ, durable with confirms', value: rabbit },
            ratio: http.rate / rabbit,
          },
        ]),
  ];
}

async function openHouse() {
  await using scope = new AsyncDisposableStack();
  // On the disk of the checkout: `/tmp` may be memory.
  const parent = resolve(import.meta.dirname, '../.bench');
  mkdirSync(parent, { recursive: true });
  const directory = mkdtempSync(join(parent, 'async-'));
  scope.defer(() => rmSync(directory, { recursive: true, force: true }));
  const ground = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
  const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
  const delivery = scope.use(await openDelivery({ records, ...ground }));
  const code = { readObject: () => Promise.reject(new Error('no objects here')), readObjectRights: () => [] };
  const codeDirectory = join(directory, 'code');
  const lambda = scope.use(
    await openLambda({ records, runtime: instantRuntime(), delivery, codeDirectory, ...code, ...ground }),
  );
  const caller = { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:root' };
  const wire = createWireServer({
    ...ground,
    services: [lambda.service],
    credentials: { secretFor: () => ({ secret: KEY.secret, caller }) },
    mode: 'secured',
  });
  const { port } = await wire.listen('127.0.0.1', 0);
  scope.defer(() => wire.close(1000));
  const client = fork(join(import.meta.dirname, 'invoke-client.worker.ts'), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  scope.defer(async () => {
    client.kill();
    await once(client, 'exit');
  });
  const call = async (operation: string, input: object) => {
    const context: OperationContext = {
      requestId: uuid(systemRandom),
      region: 'us-east-1',
      caller,
      endpoint: '',
      signal: new AbortController().signal,
      trace: newTrace(systemRandom, false),
    };
    return lambda.service.operations[operation]!(input, context);
  };
  // Nobody delivers yet: what is accepted waits.
  const waits = Promise.withResolvers<void>();
  delivery.register('lambda', { deliver: () => waits.promise });
  const Code = { ZipFile: await zipOf({ 'index.js': '' }) };
  await call('CreateFunction', { FunctionName: 'f', Runtime: 'nodejs24.x', Role: 'r', Handler: 'index.handler', Code });
  const owned = scope.move();
  let accepted = 0;
  return {
    records,
    async inside(events: number): Promise<number> {
      accepted += events;
      const Payload = Buffer.from(EVENT);
      return rateOf(events, () => call('Invoke', { FunctionName: 'f', InvocationType: 'Event', Payload }));
    },
    async http(events: number): Promise<{ readonly rate: number; readonly perCore: number }> {
      accepted += events;
      const request = signedInvoke(port, 'f', EVENT, 'Event');
      const before = process.cpuUsage();
      client.send({ port, request, connections: OUTSTANDING, requests: events } satisfies InvokeLoad);
      const [{ latencies, elapsedMs }] = (await once(client, 'message')) as [
        { latencies: number[]; elapsedMs: number },
      ];
      const { user, system } = process.cpuUsage(before);
      return { rate: (latencies.length * 1000) / elapsedMs, perCore: latencies.length / ((user + system) / 1e6) };
    },
    /** Lets all that waits be run. @returns events a second */
    async runAll(): Promise<number> {
      const start = performance.now();
      delivery.register('lambda', lambda.target, { concurrencyMax: ASYNC_LIMITS.concurrencyMax });
      waits.resolve();
      while (!delivery.edges().every(({ pending }) => pending === 0)) await new Promise((done) => setTimeout(done, 5));
      return (accepted * 1000) / (performance.now() - start);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Functions that answer at once. */
function instantRuntime(): Runtime {
  const metering = { durationMs: 1, billedMs: 1, memoryUsedMb: 1, start: 'warm' } as const;
  const payload = Buffer.from('null');
  return {
    reserve: async () => ({
      invoke: async () => ({ kind: 'success', payload, logTail: '', metering }),
      [Symbol.dispose]: () => {},
    }),
    snapshot: async () => ({ kind: 'on' }),
    provision: () => {},
    provisioned: () => undefined,
    retire: () => {},
    reserveConcurrency: () => {},
    pools: () => [],
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Values put durably, a second, by as many writers. */
function bareStore(records: Records): Promise<number> {
  const value = Buffer.from(EVENT);
  let next = 0;
  return rateOf(EVENTS, () => {
    const key = Buffer.from(`${next++}`.padStart(12, '0'));
    return records.commit({ writes: [{ kind: 'put', space: 'bare', key, value }] });
  });
}

/** @returns nothing where it is not installed */
async function rabbitRate(): Promise<number | undefined> {
  await using rabbit = await startRabbitMq();
  if (!rabbit) return undefined;
  const connection = await connect(rabbit.url);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue('events', { durable: true });
  const body = Buffer.from(EVENT);
  const publish = () =>
    new Promise<void>((done, failed) => {
      channel.sendToQueue('events', body, { persistent: true }, (error) => (error ? failed(error) : done()));
    });
  const rate = await rateOf(EVENTS, publish);
  await connection.close();
  return rate;
}

/** Runs `one` again and again, so many at once. @returns how often a second */
async function rateOf(count: number, one: () => Promise<unknown>): Promise<number> {
  let left = count;
  const start = performance.now();
  const worker = async () => {
    while (left-- > 0) await one();
  };
  await Promise.all(Array.from({ length: OUTSTANDING }, worker));
  return (count * 1000) / (performance.now() - start);
}

if (import.meta.main) for (const figure of await run()) process.stdout.write(`${formatFigure(figure)}\n`);
