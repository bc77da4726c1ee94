/** Sections 3.8 to 3.12, 4.7 and 4.8: subscriptions, topics, shared subscriptions. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as mqtt from '../../../src/codec/mqtt/index.ts';
import { IOT_LIMITS } from '../../../src/services/iot/index.ts';
import { openRig, publish, RawClient, type Rig } from '../harness.ts';
import { none, packet, reasonFor, str, u16 } from './bytes.ts';

const { Reason } = mqtt;
const VERSIONS = [4, 5] as const;

let rig: Rig;
before(async () => {
  rig = await openRig();
});
after(() => rig[Symbol.asyncDispose]());

const client = (version: mqtt.ProtocolVersion, name: string) =>
  RawClient.connected(rig.port, { version, clientId: `${name}-${version}` });

const wish = (
  filter: string,
  qos: mqtt.Qos,
  more: Partial<mqtt.SubscriptionRequest> = {},
): mqtt.SubscriptionRequest => ({
  filter,
  qos,
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0,
  ...more,
});

const subscribeTo = (
  packetId: number,
  subscriptions: readonly mqtt.SubscriptionRequest[],
  properties = mqtt.NO_PROPERTIES,
): mqtt.SubscribePacket => ({ type: 'subscribe', packetId, subscriptions, properties });

async function received(from: RawClient): Promise<mqtt.PublishPacket> {
  const message = await from.next();
  assert(message?.type === 'publish', `a PUBLISH, not ${message?.type}`);
  return message;
}

/** All messages that have come by now. */
async function all(from: RawClient): Promise<mqtt.PublishPacket[]> {
  await from.settle();
  const messages: mqtt.PublishPacket[] = [];
  while (from.unread > 0) messages.push(await received(from));
  return messages;
}

// Shows [MQTT-3.8.3-2], [MQTT-3.10.3-2], [MQTT-3.8.3-5], [MQTT-3.8.3-4], [3.1.1: MQTT-3.8.3-3, -4], [3.1.1: MQTT-3.10.3-2]
test('a request without a filter, or with bits that are reserved, closes the connection', async () => {
  for (const version of VERSIONS) {
    const malformed = version === 5 ? Reason.malformedPacket : undefined;
    const withOptions = (options: number) => packet(0x82, u16(1), none(version), str('a'), options);
    for (const bytes of [
      packet(0x82, u16(1), none(version)),
      packet(0xa2, u16(1), none(version)),
      packet(0x82, u16(1), none(version), str('a')),
      withOptions(3),
      withOptions(0x40),
      withOptions(0x80),
    ]) {
      assert.equal(await reasonFor(rig.port, version, bytes), malformed, bytes.toString('hex'));
    }
    // Bits of MQTT 5 are reserved in 3.1.1.
    const retainHandling3 = await reasonFor(rig.port, version, withOptions(0x30));
    assert.equal(retainHandling3, version === 5 ? Reason.protocolError : undefined);
  }
  assert.equal(await reasonFor(rig.port, 4, packet(0x82, u16(1), str('a'), 4)), undefined);
  const noLocal = packet(0x82, u16(1), 0, str('$share/g/a'), 4);
  assert.equal(await reasonFor(rig.port, 5, noLocal), Reason.protocolError);
});

// Shows [MQTT-3.8.4-1, -2], [MQTT-3.8.4-5, -6, -7], [MQTT-3.9.3-1, -2], [MQTT-4.7.1-1, -2], [MQTT-4.8.2-1, -2]
// Shows [3.1.1: MQTT-3.8.4-1, -2], [3.1.1: MQTT-3.8.4-4, -5], [3.1.1: MQTT-3.9.3-1, -2], [3.1.1: MQTT-4.7.1-2, -3]
test('each filter has its answer in the one SUBACK, in their order', async () => {
  const rows: readonly [filter: string, qos: mqtt.Qos, code: number][] = [
    ['a/b', 0, 0],
    ['#', 1, 1],
    ['+', 2, 2],
    ['/', 0, 0],
    ['a/+/b/#', 1, 1],
    ['a#', 1, 0x8f],
    ['a/#/b', 1, 0x8f],
    ['a+/b', 1, 0x8f],
    ['+b', 1, 0x8f],
    ['##', 1, 0x8f],
    ['$share/g/a/+', 2, 2],
    ['$share/g', 1, 0x8f],
    ['$share//a', 1, 0x8f],
    ['$share/g+/a', 1, 0x8f],
    ['$share/g/', 1, 0x8f],
    ['$shared/g', 1, 1],
  ];
  for (const version of VERSIONS) {
    await using one = await client(version, 'each');
    one.send(
      subscribeTo(
        4711,
        rows.map(([filter, qos]) => wish(filter, qos)),
      ),
    );
    const suback = await one.next();
    assert(suback?.type === 'suback');
    assert.equal(suback.packetId, 4711);
    const codes = rows.map(([, , code]) => (version === 4 && code >= 0x80 ? 0x80 : code));
    assert.deepEqual(suback.reasonCodes, codes);
  }
});

