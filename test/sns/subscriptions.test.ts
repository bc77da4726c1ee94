import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { SimulatedClock } from '../../src/base/index.ts';
import { egressGuard, type GivenUp } from '../../src/delivery/index.ts';
import { certificateRoute } from '../../src/node/routes.ts';
import { advanceUntil, eventually } from '../pollers/fakes.ts';
import { startWire } from '../wire/support.ts';
import { type Node, newQueue, newTopic, openNode, receive, temporaryFolder, webhook } from './support.ts';

const UNSIGNED = { caller: { accountId: 'anonymous', arn: 'anonymous', unsigned: true } } as const;
const HOUR = 3_600_000;

async function subscribed(node: Node, Endpoint: string, Attributes: Record<string, string> = {}, Protocol = 'http') {
  const TopicArn = await newTopic(node);
  const input = { TopicArn, Protocol, Endpoint, Attributes, ReturnSubscriptionArn: true };
  const { SubscriptionArn } = await node.call('Subscribe', input);
  return { TopicArn, SubscriptionArn };
}

const attributesOf = async (node: Node, SubscriptionArn: string): Promise<Record<string, string>> =>
  (await node.call('GetSubscriptionAttributes', { SubscriptionArn })).Attributes;

test('links confirm, unsubscribe and restore without a signature, and the certificate is served, where all else is proven', async () => {
  await using node = await openNode();
  await using wire = await startWire([node.sns.service], { extraRoutes: [certificateRoute(node.sns)] });
  using hook = await webhook();
  const TopicArn = await newTopic(node);
  const visit = async (url: string) => {
    const answer = await fetch(url);
    return { status: answer.status, text: await answer.text() };
  };
  await node.call('Subscribe', { TopicArn, Protocol: 'http', Endpoint: hook.url }, { endpoint: wire.url });
  await eventually(() => hook.requests.length === 1);
  const confirmed = await visit(hook.requests[0]!.body.SubscribeURL);
  assert.equal(confirmed.status, 200);
  const SubscriptionArn = /<SubscriptionArn>(.+)<\/SubscriptionArn>/.exec(confirmed.text)![1]!;
  assert.match(confirmed.text, /<ConfirmSubscriptionResponse/);
  await node.call('Publish', { TopicArn, Message: 'x' }, { endpoint: wire.url });
  await eventually(() => hook.requests.length === 2);
  const { SigningCertURL, UnsubscribeURL } = hook.requests[1]!.body;
  assert.match((await visit(SigningCertURL)).text, /^-----BEGIN CERTIFICATE-----\n/);
  assert.equal((await visit(`${wire.url}/SimpleNotificationService-${'0'.repeat(32)}.pem`)).status, 404);
  assert.equal((await visit(UnsubscribeURL)).status, 200);
  await assert.rejects(node.call('GetSubscriptionAttributes', { SubscriptionArn }), { code: 'not-found' });
  await eventually(() => hook.requests.length === 3);
  const { body, headers } = hook.requests[2]!;
  assert.equal(body.Type, 'UnsubscribeConfirmation');
  assert.equal(headers['x-amz-sns-message-type'], 'UnsubscribeConfirmation');
  assert.equal(headers['x-amz-sns-subscription-arn'], SubscriptionArn);
  assert.match(body.Message, /^You have chosen to deactivate subscription arn:.*\nTo cancel this operation/);
  assert.equal((await visit(body.SubscribeURL)).status, 200);
  assert.equal((await attributesOf(node, SubscriptionArn)).PendingConfirmation, 'false');
  // A token is good once, and no other operation is open.
  assert.equal((await visit(body.SubscribeURL)).status, 400);
  assert.equal((await visit(`${wire.url}/?Action=ListTopics&Version=2010-03-31`)).status, 403);
  assert.equal((await visit(`${wire.url}/?Action=DeleteTopic&TopicArn=${TopicArn}&Version=2010-03-31`)).status, 403);
  const posted = await fetch(`${wire.url}/`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `Action=Unsubscribe&SubscriptionArn=${SubscriptionArn}&Version=2010-03-31`,
  });
  assert.equal(posted.status, 403);
});

