import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, systemClock } from '../../src/base/index.ts';
import * as mqtt from '../../src/codec/mqtt/index.ts';
import type { MqttLimits } from '../../src/gateway/mqtt/index.ts';
import type { ClientWatcher } from '../../src/services/iot/index.ts';
import { connect, metric, openRig, publish, RawClient, type Rig } from './harness.ts';

const FLEET = 30;

/** A node on which each closing takes more than a turn has time for, and what it tells of its clients. */
async function slowRig(limits: Partial<MqttLimits> = {}) {
  let spentMs = 0;
  const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + spentMs };
  const events: string[] = [];
  const watcher: ClientWatcher = {
    connectFailed() {},
    connected: ({ clientId }) => events.push(`${clientId} connected`),
    disconnected: ({ clientId }, reason) => {
      spentMs += 100;
      events.push(`${clientId} ${reason}`);
    },
    subscribed() {},
    unsubscribed() {},
  };
  return { rig: await openRig({ clock, watcher, limits }), events };
}

/** Clients with wills. */
async function connectFleet(rig: Rig, more: Partial<mqtt.ConnectPacket> = {}): Promise<RawClient[]> {
  const fleet: RawClient[] = [];
  for (let i = 0; i < FLEET; i++) {
    const will = { topic: `will/c${i}`, payload: Buffer.from(`${i}`), qos: 1, retain: false, properties: {} } as const;
    fleet.push(await RawClient.connected(rig.port, { clientId: `c${i}`, will, ...more }));
  }
  return fleet;
}

/**
 * Breaks all their connections at once; others stay.
 *
 * @returns one that has not left yet, when the node has seen that all are gone
 */
async function leaveAtOnce(fleet: readonly RawClient[], { rig, events }: Awaited<ReturnType<typeof slowRig>>) {
  const others = rig.gateway.clients.size - fleet.length;
  for (const client of fleet) client.socket.destroy();
  while (rig.gateway.clients.size > others) await new Promise(setImmediate);
  const ids = Array.from({ length: FLEET }, (_, i) => `c${i}`);
  const waiting = ids.find((id) => !events.includes(`${id} CONNECTION_LOST`));
  assert(waiting !== undefined);
  return waiting;
}

test('a client that comes back while its closing waits for a turn finds it done, will and all', async () => {
  const slow = await slowRig();
  await using rig = slow.rig;
  await using watching = await RawClient.connected(rig.port, { clientId: 'watching' });
  await watching.subscribe('will/#', 1);
  await using back = await RawClient.open(rig.port);
  const waiting = await leaveAtOnce(await connectFleet(rig), slow);
  back.send(connect({ clientId: waiting }), publish('will/back', ''));
  assert.equal((await back.next())?.type, 'connack');
  assert.deepEqual(
    slow.events.filter((event) => event.startsWith(`${waiting} `)),
    [`${waiting} connected`, `${waiting} CONNECTION_LOST`, `${waiting} connected`],
  );
  const topics: string[] = [];
  while (topics.length < FLEET + 1) {
    const packet = await watching.next();
    assert(packet?.type === 'publish');
    topics.push(packet.topic);
  }
  assert.ok(topics.indexOf(`will/${waiting}`) < topics.indexOf('will/back'));
  assert.equal(new Set(topics).size, FLEET + 1);
});

test('an API that ends the session of a client whose closing waits for a turn ends it', async () => {
  const slow = await slowRig();
  await using rig = slow.rig;
  const kept = { clean: false, properties: { sessionExpiryInterval: 3600 } };
  const clientId = await leaveAtOnce(await connectFleet(rig, kept), slow);
  await rig.call('DeleteConnection', { clientId, cleanSession: true });
  await using again = await RawClient.open(rig.port);
  again.send(connect({ clientId, ...kept }));
  const connack = await again.next();
  assert(connack?.type === 'connack');
  assert.equal(connack.sessionPresent, false);
});

test('a node that stops while closings wait for a turn publishes the wills of those who had gone', async () => {
  const slow = await slowRig();
  await using rig = slow.rig;
  const target = { kinesis: { streamName: 'telemetry', partitionKey: '${topic()}', roleArn: 'arn:aws:iam::0:role/r' } };
  await rig.rule('wills', "SELECT * FROM 'will/#'", [target]);
  await leaveAtOnce(await connectFleet(rig), slow);
  await rig.gateway.close();
  const wills = rig.streams.records.map(({ key }) => key).sort();
  assert.deepEqual(wills, Array.from({ length: FLEET }, (_, i) => `will/c${i}`).sort());
});

test('when too much waits for all clients, what is kept for those whose closings wait goes before anybody who is there', async () => {
  const slow = await slowRig({ inFlightOutMax: 1, waitingBytesMax: 1_000_000 });
  await using rig = slow.rig;
  const fleet = await connectFleet(rig);
  for (const [i, client] of fleet.entries()) await client.subscribe(`fleet/${i}`, 1);
  await using staying = await RawClient.connected(rig.port, { clientId: 'staying' });
  await staying.subscribe('staying', 1);
  await using publisher = await RawClient.connected(rig.port, { clientId: 'p' });
  let packetId = 0;
  const send = (topic: string, bytes: number) =>
    publisher.send(publish(topic, 'x'.repeat(bytes), { qos: 1, packetId: ++packetId }));
  // The first is on its way, the second is kept until the client has acknowledged that.
  for (let i = 0; i < FLEET; i++) {
    send(`fleet/${i}`, 1);
    send(`fleet/${i}`, 30_000);
  }
  send('staying', 1);
  await publisher.settle();
  const large = publish('staying', 'x'.repeat(240_000), { qos: 1, packetId: ++packetId });
  const bytes = mqtt.encodePacket(large, 5);
  const received = () => metric(rig, 'millrace_mqtt_received_bytes_total');
  const before = received();
  publisher.write(bytes.subarray(0, -1));
  while (received() < before + bytes.length - 1) await new Promise(setImmediate);
  await leaveAtOnce(fleet, slow);
  publisher.write(bytes.subarray(-1));
  await publisher.settle();
  assert.notEqual(rig.gateway.clients.get('staying'), undefined);
});
