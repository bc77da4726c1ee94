import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { mqttJs, openRig } from './harness.ts';

const has = (command: string, ...args: string[]) => {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

/** Runs a client to its end; what it has printed, in lines. */
async function output(command: string, args: readonly string[]): Promise<string[]> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  assert.deepEqual(await once(child, 'close'), [0, null]);
  return text.trim().split('\n');
}

for (const version of ['311', '5']) {
  test(`mosquitto_sub -c with MQTT ${version} gets what came while it was away`, {
    skip: !has('which', 'mosquitto_sub'),
  }, async () => {
    await using rig = await openRig();
    const lasting = version === '5' ? ['-x', '3600'] : [];
    const session = ['-V', version, '-i', 'sub', '-c', ...lasting, '-q', '2', '-t', 's/#'];
    const at = (port: number) => ['-h', '127.0.0.1', '-p', String(port)];
    await output('mosquitto_sub', [...at(rig.port), ...session, '-E']);
    for (const qos of ['1', '2']) {
      await output('mosquitto_pub', [...at(rig.port), '-V', version, '-q', qos, '-t', 's/1', '-m', `qos${qos}`]);
    }
    await using again = await rig.restart();
    const lines = await output('mosquitto_sub', [...at(again.port), ...session, '-C', '2', '-F', '%p %q']);
    assert.deepEqual(lines, ['qos1 1', 'qos2 2']);
  });
}

/** Subscribes, or waits for two messages; prints whether it had a session, then what has come. */
const PAHO = `
import sys, threading
import paho.mqtt.client as mqtt
port, awaited = int(sys.argv[1]), int(sys.argv[2])
done = threading.Event()
got = []
def on_connect(client, userdata, flags, rc):
    got.append('present %d' % flags['session present'])
    if awaited == 0:
        client.subscribe('s/#', qos=2)
def on_message(client, userdata, message):
    got.append('%s %d' % (message.payload.decode(), message.qos))
    if len(got) > awaited:
        done.set()
client = mqtt.Client(client_id='paho', clean_session=False)
client.on_connect = on_connect
client.on_message = on_message
client.on_subscribe = lambda *arguments: done.set()
client.connect('127.0.0.1', port)
client.loop_start()
assert done.wait(20)
client.disconnect()
client.loop_stop()
print('\\n'.join(got))
`;

test('paho without clean session gets what came while it was away, over a restart', {
  skip: !has('/usr/bin/python3', '-c', 'import paho.mqtt.client'),
}, async () => {
  await using rig = await openRig();
  const paho = (port: number, awaited: number) =>
    output('/usr/bin/python3', ['-c', PAHO, String(port), String(awaited)]);
  assert.deepEqual(await paho(rig.port, 0), ['present 0']);
  const publisher = await mqttJs(rig.port, { clientId: 'publisher' });
  await publisher.publishAsync('s/1', 'one', { qos: 1 });
  await publisher.publishAsync('s/1', 'two', { qos: 2 });
  await publisher.endAsync();
  await using again = await rig.restart();
  assert.deepEqual(await paho(again.port, 2), ['present 1', 'one 1', 'two 2']);
});

test('mqtt.js sends again what was not acknowledged, and it is published once', async () => {
  await using rig = await openRig();
  const options = { protocolVersion: 5, clean: false, properties: { sessionExpiryInterval: 3600 } } as const;
  const subscriber = await mqttJs(rig.port, { ...options, clientId: 'sub' });
  await subscriber.subscribeAsync('s/#', { qos: 2 });
  await subscriber.endAsync();
  const client = await mqttJs(rig.port, { ...options, clientId: 'pub', reconnectPeriod: 10 });
  // Its connection breaks as soon as the broker has the message.
  const session = rig.iot.broker.sessions.get('sub')!;
  const sent = client.publishAsync('s/1', 'once', { qos: 2 });
  while (session.messages === 0) await new Promise((resolve) => setImmediate(resolve));
  client.stream.destroy();
  await sent;
  await client.endAsync();
  assert.equal(session.messages, 1);
});
