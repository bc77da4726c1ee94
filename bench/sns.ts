/**
 * Topics: one message to ten queues, durable in each when Publish answers: `node bench/sns.ts`, about 20 s.
 *
 * Floor: commits of as many records of as many bytes to the bare store, as many at once, in the same run, turn by turn. Peer:
 * Debian's RabbitMQ, a fanout exchange with ten durable queues, persistent messages, publisher confirms, as many unconfirmed as
 * we have publishers. 200-byte messages; three rounds, median. The queues are emptied between rounds.
 *
 * Not measured: the network (we publish inside the node, RabbitMQ through loopback), consumers, slow disks.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { systemClock, systemRandom } from '../src/base/index.ts';
import { openDelivery } from '../src/delivery/index.ts';
import { openSns } from '../src/services/sns/index.ts';
import { openSqs } from '../src/services/sqs/index.ts';
import { openEmbeddedRecords, type Records } from '../src/store/index.ts';
import { createMetrics, newTrace, silentLogger } from '../src/telemetry/index.ts';
import { type Figure, formatFigure, median, skipped } from './figure.ts';
import { startRabbitMq } from './rabbitmq.ts';

const QUEUES = 10;
const MESSAGE = 'x'.repeat(200);
const PUBLISHERS = 64;
const BATCH = 10;
const ROUNDS = 3;
const MESSAGES = 2_000;
/** What a queue stores of a message of this size: header, body and key. */
const STORED_BYTES = 520;
const ARN = 'arn:aws:sns:us-east-1:000000000000';

export async function run(): Promise<Figure[]> {
  const parent = resolve(import.meta.dirname, '../.bench');
  await mkdir(parent, { recursive: true });
  const directory = await mkdtemp(join(parent, 'sns-'));
  try {
    const rounds = await ours(directory);
    const of = (name: keyof (typeof rounds)[number]) => median(rounds.map((one) => one[name]));
    const floor = { name: 'bare store, as many records', value: of('floor') };
    const figure = (name: string, value: number, target?: number): Figure => ({
      name: `SNS 1 -> 10 queues, ${name}`,
      value,
      unit: 'deliveries/s',
      floor,
      ratio: value / floor.value,
      ...(target !== undefined && { target: { value: target, met: value >= target } }),
    });
    return [
      figure(`raw, ${PUBLISHERS} publishers of one message`, of('raw'), 20_000),
      figure('raw, batches of 10', of('batches'), 20_000),
      figure(`signed envelopes, ${PUBLISHERS} publishers of one message`, of('signed'), 20_000),
      await besideRabbitMq(of('raw')),
    ];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function ours(directory: string) {
  await using scope = new AsyncDisposableStack();
  const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'node') }));
  const bare = scope.use(await openEmbeddedRecords({ directory: join(directory, 'bare') }));
  const ground = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
  const delivery = scope.use(await openDelivery({ records, ...ground }));
  const sqs = scope.use(await openSqs({ records, ...ground }));
  const sns = scope.use(await openSns({ records, delivery, endpoint: () => 'http://127.0.0.1:4566', ...ground }));
  delivery.register('sqs', sqs.target);
  const operations = { ...sqs.service.operations, ...sns.service.operations };
  const call = (name: string, input: object): Promise<any> => Promise.resolve(operations[name]!(input, context()));
  const rounds: { floor: number; raw: number; batches: number; signed: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push({
      floor: await floor(bare),
      raw: await fanOut(call, `raw-${round}`, 'true', 1),
      batches: await fanOut(call, `batches-${round}`, 'true', BATCH),
      signed: await fanOut(call, `signed-${round}`, 'false', 1),
    });
  }
  return rounds;
}

