import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { FarEdge } from '../far-edge.ts';
import type { Rig, Scenario } from '../scenario.ts';

const ARN = 'arn:aws:sns:us-east-1:000000000000';

const notFound = { name: 'NotFound' };
const invalid = { name: 'InvalidParameter' };

/**
 * SNS: a topic with its subscriptions, push to devices, and text messages; all that leaves the node comes to a far edge.
 *
 * @param edge  gets what the node sends to phones and devices
 */
export function sns(edge: FarEdge): Scenario {
  return {
    service: 'sns',
    configure: async () => ({ notifications: { sms: `${edge.url}/sms`, push: `${edge.url}/push` } }),
    async run(rig) {
      const { call, name } = rig;
      const TopicArn = `${ARN}:${name('alerts')}`;
      const Tags = [{ Key: 'team', Value: 'a' }];
      const made = await call('CreateTopic', { Name: name('alerts'), Attributes: { DisplayName: 'Grün & <b>' }, Tags });
      assert.equal(made.TopicArn, TopicArn);
      await topics(rig, TopicArn);
      await webhooks(rig, TopicArn, edge);
      await queues(rig, TopicArn);
      await ordered(rig);
      await devices(rig, edge);
      await phones(rig, edge);
      await call('DeleteTopic', { TopicArn });
      await assert.rejects(call('GetTopicAttributes', { TopicArn }), notFound);
    },
  };
}

async function topics({ call }: Rig, TopicArn: string): Promise<void> {
  await call('SetTopicAttributes', { TopicArn, AttributeName: 'SignatureVersion', AttributeValue: '2' });
  const { Attributes } = await call('GetTopicAttributes', { TopicArn });
  assert.deepEqual(
    [Attributes.TopicArn, Attributes.DisplayName, Attributes.SignatureVersion, Attributes.SubscriptionsConfirmed],
    [TopicArn, 'Grün & <b>', '2', '0'],
  );
  const { Topics } = await call('ListTopics');
  assert.equal(Topics.filter((one: any) => one.TopicArn === TopicArn).length, 1);

  const grant = { AWSAccountId: ['111122223333'], ActionName: ['Publish', 'Subscribe'] };
  await call('AddPermission', { TopicArn, Label: 'friends', ...grant });
  const policy = JSON.parse((await call('GetTopicAttributes', { TopicArn })).Attributes.Policy);
  const statement = policy.Statement.find(({ Sid }: any) => Sid === 'friends');
  assert.deepEqual(statement.Action, ['SNS:Publish', 'SNS:Subscribe']);
  await call('RemovePermission', { TopicArn, Label: 'friends' });
  await assert.rejects(call('RemovePermission', { TopicArn, Label: 'friends' }), invalid);

  await call('TagResource', { ResourceArn: TopicArn, Tags: [{ Key: 'site', Value: 'north & south' }] });
  await call('UntagResource', { ResourceArn: TopicArn, TagKeys: ['team'] });
  const { Tags } = await call('ListTagsForResource', { ResourceArn: TopicArn });
  assert.deepEqual(Tags, [{ Key: 'site', Value: 'north & south' }]);
}

/** An endpoint of this machine needs no confirmation; one that was unsubscribed is told how to come back, and does. */
async function webhooks({ call, name }: Rig, TopicArn: string, edge: FarEdge): Promise<void> {
  const Endpoint = `${edge.url}/${name('hook')}`;
  const subscribe = { TopicArn, Protocol: 'http', Endpoint, ReturnSubscriptionArn: true };
  const { SubscriptionArn } = await call('Subscribe', subscribe);
  assert.ok(SubscriptionArn.startsWith(`${TopicArn}:`), SubscriptionArn);
  await call('SetSubscriptionAttributes', {
    ...{ SubscriptionArn, AttributeName: 'FilterPolicy', AttributeValue: '{"kind":["alarm"]}' },
  });
  const { Attributes } = await call('GetSubscriptionAttributes', { SubscriptionArn });
  assert.deepEqual(
    [Attributes.Endpoint, Attributes.FilterPolicy, Attributes.PendingConfirmation],
    [Endpoint, '{"kind":["alarm"]}', 'false'],
  );
  const subscription = { SubscriptionArn, Owner: '000000000000', Protocol: 'http', Endpoint, TopicArn };
  assert.deepEqual((await call('ListSubscriptionsByTopic', { TopicArn })).Subscriptions, [subscription]);
  const { Subscriptions } = await call('ListSubscriptions');
  assert.deepEqual(
    Subscriptions.filter((one: any) => one.TopicArn === TopicArn),
    [subscription],
  );

  const MessageAttributes = { kind: { DataType: 'String', StringValue: 'alarm' } };
  await call('Publish', { TopicArn, Message: 'filtered' });
  const { MessageId } = await call('Publish', { TopicArn, Message: 'heiß ✓', Subject: 'Alarm', MessageAttributes });
  const told = JSON.parse(await edge.received(Endpoint, /"Notification"/));
  assert.deepEqual(
    [told.MessageId, told.Message, told.Subject, told.MessageAttributes.kind.Value],
    [MessageId, 'heiß ✓', 'Alarm', 'alarm'],
  );

  await call('Unsubscribe', { SubscriptionArn });
  await assert.rejects(call('GetSubscriptionAttributes', { SubscriptionArn }), notFound);
  const { Token } = JSON.parse(await edge.received(Endpoint, /"UnsubscribeConfirmation"/));
  await assert.rejects(call('ConfirmSubscription', { TopicArn, Token: 'f'.repeat(256) }), invalid);
  const back = await call('ConfirmSubscription', { TopicArn, Token, AuthenticateOnUnsubscribe: 'true' });
  assert.equal(back.SubscriptionArn, SubscriptionArn);
}

