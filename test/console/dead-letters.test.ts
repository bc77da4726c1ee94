import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import {
  CreateFunctionCommand,
  type CreateFunctionCommandInput,
  InvokeCommand,
  LambdaClient,
  PutFunctionEventInvokeConfigCommand,
  type PutFunctionEventInvokeConfigCommandInput,
} from '@aws-sdk/client-lambda';
import { CreateTopicCommand, PublishCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  type MessageAttributeValue,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type {
  DeadLetterBulk,
  DeadLetterDetail,
  DeadLetterList,
} from '../../src/gateway/console/dead-letters/letter.ts';
import { Program } from '../cli/program.ts';
import { zipOf } from '../support/clients.ts';
import { TestNode } from '../support/node.ts';

const ACCOUNT = '000000000000';
const arnOf = (name: string) => `arn:aws:sqs:us-east-1:${ACCOUNT}:${name}`;

let node: TestNode;
let sqs: SQSClient;
let lambda: LambdaClient;
let sns: SNSClient;

before(async () => {
  node = await TestNode.start();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: node.endpoints.http, region: 'us-east-1', credentials };
  sqs = new SQSClient(options);
  lambda = new LambdaClient(options);
  sns = new SNSClient(options);
});

after(async () => {
  for (const client of [sqs, lambda, sns]) client.destroy();
  await node[Symbol.asyncDispose]();
});

async function ask<T = any>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> {
  const response = await fetch(`${node.endpoints.http}/_millrace/dead-letters${path}`, {
    method,
    ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as T };
}

const listed = async (query: string) => (await ask<DeadLetterList>('GET', `?${query}`)).body.letters;

/** A queue whose messages are dead after one receive. @returns URLs of both */
async function pair(name: string, fifo = ''): Promise<{ readonly url: string; readonly dead: string }> {
  const attributes = fifo === '' ? {} : { FifoQueue: 'true', ContentBasedDeduplication: 'true' };
  const dead = await sqs.send(new CreateQueueCommand({ QueueName: `${name}-dead${fifo}`, Attributes: attributes }));
  const policy = { deadLetterTargetArn: arnOf(`${name}-dead${fifo}`), maxReceiveCount: 1 };
  const { QueueUrl } = await sqs.send(
    new CreateQueueCommand({
      QueueName: `${name}${fifo}`,
      Attributes: { ...attributes, VisibilityTimeout: '1', RedrivePolicy: JSON.stringify(policy) },
    }),
  );
  return { url: QueueUrl!, dead: dead.QueueUrl! };
}

/** Receives until the queue is empty: each message once, and then it is dead. */
async function exhaust(url: string): Promise<void> {
  const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
  for (;;) {
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: [...names] }));
    if (names.every((name) => Attributes![name] === '0')) return;
    await sqs.send(new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10 }));
  }
}

/** Runs `millrace dead-letters` to its end. */
async function commandLine(...args: string[]) {
  await using program = new Program('/tmp', ['dead-letters', ...args], { AWS_ENDPOINT_URL: node.endpoints.http });
  const code = await program.exit();
  return { code, out: program.out, err: program.err };
}

const bodies = async (url: string) => {
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: url,
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: 2,
      MessageAttributeNames: ['All'],
    }),
  );
  return Messages.map(({ Body }) => Body!);
};

test('a message that a redrive policy moved is listed with why, and goes back edited', async () => {
  const { url } = await pair('orders');
  const kind: MessageAttributeValue = { DataType: 'String', StringValue: 'order' };
  const attributes = { kind };
  await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: '{"order":7}', MessageAttributes: attributes }));
  await exhaust(url);
  const [letter] = await listed(`place=${arnOf('orders-dead')}`);
  assert.equal(letter!.target, arnOf('orders'));
  assert.equal(letter!.errorCode, 'MaxReceiveCountExceeded');
  assert.deepEqual([letter!.attempts, letter!.preview], [1, '{"order":7}']);
  assert.ok(letter!.givenUpAt! >= letter!.sentAt);

  const { body: detail } = await ask<DeadLetterDetail>('GET', `/${letter!.id}`);
  assert.deepEqual(detail.attributes.messageAttributes, { kind });
  assert.equal(detail.body, '{"order":7}');

  const redriven = await ask('POST', `/${letter!.id}/redrive`, { body: '{"order":8}' });
  assert.deepEqual(redriven.body, { redriven: letter!.id, to: arnOf('orders') });
  assert.deepEqual(await bodies(url), ['{"order":8}']);
  const gone = await ask('POST', `/${letter!.id}/redrive`, {});
  assert.deepEqual([gone.status, gone.body.code], [404, 'letter-unknown']);
});

