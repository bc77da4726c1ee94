import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock, systemClock } from '../../src/base/index.ts';
import type * as mqtt from '../../src/codec/mqtt/index.ts';
import { Reason } from '../../src/codec/mqtt/index.ts';
import {
  type Broker,
  type ClientPermissions,
  type ConnectRequest,
  type DeviceAccess,
  IOT_LIMITS,
  OPEN_ACCESS,
} from '../../src/services/iot/index.ts';
import { connect, openRig, publish, RawClient, type Rig } from './harness.ts';

const { permissions: EVERYTHING } = OPEN_ACCESS.connect({} as ConnectRequest) as { permissions: ClientPermissions };

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

// Shows [MQTT-4.1.0-1], [MQTT-4.4.0-1]
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

// Shows [MQTT-3.3.1-1], [MQTT-4.4.0-1], [3.1.1: MQTT-3.3.1-1], [3.1.1: MQTT-4.4.0-1]
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

// Shows [MQTT-4.3.3-6], [MQTT-4.3.3-5], [3.1.1: MQTT-4.3.3-1]
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

test('PUBREC and PUBREL that come twice are answered when what they say is on disk, and not before', async () => {
  await using rig = await openRig();
  await ruled(rig);
  const pump = await durable(rig, 'pump');
  await pump.client.subscribe('d/#', 2);
  await published(rig, 'd/1', 'one', { qos: 2 });
  const one = await message(pump.client);
  pump.client.send(publish('e', 'mine', { qos: 2, packetId: 9 }));
  assert.equal((await pump.client.next())?.type, 'pubrec');
  // What sessions write waits for all that came before it.
  rig.streams.hold();
  const other = await durable(rig, 'other');
  other.client.send(publish('rule/1', 'held', { qos: 2, packetId: 1 }));
  await until(() => rig.streams.records.length === 1);
  pump.client.send(ack('pubrec', one), ack('pubrec', one));
  pump.client.send(ack('pubrel', { packetId: 9 }), ack('pubrel', { packetId: 9 }));
  await pump.client.settle();
  assert.equal(pump.client.unread, 0, 'nothing of it is on disk');
  rig.streams.release();
  for (const type of ['pubrel', 'pubrel', 'pubcomp', 'pubcomp']) {
    const packet = await pump.client.next();
    assert.deepEqual(packet, { ...ack('pubrel', { packetId: type === 'pubrel' ? one.packetId : 9 }), type });
  }
});

// Shows [MQTT-4.3.3-10], [MQTT-4.3.3-12], [3.1.1: MQTT-4.3.3-2]
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

// Shows [MQTT-3.1.2-4], [MQTT-3.2.2-2], [3.1.1: MQTT-3.2.2-1]
test('a clean start ends the session that was, with all that was queued, also over a restart', async () => {
  await using rig = await openRig();
  const { client } = await durable(rig, 'pump');
  await client.subscribe('d/#', 1);
  client.socket.destroy();
  await published(rig, 'd/1', 'old');
  const fresh = await durable(rig, 'pump', { clean: true });
  assert.equal(fresh.connack.sessionPresent, false);
  await published(rig, 'd/1', 'unheard');
  await fresh.client.settle();
  assert.equal(fresh.client.unread, 0);
  await using again = await rig.restart();
  const back = await durable(again, 'pump');
  assert.equal(back.connack.sessionPresent, true, 'the new session is durable too');
  await published(again, 'd/1', 'unheard');
  await back.client.settle();
  assert.equal(back.client.unread, 0);
});

// Shows [MQTT-3.1.2-5], [MQTT-3.1.2-6], [MQTT-3.2.2-3], [3.1.1: MQTT-3.1.2-4], [3.1.1: MQTT-3.1.2-5], [3.1.1: MQTT-3.2.2-2], [3.1.1: MQTT-4.1.0-1]
test('3.1.1 without clean session goes on where it was, and without a session begins one', async () => {
  await using rig = await openRig();
  const first = await durable(rig, 'old', { version: 4 });
  assert.equal(first.connack.sessionPresent, false);
  await first.client.subscribe('d/#', 2);
  first.client.send({ type: 'disconnect', reasonCode: 0, properties: {} });
  assert.equal(await first.client.next(), undefined);
  await published(rig, 'd/1', 'one', { qos: 2, properties: { messageExpiryInterval: 100, contentType: 'text/plain' } });
  const second = await durable(rig, 'old', { version: 4 });
  assert.equal(second.connack.sessionPresent, true);
  const one = await message(second.client);
  assert.deepEqual([one.topic, one.payload.toString(), one.qos, one.dup], ['d/1', 'one', 2, false]);
  // The same session for MQTT 5: what was sent to 3.1.1 comes again whole.
  const third = await durable(rig, 'old');
  const repeated = await message(third.client);
  assert.deepEqual(
    [repeated.packetId, repeated.dup, repeated.properties.contentType],
    [one.packetId, true, 'text/plain'],
  );
});

