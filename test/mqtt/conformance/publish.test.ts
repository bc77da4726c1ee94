/** Sections 3.3 to 3.7 and 4.3 to 4.6: PUBLISH, its acknowledgements, order, flow control. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SimulatedClock } from '../../../src/base/index.ts';
import * as mqtt from '../../../src/codec/mqtt/index.ts';
import { openRig, publish, RawClient, type Rig } from '../harness.ts';
import { none, packet, reasonFor, str, u16, untilClosed } from './bytes.ts';

const { Reason } = mqtt;
const VERSIONS = [4, 5] as const;

let rig: Rig;
before(async () => {
  rig = await openRig({ limits: { topicAliasMaximum: 3, inFlightInMax: 8 } });
});
after(() => rig[Symbol.asyncDispose]());

const ack = (type: mqtt.AckPacket['type'], packetId: number, reasonCode = 0): mqtt.AckPacket => ({
  type,
  packetId,
  reasonCode,
  properties: mqtt.NO_PROPERTIES,
});

async function received(client: RawClient): Promise<mqtt.PublishPacket> {
  const message = await client.next();
  assert(message?.type === 'publish', `a PUBLISH, not ${message?.type}`);
  return message;
}

/** A connected client of this name, with the version in it. */
function client(version: mqtt.ProtocolVersion, name: string, properties: mqtt.Properties = {}): Promise<RawClient> {
  return RawClient.connected(rig.port, {
    version,
    clientId: `${name}-${version}`,
    ...(version === 5 && { properties }),
  });
}

/** Payloads that a new subscription gets at once. */
async function retainedOf(topic: string): Promise<[payload: string, qos: number, retain: boolean][]> {
  await using reader = await RawClient.connected(rig.port, { clientId: 'reader' });
  await reader.subscribe(topic, 2);
  await reader.settle();
  const got: [string, number, boolean][] = [];
  while (reader.unread > 0) {
    const { payload, qos, retain } = await received(reader);
    got.push([payload.toString(), qos, retain]);
  }
  return got;
}

// Shows [MQTT-3.3.1-4], [MQTT-3.3.2-2], [MQTT-4.7.0-1], [MQTT-4.7.3-1], [MQTT-3.3.2-14]
// Shows [3.1.1: MQTT-3.3.1-4], [3.1.1: MQTT-3.3.2-2], [3.1.1: MQTT-4.7.1-1], [3.1.1: MQTT-4.7.3-1]
test('QoS 3, wildcards in a topic name and an empty one close the connection', async () => {
  const rows: readonly [bytes: (version: mqtt.ProtocolVersion) => Buffer, reason: number][] = [
    [(version) => packet(0x36, str('a'), u16(1), none(version)), Reason.malformedPacket],
    [(version) => packet(0x30, str('a/#'), none(version)), Reason.topicNameInvalid],
    [(version) => packet(0x30, str('a/+/b'), none(version)), Reason.topicNameInvalid],
    [(version) => packet(0x30, str(''), none(version)), Reason.protocolError],
  ];
  for (const version of VERSIONS) {
    for (const [bytes, reason] of rows) {
      assert.equal(await reasonFor(rig.port, version, bytes(version)), version === 5 ? reason : undefined);
    }
  }
  const response = packet(0x30, str('a'), 6, 8, str('r/#'));
  assert.equal(await reasonFor(rig.port, 5, response), Reason.topicNameInvalid);
});

// Shows [MQTT-3.3.1-3], [3.1.1: MQTT-3.3.1-3]
test('DUP of a received message is not passed on', async () => {
  for (const version of VERSIONS) {
    await using subscriber = await client(version, 'dup');
    await subscriber.subscribe('dup', 1);
    await using publisher = await client(version, 'dupper');
    publisher.send(publish('dup', 'x', { qos: 1, dup: true }));
    assert.deepEqual(await publisher.next(), ack('puback', 1));
    assert.equal((await received(subscriber)).dup, false);
  }
});

