import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock, seededRandom } from '../../src/base/index.ts';
import * as mqtt from '../../src/codec/mqtt/index.ts';
import {
  type ClientPermissions,
  type ConnectRequest,
  type DeviceAccess,
  OPEN_ACCESS,
} from '../../src/services/iot/index.ts';
import { connect, metric, openRig, publish, RawClient, type Rig } from './harness.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

test('random bytes and broken packets close their connection and nothing else', async () => {
  await using rig = await openRig();
  await using good = await RawClient.connected(rig.port, { clientId: 'good' });
  const random = seededRandom(99);
  const packets = [connect({ clientId: 'bad' }), publish('a/b', 'payload', { qos: 1 })].map((packet) =>
    mqtt.encodePacket(packet, 5),
  );
  for (let i = 0; i < 150; i++) {
    await using bad = await RawClient.open(rig.port);
    const bytes = i % 3 === 0 ? random.bytes(1 + Math.floor(random.next() * 200)) : Buffer.concat(packets);
    if (i % 3 !== 0) bytes[Math.floor(random.next() * bytes.length)] = random.next() * 256;
    // What answers it gets does not matter; they must be packets.
    bad.write(bytes);
    await turn();
  }
  await good.settle();
});

test('a packet in single bytes over many turns is one packet', async () => {
  await using rig = await openRig();
  await using client = await RawClient.open(rig.port);
  const bytes = Buffer.concat(
    [connect({ clientId: 'slow' }), publish('a', 'x', { qos: 1 })].map((p) => mqtt.encodePacket(p, 5)),
  );
  for (const byte of bytes) {
    client.write(Buffer.of(byte));
    await turn();
  }
  assert.equal((await client.next())?.type, 'connack');
  assert.equal((await client.next())?.type, 'puback');
});

test('half a packet and a broken connection leave nothing behind', async () => {
  await using rig = await openRig();
  const client = await RawClient.connected(rig.port, { clientId: 'half' });
  client.write(mqtt.encodePacket(publish('a', 'x'.repeat(1000)), 5).subarray(0, 500));
  client.socket.end();
  assert.equal(await client.next(), undefined);
  await until(() => rig.gateway.clients.size === 0);
});

test('a subscriber that does not read loses QoS 0 messages and costs bounded memory', async () => {
  await using rig = await openRig({ limits: { outboundBytesMax: 100_000 } });
  await using stalled = await RawClient.connected(rig.port, { clientId: 'stalled' });
  await stalled.subscribe('flood');
  await using reader = await RawClient.connected(rig.port, { clientId: 'reader' });
  await reader.subscribe('tick');
  stalled.socket.pause();
  await using publisher = await RawClient.connected(rig.port, { clientId: 'p' });
  const message = publish('flood', 'x'.repeat(10_000));
  const dropped = () => metric(rig, 'millrace_mqtt_messages_dropped_total');
  let sent = 0;
  for (; dropped() < 200 && sent < 20_000; sent += 20) {
    publisher.send(...Array.from({ length: 20 }, () => message));
    await publisher.settle();
  }
  assert(dropped() >= 200);
  // What is neither dropped nor given to the socket is held: no more than the limit and one message.
  const given = metric(rig, 'millrace_mqtt_sent_bytes_total') / 10_000;
  assert(sent - dropped() - given <= 11, `${sent} sent, ${dropped()} dropped, ${given} given to the socket`);
  publisher.send(publish('tick', 'still here'));
  assert.equal((await reader.next())?.type, 'publish');
  // When it reads again it gets what was kept and what comes then.
  stalled.socket.resume();
  await stalled.settle();
  publisher.send(publish('flood', 'after'));
  for (;;) {
    const packet = await stalled.next();
    if (packet?.type === 'publish' && packet.payload.toString() === 'after') break;
  }
});

