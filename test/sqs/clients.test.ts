import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  CreateTopicCommand,
  GetTopicAttributesCommand,
  ListSubscriptionsByTopicCommand,
  PublishBatchCommand,
  PublishCommand,
  SNSClient,
  SubscribeCommand,
} from '@aws-sdk/client-sns';
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { openDelivery } from '../../src/delivery/index.ts';
import { openSns } from '../../src/services/sns/index.ts';
import { openSqs } from '../../src/services/sqs/index.ts';
import { openEmbeddedRecords } from '../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { clientEnvironment, clientOptions, run, startWire, type TestWire } from '../wire/support.ts';

const owned = new AsyncDisposableStack();
let wire: TestWire;

before(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-sqs-clients-'));
  owned.defer(() => rm(directory, { recursive: true }));
  const ground = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
  const records = owned.use(await openEmbeddedRecords({ directory }));
  const delivery = owned.use(await openDelivery({ records, ...ground }));
  const sqs = owned.use(await openSqs({ records, ...ground }));
  const sns = owned.use(await openSns({ records, delivery, endpoint: () => wire.url, ...ground }));
  delivery.register('sqs', sqs.target);
  delivery.register('sns', sns.target);
  wire = owned.use(await startWire([sqs.service, sns.service]));
});

after(() => owned.disposeAsync());

test('the AWS SDK for JS sends, receives and deletes, and checks the digests itself', async () => {
  const sqs = new SQSClient(clientOptions(wire));
  const { QueueUrl } = await sqs.send(
    new CreateQueueCommand({ QueueName: 'js', Attributes: { VisibilityTimeout: '5' } }),
  );
  assert.equal(QueueUrl, `${wire.url}/000000000000/js`);
  const MessageAttributes = {
    text: { DataType: 'String', StringValue: 'grün' },
    bytes: { DataType: 'Binary', BinaryValue: new Uint8Array([0, 255]) },
  };
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'hello ✓', MessageAttributes }));
  const receive = new ReceiveMessageCommand({
    QueueUrl,
    WaitTimeSeconds: 1,
    MessageAttributeNames: ['All'],
    MessageSystemAttributeNames: ['All'],
  });
  const [message] = (await sqs.send(receive)).Messages as [Message];
  assert.equal(message.Body, 'hello ✓');
  assert.deepEqual(message.MessageAttributes?.bytes?.BinaryValue, new Uint8Array([0, 255]));
  assert.equal(message.Attributes?.ApproximateReceiveCount, '1');
  const { ReceiptHandle } = message;
  await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 60 }));
  await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
  const Entries = ['a', 'b', 'c'].map((Id) => ({ Id, MessageBody: Id }));
  const sent = await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
  assert.equal(sent.Successful?.length, 3);
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
  const deletes = Messages!.map((one) => ({ Id: one.Body!, ReceiptHandle: one.ReceiptHandle! }));
  const deleted = await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: deletes }));
  assert.equal(deleted.Successful?.length, 3);
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
  assert.equal(Attributes?.ApproximateNumberOfMessages, '0');
  assert.equal(Attributes?.QueueArn, 'arn:aws:sqs:eu-central-1:000000000000:js');
  assert.deepEqual((await sqs.send(new ListQueuesCommand({ QueueNamePrefix: 'js' }))).QueueUrls, [QueueUrl]);
  await assert.rejects(sqs.send(new GetQueueUrlCommand({ QueueName: 'none' })), {
    name: /QueueDoesNotExist|NonExistentQueue/,
    message: 'The specified queue does not exist.',
  });
  sqs.destroy();
});

test('the AWS SDK for JS publishes to a topic that a queue subscribes', async () => {
  const sns = new SNSClient(clientOptions(wire));
  const sqs = new SQSClient(clientOptions(wire));
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'js-sub' }));
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'js-topic' }));
  const { SubscriptionArn } = await sns.send(
    new SubscribeCommand({
      TopicArn,
      Protocol: 'sqs',
      Endpoint: 'arn:aws:sqs:eu-central-1:000000000000:js-sub',
      Attributes: { RawMessageDelivery: 'true', FilterPolicy: '{"kind":["alarm"]}' },
    }),
  );
  assert.ok(SubscriptionArn?.startsWith(`${TopicArn}:`));
  const MessageAttributes = { kind: { DataType: 'String', StringValue: 'alarm' } };
  await sns.send(new PublishCommand({ TopicArn, Message: 'dropped' }));
  await sns.send(new PublishCommand({ TopicArn, Message: 'kept', MessageAttributes }));
  const batch = await sns.send(
    new PublishBatchCommand({
      TopicArn,
      PublishBatchRequestEntries: [{ Id: '1', Message: 'kept too', MessageAttributes }],
    }),
  );
  assert.equal(batch.Successful?.[0]?.Id, '1');
  const bodies: string[] = [];
  while (bodies.length < 2) {
    const answer = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 2, MaxNumberOfMessages: 10 }));
    bodies.push(...(answer.Messages ?? []).map(({ Body }) => Body!));
  }
  assert.deepEqual(bodies.toSorted(), ['kept', 'kept too']);
  const { Attributes } = await sns.send(new GetTopicAttributesCommand({ TopicArn }));
  assert.equal(Attributes?.SubscriptionsConfirmed, '1');
  const listed = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
  assert.equal(listed.Subscriptions?.[0]?.SubscriptionArn, SubscriptionArn);
  await assert.rejects(sns.send(new PublishCommand({ TopicArn: `${TopicArn}-no`, Message: 'x' })), {
    name: 'NotFoundException',
  });
  sns.destroy();
  sqs.destroy();
});

