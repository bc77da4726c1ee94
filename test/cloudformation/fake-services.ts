import { DomainError } from '../../src/base/index.ts';
import type { Call } from '../../src/services/cloudformation/index.ts';

type Handler = (input: any) => object | Promise<object>;

/**
 * The far edge of a stack: queues, topics, subscriptions, mappings and log groups that only remember that they are there. Calls can be made to fail or
 * to wait, which real services do not do on demand.
 */
export class FakeServices {
  readonly queues = new Map<string, Record<string, string>>();
  readonly topics = new Map<string, Record<string, string>>();
  readonly groups = new Map<string, { retention?: number }>();
  /** Log streams and metric filters, as `GROUP/NAME`: their names are taken within their group alone. */
  readonly inGroups = new Map<string, object>();
  /** By the last part of their ARN: the service gives it. */
  readonly subscriptions = new Map<string, Record<string, string>>();
  /** By their id, which the service gives. */
  readonly mappings = new Map<string, { EventSourceArn: string; FunctionName: string; BatchSize?: number }>();
  #ids = 0;
  readonly published: string[] = [];
  readonly calls: string[] = [];
  /** ARNs in whose names calls were made. */
  readonly callers = new Set<string>();
  readonly #failures = new Map<string, { times: number; error: Error }>();
  readonly #gates = new Map<string, Promise<void>>();

  readonly call: Call = async (service, operation, input, context) => {
    const name = `${service}:${operation}`;
    this.calls.push(`${name} ${subject(input)}`);
    this.callers.add(context.caller.arn);
    await this.#gates.get(name);
    const failure = this.#failures.get(name);
    if (failure && failure.times-- > 0) throw failure.error;
    const handler = this.#handlers(context.region)[name];
    if (!handler) throw new DomainError('NotImplemented', `${name} is not built in Millrace`);
    return handler(input);
  };

  /** Lets the next `times` calls of `service:operation` fail. */
  fail(name: string, error: Error = new DomainError('InvalidParameter', 'no'), times = Number.POSITIVE_INFINITY): void {
    this.#failures.set(name, { times, error });
  }

  heal(name: string): void {
    this.#failures.delete(name);
  }

  /** Holds calls of `service:operation` until the returned function is called. */
  hold(name: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gates.set(name, promise);
    return () => {
      this.#gates.delete(name);
      resolve();
    };
  }

  /** Everything that exists, sorted. */
  get standing(): readonly string[] {
    const kinds = [this.queues, this.topics, this.groups, this.inGroups, this.subscriptions, this.mappings];
    return kinds.flatMap((kind) => [...kind.keys()]).sort();
  }

