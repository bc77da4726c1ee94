import { ACCOUNT_ID } from '../../../base/index.ts';
import type { Operation, OperationContext } from '../../index.ts';
import { parameterInvalid, queueNotFound, SqsError } from '../errors.ts';
import { withoutPermission, withPermission } from '../grants.ts';
import { SQS_LIMITS } from '../limits.ts';
import { nameOfUrl, type QueueState, type Queues, queueArn, queueUrl } from '../queues.ts';

const PAGE_MAX = 1000;

/** The operations on queues, their attributes and tags. */
export function queueOperations(queues: Queues): Record<string, Operation> {
  const named = ({ QueueUrl }: { QueueUrl: string }, { region }: OperationContext) => ({
    region,
    name: nameOfUrl(QueueUrl),
  });
  return {
    CreateQueue: async ({ QueueName, Attributes = {}, tags = {} }, { region, endpoint }) => {
      checkTags(tags);
      return { QueueUrl: queueUrl(endpoint, await queues.create(region, QueueName, Attributes, tags)) };
    },

    DeleteQueue: async (input, context) => {
      const { region, name } = named(input, context);
      await queues.delete(region, name);
      return {};
    },

    GetQueueUrl: ({ QueueName, QueueOwnerAWSAccountId = ACCOUNT_ID }, { region, endpoint }) => {
      if (QueueOwnerAWSAccountId !== ACCOUNT_ID) throw queueNotFound();
      return { QueueUrl: queueUrl(endpoint, queues.get(region, QueueName).state) };
    },

    ListQueues: ({ QueueNamePrefix, MaxResults, NextToken }, { region, endpoint }) => {
      const { items, next } = paged(queues.list(region, QueueNamePrefix), MaxResults, NextToken);
      const QueueUrls = items.map((state) => queueUrl(endpoint, state));
      return { ...(QueueUrls.length > 0 && { QueueUrls }), ...next };
    },

    ListDeadLetterSourceQueues: (input, context) => {
      const { region, name } = named(input, context);
      const arn = queueArn(queues.get(region, name).state);
      const { items, next } = paged(queues.sourcesOf(arn), input.MaxResults, input.NextToken);
      return { queueUrls: items.map((state) => queueUrl(context.endpoint, state)), ...next };
    },

    GetQueueAttributes: (input, context) => {
      const { region, name } = named(input, context);
      const all = allAttributes(queues, region, name);
      const names: readonly string[] = input.AttributeNames ?? [];
      for (const one of names) {
        if (!KNOWN.has(one)) throw new SqsError('attribute-unknown', `Unknown Attribute ${one}.`);
      }
      const wanted = Object.entries(all).filter(([one]) => names.includes('All') || names.includes(one));
      return wanted.length === 0 ? {} : { Attributes: Object.fromEntries(wanted) };
    },

    SetQueueAttributes: async (input, context) => {
      const { region, name } = named(input, context);
      await queues.setAttributes(region, name, input.Attributes ?? {});
      return {};
    },

    AddPermission: async (input, context) => {
      const { region, name } = named(input, context);
      const permission = { label: input.Label, accountIds: input.AWSAccountIds, actions: input.Actions };
      await queues.setPolicy(region, name, (policy, arn) => withPermission(policy, arn, permission));
      return {};
    },

    RemovePermission: async (input, context) => {
      const { region, name } = named(input, context);
      await queues.setPolicy(region, name, (policy) => withoutPermission(policy, input.Label));
      return {};
    },

    PurgeQueue: async (input, context) => {
      const { region, name } = named(input, context);
      await queues.purge(region, name);
      return {};
    },

    TagQueue: async (input, context) => {
      const { region, name } = named(input, context);
      const merged = { ...queues.get(region, name).state.tags, ...input.Tags };
      checkTags(merged);
      await queues.setTags(region, name, (tags) => ({ ...tags, ...input.Tags }));
      return {};
    },

    UntagQueue: async (input, context) => {
      const { region, name } = named(input, context);
      const gone: readonly string[] = input.TagKeys ?? [];
      await queues.setTags(region, name, (tags) =>
        Object.fromEntries(Object.entries(tags).filter(([key]) => !gone.includes(key))),
      );
      return {};
    },

    ListQueueTags: (input, context) => {
      const { region, name } = named(input, context);
      const { tags } = queues.get(region, name).state;
      return Object.keys(tags).length === 0 ? {} : { Tags: tags };
    },
  };
}

const COUNTED = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
] as const;

/** Names that GetQueueAttributes knows. */
const KNOWN = new Set<string>([
  ...COUNTED,
  ...['All', 'QueueArn', 'CreatedTimestamp', 'LastModifiedTimestamp', 'DelaySeconds', 'MaximumMessageSize'],
  ...['MessageRetentionPeriod', 'ReceiveMessageWaitTimeSeconds', 'VisibilityTimeout', 'Policy', 'RedrivePolicy'],
  ...['RedriveAllowPolicy', 'KmsMasterKeyId', 'KmsDataKeyReusePeriodSeconds', 'SqsManagedSseEnabled', 'FifoQueue'],
  ...['ContentBasedDeduplication', 'DeduplicationScope', 'FifoThroughputLimit'],
]);

function allAttributes(queues: Queues, region: string, name: string): Record<string, string> {
  const { state, queue } = queues.get(region, name);
  const { visible, inFlight, delayed } = queue.counts;
  return {
    QueueArn: queueArn(state),
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: String(delayed),
    CreatedTimestamp: String(Math.floor(state.createdAt / 1000)),
    LastModifiedTimestamp: String(Math.floor(state.modifiedAt / 1000)),
    ...state.attributes,
  };
}

/** One page by name; without `MaxResults` all up to 1,000. */
function paged(states: readonly QueueState[], max: number | undefined, token: string | undefined) {
  if (max !== undefined && (max < 1 || max > PAGE_MAX)) {
    throw parameterInvalid(max, 'MaxResults', `Must be between 1 and ${PAGE_MAX}.`);
  }
  const after = token === undefined ? '' : Buffer.from(token, 'base64url').toString();
  if (token !== undefined && !/^[A-Za-z0-9_.-]{1,80}$/.test(after)) {
    throw new SqsError('parameter-invalid', 'Invalid or expired next token.');
  }
  const rest = states.filter(({ name }) => name > after);
  const items = rest.slice(0, max ?? PAGE_MAX);
  const more = max !== undefined && rest.length > items.length;
  return { items, next: more ? { NextToken: Buffer.from(items.at(-1)!.name).toString('base64url') } : {} };
}

function checkTags(tags: Readonly<Record<string, string>>): void {
  const entries = Object.entries(tags);
  if (entries.length > SQS_LIMITS.tagsMax) {
    throw parameterInvalid(entries.length, 'Tags', `Too many tags added for queue. Maximum is ${SQS_LIMITS.tagsMax}.`);
  }
  for (const [key, value] of entries) {
    if (key.length < 1 || key.length > SQS_LIMITS.tagKeyMax) {
      throw parameterInvalid(
        key,
        'Tags',
        `Tag keys must be between 1 and ${SQS_LIMITS.tagKeyMax} characters in length.`,
      );
    }
    if (key.startsWith('aws:')) throw parameterInvalid(key, 'Tags', 'Tag keys must not start with aws:.');
    if (value.length > SQS_LIMITS.tagValueMax) {
      throw parameterInvalid(
        value,
        'Tags',
        `Tag values must be at most ${SQS_LIMITS.tagValueMax} characters in length.`,
      );
    }
  }
}
