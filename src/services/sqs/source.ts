import { parseArn } from '../../base/index.ts';
import type { QueueSource, SourceRecord } from '../../pollers/index.ts';
import { type Attributes, attributesMd5 } from './digest.ts';
import { systemAttributesOf } from './operations/messages.ts';
import type { Queue, Received } from './queue.ts';
import { parseReceipt, type Receipt } from './receipt.ts';

/** A queue as pollers read it. */
export class SqsSource implements QueueSource {
  readonly eventSource = 'aws:sqs';
  readonly #queue: () => Queue;
  /** Receipts of messages that were handed out and not given back, by message id. */
  readonly #receipts = new Map<string, Receipt>();

  /** @param queue  finds the queue anew at each call; throws when it is gone */
  constructor(queue: () => Queue) {
    this.#queue = queue;
  }

  wait(signal: AbortSignal): Promise<void> {
    return this.#queue().wait(signal);
  }

  async receive(recordsMax: number, waitMs: number, leaseMs: number, signal: AbortSignal) {
    const queue = this.#queue();
    const received = await queue.receive(recordsMax, leaseMs || queue.settings.visibilityMs, waitMs, signal);
    return received.map((one) => this.#hand(queue, one));
  }

  async delete(ids: readonly string[]): Promise<void> {
    await this.#queue().delete(this.#giveBack(ids));
  }

  /** They come again when their visibility timeout is over, as AWS has it. */
  async release(ids: readonly string[]): Promise<void> {
    this.#giveBack(ids);
  }

  #hand(queue: Queue, received: Received): SourceRecord {
    const { message, receiptHandle } = received;
    this.#receipts.set(message.id, parseReceipt(receiptHandle, queue.id));
    return {
      id: message.id,
      orderingKey: message.group ?? '',
      arrivedAt: message.sentAt,
      sizeBytes: Buffer.byteLength(message.body),
      body: Buffer.from(message.body),
      toEvent: () => eventOf(received, queue.arn),
    };
  }

  #giveBack(ids: readonly string[]): Receipt[] {
    return ids.flatMap((id) => {
      const receipt = this.#receipts.get(id);
      this.#receipts.delete(id);
      return receipt ? [receipt] : [];
    });
  }
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
