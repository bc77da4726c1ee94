import { type Clock, type Random, uuid } from '../../base/index.ts';
import type { QueueSettings } from './attributes.ts';
import { contentId } from './deduplicator.ts';
import { type Attributes, type AttributeValue, attributesSize, bodyMd5 } from './digest.ts';
import { parameterInvalid, parameterMissing, SqsError } from './errors.ts';
import { SQS_LIMITS } from './limits.ts';
import type { Outgoing } from './message.ts';

/** The members of SendMessage, and of an entry of SendMessageBatch, that make a message. */
export interface MessageInput {
  readonly MessageBody?: string;
  readonly DelaySeconds?: number;
  readonly MessageAttributes?: Attributes;
  readonly MessageSystemAttributes?: Attributes;
  readonly MessageDeduplicationId?: string;
  readonly MessageGroupId?: string;
}

/** Characters that XML 1.0 allows: others are refused, as AWS does. */
const FORBIDDEN = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;
const FIFO_ID = /^[\x21-\x7e]{1,128}$/;
const ATTRIBUTE_NAME = /^(?!\.)(?!.*\.\.)(?!.*\.$)[A-Za-z0-9_.-]{1,256}$/;
/** What a number attribute may be: 38 digits, and this far from zero. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?$/;
const NUMBER_MAX = 1e126;
const DIGITS_MAX = 38;
/** Fields part at semicolons only, so that there is one way to read it: a hostile one must not be tried in all ways. */
const TRACE_HEADER = /^[A-Za-z]+=[^;]*(?:;[A-Za-z]+=[^;]*)*;?$/;
const ATTRIBUTE_TYPE = /^(String|Number|Binary)(\..{1,248})?$/;

/**
 * Checks a message and completes it.
 * @param senderId  who calls: an account or role id
 * @param lineageHeader  `X-Amzn-Trace-Id` of a function that sends: kept where the message brings no header of its own
 * @throws SqsError as AWS words it
 */
export function outgoingFrom(
  input: MessageInput,
  settings: QueueSettings,
  senderId: string,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  lineageHeader?: string,
): Outgoing {
  const { MessageBody: body, MessageAttributes: attributes = {}, MessageSystemAttributes: system } = input;
  if (body === undefined || body === '') throw parameterMissing('MessageBody');
  checkCharacters(body);
  checkAttributes(attributes);
  const sizeBytes = sizeOf(input);
  checkSize(sizeBytes, settings);
  const traceHeader = traceHeaderOf(system) ?? lineageHeader;
  return {
    message: {
      id: uuid(random),
      body,
      bodyMd5: bodyMd5(body),
      attributes,
      senderId,
      sentAt: clock.now(),
      ...groupOf(input, settings, body),
      ...(traceHeader !== undefined && { traceHeader }),
    },
    delayMs: delayOf(input, settings),
    sizeBytes,
  };
}

/** Checks the body that replaces the one of a message which a queue is to take over. @throws SqsError as AWS words it */
export function checkBody(body: string, attributes: Attributes, settings: QueueSettings): void {
  if (body === '') throw parameterMissing('MessageBody');
  checkCharacters(body);
  checkSize(sizeOf({ MessageBody: body, MessageAttributes: attributes }), settings);
}

function checkSize(sizeBytes: number, { messageBytesMax }: QueueSettings): void {
  if (sizeBytes <= messageBytesMax) return;
  const reason = `Message must be shorter than ${messageBytesMax} bytes.`;
  throw new SqsError('parameter-invalid', `One or more parameters are invalid. Reason: ${reason}`);
}

/** Body and attributes, bytes. */
export function sizeOf({ MessageBody = '', MessageAttributes = {} }: MessageInput): number {
  return Buffer.byteLength(MessageBody) + attributesSize(MessageAttributes);
}

function checkCharacters(text: string): void {
  if (!FORBIDDEN.test(text)) return;
  const allowed = '#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF';
  throw new SqsError('contents-invalid', `Invalid characters found. Valid unicode characters are ${allowed}`);
}

function checkAttributes(attributes: Attributes): void {
  const names = Object.keys(attributes);
  if (names.length > SQS_LIMITS.attributesMax) {
    throw parameterInvalid(
      names.length,
      'MessageAttributes',
      `Number of message attributes exceeds the allowed maximum of ${SQS_LIMITS.attributesMax}.`,
    );
  }
  for (const name of names) checkAttribute(name, attributes[name]!);
}