// Shows [MQTT-3.1.2-23], [MQTT-4.1.0-1]
test('a session ends when its expiry interval has passed, and not before; a restart does not prolong it', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock });
  const { client } = await durable(rig, 'pump', { properties: { sessionExpiryInterval: 100 } });
  await client.subscribe('d/#', 1);
  await lost(client);
  await clock.advance(60_000);
  await using again = await rig.restart();
  assert.equal(again.iot.broker.sessions.size, 1);
  await clock.advance(39_000);
  assert.equal(again.iot.broker.sessions.size, 1);
  await clock.advance(2_000);
  assert.equal(again.iot.broker.sessions.size, 0);
  const back = await durable(again, 'pump');
  assert.equal(back.connack.sessionPresent, false);
});

test('a session that never disconnected before the node was killed expires from the restart on', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock });
  await durable(rig, 'pump', { properties: { sessionExpiryInterval: 100 } });
  await using again = await rig.restart();
  await clock.advance(99_000);
  assert.equal(again.iot.broker.sessions.size, 1);
  await clock.advance(2_000);
  assert.equal(again.iot.broker.sessions.size, 0);
});

// Shows [MQTT-3.14.4-3]
test('DISCONNECT changes the expiry interval: to an end at once, or to more, but not from nothing', async () => {
  await using rig = await openRig();
  const first = await durable(rig, 'pump');
  first.client.send({ type: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 0 } });
  assert.equal(await first.client.next(), undefined);
  const second = await durable(rig, 'pump', { properties: { sessionExpiryInterval: 1 } });
  assert.equal(second.connack.sessionPresent, false);
  second.client.send({ type: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 500 } });
  assert.equal(await second.client.next(), undefined);
  assert.equal(rig.iot.broker.sessions.get('pump')?.expirySeconds, 500);
  await using third = await RawClient.connected(rig.port, { clientId: 'brief' });
  third.send({ type: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 500 } });
  const told = await third.next();
  assert(told?.type === 'disconnect' && told.reasonCode === Reason.protocolError);
});

test('an interval of 0 takes a durable session up for the last time', async () => {
  await using rig = await openRig();
  const first = await durable(rig, 'pump');
  await first.client.subscribe('d/#', 1);
  await lost(first.client);
  await published(rig, 'd/1', 'one');
  const last = await durable(rig, 'pump', { properties: { sessionExpiryInterval: 0 } });
  assert.equal(last.connack.sessionPresent, true);
  assert.equal((await message(last.client)).payload.toString(), 'one');
  await lost(last.client);
  await until(() => rig.iot.broker.sessions.size === 0);
});

// Shows [MQTT-3.1.2-7], [MQTT-3.1.2-8], [MQTT-3.1.3-9]
test('a will with a delay is published when it has passed, also over a restart, unless the client is back', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock });
  const watcher = await durable(rig, 'watcher');
  await watcher.client.subscribe('will/#', 1);
  await lost(watcher.client);
  const will = (name: string, willDelayInterval: number) =>
    ({
      topic: `will/${name}`,
      payload: Buffer.from(name),
      qos: 1,
      retain: false,
      properties: { willDelayInterval },
    }) as const;
  const late = await durable(rig, 'late', { will: will('late', 50) });
  const back = await durable(rig, 'back', { will: will('back', 50) });
  const polite = await durable(rig, 'polite', { will: will('polite', 50) });
  polite.client.send({ type: 'disconnect', reasonCode: 0, properties: {} });
  await lost(late.client);
  await lost(back.client);
  await clock.advance(30_000);
  await using again = await rig.restart();
  const { client } = await durable(again, 'back');
  const seen = await durable(again, 'watcher');
  await clock.advance(19_000);
  await seen.client.settle();
  assert.equal(seen.client.unread, 0);
  await clock.advance(2_000);
  assert.equal((await message(seen.client)).payload.toString(), 'late');
  await clock.advance(100_000);
  await seen.client.settle();
  assert.equal(seen.client.unread, 0, 'one was deleted, one is back');
  await client[Symbol.asyncDispose]();
});

for (const sessionExpiryInterval of [0, 3600]) {
  test(`a will that its client may no longer publish is not published (session expiry ${sessionExpiryInterval})`, async () => {
    let isAllowed = true;
    const permissions = {
      ...EVERYTHING,
      mayPublish: (topic: string) => topic !== 'will/secret' || isAllowed,
    };
    const connectAll = () => ({ kind: 'accepted', permissions }) as const;
    await using rig = await openRig({ access: { connect: connectAll, publisher: connectAll } });
    await using watcher = await RawClient.connected(rig.port, { clientId: 'watcher' });
    await watcher.subscribe('will/#', 1);
    const properties = { sessionExpiryInterval };
    const leaving = async (name: string) => {
      const will = { topic: `will/${name}`, payload: Buffer.from(name), qos: 1, retain: true, properties: {} } as const;
      const { client } = await durable(rig, name, { will, properties });
      return client;
    };
    const secret = await leaving('secret');
    const open = await leaving('open');
    isAllowed = false;
    await lost(secret);
    await until(() => rig.gateway.clients.get('secret') === undefined);
    await lost(open);
    assert.equal((await message(watcher)).topic, 'will/open');
    assert.equal((await rig.call('ListRetainedMessages', {})).retainedTopics.length, 1);
  });
}

