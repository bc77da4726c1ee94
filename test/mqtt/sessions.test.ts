import assert from 'node:assert/strict';
import { test } from 'node:test';
import type * as mqtt from '../../src/codec/mqtt/index.ts';
import { connect, openRig, publish, RawClient, type Rig } from './harness.ts';

/** A client whose session is kept for an hour, with its CONNACK. */
async function durable(rig: Rig, clientId: string, options: Partial<mqtt.ConnectPacket> = {}) {
  const client = await RawClient.open(rig.port, options.version ?? 5);
  const properties = { sessionExpiryInterval: 3600, ...options.properties };
  client.send(connect({ clientId, clean: false, ...options, properties }));
  const connack = await client.next();
  assert(connack?.type === 'connack' && connack.reasonCode === 0, JSON.stringify(connack));
  return { client, connack };
}

/** Publishes at QoS 1 and waits until it is acknowledged. */
async function published(rig: Rig, topic: string, payload: string, options: Partial<mqtt.PublishPacket> = {}) {
  await using publisher = await RawClient.connected(rig.port, { clientId: `p-${payload}` });
  publisher.send(publish(topic, payload, { qos: 1, ...options }));
  const ack = await publisher.next();
  if (ack?.type !== 'pubrec') return;
  publisher.send({ type: 'pubrel', packetId: 1, reasonCode: 0, properties: {} });
  assert.equal((await publisher.next())?.type, 'pubcomp');
}

async function message(client: RawClient): Promise<mqtt.PublishPacket> {
  const packet = await client.next();
  assert(packet?.type === 'publish', JSON.stringify(packet));
  return packet;
}

const ack = (type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp', { packetId }: { packetId: number }) =>
  ({ type, packetId, reasonCode: 0, properties: {} }) as const;

test('a durable session gets what came while its client was away, over a restart, in order', async () => {
  await using rig = await openRig();
  const { client, connack } = await durable(rig, 'pump');
  assert.equal(connack.sessionPresent, false);
  await client.subscribe('d/#', 1);
  client.socket.destroy();
  await published(rig, 'd/1', 'one');
  await published(rig, 'd/1', 'two', { qos: 2 });
  await using again = await rig.restart();
  await published(again, 'd/1', 'three');
  const back = await durable(again, 'pump');
  assert.equal(back.connack.sessionPresent, true);
  for (const expected of ['one', 'two', 'three']) {
    const packet = await message(back.client);
    assert.equal(packet.payload.toString(), expected);
    assert.equal(packet.dup, false);
    back.client.send(ack('puback', packet));
  }
  await back.client.settle();
  assert.equal(back.client.unread, 0);
});

test('what was sent and not acknowledged is sent again, with its packet identifier and marked as a duplicate', async () => {
  await using rig = await openRig();
  const first = await durable(rig, 'pump');
  await first.client.subscribe('d/#', 1);
  await published(rig, 'd/1', 'one');
  await published(rig, 'd/1', 'two');
  const one = await message(first.client);
  const two = await message(first.client);
  first.client.send(ack('puback', two));
  await first.client.settle();
  first.client.socket.destroy();
  const second = await durable(rig, 'pump');
  const repeated = await message(second.client);
  assert.deepEqual([repeated.payload.toString(), repeated.dup, repeated.packetId], ['one', true, one.packetId]);
  await second.client.settle();
  assert.equal(second.client.unread, 0, 'what is acknowledged does not come again');
});

test('QoS 2 to a client goes on where it was: released messages are not sent again', async () => {
  await using rig = await openRig();
  const first = await durable(rig, 'pump');
  await first.client.subscribe('d/#', 2);
  await published(rig, 'd/1', 'one', { qos: 2 });
  const one = await message(first.client);
  assert.equal(one.qos, 2);
  first.client.send(ack('pubrec', one));
  assert.equal((await first.client.next())?.type, 'pubrel');
  await using again = await rig.restart();
  const second = await durable(again, 'pump');
  const pubrel = await second.client.next();
  assert(pubrel?.type === 'pubrel' && pubrel.packetId === one.packetId, JSON.stringify(pubrel));
  second.client.send(ack('pubcomp', one));
  await second.client.settle();
  const third = await durable(again, 'pump');
  await third.client.settle();
  assert.equal(third.client.unread, 0);
});

test('QoS 2 from a client is published once, whatever is sent again after a restart', async () => {
  await using rig = await openRig();
  const subscriber = await durable(rig, 'sub');
  await subscriber.client.subscribe('d/#', 1);
  const first = await durable(rig, 'pub');
  first.client.send(publish('d/1', 'once', { qos: 2, packetId: 9 }));
  assert.equal((await first.client.next())?.type, 'pubrec');
  await using again = await rig.restart();
  const second = await durable(again, 'pub');
  second.client.send(publish('d/1', 'once', { qos: 2, packetId: 9, dup: true }));
  assert.equal((await second.client.next())?.type, 'pubrec');
  second.client.send(ack('pubrel', { packetId: 9 }));
  assert.equal((await second.client.next())?.type, 'pubcomp');
  second.client.send(publish('d/1', 'next', { qos: 2, packetId: 9 }));
  assert.equal((await second.client.next())?.type, 'pubrec');
  const back = await durable(again, 'sub');
  assert.equal((await message(back.client)).payload.toString(), 'once');
  assert.equal((await message(back.client)).payload.toString(), 'next');
});
