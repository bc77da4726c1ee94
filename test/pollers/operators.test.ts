import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CloudWatchClient, GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  CreateStreamCommand,
  DeregisterStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  KinesisClient,
  PutRecordsCommand,
  RegisterStreamConsumerCommand,
} from '@aws-sdk/client-kinesis';
import {
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  GetEventSourceMappingCommand,
  LambdaClient,
  ListTagsCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-lambda';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { systemClock } from '../../src/base/index.ts';
import { zipOf } from '../support/clients.ts';
import { TestNode } from '../support/node.ts';
import { run } from '../wire/support.ts';

let node: TestNode;
let lambda: LambdaClient;
let kinesis: KinesisClient;
let cloudwatch: CloudWatchClient;
let logs: CloudWatchLogsClient;
let s3: S3Client;
let sqs: SQSClient;

before(async () => {
  node = await TestNode.start();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: node.endpoints.http, region: 'us-east-1', credentials };
  lambda = new LambdaClient(options);
  kinesis = new KinesisClient(options);
  cloudwatch = new CloudWatchClient(options);
  logs = new CloudWatchLogsClient(options);
  s3 = new S3Client({ ...options, forcePathStyle: true });
  sqs = new SQSClient(options);
});

after(async () => {
  for (const client of [lambda, kinesis, cloudwatch, logs, s3, sqs]) client.destroy();
  await node[Symbol.asyncDispose]();
});

/** Fails for batches with a record that says `bad`. */
const HANDLER = `
exports.handler = async (event) => {
  for (const record of event.Records) {
    const text = Buffer.from(record.kinesis.data, 'base64').toString();
    if (JSON.parse(text).bad) throw new Error('bad record');
  }
};`;

async function newFunction(name: string, source = HANDLER): Promise<void> {
  const ZipFile = await zipOf({ 'index.js': source });
  const Role = 'arn:aws:iam::000000000000:role/r';
  const code = { Runtime: 'nodejs24.x' as never, Handler: 'index.handler', Code: { ZipFile } };
  await lambda.send(new CreateFunctionCommand({ FunctionName: name, Role, ...code }));
}

async function newStream(StreamName: string): Promise<string> {
  await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
  return until(async () => {
    const { StreamDescriptionSummary: is } = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName }));
    return is?.StreamStatus === 'ACTIVE' ? is.StreamARN : undefined;
  });
}

const put = (StreamName: string, ...data: readonly object[]) =>
  kinesis.send(
    new PutRecordsCommand({
      StreamName,
      Records: data.map((one) => ({ PartitionKey: 'k', Data: Buffer.from(JSON.stringify(one)) })),
    }),
  );

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const found = await look();
    if (found !== undefined) return found;
    await systemClock.sleep(25);
  }
  throw new Error('it never came');
}

/** One mapping as the node's own route shows it. */
async function shown(UUID: string): Promise<any> {
  const { mappings } = (await (await fetch(`${node.endpoints.http}/_millrace/mappings`)).json()) as any;
  return mappings.find(({ uuid }: { uuid: string }) => uuid === UUID);
}

const millrace = (...args: readonly string[]) =>
  run(process.execPath, ['bin/millrace.js', 'pollers', ...args, '--endpoint-url', node.endpoints.http], {
    PATH: process.env.PATH,
  });

