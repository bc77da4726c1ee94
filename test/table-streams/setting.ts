import { DynamoDB } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreams } from '@aws-sdk/client-dynamodb-streams';
import {
  CreateEventSourceMappingCommand,
  type CreateEventSourceMappingCommandInput,
  CreateFunctionCommand,
  LambdaClient,
} from '@aws-sdk/client-lambda';
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { zipOf } from '../support/clients.ts';
import { TestNode } from '../support/node.ts';

/** What functions tell the test with: `await tell(QUEUE, value)`, over the node's own port. */
const TELL = `
const tell = (queue, value) => fetch(process.env.AWS_ENDPOINT_URL, {
  method: 'POST',
  headers: { 'x-amz-target': 'AmazonSQS.SendMessage', 'content-type': 'application/x-amz-json-1.0' },
  body: JSON.stringify({ QueueUrl: queue, MessageBody: JSON.stringify(value) }),
}).then((response) => { if (!response.ok) throw new Error('not told'); });
`;

/** Names are never used again, not by a node that is started anew either. */
let names = 0;

/** A node with tables, functions that read their streams, and queues that tell of it. */
export class StreamsNode implements AsyncDisposable {
  readonly node: TestNode;
  readonly dynamodb: DynamoDB;
  readonly streams: DynamoDBStreams;
  readonly lambda: LambdaClient;
  readonly sqs: SQSClient;

  private constructor(node: TestNode) {
    const options = {
      endpoint: node.endpoints.http,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 1,
    };
    this.node = node;
    this.dynamodb = new DynamoDB(options);
    this.streams = new DynamoDBStreams(options);
    this.lambda = new LambdaClient(options);
    this.sqs = new SQSClient(options);
  }

  static async start(dataDirectory?: string): Promise<StreamsNode> {
    return new StreamsNode(await TestNode.start(dataDirectory === undefined ? {} : { dataDirectory }));
  }

  name(kind: string): string {
    return `${kind}-${++names}`;
  }

  /** A table of the key `id` with a stream. */
  async table(
    StreamViewType: 'KEYS_ONLY' | 'NEW_IMAGE' | 'OLD_IMAGE' | 'NEW_AND_OLD_IMAGES' = 'NEW_AND_OLD_IMAGES',
  ): Promise<{ readonly name: string; readonly stream: string }> {
    const { TableDescription } = await this.dynamodb.createTable({
      TableName: this.name('table'),
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      StreamSpecification: { StreamEnabled: true, StreamViewType },
    });
    return { name: TableDescription!.TableName!, stream: TableDescription!.LatestStreamArn! };
  }

  async queue(): Promise<string> {
    const { QueueUrl } = await this.sqs.send(new CreateQueueCommand({ QueueName: this.name('queue') }));
    return QueueUrl!;
  }

  /** Messages of a queue, as many as `count`, in the order of arrival; waits for them. */
  async told(QueueUrl: string, count: number): Promise<any[]> {
    const found: any[] = [];
    while (found.length < count) {
      const input = { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 10, VisibilityTimeout: 600 };
      const { Messages = [] } = await this.sqs.send(new ReceiveMessageCommand(input));
      if (Messages.length === 0) throw new Error(`${found.length} of ${count} messages have come`);
      found.push(...Messages.map(({ Body }) => JSON.parse(Body!)));
    }
    return found;
  }

  /** A function of a stream. @param body  of `async (event) => {}`; `tell(value)` tells the queue */
  async reader(
    stream: string,
    body: string,
    more: Partial<CreateEventSourceMappingCommandInput> = {},
  ): Promise<{ readonly queue: string; readonly name: string; readonly mapping: string }> {
    const queue = await this.queue();
    const FunctionName = this.name('reader');
    const code = `${TELL}exports.handler = async (event) => { const told = (value) => tell(${JSON.stringify(queue)}, value); ${body} };`;
    await this.lambda.send(
      new CreateFunctionCommand({
        FunctionName,
        Runtime: 'nodejs24.x',
        Role: 'arn:aws:iam::000000000000:role/reader',
        Handler: 'index.handler',
        Code: { ZipFile: await zipOf({ 'index.js': code }) },
      }),
    );
    const { UUID } = await this.lambda.send(
      new CreateEventSourceMappingCommand({
        FunctionName,
        EventSourceArn: stream,
        StartingPosition: 'TRIM_HORIZON',
        ...more,
      }),
    );
    return { queue, name: FunctionName, mapping: UUID! };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of [this.dynamodb, this.streams, this.lambda, this.sqs]) client.destroy();
    await this.node[Symbol.asyncDispose]();
  }
}

/** ARN of a queue by its address. */
export function queueArn(url: string): string {
  return `arn:aws:sqs:us-east-1:000000000000:${url.split('/').at(-1)}`;
}
