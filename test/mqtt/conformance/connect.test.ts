/** Sections 3.1 and 3.2: CONNECT and CONNACK. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SimulatedClock } from '../../../src/base/index.ts';
import * as mqtt from '../../../src/codec/mqtt/index.ts';
import { type DeviceAccess, OPEN_ACCESS } from '../../../src/services/iot/index.ts';
import { connect, openRig, publish, RawClient, type Rig } from '../harness.ts';
import { answerTo, connectBytes, none, packet, reasonFor, str, u16, untilClosed } from './bytes.ts';

const { Reason } = mqtt;
const VERSIONS = [4, 5] as const;

/** Refuses the password `wrong`, and ids that begin with `unwanted`. */
const access: DeviceAccess = {
  ...OPEN_ACCESS,
  connect: (request) => {
    if (request.password?.toString() === 'wrong')
      return { kind: 'refused', reasonCode: Reason.badUserNameOrPassword, reason: 'w'.repeat(200) };
    if (request.clientId.startsWith('unwanted'))
      return { kind: 'refused', reasonCode: Reason.clientIdentifierNotValid };
    return OPEN_ACCESS.connect(request);
  },
};

const clock = new SimulatedClock();
let rig: Rig;
before(async () => {
  rig = await openRig({ access, clock, limits: { packetBytesMax: 10_000 } });
});
after(() => rig[Symbol.asyncDispose]());

async function connackOf(client: RawClient): Promise<mqtt.ConnackPacket> {
  const connack = await client.next();
  assert(connack?.type === 'connack', `a CONNACK, not ${connack?.type}`);
  return connack;
}

const willOf = (name: string, more: Partial<mqtt.Will> = {}): mqtt.Will => ({
  topic: `wills/${name}`,
  payload: Buffer.from(name),
  qos: 0,
  retain: false,
  properties: mqtt.NO_PROPERTIES,
  ...more,
});

// Shows [MQTT-3.1.0-1, -2], [MQTT-4.13.2-1], [3.1.1: MQTT-3.1.0-1, -2], [3.1.1: MQTT-4.8.0-1]
test('CONNECT comes first and once', async () => {
  for (const version of VERSIONS) {
    for (const first of [publish('a', 'x'), { type: 'pingreq' } as const]) {
      assert.deepEqual(await answerTo(rig.port, version, mqtt.encodePacket(first, version)), []);
    }
    const again = mqtt.encodePacket(connect({ version }), version);
    assert.equal(await reasonFor(rig.port, version, again), version === 5 ? Reason.protocolError : undefined);
  }
});

// Shows [MQTT-3.1.2-1, -2], [3.1.1: MQTT-3.1.2-1, -2], [3.1.1: MQTT-3.2.2-4, -5]
test('another protocol is closed; another level of MQTT is told so in the way of 3.1.1', async () => {
  const withName = (name: string, level: number) =>
    packet(0x10, str(name), level, 2, u16(0), none(level === 5 ? 5 : 4), str('x'));
  for (const name of ['mqtt', 'MQTT5', '', 'HTTP']) {
    assert.deepEqual(await answerTo(rig.port, 4, withName(name, 4)), [], name);
  }
  for (const level of [0, 3, 6, 255]) {
    const [connack, ...rest] = await answerTo(rig.port, 4, withName('MQTT', level));
    assert(connack?.type === 'connack', `level ${level}: ${connack?.type}`);
    assert.deepEqual([connack.reasonCode, connack.sessionPresent, rest], [1, false, []], `level ${level}`);
  }
});

// Shows [MQTT-3.1.2-3], [MQTT-3.1.2-9], [MQTT-3.1.2-11, -12, -13], [MQTT-3.1.2-16, -17, -18, -19], [MQTT-3.1.3-1]
// Shows [MQTT-3.1.3-3], [3.1.1: MQTT-3.1.2-3], [3.1.1: MQTT-3.1.2-9], [3.1.1: MQTT-3.1.2-11], [3.1.1: MQTT-3.1.2-13, -14, -15]
// Shows [3.1.1: MQTT-3.1.2-18, -19, -20, -21], [3.1.1: MQTT-3.1.3-1], [3.1.1: MQTT-3.1.3-3], [3.1.1: MQTT-3.1.4-1]
test('the flags of CONNECT and its payload must agree', async () => {
  for (const version of VERSIONS) {
    const id = str('id');
    const text = str('text');
    const will = [none(version), text, text];
    const rows: readonly [name: string, flags: number, payload: readonly Buffer[]][] = [
      ['reserved flag', 0x03, [id]],
      ['no client id', 0x02, []],
      ['will without its fields', 0x06, [id]],
      ['will without its payload', 0x06, [id, none(version), text]],
      ['will fields without a will', 0x02, [id, ...will]],
      ['will QoS without a will', 0x0a, [id]],
      ['will retain without a will', 0x22, [id]],
      ['will QoS 3', 0x1e, [id, ...will]],
      ['user name missing', 0x82, [id]],
      ['user name without its flag', 0x02, [id, text]],
      ['password missing', 0xc2, [id, text]],
      ['password without its flag', 0x82, [id, text, text]],
    ];
    for (const [name, flags, payload] of rows) {
      assert.deepEqual(await answerTo(rig.port, version, connectBytes(version, flags, ...payload)), [], name);
    }
    await using client = await RawClient.open(rig.port, version);
    client.write(connectBytes(version, 0xf6, id, ...will, text, text));
    assert.equal((await connackOf(client)).reasonCode, 0);
  }
});