test('a subscription that wants signed requests is not ended by its link', async () => {
  await using node = await openNode();
  using hook = await webhook();
  const { TopicArn, SubscriptionArn } = await subscribed(node, hook.url);
  await eventually(() => hook.requests.length === 1);
  const { Token } = hook.requests[0]!.body;
  await node.call('ConfirmSubscription', { TopicArn, Token, AuthenticateOnUnsubscribe: 'true' });
  assert.equal((await attributesOf(node, SubscriptionArn)).ConfirmationWasAuthenticated, 'true');
  await assert.rejects(node.call('Unsubscribe', { SubscriptionArn }, UNSIGNED), { code: 'authorization-missing' });
  await node.call('Unsubscribe', { SubscriptionArn });
  await assert.rejects(attributesOf(node, SubscriptionArn), { code: 'not-found' });
});

test('whoever asks again is asked again, but not every minute and not for ever', async () => {
  const clock = new SimulatedClock();
  await using node = await openNode({ clock });
  using hook = await webhook();
  const { TopicArn } = await subscribed(node, hook.url);
  const again = () => node.call('Subscribe', { TopicArn, Protocol: 'http', Endpoint: hook.url });
  await again();
  for (let asked = 1; asked <= 15; asked++) {
    await eventually(() => hook.requests.length === Math.min(asked, 10));
    await eventually(() => node.delivery.edges().every(({ isIdle }) => isIdle));
    await clock.advance(61_000);
    assert.equal((await again()).SubscriptionArn, 'pending confirmation');
  }
  assert.equal(new Set(hook.requests.map(({ body }) => body.Token)).size, 1);
  const { Subscriptions } = await node.call('ListSubscriptionsByTopic', { TopicArn });
  assert.deepEqual(
    Subscriptions.map((one: any) => one.SubscriptionArn),
    ['PendingConfirmation'],
  );
});

test('whoever was asked by a clock that was ahead is asked again before that time comes', async () => {
  await using folder = await temporaryFolder();
  using hook = await webhook();
  let TopicArn: string;
  {
    const clock = new SimulatedClock(Date.UTC(2099, 0, 1));
    await using node = await openNode({ clock, directory: folder.path });
    ({ TopicArn } = await subscribed(node, hook.url));
    await eventually(() => hook.requests.length === 1);
  }
  await using node = await openNode({ clock: new SimulatedClock(), directory: folder.path });
  await node.call('Subscribe', { TopicArn, Protocol: 'http', Endpoint: hook.url });
  await eventually(() => hook.requests.length === 2);
});

test('a token is good for two days: what was not confirmed is forgotten, what was ended is not restored', async () => {
  const clock = new SimulatedClock();
  await using node = await openNode({ clock });
  using hook = await webhook();
  const { TopicArn, SubscriptionArn } = await subscribed(node, hook.url);
  await eventually(() => hook.requests.length === 1);
  const { Token } = hook.requests[0]!.body;
  await assert.rejects(node.call('ConfirmSubscription', { TopicArn, Token: 'randomtoken' }), {
    message: 'Invalid token',
  });
  await assert.rejects(node.call('ConfirmSubscription', { TopicArn, Token: '0'.repeat(256) }), {
    message: 'Invalid parameter: Token',
  });
  await node.call('ConfirmSubscription', { TopicArn, Token });
  await node.call('Unsubscribe', { SubscriptionArn });
  await eventually(() => hook.requests.length === 2);
  await node.call('Subscribe', { TopicArn, Protocol: 'email', Endpoint: 'a@example.com' });
  await clock.advance(49 * HOUR);
  const late = { TopicArn, Token: hook.requests[1]!.body.Token };
  await assert.rejects(node.call('ConfirmSubscription', late), { message: 'Invalid parameter: Token' });
  let pending: readonly object[] = [{}];
  await advanceUntil(clock, HOUR, () => {
    void node.call('ListSubscriptionsByTopic', { TopicArn }).then(({ Subscriptions }) => {
      pending = Subscriptions;
    });
    return pending.length === 0;
  });
});

test('two calls at the same time make one subscription', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node);
  const { arn: Endpoint } = await newQueue(node);
  const subscribe = () => node.call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint });
  const answers = await Promise.all(Array.from({ length: 5 }, subscribe));
  assert.equal(new Set(answers.map(({ SubscriptionArn }) => SubscriptionArn)).size, 1);
  const [one] = answers;
  const set = (AttributeName: string, AttributeValue: string) =>
    node.call('SetSubscriptionAttributes', { ...one, AttributeName, AttributeValue });
  await Promise.all([set('RawMessageDelivery', 'true'), set('FilterPolicy', '{"a":["x"]}')]);
  const attributes = await attributesOf(node, one.SubscriptionArn);
  assert.equal(attributes.RawMessageDelivery, 'true');
  assert.equal(attributes.FilterPolicy, '{"a":["x"]}');
});

