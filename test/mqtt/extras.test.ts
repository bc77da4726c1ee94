import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../src/base/index.ts';
import * as mqtt from '../../src/codec/mqtt/index.ts';
import { connect, openRig, publish, RawClient } from './harness.ts';

const { Reason } = mqtt;

async function received(client: RawClient): Promise<mqtt.PublishPacket> {
  const packet = await client.next();
  assert(packet?.type === 'publish', `a PUBLISH, not ${packet?.type}`);
  return packet;
}

test('topics are sent once to a client that allows aliases, and by their aliases from then on', async () => {
  await using rig = await openRig();
  const properties = { topicAliasMaximum: 2 };
  await using subscriber = await RawClient.connected(rig.port, { clientId: 's', properties });
  await subscriber.subscribe('plant/#');
  await using publisher = await RawClient.connected(rig.port, { clientId: 'p' });
  const send = async (topic: string, qos: mqtt.Qos) => {
    publisher.send(publish(topic, 'x', { qos, properties: { contentType: 'text/plain' } }));
    const packet = await received(subscriber);
    if (qos === 1) {
      subscriber.send({ type: 'puback', packetId: packet.packetId, reasonCode: 0, properties: mqtt.NO_PROPERTIES });
      assert.equal((await publisher.next())?.type, 'puback');
    }
    assert.equal(packet.properties.contentType, 'text/plain');
    assert.equal(packet.payload.toString(), 'x');
    return [packet.topic, packet.properties.topicAlias, packet.qos];
  };
  assert.deepEqual(await send('plant/one', 0), ['plant/one', 1, 0]);
  assert.deepEqual(await send('plant/one', 1), ['', 1, 1]);
  assert.deepEqual(await send('plant/two', 1), ['plant/two', 2, 1]);
  assert.deepEqual(await send('plant/one', 0), ['', 1, 0]);
  assert.deepEqual(await send('plant/three', 0), ['plant/three', 1, 0], 'the oldest alias is used again');
  assert.deepEqual(await send('plant/one', 0), ['plant/one', 2, 0]);
  assert.deepEqual(await send('plant/three', 0), ['', 1, 0]);
  assert.deepEqual(await send('plant/x', 0), ['plant/x', undefined, 0], 'a short topic needs none');
});

test('a server that stops tells its clients where to go on, if there is such a place', async () => {
  await using rig = await openRig({ successor: 'next:8883' });
  await using client = await RawClient.connected(rig.port);
  await rig.gateway.close();
  const told = await client.next();
  assert(told?.type === 'disconnect');
  assert.deepEqual([told.reasonCode, told.properties.serverReference], [Reason.useAnotherServer, 'next:8883']);
});

test('a limit that there is not is refused by its name', async () => {
  await assert.rejects(openRig({ limits: { messagesPerMinute: 3 } as object }), /no MQTT limit messagesPerMinute/);
});

// Shows [MQTT-4.8.2-5]
test('what a member of a shared subscription leaves undone goes to another, but for QoS 2 that was begun', async () => {
  await using rig = await openRig();
  const dying = await RawClient.connected(rig.port, { clientId: 'dying', properties: { receiveMaximum: 4 } });
  await dying.subscribe('$share/g/jobs', 2);
  await using publisher = await RawClient.connected(rig.port, { clientId: 'p' });
  publisher.send(publish('jobs', 'one', { qos: 1, packetId: 1 }), publish('jobs', 'two', { qos: 2, packetId: 2 }));
  publisher.send(publish('jobs', 'done', { qos: 1, packetId: 3 }), publish('jobs', 'zero'));
  await publisher.settle();
  for (const payload of ['one', 'two', 'done', 'zero']) {
    const { packetId, payload: got } = await received(dying);
    assert.equal(got.toString(), payload);
    if (payload === 'done') dying.send({ type: 'puback', packetId, reasonCode: 0, properties: mqtt.NO_PROPERTIES });
  }
  publisher.send(publish('jobs', 'three', { qos: 1, packetId: 4 }), publish('jobs', 'four', { qos: 2, packetId: 5 }));
  publisher.send(publish('jobs', 'five', { qos: 1, packetId: 6 }), publish('jobs', 'six', { qos: 2, packetId: 7 }));
  await publisher.settle();
  await using other = await RawClient.connected(rig.port, { clientId: 'other' });
  await other.subscribe('$share/g/jobs', 2);
  dying.socket.destroy();
  const got = [];
  for (let i = 0; i < 4; i++) {
    const { payload, qos, dup } = await received(other);
    got.push(`${payload} ${qos} ${dup}`);
  }
  // 'two' and 'four' were begun; 'six' was not.
  assert.deepEqual(got, ['one 1 false', 'three 1 false', 'five 1 false', 'six 2 false']);
  await other.settle();
  assert.equal(other.unread, 0);
});