// Shows [MQTT-3.3.1-5, -6, -7, -8], [3.1.1: MQTT-3.3.1-5, -6, -7, -8], [3.1.1: MQTT-3.3.1-10, -11, -12], [3.1.1: MQTT-3.1.2-7]
test('the last retained message of a topic is kept with its QoS, until an empty one removes it', async () => {
  for (const version of VERSIONS) {
    const topic = `kept/${version}`;
    const live = await client(version, 'live');
    await live.subscribe(topic, 0);
    const publisher = await client(version, 'keeper');
    const keep = async (payload: string, qos: mqtt.Qos, retain: boolean) => {
      publisher.send(publish(topic, payload, { qos, retain }));
      await publisher.settle();
      while (publisher.unread > 0) await publisher.next();
      const message = await received(live);
      assert.deepEqual([message.payload.toString(), message.retain], [payload, false]);
    };
    await keep('first', 1, true);
    await keep('second', 2, true);
    publisher.send(ack('pubrel', 1));
    await keep('not kept', 1, false);
    assert.deepEqual(await retainedOf(topic), [['second', 2, true]]);
    await keep('third', 0, true);
    publisher.socket.destroy();
    live.socket.destroy();
    assert.deepEqual(await retainedOf(topic), [['third', 0, true]], 'it outlives its publisher');
    await using last = await client(version, 'last');
    last.send(publish(topic, '', { qos: 1, retain: true }));
    await last.next();
    assert.deepEqual(await retainedOf(topic), []);
  }
});

// Shows [MQTT-3.3.2-4], [MQTT-3.3.2-15, -16, -17, -18], [MQTT-3.3.2-20], [MQTT-3.3.2-3], [MQTT-4.5.0-1], [3.1.1: MQTT-3.3.2-3], [3.1.1: MQTT-4.5.0-1]
test('a message reaches everyone whose filter matches, its properties unaltered', async () => {
  const properties: mqtt.Properties = {
    payloadFormatIndicator: 1,
    contentType: 'text/ünï',
    responseTopic: 'answers/here',
    correlationData: Buffer.of(0, 255, 1),
    userProperties: [
      ['z', '1'],
      ['a', ''],
      ['z', '1'],
    ],
  };
  await using exact = await client(5, 'exact');
  await exact.subscribe('p/q', 1);
  await using wild = await client(4, 'wild');
  await wild.subscribe('+/q', 1);
  await using other = await client(5, 'other');
  await other.subscribe('p/r', 1);
  await using publisher = await client(5, 'publisher');
  publisher.send(publish('p/q', 'x', { qos: 1, properties }));
  assert.deepEqual((await received(exact)).properties, properties);
  assert.equal((await received(wild)).topic, 'p/q');
  await other.settle();
  assert.equal(other.unread, 0);
});

// Shows [MQTT-3.3.2-7, -8, -9], [MQTT-3.3.2-12], [MQTT-3.2.2-17]
test('topic aliases hold from 1 to the maximum, on their connection', async () => {
  await using subscriber = await client(5, 'aliases');
  await subscriber.subscribe('alias/+', 0);
  await using publisher = await client(5, 'aliaser');
  for (const topicAlias of [1, 2, 3])
    publisher.send(publish(`alias/${topicAlias}`, 'x', { properties: { topicAlias } }));
  for (const topicAlias of [3, 1, 2]) publisher.send(publish('', 'y', { properties: { topicAlias } }));
  const topics = [];
  for (let i = 0; i < 6; i++) topics.push((await received(subscriber)).topic);
  assert.deepEqual(topics, ['alias/1', 'alias/2', 'alias/3', 'alias/3', 'alias/1', 'alias/2']);
  const bytesOf = (topic: string, topicAlias: number) =>
    mqtt.encodePacket(publish(topic, 'x', { properties: { topicAlias } }), 5);
  assert.equal(await reasonFor(rig.port, 5, bytesOf('', 1)), Reason.protocolError, 'another connection has none');
  assert.equal(await reasonFor(rig.port, 5, bytesOf('a', 0)), Reason.topicAliasInvalid);
  assert.equal(await reasonFor(rig.port, 5, bytesOf('a', 4)), Reason.topicAliasInvalid);
});

// Shows [MQTT-3.1.2-26, -27], [MQTT-3.3.2-11]
test('the server uses as many aliases as the client allows, and none where it allows none', async () => {
  for (const topicAliasMaximum of [0, 1, 3]) {
    await using subscriber = await client(5, `allows-${topicAliasMaximum}`, { topicAliasMaximum });
    await subscriber.subscribe('many/#', 0);
    await using publisher = await client(5, 'many');
    const used = new Set<number>();
    for (let i = 0; i < 40; i++) {
      publisher.send(publish(`many/topics/${i % 5}`, 'x'));
      used.add((await received(subscriber)).properties.topicAlias ?? 0);
    }
    assert.equal(Math.max(...used), topicAliasMaximum);
  }
});

