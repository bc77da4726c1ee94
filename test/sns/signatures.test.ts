import assert from 'node:assert/strict';
import { verify, X509Certificate } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { Agent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { connect, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import Validator from 'sns-payload-validator';
import { SimulatedClock } from '../../src/base/index.ts';
import { makeSigningCertificate } from '../../src/services/sns/certificate.ts';
import { eventually } from '../pollers/fakes.ts';
import { CONTEXT, type Node, newQueue, newTopic, openNode, receive, temporaryFolder, webhook } from './support.ts';

/** A node that its clients know by AWS's own name, as they do where that name is pointed at it. */
const AT_AWS = { endpoint: 'https://sns.us-east-1.amazonaws.com' };

let node: Node;
const owned = new AsyncDisposableStack();

before(async () => {
  node = owned.use(await openNode());
});

after(() => owned.disposeAsync());

/** What validators do: an https server under AWS's name that serves the node's certificates, and an agent that finds it. */
async function certificateServer(sns: Node['sns']) {
  const day = 86_400_000;
  const { certificate: cert, key } = await makeSigningCertificate(
    'sns',
    Buffer.of(1),
    Date.now() - day,
    Date.now() + day,
  );
  const http = createHttpServer((request, response) => {
    const pem = sns.certificateAt(request.url!);
    response.writeHead(pem === undefined ? 404 : 200).end(pem);
  });
  const tls = createTlsServer({ cert, key }, (socket: TLSSocket) => http.emit('connection', socket));
  await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
  const { port } = tls.address() as AddressInfo;
  const agent = new Agent();
  agent.createConnection = () => connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  return { agent, [Symbol.dispose]: () => tls.close() };
}

/** The second opinion: the string to sign as the developer guide has it, and the certificate, both by hand. */
function isSigned(payload: any, certificate: string): boolean {
  const names =
    payload.Type === 'Notification'
      ? ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']
      : ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];
  const lines = names.filter((name) => payload[name] !== undefined && payload[name] !== null);
  const text = lines.map((name) => `${name}\n${payload[name]}\n`).join('');
  const algorithm = payload.SignatureVersion === '2' ? 'RSA-SHA256' : 'RSA-SHA1';
  return verify(algorithm, Buffer.from(text), certificate, Buffer.from(payload.Signature, 'base64'));
}

const pathOf = (url: string) => new URL(url).pathname;

test('AWS validators accept notifications, confirmations and events, in both versions of the signature', async () => {
  using server = await certificateServer(node.sns);
  const validator = new Validator({ requestAgent: server.agent });
  for (const SignatureVersion of ['1', '2']) {
    using hook = await webhook();
    const TopicArn = await newTopic(node, { SignatureVersion });
    const queue = await newQueue(node);
    const Endpoint = 'arn:aws:lambda:us-east-1:000000000000:function:f';
    await node.call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint: queue.arn });
    await node.call('Subscribe', { TopicArn, Protocol: 'lambda', Endpoint });
    await node.call('Subscribe', { TopicArn, Protocol: 'http', Endpoint: hook.url }, AT_AWS);
    await eventually(() => hook.requests.length === 1);
    const [confirmation] = hook.requests as [any];
    const { SubscriptionArn } = await node.call('ConfirmSubscription', { TopicArn, Token: confirmation.body.Token });
    const before = node.invoked.length;
    await node.call('Publish', { TopicArn, Message: 'with ünïcode\nand lines', Subject: 'about' }, AT_AWS);
    await node.call('Publish', { TopicArn, Message: 'without a subject' }, AT_AWS);
    await eventually(() => hook.requests.length === 3 && node.invoked.length === before + 2);
    await node.call('Unsubscribe', { SubscriptionArn }, AT_AWS);
    await eventually(() => hook.requests.length === 4);
    const events = node.invoked.slice(before).map(({ payload }) => JSON.parse(Buffer.from(payload).toString()));
    const bodies: any[] = [];
    while (bodies.length < 2) bodies.push(...(await receive(node, queue.QueueUrl)).map(({ Body }) => JSON.parse(Body)));
    const payloads = [
      ...hook.requests.map(({ body }) => body),
      ...events.map(({ Records }) => Records[0].Sns),
      ...bodies,
    ];
    assert.equal(payloads.length, 8);
    assert.deepEqual(
      hook.requests.map(({ body }) => body.Type),
      ['SubscriptionConfirmation', 'Notification', 'Notification', 'UnsubscribeConfirmation'],
    );
    for (const payload of payloads) {
      assert.equal(payload.SignatureVersion, SignatureVersion);
      await validator.validate(structuredClone(payload));
      const certificate = node.sns.certificateAt(pathOf(payload.SigningCertURL ?? payload.SigningCertUrl))!;
      assert.ok(isSigned(payload, certificate));
      await assert.rejects(validator.validate({ ...payload, Message: `${payload.Message}!` }), /Invalid Signature/);
    }
  }
});

