import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as sdk from '@aws-sdk/client-sqs';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { serviceTable } from '../../src/schemas/index.ts';
import { openSqs } from '../../src/services/sqs/index.ts';
import { openEmbeddedRecords } from '../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { clientEnvironment, clientOptions, run, startWire, type TestWire } from '../wire/support.ts';

const owned = new AsyncDisposableStack();
let wire: TestWire;

before(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-sqs-operations-'));
  owned.defer(() => rm(directory, { recursive: true }));
  const ground = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
  const records = owned.use(await openEmbeddedRecords({ directory }));
  const sqs = owned.use(await openSqs({ records, ...ground }));
  assert.deepEqual(Object.keys(sqs.service.operations).sort(), Object.keys(serviceTable('sqs').operations).sort());
  wire = owned.use(await startWire([sqs.service]));
});

after(() => owned.disposeAsync());

test('the AWS SDK for JS drives every operation', async () => {
  const client = new sdk.SQSClient(clientOptions(wire));
  const used = new Set<string>();
  const call = async (operation: string, input: object): Promise<any> => {
    used.add(operation);
    const Command = (sdk as Record<string, any>)[`${operation}Command`];
    return client.send(new Command(input));
  };
  const arn = (name: string) => `arn:aws:sqs:eu-central-1:000000000000:${name}`;
  const { QueueUrl: dead } = await call('CreateQueue', { QueueName: 'js-dead', tags: { team: 'a' } });
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arn('js-dead'), maxReceiveCount: 1 });
  const { QueueUrl } = await call('CreateQueue', { QueueName: 'js-all', Attributes: { VisibilityTimeout: '0' } });
  await call('SetQueueAttributes', { QueueUrl, Attributes: { RedrivePolicy } });
  assert.equal((await call('GetQueueUrl', { QueueName: 'js-all' })).QueueUrl, QueueUrl);
  assert.deepEqual((await call('ListQueues', { QueueNamePrefix: 'js-' })).QueueUrls, [QueueUrl, dead]);
  assert.deepEqual((await call('ListDeadLetterSourceQueues', { QueueUrl: dead })).queueUrls, [QueueUrl]);
  await call('TagQueue', { QueueUrl: dead, Tags: { site: 'b' } });
  await call('UntagQueue', { QueueUrl: dead, TagKeys: ['team'] });
  assert.deepEqual((await call('ListQueueTags', { QueueUrl: dead })).Tags, { site: 'b' });
  const grant = { Label: 'other', AWSAccountIds: ['111122223333'], Actions: ['SendMessage'] };
  await call('AddPermission', { QueueUrl, ...grant });
  const { Attributes } = await call('GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] });
  assert.equal(JSON.parse(Attributes.Policy).Statement[0].Sid, 'other');
  await call('RemovePermission', { QueueUrl, Label: 'other' });

  await call('SendMessage', { QueueUrl, MessageBody: 'one' });
  const batch = await call('SendMessageBatch', { QueueUrl, Entries: [{ Id: 'a', MessageBody: 'two' }] });
  assert.equal(batch.Successful[0].Id, 'a');
  const receive = { QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 30, WaitTimeSeconds: 1 };
  const { Messages } = await call('ReceiveMessage', receive);
  const [{ ReceiptHandle }, second] = Messages;
  await call('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout: 0 });
  const Entries = [{ Id: 'b', ReceiptHandle: second.ReceiptHandle, VisibilityTimeout: 0 }];
  assert.equal((await call('ChangeMessageVisibilityBatch', { QueueUrl, Entries })).Successful[0].Id, 'b');
  // The second receive takes both to the dead-letter queue.
  await call('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 });
  const deadLetters = await receiveAll(call, dead, 2);
  await call('ChangeMessageVisibilityBatch', {
    QueueUrl: dead,
    Entries: deadLetters.map((one, at) => ({ Id: `${at}`, ReceiptHandle: one.ReceiptHandle, VisibilityTimeout: 0 })),
  });
  const { TaskHandle } = await call('StartMessageMoveTask', {
    SourceArn: arn('js-dead'),
    MaxNumberOfMessagesPerSecond: 1,
  });
  const cancelled = await call('CancelMessageMoveTask', { TaskHandle });
  assert.equal(typeof cancelled.ApproximateNumberOfMessagesMoved, 'number');
  const { Results } = await call('ListMessageMoveTasks', { SourceArn: arn('js-dead') });
  assert.match(Results[0].Status, /CANCELL/);

  await call('SendMessage', { QueueUrl, MessageBody: 'last' });
  const [last] = await receiveAll(call, QueueUrl, 1, 30);
  await call('DeleteMessage', { QueueUrl, ReceiptHandle: last.ReceiptHandle });
  await call('DeleteMessageBatch', { QueueUrl, Entries: [{ Id: 'c', ReceiptHandle: last.ReceiptHandle }] });
  await call('PurgeQueue', { QueueUrl });
  await call('DeleteQueue', { QueueUrl });
  await assert.rejects(call('GetQueueUrl', { QueueName: 'js-all' }), { name: 'QueueDoesNotExist' });
  assert.deepEqual([...used].sort(), Object.keys(serviceTable('sqs').operations).sort());
  client.destroy();
});

async function receiveAll(
  call: (operation: string, input: object) => Promise<any>,
  QueueUrl: string,
  wanted: number,
  VisibilityTimeout = 30,
): Promise<any[]> {
  const found: any[] = [];
  while (found.length < wanted) {
    const input = { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 2, VisibilityTimeout };
    found.push(...((await call('ReceiveMessage', input)).Messages ?? []));
  }
  return found;
}

/** Debian's boto3 speaks the query protocol and has no move tasks yet; a current one speaks JSON. */
const BOTO3 = `
import os, json, boto3
from botocore.exceptions import ClientError
sqs = boto3.client('sqs', endpoint_url=os.environ['ENDPOINT'])
prefix = 'py-' + sqs.meta.service_model.metadata['protocol']
used = set()
def call(operation, **input):
    used.add(operation)
    name = ''.join('_' + c.lower() if c.isupper() else c for c in operation)[1:]
    return getattr(sqs, name)(**input)
def fails(code, operation, **input):
    try: call(operation, **input)
    except ClientError as error:
        assert error.response['Error']['Code'] == code, error.response
        return
    raise AssertionError(operation)
arn = lambda name: 'arn:aws:sqs:eu-central-1:000000000000:' + name
dead = call('CreateQueue', QueueName=prefix + '-dead', tags={'team': 'a'})['QueueUrl']
url = call('CreateQueue', QueueName=prefix, Attributes={'VisibilityTimeout': '0'})['QueueUrl']
call('SetQueueAttributes', QueueUrl=url, Attributes={'RedrivePolicy': json.dumps({'deadLetterTargetArn': arn(prefix + '-dead'), 'maxReceiveCount': 1})})
assert call('GetQueueUrl', QueueName=prefix)['QueueUrl'] == url
assert call('ListQueues', QueueNamePrefix=prefix)['QueueUrls'] == [url, dead]
page = call('ListQueues', QueueNamePrefix=prefix, MaxResults=1)
assert page['QueueUrls'] == [url] and call('ListQueues', QueueNamePrefix=prefix, MaxResults=1, NextToken=page['NextToken'])['QueueUrls'] == [dead]
assert call('ListDeadLetterSourceQueues', QueueUrl=dead)['queueUrls'] == [url]
call('TagQueue', QueueUrl=dead, Tags={'site': 'b'})
call('UntagQueue', QueueUrl=dead, TagKeys=['team'])
assert call('ListQueueTags', QueueUrl=dead)['Tags'] == {'site': 'b'}
call('AddPermission', QueueUrl=url, Label='other', AWSAccountIds=['111122223333', '444455556666'], Actions=['SendMessage', 'ReceiveMessage'])
policy = json.loads(call('GetQueueAttributes', QueueUrl=url, AttributeNames=['Policy'])['Attributes']['Policy'])
assert policy['Statement'][0]['Principal'] == {'AWS': ['arn:aws:iam::111122223333:root', 'arn:aws:iam::444455556666:root']}, policy
fails('InvalidParameterValue', 'AddPermission', QueueUrl=url, Label='other', AWSAccountIds=['111122223333'], Actions=['*'])
call('RemovePermission', QueueUrl=url, Label='other')
call('SendMessage', QueueUrl=url, MessageBody='one', MessageAttributes={'b': {'DataType': 'Binary', 'BinaryValue': b'\\x00\\xff'}},
     MessageSystemAttributes={'AWSTraceHeader': {'DataType': 'String', 'StringValue': 'Root=1-5759e988-bd862e3fe1be46a994272793'}})
message = call('ReceiveMessage', QueueUrl=url, MessageAttributeNames=['All'], AttributeNames=['AWSTraceHeader'], VisibilityTimeout=30)['Messages'][0]
assert message['MessageAttributes']['b']['BinaryValue'] == b'\\x00\\xff' and message['Attributes']['AWSTraceHeader'].startswith('Root=1-'), message
call('ChangeMessageVisibility', QueueUrl=url, ReceiptHandle=message['ReceiptHandle'], VisibilityTimeout=20)
answer = call('ChangeMessageVisibilityBatch', QueueUrl=url, Entries=[{'Id': 'a', 'ReceiptHandle': message['ReceiptHandle'], 'VisibilityTimeout': 25}, {'Id': 'b', 'ReceiptHandle': 'nonsense', 'VisibilityTimeout': 1}])
assert answer['Successful'] == [{'Id': 'a'}] and answer['Failed'][0]['Code'] == 'ReceiptHandleIsInvalid', answer
call('DeleteMessage', QueueUrl=url, ReceiptHandle=message['ReceiptHandle'])
call('SendMessageBatch', QueueUrl=url, Entries=[{'Id': 'x', 'MessageBody': 'two'}])
message = call('ReceiveMessage', QueueUrl=url, VisibilityTimeout=30)['Messages'][0]
assert call('DeleteMessageBatch', QueueUrl=url, Entries=[{'Id': 'x', 'ReceiptHandle': message['ReceiptHandle']}])['Successful'] == [{'Id': 'x'}]
fails('AWS.SimpleQueueService.EmptyBatchRequest', 'SendMessageBatch', QueueUrl=url, Entries=[])
fails('AWS.SimpleQueueService.BatchEntryIdsNotDistinct', 'SendMessageBatch', QueueUrl=url, Entries=[{'Id': 'x', 'MessageBody': 'a'}] * 2)
fails('AWS.SimpleQueueService.TooManyEntriesInBatchRequest', 'SendMessageBatch', QueueUrl=url, Entries=[{'Id': str(n), 'MessageBody': 'a'} for n in range(11)])
fails('AWS.SimpleQueueService.InvalidBatchEntryId', 'SendMessageBatch', QueueUrl=url, Entries=[{'Id': 'a b', 'MessageBody': 'a'}])
fails('AWS.SimpleQueueService.BatchRequestTooLong', 'SendMessageBatch', QueueUrl=url, Entries=[{'Id': str(n), 'MessageBody': 'a' * 600000} for n in range(2)])
fails('ReceiptHandleIsInvalid', 'DeleteMessage', QueueUrl=url, ReceiptHandle='nonsense')
fails('InvalidAttributeName', 'SetQueueAttributes', QueueUrl=url, Attributes={'FifoQueue': 'true'})
fails('InvalidAttributeValue', 'SetQueueAttributes', QueueUrl=url, Attributes={'DelaySeconds': '901'})
fails('QueueAlreadyExists', 'CreateQueue', QueueName=prefix, Attributes={'VisibilityTimeout': '9'})
fails('AWS.SimpleQueueService.NonExistentQueue', 'GetQueueUrl', QueueName='nowhere')
if hasattr(sqs, 'start_message_move_task'):
    handle = call('StartMessageMoveTask', SourceArn=arn(prefix + '-dead'))['TaskHandle']
    while call('ListMessageMoveTasks', SourceArn=arn(prefix + '-dead'))['Results'][0]['Status'] != 'COMPLETED': pass
    fails('InvalidParameterValue', 'CancelMessageMoveTask', TaskHandle=handle)
    fails('ResourceNotFoundException', 'StartMessageMoveTask', SourceArn=arn('nowhere'))
call('PurgeQueue', QueueUrl=url)
fails('AWS.SimpleQueueService.PurgeQueueInProgress', 'PurgeQueue', QueueUrl=url)
call('DeleteQueue', QueueUrl=url)
assert used == set(sqs.meta.service_model.operation_names), used
print(sqs.meta.service_model.metadata['protocol'])
`;

for (const python of ['/usr/bin/python3', 'python3']) {
  test(`boto3 of ${python} drives every operation that it has, and matches the errors`, async () => {
    const { code, stdout, stderr } = await run(python, ['-c', BOTO3], clientEnvironment(wire));
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^(query|json)$/m);
  });
}

