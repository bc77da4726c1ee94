import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { IoTDataPlaneClient, PublishCommand } from '@aws-sdk/client-iot-data-plane';
import { KinesisClient, PutRecordsCommand, SubscribeToShardCommand } from '@aws-sdk/client-kinesis';
import { InvokeCommand, InvokeWithResponseStreamCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { CreateTopicCommand, SNSClient } from '@aws-sdk/client-sns';
import { DeleteQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Service } from '../../src/services/index.ts';
import { clientOptions, notFound, startWire } from './support.ts';

const ERRORS = { 'not-found': { type: 'ResourceNotFoundException', status: 400 } };

/** Keeps what the last operation got. */
function recorder(name: string, operations: Record<string, unknown>, errors: Service['errors'] = ERRORS) {
  const calls: { operation: string; input: any; context: any }[] = [];
  const service: Service = {
    name,
    errors,
    operations: Object.fromEntries(
      Object.entries(operations).map(([operation, output]) => [
        operation,
        async (input: any, context: any) => {
          calls.push({ operation, input, context });
          const result = typeof output === 'function' ? await output(input, context) : output;
          if (result instanceof Error) throw result;
          return result;
        },
      ]),
    ),
  };
  return { service, calls };
}

test('awsJson over HTTP/2: PutRecords arrives as bytes, and its answer comes back', async () => {
  const { service, calls } = recorder('kinesis', {
    PutRecords: { FailedRecordCount: 0, Records: [{ SequenceNumber: '1', ShardId: 'shardId-0' }] },
  });
  await using wire = await startWire([service]);
  const client = new KinesisClient(clientOptions(wire));
  const answer = await client.send(
    new PutRecordsCommand({ StreamName: 's', Records: [{ Data: Buffer.from('hello'), PartitionKey: 'k' }] }),
  );
  client.destroy();
  assert.equal(answer.Records?.[0]?.ShardId, 'shardId-0');
  assert.equal(Buffer.from(calls[0]!.input.Records[0].Data).toString(), 'hello');
  assert.equal(calls[0]!.context.region, 'eu-central-1');
  assert.equal(answer.$metadata.requestId, calls[0]!.context.requestId);
});

test('an event stream over HTTP/2 delivers its events as they come, and ends with the exception of its model', async () => {
  const { service } = recorder('kinesis', {
    SubscribeToShard: () => ({
      EventStream: (async function* () {
        yield {
          SubscribeToShardEvent: {
            Records: [{ Data: Buffer.from('x'), PartitionKey: 'k', SequenceNumber: '1' }],
            ContinuationSequenceNumber: '1',
            MillisBehindLatest: 0,
          },
        };
        yield { SubscribeToShardEvent: { Records: [], ContinuationSequenceNumber: '2', MillisBehindLatest: 5 } };
        throw notFound('the stream went away');
      })(),
    }),
  });
  await using wire = await startWire([service]);
  const client = new KinesisClient(clientOptions(wire));
  const answer = await client.send(
    new SubscribeToShardCommand({
      ConsumerARN: 'arn:aws:kinesis:eu-central-1:000000000000:stream/s/consumer/c:1',
      ShardId: 'shardId-0',
      StartingPosition: { Type: 'LATEST' },
    }),
  );
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const event of answer.EventStream!) seen.push(event.SubscribeToShardEvent!.ContinuationSequenceNumber!);
  }, /the stream went away/);
  client.destroy();
  assert.deepEqual(seen, ['1', '2']);
});

test('a constraint is refused before the operation, in AWS words', async () => {
  const { service, calls } = recorder('kinesis', { PutRecords: {} });
  await using wire = await startWire([service]);
  const client = new KinesisClient(clientOptions(wire));
  const sent = client.send(
    new PutRecordsCommand({ StreamName: 'a'.repeat(129), Records: [{ Data: Buffer.from('x'), PartitionKey: 'k' }] }),
  );
  await assert.rejects(sent, {
    name: 'ValidationException',
    message: `1 validation error detected: Value '${'a'.repeat(129)}' at 'streamName' failed to satisfy constraint: Member must have length less than or equal to 128`,
  });
  client.destroy();
  assert.equal(calls.length, 0);
});

test('a domain error becomes the exception of the service', async () => {
  const { service } = recorder('dynamodb', { PutItem: () => notFound('Requested resource not found') });
  await using wire = await startWire([service]);
  const client = new DynamoDBClient(clientOptions(wire));
  await assert.rejects(client.send(new PutItemCommand({ TableName: 'things', Item: { id: { S: 'a' } } })), {
    name: 'ResourceNotFoundException',
    message: 'Requested resource not found',
  });
});

test('what is not built says so by name', async () => {
  await using wire = await startWire([]);
  const client = new DynamoDBClient(clientOptions(wire));
  await assert.rejects(client.send(new PutItemCommand({ TableName: 'things', Item: { id: { S: 'a' } } })), {
    name: 'NotImplemented',
    message: 'DynamoDB PutItem is not implemented by Millrace.',
  });
});

