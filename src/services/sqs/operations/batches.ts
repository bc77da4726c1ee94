import { DomainError } from '../../../base/index.ts';
import type { Operation, OperationContext } from '../../index.ts';
import type { QueueSettings } from '../attributes.ts';
import { SQS_ANSWERS, SqsError, type SqsErrorCode } from '../errors.ts';
import { SQS_LIMITS } from '../limits.ts';
import { deduplicationMissing, type MessageInput, outgoingFrom, sizeOf } from '../outgoing.ts';
import { nameOfUrl } from '../queues.ts';
import { parseReceipt } from '../receipt.ts';
import { type MessageDependencies, sentShape, visibility } from './messages.ts';

interface Entry {
  readonly Id: string;
}

interface Refused {
  readonly Id: string;
  readonly SenderFault: boolean;
  readonly Code: string;
  readonly Message: string;
}

/** SendMessageBatch, DeleteMessageBatch, ChangeMessageVisibilityBatch: entries fail one by one. */
export function batchOperations(dependencies: MessageDependencies): Record<string, Operation> {
  const queueOf = ({ QueueUrl }: { QueueUrl: string }, { region }: OperationContext) =>
    dependencies.queues.get(region, nameOfUrl(QueueUrl)).queue;
  return {
    SendMessageBatch: async (input, context) => {
      const queue = queueOf(input, context);
      const entries = checked<Entry & MessageInput>(input.Entries, 'SendMessageBatchRequestEntry');
      checkSize(entries);
      if (queue.settings.fifo) checkFifo(entries, queue.settings);
      const { good, refused } = each(entries, (entry) => ({
        entry,
        outgoing: outgoingFrom(entry, queue.settings, context.caller.accountId, dependencies, context.lineageHeader),
      }));
      const sent = await queue.send(good.map(({ outgoing }) => outgoing));
      const Successful = good.map(({ entry, outgoing }, index) => ({
        Id: entry.Id,
        ...sentShape(entry, outgoing.message.bodyMd5, sent[index]!),
      }));
      return answerOf(Successful, refused);
    },

    DeleteMessageBatch: async (input, context) => {
      const queue = queueOf(input, context);
      const entries = checked<Entry & { ReceiptHandle: string }>(input.Entries, 'DeleteMessageBatchRequestEntry');
      const { good, refused } = each(entries, ({ Id, ReceiptHandle }) => {
        const receipt = parseReceipt(ReceiptHandle, queue.id);
        queue.checkReceipt(ReceiptHandle, receipt);
        return { Id, receipt };
      });
      await queue.delete(good.map(({ receipt }) => receipt));
      return answerOf(
        good.map(({ Id }) => ({ Id })),
        refused,
      );
    },

    ChangeMessageVisibilityBatch: (input, context) => {
      const queue = queueOf(input, context);
      const entries = checked<Entry & { ReceiptHandle: string; VisibilityTimeout?: number }>(
        input.Entries,
        'ChangeMessageVisibilityBatchRequestEntry',
      );
      const { good, refused } = each(entries, ({ Id, ReceiptHandle, VisibilityTimeout }) => {
        queue.changeVisibility(parseReceipt(ReceiptHandle, queue.id), visibility(VisibilityTimeout) ?? 0);
        return { Id };
      });
      return answerOf(good, refused);
    },
  };
}

/** What is empty is left out, as AWS does it. */
function answerOf(Successful: readonly object[], Failed: readonly Refused[]) {
  return { ...(Successful.length > 0 && { Successful }), ...(Failed.length > 0 && { Failed }) };
}

/** Checks what must hold of every batch. @throws SqsError: the whole request is refused */
function checked<T extends Entry>(entries: readonly T[] | undefined, kind: string): readonly T[] {
  if (!entries || entries.length === 0) {
    throw new SqsError('batch-empty', `There should be at least one ${kind} in the request.`);
  }
  if (entries.length > SQS_LIMITS.batchMax) {
    const limit = `Maximum number of entries per request are ${SQS_LIMITS.batchMax}.`;
    throw new SqsError('batch-too-many', `${limit} You have sent ${entries.length}.`);
  }
  const ids = new Set<string>();
  for (const { Id } of entries) {
    if (!/^[A-Za-z0-9_-]{1,80}$/.test(Id)) {
      const allowed = 'A batch entry id can only contain alphanumeric characters, hyphens and underscores.';
      throw new SqsError('batch-id-invalid', `${allowed} It can be at most 80 letters long.`);
    }
    if (ids.has(Id)) throw new SqsError('batch-ids-not-distinct', `Id ${Id} repeated.`);
    ids.add(Id);
  }
  return entries;
}

function checkSize(entries: readonly MessageInput[]): void {
  const bytes = entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
  if (bytes <= SQS_LIMITS.messageBytesMax) return;
  const limit = `Batch requests cannot be longer than ${SQS_LIMITS.messageBytesMax} bytes.`;
  throw new SqsError('batch-too-long', `${limit} You have sent ${bytes} bytes.`);
}

/** What lacks a group or a deduplication id is refused with all of its batch. */
function checkFifo(entries: readonly MessageInput[], { contentDeduplication }: QueueSettings): void {
  for (const { MessageGroupId, MessageDeduplicationId } of entries) {
    if (MessageGroupId === undefined) {
      throw new SqsError('parameter-invalid', 'The request must contain the parameter MessageGroupId.');
    }
    if (MessageDeduplicationId === undefined && !contentDeduplication) throw deduplicationMissing();
  }
}

function each<T extends Entry, R>(entries: readonly T[], run: (entry: T) => R): { good: R[]; refused: Refused[] } {
  const good: R[] = [];
  const refused: Refused[] = [];
  for (const entry of entries) {
    try {
      good.push(run(entry));
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      refused.push(refusal(entry.Id, error));
    }
  }
  return { good, refused };
}

/** Codes of a batch are those of the query protocol, as AWS has it. */
const QUERY_CODES: Partial<Record<SqsErrorCode, string>> = { 'not-in-flight': 'InvalidParameterValue' };

function refusal(Id: string, { code, message }: DomainError): Refused {
  const known = code as SqsErrorCode;
  return {
    Id,
    SenderFault: true,
    Code: QUERY_CODES[known] ?? SQS_ANSWERS[known]?.type ?? 'InternalError',
    Message: message,
  };
}