async function queues({ call, of, name }: Rig, TopicArn: string): Promise<void> {
  const QueueName = name('subscriber');
  const { QueueUrl } = await of('sqs')('CreateQueue', { QueueName });
  const Endpoint = `arn:aws:sqs:us-east-1:000000000000:${QueueName}`;
  await call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint, Attributes: { RawMessageDelivery: 'true' } });
  const n = (StringValue: string) => ({ n: { DataType: 'Number', StringValue } });
  const bytes = { bytes: { DataType: 'Binary', BinaryValue: Buffer.from([0, 255]) } };
  const { Successful, Failed } = await call('PublishBatch', {
    TopicArn,
    PublishBatchRequestEntries: [
      { Id: 'a', Message: 'one', MessageAttributes: { ...n('1'), ...bytes } },
      { Id: 'b', Message: 'wrong', MessageAttributes: n('no') },
    ],
  });
  assert.deepEqual(
    Successful.map((one: any) => one.Id),
    ['a'],
  );
  assert.deepEqual(
    Failed.map(({ Id, SenderFault }: any) => [Id, SenderFault]),
    [['b', true]],
  );
  const receive = { QueueUrl, WaitTimeSeconds: 20, MessageAttributeNames: ['All'], MaxNumberOfMessages: 10 };
  const { Messages } = await of('sqs')('ReceiveMessage', receive);
  assert.deepEqual(
    Messages.map(({ Body, MessageAttributes }: any) => [Body, MessageAttributes]),
    [['one', { ...n('1'), ...bytes }]],
  );
}

async function ordered({ call, of, name }: Rig): Promise<void> {
  const fifo = { FifoTopic: 'true', ContentBasedDeduplication: 'true' };
  const { TopicArn } = await call('CreateTopic', { Name: `${name('ordered')}.fifo`, Attributes: fifo });
  const QueueName = `${name('ordered')}.fifo`;
  const { QueueUrl } = await of('sqs')('CreateQueue', { QueueName, Attributes: { FifoQueue: 'true' } });
  const Endpoint = `arn:aws:sqs:us-east-1:000000000000:${QueueName}`;
  await call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint, Attributes: { RawMessageDelivery: 'true' } });
  const one = { MessageGroupId: 'g', Message: 'a' };
  const first = await call('Publish', { TopicArn, ...one });
  // Accepted, and not delivered.
  await call('Publish', { TopicArn, ...one });
  const { Successful } = await call('PublishBatch', {
    TopicArn,
    PublishBatchRequestEntries: [{ Id: 'x', MessageGroupId: 'g', Message: 'b', MessageDeduplicationId: 'own' }],
  });
  assert.ok(BigInt(Successful[0].SequenceNumber) > BigInt(first.SequenceNumber));
  await assert.rejects(call('Publish', { TopicArn, Message: 'no group' }), invalid);
  const bodies: string[] = [];
  while (bodies.length < 2) {
    const receive = { QueueUrl, WaitTimeSeconds: 20, MaxNumberOfMessages: 10 };
    const { Messages = [] } = await of('sqs')('ReceiveMessage', receive);
    bodies.push(...Messages.map(({ Body }: any) => Body));
    for (const { ReceiptHandle } of Messages) await of('sqs')('DeleteMessage', { QueueUrl, ReceiptHandle });
  }
  assert.deepEqual(bodies, ['a', 'b']);
  await call('DeleteTopic', { TopicArn });
}