test('another secret is refused', async () => {
  const { service } = recorder('dynamodb', { PutItem: {} });
  await using wire = await startWire([service]);
  const client = new DynamoDBClient({
    ...clientOptions(wire),
    credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'no' },
  });
  await assert.rejects(client.send(new PutItemCommand({ TableName: 'things', Item: { id: { S: 'a' } } })), {
    name: 'InvalidSignatureException',
  });
  const stranger = new DynamoDBClient({
    ...clientOptions(wire),
    credentials: { accessKeyId: 'AKIANOBODY', secretAccessKey: 'no' },
  });
  await assert.rejects(stranger.send(new PutItemCommand({ TableName: 'things', Item: { id: { S: 'a' } } })), {
    name: 'UnrecognizedClientException',
  });
});

test('restJson: Invoke sends its payload as it is, and members in path, query and headers', async () => {
  const { service, calls } = recorder('lambda', {
    Invoke: (input: any) => ({ StatusCode: 200, ExecutedVersion: '3', Payload: input.Payload, LogResult: 'bG9n' }),
  });
  await using wire = await startWire([service]);
  const client = new LambdaClient(clientOptions(wire));
  const answer = await client.send(
    new InvokeCommand({
      FunctionName: 'arn:aws:lambda:eu-central-1:000000000000:function:f',
      Payload: Buffer.from('{"a":1}'),
      LogType: 'Tail',
      Qualifier: '3',
    }),
  );
  assert.equal(Buffer.from(answer.Payload!).toString(), '{"a":1}');
  assert.equal(answer.ExecutedVersion, '3');
  assert.equal(answer.LogResult, 'bG9n');
  assert.equal(answer.StatusCode, 200);
  const { FunctionName, LogType, Qualifier } = calls[0]!.input;
  assert.deepEqual(
    { FunctionName, LogType, Qualifier },
    { FunctionName: 'arn:aws:lambda:eu-central-1:000000000000:function:f', LogType: 'Tail', Qualifier: '3' },
  );
});

test('restJson: a response stream arrives in chunks over HTTP/1.1', async () => {
  const { service } = recorder('lambda', {
    InvokeWithResponseStream: () => ({
      StatusCode: 200,
      EventStream: (async function* () {
        yield { PayloadChunk: { Payload: Buffer.from('one') } };
        yield { PayloadChunk: { Payload: Buffer.from('two') } };
        yield { InvokeComplete: {} };
      })(),
    }),
  });
  await using wire = await startWire([service]);
  const client = new LambdaClient(clientOptions(wire));
  const answer = await client.send(new InvokeWithResponseStreamCommand({ FunctionName: 'f' }));
  const seen: string[] = [];
  for await (const event of answer.EventStream!)
    seen.push(event.PayloadChunk ? Buffer.from(event.PayloadChunk.Payload!).toString() : 'end');
  assert.deepEqual(seen, ['one', 'two', 'end']);
});

test('restJson: a topic with slashes and its payload reach IoT data', async () => {
  const { service, calls } = recorder('iotdata', { Publish: {} });
  await using wire = await startWire([service]);
  const client = new IoTDataPlaneClient(clientOptions(wire));
  await client.send(
    new PublishCommand({
      topic: 'plant/1/temp',
      qos: 1,
      payload: Buffer.from('21.5'),
      retain: true,
      userProperties: '[{"a":"b"}]',
    }),
  );
  const { topic, qos, retain, payload, userProperties } = calls[0]!.input;
  assert.deepEqual(
    { topic, qos, retain, userProperties },
    { topic: 'plant/1/temp', qos: 1, retain: true, userProperties: '[{"a":"b"}]' },
  );
  assert.equal(Buffer.from(payload).toString(), '21.5');
});

test('awsQuery: lists and maps in a form, XML back', async () => {
  const { service, calls } = recorder('sns', {
    CreateTopic: { TopicArn: 'arn:aws:sns:eu-central-1:000000000000:t<1>' },
  });
  await using wire = await startWire([service]);
  const client = new SNSClient(clientOptions(wire));
  const answer = await client.send(
    new CreateTopicCommand({
      Name: 't',
      Attributes: { DisplayName: 'A & B' },
      Tags: [
        { Key: 'a', Value: 'b' },
        { Key: 'c', Value: 'd' },
      ],
    }),
  );
  assert.equal(answer.TopicArn, 'arn:aws:sns:eu-central-1:000000000000:t<1>');
  assert.deepEqual(calls[0]!.input, {
    Name: 't',
    Attributes: { DisplayName: 'A & B' },
    Tags: [
      { Key: 'a', Value: 'b' },
      { Key: 'c', Value: 'd' },
    ],
  });
});

test('SQS speaks JSON, and tells the code of the query protocol beside it', async () => {
  const { service, calls } = recorder(
    'sqs',
    {
      SendMessage: { MessageId: 'm', MD5OfMessageBody: '5d41402abc4b2a76b9719d911017c592' },
      DeleteQueue: () => notFound('The specified queue does not exist.'),
    },
    { 'not-found': { type: 'QueueDoesNotExist', status: 400 } },
  );
  await using wire = await startWire([service]);
  const client = new SQSClient(clientOptions(wire));
  const QueueUrl = `${wire.url}/000000000000/q`;
  const answer = await client.send(
    new SendMessageCommand({
      QueueUrl,
      MessageBody: 'hello',
      MessageAttributes: { a: { DataType: 'Binary', BinaryValue: Buffer.from('b') } },
    }),
  );
  assert.equal(answer.MessageId, 'm');
  assert.equal(Buffer.from(calls[0]!.input.MessageAttributes.a.BinaryValue).toString(), 'b');
  await assert.rejects(client.send(new DeleteQueueCommand({ QueueUrl })), {
    name: 'QueueDoesNotExist',
    message: 'The specified queue does not exist.',
  });
});