test('a group that does not keep up is not ended member by member by the messages of the one before', async () => {
  await using rig = await openRig({ limits: { inFlightOutMax: 2, queuedMessagesMax: 4 } });
  const members = [];
  for (const clientId of ['a', 'b', 'c']) {
    const member = await RawClient.connected(rig.port, { clientId });
    await member.subscribe('$share/g/flood', 1);
    members.push(member);
  }
  await using publisher = await RawClient.connected(rig.port, { clientId: 'p' });
  for (let i = 1; i <= 18; i++) publisher.send(publish('flood', 'x', { qos: 1, packetId: i }));
  await publisher.settle();
  members[0]!.socket.destroy();
  while (rig.gateway.clients.get('a')) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([...rig.gateway.clients.list()].map(({ clientId }) => clientId).sort(), ['b', 'c', 'p']);
  for (const member of members.slice(1)) member.socket.destroy();
});

test('clients may not publish to topics of the server', async () => {
  await using rig = await openRig();
  rig.iot.broker.reserve('$aws/mine/', () => undefined);
  await using client = await RawClient.connected(rig.port);
  const topics = ['$SYS/broker/uptime', '$aws/things/a/shadow', '$aws/mine/x', '$aws/rules/none/x', '$other/x'];
  for (const [i, topic] of topics.entries()) client.send(publish(topic, 'x', { qos: 1, packetId: i + 1 }));
  const codes = [];
  for (const _ of topics) {
    const packet = await client.next();
    assert(packet?.type === 'puback');
    codes.push(packet.reasonCode);
  }
  assert.deepEqual(codes, [0x87, 0x87, 0, 0, 0]);
  const will = { topic: '$SYS/x', payload: Buffer.alloc(0), qos: 0, retain: false, properties: {} } as const;
  await using other = await RawClient.open(rig.port);
  other.send(connect({ clientId: 'w', will }));
  const refused = await other.next();
  assert(refused?.type === 'connack');
  assert.equal(refused.reasonCode, Reason.notAuthorized);
});

test('$SYS topics tell how the broker is, at once and at an interval, and only to those who ask', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock });
  await using everything = await RawClient.connected(rig.port, { clientId: 'all' });
  await everything.subscribe('#');
  await using watcher = await RawClient.connected(rig.port, { clientId: 'w' });
  await watcher.subscribe('$SYS/broker/clients/+');
  const first = await received(watcher);
  assert.deepEqual([first.topic, first.payload.toString(), first.retain], ['$SYS/broker/clients/connected', '2', true]);
  await using third = await RawClient.connected(rig.port, { clientId: 'third' });
  await clock.advance(10_000);
  const second = await received(watcher);
  assert.deepEqual([second.payload.toString(), second.retain], ['3', false]);
  await watcher.subscribe('$SYS/#');
  const topics = new Map<string, string>();
  await watcher.settle();
  while (watcher.unread > 0) {
    const packet = await received(watcher);
    topics.set(packet.topic, packet.payload.toString());
  }
  assert.equal(topics.get('$SYS/broker/uptime'), '10 seconds');
  assert.equal(topics.get('$SYS/broker/subscriptions/count'), '3');
  assert(topics.size > 8);
  await everything.settle();
  assert.equal(everything.unread, 0);
  await third.settle();
});

test('a draining server sends its clients to another, some at a time', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock, limits: { redirectsPerSecond: 1 } });
  const will = { topic: 'will', payload: Buffer.from('x'), qos: 0, retain: false, properties: {} } as const;
  await using a = await RawClient.connected(rig.port, { clientId: 'a', will });
  await using b = await RawClient.connected(rig.port, { clientId: 'b' });
  await b.subscribe('will');
  const drained = rig.gateway.redirect('other.example:8883');
  const told = {
    type: 'disconnect',
    reasonCode: Reason.useAnotherServer,
    properties: { reasonString: 'this server is being drained', serverReference: 'other.example:8883' },
  };
  assert.deepEqual(await a.next(), told);
  await using late = await RawClient.open(rig.port);
  late.send(connect({ clientId: 'late' }));
  const connack = await late.next();
  assert(connack?.type === 'connack');
  assert.deepEqual(
    [connack.reasonCode, connack.properties.serverReference],
    [Reason.useAnotherServer, 'other.example:8883'],
  );
  await using old = await RawClient.open(rig.port, 4);
  old.send(connect({ version: 4, clientId: 'old' }));
  assert.deepEqual((await old.next()) as mqtt.ConnackPacket, {
    type: 'connack',
    sessionPresent: false,
    reasonCode: 3,
    properties: mqtt.NO_PROPERTIES,
  });
  await b.settle();
  assert.equal(b.unread, 0, 'no will of one that was sent away, and not yet its turn');
  await clock.advance(1_000);
  assert.deepEqual(await b.next(), told);
  await clock.advance(1_000);
  await drained;
});