// Shows [MQTT-3.8.4-8], [MQTT-3.3.4-2, -3, -4], [MQTT-3.3.4-5], [3.1.1: MQTT-3.8.4-6], [3.1.1: MQTT-3.3.5-1]
test('one copy comes for overlapping subscriptions, with the highest QoS and all identifiers; a shared one comes apart', async () => {
  await using one = await client(5, 'overlap');
  for (const [i, [filter, qos]] of (
    [
      ['o/#', 0],
      ['o/+', 1],
      ['$share/g/o/x', 2],
    ] as const
  ).entries()) {
    one.send(subscribeTo(1, [wish(filter, qos)], { subscriptionIdentifiers: [i + 1] }));
    await one.next();
  }
  await using publisher = await client(4, 'p');
  for (const qos of [0, 1, 2] as const) {
    publisher.send(publish('o/x', 'x', { qos }));
    await publisher.settle();
    const messages = await all(one);
    const seen = messages.map((message) => [message.qos, [...message.properties.subscriptionIdentifiers!].sort()]);
    assert.deepEqual(
      seen.sort(),
      [
        [Math.min(qos, 1), [1, 2]],
        [Math.min(qos, 2), [3]],
      ].sort(),
    );
  }
});

// Shows [MQTT-3.8.4-3, -4], [MQTT-3.3.1-9, -10, -11], [3.1.1: MQTT-3.8.4-3], [3.1.1: MQTT-3.3.1-6], [3.1.1: MQTT-3.3.1-8, -9]
test('the same filter again replaces the subscription; retained messages come as retain handling says', async () => {
  await using publisher = await client(4, 'keeper');
  publisher.send(publish('kept', 'k', { qos: 1, retain: true }));
  await publisher.next();
  for (const version of VERSIONS) {
    await using one = await client(version, 'again');
    const retained = async (retainHandling: 0 | 1 | 2, qos: mqtt.Qos) => {
      await one.subscribe('kept', qos, { retainHandling });
      return (await all(one)).map(({ qos, retain }) => [qos, retain]);
    };
    assert.deepEqual(await retained(1, 0), [[0, true]]);
    assert.deepEqual(await retained(1, 1), version === 5 ? [] : [[1, true]]);
    assert.deepEqual(await retained(0, 0), [[0, true]]);
    if (version === 5) assert.deepEqual(await retained(2, 1), []);
    else await retained(2, 1);
    publisher.send(publish('kept', 'live', { qos: 1 }));
    await publisher.next();
    const live = await all(one);
    assert.deepEqual(
      live.map(({ qos, retain }) => [qos, retain]),
      [[1, false]],
      'one subscription, with the last QoS',
    );
  }
});

// Shows [MQTT-3.8.3-3], [MQTT-3.3.1-12, -13]
test('no local and retain as published', async () => {
  await using one = await client(5, 'options');
  await one.subscribe('own', 0, { noLocal: true });
  await one.subscribe('plain', 0);
  await one.subscribe('flagged', 0, { retainAsPublished: true });
  await using other = await client(5, 'publishes');
  one.send(publish('own', 'mine'));
  for (const topic of ['own', 'plain', 'flagged']) other.send(publish(topic, 'x', { retain: topic !== 'own' }));
  other.send(publish('flagged', 'y'));
  await other.settle();
  assert.deepEqual(
    (await all(one)).map(({ topic, payload, retain }) => [topic, payload.toString(), retain]),
    [
      ['own', 'x', false],
      ['plain', 'x', false],
      ['flagged', 'x', true],
      ['flagged', 'y', false],
    ],
  );
});

