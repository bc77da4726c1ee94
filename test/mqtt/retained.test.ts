import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../src/base/index.ts';
import { openRig, publish, RawClient, type Rig } from './harness.ts';

/** Payloads of the retained messages that a new subscription gets, sorted. */
async function retained(rig: Rig, filter: string): Promise<string[]> {
  await using client = await RawClient.connected(rig.port, { clientId: 'reader' });
  await client.subscribe(filter);
  await client.settle();
  const payloads: string[] = [];
  while (client.unread > 0) {
    const packet = await client.next();
    assert(packet?.type === 'publish' && packet.retain);
    payloads.push(packet.payload.toString());
  }
  return payloads.sort();
}

async function keep(rig: Rig, messages: Record<string, string>): Promise<void> {
  await using client = await RawClient.connected(rig.port, { clientId: 'writer' });
  for (const [topic, payload] of Object.entries(messages)) {
    client.send(publish(topic, payload, { qos: 1, retain: true }));
    assert.equal((await client.next())?.type, 'puback');
  }
}

test('a new subscription gets what is retained, by the rules of wildcards', async () => {
  await using rig = await openRig();
  await keep(rig, { a: '1', 'a/b': '2', 'a/b/c': '3', 'x/b': '4', '$sys/b': '5' });
  assert.deepEqual(await retained(rig, 'a'), ['1']);
  assert.deepEqual(await retained(rig, 'a/#'), ['1', '2', '3']);
  assert.deepEqual(await retained(rig, '+/b'), ['2', '4']);
  assert.deepEqual(await retained(rig, '#'), ['1', '2', '3', '4']);
  assert.deepEqual(await retained(rig, '$sys/#'), ['5']);
  await keep(rig, { 'a/b': 'new', a: '' });
  assert.deepEqual(await retained(rig, 'a/#'), ['3', 'new']);
});

test('retained messages are there after a restart, with their properties', async () => {
  await using rig = await openRig();
  await keep(rig, { a: '1', b: '2' });
  await keep(rig, { b: '' });
  await using client = await RawClient.connected(rig.port);
  client.send(publish('c', '3', { qos: 1, packetId: 3, retain: true, properties: { contentType: 'text/plain' } }));
  assert.equal((await client.next())?.type, 'puback');
  await using again = await rig.restart();
  assert.deepEqual(await retained(again, '#'), ['1', '3']);
  await using reader = await RawClient.connected(again.port, { clientId: 'r' });
  await reader.subscribe('c');
  const packet = await reader.next();
  assert(packet?.type === 'publish');
  assert.deepEqual([packet.qos, packet.properties], [1, { contentType: 'text/plain' }]);
});

test('live subscribers get a retained publish without the flag; retain handling says who gets the kept one', async () => {
  await using rig = await openRig();
  await using client = await RawClient.connected(rig.port);
  await client.subscribe('a', 1);
  client.send(publish('a', '1', { retain: true }));
  const live = await client.next();
  assert(live?.type === 'publish');
  assert.equal(live.retain, false);
  await client.subscribe('a', 1, { retainHandling: 1 });
  await client.subscribe('b', 1, { retainHandling: 2 });
  await client.settle();
  assert.equal(client.unread, 0);
  await client.subscribe('a', 1, { retainHandling: 0 });
  const kept = await client.next();
  assert(kept?.type === 'publish');
  assert.equal(kept.retain, true);
});

test('a retained message expires', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock });
  await using client = await RawClient.connected(rig.port);
  client.send(publish('a', '1', { qos: 1, retain: true, properties: { messageExpiryInterval: 60 } }));
  assert.equal((await client.next())?.type, 'puback');
  await clock.advance(20_000);
  await client.subscribe('a');
  const packet = await client.next();
  assert(packet?.type === 'publish');
  assert.equal(packet.properties.messageExpiryInterval, 40);
  await clock.advance(41_000);
  assert.deepEqual(await retained(rig, 'a'), []);
});

test('more retained messages than a client reads at once come as it reads them', async () => {
  await using rig = await openRig({ limits: { outboundBytesMax: 10_000, inFlightOutMax: 4 } });
  const topics = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`t/${i}`, 'x'.repeat(500)]));
  await keep(rig, topics);
  await using client = await RawClient.connected(rig.port, { clientId: 'reader' });
  await client.subscribe('#', 1);
  for (let i = 0; i < 200; i++) {
    const packet = await client.next();
    assert(packet?.type === 'publish');
    client.send({ type: 'puback', packetId: packet.packetId, reasonCode: 0, properties: {} });
  }
});

for (const sessionExpiryInterval of [0, 3600]) {
  test(`subscribing again begins anew, and unsubscribing ends it (expiry ${sessionExpiryInterval})`, async () => {
    await using rig = await openRig({ limits: { inFlightOutMax: 1 } });
    const messages = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`a/${index}`, `${index}`]));
    await keep(rig, messages);
    const properties = { receiveMaximum: 1, sessionExpiryInterval };
    await using client = await RawClient.connected(rig.port, { clientId: 'c', properties });
    const subscription = {
      filter: 'a/#',
      qos: 1,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    } as const;
    const subscribe = { type: 'subscribe', packetId: 1, subscriptions: [subscription], properties: {} } as const;
    const unsubscribe = { type: 'unsubscribe', packetId: 2, filters: ['a/#'], properties: {} } as const;
    // In one piece, hence in one commit: between two of them a session may take up to 64 more of what is retained.
    client.send(...Array.from({ length: 20 }, () => subscribe), unsubscribe);
    let publishes = 0;
    for (let isOver = false; !isOver; ) {
      const packet = await client.next();
      assert(packet);
      if (packet.type === 'unsuback') isOver = true;
      if (packet.type === 'publish') publishes++;
    }
    // The window is one: nothing more may come than what stands behind it already.
    assert(publishes <= 1);
    client.send({ type: 'puback', packetId: 1, reasonCode: 0, properties: {} });
    for (;;) {
      await client.settle();
      if (client.unread === 0) break;
      const packet = await client.next();
      assert(packet?.type === 'publish');
      publishes++;
      client.send({ type: 'puback', packetId: packet.packetId, reasonCode: 0, properties: {} });
    }
    assert(publishes <= 70, `${publishes} messages`);
  });
}

test('retained messages among many are all found, one or thousands', async () => {
  await using rig = await openRig();
  await using writer = await RawClient.connected(rig.port, { clientId: 'writer' });
  for (let i = 0; i < 3_000; i++) writer.send(publish(`r/${i}/a`, `${i}`, { retain: true }));
  writer.send(publish('r/2999/b', 'only', { retain: true }));
  await writer.settle();
  for (const sessionExpiryInterval of [0, 3600]) {
    await using reader = await RawClient.connected(rig.port, { clientId: 'r', properties: { sessionExpiryInterval } });
    await reader.subscribe('r/+/b', 1);
    const only = await reader.next();
    assert(only?.type === 'publish' && only.payload.toString() === 'only');
    await reader.subscribe('r/+/a', 1);
    const topics = new Set<string>();
    while (topics.size < 3_000) {
      const packet = await reader.next();
      assert(packet?.type === 'publish');
      topics.add(packet.topic);
    }
  }
});
