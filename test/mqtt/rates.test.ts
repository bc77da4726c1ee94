import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import { SimulatedClock } from '../../src/base/index.ts';
import * as mqtt from '../../src/codec/mqtt/index.ts';
import { type DeviceAccess, OPEN_ACCESS } from '../../src/services/iot/index.ts';
import { connect, openRig, publish, RawClient } from './harness.ts';
import { openSecureRig } from './secure-rig.ts';

const { Reason } = mqtt;

const burst = (count: number) =>
  Array.from({ length: count }, (_, i) => publish('a', 'x', { qos: 1, packetId: i + 1 }));

/** How many acknowledgements have come, after the server has had the time to send what it would. */
async function acked(client: RawClient, settled: RawClient): Promise<number> {
  // Two round trips of another client: whatever was to be read has been read.
  await settled.settle();
  await settled.settle();
  let count = 0;
  while (client.unread > 0) if ((await client.next())?.type === 'puback') count++;
  return count;
}

test('a client that publishes more than it may is read slower, and loses nothing', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock, limits: { messagesPerSecondPerClient: 10 } });
  await using other = await RawClient.connected(rig.port, { clientId: 'other' });
  await using client = await RawClient.connected(rig.port, { clientId: 'busy', keepAlive: 1 });
  client.send(...burst(30));
  assert.equal(await acked(client, other), 30, 'what was read in one piece is not taken apart');
  client.send(...burst(5));
  assert.equal(await acked(client, other), 0);
  await clock.advance(1_900);
  assert.equal(await acked(client, other), 0, 'a debt of twenty is paid in two seconds; the silence is ours');
  await clock.advance(200);
  for (let i = 0; i < 5; i++) assert.equal((await client.next())?.type, 'puback');
});

test('bytes are limited as messages are, and all clients of an address together', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock, limits: { bytesPerSecondPerAddress: 1_000 } });
  await using one = await RawClient.connected(rig.port, { clientId: 'one' });
  await using two = await RawClient.connected(rig.port, { clientId: 'two' });
  one.send(publish('a', 'x'.repeat(2_000), { qos: 1 }));
  assert.equal((await one.next())?.type, 'puback');
  two.send(publish('a', 'y', { qos: 1 }), publish('a', 'y', { qos: 1, packetId: 2 }));
  // The first piece of the second client finds the debt and is the last one.
  assert.equal((await two.next())?.type, 'puback');
  assert.equal((await two.next())?.type, 'puback');
  two.send(publish('a', 'z', { qos: 1, packetId: 3 }));
  await clock.advance(500);
  assert.equal(two.unread, 0);
  await clock.advance(1_000);
  assert.equal((await two.next())?.type, 'puback');
});

test('an address that connects too often is told so, until it has waited', async () => {
  const clock = new SimulatedClock();
  const limits = { connectsPerSecondPerAddress: 1, connectsBurstPerAddress: 2, refusalsPerMinutePerAddress: 1 };
  await using rig = await openRig({ clock, limits });
  const attempt = async (version: mqtt.ProtocolVersion) => {
    await using client = await RawClient.open(rig.port, version);
    client.send(connect({ version, clientId: 'c' }));
    const connack = await client.next();
    assert(connack?.type === 'connack');
    return connack.reasonCode;
  };
  assert.deepEqual([await attempt(5), await attempt(5), await attempt(5), await attempt(4)], [0, 0, 0x9f, 3]);
  await clock.advance(1_000);
  assert.deepEqual([await attempt(5), await attempt(5)], [0, 0x9f], 'it is not banned for that');
});