// Shows [MQTT-3.1.2-8], [MQTT-3.1.2-10]
test('the end of the session publishes the will, however long its delay', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock });
  await using watcher = await RawClient.connected(rig.port, { clientId: 'watcher' });
  await watcher.subscribe('will', 1);
  const will = { topic: 'will', payload: Buffer.from('end'), qos: 1, retain: false } as const;
  const withDelay = { ...will, properties: { willDelayInterval: 1_000 } };
  const first = await durable(rig, 'a', { will: withDelay, properties: { sessionExpiryInterval: 10 } });
  await lost(first.client);
  await clock.advance(11_000);
  watcher.send(ack('puback', await message(watcher)));
  const second = await durable(rig, 'b', { will: withDelay });
  await lost(second.client);
  await durable(rig, 'b', { clean: true });
  assert.equal((await message(watcher)).payload.toString(), 'end');
  await clock.advance(10_000_000);
  await watcher.settle();
  assert.equal(watcher.unread, 0, 'each is published once');
});

// Shows [MQTT-3.1.2-12]
test('a node that stops keeps the wills of durable sessions for its restart', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock });
  const watcher = await durable(rig, 'watcher');
  await watcher.client.subscribe('will', 1);
  const will = { topic: 'will', payload: Buffer.from('gone'), qos: 1, retain: true, properties: {} } as const;
  await durable(rig, 'pump', { will });
  await using again = await rig.restart();
  await clock.advance(1_000);
  const back = await durable(again, 'watcher');
  assert.equal((await message(back.client)).payload.toString(), 'gone');
  assert.equal((await again.call('GetRetainedMessage', { topic: 'will' })).payload.toString(), 'gone');
});

// Shows [MQTT-3.3.2-5], [MQTT-3.3.2-6]
test('what has expired in the queue is not sent, and the rest is sent with what is left of its interval', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock });
  const { client } = await durable(rig, 'pump');
  await client.subscribe('d/#', 1);
  await lost(client);
  await published(rig, 'd/1', 'short', { properties: { messageExpiryInterval: 10 } });
  await published(rig, 'd/1', 'long', { properties: { messageExpiryInterval: 100 } });
  await published(rig, 'd/1', 'ever');
  await clock.advance(30_500);
  await using again = await rig.restart();
  const back = await durable(again, 'pump');
  const [long, ever] = [await message(back.client), await message(back.client)];
  assert.deepEqual([long.payload.toString(), long.properties.messageExpiryInterval], ['long', 70]);
  assert.deepEqual([ever.payload.toString(), ever.properties.messageExpiryInterval], ['ever', undefined]);
});

// Shows [MQTT-4.3.3-7], [MQTT-4.3.3-13]
test('an exchange of QoS 2 that has begun is finished, even if its message has expired', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock });
  const first = await durable(rig, 'pump');
  await first.client.subscribe('d/#', 2);
  first.client.send(publish('out', 'mine', { qos: 2, packetId: 7, properties: { messageExpiryInterval: 10 } }));
  assert.equal((await first.client.next())?.type, 'pubrec');
  await published(rig, 'd/1', 'begun', { qos: 2, properties: { messageExpiryInterval: 10 } });
  const begun = await message(first.client);
  await lost(first.client);
  await clock.advance(11_000);
  const second = await durable(rig, 'pump');
  const repeated = await message(second.client);
  assert.deepEqual([repeated.packetId, repeated.dup, repeated.payload.toString()], [begun.packetId, true, 'begun']);
  second.client.send(ack('pubrec', repeated));
  assert.equal((await second.client.next())?.type, 'pubrel');
  second.client.send(ack('pubrel', { packetId: 7 }));
  const pubcomp = await second.client.next();
  assert(pubcomp?.type === 'pubcomp' && pubcomp.reasonCode === Reason.success);
});

// Shows [MQTT-3.1.4-3], [3.1.1: MQTT-3.1.4-2]
test('a takeover has the session: the one before is told, and what it had not acknowledged comes again', async () => {
  await using rig = await openRig();
  const first = await durable(rig, 'pump');
  await first.client.subscribe('d/#', 1);
  await published(rig, 'd/1', 'one');
  const one = await message(first.client);
  const second = await durable(rig, 'pump');
  assert.equal(second.connack.sessionPresent, true);
  const told = await first.client.next();
  assert(told?.type === 'disconnect' && told.reasonCode === Reason.sessionTakenOver);
  const repeated = await message(second.client);
  assert.deepEqual([repeated.packetId, repeated.dup], [one.packetId, true]);
  second.client.send(ack('puback', repeated));
  await published(rig, 'd/1', 'two');
  assert.equal((await message(second.client)).payload.toString(), 'two');
});

