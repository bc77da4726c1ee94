import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import { phoneRoute } from '../../src/node/routes.ts';
import { eventually } from '../pollers/fakes.ts';
import { startWire } from '../wire/support.ts';
import { type Node, newTopic, openNode, webhook } from './support.ts';

/** A mail server on loopback that keeps what it is given. */
async function mailServer() {
  const mails: ParsedMail[] = [];
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData: (stream, _session, done) => {
      simpleParser(stream).then((mail) => {
        mails.push(mail);
        done();
      }, done);
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  const smtp = { host: '127.0.0.1', port, security: 'none', from: 'Millrace <alerts@plant.example>' } as const;
  return { mails, smtp, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(resolve)) };
}

const link = (mail: ParsedMail) => /https?:\/\/\S+/.exec(mail.text!)![0];

test('an address is asked by mail, confirms by the link, reads notifications and unsubscribes by theirs', async () => {
  await using server = await mailServer();
  await using node = await openNode({ smtp: server.smtp });
  await using wire = await startWire([node.sns.service]);
  const here = { endpoint: wire.url };
  const TopicArn = await newTopic(node, { DisplayName: 'Machine health' });
  const input = { TopicArn, Protocol: 'email', Endpoint: 'operator@plant.example' };
  assert.equal((await node.call('Subscribe', input, here)).SubscriptionArn, 'pending confirmation');
  await node.call('Publish', { TopicArn, Message: 'too early' }, here);
  await eventually(() => server.mails.length === 1);
  const [asked] = server.mails as [ParsedMail];
  assert.equal(asked.subject, 'AWS Notification - Subscription Confirmation');
  assert.equal(asked.from?.value[0]?.name, 'Machine health');
  assert.equal(asked.from?.value[0]?.address, 'alerts@plant.example');
  assert.match(asked.text!, new RegExp(`You have chosen to subscribe to the topic:\n${TopicArn}\n`));
  assert.equal((await fetch(link(asked))).status, 200);
  await node.call('Publish', { TopicArn, Message: 'Bearing 4 is hot ✓', Subject: 'Alarm' }, here);
  await eventually(() => server.mails.length === 2);
  const alarm = server.mails[1]!;
  assert.equal(alarm.subject, 'Alarm');
  assert.match(alarm.text!, /^Bearing 4 is hot ✓\n\n--\nIf you wish to stop receiving notifications from this topic/);
  await node.call('Publish', { TopicArn, Message: 'no subject' }, here);
  await eventually(() => server.mails.length === 3);
  assert.equal(server.mails[2]!.subject, 'AWS Notification Message');
  assert.equal((await fetch(link(alarm))).status, 200);
  await eventually(() => server.mails.length === 4);
  assert.equal(server.mails[3]!.subject, 'AWS Notification - Unsubscribe Confirmation');
  assert.deepEqual((await node.call('ListSubscriptionsByTopic', { TopicArn })).Subscriptions, []);
  assert.equal((await fetch(link(server.mails[3]!))).status, 200);
  assert.equal((await node.call('ListSubscriptionsByTopic', { TopicArn })).Subscriptions.length, 1);
});

test('mail as JSON is the signed document that webhooks get', async () => {
  await using server = await mailServer();
  await using node = await openNode({ smtp: server.smtp });
  const TopicArn = await newTopic(node);
  await node.call('Subscribe', { TopicArn, Protocol: 'email-json', Endpoint: 'robot@plant.example' });
  await eventually(() => server.mails.length === 1);
  const asked = JSON.parse(server.mails[0]!.text!);
  assert.equal(asked.Type, 'SubscriptionConfirmation');
  await node.call('ConfirmSubscription', { TopicArn, Token: asked.Token });
  await node.call('Publish', { TopicArn, Message: 'x', Subject: 's' });
  await eventually(() => server.mails.length === 2);
  const { Type, Message, Signature } = JSON.parse(server.mails[1]!.text!);
  assert.deepEqual([Type, Message, typeof Signature], ['Notification', 'x', 'string']);
});

