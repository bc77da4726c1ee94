/**
 * A queue's poller in this process: a backlog is handed to a function that does nothing, in batches of 10 and of 500.
 *
 * The floor is the same queue emptied by hand in the same way: as many receivers at once, each deletes what it has received.
 * So the difference is the poller's: reserving, counting what waits, writing events, judging. Every message stands on disk before
 * and is deleted durably. Not measured: functions (see `invoke`), HTTP, sending; streams have their figure in `flow`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../src/base/index.ts';
import {
  type FunctionInvoker,
  POLLER_LIMITS,
  QueuePoller,
  type QueueSettings,
  type QueueSource,
  Tally,
} from '../src/pollers/index.ts';
import type { OperationContext } from '../src/services/index.ts';
import { openSqs, type Sqs } from '../src/services/sqs/index.ts';
import { openEmbeddedRecords } from '../src/store/index.ts';
import { createMetrics, newTrace, silentLogger } from '../src/telemetry/index.ts';
import { type Figure, median } from './figure.ts';

const MESSAGES = 30_000;
const RUNS = 3;
const ARN = 'arn:aws:sqs:us-east-1:000000000000:bench';
const QueueUrl = 'http://127.0.0.1/000000000000/bench';
const ground = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };

/** About a quarter of a minute. */
export async function run(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const batchSize of [10, 500]) {
    const floors: number[] = [];
    const rates: number[] = [];
    for (let i = 0; i < RUNS; i++) {
      floors.push(await emptied((source) => byHand(source, batchSize)));
      rates.push(await emptied((source) => byPoller(source, batchSize)));
    }
    const value = median(rates);
    const floor = median(floors);
    figures.push({
      name: `queue -> poller -> batches of ${batchSize} -> deleted`,
      value,
      unit: 'messages/s',
      floor: { name: 'the queue emptied by hand', value: floor },
      ratio: value / floor,
    });
  }
  return figures;
}

/** Messages a second that `empty` takes out of a fresh queue. */
async function emptied(empty: (source: QueueSource) => Promise<void>): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-bench-pollers-'));
  try {
    await using records = await openEmbeddedRecords({ directory });
    await using sqs = await openSqs({ records, ...ground });
    await fill(sqs);
    const source = sqs.source(ARN);
    const before = performance.now();
    await empty(source);
    return (MESSAGES * 1000) / (performance.now() - before);
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function fill({ service }: Sqs): Promise<void> {
  const context: OperationContext = {
    requestId: 'r',
    region: 'us-east-1',
    caller: { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:root' },
    endpoint: 'http://127.0.0.1',
    signal: new AbortController().signal,
    trace: newTrace(systemRandom),
  };
  await service.operations.CreateQueue!({ QueueName: 'bench' }, context);
  const MessageBody = JSON.stringify({ machine: 'machine-12', pad: 'x'.repeat(160) });
  const Entries = Array.from({ length: 10 }, (_, id) => ({ Id: `${id}`, MessageBody }));
  for (let sent = 0; sent < MESSAGES; sent += 1000) {
    const sends = Array.from({ length: 100 }, () =>
      service.operations.SendMessageBatch!({ QueueUrl, Entries }, context),
    );
    await Promise.all(sends);
  }
}

async function byHand(source: QueueSource, batchSize: number): Promise<void> {
  const receiver = async () => {
    for (;;) {
      const received = await source.receive(batchSize);
      if (received.length === 0) return;
      await source.delete(received);
    }
  };
  await Promise.all(Array.from({ length: POLLER_LIMITS.queueBatchesStart }, receiver));
}

async function byPoller(source: QueueSource, batchSize: number): Promise<void> {
  const settings: QueueSettings = {
    id: 'bench',
    mappingArn: 'arn:aws:lambda:us-east-1:000000000000:event-source-mapping:bench',
    functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:bench',
    functionName: 'bench',
    sourceArn: ARN,
    batchSize,
    windowMs: 0,
    lingerMs: POLLER_LIMITS.lingerMs,
    partialResponses: true,
    eventCounts: false,
    // As many at once as by hand: what more of them bring is not the question here.
    scaling: {
      start: POLLER_LIMITS.queueBatchesStart,
      min: 1,
      max: POLLER_LIMITS.queueBatchesStart,
      growthPerSecond: 1,
    },
  };
  const tally = new Tally(createMetrics(), settings);
  await using _poller = QueuePoller.start({ ...ground, settings, source, invoker: nothing, delivery: nowhere, tally });
  while (tally.records < MESSAGES) await new Promise((resolve) => setTimeout(resolve, 1));
}

const success = { kind: 'success', payload: Buffer.from('null') } as const;

/** The outbox is not asked: nothing fails. */
const nowhere = { send: async () => {} };

/** A function that does nothing, in no time. */
const nothing: FunctionInvoker = {
  exists: () => true,
  timeoutMs: () => 1000,
  reserve: async () => ({ invoke: async () => success, [Symbol.dispose]: () => {} }),
};
