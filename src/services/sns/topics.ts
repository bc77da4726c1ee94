import { ACCOUNT_ID, formatArn, parseArn, type Random, uuid } from '../../base/index.ts';
import { type Records, Registry } from '../../store/index.ts';
import { invalid, SnsError, subscriptionNotFound, topicNotFound } from './errors.ts';
import { checkFilterPolicy } from './filter.ts';
import { type Protocol, SNS_LIMITS, type Subscription, type Topic } from './model.ts';

type Settings = Readonly<Record<string, string>>;

const TOPIC_ATTRIBUTES = new Set([
  ...['DisplayName', 'Policy', 'DeliveryPolicy', 'KmsMasterKeyId', 'SignatureVersion', 'TracingConfig'],
  ...['FifoTopic', 'ContentBasedDeduplication', 'FifoThroughputScope', 'ArchivePolicy', 'DataProtectionPolicy'],
]);

const SUBSCRIPTION_ATTRIBUTES = new Set([
  ...['DeliveryPolicy', 'FilterPolicy', 'FilterPolicyScope', 'RawMessageDelivery', 'RedrivePolicy'],
]);

/** Topics and subscriptions of a node, and the rules they keep. */
export class Topics {
  readonly #topics: Registry<Topic>;
  readonly #subscriptions: Registry<Subscription>;
  readonly #random: Random;

  private constructor(topics: Registry<Topic>, subscriptions: Registry<Subscription>, random: Random) {
    this.#topics = topics;
    this.#subscriptions = subscriptions;
    this.#random = random;
  }

  static async open(records: Records, random: Random): Promise<Topics> {
    const topics = await Registry.open<Topic>(records, 'sns/topics');
    return new Topics(topics, await Registry.open<Subscription>(records, 'sns/subscriptions'), random);
  }

  /** @throws parameter-invalid: no ARN of a topic; not-found */
  get(arn: string): Topic {
    const topic = this.#topics.get(arn);
    if (topic) return topic;
    if (parseArn(arn)?.service !== 'sns') throw invalid('TopicArn');
    throw topicNotFound();
  }

  list(region: string): readonly Topic[] {
    return this.#topics.list(`arn:aws:sns:${region}:`);
  }

  /** Makes a topic; the same again is the same topic. @throws parameter-invalid: with other attributes or tags */
  async create(region: string, name: string, attributes: Settings, tags: Settings): Promise<Topic> {
    const fifo = attributes.FifoTopic === 'true';
    checkTopicName(name, fifo);
    checkTopicAttributes(attributes);
    checkTags(tags);
    const arn = formatArn('sns', region, ACCOUNT_ID, name);
    const existing = this.#topics.get(arn);
    if (existing) return sameOrThrow(existing, attributes, tags);
    const defaults: Settings = fifo ? { ContentBasedDeduplication: 'false' } : {};
    const topic = { arn, name, region, attributes: { ...defaults, ...attributes }, tags };
    await this.#topics.put(arn, topic);
    return topic;
  }

  /** Removes a topic and its subscriptions; one that is not there is no error. */
  async delete(arn: string): Promise<void> {
    if (parseArn(arn)?.service !== 'sns') throw invalid('TopicArn');
    for (const subscription of this.subscriptions(arn)) await this.#subscriptions.delete(subscription.arn);
    await this.#topics.delete(arn);
  }

  async setAttribute(arn: string, name: string, value: string): Promise<void> {
    const topic = this.get(arn);
    checkTopicAttributes({ [name]: value });
    if (name === 'FifoTopic') throw invalid('AttributeName');
    await this.#topics.put(arn, { ...topic, attributes: { ...topic.attributes, [name]: value } });
  }

  async setTags(arn: string, change: (tags: Settings) => Settings): Promise<void> {
    const topic = this.#topics.get(arn);
    if (!topic) throw new SnsError('resource-not-found', 'Resource does not exist');
    const tags = change(topic.tags);
    checkTags(tags);
    await this.#topics.put(arn, { ...topic, tags });
  }