test('a subscriber that does not acknowledge QoS 1 messages is disconnected when its queue is full', async () => {
  await using rig = await openRig({ limits: { inFlightOutMax: 5, queuedMessagesMax: 10 } });
  await using stalled = await RawClient.connected(rig.port, { clientId: 'stalled' });
  await stalled.subscribe('a', 1);
  await using publisher = await RawClient.connected(rig.port, { clientId: 'p' });
  for (let i = 1; i <= 16; i++) publisher.send(publish('a', `${i}`, { qos: 1, packetId: i }));
  for (let i = 1; i <= 16; i++) assert.equal((await publisher.next())?.type, 'puback');
  for (let i = 1; i <= 5; i++) assert.equal((await stalled.next())?.type, 'publish');
  const packet = await stalled.next();
  assert(packet?.type === 'disconnect');
  assert.equal(packet.reasonCode, mqtt.Reason.quotaExceeded);
});

test('when too much waits for all clients together, those go for whom most does, and the others miss nothing', async () => {
  await using rig = await openRig({ limits: { inFlightOutMax: 1, waitingBytesMax: 1_000_000 } });
  const names = ['small', 'middle', 'large', 'quick'];
  const clients = await Promise.all(names.map((clientId) => RawClient.connected(rig.port, { clientId })));
  for (const [i, client] of clients.entries()) await client.subscribe(names[i]!, 1);
  await using publisher = await RawClient.connected(rig.port, { clientId: 'p' });
  let packetId = 0;
  const flood = async (topic: string, count: number) => {
    for (let i = 0; i < count; i++)
      publisher.send(publish(topic, 'x'.repeat(10_000), { qos: 1, packetId: ++packetId }));
    await publisher.settle();
  };
  await flood('small', 11);
  await flood('middle', 31);
  await flood('large', 52);
  const connected = () => [...rig.gateway.clients.list()].map(({ clientId }) => clientId).sort();
  assert.deepEqual(connected(), [...names, 'p'].sort());
  await flood('small', 10);
  await until(() => connected().length === 4);
  assert.deepEqual(connected(), ['middle', 'p', 'quick', 'small']);
  const [small, , large, quick] = clients;
  assert.equal((await large!.next())?.type, 'publish');
  const end = await large!.next();
  assert.ok(end?.type === 'disconnect' && end.reasonCode === mqtt.Reason.quotaExceeded);
  assert.equal(metric(rig, 'millrace_mqtt_crowded_out_total'), 1);
  publisher.send(publish('quick', 'q', { qos: 1, packetId: ++packetId }));
  assert.equal((await quick!.next())?.type, 'publish');
  for (let i = 0; i < 21; i++) {
    const packet = await small!.next();
    assert.ok(packet?.type === 'publish', `message ${i} is there`);
    small!.send({ type: 'puback', packetId: packet.packetId, reasonCode: 0, properties: mqtt.NO_PROPERTIES });
  }
  for (const client of clients) client.socket.destroy();
});

/** Sends bytes, and waits until the node has read them: each call is one chunk there, as long as it fits into a segment of the loopback. */
async function sendPart(rig: Rig, client: RawClient, bytes: Buffer): Promise<void> {
  const received = () => metric(rig, 'millrace_mqtt_received_bytes_total');
  const before = received();
  client.write(bytes);
  await until(() => received() >= before + bytes.length);
}

test('packets that have come in part count too: newcomers go first, then who has sent most of one', async () => {
  await using rig = await openRig({ limits: { waitingBytesMax: 400_000 } });
  const packet = mqtt.encodePacket(publish('a', 'x'.repeat(250_000), { qos: 1 }), 5);
  const names = ['most', 'less', 'last'];
  const clients = await Promise.all(names.map((clientId) => RawClient.connected(rig.port, { clientId })));
  const [most, less, last] = clients;
  // In memory that grows to the double: 240,000 bytes.
  for (let at = 0; at < 180_000; at += 60_000) await sendPart(rig, most!, packet.subarray(at, at + 60_000));
  await sendPart(rig, less!, packet.subarray(0, 60_000));
  await using newcomer = await RawClient.open(rig.port);
  const hello = mqtt.encodePacket(connect({ password: Buffer.alloc(60_000), username: 'u' }), 5);
  await sendPart(rig, newcomer, hello.subarray(0, 40_000));
  assert.equal(metric(rig, 'millrace_mqtt_crowded_out_total'), 0);
  await sendPart(rig, last!, packet.subarray(0, 62_000));
  assert.equal(await newcomer.next(), undefined, 'before CONNECT is there, there is no word but closing');
  const end = await most!.next();
  assert.ok(end?.type === 'disconnect' && end.reasonCode === mqtt.Reason.quotaExceeded);
  assert.equal(metric(rig, 'millrace_mqtt_crowded_out_total'), 2);
  for (const [client, from] of [[less!, 60_000] as const, [last!, 62_000] as const]) {
    client.write(packet.subarray(from));
    assert.equal((await client.next())?.type, 'puback');
  }
  for (const client of clients) client.socket.destroy();
});

