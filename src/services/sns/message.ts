import { createHash } from 'node:crypto';
import { invalid, valueInvalid } from './errors.ts';
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

/** What is read of a message before it is anybody's. */
export interface Content {
  /** Text by protocol or push platform; `default` is for those without their own. */
  readonly texts: Readonly<Record<string, string>>;
  readonly subject?: string;
  readonly attributes: MessageAttributes;
  /** Text and attributes. */
  readonly sizeBytes: number;
}

/** A message on its way to the subscriptions of a topic. */
export interface Notification extends Content {
  readonly id: string;
  readonly topicArn: string;
  /** Epoch milliseconds. */
  readonly publishedAt: number;
  readonly group?: string;
  /** Of FIFO topics. */
  readonly deduplicationId?: string;
  /** Of FIFO topics: 20 digits that grow. */
  readonly sequenceNumber?: string;
}

/** What a subscriber of `protocol` (or of a push platform) gets to read. */
export function textFor({ texts }: Pick<Content, 'texts'>, protocol: Protocol | string): string {
  return Object.hasOwn(texts, protocol) ? texts[protocol]! : texts.default!;
}

const TYPE = /^(String|Number|Binary)(\..{0,249})?$/;
const NUMBER = /^\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*$/i;
const FIFO_ID = /^[\x21-\x7e]{1,128}$/;

/** Checks a message and reads its parts. @throws parameter-invalid, parameter-value-invalid */
export function readMessage(input: PublishInput, topic: Topic) {
  return { ...readContent(input), ...groupOf(input, topic) };
}

/** Likewise, of a message to one device or phone. */
export function readContent(input: PublishInput): Content {
  const { Message, Subject: subject, MessageAttributes: attributes = {} } = input;
  if (typeof Message !== 'string' || Message === '') throw invalid('Empty message');
  checkAttributes(attributes);
  const sizeBytes = sizeOf(input);
  if (sizeBytes > SNS_LIMITS.messageBytesMax) throw invalid('Message too long');
  checkSubject(subject);
  return { texts: textsOf(input), ...(subject !== undefined && { subject }), attributes, sizeBytes };
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

/** ASCII that begins with a letter, digit or mark, without control characters; AWS's own consoles send other scripts too. */
function checkSubject(subject: string | undefined): void {
  if (subject === undefined) return;
  const good = subject.length > 0 && subject.length <= SNS_LIMITS.subjectLengthMax && !/\p{Cc}|^\s/u.test(subject);
  if (!good) throw invalid('Subject');
}

function checkAttributes(attributes: MessageAttributes): void {
  for (const name of Object.keys(attributes)) {
    checkAttributeName(name);
    checkAttribute(name, attributes[name]!);
  }
}

function checkAttributeName(name: string): void {
  if (name.length === 0 || Buffer.byteLength(name) > SNS_LIMITS.attributeNameBytesMax) {
    throw valueInvalid('Length of message attribute name must be less than 256 bytes.');
  }
  const strange = /[^A-Za-z0-9_.-]/u.exec(name)?.[0];
  if (strange !== undefined) {
    const code = strange.codePointAt(0)!.toString(16).toUpperCase();
    throw valueInvalid(
      `Invalid non-alphanumeric character '#x${code}' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.`,
    );
  }
  if (name.startsWith('.')) {
    throw valueInvalid("Invalid message attribute name starting with character '.' was found.");
  }
  if (name.endsWith('.')) throw valueInvalid("Invalid message attribute name ending with character '.' was found.");
  if (name.includes('..')) throw valueInvalid("Message attribute name can not have successive '.' character.");
}

function checkAttribute(name: string, { DataType, StringValue, BinaryValue }: MessageAttribute): void {
  if (DataType === undefined) {
    const where = `messageAttributes.${name}.member.dataType`;
    throw invalid(`Value null at '${where}' failed to satisfy constraint: Member must not be null`);
  }
  if (!TYPE.test(DataType)) {
    throw valueInvalid(
      `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
    );
  }
  const binary = DataType.startsWith('Binary');
  const [value, other] = binary ? [BinaryValue, StringValue] : [StringValue, BinaryValue];
  if (value === undefined && other !== undefined && other.length > 0) {
    const field = binary ? 'Binary' : 'String';
    throw valueInvalid(`The message attribute '${name}' with type '${DataType}' must use field '${field}'.`);
  }
  if (value === undefined || value.length === 0) {
    throw valueInvalid(
      `The message attribute '${name}' must contain non-empty message attribute value for message attribute type '${DataType}'.`,
    );
  }
  if (/^Number(?!\.Array$)/.test(DataType) && !NUMBER.test(StringValue!)) {
    throw valueInvalid(`Could not cast message attribute '${name}' value to number.`);
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
  if (group !== undefined && !FIFO_ID.test(group)) {
    throw invalid(
      'MessageGroupId Reason: The MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length',
    );
  }
  if (attributes.FifoTopic !== 'true') {
    if (id !== undefined)
      throw invalid(
        'MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type',
      );
    return group === undefined ? {} : { group };
  }
  if (group === undefined) throw invalid('The MessageGroupId parameter is required for FIFO topics');
  if (id !== undefined && !FIFO_ID.test(id)) {
    throw invalid(
      'MessageDeduplicationId Reason: The MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length',
    );
  }
  if (id === undefined && attributes.ContentBasedDeduplication !== 'true') {
    throw invalid(
      'The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    );
  }
  return { group, deduplicationId: id ?? createHash('sha256').update(Message).digest('hex') };
}