// Shows [MQTT-4.4.0-1], [MQTT-4.6.0-1], [MQTT-4.6.0-6], [3.1.1: MQTT-4.4.0-1], [3.1.1: MQTT-4.6.0-1]
test('a long queue comes in order, no more at a time than the client takes, while more comes in', async () => {
  await using rig = await openRig();
  const first = await durable(rig, 'pump');
  await first.client.subscribe('d/#', 1);
  await lost(first.client);
  const count = 1_500;
  await using publisher = await RawClient.connected(rig.port, { clientId: 'publisher' });
  const send = async (from: number, to: number) => {
    for (let at = from; at < to; at += 100) {
      const some = Array.from({ length: 100 }, (_, i) => publish('d/1', `${at + i}`, { qos: 1, packetId: at + i + 1 }));
      publisher.send(...some);
      for (let i = 0; i < 100; i++) assert.equal((await publisher.next())?.type, 'puback');
    }
  };
  await send(0, 1_000);
  const second = await durable(rig, 'pump', { properties: { receiveMaximum: 3, sessionExpiryInterval: 3600 } });
  const sending = send(1_000, count);
  for (let expected = 0; expected < count; expected++) {
    const packet = await message(second.client);
    assert.equal(packet.payload.toString(), `${expected}`);
    if (expected === 2) {
      await second.client.settle();
      assert.equal(second.client.unread, 0, 'the receive maximum holds');
    }
    if (expected < 2) continue;
    // The oldest is acknowledged as late as may be.
    second.client.send({ ...ack('puback', packet), packetId: packet.packetId - 2 });
  }
  await sending;
  await second.client.settle();
  assert.equal(rig.iot.broker.sessions.get('pump')?.messages, 2);
});

test('a queue that is full drops the newest, until the oldest is acknowledged or has expired', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock });
  const first = await durable(rig, 'pump');
  await first.client.subscribe('d/#', 1);
  await lost(first.client);
  await using publisher = await RawClient.connected(rig.port, { clientId: 'publisher' });
  const send = async (payload: string) => {
    publisher.send(publish('d/1', payload, { qos: 1, properties: { messageExpiryInterval: 10 } }));
    assert.equal((await publisher.next())?.type, 'puback');
  };
  const filling = 'x'.repeat(125_000);
  const kept = Math.ceil(IOT_LIMITS.sessionBytesMax / (filling.length + 40));
  for (let i = 0; i < kept + 3; i++) await send(`${i} ${filling}`);
  const session = rig.iot.broker.sessions.get('pump')!;
  assert.equal(session.messages, kept);
  const second = await durable(rig, 'pump', { properties: { receiveMaximum: 1, sessionExpiryInterval: 3600 } });
  const oldest = await message(second.client);
  assert.equal(oldest.payload.toString().split(' ')[0], '0');
  second.client.send(ack('puback', oldest));
  assert.equal((await message(second.client)).payload.toString().split(' ')[0], '1');
  await lost(second.client);
  await send(`room ${filling}`);
  await send(`none ${filling}`);
  assert.equal(session.messages, kept);
  await clock.advance(11_000);
  await send('makes us look for what has expired');
  await until(() => session.messages === 0);
  await send('new');
  const third = await durable(rig, 'pump');
  assert.equal((await message(third.client)).payload.toString(), 'new');
});

// Shows [MQTT-4.1.0-1], [MQTT-4.1.0-2]
test('subscriptions and their options outlive restarts, and so does an unsubscription', async () => {
  await using rig = await openRig();
  const first = await durable(rig, 'pump');
  await first.client.subscribe('mine', 1, { noLocal: true });
  await first.client.subscribe('gone', 1);
  first.client.send({
    type: 'subscribe',
    packetId: 3,
    subscriptions: [{ filter: 'kept', qos: 1, noLocal: false, retainAsPublished: true, retainHandling: 0 }],
    properties: { subscriptionIdentifiers: [77] },
  });
  assert.equal((await first.client.next())?.type, 'suback');
  first.client.send({ type: 'unsubscribe', packetId: 4, filters: ['gone'], properties: {} });
  assert.equal((await first.client.next())?.type, 'unsuback');
  await using again = await rig.restart();
  const back = await durable(again, 'pump');
  await published(again, 'gone', 'gone');
  back.client.send(publish('mine', 'own', { qos: 1 }));
  assert.equal((await back.client.next())?.type, 'puback');
  await published(again, 'mine', 'other');
  assert.equal((await message(back.client)).payload.toString(), 'other');
  await published(again, 'kept', 'kept', { retain: true });
  const kept = await message(back.client);
  assert.deepEqual([kept.retain, kept.properties.subscriptionIdentifiers], [true, [77]]);
});

test('QoS 0 is sent to those who are there and kept for nobody', async () => {
  await using rig = await openRig();
  const first = await durable(rig, 'pump');
  await first.client.subscribe('d/#', 2);
  await using publisher = await RawClient.connected(rig.port, { clientId: 'publisher' });
  publisher.send(publish('d/1', 'here'));
  assert.equal((await message(first.client)).qos, 0);
  await lost(first.client);
  publisher.send(publish('d/1', 'away'));
  await publisher.settle();
  const second = await durable(rig, 'pump');
  await second.client.settle();
  assert.equal(second.client.unread, 0);
});

test('retained messages of a new subscription go through the queue, also for a client that does not wait for them', async () => {
  await using rig = await openRig();
  for (let i = 0; i < 20; i++) await published(rig, `r/${i}`, `${i}`, { retain: true });
  const first = await durable(rig, 'pump', { properties: { receiveMaximum: 2, sessionExpiryInterval: 3600 } });
  await first.client.subscribe('r/#', 1);
  const one = await message(first.client);
  assert.equal(one.retain, true);
  await lost(first.client);
  await using again = await rig.restart();
  const back = await durable(again, 'pump');
  const repeated = await message(back.client);
  assert.deepEqual([repeated.packetId, repeated.dup, repeated.retain], [one.packetId, true, true]);
  const topics = new Set([repeated.topic]);
  while (topics.size < 20) topics.add((await message(back.client)).topic);
});