test('CloudWatch: numbers and timestamps', async () => {
  const { service, calls } = recorder('cloudwatch', { PutMetricData: {} });
  await using wire = await startWire([service]);
  const client = new CloudWatchClient(clientOptions(wire));
  const Timestamp = new Date('2026-01-01T00:00:00Z');
  await client.send(
    new PutMetricDataCommand({
      Namespace: 'n',
      MetricData: [{ MetricName: 'm', Value: 1.5, Timestamp, Unit: 'Seconds' }],
    }),
  );
  assert.deepEqual(calls[0]!.input.MetricData, [{ MetricName: 'm', Value: 1.5, Timestamp, Unit: 'Seconds' }]);
});

test('restXml: a part of an object is answered as one', async () => {
  const { service, calls } = recorder('s3', {
    GetObject: { Body: Buffer.from('ell'), ContentLength: 3, ContentRange: 'bytes 1-3/5' },
  });
  await using wire = await startWire([service]);
  const client = new S3Client({ ...clientOptions(wire), forcePathStyle: true });
  const got = await client.send(new GetObjectCommand({ Bucket: 'b', Key: 'k', Range: 'bytes=1-3' }));
  assert.equal(got.$metadata.httpStatusCode, 206);
  assert.equal(got.ContentRange, 'bytes 1-3/5');
  assert.equal(await got.Body!.transformToString(), 'ell');
  assert.equal(calls[0]!.input.Range, 'bytes=1-3');
});

test('restXml: objects are streamed in and out, whole and by signed chunks', async () => {
  const stored = new Map<string, Buffer>();
  const { service, calls } = recorder('s3', {
    PutObject: async (input: any) => {
      const pieces: Uint8Array[] = [];
      const { Body } = input;
      for await (const piece of Body instanceof Uint8Array ? [Body] : Body) pieces.push(Buffer.from(piece));
      stored.set(input.Key, Buffer.concat(pieces));
      return { ETag: '"abc"' };
    },
    GetObject: (input: any) => ({
      Body: (async function* () {
        yield stored.get(input.Key)!;
      })(),
      ContentLength: stored.get(input.Key)!.length,
      Metadata: { colour: 'red' },
      LastModified: new Date('2026-01-01T00:00:00Z'),
    }),
    HeadObject: (input: any) => ({ ContentLength: stored.get(input.Key)!.length, ETag: '"abc"' }),
    ListObjectsV2: {
      Name: 'b',
      KeyCount: 2,
      IsTruncated: false,
      Contents: [
        { Key: 'a&b', Size: 1 },
        { Key: 'c', Size: 2 },
      ],
    },
    GetBucketLocation: { LocationConstraint: 'eu-central-1' },
  });
  await using wire = await startWire([service]);
  const client = new S3Client({ ...clientOptions(wire), forcePathStyle: true });
  await client.send(
    new PutObjectCommand({
      Bucket: 'b',
      Key: 'dir/a b+c&d.txt',
      Body: 'hello',
      ContentType: 'text/plain',
      Metadata: { colour: 'red' },
    }),
  );
  assert.equal(stored.get('dir/a b+c&d.txt')?.toString(), 'hello');
  assert.deepEqual(calls[0]!.input.Metadata, { colour: 'red' });
  assert.equal(calls[0]!.input.ContentLength, 5);
  const large = Buffer.alloc(300_000, 'x');
  await client.send(
    new PutObjectCommand({
      Bucket: 'b',
      Key: 'large',
      Body: Readable.from([large.subarray(0, 100_000), large.subarray(100_000)]),
      ContentLength: large.length,
    }),
  );
  assert.equal(calls[1]!.input.ContentLength, large.length);
  assert.ok(stored.get('large')!.equals(large));
  const got = await client.send(new GetObjectCommand({ Bucket: 'b', Key: 'large' }));
  assert.equal((await got.Body!.transformToByteArray()).length, large.length);
  assert.deepEqual(got.Metadata, { colour: 'red' });
  assert.deepEqual(got.LastModified, new Date('2026-01-01T00:00:00Z'));
  assert.equal((await client.send(new HeadObjectCommand({ Bucket: 'b', Key: 'large' }))).ContentLength, large.length);
  const list = await client.send(new ListObjectsV2Command({ Bucket: 'b', Prefix: 'a' }));
  assert.deepEqual(
    list.Contents?.map(({ Key }) => Key),
    ['a&b', 'c'],
  );
  assert.equal((await client.send(new GetBucketLocationCommand({ Bucket: 'b' }))).LocationConstraint, 'eu-central-1');
});
