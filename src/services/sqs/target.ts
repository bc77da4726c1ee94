import { ACCOUNT_ID, type Clock, type Random } from '../../base/index.ts';
import type { DeadLetterOrigin, Delivery, Target } from '../../delivery/index.ts';
import { formatXRay } from '../../telemetry/index.ts';
import { fifoIdsOf } from '../index.ts';
import type { QueueSettings } from './attributes.ts';
import type { Attributes, AttributeValue } from './digest.ts';
import { queueNotFound } from './errors.ts';
import { type MessageInput, outgoingFrom } from './outgoing.ts';
import type { Queues } from './queues.ts';

/**
 * Queues as a target of deliveries: the payload is the body. Attributes, all optional: `messageAttributes` (as SendMessage
 * spells them, binary values in base64), `messageGroupId`, `messageDeduplicationId`, `traceHeader` (that of the
 * delivery where it is traced), `deadLetter` (kept as the message's origin).
 */
export class SqsTarget implements Target {
  /** A message is durable when `deliver` resolves: there is no need to store the delivery first. */
  readonly durable = true;
  readonly #queues: Queues;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(queues: Queues, clock: Clock, random: Random) {
    this.#queues = queues;
    this.#clock = clock;
    this.#random = random;
  }

  async deliver(delivery: Delivery): Promise<void> {
    const queue = this.#queues.byArn(delivery.arn);
    if (!queue) throw queueNotFound();
    const dependencies = { clock: this.#clock, random: this.#random };
    const outgoing = outgoingFrom(inputOf(delivery, queue.settings), queue.settings, ACCOUNT_ID, dependencies);
    const origin = delivery.attributes?.deadLetter as DeadLetterOrigin | undefined;
    await queue.send([origin ? { ...outgoing, message: { ...outgoing.message, origin } } : outgoing]);
  }
}

function inputOf(delivery: Delivery, { fifo }: QueueSettings): MessageInput {
  const { payload, attributes = {}, trace } = delivery;
  const body = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString();
  const messageAttributes = attributes.messageAttributes as Readonly<Record<string, StoredAttribute>> | undefined;
  const isTraced = trace.sampled || trace.lineage !== undefined;
  const traceHeader = (attributes.traceHeader as string | undefined) ?? (isTraced ? formatXRay(trace) : undefined);
  // SQS takes ten. Of what would be too many for a dead letter the first ones go, as there is nobody left to refuse.
  const all = Object.entries(messageAttributes ?? {});
  const kept = attributes.deadLetter === undefined ? all : all.slice(0, 10);
  return {
    MessageBody: body === '' ? ' ' : body,
    MessageAttributes: Object.fromEntries(kept.map(([name, value]) => [name, loaded(value)])),
    ...(traceHeader !== undefined && {
      MessageSystemAttributes: {
        AWSTraceHeader: { DataType: 'String', StringValue: traceHeader },
      } satisfies Attributes,
    }),
    ...(fifo && fifoIdsOf(delivery)),
  };
}

type StoredAttribute = Omit<AttributeValue, 'BinaryValue'> & { readonly BinaryValue?: string };

function loaded({ BinaryValue, ...rest }: StoredAttribute): AttributeValue {
  return BinaryValue === undefined ? rest : { ...rest, BinaryValue: Buffer.from(BinaryValue, 'base64') };
}