const BOTO3 = `
import os, boto3
from botocore.exceptions import ClientError
endpoint = os.environ['ENDPOINT']
sqs = boto3.client('sqs', endpoint_url=endpoint)
sns = boto3.client('sns', endpoint_url=endpoint)
url = sqs.create_queue(QueueName='boto.fifo', Attributes={'FifoQueue': 'true', 'ContentBasedDeduplication': 'true'})['QueueUrl']
for body in ['a', 'b', 'a']:
    sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId='g', MessageAttributes={'n': {'DataType': 'Number', 'StringValue': '1'}})
seen = []
for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=['All'], MessageAttributeNames=['All'])['Messages']:
    seen.append(message['Body'])
    assert message['Attributes']['MessageGroupId'] == 'g', message
    assert message['MessageAttributes']['n']['StringValue'] == '1', message
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message['ReceiptHandle'])
assert seen == ['a', 'b'], seen
try:
    sqs.get_queue_url(QueueName='none')
    raise AssertionError('found')
except sqs.exceptions.QueueDoesNotExist as error:
    assert error.response['Error']['Code'] == 'AWS.SimpleQueueService.NonExistentQueue', error.response
answer = sqs.send_message_batch(QueueUrl=url, Entries=[{'Id': 'x', 'MessageBody': 'c', 'MessageGroupId': 'g'}, {'Id': 'y', 'MessageBody': 'd', 'MessageGroupId': ' '}])
assert [one['Id'] for one in answer['Successful']] == ['x'], answer
assert answer['Failed'][0]['Code'] == 'InvalidParameterValue', answer
sqs.set_queue_attributes(QueueUrl=url, Attributes={'VisibilityTimeout': '7'})
assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['VisibilityTimeout'])['Attributes'] == {'VisibilityTimeout': '7'}
sqs.tag_queue(QueueUrl=url, Tags={'team': 'a'})
assert sqs.list_queue_tags(QueueUrl=url)['Tags'] == {'team': 'a'}
sqs.purge_queue(QueueUrl=url)
sqs.delete_queue(QueueUrl=url)
topic = sns.create_topic(Name='boto')['TopicArn']
target = sqs.create_queue(QueueName='boto-sub')['QueueUrl']
arn = sqs.get_queue_attributes(QueueUrl=target, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
subscription = sns.subscribe(TopicArn=topic, Protocol='sqs', Endpoint=arn)['SubscriptionArn']
sns.publish(TopicArn=topic, Message='hello', Subject='s')
message = sqs.receive_message(QueueUrl=target, WaitTimeSeconds=5)['Messages'][0]
assert '"Message":"hello"' in message['Body'], message
sns.set_subscription_attributes(SubscriptionArn=subscription, AttributeName='FilterPolicy', AttributeValue='{"a": ["b"]}')
assert sns.get_subscription_attributes(SubscriptionArn=subscription)['Attributes']['FilterPolicy'] == '{"a": ["b"]}'
assert [one['TopicArn'] for one in sns.list_topics()['Topics']].count(topic) == 1
sns.unsubscribe(SubscriptionArn=subscription)
sns.delete_topic(TopicArn=topic)
try:
    sns.publish(TopicArn=topic, Message='x')
    raise AssertionError('published')
except ClientError as error:
    assert error.response['Error']['Code'] == 'NotFound', error.response
print('done')
`;

test('boto3 drives queues and topics', async () => {
  const { stdout, stderr } = await run('/usr/bin/python3', ['-c', BOTO3], clientEnvironment(wire));
  assert.equal(stdout.trim(), 'done', stderr);
});

test('the aws CLI drives queues and topics', async () => {
  const aws = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(
      '/usr/bin/aws',
      ['--endpoint-url', wire.url, '--output', 'json', ...args],
      clientEnvironment(wire),
    );
    assert.equal(code, 0, stderr);
    return stdout.trim() === '' ? undefined : JSON.parse(stdout);
  };
  const { QueueUrl } = await aws('sqs', 'create-queue', '--queue-name', 'cli');
  const { TopicArn } = await aws('sns', 'create-topic', '--name', 'cli');
  const endpoint = 'arn:aws:sqs:eu-central-1:000000000000:cli';
  await aws('sns', 'subscribe', '--topic-arn', TopicArn, '--protocol', 'sqs', '--notification-endpoint', endpoint);
  await aws('sns', 'publish', '--topic-arn', TopicArn, '--message', 'from the shell');
  const { Messages } = await aws('sqs', 'receive-message', '--queue-url', QueueUrl, '--wait-time-seconds', '5');
  assert.equal(JSON.parse(Messages[0].Body).Message, 'from the shell');
  await aws('sqs', 'delete-message', '--queue-url', QueueUrl, '--receipt-handle', Messages[0].ReceiptHandle);
});