test('a shared subscription passes over members that are away, and queues for one when all are', async () => {
  await using rig = await openRig();
  const away = await durable(rig, 'away');
  await away.client.subscribe('$share/g/d', 1);
  const here = await durable(rig, 'here');
  await here.client.subscribe('$share/g/d', 1);
  await lost(away.client);
  for (const name of ['1', '2', '3', '4']) {
    await published(rig, 'd', name);
    const packet = await message(here.client);
    assert.equal(packet.payload.toString(), name);
    here.client.send(ack('puback', packet));
  }
  await lost(here.client);
  await published(rig, 'd', '5');
  const queued = ['away', 'here'].map((name) => rig.iot.broker.sessions.get(name)!.messages);
  assert.equal(queued[0]! + queued[1]!, 1);
});

test('a shared subscription queues for a busy member that is there rather than for one that is away', async () => {
  await using rig = await openRig();
  const away = await durable(rig, 'away');
  await away.client.subscribe('$share/g/d', 1);
  await lost(away.client);
  const queued = () => rig.iot.broker.sessions.get('away')!.messages;
  for (const sessionExpiryInterval of [0, 3600]) {
    const busy = await durable(rig, 'busy', { properties: { sessionExpiryInterval, receiveMaximum: 1 } });
    await busy.client.subscribe('$share/g/d', 1);
    for (const name of ['1', '2', '3', '4']) await published(rig, 'd', name);
    assert.equal(queued(), 0);
    for (const name of ['1', '2', '3', '4']) {
      const packet = await message(busy.client);
      assert.equal(packet.payload.toString(), name);
      busy.client.send(ack('puback', packet));
    }
    await lost(busy.client);
  }
});

// Shows [MQTT-4.8.2-4], [MQTT-4.8.2-5]
test('a shared message under way stays with its client: it is completed there, and goes to nobody else', async () => {
  await using rig = await openRig();
  const first = await durable(rig, 'first');
  await first.client.subscribe('$share/g/d', 2);
  await published(rig, 'd', 'one', { qos: 2 });
  const one = await message(first.client);
  const other = await durable(rig, 'other');
  await other.client.subscribe('$share/g/d', 2);
  await lost(first.client);
  const back = await durable(rig, 'first');
  const repeated = await message(back.client);
  assert.deepEqual([repeated.packetId, repeated.dup], [one.packetId, true]);
  await lost(back.client);
  await durable(rig, 'first', { clean: true });
  await other.client.settle();
  assert.equal(other.client.unread, 0, 'the session that had it is over');
});

test('what a session that ends has queued of a shared subscription goes to another member, in order', async () => {
  await using rig = await openRig();
  const leaving = await durable(rig, 'leaving');
  await leaving.client.subscribe('$share/g/d', 1);
  await leaving.client.subscribe('own', 1);
  await lost(leaving.client);
  for (const name of ['1', '2', '3']) await published(rig, 'd', name);
  await published(rig, 'own', 'not shared');
  const other = await durable(rig, 'other');
  await other.client.subscribe('$share/g/d', 1);
  await durable(rig, 'leaving', { clean: true });
  for (const name of ['1', '2', '3']) {
    const packet = await message(other.client);
    assert.deepEqual([packet.payload.toString(), packet.topic, packet.qos, packet.dup], [name, 'd', 1, false]);
    other.client.send(ack('puback', packet));
  }
  await other.client.settle();
  assert.equal(other.client.unread, 0);
});

test('a member that is away queues what another leaves, over restarts; what nobody can take is counted', async () => {
  await using rig = await openRig();
  const names = ['one', 'two'];
  for (const name of names) {
    const { client } = await durable(rig, name);
    await client.subscribe('$share/g/d', 2);
    await lost(client);
  }
  for (const name of ['1', '2', '3', '4']) await published(rig, 'd', name, { qos: 2 });
  const queued = (node: Rig) => names.map((name) => node.iot.broker.sessions.get(name)?.messages ?? 0);
  assert.deepEqual(queued(rig), [2, 2], 'in turns');
  await rig.call('DeleteConnection', { clientId: 'one', cleanSession: true });
  await until(() => queued(rig)[1] === 4);
  await using again = await rig.restart();
  assert.deepEqual(queued(again), [0, 4]);
  const back = await durable(again, 'two');
  const got = new Set<string>();
  for (let i = 0; i < 4; i++) got.add((await message(back.client)).payload.toString());
  assert.deepEqual([...got].sort(), ['1', '2', '3', '4']);
  await lost(back.client);
  await again.call('DeleteConnection', { clientId: 'two', cleanSession: true });
  await published(again, 'd', 'for nobody');
});