// Shows [MQTT-3.3.4-6]
test('a subscription identifier in a PUBLISH of a client is a protocol error', async () => {
  const bytes = mqtt.encodePacket(publish('a', 'x', { properties: { subscriptionIdentifiers: [1] } }), 5);
  assert.equal(await reasonFor(rig.port, 5, bytes), Reason.protocolError);
});

// Shows [MQTT-3.3.4-1], [MQTT-3.4.2-1], [MQTT-3.5.2-1], [MQTT-3.6.2-1], [MQTT-3.7.2-1], [MQTT-4.3.2-4, -5], [MQTT-4.3.3-4]
// Shows [MQTT-4.3.3-8], [MQTT-4.3.3-10, -11, -12], [MQTT-4.6.0-2, -3, -4], [3.1.1: MQTT-4.6.0-2, -3, -4], [3.1.1: MQTT-4.3.2-2], [3.1.1: MQTT-4.3.3-2]
// Shows [3.1.1: MQTT-3.3.4-1]
test('messages are acknowledged as their QoS says and in their order; an identifier is free when that is done', async () => {
  for (const version of VERSIONS) {
    await using subscriber = await client(version, 'counts');
    await subscriber.subscribe('counted', 0);
    await using publisher = await client(version, 'sends');
    const message = (payload: string, qos: mqtt.Qos, packetId: number, dup = false) =>
      publish('counted', payload, { qos, packetId, dup });
    publisher.send(message('a', 2, 5), message('b', 1, 6), message('b', 1, 6, true), message('c', 2, 7));
    publisher.send(message('a', 2, 5, true), message('quiet', 0, 0));
    for (const answer of [ack('pubrec', 5), ack('puback', 6), ack('puback', 6), ack('pubrec', 7), ack('pubrec', 5)]) {
      assert.deepEqual(await publisher.next(), answer);
    }
    publisher.send(ack('pubrel', 7), ack('pubrel', 5));
    assert.deepEqual([await publisher.next(), await publisher.next()], [ack('pubcomp', 7), ack('pubcomp', 5)]);
    publisher.send(message('again', 2, 5));
    assert.deepEqual(await publisher.next(), ack('pubrec', 5));
    publisher.send(ack('pubrel', 5), ack('pubrel', 999));
    const unknown = version === 5 ? Reason.packetIdentifierNotFound : 0;
    assert.deepEqual(
      [await publisher.next(), await publisher.next()],
      [ack('pubcomp', 5), ack('pubcomp', 999, unknown)],
    );
    const payloads = [];
    for (let i = 0; i < 6; i++) payloads.push((await received(subscriber)).payload.toString());
    assert.deepEqual(payloads, ['a', 'b', 'b', 'c', 'quiet', 'again']);
    await subscriber.settle();
    assert.equal(subscriber.unread, 0);
  }
});

// Shows [MQTT-4.3.3-9], [3.1.1: MQTT-3.3.5-2]
test('a message that may not be published: MQTT 5 is told and its identifier is free; 3.1.1 is closed', async () => {
  await using five = await client(5, 'denied');
  await using listener = await client(5, 'allowed');
  await listener.subscribe('fine', 0);
  five.send(publish('$SYS/no', 'x', { qos: 2, packetId: 3 }), publish('fine', 'y', { qos: 2, packetId: 3 }));
  const [refused, taken] = [await five.next(), await five.next()];
  assert(refused?.type === 'pubrec' && taken?.type === 'pubrec');
  assert.deepEqual([refused.reasonCode, taken.reasonCode], [Reason.notAuthorized, 0]);
  assert.equal((await received(listener)).payload.toString(), 'y');
  await using four = await client(4, 'denied');
  four.send(publish('$SYS/no', 'x', { qos: 1 }));
  assert.equal(await four.next(), undefined);
});

