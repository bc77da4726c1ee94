import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import type { Service } from '../../src/services/index.ts';
import { clientEnvironment, notFound, run, startWire, type TestWire } from './support.ts';

const PYTHON = '/usr/bin/python3';
const AWS = '/usr/bin/aws';
const missing = existsSync(PYTHON) && existsSync(AWS) ? false : 'boto3 and the aws CLI are not installed';

const stored = new Map<string, Buffer>();

/** One small service of each protocol. */
const SERVICES: readonly Service[] = [
  {
    name: 'kinesis',
    errors: { 'not-found': { type: 'ResourceNotFoundException', status: 400 } },
    operations: {
      PutRecord: (input) => ({ ShardId: 'shardId-0', SequenceNumber: Buffer.from(input.Data).toString() }),
      DescribeStream: (input) => {
        throw notFound(`Stream ${input.StreamName} under account 000000000000 not found.`);
      },
    },
  },
  {
    name: 'sqs',
    errors: { 'not-found': { type: 'QueueDoesNotExist', status: 400 } },
    operations: {
      CreateQueue: (input, { endpoint }) => ({ QueueUrl: `${endpoint}/000000000000/${input.QueueName}` }),
      SendMessageBatch: (input) => ({
        Successful: input.Entries.map((entry: any) => ({
          Id: entry.Id,
          MessageId: entry.MessageAttributes?.a?.StringValue ?? '-',
          MD5OfMessageBody: '5d41402abc4b2a76b9719d911017c592',
        })),
        Failed: [],
      }),
      GetQueueAttributes: (input) => ({
        Attributes: { VisibilityTimeout: '30', Asked: input.AttributeNames.join(',') },
      }),
      GetQueueUrl: () => {
        throw notFound('The specified queue does not exist.');
      },
    },
  },
  {
    name: 'sns',
    errors: {},
    operations: { ListTopics: () => ({ Topics: [{ TopicArn: 'arn:aws:sns:eu-central-1:000000000000:a' }] }) },
  },
  {
    name: 'lambda',
    errors: {},
    operations: {
      Invoke: (input) => ({
        StatusCode: 200,
        Payload: Buffer.from(`{"got":${Buffer.from(input.Payload).toString()}}`),
      }),
      ListFunctions: () => ({ Functions: [{ FunctionName: 'f', LastModified: '2026-01-01' }] }),
    },
  },
  {
    name: 's3',
    errors: { 'not-found': { type: 'NoSuchKey', status: 404 } },
    operations: {
      PutObject: async (input) => {
        const pieces: Uint8Array[] = [];
        for await (const piece of input.Body) pieces.push(Buffer.from(piece));
        stored.set(input.Key, Buffer.concat(pieces));
        return { ETag: '"abc"' };
      },
      GetObject: (input) => {
        const body = stored.get(input.Key);
        if (!body) throw notFound('The specified key does not exist.');
        return { Body: body, ContentLength: body.length };
      },
      ListBuckets: () => ({ Buckets: [{ Name: 'b', CreationDate: new Date('2026-01-01T00:00:00Z') }] }),
      DeleteObjects: (input) => ({ Deleted: input.Delete.Objects.map(({ Key }: any) => ({ Key })) }),
    },
  },
  {
    name: 'cloudwatch',
    errors: {},
    operations: {
      GetMetricStatistics: () => ({
        Label: 'm',
        Datapoints: [{ Timestamp: new Date('2026-01-01T00:00:00Z'), Average: 2.5 }],
      }),
    },
  },
];

