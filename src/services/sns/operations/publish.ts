import { DomainError } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { invalid, SNS_ANSWERS, SnsError, type SnsErrorCode } from '../errors.ts';
import { type Notification, type PublishInput, sizeOf } from '../message.ts';
import { SNS_LIMITS } from '../model.ts';
import type { Publisher } from '../publisher.ts';
import type { Topics } from '../topics.ts';

type Entry = PublishInput & { readonly Id: string };

/** Publish and PublishBatch. */
export function publishOperations(topics: Topics, publisher: Publisher): Record<string, Operation> {
  return {
    Publish: async (input, { endpoint, trace }) => {
      const arn: string | undefined = input.TopicArn ?? input.TargetArn;
      if (arn === undefined) throw invalid('TopicArn or TargetArn Reason: no value for required parameter');
      const topic = topics.get(arn);
      const message = publisher.prepare(input, topic);
      await publisher.publish([message], topic, endpoint, trace);
      return answerOf(message);
    },

    PublishBatch: async (input, { endpoint, trace }) => {
      const topic = topics.get(input.TopicArn);
      const entries = checked(input.PublishBatchRequestEntries);
      const good: { readonly Id: string; readonly message: Notification }[] = [];
      const Failed: object[] = [];
      for (const entry of entries) {
        try {
          good.push({ Id: entry.Id, message: publisher.prepare(entry, topic) });
        } catch (error) {
          if (!(error instanceof DomainError)) throw error;
          Failed.push(refusal(entry.Id, error));
        }
      }
      const messages = good.map(({ message }) => message);
      await publisher.publish(messages, topic, endpoint, trace);
      return { Successful: good.map(({ Id, message }) => ({ Id, ...answerOf(message) })), Failed };
    },
  };
}

function answerOf({ id, sequenceNumber }: Notification) {
  return { MessageId: id, ...(sequenceNumber !== undefined && { SequenceNumber: sequenceNumber }) };
}

/** Checks what must hold of the whole batch. @throws SnsError */
function checked(entries: readonly Entry[] | undefined): readonly Entry[] {
  if (!entries || entries.length === 0)
    throw new SnsError('batch-empty', "The batch request doesn't contain any entries.");
  if (entries.length > SNS_LIMITS.batchMax) {
    throw new SnsError('batch-too-many', 'The batch request contains more entries than permissible.');
  }
  const ids = new Set(entries.map(({ Id }) => Id));
  if (ids.size < entries.length) {
    throw new SnsError('batch-ids-not-distinct', 'Two or more batch entries in the request have the same Id.');
  }
  if (![...ids].every((id) => /^[A-Za-z0-9_-]{1,80}$/.test(id))) {
    throw new SnsError(
      'batch-id-invalid',
      'The Id of a batch entry in a batch request does not abide by the specification.',
    );
  }
  if (entries.reduce((sum, entry) => sum + sizeOf(entry), 0) > SNS_LIMITS.messageBytesMax) {
    throw new SnsError('batch-too-long', 'The length of all the messages put together is more than the limit.');
  }
  return entries;
}

function refusal(Id: string, { code, message }: DomainError) {
  const type = SNS_ANSWERS[code as SnsErrorCode]?.type ?? 'InternalErrorException';
  return { Id, Code: type.replace(/Exception$/, ''), Message: message, SenderFault: true };
}
