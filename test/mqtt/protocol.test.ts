import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../src/base/index.ts';
import * as mqtt from '../../src/codec/mqtt/index.ts';
import { type DeviceAccess, OPEN_ACCESS } from '../../src/services/iot/index.ts';
import { connect, openRig, publish, RawClient } from './harness.ts';

const { Reason } = mqtt;

/** Topic, payload and flags of the next packet, which must be a PUBLISH. */
async function received(client: RawClient): Promise<mqtt.PublishPacket> {
  const packet = await client.next();
  assert(packet?.type === 'publish', `a PUBLISH, not ${packet?.type}`);
  return packet;
}

test('CONNACK tells an MQTT 5 client what there is, and a 3.1.1 client nothing', async () => {
  await using rig = await openRig();
  await using five = await RawClient.open(rig.port);
  five.send(connect({ clientId: '', properties: { sessionExpiryInterval: 0xffffffff } }));
  const packet = await five.next();
  assert(packet?.type === 'connack');
  const { assignedClientIdentifier, ...properties } = packet.properties;
  assert.match(assignedClientIdentifier!, /^auto-[0-9a-f]{24}$/);
  assert.deepEqual(properties, {
    sessionExpiryInterval: 604_800,
    receiveMaximum: 1024,
    maximumPacketSize: 262_144,
    topicAliasMaximum: 32,
  });
  await using four = await RawClient.open(rig.port, 4);
  four.send(connect({ version: 4, clientId: 'four', clean: false }));
  assert.deepEqual(await four.next(), {
    type: 'connack',
    sessionPresent: false,
    reasonCode: 0,
    properties: mqtt.NO_PROPERTIES,
  });
});

test('what is no CONNECT is not answered; another MQTT is told which it is not', async () => {
  await using rig = await openRig();
  for (const bytes of [
    '474554202f20485454502f312e310d0a0d0a',
    'c000',
    '30030001 61',
    '00',
    '10ffffffff7f',
    'ff'.repeat(100),
  ]) {
    await using client = await RawClient.open(rig.port, 4);
    client.write(bytes);
    assert.equal(await client.next(), undefined, bytes);
  }
  await using old = await RawClient.open(rig.port, 4);
  old.write('100e 0006 4d5149736470 03 02 0000 0000');
  assert.deepEqual(await old.next(), {
    type: 'connack',
    sessionPresent: false,
    reasonCode: 1,
    properties: mqtt.NO_PROPERTIES,
  });
  assert.equal(await old.next(), undefined);
});

test('a 3.1.1 client without an id must start clean', async () => {
  await using rig = await openRig();
  await using client = await RawClient.open(rig.port, 4);
  client.send(connect({ version: 4, clientId: '', clean: false }));
  const packet = await client.next();
  assert(packet?.type === 'connack');
  assert.equal(packet.reasonCode, 2);
  assert.equal(await client.next(), undefined);
});

test('a silent socket is closed, a connected one only after one and a half keep-alives', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock });
  await using silent = await RawClient.open(rig.port);
  await using client = await RawClient.connected(rig.port, { keepAlive: 10, clientId: 'quiet' });
  await clock.advance(9_000);
  await client.settle();
  await clock.advance(2_000);
  assert.equal(await silent.next(), undefined);
  await clock.advance(12_900);
  await client.settle();
  await clock.advance(15_000);
  const packet = await client.next();
  assert(packet?.type === 'disconnect');
  assert.equal(packet.reasonCode, Reason.keepAliveTimeout);
});

test('a client id belongs to one connection: the first is told that it is taken over, and its will is published', async () => {
  await using rig = await openRig();
  const will = { topic: 'wills/a', payload: Buffer.from('gone'), qos: 1, retain: false, properties: {} } as const;
  await using watcher = await RawClient.connected(rig.port, { clientId: 'watcher' });
  await watcher.subscribe('wills/#');
  await using first = await RawClient.connected(rig.port, { clientId: 'a', will });
  await using second = await RawClient.connected(rig.port, { clientId: 'a' });
  const packet = await first.next();
  assert(packet?.type === 'disconnect');
  assert.equal(packet.reasonCode, Reason.sessionTakenOver);
  assert.equal(await first.next(), undefined);
  assert.equal((await received(watcher)).payload.toString(), 'gone');
  await second.settle();
  assert.equal(rig.gateway.clients.size, 2);
});

