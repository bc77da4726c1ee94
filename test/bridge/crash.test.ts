import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import mqttjs from 'mqtt';
import { eventually } from '../pollers/fakes.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { TestNode } from '../support/node.ts';
import { client, listen } from './harness.ts';

const MESSAGES = 300;
const TOPICS = 5;

/** A session that outlives its connection, and the node. */
const EAR = { clientId: 'ear', clean: false, properties: { sessionExpiryInterval: 600 } };

test('a node that is killed while it forwards: what it has acknowledged arrives, in order by topic, both ways', async () => {
  const home = await mkdtemp(join(tmpdir(), 'millrace-crash-'));
  await mkdir(join(home, 'data'));
  await using mosquitto = await Mosquitto.start();
  const config = join(home, 'millrace.yaml');
  const topics = [
    { filter: 'up/#', direction: 'out' },
    { filter: 'down/#', direction: 'in' },
  ];
  const brokers = { plant: { url: mosquitto.url } };
  await writeFile(config, JSON.stringify({ brokers, bridges: { floor: { broker: 'plant', topics } } }));
  const options = { arguments: ['--config', config], dataDirectory: join(home, 'data') };
  await using there = await client(mosquitto.port);
  const arrived = await listen(there, 'up/#');

  const acknowledged = new Set<string>();
  {
    await using node = await TestNode.start(options);
    const device = await client(node.endpoints.mqtt.port);
    device.on('error', () => {});
    // One after the other on each topic, so that the end comes in the middle of all of them.
    const chains = Array.from({ length: TOPICS }, async (_, topic) => {
      for (let n = topic; n < MESSAGES; n += TOPICS) {
        await device.publishAsync(`up/${topic}`, `m${n}`, { qos: 1 });
        acknowledged.add(`m${n}`);
      }
    });
    const listener = await client(node.endpoints.mqtt.port, EAR);
    listener.on('error', () => {});
    await listener.subscribeAsync('down/#', { qos: 1 });
    await eventually(() => acknowledged.size >= MESSAGES / 3);
    await node.stop('SIGKILL');
    device.end(true);
    // What was not acknowledged fails with the connection: nothing is promised about it.
    await Promise.allSettled(chains);
    assert.ok(acknowledged.size < MESSAGES);
    listener.end(true);
  }
  for (let n = 0; n < 100; n++) await there.publishAsync(`down/${n % TOPICS}`, `d${n}`, { qos: 1 });

  await using node = await TestNode.start(options);
  await eventually(() => [...acknowledged].every((text) => arrived.some((one) => one.text === text)));
  const heard: string[] = [];
  const ear = mqttjs.connect(`mqtt://127.0.0.1:${node.endpoints.mqtt.port}`, { ...EAR, protocolVersion: 5 });
  ear.on('message', (_topic, payload) => void heard.push(payload.toString()));
  await eventually(() => new Set(heard).size === 100);
  for (let topic = 0; topic < TOPICS; topic++) {
    const firsts = [...new Set(arrived.filter((one) => one.topic === `up/${topic}`).map(({ text }) => text))];
    const numbers = firsts.map((text) => Number(text.slice(1)));
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
    );
  }
  ear.end(true);
  await node.stop();
  await rm(home, { recursive: true });
});