test('an operator pauses, resumes and replays a mapping from the command line', async () => {
  await newFunction('detector');
  const arn = await newStream('detections');
  const input = { FunctionName: 'detector', EventSourceArn: arn, StartingPosition: 'TRIM_HORIZON' } as const;
  const { UUID = '' } = await lambda.send(new CreateEventSourceMappingCommand(input));
  await put('detections', { n: 1 }, { n: 2 });
  await until(async () => ((await shown(UUID)).records === 2 ? true : undefined));
  assert.equal((await millrace('pause', 'detector')).code, 0);
  await until(async () => ((await shown(UUID)).status === 'Disabled' ? true : undefined));
  await put('detections', { n: 3 });
  const listed = await millrace('list');
  assert.match(listed.stdout, /^ID +FUNCTION +SOURCE +STATE/);
  assert.match(listed.stdout, /detector +kinesis:detections +Paused/);
  assert.equal((await millrace('resume', UUID.slice(0, 8))).code, 0);
  await until(async () => ((await shown(UUID)).records === 1 ? true : undefined));
  assert.equal((await millrace('replay', 'detector', '--from', '1h')).code, 0);
  await until(async () => ((await shown(UUID)).records === 3 ? true : undefined));
  const none = await millrace('pause', 'nobody');
  assert.deepEqual([none.code, /there is no mapping nobody/.test(none.stderr)], [1, true]);
  assert.equal((await millrace('replay', 'detector')).code, 2);
});

test('the admin routes say what is wrong with a request', async () => {
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'plain' }));
  const EventSourceArn = `arn:aws:sqs:us-east-1:000000000000:${QueueUrl!.split('/').at(-1)}`;
  await newFunction('plain');
  const { UUID } = await lambda.send(new CreateEventSourceMappingCommand({ FunctionName: 'plain', EventSourceArn }));
  const ask = async (path: string, body?: string, method = 'POST') => {
    const headers = { 'content-type': 'application/json' };
    const url = `${node.endpoints.http}/_millrace/mappings${path}`;
    const answer = await fetch(url, { method, headers, ...(body && { body }) });
    return `${answer.status} ${((await answer.json()) as { message: string }).message}`;
  };
  assert.match(await ask(`/${UUID}/replay`, '{"from":"2026-01-01T00:00:00Z"}'), /^400 .*only streams can be replayed/);
  assert.match(await ask(`/${UUID}/replay`, '{"from":"yesterday"}'), /^400 "from" must be a time/);
  assert.match(await ask(`/${UUID}/replay`, 'no'), /^400 The body must be JSON/);
  assert.match(await ask('/none/pause'), /^404 There is no event source mapping none/);
  assert.match(await ask(`/${UUID}/stop`), /^404/);
  assert.match(await ask(`/${UUID}/pause`, undefined, 'GET'), /^405/);
  const foreign = await fetch(`${node.endpoints.http}/_millrace/mappings/${UUID}/pause`, {
    method: 'POST',
    headers: { origin: 'https://example.com' },
  });
  assert.equal(foreign.status, 403);
});

test('a mapping reads through a consumer of its own, and a bucket gets what was given up', async () => {
  await newFunction('fan-out');
  const arn = await newStream('fan-out');
  await s3.send(new CreateBucketCommand({ Bucket: 'given-up' }));
  const { Consumer } = await kinesis.send(new RegisterStreamConsumerCommand({ StreamARN: arn, ConsumerName: 'own' }));
  const input = {
    FunctionName: 'fan-out',
    StartingPosition: 'TRIM_HORIZON',
    MaximumRetryAttempts: 0,
    DestinationConfig: { OnFailure: { Destination: 'arn:aws:s3:::given-up' } },
  } as const;
  const { ConsumerARN } = Consumer!;
  const wrong = new CreateEventSourceMappingCommand({ ...input, EventSourceArn: `${ConsumerARN}0` });
  await assert.rejects(lambda.send(wrong), { name: 'InvalidParameterValueException' });
  const made = await lambda.send(new CreateEventSourceMappingCommand({ ...input, EventSourceArn: ConsumerARN }));
  await put('fan-out', { bad: true });
  const key = await until(async () => {
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket: 'given-up' }));
    return Contents?.[0]?.Key;
  });
  assert.match(key, new RegExp(`^aws/lambda/${made.UUID}/shardId-000000000000/\\d{4}/\\d\\d/\\d\\d/`));
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'given-up', Key: key }));
  const document = JSON.parse(await Body!.transformToString());
  assert.equal(document.KinesisBatchInfo.streamArn, arn);
  const [record] = JSON.parse(document.payload).Records;
  assert.equal(record.eventSourceARN, arn);
  assert.equal(Buffer.from(record.kinesis.data, 'base64').toString(), '{"bad":true}');
});

