import { createHash } from 'node:crypto';
import { invalid } from './errors.ts';
import { type Protocol, SNS_LIMITS, type Topic } from './model.ts';

export interface MessageAttribute {
  readonly DataType: string;
  readonly StringValue?: string;
  readonly BinaryValue?: Uint8Array;
}

export type MessageAttributes = Readonly<Record<string, MessageAttribute>>;

/** The members of Publish, and of an entry of PublishBatch, that make a message. */
export interface PublishInput {
  readonly Message: string;
  readonly Subject?: string;
  readonly MessageStructure?: string;
  readonly MessageAttributes?: MessageAttributes;
  readonly MessageGroupId?: string;
  readonly MessageDeduplicationId?: string;
}

/** A message on its way to the subscriptions of a topic. */
export interface Notification {
  readonly id: string;
  readonly topicArn: string;
  /** Text by protocol; `default` is for those without their own. */
  readonly texts: Readonly<Record<string, string>>;
  readonly subject?: string;
  readonly attributes: MessageAttributes;
  /** Epoch milliseconds. */
  readonly publishedAt: number;
  readonly group?: string;
  readonly deduplicationId?: string;
  readonly sequenceNumber?: string;
}

/** What a subscriber of `protocol` gets to read. */
export function textFor({ texts }: Notification, protocol: Protocol): string {
  return texts[protocol] ?? texts.default!;
}

const TYPE = /^(String|Number|Binary|String\.Array)(\..{1,248})?$/;

/** Checks a message and reads its parts. @throws parameter-invalid */
export function readMessage(input: PublishInput, topic: Topic): Omit<Notification, 'id' | 'publishedAt' | 'topicArn'> {
  const { Message, Subject: subject, MessageAttributes: attributes = {} } = input;
  if (typeof Message !== 'string' || Message === '') throw invalid('Empty message');
  if (sizeOf(input) > SNS_LIMITS.messageBytesMax) throw invalid('Message too long');
  checkSubject(subject);
  checkAttributes(attributes);
  return {
    texts: textsOf(input),
    ...(subject !== undefined && { subject }),
    attributes,
    ...groupOf(input, topic),
  };
}

/** Message and attributes, bytes. */
export function sizeOf({ Message, MessageAttributes = {} }: PublishInput): number {
  let bytes = Buffer.byteLength(Message ?? '');
  for (const [name, { DataType, StringValue, BinaryValue }] of Object.entries(MessageAttributes)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(DataType ?? '');
    bytes += BinaryValue ? BinaryValue.length : Buffer.byteLength(StringValue ?? '');
  }
  return bytes;
}

function checkSubject(subject: string | undefined): void {
  if (subject === undefined) return;
  if (subject.length === 0 || subject.length > 100 || /\p{Cc}/u.test(subject)) throw invalid('Subject');
}

function checkAttributes(attributes: MessageAttributes): void {
  for (const [name, { DataType, StringValue, BinaryValue }] of Object.entries(attributes)) {
    if (!DataType || !TYPE.test(DataType)) {
      throw invalid(
        `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
      );
    }
    const value = DataType.startsWith('Binary') ? BinaryValue : StringValue;
    if (value === undefined || value.length === 0) {
      throw invalid(
        `The message attribute '${name}' must contain non-empty message attribute value for message attribute type '${DataType}'.`,
      );
    }
    if (DataType.startsWith('Number') && Number.isNaN(Number(StringValue))) {
      throw invalid(`Could not cast message attribute '${name}' value to number.`);
    }
  }
}

function textsOf({ Message, MessageStructure }: PublishInput): Record<string, string> {
  if (MessageStructure === undefined) return { default: Message };
  if (MessageStructure !== 'json') throw invalid('MessageStructure');
  let parsed: unknown;
  try {
    parsed = JSON.parse(Message);
  } catch {
    throw invalid('Message Structure - JSON message body failed to parse');
  }
  const texts = Object.entries(parsed ?? {}).filter(([, text]) => typeof text === 'string');
  const found = Object.fromEntries(texts) as Record<string, string>;
  if (found.default === undefined) throw invalid('Message Structure - No default entry in JSON message body');
  return found;
}

function groupOf(
  { MessageGroupId: group, MessageDeduplicationId: id, Message }: PublishInput,
  { attributes }: Topic,
): { readonly group?: string; readonly deduplicationId?: string } {
  if (attributes.FifoTopic !== 'true') {
    if (id !== undefined)
      throw invalid(
        'MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type',
      );
    return group === undefined ? {} : { group };
  }
  if (group === undefined) throw invalid('The MessageGroupId parameter is required for FIFO topics');
  if (id === undefined && attributes.ContentBasedDeduplication !== 'true') {
    throw invalid(
      'The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    );
  }
  return { group, deduplicationId: id ?? createHash('sha256').update(Message).digest('hex') };
}