/** The aws CLI's own main function, called in one process: starting it for each call takes most of a second. */
const CLI = `
import os, sys, json, io, contextlib
from awscli.clidriver import create_clidriver
import awscli.botocore.session
driver = create_clidriver()
used = set()
def aws(command, *arguments, code=0):
    used.add(command)
    out = io.TextIOWrapper(io.BytesIO(), write_through=True)
    with contextlib.redirect_stdout(out):
        got = driver.main(['sqs', command, *arguments, '--endpoint-url', os.environ['ENDPOINT'], '--output', 'json', '--no-cli-pager'])
    assert got == code, (command, arguments, got)
    text = out.buffer.getvalue().decode()
    return json.loads(text) if text.strip() else {}
arn = lambda name: 'arn:aws:sqs:eu-central-1:000000000000:' + name
dead = aws('create-queue', '--queue-name', 'cli-dead', '--tags', 'team=a')['QueueUrl']
url = aws('create-queue', '--queue-name', 'cli', '--attributes', 'VisibilityTimeout=30')['QueueUrl']
aws('set-queue-attributes', '--queue-url', url, '--attributes', json.dumps({'RedrivePolicy': json.dumps({'deadLetterTargetArn': arn('cli-dead'), 'maxReceiveCount': '3'})}))
assert aws('get-queue-url', '--queue-name', 'cli')['QueueUrl'] == url
assert aws('list-queues', '--queue-name-prefix', 'cli')['QueueUrls'] == [url, dead]
assert aws('list-dead-letter-source-queues', '--queue-url', dead)['queueUrls'] == [url]
aws('tag-queue', '--queue-url', dead, '--tags', 'site=b')
aws('untag-queue', '--queue-url', dead, '--tag-keys', 'team')
assert aws('list-queue-tags', '--queue-url', dead)['Tags'] == {'site': 'b'}
aws('add-permission', '--queue-url', url, '--label', 'other', '--aws-account-ids', '111122223333', '--actions', 'SendMessage')
assert 'other' in aws('get-queue-attributes', '--queue-url', url, '--attribute-names', 'All')['Attributes']['Policy']
aws('remove-permission', '--queue-url', url, '--label', 'other')
aws('send-message', '--queue-url', url, '--message-body', 'from the shell')
aws('send-message-batch', '--queue-url', url, '--entries', 'Id=a,MessageBody=two')
messages = aws('receive-message', '--queue-url', url, '--max-number-of-messages', '10')['Messages']
assert [one['Body'] for one in messages] == ['from the shell', 'two'], messages
first, second = [one['ReceiptHandle'] for one in messages]
aws('change-message-visibility', '--queue-url', url, '--receipt-handle', first, '--visibility-timeout', '60')
aws('change-message-visibility-batch', '--queue-url', url, '--entries', 'Id=a,ReceiptHandle=' + second + ',VisibilityTimeout=60')
aws('delete-message', '--queue-url', url, '--receipt-handle', first)
aws('delete-message-batch', '--queue-url', url, '--entries', 'Id=a,ReceiptHandle=' + second)
aws('purge-queue', '--queue-url', url)
aws('purge-queue', '--queue-url', url, code=254)
aws('delete-queue', '--queue-url', url)
names = awscli.botocore.session.get_session().get_service_model('sqs').operation_names
missing = {''.join('-' + c.lower() if c.isupper() else c for c in name)[1:] for name in names} - used
assert not missing, missing
print('done')
`;

test('the aws CLI drives every operation that it has', async () => {
  const { code, stdout, stderr } = await run('/usr/bin/python3', ['-c', CLI], clientEnvironment(wire));
  assert.equal(code, 0, stderr);
  assert.equal(stdout.trim(), 'done');
});