async function devices({ call, name }: Rig, edge: FarEdge): Promise<void> {
  const Name = name('app');
  const PlatformCredential = 'key';
  const { PlatformApplicationArn } = await call('CreatePlatformApplication', {
    ...{ Name, Platform: 'GCM', Attributes: { PlatformCredential } },
  });
  assert.equal(PlatformApplicationArn, `${ARN}:app/GCM/${Name}`);
  await call('SetPlatformApplicationAttributes', {
    PlatformApplicationArn,
    Attributes: { SuccessFeedbackSampleRate: '10' },
  });
  const { Attributes } = await call('GetPlatformApplicationAttributes', { PlatformApplicationArn });
  assert.deepEqual(Attributes, { Enabled: 'true', SuccessFeedbackSampleRate: '10' });
  const { PlatformApplications } = await call('ListPlatformApplications');
  const ours = PlatformApplications.filter((one: any) => one.PlatformApplicationArn === PlatformApplicationArn);
  assert.deepEqual(ours, [{ PlatformApplicationArn, Attributes }]);

  const Token = name('token');
  const device = { PlatformApplicationArn, Token, CustomUserData: 'u' };
  const { EndpointArn } = await call('CreatePlatformEndpoint', device);
  const Message = JSON.stringify({ default: 'd', GCM: 'to a device' });
  await call('Publish', { TargetArn: EndpointArn, Message, MessageStructure: 'json' });
  const pushed = JSON.parse(await edge.received(`${edge.url}/push`, new RegExp(`"${Token}"`)));
  assert.deepEqual([pushed.endpointArn, pushed.message], [EndpointArn, 'to a device']);
  await call('SetEndpointAttributes', { EndpointArn, Attributes: { Enabled: 'false' } });
  const shown = await call('GetEndpointAttributes', { EndpointArn });
  assert.deepEqual(shown.Attributes, { Enabled: 'false', Token, CustomUserData: 'u' });
  const disabled = call('Publish', { TargetArn: EndpointArn, Message: 'x' });
  await assert.rejects(disabled, { name: 'EndpointDisabled' });
  const { Endpoints } = await call('ListEndpointsByPlatformApplication', { PlatformApplicationArn });
  assert.deepEqual(Endpoints, [{ EndpointArn, Attributes: shown.Attributes }]);
  await call('DeleteEndpoint', { EndpointArn });
  await assert.rejects(call('GetEndpointAttributes', { EndpointArn }), notFound);
  await call('DeletePlatformApplication', { PlatformApplicationArn });
  await assert.rejects(call('GetPlatformApplicationAttributes', { PlatformApplicationArn }), notFound);
}

async function phones({ call, name, node }: Rig, edge: FarEdge): Promise<void> {
  const sms = `${edge.url}/sms`;
  const phoneNumber = numberOf(name('phone'));
  const PhoneNumber = phoneNumber;
  await call('SetSMSAttributes', { attributes: { DefaultSenderID: 'Mill', DefaultSMSType: 'Transactional' } });
  const { attributes } = await call('GetSMSAttributes', { attributes: ['DefaultSenderID'] });
  assert.deepEqual(attributes, { DefaultSenderID: 'Mill' });
  await call('Publish', { PhoneNumber, Message: 'to a phone' });
  const sent = JSON.parse(await edge.received(sms, new RegExp(`"\\${PhoneNumber}"`)));
  assert.deepEqual([sent.message, sent.senderId, sent.smsType], ['to a phone', 'Mill', 'Transactional']);

  assert.equal((await call('CheckIfPhoneNumberIsOptedOut', { phoneNumber })).isOptedOut, false);
  const answer = JSON.stringify({ phoneNumber, message: 'STOP' });
  await fetch(`${node.endpoint}/_millrace/sms/answers`, { method: 'POST', body: answer });
  assert.equal((await call('CheckIfPhoneNumberIsOptedOut', { phoneNumber })).isOptedOut, true);
  assert.ok((await call('ListPhoneNumbersOptedOut')).phoneNumbers.includes(phoneNumber));
  await call('OptInPhoneNumber', { phoneNumber });
  assert.equal((await call('CheckIfPhoneNumberIsOptedOut', { phoneNumber })).isOptedOut, false);
  assert.deepEqual((await call('ListOriginationNumbers')).PhoneNumbers, []);

  assert.equal((await call('GetSMSSandboxAccountStatus')).IsInSandbox, false);
  await call('CreateSMSSandboxPhoneNumber', { PhoneNumber });
  const { message } = JSON.parse(await edge.received(sms, new RegExp(`"\\${PhoneNumber}".*verification code`)));
  const listed = async () => {
    const { PhoneNumbers } = await call('ListSMSSandboxPhoneNumbers');
    return PhoneNumbers.filter((one: any) => one.PhoneNumber === PhoneNumber).map((one: any) => one.Status);
  };
  assert.deepEqual(await listed(), ['Pending']);
  const OneTimePassword = /\d{6}/.exec(message)![0];
  const wrong = { PhoneNumber, OneTimePassword: OneTimePassword === '000000' ? '111111' : '000000' };
  await assert.rejects(call('VerifySMSSandboxPhoneNumber', wrong), { name: 'VerificationException' });
  await call('VerifySMSSandboxPhoneNumber', { PhoneNumber, OneTimePassword });
  assert.deepEqual(await listed(), ['Verified']);
  await call('DeleteSMSSandboxPhoneNumber', { PhoneNumber });
  assert.deepEqual(await listed(), []);
}

/** A number that is one client's own. */
function numberOf(name: string): string {
  const digest = createHash('sha256').update(name).digest();
  return `+1555${String(digest.readUInt32BE() % 10_000_000).padStart(7, '0')}`;
}
