import { parseArn } from '../../base/index.ts';
import { subscriptionPolicyProblem } from './delivery-policy.ts';
import { type AttributeCall, invalid, invalidAttribute } from './errors.ts';
import { checkFilterPolicy } from './filter.ts';
import { jsonObject } from './json.ts';
import type { Protocol, Subscription, Topic } from './model.ts';

type Attributes = Subscription['attributes'];

/** What an empty value takes away; of the others it is no value. */
const REMOVABLE = new Set(['DeliveryPolicy', 'FilterPolicy', 'RedrivePolicy', 'ReplayPolicy']);

/** The subscription that attributes are for. */
export interface Holder {
  readonly protocol: Protocol;
  readonly endpoint: string;
  readonly topic: Topic;
}

/** Attributes with changes applied and checked; an empty value takes one away. @throws parameter-invalid */
export function changedAttributes(
  current: Attributes,
  changes: Attributes,
  holder: Holder,
  call: AttributeCall,
): Attributes {
  const result: Record<string, string> = { ...current };
  for (const [name, value] of Object.entries(changes)) {
    if (!Object.hasOwn(CHECKS, name))
      throw invalid(call === 'set' ? 'AttributeName' : `Attributes Reason: Unknown attribute ${name}`);
    if (REMOVABLE.has(name) && (value === '' || value === '{}')) delete result[name];
    else result[name] = value;
  }
  for (const name of Object.keys(result)) CHECKS[name]!(result, holder, call);
  return result;
}

type Check = (attributes: Attributes, holder: Holder, call: AttributeCall) => void;

const CHECKS: Readonly<Record<string, Check>> = {
  __proto__: null as never,

  FilterPolicyScope: ({ FilterPolicyScope: scope }, _, call) => {
    if (['MessageAttributes', 'MessageBody'].includes(scope!)) return;
    const words = `Invalid value [${scope}]. Please use either MessageBody or MessageAttributes`;
    throw invalidAttribute(`FilterPolicyScope: ${words}`, call);
  },

  FilterPolicy: ({ FilterPolicy, FilterPolicyScope }, _, call) =>
    checkFilterPolicy(FilterPolicy!, FilterPolicyScope, call),

  RawMessageDelivery: ({ RawMessageDelivery: value }, { protocol }, call) => {
    if (!['true', 'false'].includes(value!)) {
      throw invalidAttribute(`RawMessageDelivery: Invalid value [${value}]. Must be true or false.`, call);
    }
    if (value === 'false' || ['sqs', 'http', 'https'].includes(protocol)) return;
    throw invalidAttribute(`Delivery protocol [${protocol}] does not support raw message delivery.`, call);
  },

  RedrivePolicy: ({ RedrivePolicy }, holder, call) => {
    const policy = jsonObject(RedrivePolicy!);
    if (!policy) throw invalidAttribute('RedrivePolicy: failed to parse JSON.', call);
    const problem = redriveProblem(policy.deadLetterTargetArn, holder);
    if (problem !== undefined) throw invalidAttribute(`RedrivePolicy: ${problem}`, call);
  },

  DeliveryPolicy: ({ DeliveryPolicy }, { protocol }, call) => {
    if (protocol !== 'http' && protocol !== 'https') {
      throw invalidAttribute(
        `DeliveryPolicy: Delivery protocol [${protocol}] does not support delivery policies.`,
        call,
      );
    }
    const problem = subscriptionPolicyProblem(DeliveryPolicy!);
    if (problem !== undefined) throw invalidAttribute(`DeliveryPolicy: ${problem}`, call);
  },

  ReplayPolicy: (_, __, call) => {
    throw invalidAttribute('ReplayPolicy: message archiving and replay are not built in this node', call);
  },
};

function redriveProblem(arn: unknown, { topic, endpoint }: Holder): string | undefined {
  if (typeof arn !== 'string' || parseArn(arn)?.service !== 'sqs') return 'deadLetterTargetArn is an invalid arn';
  const fifo = topic.attributes.FifoTopic === 'true' && endpoint.endsWith('.fifo');
  if (fifo && !arn.endsWith('.fifo')) {
    return 'must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic.';
  }
  if (!fifo && arn.endsWith('.fifo')) return 'must use a Standard queue as DLQ for a Standard Subscription.';
  return undefined;
}

/** Checks that an endpoint is one of its protocol and may subscribe the topic. @throws parameter-invalid */
export function checkEndpoint(protocol: string, endpoint: string, topic: Topic): asserts protocol is Protocol {
  const check = Object.hasOwn(ENDPOINTS, protocol) ? ENDPOINTS[protocol as Protocol] : undefined;
  if (protocol === 'firehose') throw invalid('Protocol Reason: Firehose delivery streams are not built in this node');
  if (!check) throw invalid(`Amazon SNS does not support this protocol string: ${protocol}`);
  const fifo = topic.attributes.FifoTopic === 'true';
  if (fifo && protocol !== 'sqs') throw invalid(`Invalid protocol type: ${protocol}`);
  const problem = check(endpoint);
  if (problem !== undefined) throw invalid(problem);
  if (protocol === 'sqs' && endpoint.endsWith('.fifo') && !fifo) {
    throw invalid('Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics');
  }
}

/** Why an endpoint is none of its protocol. */
const ENDPOINTS: Readonly<Record<Protocol, (endpoint: string) => string | undefined>> = {
  sqs: (endpoint) => (parseArn(endpoint)?.service === 'sqs' ? undefined : 'SQS endpoint ARN'),
  lambda: (endpoint) => (parseArn(endpoint)?.service === 'lambda' ? undefined : 'Lambda endpoint ARN'),
  http: (endpoint) => urlProblem(endpoint, 'http:'),
  https: (endpoint) => urlProblem(endpoint, 'https:'),
  email: emailProblem,
  'email-json': emailProblem,
  sms: (endpoint) => (isPhoneNumber(endpoint) ? undefined : `Invalid SMS endpoint: ${endpoint}`),
  application: (endpoint) => {
    const arn = parseArn(endpoint);
    return arn?.service === 'sns' && arn.resource.startsWith('endpoint/')
      ? undefined
      : 'Application endpoint arn invalid';
  },
};

function urlProblem(endpoint: string, scheme: 'http:' | 'https:'): string | undefined {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url?.protocol !== scheme || endpoint.length > 2048) return 'Endpoint must match the specified protocol';
  return undefined;
}

function emailProblem(endpoint: string): string | undefined {
  // One address, and nothing that could end a mail header.
  const good = endpoint.length <= 320 && /^[^\s@<>(),;:"\\[\]]+@[^\s@<>(),;:"\\[\]]+$/.test(endpoint);
  return good ? undefined : 'Email address';
}

/** E.164, as AWS takes it: hyphens, dots and spaces between digits are read over. */
export function isPhoneNumber(text: string): boolean {
  return /^\+?[0-9](?:[-. ]?[0-9]){4,19}$/.test(text);
}