// Shows [3.1.1: MQTT-3.1.2-22]
test('a password alone is for MQTT 5', async () => {
  const bytes = (version: mqtt.ProtocolVersion) => connectBytes(version, 0x42, str('alone'), str('secret'));
  assert.deepEqual(await answerTo(rig.port, 4, bytes(4)), []);
  await using client = await RawClient.open(rig.port);
  client.write(bytes(5));
  assert.equal((await connackOf(client)).reasonCode, 0);
});

// Shows [MQTT-3.1.2-8], [MQTT-3.1.2-10], [MQTT-3.1.2-14, -15], [MQTT-3.1.2-7], [MQTT-3.14.4-3], [MQTT-3.1.3-10]
// Shows [3.1.1: MQTT-3.1.2-8], [3.1.1: MQTT-3.1.2-10], [3.1.1: MQTT-3.1.2-12], [3.1.1: MQTT-3.1.2-16, -17]
// Shows [3.1.1: MQTT-3.14.4-3]
test('a will is published once, as it says, when the connection ends otherwise than by DISCONNECT', async () => {
  const userProperties = [
    ['b', '1'],
    ['a', '2'],
    ['b', '3'],
  ] as const;
  for (const version of VERSIONS) {
    await using watcher = await RawClient.connected(rig.port, { clientId: `w${version}` });
    await watcher.subscribe('wills/#', 2, { retainAsPublished: true, retainHandling: 2 });
    const properties = version === 5 ? { userProperties } : mqtt.NO_PROPERTIES;
    const rows: readonly [name: string, will: mqtt.Will | undefined, end: (client: RawClient) => void][] = [
      ['plain', willOf('plain', { qos: 1, properties }), (client) => client.socket.destroy()],
      ['kept', willOf('kept', { retain: true }), (client) => client.write(Buffer.of(0xff, 0x00))],
      ['polite', willOf('polite'), (client) => client.send({ type: 'disconnect', reasonCode: 0, properties: {} })],
      ['none', undefined, (client) => client.socket.destroy()],
      ['last', willOf('last'), (client) => client.socket.end()],
    ];
    const got: mqtt.PublishPacket[] = [];
    for (const [name, will, end] of rows) {
      const client = await RawClient.connected(rig.port, {
        version,
        clientId: `${name}${version}`,
        ...(will && { will }),
      });
      end(client);
      await untilClosed(client);
      if (name === 'polite' || name === 'none') continue;
      const message = await watcher.next();
      assert(message?.type === 'publish');
      got.push(message);
      if (message.qos === 1) {
        watcher.send({ type: 'puback', packetId: message.packetId, reasonCode: 0, properties: mqtt.NO_PROPERTIES });
      }
    }
    await watcher.settle();
    assert.equal(watcher.unread, 0);
    assert.deepEqual(
      got.map(({ topic, retain, qos }) => [topic, retain, qos]),
      [
        ['wills/plain', false, 1],
        ['wills/kept', true, 0],
        ['wills/last', false, 0],
      ],
    );
    if (version === 5) assert.deepEqual(got[0]!.properties.userProperties, userProperties);
  }
});

// Shows [MQTT-3.1.2-22], [MQTT-3.2.2-22], [3.1.1: MQTT-3.1.2-24]
test('one and a half keep-alives without a whole packet end the connection, as the client has asked', async () => {
  for (const version of VERSIONS) {
    await using client = await RawClient.connected(rig.port, { version, clientId: 'alive', keepAlive: 10 });
    await clock.advance(14_000);
    await client.settle();
    // Half a packet is no sign of life.
    client.write(Buffer.of(0xc0));
    await clock.advance(14_900);
    assert.equal(client.unread, 0);
    await clock.advance(1_000);
    const [told] = await untilClosed(client);
    if (version === 5) assert(told?.type === 'disconnect' && told.reasonCode === Reason.keepAliveTimeout);
    else assert.equal(told, undefined);
  }
});

