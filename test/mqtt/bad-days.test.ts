import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/base/index.ts';
import * as mqtt from '../../src/codec/mqtt/index.ts';
import { connect, openRig, publish, RawClient, type Rig } from './harness.ts';

/** The value of a counter in the Prometheus text. */
function metric(rig: Rig, name: string): number {
  const line = rig.metrics
    .render()
    .split('\n')
    .find((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
  return Number(line?.split(' ').at(-1) ?? 0);
}

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