// Shows [MQTT-3.1.2-8]
test('a will is published when the connection breaks, not after DISCONNECT, unless that asks for it or tells an error', async () => {
  await using rig = await openRig();
  await using watcher = await RawClient.connected(rig.port, { clientId: 'watcher' });
  await watcher.subscribe('wills/#');
  const willOf = (name: string) =>
    ({
      topic: `wills/${name}`,
      payload: Buffer.from(name),
      qos: 0,
      retain: false,
      properties: { willDelayInterval: 60, contentType: 'text/plain' },
    }) as const;
  const polite = await RawClient.connected(rig.port, { clientId: 'polite', will: willOf('polite') });
  polite.send({ type: 'disconnect', reasonCode: 0, properties: mqtt.NO_PROPERTIES });
  assert.equal(await polite.next(), undefined);
  for (const reasonCode of [Reason.disconnectWithWill, Reason.unspecifiedError, Reason.packetTooLarge]) {
    const asking = await RawClient.connected(rig.port, { clientId: 'asking', will: willOf(`asking/${reasonCode}`) });
    asking.send({ type: 'disconnect', reasonCode, properties: mqtt.NO_PROPERTIES });
    assert.equal(await asking.next(), undefined);
    const { topic, properties } = await received(watcher);
    assert.deepEqual([topic, properties], [`wills/asking/${reasonCode}`, { contentType: 'text/plain' }]);
  }
  const broken = await RawClient.connected(rig.port, { clientId: 'broken', will: willOf('broken') });
  broken.socket.resetAndDestroy();
  assert.equal((await received(watcher)).topic, 'wills/broken');
});

test('QoS is the lower of the two; overlapping subscriptions give one copy with the highest', async () => {
  await using rig = await openRig();
  await using subscriber = await RawClient.connected(rig.port, { clientId: 's' });
  assert.equal(await subscriber.subscribe('a/+', 0), 0);
  assert.equal(await subscriber.subscribe('a/#', 1), 1);
  await using publisher = await RawClient.connected(rig.port, { clientId: 'p' });
  publisher.send(publish('a/b', 'zero'), publish('a/b', 'one', { qos: 1 }));
  const zero = await received(subscriber);
  assert.deepEqual([zero.payload.toString(), zero.qos], ['zero', 0]);
  const one = await received(subscriber);
  assert.deepEqual([one.payload.toString(), one.qos], ['one', 1]);
  await subscriber.settle();
  assert.equal(subscriber.unread, 0);
});

test('no local, retain as published and subscription identifiers do what they say', async () => {
  await using rig = await openRig();
  await using client = await RawClient.connected(rig.port, { clientId: 'c' });
  await client.subscribe('own', 1, { noLocal: true });
  const asPublished = { filter: 'r', qos: 1, noLocal: false, retainAsPublished: true, retainHandling: 2 } as const;
  client.send({
    type: 'subscribe',
    packetId: 2,
    subscriptions: [asPublished],
    properties: { subscriptionIdentifiers: [7] },
  });
  assert.equal((await client.next())?.type, 'suback');
  client.send(publish('own', 'x'), publish('r', 'y', { retain: true, properties: { contentType: 'text/plain' } }));
  const packet = await received(client);
  assert.deepEqual([packet.topic, packet.retain], ['r', true]);
  assert.deepEqual(packet.properties, { contentType: 'text/plain', subscriptionIdentifiers: [7] });
  await client.settle();
  assert.equal(client.unread, 0);
});

test('every filter of a SUBSCRIBE and UNSUBSCRIBE gets its own answer', async () => {
  await using rig = await openRig({ access: onlyOwn });
  await using client = await RawClient.connected(rig.port, { clientId: 'c' });
  const filters = [
    'c/a',
    'c/#/x',
    'c/a+',
    '$share/g/c/#',
    '$share/g',
    '$share//c/a',
    '$share/+/c/a',
    'other/a',
    'c/+/#',
  ];
  const subscriptions = filters.map(
    (filter) => ({ filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }) as const,
  );
  client.send({ type: 'subscribe', packetId: 9, subscriptions, properties: mqtt.NO_PROPERTIES });
  assert.deepEqual(await client.next(), {
    type: 'suback',
    packetId: 9,
    reasonCodes: [1, 0x8f, 0x8f, 1, 0x8f, 0x8f, 0x8f, 0x87, 1],
    properties: { reasonString: 'filter 2: it breaks the rules of wildcards or shared subscriptions, or is too long' },
  });
  client.send({ type: 'unsubscribe', packetId: 10, filters: ['c/a', 'never'], properties: mqtt.NO_PROPERTIES });
  assert.deepEqual(await client.next(), {
    type: 'unsuback',
    packetId: 10,
    reasonCodes: [0, 0x11],
    properties: mqtt.NO_PROPERTIES,
  });
});