// Shows [MQTT-3.10.4-1, -2, -3, -4, -5, -6], [MQTT-3.11.3-1, -2], [3.1.1: MQTT-3.10.4-1, -2, -3, -4, -5, -6]
test('UNSUBSCRIBE ends what has exactly this filter, and what was sent before is completed', async () => {
  for (const version of VERSIONS) {
    await using one = await client(version, 'leaves');
    for (const filter of ['u/a', 'u/+', '$share/g/u/a']) await one.subscribe(filter, 2);
    await using publisher = await client(4, 'p');
    publisher.send(publish('u/b', 'begun', { qos: 2 }));
    await publisher.settle();
    const begun = await received(one);
    one.send({
      type: 'unsubscribe',
      packetId: 99,
      filters: ['u/#', 'u/+', 'u/A', '$share/g/u/a'],
      properties: mqtt.NO_PROPERTIES,
    });
    const unsuback = await one.next();
    assert(unsuback?.type === 'unsuback');
    assert.equal(unsuback.packetId, 99);
    assert.deepEqual(unsuback.reasonCodes, version === 5 ? [0x11, 0, 0x11, 0] : []);
    one.send({ type: 'unsubscribe', packetId: 98, filters: ['nothing'], properties: mqtt.NO_PROPERTIES });
    assert.equal((await one.next())?.type, 'unsuback');
    publisher.send(publish('u/b', 'after', { qos: 0 }), publish('u/a', 'still', { qos: 0 }));
    await publisher.settle();
    assert.deepEqual(
      (await all(one)).map(({ payload }) => payload.toString()),
      ['still'],
    );
    one.send({ type: 'pubrec', packetId: begun.packetId, reasonCode: 0, properties: mqtt.NO_PROPERTIES });
    assert.equal((await one.next())?.type, 'pubrel');
  }
});

// Shows [MQTT-3.12.4-1], [3.1.1: MQTT-3.12.4-1]
test('PINGREQ is answered with PINGRESP', async () => {
  for (const version of VERSIONS) {
    await using one = await client(version, 'pings');
    one.send({ type: 'pingreq' }, { type: 'pingreq' });
    assert.deepEqual([(await one.next())?.type, (await one.next())?.type], ['pingresp', 'pingresp']);
  }
});

// Shows [MQTT-4.7.2-1], [3.1.1: MQTT-4.7.2-1]
test('wildcards at the beginning do not match topics that begin with $', async () => {
  for (const version of VERSIONS) {
    await using one = await client(version, 'dollar');
    one.send(
      subscribeTo(
        1,
        ['#', '+/x', '$own/#'].map((filter) => wish(filter, 0)),
      ),
    );
    assert.equal((await one.next())?.type, 'suback');
    await all(one);
    one.send(publish('$other/x', 'hidden'), publish('$own/x', 'seen'), publish('plain/x', 'seen'));
    const topics = (await all(one)).map(({ topic }) => topic);
    assert.deepEqual(topics, ['$own/x', 'plain/x']);
  }
});

// Shows [MQTT-4.7.3-3], [3.1.1: MQTT-4.7.3-3]
test('a topic or filter of 65,535 bytes is a packet like any other, refused for its length alone', async () => {
  const long = 'x'.repeat(65_535);
  assert.equal(await reasonFor(rig.port, 5, mqtt.encodePacket(publish(long, ''), 5)), Reason.topicNameInvalid);
  for (const version of VERSIONS) {
    await using one = await client(version, 'long');
    assert.equal(await one.subscribe(long, 0), version === 5 ? Reason.topicFilterInvalid : 0x80);
    await one.settle();
  }
});

// Shows [MQTT-4.8.2-3]
test('members of a shared subscription get their messages with the QoS that each was granted', async () => {
  await using zero = await client(5, 'zero');
  await zero.subscribe('$share/qos/s', 0);
  await using two = await client(4, 'two');
  await two.subscribe('$share/qos/s', 2);
  await using publisher = await client(4, 'p');
  for (let i = 1; i <= 4; i++) publisher.send(publish('s', `${i}`, { qos: 1, packetId: i }));
  await publisher.settle();
  assert.deepEqual(
    (await all(zero)).map(({ qos }) => qos),
    [0, 0],
  );
  assert.deepEqual(
    (await all(two)).map(({ qos }) => qos),
    [1, 1],
  );
});

test('a client that has as many subscriptions as it may subscribes to the same filters again, and to no other', async () => {
  await using one = await client(5, 'many');
  for (let from = 0; from < IOT_LIMITS.subscriptionsPerClientMax; from += 50) {
    const wishes = Array.from({ length: 50 }, (_, at) => wish(`many/${from + at}`, 0));
    one.send(subscribeTo(1, wishes));
    assert.equal((await one.next())?.type, 'suback');
  }
  assert.equal(await one.subscribe('many/1', 1), 1);
  assert.equal(await one.subscribe('many/other', 1), Reason.quotaExceeded);
});