// Shows [MQTT-3.1.2-24], [MQTT-3.2.2-19, -20], [MQTT-3.14.2-3, -4], [MQTT-3.9.2-1, -2], [MQTT-3.11.2-1, -2]
test('no packet is larger than the client takes: reasons are left out, and where that is not enough the connection ends', async () => {
  const properties = { maximumPacketSize: 60 };
  await using refused = await RawClient.open(rig.port);
  refused.send(connect({ properties, username: 'u', password: Buffer.from('wrong') }));
  const connack = await connackOf(refused);
  assert.deepEqual([connack.reasonCode, connack.properties.reasonString], [Reason.badUserNameOrPassword, undefined]);
  await using told = await RawClient.open(rig.port);
  told.send(connect({ username: 'u', password: Buffer.from('wrong') }));
  assert.equal((await connackOf(told)).properties.reasonString?.length, 200);

  await using client = await RawClient.connected(rig.port, { clientId: 'small', properties });
  const sizes: number[] = [];
  client.socket.on('data', (chunk) => sizes.push(chunk.length));
  assert.equal(await client.subscribe('a/#/b'), Reason.topicFilterInvalid);
  const filters = Array.from({ length: 60 }, (_, i) => `f/${i}`);
  client.send({ type: 'unsubscribe', packetId: 1, filters, properties: mqtt.NO_PROPERTIES });
  const [last, ...rest] = await untilClosed(client);
  assert(last?.type === 'disconnect');
  assert.deepEqual([last.reasonCode, last.properties.reasonString, rest], [Reason.packetTooLarge, undefined, []]);
  assert(
    sizes.every((size) => size <= 60),
    `${sizes}`,
  );

  await using tiny = await RawClient.open(rig.port);
  tiny.send(connect({ clientId: 'tiny', properties: { maximumPacketSize: 4 } }));
  assert.deepEqual(await untilClosed(tiny), []);
});

// Shows [MQTT-3.1.2-28], [MQTT-3.1.2-29]
test('response and problem information are given as the client has asked', async () => {
  const wanting = async (properties: mqtt.Properties) => {
    await using client = await RawClient.open(rig.port);
    client.send(connect({ clientId: 'info', properties }));
    const { responseInformation } = (await connackOf(client)).properties;
    const packetId = 1;
    const subscriptions = [
      { filter: 'a/#/b', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 },
    ] as const;
    client.send({ type: 'subscribe', packetId, subscriptions, properties: mqtt.NO_PROPERTIES });
    const suback = await client.next();
    assert(suback?.type === 'suback');
    client.send(publish('$SYS/x', 'x', { qos: 1 }));
    const puback = await client.next();
    assert(puback?.type === 'puback' && puback.reasonCode === Reason.notAuthorized);
    client.write(Buffer.of(0xc1, 0x00));
    const told = await client.next();
    assert(told?.type === 'disconnect' && told.properties.reasonString, 'DISCONNECT may always say why');
    return [
      responseInformation,
      suback.properties.reasonString?.slice(0, 8),
      puback.properties.reasonString?.slice(0, 9),
    ];
  };
  assert.deepEqual(await wanting({}), [undefined, 'filter 1', 'no policy']);
  assert.deepEqual(await wanting({ requestResponseInformation: true, requestProblemInformation: false }), [
    'responses/info/',
    undefined,
    undefined,
  ]);
  assert.deepEqual(await wanting({ requestResponseInformation: false, requestProblemInformation: true }), [
    undefined,
    'filter 1',
    'no policy',
  ]);
});

// Shows [MQTT-3.1.3-5], [3.1.1: MQTT-3.1.3-5]
test('ids of letters and digits are allowed, and longer ones with other characters too', async () => {
  const letters = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
  for (const version of VERSIONS) {
    for (const clientId of [...letters.match(/.{1,23}/g)!, letters.repeat(2), 'ünïcode/+#$ id']) {
      await using client = await RawClient.connected(rig.port, { version, clientId });
      await client.settle();
      assert(rig.gateway.clients.get(clientId));
    }
  }
});