test('a message that somebody has put into a dead-letter queue goes where it is told', async () => {
  const { dead } = await pair('manual');
  await sqs.send(new CreateQueueCommand({ QueueName: 'elsewhere' }));
  await sqs.send(new SendMessageCommand({ QueueUrl: dead, MessageBody: 'by hand' }));
  const [letter] = await listed(`place=${arnOf('manual-dead')}`);
  const list = await commandLine('list', '--place', arnOf('manual-dead'));
  assert.match(list.out, /no reason noted {2}sent to manual-dead by unknown sender {2}/);
  const show = await commandLine('show', letter!.id);
  assert.match(show.err, /^reason +none was noted\nfrom +unknown sender\nto +nowhere else/);
  assert.deepEqual([letter!.target, letter!.errorCode], [undefined, undefined]);
  const nowhere = await ask('POST', `/${letter!.id}/redrive`, {});
  assert.deepEqual([nowhere.status, nowhere.body.code], [409, 'target-needed']);
  const redriven = await ask('POST', `/${letter!.id}/redrive`, { to: arnOf('elsewhere') });
  assert.equal(redriven.body.to, arnOf('elsewhere'));
  assert.deepEqual(await bodies(`${node.endpoints.http}/${ACCOUNT}/elsewhere`), ['by hand']);
  assert.equal((await listed(`place=${arnOf('manual-dead')}`)).length, 0);
});

test('a message that a function has put into a dead-letter queue says which', async () => {
  const { dead } = await pair('by-function');
  const code = `exports.handler = () => fetch(process.env.AWS_ENDPOINT_URL, {
    method: 'POST',
    headers: {
      'x-amz-target': 'AmazonSQS.SendMessage',
      'content-type': 'application/x-amz-json-1.0',
      'x-amzn-trace-id': process.env._X_AMZN_TRACE_ID,
    },
    body: ${JSON.stringify(JSON.stringify({ QueueUrl: dead, MessageBody: 'I cannot' }))},
  }).then((answer) => answer.status);`;
  const FunctionName = 'gives-up';
  const { FunctionArn } = await lambda.send(
    new CreateFunctionCommand({
      ...{ FunctionName, Runtime: 'nodejs24.x', Handler: 'index.handler', Timeout: 10 },
      Role: 'arn:aws:iam::000000000000:role/gives-up',
      Code: { ZipFile: await zipOf({ 'index.js': code }) },
    }),
  );
  const { Payload } = await lambda.send(new InvokeCommand({ FunctionName }));
  assert.equal(Buffer.from(Payload!).toString(), '200');
  const [letter] = await listed(`place=${arnOf('by-function-dead')}`);
  assert.deepEqual([letter!.source, letter!.target], [FunctionArn, undefined]);
  assert.match((await commandLine('list', '--source', 'gives-up')).out, /sent to by-function-dead by gives-up {2}/);
});

/** Looks again until a letter lies there. */
async function letterIn(place: string) {
  for (;;) {
    const [letter] = await listed(`place=${place}`);
    if (letter) return letter;
  }
}

/** A function that throws unless its event is good; asynchronous events are tried once. */
async function picky(
  FunctionName: string,
  settings: Partial<CreateFunctionCommandInput>,
  config: Partial<PutFunctionEventInvokeConfigCommandInput>,
): Promise<string> {
  const code =
    "exports.handler = async (event) => { if (!event.good) throw new TypeError('it is not good'); return 1; };";
  const { FunctionArn } = await lambda.send(
    new CreateFunctionCommand({
      ...{ FunctionName, Runtime: 'nodejs24.x', Handler: 'index.handler', Timeout: 10 },
      Role: 'arn:aws:iam::000000000000:role/picky',
      Code: { ZipFile: await zipOf({ 'index.js': code }) },
      ...settings,
    }),
  );
  await lambda.send(new PutFunctionEventInvokeConfigCommand({ FunctionName, MaximumRetryAttempts: 0, ...config }));
  const Payload = Buffer.from('{"good":false,"n":1}');
  await lambda.send(new InvokeCommand({ FunctionName, InvocationType: 'Event', Payload }));
  return FunctionArn!;
}