test('a subject and a display name do not become headers, an address does not become two', async () => {
  await using server = await mailServer();
  await using node = await openNode({ smtp: server.smtp });
  const TopicArn = await newTopic(node, { DisplayName: 'x\r\nBcc: evil@example.com' });
  const subscribe = (Endpoint: string) => node.call('Subscribe', { TopicArn, Protocol: 'email', Endpoint });
  for (const bad of ['a@b, c@d', 'a@b\r\nBcc: c@d', 'a', '@b', 'a@b>', '"a"@b', 'a@[127.0.0.1]', 'a@b?cc=c']) {
    const made = subscribe(bad);
    if (bad !== 'a@b?cc=c') await assert.rejects(made, { code: 'parameter-invalid' }, bad);
    else await made.catch(() => {});
  }
  await subscribe('operator@plant.example');
  await eventually(() => server.mails.some((mail) => [mail.to].flat()[0]?.text === 'operator@plant.example'));
  for (const mail of server.mails) {
    assert.equal(mail.bcc, undefined);
    assert.equal(mail.cc, undefined);
  }
  const broken = { TopicArn, Message: 'x', Subject: 'a\r\nBcc: evil@example.com' };
  await assert.rejects(node.call('Publish', broken), { message: 'Invalid parameter: Subject' });
});

