/** The verbs that show the fleet, as a person runs them against a node. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { connectAsync, type MqttClient } from 'mqtt';
import { TestNode } from '../support/node.ts';

const run = promisify(execFile);

let node: TestNode;
let pump: MqttClient;

before(async () => {
  node = await TestNode.start();
  pump = await connectAsync(`mqtt://127.0.0.1:${node.endpoints.mqtt.port}`, { clientId: 'pump-1', reconnectPeriod: 0 });
  await pump.subscribeAsync('devices/pump-1/#', { qos: 1 });
});

after(async () => {
  await pump?.endAsync(true);
  await node?.[Symbol.asyncDispose]();
});

function devices(...args: readonly string[]) {
  return run(process.execPath, ['bin/millrace.js', 'devices', ...args, '--endpoint-url', node.endpoints.http], {
    cwd: `${import.meta.dirname}/../..`,
    env: { PATH: process.env.PATH, NO_COLOR: '1' },
  });
}

test('devices are listed, shown and disconnected', async () => {
  const { stdout } = await devices('list');
  assert.match(stdout, /^connected +pump-1 +for \d+ s +- +127\.0\.0\.1$/m);
  const lines = (await devices('list', '--json', '--search', 'PUMP')).stdout.trim().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).name),
    ['pump-1'],
  );
  assert.match((await devices('list', '--health', 'lost')).stderr, /no device matches/);
  const shown = (await devices('show', 'pump-1')).stdout;
  for (const part of [/^health +connected$/m, /^subscribed +devices\/pump-1\/# \(QoS 1\)$/m, /still connected$/m]) {
    assert.match(shown, part);
  }
  const closed = new Promise((resolve) => pump.once('close', () => resolve(undefined)));
  assert.match((await devices('disconnect', 'pump-1')).stderr, /disconnected pump-1/);
  await closed;
  const after = JSON.parse((await devices('show', 'pump-1', '--json')).stdout);
  assert.deepEqual([after.health, after.connections[0].reason], ['gone', 'API_INITIATED_DISCONNECT']);
  await assert.rejects(devices('disconnect', 'pump-1'), { code: 1, stderr: /pump-1 is not connected/ });
  await assert.rejects(devices('show', 'nobody'), { code: 1, stderr: /There is no device nobody/ });
});
