import { DomainError } from '../../src/base/index.ts';
import type { Call } from '../../src/services/cloudformation/index.ts';

type Handler = (input: any) => object | Promise<object>;

/**
 * The far edge of a stack: queues, topics and log groups that only remember that they are there. Calls can be made to fail or
 * to wait, which real services do not do on demand.
 */
export class FakeServices {
  readonly queues = new Map<string, Record<string, string>>();
  readonly topics = new Map<string, Record<string, string>>();
  readonly groups = new Map<string, { retention?: number }>();
  readonly published: string[] = [];
  readonly calls: string[] = [];
  readonly #failures = new Map<string, { times: number; error: Error }>();
  readonly #gates = new Map<string, Promise<void>>();

  readonly call: Call = async (service, operation, input, context) => {
    const name = `${service}:${operation}`;
    this.calls.push(`${name} ${subject(input)}`);
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
    return [...this.queues.keys(), ...this.topics.keys(), ...this.groups.keys()].sort();
  }

  #handlers(region: string): Readonly<Record<string, Handler>> {
    const url = (name: string) => `http://127.0.0.1:4566/000000000000/${name}`;
    const nameOf = (text: string) => text.slice(Math.max(text.lastIndexOf('/'), text.lastIndexOf(':')) + 1);
    const queue = (QueueUrl: string) => {
      const attributes = this.queues.get(nameOf(QueueUrl));
      if (!attributes) throw new DomainError('QueueDoesNotExist', 'The specified queue does not exist.');
      return attributes;
    };
    const none = {};
    return {
      'sqs:CreateQueue': ({ QueueName, Attributes }) => {
        if (!this.queues.has(QueueName)) this.queues.set(QueueName, { ...Attributes });
        return { QueueUrl: url(QueueName) };
      },
      'sqs:GetQueueAttributes': ({ QueueUrl }) => {
        queue(QueueUrl);
        return { Attributes: { QueueArn: `arn:aws:sqs:${region}:000000000000:${nameOf(QueueUrl)}` } };
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
      'sns:Publish': ({ TopicArn, Message }) => {
        if (!this.topics.has(nameOf(TopicArn))) throw new DomainError('NotFoundException', 'Topic does not exist');
        this.published.push(Message);
        return none;
      },
      'sns:DeleteTopic': ({ TopicArn }) => {
        this.topics.delete(nameOf(TopicArn));
        return none;
      },
      'logs:CreateLogGroup': ({ logGroupName }) => {
        if (this.groups.has(logGroupName)) {
          throw new DomainError('ResourceAlreadyExistsException', 'The specified log group already exists');
        }
        this.groups.set(logGroupName, {});
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