  subscriptions(topicArn: string): readonly Subscription[] {
    return this.#subscriptions.list(`${topicArn}:`);
  }

  allSubscriptions(region: string): readonly Subscription[] {
    return this.#subscriptions.list(`arn:aws:sns:${region}:`);
  }

  /** @throws not-found */
  subscription(arn: string): Subscription {
    const found = this.#subscriptions.get(arn);
    if (found) return found;
    if (parseArn(arn)?.service !== 'sns') throw invalid('SubscriptionArn');
    throw subscriptionNotFound();
  }

  /**
   * Subscribes an endpoint; the same again is the same subscription.
   * @param confirmed  false makes it wait for its token
   */
  async subscribe(
    topicArn: string,
    protocol: string,
    endpoint: string,
    attributes: Settings,
    confirmed: boolean,
  ): Promise<{ readonly subscription: Subscription; readonly isNew: boolean }> {
    const topic = this.get(topicArn);
    checkEndpoint(protocol, endpoint, topic);
    const settings = changed({}, attributes, protocol);
    const all = this.subscriptions(topicArn);
    const existing = all.find((one) => one.protocol === protocol && one.endpoint === endpoint);
    if (existing) return { subscription: sameSubscription(existing, settings), isNew: existing.token !== undefined };
    if (all.length >= SNS_LIMITS.subscriptionsPerTopicMax) {
      throw new SnsError('subscription-limit', 'The topic has too many subscriptions');
    }
    const subscription: Subscription = {
      arn: `${topicArn}:${uuid(this.#random)}`,
      topicArn,
      protocol: protocol as Protocol,
      endpoint,
      owner: ACCOUNT_ID,
      ...(!confirmed && { token: this.#random.bytes(128).toString('hex') }),
      attributes: settings,
    };
    await this.#subscriptions.create(subscription.arn, subscription);
    return { subscription, isNew: true };
  }

  /** @throws parameter-invalid: no subscription of the topic waits for this token */
  async confirm(topicArn: string, token: string): Promise<Subscription> {
    this.get(topicArn);
    const found = this.subscriptions(topicArn).find((one) => one.token === token);
    if (!found) throw invalid('Token');
    const { token: _, ...confirmed } = found;
    await this.#subscriptions.put(confirmed.arn, confirmed);
    return confirmed;
  }

  async setSubscriptionAttribute(arn: string, name: string, value: string | undefined): Promise<void> {
    const subscription = this.subscription(arn);
    const attributes = changed(subscription.attributes, { [name]: value ?? '' }, subscription.protocol);
    await this.#subscriptions.put(arn, { ...subscription, attributes });
  }

  /** Removing a subscription that is not there is no error. */
  async unsubscribe(arn: string): Promise<void> {
    if (parseArn(arn)?.service !== 'sns') throw invalid('SubscriptionArn');
    await this.#subscriptions.delete(arn);
  }
}

function checkTopicName(name: string, fifo: boolean): void {
  const base = fifo ? name.replace(/\.fifo$/, '') : name;
  if (fifo && base === name) throw invalid('Topic Name: FIFO topic names must end with .fifo');
  if (!/^[A-Za-z0-9_-]{1,256}$/.test(base)) throw invalid('Topic Name');
}

function checkTopicAttributes(attributes: Settings): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (!TOPIC_ATTRIBUTES.has(name)) throw invalid('AttributeName');
    if (name === 'DeliveryPolicy' && value !== '') parseOr(value, 'DeliveryPolicy');
  }
}

function checkTags(tags: Settings): void {
  if (Object.keys(tags).length > SNS_LIMITS.tagsMax)
    throw new SnsError('tag-limit', 'Could not complete request: tag quota of per resource exceeded');
}