test('an event that a function has failed at says so, and goes back to the function edited', async () => {
  await sqs.send(new CreateQueueCommand({ QueueName: 'picky-dead' }));
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'picky-done' }));
  const destination = { DestinationConfig: { OnSuccess: { Destination: arnOf('picky-done') } } };
  const arn = await picky('picky', { DeadLetterConfig: { TargetArn: arnOf('picky-dead') } }, destination);
  const letter = await letterIn(arnOf('picky-dead'));
  assert.deepEqual([letter.target, letter.attempts, letter.preview], [arn, 1, '{"good":false,"n":1}']);
  assert.match(`${letter.errorCode} ${letter.errorMessage}`, /TypeError|not good|function-failed/);
  assert.ok(letter.givenUpAt! >= letter.sentAt);
  // As it is, it fails again, and lies there again: once.
  assert.equal((await ask('POST', `/${letter.id}/redrive`, {})).status, 200);
  const again = await letterIn(arnOf('picky-dead'));
  assert.notEqual(again.id, letter.id);
  const { body } = await ask('POST', `/${again.id}/redrive`, { body: '{"good":true,"n":2}' });
  assert.equal(body.to, arn);
  const [record] = await bodies(QueueUrl!);
  assert.deepEqual(JSON.parse(record!).requestPayload, { good: true, n: 2 });
  assert.equal((await listed(`place=${arnOf('picky-dead')}`)).length, 0);
});

test('a record at a destination for failures stands for the event in it', async () => {
  await sqs.send(new CreateQueueCommand({ QueueName: 'failures' }));
  const arn = await picky('recorded', {}, { DestinationConfig: { OnFailure: { Destination: arnOf('failures') } } });
  const letter = await letterIn(arnOf('failures'));
  assert.deepEqual([letter.target, letter.errorCode, letter.errorMessage], [arn, 'TypeError', 'it is not good']);
  assert.deepEqual([letter.attempts, letter.preview], [1, '{"good":false,"n":1}']);
  assert.equal((await ask('POST', `/${letter.id}/redrive`, { body: '{"good":true}' })).body.to, arn);
  assert.equal((await listed(`place=${arnOf('failures')}`)).length, 0);
});

test('a delivery that was lost for want of a queue is kept, and goes back to its target', async () => {
  let status = 503;
  const got: string[] = [];
  const server = createServer(async (request, response) => {
    got.push(await text(request));
    response.writeHead(status).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const Endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
    const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'lossy' }));
    const DeliveryPolicy = JSON.stringify({
      healthyRetryPolicy: { numRetries: 0, minDelayTarget: 1, maxDelayTarget: 1 },
    });
    const Attributes = { RawMessageDelivery: 'true', DeliveryPolicy };
    await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'http', Endpoint, Attributes }));
    await sns.send(new PublishCommand({ TopicArn, Message: 'an alarm' }));
    const letter = await letterIn('outbox');
    assert.deepEqual([letter.target, letter.source, letter.preview], [Endpoint, TopicArn, 'an alarm']);
    assert.match(`${letter.errorCode} ${letter.errorMessage}`, /503/);
    const { places } = (await ask<DeadLetterList>('GET', '')).body;
    assert.equal(places.find(({ id }) => id === 'outbox')!.waiting, 1);
    status = 200;
    got.length = 0;
    assert.equal((await ask('POST', `/${letter.id}/redrive`, { body: 'an alarm, again' })).body.to, Endpoint);
    while (got.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(got, ['an alarm, again']);
    assert.equal((await listed('place=outbox')).length, 0);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('queues that nothing names as their dead-letter queue are not shown', async () => {
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'private' }));
  await sqs.send(new SendMessageCommand({ QueueUrl: QueueUrl!, MessageBody: 'secret' }));
  const { status, body } = await ask('GET', `?place=${arnOf('private')}`);
  assert.deepEqual([status, body.code], [404, 'place-unknown']);
  assert.equal((await listed('text=secret')).length, 0);
});