test('what is subscribed, confirmed and ended survives a restart', async () => {
  await using folder = await temporaryFolder();
  using hook = await webhook();
  const tokens = (type: string) => hook.requests.filter(({ body }) => body.Type === type).map(({ body }) => body.Token);
  let TopicArn = '';
  let SubscriptionArn = '';
  {
    await using node = await openNode({ directory: folder.path });
    ({ TopicArn, SubscriptionArn } = await subscribed(node, hook.url));
    await eventually(() => hook.requests.length === 1);
  }
  {
    await using node = await openNode({ directory: folder.path });
    await node.call('ConfirmSubscription', { TopicArn, Token: tokens('SubscriptionConfirmation')[0] });
    await node.call('Unsubscribe', { SubscriptionArn });
    await eventually(() => tokens('UnsubscribeConfirmation').length > 0);
  }
  await using node = await openNode({ directory: folder.path });
  await node.call('ConfirmSubscription', { TopicArn, Token: tokens('UnsubscribeConfirmation')[0] });
  await node.call('Publish', { TopicArn, Message: 'still here' });
  await eventually(() => hook.requests.some(({ body }) => body.Message === 'still here'));
});

const PHASES = {
  ...{ minDelayTarget: 2, maxDelayTarget: 8, numRetries: 6, numMaxDelayRetries: 1, numNoDelayRetries: 1 },
  ...{ numMinDelayRetries: 1, backoffFunction: 'linear' },
};

test('a delivery policy retries by its phases, then comes the dead letter', async () => {
  const clock = new SimulatedClock();
  await using node = await openNode({ clock, confirmLoopback: false });
  using hook = await webhook(() => 503);
  const dead = await newQueue(node);
  const { TopicArn } = await subscribed(node, hook.url, {
    DeliveryPolicy: JSON.stringify({ healthyRetryPolicy: PHASES }),
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: dead.arn }),
  });
  const givenUp: GivenUp[] = [];
  node.delivery.onGivenUp((one) => givenUp.push(one));
  await node.call('Publish', { TopicArn, Message: 'retried' });
  await advanceUntil(clock, 100, () => givenUp.length === 1);
  assert.equal(hook.requests.length, 7);
  // What each phase waits is the outbox's: see delivery/policy.test.ts.
  const { schedule, attemptsMax, ageMsMax } = givenUp[0]!.delivery.policy;
  assert.deepEqual(schedule, {
    ...{ noDelay: 1, minDelay: 1, backoff: 3, maxDelay: 1, minDelayMs: 2000, maxDelayMs: 8000 },
    backoffFunction: 'linear',
  });
  assert.deepEqual([attemptsMax, ageMsMax], [7, HOUR]);
  await eventually(() => node.counted('NumberOfNotificationsRedrivenToDlq') === 1);
  assert.equal(JSON.parse((await receive(node, dead.QueueUrl, 0))[0].Body).Message, 'retried');
  assert.equal(node.counted('NumberOfNotificationsFailed'), 1);
});

