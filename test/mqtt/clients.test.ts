import assert from 'node:assert/strict';
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { IDisconnectPacket, IPublishPacket } from 'mqtt';
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

const hasPaho = (() => {
  try {
    execFileSync('/usr/bin/python3', ['-c', 'import paho.mqtt.client'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

for (const version of ['311', '5']) {
  // Shows [3.1.1: MQTT-3.1.2-5], [3.1.1: MQTT-4.1.0-1]
  test(`paho speaks MQTT ${version} with us: every QoS, properties, a will, and a session that waits`, {
    skip: !hasPaho,
  }, async () => {
    await using rig = await openRig();
    const script = join(import.meta.dirname, 'paho-client.py');
    const { stdout } = await promisify(execFile)('/usr/bin/python3', [script, String(rig.port), version]);
    const result = JSON.parse(stdout);
    assert.deepEqual(result.seen, [
      ['paho/kept', 'kept', 1, 1],
      ['paho/live', 'qos0', 0, 0],
      ['paho/live', 'qos1', 1, 0],
      ['paho/live', 'qos2', 2, 0],
      ['paho/offline', 'kept for you', 1, 0],
      ['paho/will', 'gone', 1, 0],
    ]);
    assert.deepEqual(result.sessions, [0, 1, 0]);
    if (version !== '5') return;
    assert.deepEqual(result.properties, [
      'text/plain',
      'paho/answers',
      '42',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ]);
    assert.deepEqual([result['taken over'], result['receive maximum']], [0x8e, 1024]);
  });
}

test('mosquitto_sub reads $SYS, and mosquitto_rr gets its answer by response topic', {
  skip: !hasMosquitto,
}, async () => {
  await using rig = await openRig();
  const sys = mosquitto('mosquitto_sub', rig.port, '-t', '$SYS/broker/clients/connected', '-C', '1', '-W', '20');
  const [value] = await once(createInterface({ input: sys.stdout! }), 'line');
  assert.equal(value, '1');
  const responder = await mqttJs(rig.port, { protocolVersion: 5, clientId: 'responder' });
  await responder.subscribeAsync('ask', { qos: 1 });
  responder.on('message', (_topic, payload, { properties }) => {
    const { responseTopic, correlationData } = properties ?? {};
    responder.publish(responseTopic!, `${payload}!`, {
      qos: 1,
      properties: { ...(correlationData && { correlationData }) },
    });
  });
  const asking = mosquitto(
    'mosquitto_rr',
    rig.port,
    '-V',
    '5',
    '-t',
    'ask',
    '-e',
    'answers/1',
    '-m',
    'hello',
    '-W',
    '20',
  );
  const [line] = await once(createInterface({ input: asking.stdout! }), 'line');
  assert.equal(line, 'hello!');
  await responder.endAsync();
});

test('mqtt.js keeps to what the server says: aliases both ways, server keep-alive, packet size, redirect', async () => {
  await using rig = await openRig({ limits: { keepAliveSecondsMax: 40 } });
  const client = await mqttJs(rig.port, {
    protocolVersion: 5,
    keepalive: 600,
    autoUseTopicAlias: true,
    autoAssignTopicAlias: true,
    properties: { topicAliasMaximum: 10 },
  });
  const [kept] = [...rig.gateway.clients.list()];
  assert.equal(kept?.keepAlive, 40);
  await client.subscribeAsync('alias/topic/long', { qos: 1 });
  const topics: string[] = [];
  const three = new Promise<void>((resolve) => {
    client.on('message', (topic) => {
      topics.push(topic);
      if (topics.length === 3) resolve();
    });
  });
  for (let i = 0; i < 3; i++) await client.publishAsync('alias/topic/long', `${i}`, { qos: 1 });
  await three;
  assert.deepEqual(topics, Array(3).fill('alias/topic/long'));
  const told = new Promise<IDisconnectPacket>((resolve) => client.on('disconnect', resolve));
  void rig.gateway.redirect('elsewhere:1883');
  const packet = await told;
  assert.deepEqual([packet.reasonCode, packet.properties?.serverReference], [0x9c, 'elsewhere:1883']);
  await client.endAsync(true);
});
