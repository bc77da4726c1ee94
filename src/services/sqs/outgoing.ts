import { type Clock, type Random, uuid } from '../../base/index.ts';
import type { QueueSettings } from './attributes.ts';
import { contentId } from './deduplicator.ts';
import { type Attributes, attributesSize, bodyMd5 } from './digest.ts';
import { parameterInvalid, parameterMissing, SqsError } from './errors.ts';
import { SQS_LIMITS } from './limits.ts';
import type { Outgoing } from './queue.ts';

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
const ATTRIBUTE_TYPE = /^(String|Number|Binary)(\..{1,248})?$/;

/**
 * Checks a message and completes it.
 * @param senderId  who calls: an account or role id
 * @throws SqsError as AWS words it
 */
export function outgoingFrom(
  input: MessageInput,
  settings: QueueSettings,
  senderId: string,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Outgoing {
  const { MessageBody: body, MessageAttributes: attributes = {}, MessageSystemAttributes: system } = input;
  if (body === undefined || body === '') throw parameterMissing('MessageBody');
  checkBody(body);
  checkAttributes(attributes);
  const sizeBytes = sizeOf(input);
  if (sizeBytes > settings.messageBytesMax) {
    const reason = `Message must be shorter than ${settings.messageBytesMax} bytes.`;
    throw new SqsError('parameter-invalid', `One or more parameters are invalid. Reason: ${reason}`);
  }
  const traceHeader = system?.AWSTraceHeader?.StringValue;
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

/** Body and attributes, bytes. */
export function sizeOf({ MessageBody = '', MessageAttributes = {} }: MessageInput): number {
  return Buffer.byteLength(MessageBody) + attributesSize(MessageAttributes);
}

function checkBody(body: string): void {
  if (!FORBIDDEN.test(body)) return;
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
  for (const name of names) {
    const { DataType, StringValue, BinaryValue } = attributes[name]!;
    if (!ATTRIBUTE_NAME.test(name) || /^(aws|amazon)\./i.test(name)) {
      throw parameterInvalid(name, 'MessageAttributeName', 'The message attribute name is not valid.');
    }
    if (!DataType || !ATTRIBUTE_TYPE.test(DataType)) {
      throw new SqsError(
        'parameter-invalid',
        `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
      );
    }
    const value = DataType.startsWith('Binary') ? BinaryValue : StringValue;
    if (value === undefined || value.length === 0) {
      throw new SqsError(
        'parameter-invalid',
        `The message attribute '${name}' must contain a non-empty message attribute value for message attribute type '${DataType.split('.')[0]}'.`,
      );
    }
    if (DataType.startsWith('Number') && Number.isNaN(Number(StringValue))) {
      throw new SqsError('parameter-invalid', `Could not cast message attribute '${name}' value to number.`);
    }
  }
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
  if (id === undefined && !contentDeduplication) {
    throw new SqsError(
      'parameter-invalid',
      'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    );
  }
  return { group, deduplicationId: id ?? contentId(body) };
}

function fifoIdInvalid(value: string, name: string): SqsError {
  return parameterInvalid(
    value,
    name,
    `${name} can only include alphanumeric and punctuation characters. 1 to 128 in length.`,
  );
}