// Shows [MQTT-3.4.2-2, -3], [MQTT-3.5.2-2, -3], [MQTT-3.6.2-2, -3], [MQTT-3.7.2-2, -3]
test('acknowledgements stay within what the client takes, whatever they have to say', async () => {
  await using small = await client(5, 'small', { maximumPacketSize: 40 });
  await using large = await client(5, 'large');
  for (const [one, explained] of [
    [small, false],
    [large, true],
  ] as const) {
    one.send(publish('$SYS/no', 'x', { qos: 1, packetId: 1 }), publish('$SYS/no', 'x', { qos: 2, packetId: 2 }));
    one.send(ack('pubrel', 9), ack('pubrec', 9));
    for (const type of ['puback', 'pubrec', 'pubcomp', 'pubrel'] as const) {
      const packet = await one.next();
      assert(packet?.type === type, `${type}, not ${packet?.type}`);
      assert(packet.reasonCode >= 0x80 && mqtt.encodePacket(packet, 5).length <= (explained ? 128 : 40));
      if (type === 'puback' || type === 'pubrec') assert.equal(packet.properties.reasonString !== undefined, explained);
    }
  }
});

// Shows [MQTT-3.3.4-7], [MQTT-4.8.2-6], [MQTT-4.4.0-2]
test('more unacknowledged messages than the server takes end the connection with 0x93', async () => {
  await using eager = await client(5, 'eager');
  for (let i = 1; i <= 9; i++) eager.send(publish('a', 'x', { qos: 2, packetId: i }));
  const told = (await untilClosed(eager)).at(-1);
  assert(told?.type === 'disconnect');
  assert.equal(told.reasonCode, Reason.receiveMaximumExceeded);
  // And what one refuses is done with: it is not sent again, nor to another of its group.
  const members = [await client(5, 'm1'), await client(5, 'm2')];
  for (const member of members) await member.subscribe('$share/g/refused', 2);
  await using publisher = await client(5, 'p');
  publisher.send(publish('refused', 'x', { qos: 1 }), publish('refused', 'y', { qos: 2, packetId: 2 }));
  for (const member of members) {
    const { qos, packetId } = await received(member);
    member.send(ack(qos === 1 ? 'puback' : 'pubrec', packetId, Reason.unspecifiedError));
  }
  for (const member of members) {
    await member.settle();
    assert.equal(member.unread, 0);
    member.socket.destroy();
  }
});

// Shows [MQTT-3.3.4-9, -10], [MQTT-4.9.0-1, -2, -3], [MQTT-4.3.2-3], [MQTT-4.3.3-3], [MQTT-4.3.3-5, -6]
// Shows [3.1.1: MQTT-4.3.2-1], [3.1.1: MQTT-4.3.3-1]
test('a message counts as unacknowledged until the last packet of its QoS; other packets are answered meanwhile', async () => {
  await using subscriber = await client(5, 'window', { receiveMaximum: 2 });
  await subscriber.subscribe('w', 2);
  await using publisher = await client(5, 'fills');
  const four = [1, 2, 1, 2] as const;
  for (const [i, qos] of four.entries()) publisher.send(publish('w', `${i}`, { qos, packetId: i + 1 }));
  publisher.send(publish('w', 'zero'));
  const first = await received(subscriber);
  const second = await received(subscriber);
  assert.deepEqual([first.payload.toString(), second.payload.toString()], ['0', '1']);
  // QoS 0 is not held back, and neither are answers.
  assert.equal((await received(subscriber)).payload.toString(), 'zero');
  await subscriber.settle();
  assert.equal(await subscriber.subscribe('x', 1), 1);
  // Acknowledgements of another kind, or of another message, do not count.
  subscriber.send(ack('pubcomp', first.packetId), ack('puback', second.packetId), ack('puback', 999));
  subscriber.send(ack('pubrec', second.packetId));
  assert.deepEqual(await subscriber.next(), ack('pubrel', second.packetId));
  await subscriber.settle();
  assert.equal(subscriber.unread, 0, 'PUBREL is not the end');
  subscriber.send(ack('pubcomp', second.packetId));
  assert.equal((await received(subscriber)).payload.toString(), '2');
  subscriber.send(ack('puback', first.packetId));
  assert.equal((await received(subscriber)).payload.toString(), '3');
  await subscriber.settle();
  assert.equal(subscriber.unread, 0);
});