test('an address with too many refused connects is banned for a while', async () => {
  const clock = new SimulatedClock();
  const access: DeviceAccess = {
    ...OPEN_ACCESS,
    connect: (request) =>
      request.password?.toString() === 'right'
        ? OPEN_ACCESS.connect(request)
        : { kind: 'refused', reasonCode: Reason.badUserNameOrPassword },
  };
  await using rig = await openRig({ clock, access, limits: { refusalsPerMinutePerAddress: 3, banMs: 5_000 } });
  const attempt = async (password: string) => {
    await using client = await RawClient.open(rig.port);
    client.send(connect({ username: 'u', password: Buffer.from(password) }));
    const connack = await client.next();
    return connack?.type === 'connack' ? connack.reasonCode : 'closed';
  };
  await using there = await RawClient.open(rig.port);
  there.send(connect({ clientId: 'there', username: 'u', password: Buffer.from('right') }));
  assert.equal((await there.next())?.type, 'connack');
  const tries = [];
  for (let i = 0; i < 5; i++) tries.push(await attempt(`guess ${i}`));
  assert.deepEqual(tries, [0x86, 0x86, 0x86, 0x86, 'closed']);
  assert.equal(await attempt('right'), 'closed');
  await there.settle();
  await clock.advance(5_000);
  assert.equal(await attempt('right'), 0);
});

test('TLS handshakes that fail and signatures that are not good count towards a ban, open doors do not', async () => {
  const limits = { refusalsPerMinutePerAddress: 2, banMs: 60_000 };
  const closed = async (port: number, ...bytes: readonly string[]) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.on('error', () => {}).resume();
    await once(socket, 'connect');
    if (bytes.length === 0) socket.destroy();
    for (const some of bytes) socket.write(some);
    await once(socket, 'close');
  };
  const isOpen = (port: number) => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    socket.on('error', () => {});
    return new Promise<boolean>((resolve) => {
      socket.once('close', () => resolve(false));
      socket.once('secureConnect', () => resolve(true));
    }).finally(() => socket.destroy());
  };
  {
    await using secure = await openSecureRig({ limits });
    for (let i = 0; i < 5; i++) await closed(secure.mqtts);
    assert(await isOpen(secure.mqtts), 'who looks whether the port is open has done nothing');
    for (let i = 0; i < 3; i++) await closed(secure.mqtts, 'this is no handshake');
    assert(!(await isOpen(secure.mqtts)));
  }
  await using secure = await openSecureRig({ limits });
  const credential = 'a/20260101/eu-central-1/iotdevicegateway/aws4_request';
  const query = new URLSearchParams({
    ...{ 'X-Amz-Algorithm': 'AWS4-HMAC-SHA256', 'X-Amz-Credential': credential, 'X-Amz-Date': '20260101T000000Z' },
    ...{ 'X-Amz-Expires': '60', 'X-Amz-SignedHeaders': 'host', 'X-Amz-Signature': '00' },
  });
  for (let i = 0; i < 3; i++) {
    const url = `wss://127.0.0.1:${secure.https}/mqtt?${query}`;
    const socket = new WebSocket(url, ['mqtt'], { rejectUnauthorized: false });
    socket.on('error', () => {});
    const [, response] = await once(socket, 'unexpected-response');
    assert.equal(response.statusCode, 403);
  }
  assert(!(await isOpen(secure.https)));
});

test('an address has as many connections as it may', async () => {
  await using rig = await openRig({ limits: { connectionsPerAddressMax: 2 } });
  const one = await RawClient.connected(rig.port, { clientId: '1' });
  await using two = await RawClient.connected(rig.port, { clientId: '2' });
  await using third = await RawClient.open(rig.port);
  assert.equal(await third.next(), undefined);
  one.send({ type: 'disconnect', reasonCode: 0, properties: mqtt.NO_PROPERTIES });
  assert.equal(await one.next(), undefined);
  await two.settle();
  await using fourth = await RawClient.connected(rig.port, { clientId: '4' });
  await fourth.settle();
});

test('two devices that fight for one client id end with one that stays', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock, limits: { takeoversPerMinuteMax: 4 } });
  let holder = await RawClient.connected(rig.port, { clientId: 'twin' });
  for (let i = 0; i < 4; i++) {
    const next = await RawClient.connected(rig.port, { clientId: 'twin' });
    assert.equal((await holder.next())?.type, 'disconnect');
    holder = next;
  }
  await using refused = await RawClient.open(rig.port);
  refused.send(connect({ clientId: 'twin' }));
  const connack = await refused.next();
  assert(connack?.type === 'connack');
  assert.equal(connack.reasonCode, Reason.connectionRateExceeded);
  await holder.settle();
  await clock.advance(15_000);
  await using later = await RawClient.connected(rig.port, { clientId: 'twin' });
  await later.settle();
  holder.socket.destroy();
});
