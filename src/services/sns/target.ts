import type { Delivery, Target } from '../../delivery/index.ts';
import { fifoIdsOf } from '../index.ts';
import type { MessageAttribute, PublishInput } from './message.ts';
import type { Publisher } from './publisher.ts';
import type { Topics } from './topics.ts';

/** As {@link MessageAttribute}, with binary values in base64. */
type StoredAttribute = Omit<MessageAttribute, 'BinaryValue'> & { readonly BinaryValue?: string };

/**
 * Topics as a target of deliveries: the payload is the message. Attributes, all optional: `subject`, `messageAttributes` (as
 * Publish spells them, binary values in base64), `MessageStructure`, `messageGroupId`, `messageDeduplicationId`.
 */
export class SnsTarget implements Target {
  readonly #topics: Topics;
  readonly #publisher: Publisher;
  readonly #endpoint: () => string;

  constructor(topics: Topics, publisher: Publisher, endpoint: () => string) {
    this.#topics = topics;
    this.#publisher = publisher;
    this.#endpoint = endpoint;
  }

  async deliver(delivery: Delivery): Promise<void> {
    const topic = this.#topics.get(delivery.arn);
    const message = this.#publisher.prepare(inputOf(delivery, topic.attributes.FifoTopic === 'true'), topic);
    await this.#publisher.publish([message], topic, this.#endpoint(), delivery.trace);
  }
}

function inputOf(delivery: Delivery, fifo: boolean): PublishInput {
  const { payload, attributes = {} } = delivery;
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString();
  const stored = (attributes.messageAttributes ?? {}) as Readonly<Record<string, StoredAttribute>>;
  const subject = attributes.subject as string | undefined;
  const structure = attributes.MessageStructure as string | undefined;
  return {
    Message: text === '' ? ' ' : text,
    ...(subject !== undefined && { Subject: subject.slice(0, 100) }),
    ...(structure !== undefined && { MessageStructure: structure }),
    MessageAttributes: Object.fromEntries(Object.entries(stored).map(([name, value]) => [name, loaded(value)])),
    ...(fifo && fifoIdsOf(delivery)),
  };
}

function loaded({ BinaryValue, ...rest }: StoredAttribute): MessageAttribute {
  return BinaryValue === undefined ? rest : { ...rest, BinaryValue: Buffer.from(BinaryValue, 'base64') };
}