// Shows [MQTT-4.6.0-5, -6], [3.1.1: MQTT-4.6.0-5, -6]
test('messages of one client to one topic come in their order at every QoS', async () => {
  for (const qos of [0, 1, 2] as const) {
    await using subscriber = await client(5, `order-${qos}`);
    await subscriber.subscribe('order', 2);
    await using publisher = await client(4, 'orderly');
    for (let i = 0; i < 50; i++) {
      publisher.send(publish('order', `${i}`, { qos, packetId: qos === 0 ? 0 : i + 1 }));
      if (qos === 0) continue;
      await publisher.next();
      if (qos === 2) publisher.send(ack('pubrel', i + 1));
      if (qos === 2) await publisher.next();
    }
    for (let i = 0; i < 50; i++) assert.equal((await received(subscriber)).payload.toString(), `${i}`);
  }
});

// Shows [MQTT-4.3.3-7], [MQTT-4.3.3-13]
test('an exchange of QoS 2 that has begun goes to its end, though the message expires meanwhile', async () => {
  const clock = new SimulatedClock();
  await using own = await openRig({ clock });
  const options = { clientId: 'late', clean: false, properties: { sessionExpiryInterval: 3600 } };
  const first = await RawClient.connected(own.port, options);
  await first.subscribe('expires', 2);
  await using publisher = await RawClient.connected(own.port, { clientId: 'p' });
  publisher.send(publish('expires', 'x', { qos: 2, properties: { messageExpiryInterval: 5 } }));
  assert.equal((await publisher.next())?.type, 'pubrec');
  assert.equal((await received(first)).dup, false);
  await clock.advance(10_000);
  publisher.send(ack('pubrel', 1));
  assert.deepEqual(await publisher.next(), ack('pubcomp', 1));
  first.socket.destroy();
  while (own.gateway.clients.get('late')) await new Promise((resolve) => setImmediate(resolve));
  await using again = await RawClient.connected(own.port, options);
  const { packetId, dup } = await received(again);
  assert.equal(dup, true);
  again.send(ack('pubrec', packetId));
  assert.deepEqual(await again.next(), ack('pubrel', packetId));
});

// Shows [MQTT-4.2-1], [3.1.1: MQTT-7.1.1-1], [3.1.1: MQTT-7.0.0-2]
test('all that is needed is a stream of bytes, cut anywhere', async () => {
  await using one = await client(4, 'cut');
  const bytes = mqtt.encodePacket(publish('a', 'x'.repeat(300), { qos: 1, packetId: 77 }), 4);
  for (let at = 1; at < bytes.length; at += 61) {
    one.write(bytes.subarray(0, at));
    await new Promise((resolve) => setImmediate(resolve));
    one.write(bytes.subarray(at));
    assert.deepEqual(await one.next(), ack('puback', 77));
  }
});

// Shows [MQTT-3.3.2-5], [MQTT-3.3.2-6]
test('the expiry of a message counts while it waits for a slow client, of whatever version', async () => {
  const clock = new SimulatedClock();
  await using slow = await openRig({ clock, limits: { inFlightOutMax: 1 } });
  await using publisher = await RawClient.connected(slow.port, { clientId: 'publisher' });
  const readers = await Promise.all(
    VERSIONS.map((version) => RawClient.connected(slow.port, { version, clientId: `reader-${version}` })),
  );
  for (const reader of readers) await reader.subscribe('e', 1);
  for (const [payload, messageExpiryInterval] of [
    ['first', 5],
    ['expires', 5],
    ['stays', 100],
  ] as const) {
    publisher.send(publish('e', payload, { qos: 1, properties: { messageExpiryInterval } }));
    assert.equal((await publisher.next())?.type, 'puback');
  }
  const first = await Promise.all(readers.map(received));
  assert.deepEqual(
    first.map(({ payload }) => payload.toString()),
    ['first', 'first'],
  );
  await clock.advance(10_000);
  for (const [at, reader] of readers.entries()) {
    reader.send(ack('puback', first[at]!.packetId));
    const { payload, properties } = await received(reader);
    const left = reader.version === 5 ? 90 : undefined;
    assert.deepEqual([payload.toString(), properties.messageExpiryInterval], ['stays', left]);
    await reader[Symbol.asyncDispose]();
  }
});