const context = () => ({
  requestId: 'r',
  region: 'us-east-1',
  caller: { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:root', accessKeyId: 'k' },
  endpoint: 'http://127.0.0.1:4566',
  signal: new AbortController().signal,
  trace: newTrace(systemRandom),
});

/** Deliveries a second of a new topic with ten queues, which are deleted afterwards. */
async function fanOut(
  call: (name: string, input: object) => Promise<any>,
  name: string,
  RawMessageDelivery: string,
  batch: number,
): Promise<number> {
  const TopicArn = `${ARN}:${name}`;
  await call('CreateTopic', { Name: name });
  const urls: string[] = [];
  for (let i = 0; i < QUEUES; i++) {
    urls.push((await call('CreateQueue', { QueueName: `${name}-${i}` })).QueueUrl);
    const Endpoint = `arn:aws:sqs:us-east-1:000000000000:${name}-${i}`;
    await call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint, Attributes: { RawMessageDelivery } });
  }
  const PublishBatchRequestEntries = Array.from({ length: batch }, (_, i) => ({ Id: `${i}`, Message: MESSAGE }));
  const publish = () =>
    batch === 1
      ? call('Publish', { TopicArn, Message: MESSAGE })
      : call('PublishBatch', { TopicArn, PublishBatchRequestEntries });
  await publish();
  const perSecond = await repeated(MESSAGES / batch, Math.ceil(PUBLISHERS / batch), publish);
  await call('DeleteTopic', { TopicArn });
  for (const QueueUrl of urls) await call('DeleteQueue', { QueueUrl });
  return perSecond * batch * QUEUES;
}

/** Records a second that the store takes as the queues would give them to it: ten of one message in each commit. */
async function floor(records: Records): Promise<number> {
  const value = Buffer.alloc(STORED_BYTES, 7);
  let next = 0;
  const commit = () => {
    const writes = Array.from({ length: QUEUES }, (_, i) => {
      const key = Buffer.alloc(12);
      key.writeUInt32BE(i);
      key.writeDoubleBE(next, 4);
      return { kind: 'put', space: `floor-${i}`, key, value } as const;
    });
    next++;
    return records.commit({ writes });
  };
  const perSecond = await repeated(MESSAGES, PUBLISHERS, commit);
  for (let i = 0; i < QUEUES; i++) await records.dropSpace(`floor-${i}`);
  return perSecond * QUEUES;
}

/** Calls a second, `atOnce` under way at any time. */
async function repeated(calls: number, atOnce: number, call: () => Promise<unknown>): Promise<number> {
  let left = Math.floor(calls);
  const started = performance.now();
  const worker = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return (Math.floor(calls) / (performance.now() - started)) * 1000;
}

async function besideRabbitMq(value: number): Promise<Figure> {
  const name = 'SNS 1 -> 10 queues, raw, beside RabbitMQ';
  const broker = await startRabbitMq();
  if (!broker) return skipped(name, 'rabbitmq-server is not installed');
  await using _ = broker;
  const { connect } = await import('amqplib');
  const connection = await connect(broker.url);
  const channel = await connection.createConfirmChannel();
  await channel.assertExchange('topic', 'fanout', { durable: true });
  for (let i = 0; i < QUEUES; i++) {
    await channel.assertQueue(`queue-${i}`, { durable: true });
    await channel.bindQueue(`queue-${i}`, 'topic', '');
  }
  const content = Buffer.from(MESSAGE);
  const publish = () =>
    new Promise<void>((resolve, reject) => {
      channel.publish('topic', '', content, { persistent: true }, (error) => (error ? reject(error) : resolve()));
    });
  await publish();
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push((await repeated(MESSAGES, PUBLISHERS, publish)) * QUEUES);
    for (let i = 0; i < QUEUES; i++) await channel.purgeQueue(`queue-${i}`);
  }
  await connection.close();
  const peer = median(rounds);
  const rabbit = { name: `RabbitMQ ${broker.version}, fanout with confirms`, value: peer };
  return { name, value, unit: 'deliveries/s', floor: rabbit, ratio: value / peer };
}

if (import.meta.main) for (const figure of await run()) process.stdout.write(`${formatFigure(figure)}\n`);