test('delivery policies: what the subscription, else the topic, else AWS says', async () => {
  await using node = await openNode({ confirmLoopback: false });
  using hook = await webhook();
  const DeliveryPolicy = JSON.stringify({
    healthyRetryPolicy: PHASES,
    throttlePolicy: { maxReceivesPerSecond: 1000 },
    requestPolicy: { headerContentType: 'text/csv' },
  });
  const { TopicArn, SubscriptionArn } = await subscribed(node, hook.url, { DeliveryPolicy });
  const setTopic = (http: object) => {
    const AttributeValue = JSON.stringify({ http });
    return node.call('SetTopicAttributes', { TopicArn, AttributeName: 'DeliveryPolicy', AttributeValue });
  };
  const arrives = async (type: string) => {
    const before = hook.requests.length;
    await node.call('Publish', { TopicArn, Message: 'x' });
    await eventually(() => hook.requests.length > before);
    assert.equal(hook.requests.at(-1)!.headers['content-type'], type);
  };
  const defaultRequestPolicy = { headerContentType: 'application/json' };
  await setTopic({ defaultRequestPolicy });
  const shown = await attributesOf(node, SubscriptionArn);
  assert.deepEqual(JSON.parse(shown.DeliveryPolicy!), {
    healthyRetryPolicy: PHASES,
    sicklyRetryPolicy: null,
    throttlePolicy: { maxReceivesPerSecond: 1000 },
    requestPolicy: { headerContentType: 'text/csv' },
    guaranteed: false,
  });
  await arrives('text/csv');
  await setTopic({ defaultRequestPolicy, disableSubscriptionOverrides: true });
  await arrives('application/json');
  const { EffectiveDeliveryPolicy } = await attributesOf(node, SubscriptionArn);
  const { healthyRetryPolicy: effective, requestPolicy, throttlePolicy } = JSON.parse(EffectiveDeliveryPolicy!);
  assert.equal(effective.numRetries, 3);
  assert.equal(requestPolicy.headerContentType, 'application/json');
  assert.equal(throttlePolicy, null);
  const { Attributes } = await node.call('GetTopicAttributes', { TopicArn });
  assert.deepEqual(JSON.parse(Attributes.EffectiveDeliveryPolicy), {
    http: {
      defaultHealthyRetryPolicy: {
        ...{ minDelayTarget: 20, maxDelayTarget: 20, numRetries: 3, numMaxDelayRetries: 0, numNoDelayRetries: 0 },
        ...{ numMinDelayRetries: 0, backoffFunction: 'linear' },
      },
      disableSubscriptionOverrides: true,
      defaultRequestPolicy,
    },
  });
});

test('a webhook gets no more a second than it has asked for, and all of it', async () => {
  await using node = await openNode({ confirmLoopback: false });
  const arrivals: number[] = [];
  using hook = await webhook(() => {
    arrivals.push(performance.now());
    return 200;
  });
  const DeliveryPolicy = JSON.stringify({ throttlePolicy: { maxReceivesPerSecond: 4 } });
  const { TopicArn } = await subscribed(node, hook.url, { DeliveryPolicy });
  for (const Message of ['a', 'b', 'c', 'd', 'e']) await node.call('Publish', { TopicArn, Message });
  await eventually(() => hook.requests.length === 5);
  // One at once, the others a quarter of a second apart.
  assert.ok(arrivals.at(-1)! - arrivals[0]! > 900);
  assert.deepEqual(hook.requests.map(({ body }) => body.Message).toSorted(), ['a', 'b', 'c', 'd', 'e']);
});

test('delivery policies that say nothing are refused, member by member', async () => {
  await using node = await openNode();
  const TopicArn = await newTopic(node);
  const policies: readonly [object | string, RegExp][] = [
    ['no JSON', /failed to parse JSON/],
    [{ healthyRetryPolicy: { numRetries: 101 } }, /numRetries/],
    [{ healthyRetryPolicy: { minDelayTarget: 21 } }, /minDelayTarget/],
    [{ healthyRetryPolicy: { minDelayTarget: 1, maxDelayTarget: 3601 } }, /maxDelayTarget/],
    [{ healthyRetryPolicy: { numRetries: 2, numNoDelayRetries: 3 } }, /phases/],
    [{ healthyRetryPolicy: { backoffFunction: 'random' } }, /backoffFunction/],
    [{ healthyRetryPolicy: { nonsense: 1 } }, /nonsense/],
    [{ throttlePolicy: { maxReceivesPerSecond: 0 } }, /maxReceivesPerSecond/],
    [{ requestPolicy: { headerContentType: 'text/plain\r\nx: y' } }, /headerContentType/],
    [{ requestPolicy: { headerContentType: 'image/png' } }, /headerContentType/],
    [{ nonsense: {} }, /nonsense/],
  ];
  for (const [policy, message] of policies) {
    const DeliveryPolicy = typeof policy === 'string' ? policy : JSON.stringify(policy);
    const subscribe = { TopicArn, Protocol: 'https', Endpoint: 'https://example.com', Attributes: { DeliveryPolicy } };
    await assert.rejects(node.call('Subscribe', subscribe), { code: 'parameter-invalid', message });
  }
  const onQueue = {
    Protocol: 'sqs',
    Endpoint: 'arn:aws:sqs:us-east-1:000000000000:q',
    Attributes: { DeliveryPolicy: '{}' },
  };
  await node.call('Subscribe', { TopicArn, ...onQueue });
  const { arn: Endpoint } = await newQueue(node);
  const Attributes = { DeliveryPolicy: '{"throttlePolicy":null}' };
  await assert.rejects(node.call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint, Attributes }), /does not support/);
});