test('a connection that ends before CONNACK leaves the session as it was', async () => {
  await using rig = await openRig();
  const first = await durable(rig, 'pump');
  await first.client.subscribe('d/#', 1);
  await lost(first.client);
  const will = { topic: 'd/will', payload: Buffer.from('never'), qos: 1, retain: false, properties: {} } as const;
  const { sessions } = rig.iot.broker;
  const opening = sessions.connect({
    clientId: 'pump',
    clean: false,
    expirySeconds: 3600,
    will,
    permissions: { principal: undefined },
  });
  assert(opening.kind === 'durable' && opening.before);
  sessions.abandon(opening, 'gone');
  await published(rig, 'd/1', 'one');
  const second = await durable(rig, 'pump');
  assert.equal(second.connack.sessionPresent, true);
  assert.equal((await message(second.client)).payload.toString(), 'one');
  await second.client.settle();
  assert.equal(second.client.unread, 0);
});

test('a CONNECT that fails leaves the session as it was, with the will that waits in it', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock });
  await ruled(rig);
  await using watcher = await RawClient.connected(rig.port, { clientId: 'watcher' });
  await watcher.subscribe('will/#', 1);
  const will = (payload: string) =>
    ({
      ...{ topic: 'will/pump', payload: Buffer.from(payload), qos: 1 as const, retain: false },
      properties: { willDelayInterval: 60 },
    }) as const;
  const first = await durable(rig, 'pump', { will: will('old') });
  await lost(first.client);
  await clock.advance(30_000);
  const refused = await failing(rig, { clientId: 'pump', clean: false, will: will('new') });
  assert.equal(refused, Reason.serverUnavailable);
  await clock.advance(29_000);
  await watcher.settle();
  assert.equal(watcher.unread, 0);
  await clock.advance(2_000);
  assert.equal((await message(watcher)).payload.toString(), 'old', 'its delay goes on from when it was lost');
});

for (const isTriedAgain of [false, true]) {
  test(`a clean start that fails leaves ${isTriedAgain ? 'no session, as soon as the store takes that' : 'the session whole'}`, async () => {
    const clock = new SimulatedClock();
    await using rig = await openRig({ clock });
    await ruled(rig);
    const first = await durable(rig, 'pump');
    await first.client.subscribe('d/#', 1);
    await lost(first.client);
    await published(rig, 'd/1', 'one');
    assert.equal(await failing(rig, { clientId: 'pump', clean: true }), Reason.serverUnavailable);
    if (isTriedAgain) await clock.advance(2_000);
    await using again = await rig.restart();
    const { client, connack } = await durable(again, 'pump');
    assert.equal(connack.sessionPresent, !isTriedAgain);
    await published(again, 'd/2', 'two');
    await client.settle();
    assert.equal(client.unread, isTriedAgain ? 0 : 2);
    if (isTriedAgain) return;
    for (const expected of ['one', 'two']) assert.equal((await message(client)).payload.toString(), expected);
  });
}

test('a session that begins in the place of one that the store did not let end has nothing of it', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock });
  await ruled(rig);
  const first = await durable(rig, 'pump');
  await first.client.subscribe('d/#', 1);
  await lost(first.client);
  await published(rig, 'd/1', 'one');
  await failing(rig, { clientId: 'pump', clean: true });
  const second = await durable(rig, 'pump', { clean: true });
  await lost(second.client);
  await using again = await rig.restart();
  await clock.advance(2_000);
  const back = await durable(again, 'pump');
  assert.equal(back.connack.sessionPresent, true);
  await published(again, 'd/2', 'two');
  await back.client.settle();
  assert.equal(back.client.unread, 0);
  assert.equal(again.iot.broker.subscriptionsOfClient('pump').length, 0);
});

test('DeleteConnection ends the session of a client that is away, with or without its will', async () => {
  await using rig = await openRig();
  await using watcher = await RawClient.connected(rig.port, { clientId: 'watcher' });
  await watcher.subscribe('will/#', 1);
  for (const name of ['silent', 'heard']) {
    const will = {
      ...{ topic: `will/${name}`, payload: Buffer.from(name), qos: 1 as const, retain: false },
      properties: { willDelayInterval: 600 },
    } as const;
    await lost((await durable(rig, name, { will })).client);
  }
  await rig.call('DeleteConnection', { clientId: 'silent', cleanSession: true, preventWillMessage: true });
  await rig.call('DeleteConnection', { clientId: 'heard', cleanSession: true });
  assert.equal((await message(watcher)).payload.toString(), 'heard');
  assert.equal(rig.iot.broker.sessions.size, 0);
  const twice = rig.call('DeleteConnection', { clientId: 'heard', cleanSession: true });
  await assert.rejects(twice, { code: 'resource-not-found' });
  await using again = await rig.restart();
  assert.equal(again.iot.broker.sessions.size, 0);
});

/** Has the rig a rule whose stream can hold back what is written behind it. */
const ruled = (rig: Rig) =>
  rig.rule('stream', "SELECT * FROM 'rule/#'", [{ kinesis: { roleArn: 'r', streamName: 's', partitionKey: '1' } }]);

