import { DomainError, type Random, uuid } from '../../../base/index.ts';
import type { DeliveryService } from '../../../delivery/index.ts';
import type { TraceContext } from '../../../telemetry/index.ts';
import type { Operation } from '../../index.ts';
import { CUSTOMER_RETRY } from '../delivery-policy.ts';
import { invalid, SNS_ANSWERS, SnsError, type SnsErrorCode, webhookMissing } from '../errors.ts';
import { type PublishInput, readContent, sizeOf, textFor } from '../message.ts';
import { SNS_LIMITS } from '../model.ts';
import { pushDelivery, smsDelivery } from '../phones.ts';
import type { Platforms } from '../platform.ts';
import type { Prepared, Published, Publisher } from '../publisher.ts';
import type { TextMessages } from '../sms.ts';
import { isPhoneNumber } from '../subscription-attributes.ts';
import type { Topics } from '../topics.ts';

export interface PublishDependencies {
  readonly topics: Topics;
  readonly publisher: Publisher;
  readonly platforms: Platforms;
  readonly textMessages: TextMessages;
  readonly delivery: Pick<DeliveryService, 'send'>;
  readonly random: Random;
  readonly webhooks: { readonly sms?: string; readonly push?: string };
}

type Entry = PublishInput & { readonly Id: string };

/** Publish and PublishBatch. */
export function publishOperations(dependencies: PublishDependencies): Record<string, Operation> {
  const { topics, publisher } = dependencies;
  return {
    Publish: async (input, { endpoint, trace, region }) => {
      const { TopicArn, TargetArn, PhoneNumber } = input;
      checkDestination(TopicArn, TargetArn, PhoneNumber);
      if (PhoneNumber !== undefined) return toPhone(input, PhoneNumber, trace, dependencies);
      if (TargetArn !== undefined && /^arn:[^:]*:sns:[^:]*:\d*:endpoint\//.test(TargetArn)) {
        return toDevice(input, TargetArn, trace, dependencies);
      }
      const topic = topics.get(TopicArn ?? TargetArn, region);
      const [published] = await publisher.publish([publisher.prepare(input, topic)], topic, endpoint, trace);
      return answerOf(published!);
    },

    PublishBatch: async (input, { endpoint, trace, region }) => {
      const topic = topics.get(input.TopicArn, region);
      const entries = checked(input.PublishBatchRequestEntries);
      checkFifoEntries(entries, topic.attributes);
      const good: { readonly Id: string; readonly message: Prepared }[] = [];
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
      const published = await publisher.publish(messages, topic, endpoint, trace);
      return { Successful: good.map(({ Id }, i) => ({ Id, ...answerOf(published[i]!) })), Failed };
    },
  };
}

function checkDestination(topicArn: unknown, targetArn: unknown, phoneNumber: unknown): void {
  const named = [topicArn, targetArn, phoneNumber].filter((one) => one !== undefined).length;
  if (named === 1) return;
  throw invalid(
    named === 0
      ? 'TopicArn or TargetArn Reason: no value for required parameter'
      : 'TopicArn Reason: exactly one of TopicArn, TargetArn and PhoneNumber names where a message goes',
  );
}

async function toPhone(
  input: PublishInput,
  phoneNumber: string,
  trace: TraceContext,
  { webhooks, textMessages, random, delivery }: PublishDependencies,
) {
  if (!isPhoneNumber(phoneNumber)) throw invalid(`PhoneNumber Reason: ${phoneNumber} is not valid to publish to`);
  const message = { ...readContent(input), id: uuid(random) };
  if (textFor(message, 'sms').length > SNS_LIMITS.smsLengthMax) throw invalid('Message too long');
  if (webhooks.sms === undefined) throw webhookMissing('sms');
  if (textMessages.isOptedOut(phoneNumber)) throw new SnsError('opted-out', 'The phone number has opted out');
  const sent = smsDelivery(webhooks.sms, message, phoneNumber, textMessages.settings);
  await delivery.send([{ ...sent, policy: CUSTOMER_RETRY, source: 'sns:sms', trace }]);
  return { MessageId: message.id };
}

async function toDevice(
  input: PublishInput,
  endpointArn: string,
  trace: TraceContext,
  { webhooks, platforms, random, delivery }: PublishDependencies,
) {
  const target = platforms.targetOrThrow(endpointArn);
  const message = { ...readContent(input), id: uuid(random) };
  if (webhooks.push === undefined) throw webhookMissing('push');
  const sent = pushDelivery(webhooks.push, message, target);
  await delivery.send([{ ...sent, policy: CUSTOMER_RETRY, source: target.applicationArn, trace }]);
  return { MessageId: message.id };
}

function answerOf({ id, sequenceNumber }: Published) {
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

/** What AWS refuses the whole batch for, not the entry. @throws parameter-invalid */
function checkFifoEntries(entries: readonly Entry[], attributes: Readonly<Record<string, string>>): void {
  if (attributes.FifoTopic !== 'true') return;
  if (entries.some(({ MessageGroupId }) => MessageGroupId === undefined)) {
    throw invalid('The MessageGroupId parameter is required for FIFO topics');
  }
  const named = entries.every(({ MessageDeduplicationId }) => MessageDeduplicationId !== undefined);
  if (named || attributes.ContentBasedDeduplication === 'true') return;
  throw invalid(
    'The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
  );
}

function refusal(Id: string, { code, message }: DomainError) {
  const type = SNS_ANSWERS[code as SnsErrorCode]?.type ?? 'InternalErrorException';
  const Code = code === 'parameter-value-invalid' ? 'ParameterValueInvalid' : type.replace(/Exception$/, '');
  return { Id, Code, Message: message, SenderFault: true };
}
