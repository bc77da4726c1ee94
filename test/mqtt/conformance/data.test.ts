/** Chapters 1 and 2: strings, integers, flags, packet identifiers. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as mqtt from '../../../src/codec/mqtt/index.ts';
import { connect, openRig, publish, RawClient, type Rig } from '../harness.ts';
import { answerTo, connectBytes, none, packet, reasonFor, str, u16 } from './bytes.ts';

const { Reason } = mqtt;
const VERSIONS = [4, 5] as const;
/** What malformed bytes are answered with. */
const MALFORMED = { 4: undefined, 5: Reason.malformedPacket } as const;

let rig: Rig;
before(async () => {
  rig = await openRig();
});
after(() => rig[Symbol.asyncDispose]());

/** Not UTF-8, a surrogate, an overlong form, beyond Unicode, a null. */
const BAD_STRINGS = [[0xff], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x61, 0x00, 0x62]];

// Shows [MQTT-1.5.4-1, -2], [MQTT-3.3.2-1], [MQTT-3.8.3-1], [MQTT-3.10.3-1], [MQTT-4.7.3-2], [MQTT-4.13.1-1]
// Shows [3.1.1: MQTT-1.5.3-1, -2], [3.1.1: MQTT-3.3.2-1], [3.1.1: MQTT-3.8.3-1], [3.1.1: MQTT-3.10.3-1], [3.1.1: MQTT-4.7.3-2]
test('a topic or filter that is no UTF-8, or holds a surrogate or a null, closes the connection', async () => {
  for (const version of VERSIONS) {
    for (const bytes of BAD_STRINGS) {
      const bad = str(bytes);
      const packets = [
        packet(0x30, bad, none(version)),
        packet(0x82, u16(1), none(version), bad, 0),
        packet(0xa2, u16(1), none(version), bad),
      ];
      for (const wrong of packets) assert.equal(await reasonFor(rig.port, version, wrong), MALFORMED[version]);
    }
  }
});

// Shows [MQTT-3.1.3-4], [MQTT-3.1.3-11, -12], [MQTT-3.1.4-1]
// Shows [3.1.1: MQTT-3.1.3-4], [3.1.1: MQTT-3.1.3-10, -11], [3.1.1: MQTT-3.1.4-1]
test('such a string in a CONNECT closes the connection without an answer', async () => {
  for (const version of VERSIONS) {
    const bad = str([0xff]);
    const good = str('x');
    for (const bytes of [
      connectBytes(version, 0x02, bad),
      connectBytes(version, 0x06, good, none(version), bad, good),
      connectBytes(version, 0x82, good, bad),
    ]) {
      assert.deepEqual(await answerTo(rig.port, version, bytes), []);
    }
  }
});

// Shows [MQTT-1.5.7-1], [MQTT-3.3.2-13], [MQTT-3.3.2-19]
test('such a string in a property closes the connection', async () => {
  const bad = str([0xff]);
  const good = str('x');
  for (const properties of [
    Buffer.concat([Buffer.of(38), bad, good]),
    Buffer.concat([Buffer.of(38), good, bad]),
    Buffer.concat([Buffer.of(8), bad]),
    Buffer.concat([Buffer.of(3), bad]),
  ]) {
    const bytes = packet(0x30, good, properties.length, properties);
    assert.equal(await reasonFor(rig.port, 5, bytes), Reason.malformedPacket);
  }
});

// Shows [MQTT-1.5.4-3], [MQTT-4.7.3-4]
// Shows [3.1.1: MQTT-1.5.3-3], [3.1.1: MQTT-4.7.3-4]
test('a byte order mark is a character like any other, and nothing is normalised', async () => {
  for (const version of VERSIONS) {
    await using client = await RawClient.connected(rig.port, { version, clientId: `bom-${version}` });
    // Ä in one code point and in two are two topics.
    await client.subscribe('\u00c4', 0);
    await client.subscribe('\ufeffa', 0);
    client.send(publish('A\u0308', 'other'), publish('a', 'without'), publish('\ufeffa', 'with'));
    const got = await client.next();
    assert(got?.type === 'publish');
    assert.deepEqual([got.topic, got.payload.toString()], ['\ufeffa', 'with']);
    await client.settle();
    assert.equal(client.unread, 0);
  }
});

// Shows [MQTT-1.5.5-1]
test('a length with more bytes than needed, or more than four, closes the connection', async () => {
  for (const version of VERSIONS) {
    for (const bytes of ['c08000', '30ffffffff01', '3084800000']) {
      assert.equal(await reasonFor(rig.port, version, Buffer.from(bytes, 'hex')), MALFORMED[version], bytes);
    }
  }
  const properties = packet(0x30, str('x'), [0x80, 0x00]);
  assert.equal(await reasonFor(rig.port, 5, properties), Reason.malformedPacket);
});