const SCRIPT = `
import boto3, os, urllib.request, json
from botocore.exceptions import ClientError
url = os.environ['ENDPOINT']
def client(name): return boto3.client(name, endpoint_url=url)
out = {}
k = client('kinesis')
out['put'] = k.put_record(StreamName='s', Data=b'hello', PartitionKey='k')['SequenceNumber']
try: k.describe_stream(StreamName='nope')
except ClientError as e: out['error'] = [e.response['Error']['Code'], e.response['Error']['Message'], e.response['ResponseMetadata']['HTTPStatusCode']]
try: k.list_streams()
except ClientError as e: out['unbuilt'] = str(e)
q = client('sqs')
queue = q.create_queue(QueueName='q')['QueueUrl']
sent = q.send_message_batch(QueueUrl=queue, Entries=[{'Id': '1', 'MessageBody': 'hello', 'MessageAttributes': {'a': {'DataType': 'String', 'StringValue': 'v'}}}, {'Id': '2', 'MessageBody': 'hello'}])
out['batch'] = [[m['Id'], m['MessageId']] for m in sent['Successful']]
out['attributes'] = q.get_queue_attributes(QueueUrl=queue, AttributeNames=['All'])['Attributes']
try: q.get_queue_url(QueueName='nope')
except ClientError as e: out['queueError'] = e.response['Error']['Code']
out['topics'] = client('sns').list_topics()['Topics']
l = client('lambda')
out['invoke'] = json.loads(l.invoke(FunctionName='f', Payload=b'{"a":1}')['Payload'].read())
out['functions'] = [f['FunctionName'] for f in l.list_functions()['Functions']]
s3 = client('s3')
s3.put_object(Bucket='b', Key='a b+c/ü.txt', Body=b'x' * 100000)
out['object'] = len(s3.get_object(Bucket='b', Key='a b+c/ü.txt')['Body'].read())
link = s3.generate_presigned_url('get_object', Params={'Bucket': 'b', 'Key': 'a b+c/ü.txt'})
out['presigned'] = len(urllib.request.urlopen(link).read())
from botocore.config import Config
v4 = boto3.client('s3', endpoint_url=url, config=Config(signature_version='s3v4'))
link = v4.generate_presigned_url('get_object', Params={'Bucket': 'b', 'Key': 'a b+c/ü.txt'})
out['presignedV4'] = len(urllib.request.urlopen(link).read())
v2 = boto3.client('s3', endpoint_url=url, config=Config(signature_version='s3'))
link = v2.generate_presigned_url('get_object', Params={'Bucket': 'b', 'Key': 'a b+c/ü.txt', 'ResponseContentType': 'text/plain'})
out['presignedV2'] = ['AWSAccessKeyId' in link, len(urllib.request.urlopen(link).read())]
try: urllib.request.urlopen(link.replace('Signature=', 'Signature=A'))
except urllib.error.HTTPError as e: out['forged'] = e.code
try: s3.get_object(Bucket='b', Key='nope')
except ClientError as e: out['noKey'] = e.response['Error']['Code']
out['deleted'] = [d['Key'] for d in s3.delete_objects(Bucket='b', Delete={'Objects': [{'Key': 'a&b'}, {'Key': 'c'}]})['Deleted']]
out['buckets'] = [[b['Name'], b['CreationDate'].isoformat()] for b in s3.list_buckets()['Buckets']]
w = client('cloudwatch').get_metric_statistics(Namespace='n', MetricName='m', StartTime='2026-01-01', EndTime='2026-01-02', Period=60, Statistics=['Average'])
out['points'] = [[p['Timestamp'].isoformat(), p['Average']] for p in w['Datapoints']]
print(json.dumps(out))
`;

test('boto3 speaks every protocol with the server', { skip: missing }, async () => {
  await using wire = await startWire(SERVICES);
  const { stdout, stderr, code } = await run(PYTHON, ['-c', SCRIPT], clientEnvironment(wire));
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), {
    put: 'hello',
    error: ['ResourceNotFoundException', 'Stream nope under account 000000000000 not found.', 400],
    unbuilt:
      'An error occurred (NotImplemented) when calling the ListStreams operation: Kinesis ListStreams is not implemented by Millrace.',
    batch: [
      ['1', 'v'],
      ['2', '-'],
    ],
    attributes: { VisibilityTimeout: '30', Asked: 'All' },
    queueError: 'AWS.SimpleQueueService.NonExistentQueue',
    topics: [{ TopicArn: 'arn:aws:sns:eu-central-1:000000000000:a' }],
    invoke: { got: { a: 1 } },
    functions: ['f'],
    object: 100000,
    presigned: 100000,
    presignedV4: 100000,
    presignedV2: [true, 100000],
    forged: 403,
    noKey: 'NoSuchKey',
    deleted: ['a&b', 'c'],
    buckets: [['b', '2026-01-01T00:00:00+00:00']],
    points: [['2026-01-01T00:00:00+00:00', 2.5]],
  });
});

const aws = (wire: TestWire, ...args: string[]) =>
  run(AWS, ['--endpoint-url', wire.url, ...args], clientEnvironment(wire));

test('the aws CLI does, and shows what is not built', { skip: missing }, async () => {
  await using wire = await startWire(SERVICES);
  const [put, unbuilt, invalid] = await Promise.all([
    aws(
      wire,
      'kinesis',
      'put-record',
      '--stream-name',
      's',
      '--data',
      'aGVsbG8=',
      '--partition-key',
      'k',
      '--query',
      'ShardId',
      '--output',
      'text',
    ),
    aws(wire, 'sns', 'list-subscriptions'),
    aws(wire, 'kinesis', 'put-record', '--stream-name', 'no such', '--data', 'aGVsbG8=', '--partition-key', 'k'),
  ]);
  assert.equal(put.stdout.trim(), 'shardId-0', put.stderr);
  assert.match(
    unbuilt.stderr,
    /\(NotImplemented\) when calling the ListSubscriptions operation: SNS ListSubscriptions is not implemented by Millrace\./,
  );
  assert.match(
    invalid.stderr,
    /Value 'no such' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: \[a-zA-Z0-9_\.-\]\+/,
  );
});
