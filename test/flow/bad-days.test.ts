import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { KinesisClient, PutRecordCommand } from '@aws-sdk/client-kinesis';
import { temporaryDirectory } from '../support/directory.ts';
import { TestNode } from '../support/node.ts';
import { assertOrdered, Flow, fleet, type Reading } from './flow.ts';

const DEVICES = 4;

test('after SIGKILL in full flow every acknowledged reading reaches the function, in order for each device', async () => {
  await using directory = await temporaryDirectory();
  const acknowledged: Reading[] = [];
  let next: readonly number[] = new Array(DEVICES).fill(0);
  // The kill comes at another moment of the flow each time: early, in the middle of batches, late.
  for (const [generation, count] of [150, 400, 900].entries()) {
    await using node = await TestNode.start({ dataDirectory: directory.path });
    if (generation === 0) await new Flow(node).deploy();
    const devices = await fleet(node, DEVICES, (device) => next[device]!);
    await Promise.all(devices.map((device) => device.reach(count)));
    await node.stop('SIGKILL');
    for (const device of devices) {
      acknowledged.push(...device.acknowledged);
      await device.stop();
    }
    next = devices.map((device) => device.next);
  }
  await using node = await TestNode.start({ dataDirectory: directory.path });
  const seen = await new Flow(node).witnessed(acknowledged);
  assert.ok(acknowledged.length >= DEVICES * (150 + 400 + 900));
  assertOrdered(seen);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} in full flow drains: exit code 0, nothing acknowledged is lost, nothing comes twice`, async () => {
    await using directory = await temporaryDirectory();
    const acknowledged: Reading[] = [];
    {
      await using node = await TestNode.start({ dataDirectory: directory.path });
      await new Flow(node).deploy();
      const devices = await fleet(node, DEVICES);
      await Promise.all(devices.map((device) => device.reach(300)));
      assert.equal(await node.stop(signal), 0, node.log);
      for (const device of devices) {
        await device.stop();
        acknowledged.push(...device.acknowledged);
      }
    }
    await using node = await TestNode.start({ dataDirectory: directory.path });
    const seen = await new Flow(node).witnessed(acknowledged);
    assertOrdered(seen);
    const distinct = new Set(seen.map(String));
    assert.equal(distinct.size, seen.length, 'a drained node leaves no batch half done');
  });
}

/** Tells that it has begun, works for a while, then calls the node. */
const LATE_CALL = `
exports.handler = async ({ Records }) => {
  await fetch(process.env.AWS_ENDPOINT_URL, {
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.SendMessage' },
    body: JSON.stringify({ QueueUrl: process.env.AWS_ENDPOINT_URL + '/000000000000/begun', MessageBody: 'true' }),
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  await witness(Records);
};`;

test('a batch that runs while the node drains reaches the node until it has ended', async () => {
  await using directory = await temporaryDirectory();
  const reading: Reading = [1, 0];
  {
    await using node = await TestNode.start({ dataDirectory: directory.path });
    const flow = new Flow(node);
    const begun = await flow.queue('begun');
    // No second try: what fails because the node is going would be given up.
    await flow.deploy({ handler: LATE_CALL, mapping: { MaximumRetryAttempts: 0 } });
    const put = { StreamName: 'flow', PartitionKey: '1', Data: Buffer.from(JSON.stringify(reading)) };
    await new KinesisClient(flow.clientOptions).send(new PutRecordCommand(put));
    await flow.message(begun.url);
    assert.equal(await node.stop('SIGTERM'), 0, node.log);
  }
  await using node = await TestNode.start({ dataDirectory: directory.path });
  assert.deepEqual(await new Flow(node).witnessed([reading]), [reading]);
});

test('a second node on the same data directory is refused and names the first', async () => {
  await using node = await TestNode.start();
  const bin = join(import.meta.dirname, '../../bin/millrace.js');
  const argv = [bin, 'dev', '--http-port', '0', '--mqtt-port', '0', '--data-dir', node.dataDirectory];
  const second = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'pipe'], cwd: node.dataDirectory });
  let stderr = '';
  second.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(second, 'exit');
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`process ${node.pid} already uses the data directory`));
  assert.doesNotMatch(stderr, /\n\s+at /, 'an expected error needs no stack');
  const health = await fetch(`${node.endpoints.http}/_millrace/health`);
  assert.deepEqual(await health.json(), { status: 'ok' }, 'the first is not disturbed');
});
