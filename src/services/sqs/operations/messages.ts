import type { Clock, Random } from '../../../base/index.ts';
import type { Operation, OperationContext } from '../../index.ts';
import { type Attributes, attributesMd5 } from '../digest.ts';
import { parameterInvalid, SqsError } from '../errors.ts';
import { SQS_LIMITS } from '../limits.ts';
import type { Received, Sent } from '../message.ts';
import { type MessageInput, outgoingFrom } from '../outgoing.ts';
import { nameOfUrl, type Queues } from '../queues.ts';
import { parseReceipt } from '../receipt.ts';

export interface MessageDependencies {
  readonly queues: Queues;
  readonly clock: Clock;
  readonly random: Random;
}

/** SendMessage, ReceiveMessage, DeleteMessage, ChangeMessageVisibility. */
export function messageOperations(dependencies: MessageDependencies): Record<string, Operation> {
  const { queues } = dependencies;
  const queueOf = ({ QueueUrl }: { QueueUrl: string }, { region }: OperationContext) =>
    queues.get(region, nameOfUrl(QueueUrl)).queue;
  return {
    SendMessage: async (input, context) => {
      const queue = queueOf(input, context);
      const outgoing = outgoingFrom(
        input,
        queue.settings,
        context.caller.accountId,
        dependencies,
        context.lineageHeader,
      );
      const [sent] = await queue.send([outgoing]);
      return sentShape(input, outgoing.message.bodyMd5, sent!);
    },

    ReceiveMessage: async (input, context) => {
      const queue = queueOf(input, context);
      const { settings } = queue;
      const max = inRange(input.MaxNumberOfMessages ?? 1, 'MaxNumberOfMessages', 1, SQS_LIMITS.receiveMax);
      const waitMs = seconds(input.WaitTimeSeconds, 'WaitTimeSeconds', SQS_LIMITS.waitSecondsMax) ?? settings.waitMs;
      const visibilityMs = visibility(input.VisibilityTimeout) ?? settings.visibilityMs;
      const system: readonly string[] = [...(input.MessageSystemAttributeNames ?? []), ...(input.AttributeNames ?? [])];
      checkNames(system);
      const attemptId = attemptOf(input.ReceiveRequestAttemptId, settings.fifo);
      const received = await queue.receive(max, visibilityMs, waitMs, context.signal, attemptId);
      const names: readonly string[] = input.MessageAttributeNames ?? [];
      return received.length === 0 ? {} : { Messages: received.map((one) => receivedShape(one, system, names)) };
    },

    DeleteMessage: async (input, context) => {
      const queue = queueOf(input, context);
      const receipt = parseReceipt(input.ReceiptHandle, queue.id);
      queue.checkReceipt(input.ReceiptHandle, receipt);
      await queue.delete([receipt]);
      return {};
    },

    ChangeMessageVisibility: (input, context) => {
      const queue = queueOf(input, context);
      queue.changeVisibility(parseReceipt(input.ReceiptHandle, queue.id), visibility(input.VisibilityTimeout) ?? 0);
      return {};
    },
  };
}

export function sentShape(input: MessageInput, MD5OfMessageBody: string, { messageId, sequenceNumber }: Sent) {
  const md5 = attributesMd5(input.MessageAttributes ?? {});
  const systemMd5 = attributesMd5(input.MessageSystemAttributes ?? {});
  return {
    MD5OfMessageBody,
    ...(md5 !== undefined && { MD5OfMessageAttributes: md5 }),
    ...(systemMd5 !== undefined && { MD5OfMessageSystemAttributes: systemMd5 }),
    MessageId: messageId,
    ...(sequenceNumber !== undefined && { SequenceNumber: sequenceNumber }),
  };
}

/** Milliseconds of a visibility timeout. @throws parameter-invalid */
export function visibility(value: number | undefined): number | undefined {
  return seconds(value, 'VisibilityTimeout', SQS_LIMITS.visibilitySecondsMax);
}

