import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { clientEnvironment, TestNode } from '../support/node.ts';

const PROGRAM = `
  import { ListQueuesCommand, CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
  const client = new SQSClient();
  await client.send(new CreateQueueCommand({ QueueName: 'made-by-environment' }));
  console.log((await client.send(new ListQueuesCommand())).QueueUrls.join());
`;

test('the AWS SDK for JS drives a dev node by the variables of its environment alone', async () => {
  await using node = await TestNode.start();
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
    cwd: import.meta.dirname,
    env: { PATH: process.env.PATH, ...clientEnvironment(node.endpoints.http) },
  });
  assert.match(stdout, /^http:\/\/127\.0\.0\.1:\d+\/000000000000\/made-by-environment\n$/);
});