test('a newcomer whose access is being decided, with too much behind its CONNECT, is told so', async () => {
  const access: DeviceAccess = { ...OPEN_ACCESS, connect: () => new Promise(() => {}) };
  await using rig = await openRig({ access, limits: { waitingBytesMax: 40_000 } });
  for (const version of [4, 5] as const) {
    await using client = await RawClient.open(rig.port, version);
    client.send(connect({ version }), publish('a', 'x'.repeat(50_000)));
    const connack = await client.next();
    assert(connack?.type === 'connack');
    assert.equal(connack.reasonCode, version === 5 ? mqtt.Reason.quotaExceeded : 3);
  }
});

test('a packet counts no longer when it is whole, or its connection is gone', async () => {
  await using rig = await openRig({ limits: { waitingBytesMax: 100_000 } });
  const packet = mqtt.encodePacket(publish('a', 'x'.repeat(70_000), { qos: 1 }), 5);
  for (let i = 0; i < 4; i++) {
    await using client = await RawClient.connected(rig.port, { clientId: `c${i}` });
    await sendPart(rig, client, packet.subarray(0, 60_000));
    if (i % 2 === 0) {
      client.write(packet.subarray(60_000));
      assert.equal((await client.next())?.type, 'puback');
    } else {
      client.socket.destroy();
      await until(() => rig.gateway.clients.size === 0);
    }
  }
  assert.equal(metric(rig, 'millrace_mqtt_crowded_out_total'), 0);
});

test('one message that waits for many clients is counted once: they are not too many for it', async () => {
  await using rig = await openRig({ limits: { inFlightOutMax: 1, waitingBytesMax: 300_000 } });
  const clients = await Promise.all(
    Array.from({ length: 20 }, (_, i) => RawClient.connected(rig.port, { clientId: `c${i}` })),
  );
  for (const client of clients) await client.subscribe('all', 1);
  await using publisher = await RawClient.connected(rig.port, { clientId: 'p' });
  for (let i = 1; i <= 11; i++) publisher.send(publish('all', 'x'.repeat(10_000), { qos: 1, packetId: i }));
  await publisher.settle();
  await publisher.settle();
  assert.equal(rig.gateway.clients.size, 21);
  for (const client of clients) client.socket.destroy();
});

test('a client that never reads its acknowledgements is not read any more', async () => {
  await using rig = await openRig({ limits: { outboundBytesMax: 2_000, closeTimeoutMs: 50 } });
  await using client = await RawClient.connected(rig.port, { clientId: 'deaf', version: 4 });
  client.socket.pause();
  const burst = Buffer.concat(
    Array.from({ length: 5_000 }, (_, i) =>
      mqtt.encodePacket(publish('a', 'x', { qos: 1, packetId: (i % 60_000) + 1 }), 4),
    ),
  );
  let written = 0;
  // Without a limit this would go on for ever.
  while (written < 400 && (client.socket.writableLength < 4_000_000 || written < 50)) {
    client.write(burst);
    written++;
    await turn();
  }
  assert(client.socket.writableLength > 0);
  await using other = await RawClient.connected(rig.port, { clientId: 'other' });
  await other.settle();
});