function checkAttribute(name: string, attribute: AttributeValue): void {
  const { DataType, StringValue, BinaryValue, StringListValues, BinaryListValues } = attribute;
  if (StringListValues?.length || BinaryListValues?.length) {
    throw new SqsError('unsupported', 'Message attribute list values in SendMessage operation are not supported.');
  }
  if (!ATTRIBUTE_NAME.test(name) || /^(aws|amazon)\./i.test(name)) {
    throw parameterInvalid(name, 'MessageAttributeName', 'The message attribute name is not valid.');
  }
  if (!DataType || !ATTRIBUTE_TYPE.test(DataType)) {
    const types = 'the set of supported type prefixes is Binary, Number, and String.';
    throw attributeWrong(`The message attribute '${name}' has an invalid message attribute type, ${types}`);
  }
  const [type] = DataType.split('.') as [string];
  const value = type === 'Binary' ? BinaryValue : StringValue;
  if (value === undefined || value.length === 0) {
    const must = `must contain a non-empty message attribute value for message attribute type '${type}'.`;
    throw attributeWrong(`The message attribute '${name}' ${must}`);
  }
  if (type === 'Number') checkNumber(name, StringValue!);
  else if (type === 'String') checkCharacters(StringValue!);
}

function checkNumber(name: string, text: string): void {
  if (!NUMBER.test(text)) throw attributeWrong(`Could not cast message attribute '${name}' value to number.`);
  const digits = text
    .replace(/[eE].*$/, '')
    .replace(/\D/g, '')
    .replace(/^0+/, '');
  if (digits.length > DIGITS_MAX || Math.abs(Number(text)) > NUMBER_MAX) {
    throw attributeWrong(`Number attribute value ${text} should be in range (-10**128..10**126)`);
  }
}

/** The one system attribute that can be sent; it counts towards no limit. */
function traceHeaderOf(system: Attributes | undefined): string | undefined {
  for (const [name, { DataType, StringValue }] of Object.entries(system ?? {})) {
    if (name !== 'AWSTraceHeader') {
      throw parameterInvalid(name, 'MessageSystemAttributeName', 'The only one that can be sent is AWSTraceHeader.');
    }
    if (DataType !== 'String' || !StringValue || StringValue.length > 1024 || !TRACE_HEADER.test(StringValue)) {
      throw attributeWrong(
        "The message system attribute 'AWSTraceHeader' must be a String with an X-Ray trace header.",
      );
    }
  }
  return system?.AWSTraceHeader?.StringValue;
}

function attributeWrong(message: string): SqsError {
  return new SqsError('parameter-invalid', message);
}

function delayOf({ DelaySeconds }: MessageInput, { fifo, delayMs }: QueueSettings): number {
  if (DelaySeconds === undefined || (fifo && DelaySeconds === 0)) return delayMs;
  if (fifo) {
    throw parameterInvalid(
      DelaySeconds,
      'DelaySeconds',
      'The request include parameter that is not valid for this queue type.',
    );
  }
  if (DelaySeconds >= 0 && DelaySeconds <= SQS_LIMITS.delaySecondsMax) return DelaySeconds * 1000;
  throw parameterInvalid(
    DelaySeconds,
    'DelaySeconds',
    `DelaySeconds must be >= 0 and <= ${SQS_LIMITS.delaySecondsMax}.`,
  );
}

function groupOf(
  { MessageGroupId: group, MessageDeduplicationId: id }: MessageInput,
  { fifo, contentDeduplication }: QueueSettings,
  body: string,
): { readonly group?: string; readonly deduplicationId?: string } {
  if (group !== undefined && !FIFO_ID.test(group)) throw fifoIdInvalid(group, 'MessageGroupId');
  if (id !== undefined && !FIFO_ID.test(id)) throw fifoIdInvalid(id, 'MessageDeduplicationId');
  if (!fifo) {
    if (id !== undefined) {
      throw parameterInvalid(
        id,
        'MessageDeduplicationId',
        'The request includes a parameter that is not valid for this queue type.',
      );
    }
    return group === undefined ? {} : { group };
  }
  if (group === undefined) throw parameterMissing('MessageGroupId');
  if (id === undefined && !contentDeduplication) throw deduplicationMissing();
  return { group, deduplicationId: id ?? contentId(body) };
}

export function deduplicationMissing(): SqsError {
  return new SqsError(
    'parameter-invalid',
    'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
  );
}

function fifoIdInvalid(value: string, name: string): SqsError {
  return parameterInvalid(
    value,
    name,
    `${name} can only include alphanumeric and punctuation characters. 1 to 128 in length.`,
  );
}
