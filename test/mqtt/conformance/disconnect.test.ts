/** Sections 3.14, 4.1 and 4.13: DISCONNECT, the end of a session, errors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DomainError } from '../../../src/base/index.ts';
import * as mqtt from '../../../src/codec/mqtt/index.ts';
import { openRig, publish, RawClient } from '../harness.ts';
import { packet, untilClosed } from './bytes.ts';

const { Reason } = mqtt;
const VERSIONS = [4, 5] as const;
const KNOWN: ReadonlySet<number> = new Set(Object.values(Reason));

// Shows [MQTT-3.14.0-1], [MQTT-3.14.2-1, -2], [MQTT-3.14.4-1, -2], [MQTT-4.13.1-1], [MQTT-4.13.2-1]
test('the server disconnects after CONNACK, with a reason, says nothing more, and closes', async () => {
  await using rig = await openRig();
  await using subscriber = await RawClient.connected(rig.port, { clientId: 'noisy' });
  await subscriber.subscribe('noise', 0);
  subscriber.send(publish('noise', 'x'), publish('noise', 'y'));
  subscriber.write(packet(0xf0, 0xff));
  subscriber.send(publish('noise', 'z'));
  const packets = await untilClosed(subscriber);
  const [last] = packets.slice(-1);
  assert(last?.type === 'disconnect');
  assert(KNOWN.has(last.reasonCode) && last.reasonCode >= 0x80);
  assert.equal(last.properties.sessionExpiryInterval, undefined);
  assert.deepEqual(packets.filter(({ type }) => type === 'disconnect').length, 1);
  assert(packets.every((one) => one.type !== 'publish' || one.payload.toString() !== 'z'));
});

// Shows [MQTT-3.14.1-1]
test('a DISCONNECT of the client with flags, or cut short, is a violation', async () => {
  await using rig = await openRig();
  for (const [bytes, reason] of [
    [Buffer.of(0xe1, 0x00), Reason.malformedPacket],
    [Buffer.of(0xe0, 0x02, 0x04, 0x05), Reason.malformedPacket],
  ] as const) {
    await using one = await RawClient.connected(rig.port);
    one.write(bytes);
    const [told] = await untilClosed(one);
    assert(told?.type === 'disconnect' && told.reasonCode === reason);
  }
});

// Shows [MQTT-4.1.0-1], [MQTT-3.1.2-6], [MQTT-3.1.2-4], [MQTT-3.1.4-4], [3.1.1: MQTT-3.1.4-3], [3.1.1: MQTT-3.2.2-3], [MQTT-3.2.2-2], [3.1.1: MQTT-3.1.2-6], [3.1.1: MQTT-3.2.2-1]
// Shows [3.1.1: MQTT-4.1.0-2]
test('a session lasts as long as its connection at least, and a clean one no longer', async () => {
  await using rig = await openRig();
  await using publisher = await RawClient.connected(rig.port, { clientId: 'p' });
  for (const version of VERSIONS) {
    const one = await RawClient.connected(rig.port, { version, clientId: 'clean' });
    await one.subscribe('s', 1);
    for (let i = 0; i < 3; i++) {
      publisher.send(publish('s', `${i}`));
      const message = await one.next();
      assert(message?.type === 'publish' && message.payload.toString() === `${i}`);
    }
    one.send({ type: 'disconnect', reasonCode: 0, properties: mqtt.NO_PROPERTIES });
    await untilClosed(one);
    await using again = await RawClient.open(rig.port, version);
    again.send({ type: 'connect', version, clientId: 'clean', clean: true, keepAlive: 0, properties: {} });
    const connack = await again.next();
    assert(connack?.type === 'connack');
    assert.deepEqual([connack.reasonCode, connack.sessionPresent], [0, false]);
    publisher.send(publish('s', 'lost', { qos: 1 }));
    await publisher.next();
    await again.settle();
    assert.equal(again.unread, 0);
  }
});

// Shows [3.1.1: MQTT-4.8.0-2]
test('when the store cannot take a message now, its connection is closed and nothing is acknowledged', async () => {
  await using rig = await openRig();
  await rig.rule('all', "SELECT * FROM 'stored'", [{ kinesis: { roleArn: 'r', streamName: 's', partitionKey: 'k' } }]);
  rig.streams.refusal = new DomainError('log-full', 'the disk is full', { remedy: 'retry' });
  for (const version of VERSIONS) {
    await using one = await RawClient.connected(rig.port, { version });
    one.send(publish('stored', 'x', { qos: 1 }));
    const packets = await untilClosed(one);
    if (version === 4) assert.deepEqual(packets, []);
    else
      assert(packets.length === 1 && packets[0]?.type === 'disconnect' && packets[0].reasonCode === Reason.serverBusy);
  }
});
