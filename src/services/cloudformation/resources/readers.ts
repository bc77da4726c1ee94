import { isNotFound } from '../calls.ts';
import type { Json, JsonObject } from '../template/value.ts';
import { pick } from './properties.ts';
import type { Existing, Work } from './resource-type.ts';

/** Reads what a resource is now, in the names of its properties; those that it leaves out are not compared. */
type Reader = (existing: Existing, call: Work['call']) => Promise<JsonObject>;

const QUEUE_NUMBERS = [
  'DelaySeconds',
  'MaximumMessageSize',
  'MessageRetentionPeriod',
  'ReceiveMessageWaitTimeSeconds',
  'VisibilityTimeout',
];

const FUNCTION_MEMBERS = ['Description', 'Handler', 'MemorySize', 'Role', 'Runtime', 'Timeout'];

/** Types whose drift can be told. Others are not checked, as on AWS those that do not support it. */
const READERS: Readonly<Record<string, Reader>> = {
  'AWS::SQS::Queue': async ({ physicalId: QueueUrl }, call) => {
    const { Attributes } = await call('sqs', 'GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] });
    const numbers = QUEUE_NUMBERS.map((name) => [name, Number(Attributes[name] ?? 0)]);
    const redrive = Attributes.RedrivePolicy;
    return {
      ...Object.fromEntries(numbers),
      ...(redrive !== undefined && { RedrivePolicy: JSON.parse(redrive) as Json }),
    };
  },

  'AWS::SNS::Topic': async ({ physicalId: TopicArn }, call) => {
    const { Attributes } = await call('sns', 'GetTopicAttributes', { TopicArn });
    return { DisplayName: Attributes.DisplayName ?? '' };
  },

  'AWS::Logs::LogGroup': async ({ physicalId }, call) => {
    const { logGroups } = await call('logs', 'DescribeLogGroups', { logGroupNamePrefix: physicalId });
    const group = logGroups.find(({ logGroupName }: JsonObject) => logGroupName === physicalId);
    if (!group) throw Object.assign(new Error('no such group'), { code: 'ResourceNotFoundException' });
    return { RetentionInDays: group.retentionInDays ?? null };
  },

  'AWS::Lambda::Function': async ({ physicalId: FunctionName }, call) => {
    const found = await call('lambda', 'GetFunctionConfiguration', { FunctionName });
    return {
      ...pick(found, FUNCTION_MEMBERS),
      Environment: { Variables: found.Environment?.Variables ?? {} },
    };
  },
};

/**
 * What a resource is now.
 *
 * @returns its properties; `deleted` when it is gone, `unknown` when its type cannot be read
 */
export async function readResource(
  type: string,
  existing: Existing,
  call: Work['call'],
): Promise<JsonObject | 'deleted' | 'unknown'> {
  const reader = READERS[type];
  if (!reader) return 'unknown';
  try {
    return await reader(existing, call);
  } catch (error) {
    if (isNotFound(error)) return 'deleted';
    throw error;
  }
}