/** Clients may use topics below their own id only. */
const onlyOwn: DeviceAccess = {
  publisher: OPEN_ACCESS.publisher,
  connect: async ({ clientId, password }) =>
    password?.toString() === 'wrong'
      ? { kind: 'refused', reasonCode: Reason.badUserNameOrPassword }
      : {
          kind: 'accepted',
          permissions: {
            principal: clientId,
            thingName: undefined,
            mayPublish: (topic) => topic.startsWith(`${clientId}/`),
            mayRetain: () => true,
            mayReceive: () => true,
            receivesAll: true,
            watch: () => () => {},
            maySubscribe: (filter) => filter.replace(/^\$share\/[^/]*\//, '').startsWith(`${clientId}/`),
          },
        },
};

test('access control refuses connects and publishes; packets after CONNECT wait for its decision', async () => {
  await using rig = await openRig({ access: onlyOwn });
  for (const [version, reasonCode] of [
    [5, 0x86],
    [4, 4],
  ] as const) {
    await using refused = await RawClient.open(rig.port, version);
    refused.send(connect({ version, username: 'u', password: Buffer.from('wrong') }));
    const packet = await refused.next();
    assert(packet?.type === 'connack');
    assert.equal(packet.reasonCode, reasonCode);
    assert.equal(await refused.next(), undefined);
  }
  await using client = await RawClient.open(rig.port);
  client.send(
    connect({ clientId: 'c' }),
    publish('c/x', '1', { qos: 1 }),
    publish('d/x', '2', { qos: 1, packetId: 2 }),
  );
  assert.equal((await client.next())?.type, 'connack');
  const answers = [await client.next(), await client.next()].map((packet) => packet?.type === 'puback' && packet);
  assert.deepEqual(answers.map((packet) => packet && [packet.packetId, packet.reasonCode]).sort(), [
    [1, 0],
    [2, 0x87],
  ]);
  await using old = await RawClient.connected(rig.port, { version: 4, clientId: 'o' });
  old.send(publish('d/x', '2'));
  assert.equal(await old.next(), undefined, '3.1.1 has no word for it but closing');
});

test('a topic alias stands for its topic on its connection, within the announced maximum', async () => {
  await using rig = await openRig();
  await using subscriber = await RawClient.connected(rig.port, { clientId: 's' });
  await subscriber.subscribe('#');
  await using client = await RawClient.connected(rig.port, { clientId: 'c' });
  client.send(
    publish('long/topic', '1', { properties: { topicAlias: 32 } }),
    publish('', '2', { properties: { topicAlias: 32 } }),
  );
  for (const payload of ['1', '2']) {
    const packet = await received(subscriber);
    assert.deepEqual([packet.topic, packet.payload.toString()], ['long/topic', payload]);
    assert.deepEqual(packet.properties, {});
  }
  client.send(publish('x', '3', { properties: { topicAlias: 33 } }));
  const packet = await client.next();
  assert(packet?.type === 'disconnect');
  assert.equal(packet.reasonCode, Reason.topicAliasInvalid);
});

test('violations of the protocol are named to MQTT 5 clients', async () => {
  await using rig = await openRig();
  const rows: readonly [name: string, bytes: Buffer, reasonCode: number][] = [
    ['a second CONNECT', mqtt.encodePacket(connect(), 5), Reason.protocolError],
    ['a packet for clients', mqtt.encodePacket({ type: 'pingresp' }, 5), Reason.protocolError],
    ['a wildcard in a topic', Buffer.from('300400012b00', 'hex'), Reason.topicNameInvalid],
    ['a length of 256 MB', Buffer.from('30ffffff7f', 'hex'), Reason.packetTooLarge],
    ['bits that must be zero', Buffer.from('c100', 'hex'), Reason.malformedPacket],
    ['a topic of too many levels', mqtt.encodePacket(publish('/'.repeat(200), 'x'), 5), Reason.topicNameInvalid],
  ];
  for (const [name, bytes, reasonCode] of rows) {
    await using client = await RawClient.connected(rig.port, { clientId: 'c' });
    client.write(bytes);
    const packet = await client.next();
    assert(packet?.type === 'disconnect', name);
    assert.equal(packet.reasonCode, reasonCode, name);
    assert.equal(await client.next(), undefined, name);
  }
});

// Shows [MQTT-3.1.2-25]
test('a message larger than a client takes is not sent to it', async () => {
  await using rig = await openRig();
  await using small = await RawClient.connected(rig.port, { clientId: 's', properties: { maximumPacketSize: 100 } });
  await small.subscribe('a');
  await using publisher = await RawClient.connected(rig.port, { clientId: 'p' });
  publisher.send(publish('a', 'x'.repeat(200), { qos: 1 }), publish('a', 'small', { qos: 1, packetId: 2 }));
  assert.equal((await received(small)).payload.toString(), 'small');
});

test('no more messages are sent than the client allows to be unacknowledged', async () => {
  await using rig = await openRig();
  await using slow = await RawClient.connected(rig.port, { clientId: 's', properties: { receiveMaximum: 2 } });
  await slow.subscribe('a');
  await using publisher = await RawClient.connected(rig.port, { clientId: 'p' });
  for (let i = 1; i <= 4; i++) publisher.send(publish('a', `${i}`, { qos: 1, packetId: i }));
  const first = await received(slow);
  const second = await received(slow);
  await slow.settle();
  assert.equal(slow.unread, 0);
  for (const { packetId } of [first, second]) {
    slow.send({ type: 'puback', packetId, reasonCode: 0, properties: mqtt.NO_PROPERTIES });
  }
  assert.deepEqual([(await received(slow)).payload.toString(), (await received(slow)).payload.toString()], ['3', '4']);
});

test('a shared subscription gives each message to one of its group, and to those who have their own', async () => {
  await using rig = await openRig();
  await using alone = await RawClient.connected(rig.port, { clientId: 'alone' });
  await alone.subscribe('jobs/#');
  const group = [];
  for (const name of ['a', 'b']) {
    const member = await RawClient.connected(rig.port, { clientId: name });
    assert.equal(await member.subscribe('$share/g/jobs/+'), 1);
    group.push(member);
  }
  await using publisher = await RawClient.connected(rig.port, { clientId: 'p' });
  const send = async (from: number, to: number) => {
    for (let i = from; i <= to; i++) {
      publisher.send(publish('jobs/x', `${i}`, { qos: 1, packetId: i }));
      assert.equal((await publisher.next())?.type, 'puback');
    }
  };
  await send(1, 6);
  const shares = [];
  for (const member of group) {
    await member.settle();
    const payloads = [];
    while (member.unread > 0) payloads.push((await received(member)).payload.toString());
    shares.push(payloads);
  }
  assert.deepEqual(shares, [
    ['1', '3', '5'],
    ['2', '4', '6'],
  ]);
  group[0]!.send({ type: 'disconnect', reasonCode: 0, properties: mqtt.NO_PROPERTIES });
  assert.equal(await group[0]!.next(), undefined);
  await send(7, 8);
  const rest = [];
  for (let i = 0; i < 5; i++) rest.push((await received(group[1]!)).payload.toString());
  assert.deepEqual(rest, ['1', '3', '5', '7', '8'], 'what the first has not acknowledged comes before the next');
  for (let i = 1; i <= 8; i++) assert.equal((await received(alone)).payload.toString(), `${i}`);
  group[1]!.socket.destroy();
});

test('a member of a shared subscription that does not acknowledge is passed over', async () => {
  await using rig = await openRig();
  await using slow = await RawClient.connected(rig.port, { clientId: 'slow', properties: { receiveMaximum: 1 } });
  await slow.subscribe('$share/g/work');
  await using quick = await RawClient.connected(rig.port, { clientId: 'quick' });
  await quick.subscribe('$share/g/work');
  await using publisher = await RawClient.connected(rig.port, { clientId: 'p' });
  for (let i = 1; i <= 5; i++) publisher.send(publish('work', `${i}`, { qos: 1, packetId: i }));
  for (let i = 1; i <= 5; i++) assert.equal((await publisher.next())?.type, 'puback');
  await slow.settle();
  await quick.settle();
  assert.deepEqual([slow.unread, quick.unread], [1, 4]);
});

const ack = (type: mqtt.AckPacket['type'], packetId: number, reasonCode = 0): mqtt.AckPacket => ({
  type,
  packetId,
  reasonCode,
  properties: mqtt.NO_PROPERTIES,
});

test('QoS 2 in: a message sent twice before it is released is published once, and acknowledged after its commit', async () => {
  await using rig = await openRig();
  await rig.rule('all', "SELECT * FROM 'd/#'", [{ kinesis: { roleArn: 'r', streamName: 's', partitionKey: 'k' } }]);
  await using device = await RawClient.connected(rig.port);
  rig.streams.hold();
  device.send(publish('d/1', 'once', { qos: 2, packetId: 7 }), publish('d/1', 'next', { qos: 1, packetId: 8 }));
  await device.settle();
  assert.equal(device.unread, 0);
  rig.streams.release();
  assert.deepEqual(await device.next(), ack('pubrec', 7));
  assert.deepEqual(await device.next(), ack('puback', 8));
  device.send(publish('d/1', 'once', { qos: 2, packetId: 7, dup: true }));
  assert.deepEqual(await device.next(), ack('pubrec', 7));
  device.send(ack('pubrel', 7), ack('pubrel', 7));
  assert.deepEqual(await device.next(), ack('pubcomp', 7));
  assert.deepEqual(await device.next(), ack('pubcomp', 7, Reason.packetIdentifierNotFound));
  assert.deepEqual(
    rig.streams.records.map(({ data }) => data),
    ['once', 'next'],
  );
});

test('QoS 2 out: PUBREC is answered with PUBREL, and PUBCOMP makes room for the next', async () => {
  await using rig = await openRig();
  await using subscriber = await RawClient.connected(rig.port, { clientId: 's', properties: { receiveMaximum: 1 } });
  assert.equal(await subscriber.subscribe('a', 2), 2);
  await using publisher = await RawClient.connected(rig.port, { clientId: 'p' });
  publisher.send(publish('a', '1', { qos: 2, packetId: 1 }), publish('a', '2', { qos: 2, packetId: 2 }));
  const first = await received(subscriber);
  assert.deepEqual([first.qos, first.payload.toString()], [2, '1']);
  subscriber.send(ack('pubrec', first.packetId));
  assert.deepEqual(await subscriber.next(), ack('pubrel', first.packetId));
  await subscriber.settle();
  assert.equal(subscriber.unread, 0);
  subscriber.send(ack('pubcomp', first.packetId));
  const second = await received(subscriber);
  assert.equal(second.payload.toString(), '2');
  subscriber.send(ack('pubrec', second.packetId, Reason.quotaExceeded), ack('pubrec', 999));
  assert.deepEqual(await subscriber.next(), ack('pubrel', 999, Reason.packetIdentifierNotFound));
  subscriber.send(ack('pubrec', 998, Reason.quotaExceeded));
  await subscriber.settle();
  assert.equal(subscriber.unread, 0, 'a client that refuses what it was not sent waits for nothing');
});

test('what a client sends before it is told that it is connected is kept, however it comes', async () => {
  const decisions: (() => void)[] = [];
  const access: DeviceAccess = {
    ...OPEN_ACCESS,
    connect: async (request) => {
      await new Promise<void>((resolve) => decisions.push(resolve));
      return OPEN_ACCESS.connect(request);
    },
  };
  await using rig = await openRig({ access });
  // Its commits wait for those of the stream, and so do those of sessions that share their group.
  await rig.rule('all', "SELECT * FROM 'd/#'", [{ kinesis: { roleArn: 'r', streamName: 's', partitionKey: '1' } }]);
  await using client = await RawClient.open(rig.port);
  client.send(
    connect({ clientId: 'early', clean: false, properties: { sessionExpiryInterval: 3600 } }),
    publish('d/1', '1', { qos: 1, packetId: 1 }),
  );
  while (decisions.length < 1) await turn();
  rig.streams.hold();
  // Another's publish holds back the group in which the session is written.
  rig.iot.broker.publish(publish('d/other', 'x', { qos: 1 }), { clientId: undefined, principal: undefined });
  decisions[0]!();
  for (let i = 0; i < 3; i++) {
    await turn();
    client.send(publish('d/2', `${i}`, { qos: 1, packetId: 2 + i }));
  }
  for (let i = 0; i < 200; i++) await turn();
  rig.streams.release();
  assert.equal((await client.next())?.type, 'connack');
  for (const packetId of [1, 2, 3, 4]) {
    const ack = await client.next();
    assert(ack?.type === 'puback', JSON.stringify(ack));
    assert.equal(ack.packetId, packetId);
  }
});

const turn = () => new Promise((resolve) => setImmediate(resolve));