function sameOrThrow(existing: Topic, attributes: Settings, tags: Settings): Topic {
  const differ = (have: Settings, want: Settings) => Object.keys(want).some((name) => have[name] !== want[name]);
  if (differ(existing.attributes, attributes))
    throw invalid('Attributes Reason: Topic already exists with different attributes');
  if (differ(existing.tags, tags)) throw invalid('Tags Reason: Topic already exists with different tags');
  return existing;
}

function checkEndpoint(protocol: string, endpoint: string, topic: Topic): void {
  const service = parseArn(endpoint)?.service;
  if (protocol === 'http' || protocol === 'https') {
    if (!endpoint.startsWith(`${protocol}://`) || !URL.canParse(endpoint)) {
      throw invalid('Endpoint must match the specified protocol');
    }
    if (topic.attributes.FifoTopic === 'true') throw fifoProtocol(protocol);
    return;
  }
  if (protocol === 'sqs') {
    if (service !== 'sqs') throw invalid('SQS endpoint ARN');
    if (endpoint.endsWith('.fifo') && topic.attributes.FifoTopic !== 'true') {
      throw invalid('Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics');
    }
    return;
  }
  if (protocol !== 'lambda') throw invalid(`Amazon SNS does not support this protocol string: ${protocol}`);
  if (service !== 'lambda') throw invalid('Lambda endpoint ARN');
  if (topic.attributes.FifoTopic === 'true') throw fifoProtocol(protocol);
}

function fifoProtocol(protocol: string) {
  return invalid(`Invalid protocol type: ${protocol}`);
}

function sameSubscription(existing: Subscription, attributes: Settings): Subscription {
  const differ = Object.keys(attributes).some((name) => existing.attributes[name] !== attributes[name]);
  if (differ) throw invalid('Attributes Reason: Subscription already exists with different attributes');
  return existing;
}

/** Attributes with changes applied and checked; an empty value takes one away. @throws parameter-invalid */
function changed(current: Settings, changes: Settings, protocol: string): Settings {
  const result: Record<string, string> = { ...current };
  for (const [name, value] of Object.entries(changes)) {
    if (!SUBSCRIPTION_ATTRIBUTES.has(name)) throw invalid('AttributeName');
    if (value === '' || (name === 'FilterPolicy' && value === '{}')) delete result[name];
    else result[name] = value;
  }
  const { FilterPolicy, FilterPolicyScope, RawMessageDelivery, RedrivePolicy, DeliveryPolicy } = result;
  if (FilterPolicyScope !== undefined && !['MessageAttributes', 'MessageBody'].includes(FilterPolicyScope)) {
    throw invalid('FilterPolicyScope: Invalid value');
  }
  if (FilterPolicy !== undefined) checkFilterPolicy(FilterPolicy, FilterPolicyScope);
  if (RawMessageDelivery !== undefined) checkRaw(RawMessageDelivery, protocol);
  if (RedrivePolicy !== undefined) checkRedrive(RedrivePolicy);
  if (DeliveryPolicy !== undefined) parseOr(DeliveryPolicy, 'DeliveryPolicy');
  return result;
}

function checkRaw(value: string, protocol: string): void {
  if (!['true', 'false'].includes(value))
    throw invalid('Attributes Reason: RawMessageDelivery: Invalid value. Must be true or false.');
  if (value === 'true' && protocol === 'lambda') {
    throw invalid('Attributes Reason: RawMessageDelivery is not supported for the lambda protocol');
  }
}

function checkRedrive(text: string): void {
  const { deadLetterTargetArn } = parseOr(text, 'RedrivePolicy') as { deadLetterTargetArn?: unknown };
  if (typeof deadLetterTargetArn !== 'string' || parseArn(deadLetterTargetArn)?.service !== 'sqs') {
    throw invalid('RedrivePolicy: deadLetterTargetArn is an invalid arn');
  }
}

function parseOr(text: string, name: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below, with the name of what it is.
  }
  throw invalid(`${name}: failed to parse JSON.`);
}