/** A CONNECT whose commit fails with that of a message before it; its reason code. */
async function failing(rig: Rig, options: Partial<mqtt.ConnectPacket>): Promise<number | undefined> {
  const before = await durable(rig, 'before');
  rig.streams.hold();
  before.client.send(publish('rule/1', 'held', { qos: 2, packetId: 1 }));
  const { length } = rig.streams.records;
  await until(() => rig.streams.records.length > length);
  await using client = await RawClient.open(rig.port);
  client.send(connect({ properties: { sessionExpiryInterval: 3600 }, ...options }));
  for (let i = 0; i < 20; i++) await turn();
  rig.streams.release(new Error('no space'));
  const connack = await client.next();
  assert.equal(connack?.type, 'connack');
  return connack?.type === 'connack' ? connack.reasonCode : undefined;
}

/** Cuts the connection, and waits until the broker knows. */
async function lost(client: RawClient): Promise<void> {
  const closed = new Promise((resolve) => client.socket.once('close', resolve));
  client.socket.destroy();
  await closed;
  for (let i = 0; i < 5; i++) await turn();
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await turn();
}

test('a client that takes no CONNACK leaves a session that ends in its time', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock });
  await using client = await RawClient.open(rig.port);
  const properties = { sessionExpiryInterval: 3600, maximumPacketSize: 5 };
  client.send(connect({ clientId: 'tiny', clean: false, properties }));
  assert.equal(await client.next(), undefined);
  const session = rig.iot.broker.sessions.get('tiny');
  assert(session);
  assert.notEqual(session.disconnectedAt, undefined, 'nobody is connected');
});

test('messages sent again after a reconnect do not exceed the receive maximum, and set their topic aliases', async () => {
  await using rig = await openRig({ limits: { inFlightInMax: 2 } });
  const { client } = await durable(rig, 'pump');
  const one = publish('d/1', 'one', { qos: 2, packetId: 1 });
  const two = publish('d/2', 'two', { qos: 2, packetId: 2 });
  client.send(one, two);
  assert.equal((await client.next())?.type, 'pubrec');
  assert.equal((await client.next())?.type, 'pubrec');
  await lost(client);
  const back = await durable(rig, 'pump');
  back.client.send({ ...one, dup: true, properties: { topicAlias: 1 } }, { ...two, dup: true });
  back.client.send(publish('', 'three', { properties: { topicAlias: 1 } }));
  assert.equal((await back.client.next())?.type, 'pubrec');
  assert.equal((await back.client.next())?.type, 'pubrec');
  await back.client.settle();
  assert.equal(back.client.unread, 0);
});

test('a client id that is longer than a store takes is refused, and costs nobody a commit', async () => {
  await using rig = await openRig();
  await using publisher = await RawClient.connected(rig.port, { clientId: 'p' });
  for (const length of [4_097, 65_535]) {
    await using client = await RawClient.open(rig.port);
    const properties = { sessionExpiryInterval: 3600, requestResponseInformation: true };
    client.send(connect({ clientId: 'c'.repeat(length), clean: false, properties }));
    const connack = await client.next();
    assert(connack?.type === 'connack', JSON.stringify(connack));
    assert.equal(connack.reasonCode, Reason.clientIdentifierNotValid);
  }
  publisher.send(publish('d/1', 'a', { qos: 1 }));
  assert.equal((await publisher.next())?.type, 'puback');
});

test('a message that matches more subscriptions than a packet may name waits and is sent', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock });
  const first = await durable(rig, 'many');
  // Every filter of nine levels, each by its name or as `+`: all match one topic.
  const levels = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
  const filters = Array.from({ length: 512 }, (_, bits) =>
    levels.map((level, index) => (bits & (1 << index) ? '+' : level)).join('/'),
  );
  for (let at = 0; at < filters.length; at += 64) {
    const subscriptions = filters
      .slice(at, at + 64)
      .map((filter) => ({ filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }) as const);
    const properties = { subscriptionIdentifiers: [at + 1] };
    first.client.send({ type: 'subscribe', packetId: 1, subscriptions, properties });
    assert.equal((await first.client.next())?.type, 'suback');
  }
  await lost(first.client);
  await published(rig, levels.join('/'), 'one', { properties: { messageExpiryInterval: 600 } });
  await clock.advance(10_000);
  const back = await durable(rig, 'many');
  const packet = await message(back.client);
  assert.equal(packet.payload.toString(), 'one');
  assert.equal(packet.properties.messageExpiryInterval, 590);
});

/** Begins as many sessions as a principal may have, and waits until they are on disk; how many there are then. */
async function fill(broker: Broker, principal: string | undefined): Promise<number> {
  const { sessions } = broker;
  const options = { clean: true, expirySeconds: 3600, will: undefined, permissions: { principal } };
  while (sessions.connect({ clientId: `s-${sessions.size}`, ...options }).kind === 'durable');
  await broker.drain();
  return sessions.size;
}