test('links and certificates begin as the configuration says, whatever the caller calls the node', async () => {
  await using away = await openNode({ linkBase: 'https://sns.plant.example' });
  using hook = await webhook();
  const TopicArn = await newTopic(away);
  const evil = { endpoint: 'http://evil.example' };
  await away.call('Subscribe', { TopicArn, Protocol: 'http', Endpoint: hook.url }, evil);
  await eventually(() => hook.requests.length === 1);
  await away.call('ConfirmSubscription', { TopicArn, Token: hook.requests[0]!.body.Token });
  await away.call('Publish', { TopicArn, Message: 'x' }, evil);
  await eventually(() => hook.requests.length === 2);
  const [asked, notified] = hook.requests.map(({ body }) => body);
  for (const url of [asked.SubscribeURL, asked.SigningCertURL, notified.UnsubscribeURL, notified.SigningCertURL]) {
    assert.equal(new URL(url).origin, 'https://sns.plant.example');
  }
});

test('each protocol is signed for what it gets to read', async () => {
  const TopicArn = await newTopic(node);
  const queue = await newQueue(node);
  await node.call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint: queue.arn });
  const Message = JSON.stringify({ default: 'all', sqs: 'queues' });
  await node.call('Publish', { TopicArn, Message, MessageStructure: 'json' });
  const [{ Body }] = await receive(node, queue.QueueUrl);
  const payload = JSON.parse(Body);
  assert.equal(payload.Message, 'queues');
  assert.ok(isSigned(payload, node.sns.certificateAt(pathOf(payload.SigningCertURL))!));
});

test('a FIFO topic does not sign, as on AWS', async () => {
  const TopicArn = await newTopic(node, { FifoTopic: 'true' });
  const queue = await newQueue(node, { FifoQueue: 'true' });
  await node.call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint: queue.arn });
  await node.call('Publish', { TopicArn, Message: 'x', MessageGroupId: 'g', MessageDeduplicationId: 'd' });
  const [{ Body }] = await receive(node, queue.QueueUrl);
  const { Type, MessageId, SequenceNumber, TopicArn: from, UnsubscribeURL, ...rest } = JSON.parse(Body);
  assert.equal(from, TopicArn);
  assert.match(SequenceNumber, /^\d{20}$/);
  assert.deepEqual(Object.keys(rest), ['Message', 'Timestamp']);
});

test('the certificate stays over restarts, is renewed before its end, and served until then', async () => {
  await using folder = await temporaryFolder();
  const day = 86_400_000;
  const clock = new SimulatedClock(Date.UTC(2026, 0, 1));
  const signed = async () => {
    await using one = await openNode({ directory: folder.path, clock });
    const TopicArn = await newTopic(one);
    const Endpoint = 'arn:aws:lambda:us-east-1:000000000000:function:f';
    await one.call('Subscribe', { TopicArn, Protocol: 'lambda', Endpoint });
    await one.call('Publish', { TopicArn, Message: 'x' });
    await eventually(() => one.invoked.length === 1);
    const { Sns } = JSON.parse(Buffer.from(one.invoked[0]!.payload).toString()).Records[0];
    const path = pathOf(Sns.SigningCertUrl);
    return { path, served: (other: string) => one.sns.certificateAt(other), pem: one.sns.certificateAt(path)! };
  };
  const first = await signed();
  assert.match(first.path, /^\/SimpleNotificationService-[0-9a-f]{32}\.pem$/);
  const { validTo, subject, publicKey } = new X509Certificate(first.pem);
  assert.equal(new Date(validTo).getTime(), clock.now() + 398 * day);
  assert.equal(subject, 'CN=sns.amazonaws.com');
  assert.equal(publicKey.asymmetricKeyDetails?.modulusLength, 2048);
  assert.equal((await signed()).path, first.path);
  await clock.advance(369 * day);
  const second = await signed();
  assert.notEqual(second.path, first.path);
  assert.equal(second.served(first.path), first.pem);
  await clock.advance(30 * day);
  const third = await signed();
  assert.equal(third.path, second.path);
  assert.equal(third.served(first.path), undefined);
  assert.equal(third.served(`${CONTEXT.endpoint}/SimpleNotificationService-.pem`), undefined);
});
