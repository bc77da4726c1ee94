import { parseArn } from '../../base/index.ts';
import { topicPolicyProblem } from './delivery-policy.ts';
import { type AttributeCall, invalid, invalidAttribute } from './errors.ts';
import { checkAccessPolicy } from './grants.ts';
import type { Topic } from './model.ts';

type Attributes = Topic['attributes'];
type Problem = string | undefined;

const FLAG = (value: string, name: string): Problem =>
  ['true', 'false'].includes(value) ? undefined : `${name}: Invalid value [${value}]. Must be true or false.`;

const oneOf =
  (...values: string[]) =>
  (value: string, name: string): Problem =>
    values.includes(value) ? undefined : `${name}: Invalid value [${value}]. Must be one of ${values.join(', ')}.`;

const any = (): Problem => undefined;

/** Attributes that a topic may be given, and why a value is refused. */
const RULES: Readonly<Record<string, (value: string, name: string) => Problem>> = {
  __proto__: null as never,
  DisplayName: (value) => (value.length <= 100 ? undefined : 'DisplayName: must be at most 100 characters long'),
  Policy: any,
  DeliveryPolicy: (value) => {
    const problem = value === '' ? undefined : topicPolicyProblem(value);
    return problem && `DeliveryPolicy: ${problem}`;
  },
  KmsMasterKeyId: any,
  SignatureVersion: oneOf('1', '2'),
  TracingConfig: oneOf('PassThrough', 'Active'),
  FifoTopic: FLAG,
  ContentBasedDeduplication: FLAG,
  FifoThroughputScope: oneOf('Topic', 'MessageGroup'),
  ...feedbackRules(),
};

const FIFO_ONLY = new Set(['ContentBasedDeduplication', 'FifoThroughputScope']);

/** To store what nobody keeps to would be a promise: these are refused by name. */
const NOT_BUILT: Readonly<Record<string, string>> = {
  ArchivePolicy: 'message archiving and replay are not built in this node',
  DataProtectionPolicy: 'message data protection is not built in this node',
};

/** Checks attributes of a topic. @throws parameter-invalid */
export function checkTopicAttributes(
  attributes: Attributes,
  topicArn: string,
  fifo: boolean,
  call: AttributeCall,
): void {
  for (const [name, value] of Object.entries(attributes)) {
    const rule = RULES[name];
    if (Object.hasOwn(NOT_BUILT, name) && value !== '') throw invalidAttribute(`${name}: ${NOT_BUILT[name]}`, call);
    if (Object.hasOwn(NOT_BUILT, name)) continue;
    if (!rule)
      throw call === 'set' ? invalid('AttributeName') : invalid(`Attributes Reason: Unknown attribute ${name}`);
    if (FIFO_ONLY.has(name) && !fifo && !(name === 'ContentBasedDeduplication' && value === 'false')) {
      throw invalidAttribute(`${name}: only FIFO topics have it`, call);
    }
    const problem = rule(value, name);
    if (problem !== undefined) throw invalidAttribute(problem, call);
    if (name === 'Policy' && value !== '') checkAccessPolicy(value, topicArn, call);
  }
}

/** Roles and rates of delivery status logs, by protocol. */
function feedbackRules(): Record<string, (value: string, name: string) => Problem> {
  const role = (value: string, name: string): Problem =>
    value === '' || parseArn(value)?.service === 'iam' ? undefined : `${name}: ${value} is an invalid role arn`;
  const rate = (value: string, name: string): Problem =>
    /^\d{1,3}$/.test(value) && Number(value) <= 100 ? undefined : `${name}: must be a whole number from 0 to 100`;
  const rules: Record<string, (value: string, name: string) => Problem> = {};
  for (const protocol of ['HTTP', 'SQS', 'Lambda', 'Application', 'Firehose']) {
    rules[`${protocol}SuccessFeedbackRoleArn`] = role;
    rules[`${protocol}SuccessFeedbackSampleRate`] = rate;
    rules[`${protocol}FailureFeedbackRoleArn`] = role;
  }
  return rules;
}