async function withPhones(): Promise<{ node: Node; hook: Awaited<ReturnType<typeof webhook>> } & AsyncDisposable> {
  await using scope = new AsyncDisposableStack();
  const hook = scope.use(await webhook());
  const node = scope.use(await openNode({ webhooks: { sms: hook.url, push: hook.url } }));
  const owned = scope.move();
  return { node, hook, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

test('phones of a topic get their own text through the webhook, until they answer STOP', async () => {
  await using house = await withPhones();
  const { node, hook } = house;
  await using wire = await startWire([node.sns.service], { extraRoutes: [phoneRoute(node.sns)] });
  const TopicArn = await newTopic(node);
  const Endpoint = '+15551234567';
  const { SubscriptionArn } = await node.call('Subscribe', { TopicArn, Protocol: 'sms', Endpoint });
  assert.match(SubscriptionArn, /^arn:/);
  const Message = JSON.stringify({ default: 'long', sms: 'short' });
  const MessageAttributes = { 'AWS.SNS.SMS.SenderID': { DataType: 'String', StringValue: 'Plant' } };
  const publish = () => node.call('Publish', { TopicArn, Message, MessageStructure: 'json', MessageAttributes });
  await publish();
  await eventually(() => hook.requests.length === 1);
  const { type, phoneNumber, message, senderId, smsType, topicArn, subscriptionArn } = hook.requests[0]!.body;
  assert.deepEqual([type, phoneNumber, message, senderId, smsType], ['sms', Endpoint, 'short', 'Plant', 'Promotional']);
  assert.deepEqual([topicArn, subscriptionArn], [TopicArn, SubscriptionArn]);
  const answer = async (body: unknown) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const answered = await fetch(`${wire.url}/_millrace/sms/answers`, { method: 'POST', body: text });
    return { status: answered.status, body: await answered.json() };
  };
  assert.deepEqual((await answer({ phoneNumber: Endpoint, message: 'thanks' })).body, { optedOut: false });
  assert.deepEqual((await answer({ phoneNumber: Endpoint, message: ' Stop ' })).body, { optedOut: true });
  for (const bad of ['no JSON', 'null', { phoneNumber: 'x', message: 'STOP' }])
    assert.equal((await answer(bad)).status, 400);
  assert.equal((await answer('x'.repeat(5000))).status, 413);
  assert.equal((await node.call('CheckIfPhoneNumberIsOptedOut', { phoneNumber: Endpoint })).isOptedOut, true);
  assert.deepEqual(await node.call('ListPhoneNumbersOptedOut', {}), { phoneNumbers: [Endpoint] });
  await publish();
  await assert.rejects(node.call('Publish', { PhoneNumber: Endpoint, Message: 'x' }), { code: 'opted-out' });
  await node.call('OptInPhoneNumber', { phoneNumber: Endpoint });
  await publish();
  await eventually(() => hook.requests.length === 2);
  await answer({ phoneNumber: Endpoint, message: 'STOP' });
  await assert.rejects(node.call('OptInPhoneNumber', { phoneNumber: Endpoint }), /once every 30 days/);
});

test('devices of a topic get the text of their platform, as long as they are switched on', async () => {
  await using house = await withPhones();
  const { node, hook } = house;
  const { PlatformApplicationArn } = await node.call('CreatePlatformApplication', {
    Name: 'app',
    Platform: 'APNS',
    Attributes: { PlatformCredential: 'secret', PlatformPrincipal: 'certificate' },
  });
  const shown = await node.call('GetPlatformApplicationAttributes', { PlatformApplicationArn });
  assert.doesNotMatch(JSON.stringify(shown), /secret|certificate/);
  const create = { PlatformApplicationArn, Token: 'device-1' };
  const { EndpointArn } = await node.call('CreatePlatformEndpoint', create);
  assert.deepEqual(await node.call('CreatePlatformEndpoint', create), { EndpointArn });
  await assert.rejects(node.call('CreatePlatformEndpoint', { ...create, CustomUserData: 'other' }), {
    message: `Invalid parameter: Token Reason: Endpoint ${EndpointArn} already exists with the same Token, but different attributes.`,
  });
  const TopicArn = await newTopic(node);
  await node.call('Subscribe', { TopicArn, Protocol: 'application', Endpoint: EndpointArn });
  const Message = JSON.stringify({ default: 'd', APNS: '{"aps":{"alert":"hot"}}' });
  const publish = () => node.call('Publish', { TopicArn, Message, MessageStructure: 'json' });
  await publish();
  await eventually(() => hook.requests.length === 1);
  const { type, platform, token, message, endpointArn } = hook.requests[0]!.body;
  assert.deepEqual([type, platform, token, endpointArn], ['push', 'APNS', 'device-1', EndpointArn]);
  assert.equal(message, '{"aps":{"alert":"hot"}}');
  await node.call('SetEndpointAttributes', { EndpointArn, Attributes: { Enabled: 'false' } });
  await publish();
  assert.equal(node.counted('NumberOfNotificationsFailed'), 1);
  await assert.rejects(node.call('Publish', { TargetArn: EndpointArn, Message: 'x' }), { code: 'endpoint-disabled' });
  await node.call('DeletePlatformApplication', { PlatformApplicationArn });
  await assert.rejects(node.call('GetEndpointAttributes', { EndpointArn }), { code: 'not-found' });
  await assert.rejects(node.call('Publish', { TargetArn: EndpointArn, Message: 'x' }), {
    message: 'Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified',
  });
});

test('what a node has no way to send is refused, naming the setting', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node);
  const sms = { TopicArn, Protocol: 'sms', Endpoint: '+15551234567' };
  await assert.rejects(node.call('Subscribe', sms), { message: /notifications\.smsWebhook/ });
  await assert.rejects(
    node.call('Publish', { PhoneNumber: '+15551234567', Message: 'x' }),
    /notifications\.smsWebhook/,
  );
  const { PlatformApplicationArn } = await node.call('CreatePlatformApplication', {
    Name: 'app',
    Platform: 'GCM',
    Attributes: { PlatformCredential: 'x' },
  });
  const { EndpointArn } = await node.call('CreatePlatformEndpoint', { PlatformApplicationArn, Token: 't' });
  await assert.rejects(node.call('Publish', { TargetArn: EndpointArn, Message: 'x' }), /notifications\.pushWebhook/);
  for (const [PhoneNumber, message] of [
    ['+1a234', 'Invalid parameter: PhoneNumber Reason: +1a234 is not valid to publish to'],
    ['NAA+15551234567', 'Invalid parameter: PhoneNumber Reason: NAA+15551234567 is not valid to publish to'],
  ] as const) {
    await assert.rejects(node.call('Publish', { PhoneNumber, Message: 'x' }), { message });
  }
  for (const Protocol of ['firehose', 'test-protocol']) {
    await assert.rejects(node.call('Subscribe', { TopicArn, Protocol, Endpoint: 'x' }), { code: 'parameter-invalid' });
  }
});
