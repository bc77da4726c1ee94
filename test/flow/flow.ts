import assert from 'node:assert/strict';
import { CreateTopicRuleCommand, IoTClient } from '@aws-sdk/client-iot';
import { CreateStreamCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import {
  CreateEventSourceMappingCommand,
  type CreateEventSourceMappingCommandInput,
  CreateFunctionCommand,
  type CreateFunctionCommandInput,
  LambdaClient,
} from '@aws-sdk/client-lambda';
import { CreateQueueCommand, DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import mqtt, { type MqttClient } from 'mqtt';
import { zipOf } from '../support/clients.ts';
import { aMoment, until } from '../support/eventually.ts';
import type { TestNode } from '../support/node.ts';

/** What a device sends: `[device, sequence]`. */
export type Reading = readonly [device: number, sequence: number];

const ROLE = 'arn:aws:iam::000000000000:role/flow';

/**
 * Tells what it was given by one message of a FIFO queue a batch: in the order in which batches were handled, and durable before
 * the batch counts as done.
 */
const WITNESS = `
const readingOf = ({ kinesis }) => JSON.parse(Buffer.from(kinesis.data, 'base64'));
async function witness(Records) {
  if (Records.length === 0) return;
  const seen = Records.map(readingOf);
  const response = await fetch(process.env.AWS_ENDPOINT_URL, {
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.SendMessage' },
    body: JSON.stringify({
      QueueUrl: process.env.AWS_ENDPOINT_URL + '/000000000000/witness.fifo',
      MessageBody: JSON.stringify(seen),
      MessageGroupId: 'all',
      MessageDeduplicationId: crypto.randomUUID(),
    }),
  });
  if (!response.ok) throw new Error(await response.text());
}
`;

const HANDLER = 'exports.handler = ({ Records }) => witness(Records);';

/** What differs from a flow in which nothing goes wrong. */
export interface FlowSettings {
  /** CommonJS that exports `handler`; it finds `witness(Records)` and `readingOf(record)`. */
  readonly handler?: string;
  readonly function?: Partial<CreateFunctionCommandInput>;
  readonly mapping?: Partial<CreateEventSourceMappingCommandInput>;
}

/** The node says that it is well. */
export async function assertHealthy(node: TestNode): Promise<void> {
  const health = await fetch(`${node.endpoints.http}/_millrace/health`);
  assert.deepEqual(await health.json(), { status: 'ok' });
}

/** Devices -> rule -> stream of one shard -> a function that witnesses every record in a queue. */
export class Flow {
  /** Settings of any AWS client of this node: no retries, which would hide what the node answers. */
  readonly clientOptions: {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
    readonly maxAttempts: number;
  };

  constructor(node: TestNode) {
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    this.clientOptions = { endpoint: node.endpoints.http, region: 'us-east-1', credentials, maxAttempts: 1 };
  }

  /** Makes everything on a fresh node. */
  async deploy(settings: FlowSettings = {}): Promise<void> {
    const options = this.clientOptions;
    await new KinesisClient(options).send(new CreateStreamCommand({ StreamName: 'flow', ShardCount: 1 }));
    await this.#sqs.send(new CreateQueueCommand({ QueueName: 'witness.fifo', Attributes: { FifoQueue: 'true' } }));
    const action = { kinesis: { streamName: 'flow', partitionKey: '${topic(2)}', roleArn: ROLE } };
    await new IoTClient(options).send(
      new CreateTopicRuleCommand({
        ruleName: 'flow',
        topicRulePayload: { sql: "SELECT * FROM 'flow/+'", actions: [action] },
      }),
    );
    const lambda = new LambdaClient(options);
    const Code = { ZipFile: await zipOf({ 'index.js': WITNESS + (settings.handler ?? HANDLER) }) };
    await lambda.send(
      new CreateFunctionCommand({
        FunctionName: 'witness',
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        Role: ROLE,
        Timeout: 10,
        Code,
        ...settings.function,
      }),
    );
    await lambda.send(
      new CreateEventSourceMappingCommand({
        FunctionName: 'witness',
        EventSourceArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/flow',
        StartingPosition: 'TRIM_HORIZON',
        BatchSize: 100,
        ...settings.mapping,
      }),
    );
  }

  /** Makes a queue. @returns its URL and ARN */
  async queue(QueueName: string): Promise<{ readonly url: string; readonly arn: string }> {
    const { QueueUrl } = await this.#sqs.send(new CreateQueueCommand({ QueueName }));
    return { url: QueueUrl!, arn: `arn:aws:sqs:us-east-1:000000000000:${QueueName}` };
  }

  /** The first message of a queue, as JSON. */
  async message(QueueUrl: string): Promise<unknown> {
    const [first] = await until(async () => {
      const bodies = await this.receive(QueueUrl);
      return bodies.length > 0 ? bodies : undefined;
    }, 'a message');
    return first;
  }

  /** Takes up to ten messages out of a queue, waiting a second for the first. @returns their bodies' JSON */
  async receive(QueueUrl: string): Promise<unknown[]> {
    const wanted = { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 };
    const { Messages = [] } = await this.#sqs.send(new ReceiveMessageCommand(wanted));
    if (Messages.length === 0) return [];
    const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    await this.#sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
    return Messages.map(({ Body }) => JSON.parse(Body!));
  }

  /**
   * Reads witnesses until all of `wanted` were seen.
   * @returns every reading in the order in which the function was given it, repeats included
   */
  witnessed(wanted: readonly Reading[]): Promise<readonly Reading[]> {
    return this.received('witness.fifo', wanted, (body) => body as Reading[]);
  }

  /** Takes messages out of a queue until all of `wanted` were in them. @returns all readings in the order they came */
  async received(
    queue: string,
    wanted: readonly Reading[],
    readingsOf: (body: unknown) => readonly Reading[] = (body) => [body as Reading],
  ): Promise<readonly Reading[]> {
    const url = `${this.clientOptions.endpoint}/000000000000/${queue}`;
    const missing = new Set(wanted.map(String));
    const seen: Reading[] = [];
    const deadline = performance.now() + 30_000;
    while (missing.size > 0) {
      assert.ok(performance.now() < deadline, `${missing.size} of ${wanted.length} readings have not come`);
      const readings = (await this.receive(url)).flatMap(readingsOf);
      for (const reading of readings) missing.delete(String(reading));
      seen.push(...readings);
    }
    return seen;
  }

  get #sqs(): SQSClient {
    return new SQSClient(this.clientOptions);
  }
}

/** A device that sends readings one after the other as fast as they are acknowledged, until the connection is gone. */
export class Device {
  readonly acknowledged: Reading[] = [];
  readonly #client: MqttClient;
  readonly #number: number;
  #sequence: number;
  #inFlight = 0;
  #stopped = false;
  readonly #disconnected = Promise.withResolvers<number | undefined>();

  private constructor(client: MqttClient, number: number, first: number) {
    this.#client = client;
    this.#number = number;
    this.#sequence = first;
    client.on('error', () => {});
    client.on('disconnect', ({ reasonCode }) => this.#disconnected.resolve(reasonCode));
    client.on('close', () => this.#disconnected.resolve(undefined));
  }

  static async connect(node: TestNode, number: number, firstSequence = 0): Promise<Device> {
    const { host, port } = node.endpoints.mqtt;
    const client = await mqtt.connectAsync(`mqtt://${host}:${port}`, {
      clientId: `device-${number}`,
      protocolVersion: 5,
      reconnectPeriod: 0,
    });
    const device = new Device(client, number, firstSequence);
    for (let i = 0; i < 16; i++) device.#send();
    return device;
  }

  /** The sequence number after the last one sent. */
  get next(): number {
    return this.#sequence;
  }

  /** The connection is gone: the reason that the node gave, if any. */
  disconnected(): Promise<number | undefined> {
    return this.#disconnected.promise;
  }

  /** Resolves once so many are acknowledged. */
  async reach(count: number): Promise<void> {
    while (this.acknowledged.length < count) await aMoment();
  }

  /** Sends no more, waits for what is under way, and disconnects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    while (this.#inFlight > 0 && this.#client.connected) await aMoment();
    await this.#client.endAsync(true);
  }

  #send(): void {
    if (this.#stopped || !this.#client.connected) return;
    const reading: Reading = [this.#number, this.#sequence++];
    this.#inFlight++;
    this.#client.publish(`flow/${this.#number}`, JSON.stringify(reading), { qos: 1 }, (error) => {
      this.#inFlight--;
      if (error) return;
      this.acknowledged.push(reading);
      this.#send();
    });
  }
}

export function fleet(node: TestNode, devices = 4, first: (device: number) => number = () => 0): Promise<Device[]> {
  return Promise.all(Array.from({ length: devices }, (_, device) => Device.connect(node, device, first(device))));
}

/** Each device's readings came in order; only a batch that was begun again may repeat some. */
export function assertOrdered(seen: readonly Reading[]): void {
  const highest = new Map<number, number>();
  const known = new Set<string>();
  for (const [device, sequence] of seen) {
    const key = `${device},${sequence}`;
    if (!known.has(key)) {
      const before = highest.get(device) ?? -1;
      assert.ok(sequence > before, `device ${device}: ${sequence} came for the first time after ${before}`);
      highest.set(device, sequence);
    }
    known.add(key);
  }
}
