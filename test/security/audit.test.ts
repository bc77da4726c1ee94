/** The audit log of a secured node: who did what, what was refused, and no secret. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, ListUsersCommand } from '@aws-sdk/client-iam';
import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { run } from '../wire/support.ts';
import { ROOT, SecuredNode } from './secured-node.ts';

const BIN = join(import.meta.dirname, '../../bin/millrace.js');

const options = (node: SecuredNode, credentials: { accessKeyId: string; secretAccessKey: string } = ROOT) => ({
  ...{ endpoint: node.endpoint, region: 'us-east-1', credentials: { ...credentials }, maxAttempts: 1 },
});

async function recordsOf(node: SecuredNode): Promise<{ readonly text: string; readonly records: readonly any[] }> {
  await node.stop();
  const directory = join(node.dataDirectory, 'audit');
  const texts = await Promise.all((await readdir(directory)).map((name) => readFile(join(directory, name), 'utf8')));
  const text = texts.join('');
  return {
    text,
    records: text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      // What was refused has files of its own.
      .sort((a, b) => Date.parse(a.eventTime) - Date.parse(b.eventTime)),
  };
}

test('who made what, and what was refused to whom, is in the log and on the command line; secrets are not', async () => {
  await using node = await SecuredNode.start();
  const iam = new IAMClient(options(node));
  await iam.send(new CreateUserCommand({ UserName: 'alice' }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: 'alice' }));
  const alice = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
  const aliceIam = new IAMClient(options(node, alice));
  await assert.rejects(aliceIam.send(new ListUsersCommand({})));
  await assert.rejects(aliceIam.send(new CreateUserCommand({ UserName: 'mallory' })));
  await iam.send(new ListUsersCommand({}));
  await assert.rejects(iam.send(new CreateUserCommand({ UserName: 'alice' })));

  const environment = {
    ...{ PATH: process.env.PATH, AWS_ENDPOINT_URL: node.endpoint },
    ...{ AWS_ACCESS_KEY_ID: ROOT.accessKeyId, AWS_SECRET_ACCESS_KEY: ROOT.secretAccessKey },
  };
  const shown = await run(process.execPath, [BIN, 'audit', '--denied', '--principal', 'alice'], environment);
  assert.equal(shown.code, 0, shown.stderr);
  assert.deepEqual(
    shown.stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('  ')[3]),
    ['iam:ListUsers', 'iam:CreateUser'],
  );

  const { text, records } = await recordsOf(node);
  assert.deepEqual(
    records.map(({ eventName, userIdentity, errorCode, resources }) => [
      ...[eventName, userIdentity.type, errorCode, resources[0]?.ARN],
    ]),
    [
      ['CreateUser', 'Root', undefined, 'arn:aws:iam::000000000000:user/alice'],
      ['CreateAccessKey', 'Root', undefined, 'arn:aws:iam::000000000000:user/alice'],
      ['ListUsers', 'IAMUser', 'AccessDenied', 'arn:aws:iam::000000000000:user/'],
      ['CreateUser', 'IAMUser', 'AccessDenied', 'arn:aws:iam::000000000000:user/mallory'],
      ['CreateUser', 'Root', 'EntityAlreadyExistsException', 'arn:aws:iam::000000000000:user/alice'],
    ],
  );
  const [, , refused] = records;
  assert.equal(refused.userIdentity.accessKeyId, alice.accessKeyId);
  assert.equal(refused.sourceIPAddress, '127.0.0.1');
  assert.match(
    refused.errorMessage,
    /^User: arn:aws:iam::000000000000:user\/alice is not authorized to perform: iam:ListUsers/,
  );
  for (const secret of [alice.secretAccessKey, ROOT.secretAccessKey]) assert.ok(!text.includes(secret));
});

test('what moves data is kept when the configuration asks for it', async () => {
  await using node = await SecuredNode.start({}, { audit: { events: 'all' } });
  const sqs = new SQSClient(options(node));
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'q' }));
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'not for the log' }));
  const { text, records } = await recordsOf(node);
  assert.deepEqual(
    records.map(({ eventName, eventCategory }) => [eventName, eventCategory]),
    [
      ['CreateQueue', 'Management'],
      ['SendMessage', 'Data'],
    ],
  );
  assert.ok(!text.includes('not for the log'));
});
