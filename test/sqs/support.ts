import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { SimulatedClock, seededRandom } from '../../src/base/index.ts';
import type { OperationContext } from '../../src/services/index.ts';
import { openSqs, type Sqs } from '../../src/services/sqs/index.ts';
import { openEmbeddedRecords, type Records } from '../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { eventually } from '../pollers/fakes.ts';
import { CONTEXT } from '../support/operations.ts';

let directory: string;
let records: Records;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-sqs-'));
  records = await openEmbeddedRecords({ directory });
});

after(async () => {
  await records[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

export type Call = (operation: string, input: object, more?: Partial<OperationContext>) => Promise<any>;

/** The service over this test file's store, on a clock that stands still until it is moved. */
export async function openSqsNode(
  clock = new SimulatedClock(),
  over = records,
  seed = Math.floor(performance.now() * 1000),
) {
  const metrics = createMetrics();
  const sqs: Sqs = await openSqs({ records: over, clock, random: seededRandom(seed), logger: silentLogger, metrics });
  const call: Call = (operation, input, more = {}) =>
    Promise.resolve().then(() => sqs.service.operations[operation]!(input, { ...CONTEXT, ...more }));
  return {
    ...{ clock, sqs, call, metrics, records: over as { -readonly [K in keyof Records]: Records[K] } },
    /** Waits until a queue holds so many messages that can be received: redriving goes on in the background. */
    holds: (url: string, visible: number) =>
      eventually(() => sqs.describe('us-east-1').find(({ arn }) => arn === arnOf(url))!.visible === visible),
    [Symbol.asyncDispose]: () => sqs[Symbol.asyncDispose](),
  };
}

let names = 0;

/** A queue with a name of its own. @returns its URL */
export async function newQueue(call: Call, Attributes: Record<string, string> = {}): Promise<string> {
  const QueueName = `queue-${++names}${Attributes.FifoQueue ? '.fifo' : ''}`;
  return (await call('CreateQueue', { QueueName, Attributes })).QueueUrl;
}

export const arnOf = (url: string) => `arn:aws:sqs:us-east-1:000000000000:${url.split('/').at(-1)}`;

export const receive = async (call: Call, QueueUrl: string, more: object = {}): Promise<any[]> =>
  (await call('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, ...more })).Messages ?? [];

export const bodies = (messages: readonly { Body: string }[]) => messages.map(({ Body }) => Body).join('');

/** Visible, in flight, delayed. */
export const counts = async (call: Call, QueueUrl: string): Promise<number[]> => {
  const { Attributes } = await call('GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] });
  return [
    Attributes.ApproximateNumberOfMessages,
    Attributes.ApproximateNumberOfMessagesNotVisible,
    Attributes.ApproximateNumberOfMessagesDelayed,
  ].map(Number);
};