test('many are sent back by a filter, the others stay', async () => {
  const { url, dead } = await pair('many');
  for (let batch = 0; batch < 60; batch++) {
    const Entries = Array.from({ length: 10 }, (_, n) => ({ Id: String(n), MessageBody: `{"n":${batch * 10 + n}}` }));
    await sqs.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }));
  }
  await exhaust(url);
  const place = arnOf('many-dead');
  const waiting = async () =>
    (await ask<DeadLetterList>('GET', '')).body.places.find(({ id }) => id === place)!.waiting;
  assert.equal(await waiting(), 600);
  let done = 0;
  let next: string | undefined;
  do {
    const after = next === undefined ? {} : { after: next };
    const answer = (await ask<DeadLetterBulk>('POST', '/redrive', { place, text: '5}', ...after })).body;
    assert.equal(answer.failed, 0);
    done += answer.done;
    next = answer.next;
  } while (next !== undefined);
  assert.equal(done, 60);
  assert.equal(await waiting(), 540);
  assert.deepEqual([...new Set((await bodies(url)).map((body) => body.slice(-2)))], ['5}']);
  const discarded = (await ask<DeadLetterBulk>('POST', '/discard', { place, limit: 500 })).body;
  assert.deepEqual([discarded.done, await waiting()], [500, 40]);
  assert.equal(dead, `${node.endpoints.http}/${ACCOUNT}/many-dead`);
});

test('pages of the browser are let in only when they are the node itself; what changes something must be JSON', async () => {
  const { dead } = await pair('guarded');
  await sqs.send(new SendMessageCommand({ QueueUrl: dead, MessageBody: 'x' }));
  const [letter] = await listed(`place=${arnOf('guarded-dead')}`);
  const url = `${node.endpoints.http}/_millrace/dead-letters`;
  const send = async (method: string, path: string, headers: Record<string, string>, body?: string) => {
    const response = await fetch(`${url}${path}`, { method, headers, ...(body !== undefined && { body }) });
    await response.arrayBuffer();
    return response.status;
  };
  const json = { 'content-type': 'application/json' };
  const others: readonly Record<string, string>[] = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    // Another application on this machine is another site all the same.
    { origin: 'http://localhost:3000' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ];
  for (const headers of others) {
    const words = JSON.stringify(headers);
    assert.equal(await send('POST', `/${letter!.id}/redrive`, { ...json, ...headers }, '{"to":"arn:x"}'), 403, words);
    assert.equal(await send('DELETE', `/${letter!.id}`, headers), 403, words);
    assert.equal(await send('POST', '/discard', { ...json, ...headers }, '{}'), 403, words);
    assert.equal(await send('GET', '', headers), 403, words);
  }
  // A link that somebody follows reads and changes nothing.
  assert.equal(await send('GET', '', { 'sec-fetch-site': 'none' }), 200);
  assert.equal(await send('DELETE', `/${letter!.id}`, { 'sec-fetch-site': 'none' }), 403);
  // What a form of a page may send without asking first.
  assert.equal(await send('POST', '/discard', { 'content-type': 'text/plain' }, '{}'), 415);
  assert.equal(await send('POST', '/discard', { 'content-type': 'application/x-www-form-urlencoded' }, 'a=b'), 415);
  const { origin } = new URL(url);
  assert.equal(await send('DELETE', `/${letter!.id}`, { origin, 'sec-fetch-site': 'same-origin' }), 200);
});

test('the command line lists, shows, sends back and discards', async () => {
  const { url } = await pair('cli');
  for (const n of [1, 2, 3]) await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: `{"n":${n}}` }));
  await exhaust(url);
  const place = arnOf('cli-dead');
  const { out, err } = await commandLine('list', '--place', place, '--json');
  assert.equal(err, '');
  const letters = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(letters.map(({ preview }) => preview).sort(), ['{"n":1}', '{"n":2}', '{"n":3}']);
  const shown = await commandLine('show', letters[0].id);
  assert.match(shown.err, /reason +MaxReceiveCountExceeded/);
  assert.equal(shown.out, `${letters[0].preview}\n`);
  const redriven = await commandLine('redrive', letters[0].id, '--body', '{"n":9}');
  assert.equal(redriven.code, 0, redriven.err);
  assert.deepEqual(await bodies(url), ['{"n":9}']);
  assert.equal((await commandLine('discard', letters[1].id)).code, 0);
  const again = await commandLine('discard', letters[1].id);
  assert.deepEqual([again.code, /not here any more/.test(again.err)], [1, true]);
  const rest = await commandLine('discard', '--all', '--place', place);
  assert.match(rest.err, /^1 discarded/m);
  assert.match((await commandLine('list', '--place', place)).err, /there are none/);
  assert.deepEqual([(await commandLine('lst')).code, (await commandLine('show')).code], [2, 2]);
});
