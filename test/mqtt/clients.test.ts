import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import type { IPublishPacket } from 'mqtt';
import { mqttJs, openRig } from './harness.ts';

for (const protocolVersion of [4, 5] as const) {
  test(`mqtt.js ${protocolVersion} publishes and subscribes at every QoS, with wildcards, retained and will`, async () => {
    await using rig = await openRig();
    const subscriber = await mqttJs(rig.port, { protocolVersion, clientId: 'sub' });
    const got: string[] = [];
    const done = new Promise<void>((resolve) => {
      subscriber.on('message', (topic, payload, packet) => {
        got.push(`${topic} ${payload} ${packet.qos} ${packet.retain}`);
        if (got.length === 5) resolve();
      });
    });
    const publisher = await mqttJs(rig.port, {
      protocolVersion,
      clientId: 'pub',
      will: { topic: 'p/will', payload: Buffer.from('bye'), qos: 1, retain: false },
    });
    await publisher.publishAsync('p/kept', 'k', { qos: 1, retain: true });
    const grants = await subscriber.subscribeAsync({ 'p/+': { qos: 2 } });
    assert.equal(grants[0]?.qos, 2);
    await publisher.publishAsync('p/a', 'zero', { qos: 0 });
    await publisher.publishAsync('p/b', 'one', { qos: 1 });
    await publisher.publishAsync('p/c', 'two', { qos: 2 });
    publisher.stream.destroy();
    await done;
    assert.deepEqual(got, [
      'p/kept k 1 true',
      'p/a zero 0 false',
      'p/b one 1 false',
      'p/c two 2 false',
      'p/will bye 1 false',
    ]);
    await subscriber.unsubscribeAsync('p/+');
    await subscriber.endAsync();
    await publisher.endAsync(true);
  });
}

test('mqtt.js 5 sends and gets properties', async () => {
  await using rig = await openRig();
  const client = await mqttJs(rig.port, { protocolVersion: 5 });
  await client.subscribeAsync('q', { qos: 1, properties: { subscriptionIdentifier: 5 } });
  const message = new Promise<IPublishPacket>((resolve) =>
    client.on('message', (_topic, _payload, one) => resolve(one)),
  );
  const properties = {
    contentType: 'application/json',
    responseTopic: 'answers',
    correlationData: Buffer.from('7'),
    userProperties: { a: 'b' },
    payloadFormatIndicator: true,
    messageExpiryInterval: 30,
  };
  await client.publishAsync('q', '{}', { qos: 1, properties });
  const packet = await message;
  assert.deepEqual(
    { ...packet.properties, userProperties: { ...packet.properties?.userProperties } },
    {
      ...properties,
      subscriptionIdentifier: 5,
    },
  );
  await client.endAsync();
});

const hasMosquitto = (() => {
  try {
    execFileSync('which', ['mosquitto_sub'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** Runs a mosquitto client against the broker. */
function mosquitto(command: string, port: number, ...args: string[]): ChildProcess {
  return spawn(command, ['-h', '127.0.0.1', '-p', String(port), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
}

for (const version of ['311', '5']) {
  test(`mosquitto_pub and mosquitto_sub speak MQTT ${version} with us`, { skip: !hasMosquitto }, async () => {
    await using rig = await openRig();
    const kept = mosquitto('mosquitto_pub', rig.port, '-V', version, '-q', '1', '-r', '-t', 'm/kept', '-m', 'first');
    assert.deepEqual(await once(kept, 'exit'), [0, null]);
    const wanted = ['-q', '2', '-t', 'm/#', '-C', '4', '-F', '%t %p %q'];
    const sub = mosquitto('mosquitto_sub', rig.port, '-V', version, ...wanted);
    const lines = createInterface({ input: sub.stdout! })[Symbol.asyncIterator]();
    assert.equal((await lines.next()).value, 'm/kept first 1');
    for (const qos of ['0', '1', '2']) {
      const pub = mosquitto('mosquitto_pub', rig.port, '-V', version, '-q', qos, '-t', 'm/live', '-m', `qos${qos}`);
      assert.deepEqual(await once(pub, 'exit'), [0, null]);
      assert.equal((await lines.next()).value, `m/live qos${qos} ${qos}`);
    }
    if (sub.exitCode === null) await once(sub, 'exit');
    assert.equal(sub.exitCode, 0);
  });
}
