import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateTopicCommand, PublishCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { temporaryDirectory } from '../support/directory.ts';
import { aMoment, until } from '../support/eventually.ts';
import { TestNode } from '../support/node.ts';
import { assertHealthy, assertOrdered, Flow, fleet, type Reading } from './flow.ts';

/** Every tenth reading of a device is an alert, published before the batch is witnessed. */
const ALERTING = `
  exports.handler = async ({ Records }) => {
    for (const record of Records) {
      const [device, sequence] = readingOf(record);
      if (sequence % 10 !== 0) continue;
      const alert = { Action: 'Publish', Version: '2010-03-31', TopicArn: process.env.TOPIC, Message: device + ',' + sequence };
      const response = await fetch(process.env.AWS_ENDPOINT_URL, { method: 'POST', body: new URLSearchParams(alert) });
      if (!response.ok) throw new Error(await response.text());
    }
    await witness(Records);
  };
`;

/** A webhook that hangs up on whoever calls while it is down. */
class Webhook implements AsyncDisposable {
  isUp = false;
  refused = 0;
  readonly alerts = new Set<string>();
  readonly #server = createServer((request, response) => {
    if (!this.isUp) {
      this.refused++;
      request.socket.destroy();
      return;
    }
    void this.#take(request).then(() => response.end());
  });

  static async open(): Promise<Webhook> {
    const webhook = new Webhook();
    webhook.#server.listen(0, '127.0.0.1');
    await once(webhook.#server, 'listening');
    return webhook;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/alerts`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #take(request: IncomingMessage): Promise<void> {
    this.alerts.add((JSON.parse(await text(request)) as { Message: string }).Message);
  }
}

test('a webhook that is down delays nothing but its own alerts, and gets them all when it is back, after a SIGKILL too', async () => {
  await using directory = await temporaryDirectory();
  await using webhook = await Webhook.open();
  let alerts: Set<string>;
  {
    await using node = await TestNode.start({ dataDirectory: directory.path });
    const flow = new Flow(node);
    const sns = new SNSClient(flow.clientOptions);
    const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'alerts' }));
    const beside = await flow.queue('beside');
    const DeliveryPolicy = JSON.stringify({
      healthyRetryPolicy: { numRetries: 100, minDelayTarget: 1, maxDelayTarget: 1 },
    });
    await sns.send(
      new SubscribeCommand({ TopicArn, Protocol: 'http', Endpoint: webhook.url, Attributes: { DeliveryPolicy } }),
    );
    await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: beside.arn }));
    await flow.deploy({ handler: ALERTING, function: { Environment: { Variables: { TOPIC: TopicArn! } } } });
    const devices = await fleet(node);
    await Promise.all(devices.map((device) => device.reach(60)));
    for (const device of devices) await device.stop();
    const readings = devices.flatMap((device) => device.acknowledged);
    alerts = new Set(readings.filter(([, sequence]) => sequence % 10 === 0).map(String));

    assertOrdered(await flow.witnessed(readings));
    const told = new Set<string>();
    while (told.size < alerts.size) {
      for (const body of await flow.receive(beside.url)) told.add((body as { Message: string }).Message);
    }
    assert.deepEqual(told, alerts);
    // A target that fails is probed, not tried with all that waits for it.
    await until(() => webhook.refused >= 10, 'tries of the webhook');
    assert.equal(webhook.alerts.size, 0);
    await assertHealthy(node);
    await node.stop('SIGKILL');
  }
  await using node = await TestNode.start({ dataDirectory: directory.path });
  webhook.isUp = true;
  await until(() => webhook.alerts.size >= alerts.size, 'all alerts');
  assert.deepEqual(webhook.alerts, alerts);
  await assertHealthy(node);
});

test('after SIGKILL all acknowledged messages, notifications and asynchronous invokes are there', async () => {
  await using directory = await temporaryDirectory();
  const acknowledged: Reading[] = [];
  {
    await using node = await TestNode.start({ dataDirectory: directory.path });
    const flow = new Flow(node);
    await flow.deploy({ handler: 'exports.handler = ({ Records }) => witness(Records);' });
    const sqs = new SQSClient(flow.clientOptions);
    const sns = new SNSClient(flow.clientOptions);
    const lambda = new LambdaClient(flow.clientOptions);
    const sent = await flow.queue('sent');
    const notified = await flow.queue('notified');
    const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'notices' }));
    const Attributes = { RawMessageDelivery: 'true' };
    await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: notified.arn, Attributes }));
    const ways: readonly ((reading: Reading) => Promise<unknown>)[] = [
      (reading) => sqs.send(new SendMessageCommand({ QueueUrl: sent.url, MessageBody: JSON.stringify(reading) })),
      (reading) => sns.send(new PublishCommand({ TopicArn, Message: JSON.stringify(reading) })),
      (reading) =>
        lambda.send(
          new InvokeCommand({
            FunctionName: 'witness',
            InvocationType: 'Event',
            Payload: JSON.stringify(eventOf(reading)),
          }),
        ),
    ];
    const senders = ways.flatMap((send, way) =>
      Array.from({ length: 4 }, (_, sender) => sendAll(send, way, sender, acknowledged)),
    );
    let areSending = true;
    const ended = Promise.all(senders).then(() => {
      areSending = false;
    });
    const isFull = () => ways.every((_, way) => countOf(acknowledged, way) >= 100);
    // As long as it takes on this machine: how fast a flow is is not what is tested.
    while (!isFull() && areSending) await aMoment();
    assert.ok(isFull(), 'the senders have ended before');
    await node.stop('SIGKILL');
    await ended;
  }
  await using node = await TestNode.start({ dataDirectory: directory.path });
  const flow = new Flow(node);
  const of = (way: number) => acknowledged.filter(([one]) => one === way);
  await flow.witnessed(of(2));
  for (const [way, queue] of ['sent', 'notified'].entries()) await flow.received(queue, of(way));
});

function countOf(readings: readonly Reading[], way: number): number {
  return readings.filter(([one]) => one === way).length;
}

/** Sends one after the other until the node is gone. */
async function sendAll(
  send: (reading: Reading) => Promise<unknown>,
  way: number,
  sender: number,
  acknowledged: Reading[],
): Promise<void> {
  for (let sequence = sender; ; sequence += 4) {
    const reading: Reading = [way, sequence];
    try {
      await send(reading);
    } catch {
      return;
    }
    acknowledged.push(reading);
  }
}

/** An event as the witness reads it. */
function eventOf(reading: Reading): object {
  return { Records: [{ kinesis: { data: Buffer.from(JSON.stringify(reading)).toString('base64') } }] };
}
