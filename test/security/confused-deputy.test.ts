/** Services that act for others: what they bring is taken only where the target says that it may come. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CreateTopicCommand, PublishCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Node } from '../../src/node/index.ts';
import { securedNode } from '../support/in-process.ts';
import { ROOT } from './secured-node.ts';

let node: Node;
let directory: string;
let sns: SNSClient;
let sqs: SQSClient;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-deputy-'));
  node = await securedNode(directory, ROOT);
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials: { ...ROOT } };
  sns = new SNSClient(options);
  sqs = new SQSClient({ ...options, credentials: { ...ROOT } });
});
after(async () => {
  sns?.destroy();
  sqs?.destroy();
  await node?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const arn = (name: string) => `arn:aws:sqs:us-east-1:000000000000:${name}`;

async function queue(QueueName: string): Promise<string> {
  return (await sqs.send(new CreateQueueCommand({ QueueName }))).QueueUrl!;
}

async function topic(Name: string): Promise<string> {
  return (await sns.send(new CreateTopicCommand({ Name }))).TopicArn!;
}

async function received(QueueUrl: string): Promise<number> {
  return (await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))).Messages?.length ?? 0;
}

test("a stranger's topic puts nothing into a queue that lets another topic", async () => {
  const [inbox, news, strange] = [await queue('inbox'), await topic('news'), await topic('strange')];
  const dead = await queue('dead');
  const statement = (SourceArn: string, name: string) => ({
    ...{ Effect: 'Allow', Principal: { Service: 'sns.amazonaws.com' }, Action: 'sqs:SendMessage' },
    ...{ Resource: arn(name), Condition: { ArnEquals: { 'aws:SourceArn': SourceArn } } },
  });
  const policy = (...Statement: object[]) => ({ Policy: JSON.stringify({ Version: '2012-10-17', Statement }) });
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl: inbox, Attributes: policy(statement(news, 'inbox')) }));
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl: dead, Attributes: policy(statement(strange, 'dead')) }));
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arn('dead') });
  for (const TopicArn of [news, strange]) {
    const subscription = { TopicArn, Protocol: 'sqs', Endpoint: arn('inbox'), Attributes: { RedrivePolicy } };
    await sns.send(new SubscribeCommand(subscription));
    await sns.send(new PublishCommand({ TopicArn, Message: 'hello' }));
  }
  // What was refused is given up at once, to the subscription's own queue of dead letters.
  const letters = await sqs.send(new ReceiveMessageCommand({ QueueUrl: dead, WaitTimeSeconds: 20 }));
  assert.equal(letters.Messages?.length, 1);
  assert.equal(await received(inbox), 1);
  await sqs.send(new PurgeQueueCommand({ QueueUrl: inbox }));
});