  #handlers(region: string): Readonly<Record<string, Handler>> {
    const url = (name: string) => `http://127.0.0.1:4566/000000000000/${name}`;
    const nameOf = (text: string) => text.slice(Math.max(text.lastIndexOf('/'), text.lastIndexOf(':')) + 1);
    const queue = (QueueUrl: string) => {
      const attributes = this.queues.get(nameOf(QueueUrl));
      if (!attributes) throw new DomainError('QueueDoesNotExist', 'The specified queue does not exist.');
      return attributes;
    };
    const mapping = (UUID: string) => {
      const found = this.mappings.get(UUID);
      if (!found) throw new DomainError('ResourceNotFoundException', 'The resource you requested does not exist.');
      return found;
    };
    const none = {};
    return {
      'sqs:CreateQueue': ({ QueueName, Attributes }) => {
        if (!this.queues.has(QueueName)) this.queues.set(QueueName, { ...Attributes });
        return { QueueUrl: url(QueueName) };
      },
      'sqs:GetQueueUrl': ({ QueueName }) => {
        queue(url(QueueName));
        return { QueueUrl: url(QueueName) };
      },
      'sqs:GetQueueAttributes': ({ QueueUrl }) => {
        return {
          Attributes: { ...queue(QueueUrl), QueueArn: `arn:aws:sqs:${region}:000000000000:${nameOf(QueueUrl)}` },
        };
      },
      'sqs:SetQueueAttributes': ({ QueueUrl, Attributes }) => Object.assign(queue(QueueUrl), Attributes),
      'sqs:TagQueue': ({ QueueUrl, Tags }) => Object.assign(queue(QueueUrl), { tags: JSON.stringify(Tags) }),
      'sqs:DeleteQueue': ({ QueueUrl }) => {
        queue(QueueUrl);
        this.queues.delete(nameOf(QueueUrl));
        return none;
      },
      'sns:CreateTopic': ({ Name, Attributes }) => {
        if (!this.topics.has(Name)) this.topics.set(Name, { ...Attributes });
        return { TopicArn: `arn:aws:sns:${region}:000000000000:${Name}` };
      },
      'sns:SetTopicAttributes': ({ TopicArn, AttributeName, AttributeValue }) => {
        this.topics.get(nameOf(TopicArn))![AttributeName] = AttributeValue;
        return none;
      },
      'sns:GetTopicAttributes': ({ TopicArn }) => {
        const attributes = this.topics.get(nameOf(TopicArn));
        if (!attributes) throw new DomainError('NotFoundException', 'Topic does not exist');
        return { Attributes: { ...attributes, TopicArn } };
      },
      'sns:Publish': ({ TopicArn, Message }) => {
        if (!this.topics.has(nameOf(TopicArn))) throw new DomainError('NotFoundException', 'Topic does not exist');
        this.published.push(Message);
        return none;
      },
      'sns:DeleteTopic': ({ TopicArn }) => {
        this.topics.delete(nameOf(TopicArn));
        for (const [id, { TopicArn: topic }] of this.subscriptions)
          if (topic === TopicArn) this.subscriptions.delete(id);
        return none;
      },
      'sns:Subscribe': ({ TopicArn, Protocol, Endpoint, Attributes }) => {
        if (!this.topics.has(nameOf(TopicArn))) throw new DomainError('NotFoundException', 'Topic does not exist');
        const same = [...this.subscriptions].find(([, one]) => one.TopicArn === TopicArn && one.Endpoint === Endpoint);
        const [id] = same ?? [`subscription-${++this.#ids}`];
        if (same && same[1].RawMessageDelivery !== Attributes.RawMessageDelivery) {
          throw new DomainError('InvalidParameter', 'Subscription already exists with different attributes');
        }
        if (!same) this.subscriptions.set(id, { TopicArn, Protocol, Endpoint, ...Attributes });
        return { SubscriptionArn: `${TopicArn}:${id}` };
      },
      'sns:SetSubscriptionAttributes': ({ SubscriptionArn, AttributeName, AttributeValue }) => {
        const subscription = this.subscriptions.get(nameOf(SubscriptionArn));
        if (!subscription) throw new DomainError('NotFoundException', 'Subscription does not exist');
        subscription[AttributeName] = AttributeValue;
        return none;
      },
      'sns:Unsubscribe': ({ SubscriptionArn }) => {
        this.subscriptions.delete(nameOf(SubscriptionArn));
        return none;
      },
      'lambda:CreateEventSourceMapping': (input) => {
        const { EventSourceArn, FunctionName } = input;
        const twin = [...this.mappings.values()].some((one) => one.EventSourceArn === EventSourceArn);
        if (twin) throw new DomainError('ResourceConflictException', 'An event source mapping exists already');
        const UUID = `mapping-${++this.#ids}`;
        this.mappings.set(UUID, { EventSourceArn, FunctionName, BatchSize: input.BatchSize });
        return { UUID };
      },
      'lambda:ListEventSourceMappings': ({ EventSourceArn }) => ({
        EventSourceMappings: [...this.mappings]
          .filter(([, mapping]) => mapping.EventSourceArn === EventSourceArn)
          .map(([UUID]) => ({ UUID })),
      }),
      'lambda:GetEventSourceMapping': ({ UUID }) => ({
        ...mapping(UUID),
        State: 'Enabled',
        EventSourceMappingArn: UUID,
      }),
      'lambda:UpdateEventSourceMapping': ({ UUID, BatchSize }) => Object.assign(mapping(UUID), { BatchSize }),
      'lambda:DeleteEventSourceMapping': ({ UUID }) => {
        mapping(UUID);
        this.mappings.delete(UUID);
        return none;
      },
      'ssm:GetParameter': ({ Name }) => ({ Parameter: { Type: 'String', Value: `value of ${Name}` } }),
      'logs:CreateLogGroup': ({ logGroupName }) => {
        if (this.groups.has(logGroupName)) {
          throw new DomainError('ResourceAlreadyExistsException', 'The specified log group already exists');
        }
        this.groups.set(logGroupName, {});
        return none;
      },
      'logs:CreateLogStream': ({ logGroupName, logStreamName }) => {
        const name = `${logGroupName}/${logStreamName}`;
        if (this.inGroups.has(name)) throw new DomainError('ResourceAlreadyExistsException', 'the stream is there');
        this.inGroups.set(name, {});
        return none;
      },
      'logs:DeleteLogStream': ({ logGroupName, logStreamName }) => {
        this.inGroups.delete(`${logGroupName}/${logStreamName}`);
        return none;
      },
      'logs:PutMetricFilter': (input) => {
        this.inGroups.set(`${input.logGroupName}/${input.filterName}`, input);
        return none;
      },
      'logs:DescribeMetricFilters': ({ logGroupName, filterNamePrefix }) => ({
        metricFilters: [...this.inGroups.keys()]
          .filter((name) => name.startsWith(`${logGroupName}/${filterNamePrefix}`))
          .map((name) => ({ filterName: name.slice(logGroupName.length + 1) })),
      }),
      'logs:DeleteMetricFilter': ({ logGroupName, filterName }) => {
        this.inGroups.delete(`${logGroupName}/${filterName}`);
        return none;
      },
      'logs:PutRetentionPolicy': ({ logGroupName, retentionInDays }) => {
        this.groups.get(logGroupName)!.retention = retentionInDays;
        return none;
      },
      'logs:DeleteLogGroup': ({ logGroupName }) => {
        if (!this.groups.delete(logGroupName)) throw new DomainError('ResourceNotFoundException', 'no such group');
        return none;
      },
    };
  }
}

function subject(input: Record<string, any>): string {
  const text: string = input.QueueName ?? input.QueueUrl ?? input.Name ?? input.TopicArn ?? input.logGroupName ?? '';
  return text.slice(Math.max(text.lastIndexOf('/'), text.lastIndexOf(':')) + 1);
}
