import { type Clock, hasCode, parseArn } from '../../base/index.ts';
import type { Backlog, LeasedRecord, QueueSource, SourceRecord } from '../../pollers/index.ts';
import { parseXRay, type TraceContext } from '../../telemetry/index.ts';
import { type Attributes, attributesMd5 } from './digest.ts';
import type { Received } from './message.ts';
import { systemAttributesOf } from './operations/messages.ts';
import type { Queue } from './queue.ts';
import { parseReceipt, type Receipt } from './receipt.ts';

/** A queue as pollers read it. */
export class SqsSource implements QueueSource {
  readonly kind = 'queue';
  readonly eventSource = 'aws:sqs';
  readonly #queue: () => Queue;
  readonly #clock: Clock;

  /** @param queue  finds the queue anew at each call; throws when it is gone */
  constructor(queue: () => Queue, clock: Clock) {
    this.#queue = queue;
    this.#clock = clock;
  }

  wait(signal: AbortSignal): Promise<void> {
    return this.#queue().wait(signal);
  }

  leaseMs(): number {
    return this.#queue().settings.visibilityMs;
  }

  async receive(recordsMax: number): Promise<readonly LeasedRecord[]> {
    const queue = this.#queue();
    const { visibilityMs } = queue.settings;
    // Before the call: a lease must not seem to last longer than it does.
    const leasedUntil = this.#clock.monotonic() + visibilityMs;
    const received = await queue.receive(recordsMax, visibilityMs, 0, NEVER);
    return received.map((one) => new LeasedMessage(one, queue, leasedUntil));
  }

  async delete(records: readonly SourceRecord[]): Promise<void> {
    const queue = this.#queue();
    await queue.delete(receiptsOf(records, queue));
  }

  async release(records: readonly SourceRecord[]): Promise<void> {
    const queue = this.#queue();
    for (const receipt of receiptsOf(records, queue)) {
      try {
        queue.changeVisibility(receipt, 0);
      } catch (error) {
        // It has become visible by itself, or is gone: that is what was wanted.
        if (!hasCode(error, 'not-in-flight')) throw error;
      }
    }
  }

  backlog(): Backlog {
    const { counts, oldestAgeMs } = this.#queue();
    return { records: counts.visible, ageMs: oldestAgeMs };
  }
}

const NEVER = new AbortController().signal;

/** A message in our hands; the receipt of this very receive is its own, so that one that comes twice is deleted by the right one. */
class LeasedMessage implements LeasedRecord {
  readonly leasedUntil: number;
  readonly receipt: Receipt;
  readonly #received: Received;
  readonly #queueArn: string;
  readonly #isOrdered: boolean;

  constructor(received: Received, queue: Queue, leasedUntil: number) {
    this.leasedUntil = leasedUntil;
    this.receipt = parseReceipt(received.receiptHandle, queue.id);
    this.#received = received;
    this.#queueArn = queue.arn;
    this.#isOrdered = queue.settings.fifo;
  }

  get id(): string {
    return this.#received.message.id;
  }

  get orderingKey(): string {
    // Groups of standard queues share them fairly and have no order.
    return (this.#isOrdered && this.#received.message.group) || '';
  }

  get arrivedAt(): number {
    return this.#received.message.sentAt;
  }

  get sizeBytes(): number {
    return Buffer.byteLength(this.#received.message.body);
  }

  get body(): Uint8Array {
    return Buffer.from(this.#received.message.body);
  }

  get trace(): TraceContext | undefined {
    const { traceHeader } = this.#received.message;
    const trace = traceHeader === undefined ? undefined : parseXRay(traceHeader);
    return trace?.sampled || trace?.lineage !== undefined ? trace : undefined;
  }

  toEvent(): string {
    return eventOf(this.#received, this.#queueArn);
  }
}

/** Receipts of a queue that was deleted and made anew mean nothing to it. */
function receiptsOf(records: readonly SourceRecord[], { id }: Queue): Receipt[] {
  return records.map((record) => (record as LeasedMessage).receipt).filter(({ queueId }) => queueId === id);
}

/** A message as the event of a function shows it. */
function eventOf(received: Received, arn: string): string {
  const { message, receiptHandle } = received;
  const md5OfMessageAttributes = attributesMd5(message.attributes);
  return JSON.stringify({
    messageId: message.id,
    receiptHandle,
    body: message.body,
    attributes: systemAttributesOf(received),
    messageAttributes: eventAttributes(message.attributes),
    ...(md5OfMessageAttributes !== undefined && { md5OfMessageAttributes }),
    md5OfBody: message.bodyMd5,
    eventSource: 'aws:sqs',
    eventSourceARN: arn,
    awsRegion: parseArn(arn)!.region,
  });
}

function eventAttributes(attributes: Attributes) {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { DataType, StringValue, BinaryValue }]) => [
      name,
      {
        ...(StringValue !== undefined && { stringValue: StringValue }),
        ...(BinaryValue && { binaryValue: Buffer.from(BinaryValue).toString('base64') }),
        stringListValues: [],
        binaryListValues: [],
        dataType: DataType,
      },
    ]),
  );
}