// Shows [MQTT-3.1.3-6, -7], [MQTT-3.2.2-16], [3.1.1: MQTT-3.1.3-6]
test('clients without an id get one each, and MQTT 5 tells it', async () => {
  const ids = new Set<string>();
  await using first = await RawClient.open(rig.port);
  await using second = await RawClient.open(rig.port);
  for (const client of [first, second]) {
    client.send(connect({ clientId: '' }));
    const { properties } = await connackOf(client);
    assert(rig.gateway.clients.get(properties.assignedClientIdentifier!));
    ids.add(properties.assignedClientIdentifier!);
  }
  assert.equal(ids.size, 2);
  const before = rig.gateway.clients.size;
  await using old = await RawClient.connected(rig.port, { version: 4, clientId: '' });
  await using older = await RawClient.connected(rig.port, { version: 4, clientId: '' });
  await old.settle();
  await older.settle();
  assert.equal(rig.gateway.clients.size, before + 2);
});

// Shows [MQTT-3.1.3-8], [MQTT-3.1.4-2], [MQTT-3.1.4-6], [MQTT-3.2.2-6, -7, -8], [3.1.1: MQTT-3.1.3-8, -9], [3.1.1: MQTT-3.1.4-5]
// Shows [3.1.1: MQTT-3.2.2-4, -5]
test('a refused CONNECT is told why and closed, and nothing behind it is heard', async () => {
  await using listener = await RawClient.connected(rig.port, { clientId: 'listener' });
  await listener.subscribe('behind');
  for (const version of VERSIONS) {
    const rows: readonly [Partial<mqtt.ConnectPacket>, number][] = [
      [{ clientId: 'unwanted' }, version === 5 ? 0x85 : 2],
      [{ username: 'u', password: Buffer.from('wrong') }, version === 5 ? 0x86 : 4],
    ];
    for (const [options, code] of rows) {
      await using client = await RawClient.open(rig.port, version);
      client.send(connect({ version, ...options }), publish('behind', 'x'));
      const [connack, ...rest] = await untilClosed(client);
      assert(connack?.type === 'connack');
      assert.deepEqual([connack.reasonCode, connack.sessionPresent, rest], [code, false, []]);
    }
  }
  await using unnamed = await RawClient.open(rig.port, 4);
  unnamed.send(connect({ version: 4, clientId: '', clean: false }));
  assert.equal((await connackOf(unnamed)).reasonCode, 2);
  await listener.settle();
  assert.equal(listener.unread, 0);
});

// Shows [3.1.1: MQTT-3.2.2-6]
test('no reason of this server is without a return code of 3.1.1', () => {
  for (const code of Object.values(Reason)) {
    const returned = mqtt.connectReturnCodeOf(code);
    assert(code === 0 ? returned === 0 : returned >= 0 && returned <= 5, `${code}`);
  }
});

// Shows [MQTT-3.1.4-3], [MQTT-3.1.3-2], [3.1.1: MQTT-3.1.4-2], [3.1.1: MQTT-3.1.3-2]
test('a client with an id that is connected already takes its place', async () => {
  for (const version of VERSIONS) {
    await using first = await RawClient.connected(rig.port, { version, clientId: 'same' });
    await using second = await RawClient.connected(rig.port, { version, clientId: 'same' });
    const [told, ...rest] = await untilClosed(first);
    if (version === 5) assert(told?.type === 'disconnect' && told.reasonCode === Reason.sessionTakenOver);
    else assert.equal(told, undefined);
    assert.deepEqual(rest, []);
    await second.settle();
  }
});

// Shows [MQTT-3.1.4-5], [MQTT-3.2.0-1, -2], [MQTT-3.2.2-1], [3.1.1: MQTT-3.1.4-4], [3.1.1: MQTT-3.2.0-1]
test('CONNACK comes first and once, whatever is sent behind CONNECT', async () => {
  for (const version of VERSIONS) {
    await using client = await RawClient.open(rig.port, version);
    const chunks: Buffer[] = [];
    client.socket.on('data', (chunk) => chunks.push(chunk));
    client.send(connect({ version, clientId: 'eager' }), publish('a', 'x', { qos: 1 }), { type: 'pingreq' });
    const types = [await client.next(), await client.next(), await client.next()].map((one) => one?.type);
    assert.deepEqual(types, ['connack', 'puback', 'pingresp']);
    await client.settle();
    assert.equal(client.unread, 0);
    // Type, flags and session present are as the specification has them, byte by byte.
    const first = Buffer.concat(chunks);
    assert.deepEqual([first[0], first[2], first[3]], [0x20, 0, 0]);
  }
});

// Shows [MQTT-3.2.2-15]
test('a packet larger than the server takes is refused by its header alone', async () => {
  assert.equal(await reasonFor(rig.port, 5, Buffer.from('30a19c01', 'hex')), Reason.packetTooLarge);
  assert.equal(await reasonFor(rig.port, 4, Buffer.from('30a19c01', 'hex')), undefined);
});