test('fan-out reaches all subscribers, each with its own packet identifier and version', async () => {
  await using rig = await openRig();
  const subscribers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => RawClient.connected(rig.port, { clientId: `s${i}`, version: i % 2 ? 5 : 4 })),
  );
  for (const [i, subscriber] of subscribers.entries()) {
    await subscriber.subscribe('f', 1);
    assert.equal(i, i);
  }
  await using publisher = await RawClient.connected(rig.port, { clientId: 'p' });
  const properties = { contentType: 'text/plain' };
  publisher.send(publish('f', '1', { qos: 1, properties }), publish('f', '2', { qos: 1, packetId: 2, properties }));
  for (const [i, subscriber] of subscribers.entries()) {
    for (const expected of [1, 2]) {
      const packet = await subscriber.next();
      assert(packet?.type === 'publish');
      assert.deepEqual([packet.payload.toString(), packet.packetId], [`${expected}`, expected]);
      assert.deepEqual(packet.properties, i % 2 ? properties : {});
    }
    subscriber.socket.destroy();
  }
});

test('sockets that send CONNECT byte by byte are closed in time, and hold up nobody', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock });
  const bytes = mqtt.encodePacket(connect({ clientId: 'loris', username: 'x'.repeat(200) }), 5);
  const lorises = await Promise.all(Array.from({ length: 100 }, () => RawClient.open(rig.port)));
  // Sockets are accepted in their order: when this one is in, all are.
  await using good = await RawClient.connected(rig.port, { clientId: 'good' });
  for (let second = 0; second < 11; second++) {
    for (const loris of lorises) if (!loris.socket.destroyed) loris.write(bytes.subarray(second, second + 1));
    await turn();
    await clock.advance(1_000);
  }
  for (const loris of lorises) assert.equal(await loris.next(), undefined);
  await good.settle();
});

test('65,535 levels are refused at once, in a topic, a filter and a will', async () => {
  await using rig = await openRig();
  const levels = '/'.repeat(65_535);
  await using publisher = await RawClient.connected(rig.port, { clientId: 'p' });
  publisher.send(publish(levels, 'x'));
  const told = await publisher.next();
  assert(told?.type === 'disconnect' && told.reasonCode === mqtt.Reason.topicNameInvalid);
  await using subscriber = await RawClient.connected(rig.port, { clientId: 's' });
  for (const filter of [levels, '+/'.repeat(32_767), `${'a/'.repeat(300)}#`]) {
    assert.equal(await subscriber.subscribe(filter), mqtt.Reason.topicFilterInvalid);
  }
  await using dying = await RawClient.open(rig.port);
  const will = { topic: levels, payload: Buffer.alloc(0), qos: 0, retain: true, properties: {} } as const;
  dying.send(connect({ clientId: 'w', will }));
  const connack = await dying.next();
  assert(connack?.type === 'connack' && connack.reasonCode === mqtt.Reason.topicNameInvalid);
  await subscriber.settle();
});

test('a bomb of properties or filters is refused, or answered at the price of its bytes', async () => {
  await using rig = await openRig();
  const userProperties = Array.from({ length: 40_000 }, () => ['', ''] as const);
  await using fresh = await RawClient.open(rig.port);
  fresh.send(connect({ properties: { userProperties } }));
  assert.equal(await fresh.next(), undefined);
  await using publisher = await RawClient.connected(rig.port, { clientId: 'p' });
  publisher.send(publish('a', 'x', { properties: { userProperties } }));
  const told = await publisher.next();
  assert(told?.type === 'disconnect' && told.reasonCode === mqtt.Reason.quotaExceeded);
  await using subscriber = await RawClient.connected(rig.port, { clientId: 's' });
  const filters = Array.from({ length: 30_000 }, (_, i) => `${i % 10}`);
  const subscriptions = filters.map(
    (filter) => ({ filter, qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }) as const,
  );
  subscriber.send({ type: 'subscribe', packetId: 1, subscriptions, properties: mqtt.NO_PROPERTIES });
  const suback = await subscriber.next();
  assert(suback?.type === 'suback');
  assert.equal(suback.reasonCodes.filter((code) => code < 0x80).length, 64);
  subscriber.send({ type: 'unsubscribe', packetId: 2, filters, properties: mqtt.NO_PROPERTIES });
  const unsuback = await subscriber.next();
  assert(unsuback?.type === 'unsuback' && unsuback.reasonCodes.length === filters.length);
});