// Shows [MQTT-2.1.3-1], [MQTT-3.6.1-1], [MQTT-3.8.1-1], [MQTT-3.10.1-1], [MQTT-3.14.1-1]
// Shows [3.1.1: MQTT-2.2.2-1, -2], [3.1.1: MQTT-3.6.1-1], [3.1.1: MQTT-3.8.1-1], [3.1.1: MQTT-3.10.1-1], [3.1.1: MQTT-3.14.1-1]
test('flags that are reserved must be what they are, in every packet', async () => {
  const bodies = (version: mqtt.ProtocolVersion): readonly (readonly [type: number, flags: number, body: Buffer])[] => [
    [4, 0, u16(1)],
    [5, 0, u16(1)],
    [6, 2, u16(1)],
    [7, 0, u16(1)],
    [8, 2, Buffer.concat([u16(1), none(version), str('a'), Buffer.of(0)])],
    [10, 2, Buffer.concat([u16(1), none(version), str('a')])],
    [12, 0, Buffer.alloc(0)],
    [14, 0, Buffer.alloc(0)],
  ];
  for (const version of VERSIONS) {
    for (const [type, right, body] of bodies(version)) {
      for (const flags of [right ^ 1, right ^ 2, right ^ 8]) {
        const reason = await reasonFor(rig.port, version, packet((type << 4) | flags, body));
        assert.equal(reason, MALFORMED[version], `type ${type}, flags ${flags}`);
      }
    }
  }
  for (const flags of [1, 2, 8]) {
    assert.deepEqual(await answerTo(rig.port, 5, packet(0x10 | flags, str('MQTT'), 5, 2, u16(0), 0, str('x'))), []);
  }
});

// Shows [MQTT-3.15.1-1]
test('flags of AUTH are 0', async () => {
  assert.equal(await reasonFor(rig.port, 5, packet(0xf1, 0x18)), Reason.malformedPacket);
});

// Shows [MQTT-2.2.1-2], [MQTT-4.3.1-1], [MQTT-3.3.1-2]
// Shows [3.1.1: MQTT-2.3.1-1], [3.1.1: MQTT-2.3.1-5], [3.1.1: MQTT-4.3.1-1], [3.1.1: MQTT-3.3.1-2]
test('an identifier is never 0, and QoS 0 has neither one nor DUP, both ways', async () => {
  for (const version of VERSIONS) {
    for (const bytes of [
      packet(0x32, str('a'), u16(0), none(version)),
      packet(0x82, u16(0), none(version), str('a'), 0),
      packet(0xa2, u16(0), none(version), str('a')),
      packet(0x38, str('a'), none(version)),
    ]) {
      assert.equal(await reasonFor(rig.port, version, bytes), MALFORMED[version]);
    }
    await using client = await RawClient.connected(rig.port, { version, clientId: `zero-${version}` });
    await client.subscribe('zero', 2);
    client.write(packet(0x30, str('zero'), none(version), Buffer.from('x')));
    const got = await client.next();
    assert(got?.type === 'publish');
    assert.deepEqual([got.qos, got.dup, got.packetId, got.payload.toString()], [0, false, 0, 'x']);
  }
});

// Shows [MQTT-2.2.1-4, -5, -6], [MQTT-4.3.2-1], [MQTT-4.3.2-2], [MQTT-4.3.3-1], [MQTT-4.3.3-2]
// Shows [3.1.1: MQTT-2.3.1-4, -6, -7]
test('every message in flight has an identifier of its own; answers carry that of the request', async () => {
  for (const version of VERSIONS) {
    await using client = await RawClient.connected(rig.port, { version, clientId: `ids-${version}` });
    await client.subscribe('ids', 2);
    const ids = new Set<number>();
    for (let i = 0; i < 20; i++) {
      client.send(publish('ids', 'x', { qos: i % 2 ? 1 : 2, packetId: 100 + i }));
      const packets = [await client.next(), await client.next()];
      const answer = packets.find((one) => one?.type === (i % 2 ? 'puback' : 'pubrec'));
      assert(answer && 'packetId' in answer);
      assert.equal(answer.packetId, 100 + i);
      const message = packets.find((one) => one?.type === 'publish');
      assert(message?.type === 'publish' && message.packetId > 0 && !message.dup && message.qos === (i % 2 ? 1 : 2));
      ids.add(message.packetId);
    }
    assert.equal(ids.size, 20);
    client.send({ type: 'unsubscribe', packetId: 777, filters: ['ids'], properties: mqtt.NO_PROPERTIES });
    const unsuback = await client.next();
    assert(unsuback?.type === 'unsuback');
    assert.equal(unsuback.packetId, 777);
  }
});

// Shows [MQTT-2.2.2-1]
test('no properties are a length of 0: without it the packet is too short', async () => {
  assert.equal(await reasonFor(rig.port, 5, packet(0x82, u16(1))), Reason.malformedPacket);
  await using client = await RawClient.open(rig.port);
  client.send(connect({ clientId: 'bytes' }));
  await client.next();
  const bytes: Buffer[] = [];
  client.socket.on('data', (chunk) => bytes.push(chunk));
  client.send({ type: 'unsubscribe', packetId: 5, filters: ['a'], properties: mqtt.NO_PROPERTIES });
  await client.next();
  assert.equal(Buffer.concat(bytes).toString('hex'), 'b00400050011');
});