/** `Message`, with the attributes that were asked for. */
function receivedShape(received: Received, system: readonly string[], names: readonly string[]) {
  const { message, receiptHandle } = received;
  const attributes = selected(message.attributes, names);
  const md5 = attributesMd5(attributes);
  const systemAttributes = selectedSystem(systemAttributesOf(received), system);
  return {
    MessageId: message.id,
    ReceiptHandle: receiptHandle,
    MD5OfBody: message.bodyMd5,
    Body: message.body,
    ...(Object.keys(systemAttributes).length > 0 && { Attributes: systemAttributes }),
    ...(md5 !== undefined && { MD5OfMessageAttributes: md5, MessageAttributes: attributes }),
  };
}

/** What SQS itself says of a received message, as text. */
export function systemAttributesOf({ message, receiveCount, firstReceivedAt }: Received): Record<string, string> {
  const { group, deduplicationId, sequenceNumber, traceHeader, deadLetterSource } = message;
  return {
    SenderId: message.senderId,
    SentTimestamp: String(message.sentAt),
    ApproximateReceiveCount: String(receiveCount),
    ApproximateFirstReceiveTimestamp: String(firstReceivedAt),
    ...(sequenceNumber !== undefined && { SequenceNumber: sequenceNumber }),
    ...(deduplicationId !== undefined && { MessageDeduplicationId: deduplicationId }),
    ...(group !== undefined && { MessageGroupId: group }),
    ...(traceHeader !== undefined && { AWSTraceHeader: traceHeader }),
    ...(deadLetterSource !== undefined && { DeadLetterQueueSourceArn: deadLetterSource }),
  };
}

/** Names that ReceiveMessage knows. */
const SYSTEM_NAMES = new Set([
  ...['All', 'SenderId', 'SentTimestamp', 'ApproximateReceiveCount', 'ApproximateFirstReceiveTimestamp'],
  ...['SequenceNumber', 'MessageDeduplicationId', 'MessageGroupId', 'AWSTraceHeader', 'DeadLetterQueueSourceArn'],
]);

function checkNames(names: readonly string[]): void {
  const unknown = names.find((name) => !SYSTEM_NAMES.has(name));
  if (unknown !== undefined) throw new SqsError('attribute-unknown', `Unknown Attribute ${unknown}.`);
}

/** FIFO queues only; 1 to 128 characters, as a deduplication id. */
function attemptOf(id: string | undefined, fifo: boolean): string | undefined {
  if (id === undefined) return undefined;
  if (!fifo) {
    const reason = 'The request includes a parameter that is not valid for this queue type.';
    throw parameterInvalid(id, 'ReceiveRequestAttemptId', reason);
  }
  if (/^[\x21-\x7e]{1,128}$/.test(id)) return id;
  const allowed = 'can only include alphanumeric and punctuation characters. 1 to 128 in length.';
  throw parameterInvalid(id, 'ReceiveRequestAttemptId', `ReceiveRequestAttemptId ${allowed}`);
}

function selectedSystem(all: Record<string, string>, names: readonly string[]): Record<string, string> {
  if (names.includes('All')) return all;
  return Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name)));
}

/** `All`, `.*`, `prefix.*`, or names. */
function selected(attributes: Attributes, names: readonly string[]): Attributes {
  if (names.length === 0) return {};
  if (names.includes('All') || names.includes('.*')) return attributes;
  const wanted = (name: string) =>
    names.some((one) => (one.endsWith('.*') ? name.startsWith(one.slice(0, -2)) : one === name));
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => wanted(name)));
}

function seconds(value: number | undefined, name: string, max: number): number | undefined {
  return value === undefined ? undefined : inRange(value, name, 0, max) * 1000;
}

function inRange(value: number, name: string, min: number, max: number): number {
  if (value >= min && value <= max) return value;
  throw parameterInvalid(value, name, `Must be between ${min} and ${max}, if provided.`);
}