test('subscriptions of one principal take half of the memory that there is for them, and leave the rest to others', async () => {
  const { permissions } = OPEN_ACCESS.connect({} as ConnectRequest) as { permissions: ClientPermissions };
  const access: DeviceAccess = {
    connect: ({ username }) => ({ kind: 'accepted', permissions: { ...permissions, principal: username } }),
    publisher: () => ({ kind: 'accepted', permissions }),
  };
  await using rig = await openRig({ access });
  const { broker } = rig.iot;
  const come = (clientId: string, username: string) => RawClient.connected(rig.port, { clientId, username });
  await using greedy = await come('greedy', 'greedy');
  assert.equal(await greedy.subscribe('greedy/first'), 1);
  // As large as filters can be; that all have the same one spares the test their memory, and is not counted less.
  const filter = Array.from({ length: 32 }, () => 'x'.repeat(31)).join('/');
  const options = { filter, qos: 1, noLocal: false, retainAsPublished: false } as const;
  const crowd = [];
  for (;;) {
    const subscriber = {
      ...{ clientId: undefined, principal: 'greedy', isCongested: false, mayReceive: () => true },
      deliver: () => undefined,
    };
    if (!broker.hasRoomFor(subscriber, filter)) break;
    broker.subscribe({ subscriber, ...options });
    crowd.push(subscriber);
  }
  // Some 4,800 bytes each: half a gigabyte.
  assert(crowd.length > 100_000 && crowd.length < 125_000, `${crowd.length}`);
  assert.equal(await greedy.subscribe(filter), mqtt.Reason.quotaExceeded);
  assert.equal(await greedy.subscribe('greedy/first', 0), 0, 'what it has it may have again');
  await using modest = await come('modest', 'modest');
  assert.equal(await modest.subscribe(filter), 1);
  for (const subscriber of crowd.slice(0, 2)) broker.detach(subscriber);
  assert.equal(await greedy.subscribe(filter), 1, 'one that goes makes room');
});

test('a storm of wills reaches who waits for them', async () => {
  await using rig = await openRig();
  await using watcher = await RawClient.connected(rig.port, { clientId: 'watcher' });
  await watcher.subscribe('wills/#', 0);
  const fleet = await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      RawClient.connected(rig.port, {
        clientId: `d${i}`,
        will: { topic: `wills/${i}`, payload: Buffer.alloc(2_000), qos: 0, retain: false, properties: {} },
      }),
    ),
  );
  for (const device of fleet) device.socket.resetAndDestroy();
  const topics = new Set<string>();
  while (topics.size < fleet.length) {
    const packet = await watcher.next();
    assert(packet?.type === 'publish');
    topics.add(packet.topic);
  }
  await until(() => rig.gateway.clients.size === 1);
});

test('a flood of connections beyond the limit is closed, and those that are there go on', async () => {
  await using rig = await openRig({ limits: { connectionsMax: 20 } });
  await using there = await RawClient.connected(rig.port, { clientId: 'there' });
  const flood = await Promise.all(Array.from({ length: 100 }, () => RawClient.open(rig.port)));
  await there.settle();
  const refused = () => metric(rig, 'millrace_mqtt_connects_refused_total');
  await until(() => refused() === 81);
  for (const one of flood) one.socket.destroy();
  await using later = await connectedSoon(rig);
  await later.settle();
});

/** A client that gets in as soon as the closed ones are counted out. */
async function connectedSoon(rig: Rig): Promise<RawClient> {
  for (;;) {
    try {
      return await RawClient.connected(rig.port, { clientId: 'later' });
    } catch {
      await turn();
    }
  }
}

// Shows [MQTT-3.3.2-14]
test('a will whose response topic has a wildcard is refused with its CONNECT', async () => {
  await using rig = await openRig();
  const will = { topic: 'w', payload: Buffer.from('x'), qos: 1, retain: false } as const;
  for (const [responseTopic, isTaken] of [
    ['a/+', false],
    ['a/b', true],
  ] as const) {
    await using client = await RawClient.open(rig.port);
    const properties = { sessionExpiryInterval: 60 };
    client.send(connect({ clientId: 'w', properties, will: { ...will, properties: { responseTopic } } }));
    assert.equal((await client.next())?.type === 'connack', isTaken);
  }
  await using watcher = await RawClient.connected(rig.port);
  await watcher.settle();
});