test('a CONNECT that would begin one session more than there may be is refused; others are let in', async () => {
  await using rig = await openRig();
  const { client } = await durable(rig, 'pump');
  client.socket.destroy();
  const { sessions } = rig.iot.broker;
  assert.equal(await fill(rig.iot.broker, undefined), IOT_LIMITS.sessionsMax);
  await using full = await RawClient.open(rig.port);
  full.send(connect({ clientId: 'new', clean: false, properties: { sessionExpiryInterval: 60 } }));
  const connack = await full.next();
  assert(connack?.type === 'connack');
  assert.equal(connack.reasonCode, Reason.quotaExceeded);
  assert.equal(connack.properties.reasonString, 'this server has as many sessions as it may');
  assert.equal(sessions.size, IOT_LIMITS.sessionsMax);
  const back = await durable(rig, 'pump');
  assert.equal(back.connack.sessionPresent, true, 'who has a session keeps it');
  await using _passing = await RawClient.connected(rig.port, { clientId: 'passing' });
  const ended = await durable(rig, 'pump', { clean: true });
  assert.equal(ended.connack.sessionPresent, false, 'one that ends makes room');
});

test('a principal has no more sessions than are free: one that takes all it can leaves room to others', async () => {
  const access: DeviceAccess = {
    connect: ({ username }) => ({ kind: 'accepted', permissions: { ...EVERYTHING, principal: username } }),
    publisher: () => ({ kind: 'accepted', permissions: EVERYTHING }),
  };
  const beginning = (clientId: string, username: string) =>
    connect({ clientId, username, clean: false, properties: { sessionExpiryInterval: 3600 } });
  await using rig = await openRig({ access });
  assert.equal(await fill(rig.iot.broker, 'greedy'), IOT_LIMITS.sessionsMax / 2);
  await using restarted = await rig.restart();
  const { broker } = restarted.iot;
  await using refused = await RawClient.open(restarted.port);
  refused.send(beginning('new', 'greedy'));
  const connack = await refused.next();
  assert(connack?.type === 'connack' && connack.reasonCode === Reason.quotaExceeded, JSON.stringify(connack));
  assert.equal(
    connack.properties.reasonString,
    'this principal has its share of the sessions that this server may have',
  );
  const come = async (clientId: string, username: string, clean: boolean) => {
    await using client = await RawClient.open(restarted.port);
    client.send({ ...beginning(clientId, username), clean });
    const connack = await client.next();
    assert(connack?.type === 'connack' && connack.reasonCode === 0, JSON.stringify(connack));
    return connack.sessionPresent;
  };
  assert.equal(await come('s-0', 'greedy', false), true, 'what it has it goes on with');
  assert.equal(await come('s-1', 'greedy', true), false, 'and may begin anew');
  assert.equal(await come('new', 'modest', false), false, 'others are let in');
  assert.equal(await fill(broker, 'greedy'), IOT_LIMITS.sessionsMax / 2 + 1, 'which gives it no further one');
  // Of its sessions, one goes to another principal with its client id, one ends: each makes room for it.
  assert.equal(await come('s-2', 'modest', false), true);
  assert.equal(await fill(broker, 'greedy'), IOT_LIMITS.sessionsMax / 2 + 1);
  assert.equal(broker.sessions.end('s-3', false), true);
  assert.equal(await fill(broker, 'greedy'), IOT_LIMITS.sessionsMax / 2 + 1);
  // Of some 85 KB as it is kept: 21 places, where there is room for ten.
  for (let i = 4; i < 9; i++) assert.equal(broker.sessions.end(`s-${i}`, false), true);
  const large = { topic: 'w', payload: Buffer.alloc(64_000), qos: 1, retain: false, properties: {} } as const;
  for (const clientId of ['s-4', 's-10']) {
    await using client = await RawClient.open(restarted.port);
    client.send({ ...beginning(clientId, 'greedy'), will: large });
    const connack = await client.next();
    assert(connack?.type === 'connack' && connack.reasonCode === Reason.quotaExceeded, JSON.stringify(connack));
  }
  assert.equal(await come('s-10', 'greedy', false), true, 'a session is left as it was');
  assert.equal(await come('s-4', 'greedy', false), false);
});

test('a clock that is set back before a restart makes sessions, wills and messages last no longer', async () => {
  let setBackMs = 0;
  const clock = { ...systemClock, now: () => systemClock.now() - setBackMs };
  await using rig = await openRig({ clock });
  const reader = await durable(rig, 'reader');
  await reader.client.subscribe('#', 1);
  await lost(reader.client);
  const will = { topic: 'w', payload: Buffer.from('gone'), qos: 1, retain: false } as const;
  const properties = { sessionExpiryInterval: 1 };
  const mortal = await durable(rig, 'mortal', { properties, will: { ...will, properties: { willDelayInterval: 1 } } });
  await lost(mortal.client);
  await published(rig, 'd', 'message', { retain: true, properties: { messageExpiryInterval: 60 } });
  setBackMs = 3 * 3_600_000;
  await using again = await rig.restart();
  await until(() => again.iot.broker.sessions.get('mortal') === undefined);
  const back = await durable(again, 'reader');
  const queued = [await message(back.client), await message(back.client)];
  const kept = await RawClient.connected(again.port, { clientId: 'late' });
  await kept.subscribe('d');
  const left = [...queued, await message(kept)].map(({ topic, properties: { messageExpiryInterval: seconds } }) => {
    return [topic, seconds];
  });
  assert.deepEqual(left, [
    ['d', 60],
    ['w', undefined],
    ['d', 60],
  ]);
  await kept[Symbol.asyncDispose]();
});