test('raw messages: to webhooks with a header, to queues with ten attributes at most', async () => {
  await using node = await openNode({ confirmLoopback: false });
  using hook = await webhook();
  const { TopicArn } = await subscribed(node, hook.url, { RawMessageDelivery: 'true' });
  const [queue, dead, plain] = [await newQueue(node), await newQueue(node), await newQueue(node)];
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dead.arn });
  const Attributes = { RawMessageDelivery: 'true', RedrivePolicy };
  await node.call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint: queue.arn, Attributes });
  const raw = { RawMessageDelivery: 'true' };
  await node.call('Subscribe', { TopicArn, Protocol: 'sqs', Endpoint: plain.arn, Attributes: raw });
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`a${i}`, { DataType: 'String', StringValue: 'x' }]));
  await node.call('Publish', { TopicArn, Message: 'ten', MessageAttributes: many(10) });
  await node.call('Publish', { TopicArn, Message: 'eleven', MessageAttributes: many(11) });
  const [ten] = await receive(node, queue.QueueUrl);
  assert.equal(ten.Body, 'ten');
  assert.equal(Object.keys(ten.MessageAttributes).length, 10);
  assert.equal((await receive(node, dead.QueueUrl))[0].Body, 'eleven');
  assert.deepEqual(await receive(node, queue.QueueUrl, 0), []);
  // Without a dead-letter queue it is kept too.
  assert.equal((await receive(node, plain.QueueUrl))[0].Body, 'ten');
  const { letters } = await node.delivery.letters({ limit: 10 });
  assert.deepEqual(
    letters.map(({ origin }) => origin.arn),
    [plain.arn],
  );
  await eventually(() => hook.requests.length === 2);
  assert.equal(hook.requests[0]!.headers['x-amz-sns-rawdelivery'], 'true');
  assert.deepEqual(hook.requests.map(({ body }) => body).toSorted(), ['eleven', 'ten']);
  await eventually(() => node.counted('NumberOfNotificationsRedrivenToDlq') === 1);
  assert.equal(node.counted('NumberOfNotificationsFailed'), 2);
});

test('a redirect is not followed, to loopback least of all: it is a failure for good', async () => {
  let reached = 0;
  const inside = createServer((_, response) => {
    reached++;
    response.end();
  });
  await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve));
  const { port } = inside.address() as AddressInfo;
  try {
    for (const location of [`http://127.0.0.1:${port}/`, `http://localhost:${port}/`, `http://[::1]:${port}/`]) {
      await using node = await openNode({ confirmLoopback: false });
      using hook = await webhook(() => [302, { location }] as const);
      const dead = await newQueue(node);
      const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dead.arn });
      const { TopicArn } = await subscribed(node, hook.url, { RedrivePolicy });
      await node.call('Publish', { TopicArn, Message: 'x' });
      assert.equal(JSON.parse((await receive(node, dead.QueueUrl))[0].Body).Message, 'x');
      assert.equal(hook.requests.length, 1);
    }
    assert.equal(reached, 0);
  } finally {
    inside.close();
  }
});

test('a node calls neither itself nor, in production, its own machine: not to confirm and not to notify', async () => {
  using hook = await webhook();
  const port = Number(new URL(hook.url).port);
  const rules = { allow: [], ownAddresses: () => ['127.0.0.1'] };
  const guards = [
    egressGuard({ ...rules, mode: 'dev', ownPorts: () => [port] }),
    egressGuard({ ...rules, mode: 'secured', ownPorts: () => [] }),
  ];
  for (const egress of guards) {
    await using node = await openNode({ egress, confirmLoopback: false });
    await using strict = await openNode({ egress });
    for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '0x7f.1', '2130706433']) {
      const url = `http://${host}:${port}/hook`;
      const dead = await newQueue(node);
      const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dead.arn });
      const { TopicArn, SubscriptionArn } = await subscribed(node, url, { RedrivePolicy });
      if ((await attributesOf(node, SubscriptionArn)).PendingConfirmation === 'false') {
        await node.call('Publish', { TopicArn, Message: host });
        assert.equal(JSON.parse((await receive(node, dead.QueueUrl))[0].Body).Message, host);
      }
      await subscribed(strict, url);
    }
    await eventually(() => strict.delivery.edges().every(({ pending }) => pending === 0));
  }
  assert.equal(hook.requests.length, 0);
});