test('a mapping whose consumer is deregistered says so, and the EventCount metrics are there', async () => {
  await newFunction('counted');
  const arn = await newStream('counted');
  const { Consumer } = await kinesis.send(new RegisterStreamConsumerCommand({ StreamARN: arn, ConsumerName: 'short' }));
  const { UUID } = await lambda.send(
    new CreateEventSourceMappingCommand({
      FunctionName: 'counted',
      EventSourceArn: Consumer!.ConsumerARN,
      StartingPosition: 'TRIM_HORIZON',
      MetricsConfig: { Metrics: ['EventCount'] },
    }),
  );
  await put('counted', { n: 1 }, { n: 2 });
  const sum = await until(async () => {
    const { Datapoints } = await cloudwatch.send(
      new GetMetricStatisticsCommand({
        Namespace: 'AWS/Lambda',
        MetricName: 'PolledEventCount',
        Dimensions: [{ Name: 'EventSourceMappingUUID', Value: UUID }],
        StartTime: new Date(systemClock.now() - 600_000),
        EndTime: new Date(systemClock.now() + 600_000),
        Period: 3600,
        Statistics: ['Sum'],
      }),
    );
    return Datapoints?.[0]?.Sum;
  });
  assert.equal(sum, 2);
  await kinesis.send(new DeregisterStreamConsumerCommand({ ConsumerARN: Consumer!.ConsumerARN }));
  await put('counted', { n: 3 });
  await until(async () => ((await shown(UUID!)).lastResult.startsWith('PROBLEM') ? true : undefined));
});

const SUMS = `
exports.handler = async ({ Records, state, isFinalInvokeForWindow }) => {
  const n = (state.n ?? 0) + Records.length;
  if (isFinalInvokeForWindow) console.log('FINAL ' + n);
  return { state: { n } };
};`;

test('a tumbling window goes on with what its function returns, and ends with it', async () => {
  await newFunction('sums', SUMS);
  const arn = await newStream('sums');
  await lambda.send(
    new CreateEventSourceMappingCommand({
      FunctionName: 'sums',
      EventSourceArn: arn,
      StartingPosition: 'TRIM_HORIZON',
      BatchSize: 1,
      TumblingWindowInSeconds: 1,
    }),
  );
  await put('sums', { n: 1 }, { n: 2 }, { n: 3 });
  const finals = await until(async () => {
    const { events = [] } = await logs
      .send(new FilterLogEventsCommand({ logGroupName: '/aws/lambda/sums', filterPattern: 'FINAL' }))
      .catch(() => ({ events: [] }));
    const counts = events.map(({ message }) => Number(/FINAL (\d+)/.exec(message!)![1]));
    return counts.reduce((sum, count) => sum + count, 0) === 3 ? counts : undefined;
  });
  assert.ok(finals.length <= 2, 'put at once, they fall into one window, or into two that meet');
});

test('mappings have tags', async () => {
  await newFunction('tagged');
  const arn = await newStream('tagged');
  const input = { FunctionName: 'tagged', EventSourceArn: arn, StartingPosition: 'LATEST' } as const;
  const made = await lambda.send(new CreateEventSourceMappingCommand({ ...input, Tags: { team: 'a' } }));
  const Resource = made.EventSourceMappingArn!;
  await lambda.send(new TagResourceCommand({ Resource, Tags: { stage: 'test' } }));
  await lambda.send(new UntagResourceCommand({ Resource, TagKeys: ['team'] }));
  const { Tags } = await lambda.send(new ListTagsCommand({ Resource }));
  assert.deepEqual(Tags, { stage: 'test' });
  const { State } = await until(async () => {
    const mapping = await lambda.send(new GetEventSourceMappingCommand({ UUID: made.UUID }));
    return mapping.State === 'Enabled' ? mapping : undefined;
  });
  assert.equal(State, 'Enabled');
});
