import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as mqtt from '../../src/codec/mqtt/index.ts';
import { type DeviceAccess, OPEN_ACCESS } from '../../src/services/iot/index.ts';
import { connect, openRig, publish, RawClient, type Rig } from './harness.ts';
import { scramFinal, scramFirst, scramMethod } from './scram.ts';

const { Reason } = mqtt;
const METHOD = 'SCRAM-SHA-256';
/** The example of RFC 7677. */
const NONCE = 'rOprNGfwEbeRWgbNEkqO';
const SERVER_NONCE = '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
const CHALLENGE = `r=${NONCE}${SERVER_NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;

const access: DeviceAccess = {
  ...OPEN_ACCESS,
  authentication: (method) => (method === METHOD ? scramMethod('user', 'pencil', SERVER_NONCE) : undefined),
};

const auth = (reasonCode: number, properties: mqtt.Properties): mqtt.AuthPacket => ({
  type: 'auth',
  reasonCode,
  properties,
});
const answer = (data: Buffer, method = METHOD) =>
  auth(Reason.continueAuthentication, { authenticationMethod: method, authenticationData: data });

/** A client that has sent CONNECT with its first message. */
async function begun(rig: Rig, properties: mqtt.Properties = {}): Promise<RawClient> {
  const client = await RawClient.open(rig.port);
  const first = { authenticationMethod: METHOD, authenticationData: scramFirst('user', NONCE), ...properties };
  client.send(connect({ clientId: 'scram', properties: first }));
  return client;
}

/** One that has proved itself. */
async function proved(rig: Rig): Promise<RawClient> {
  const client = await begun(rig);
  await client.next();
  client.send(answer(scramFinal('user', NONCE, 'pencil', CHALLENGE)));
  assert.equal((await client.next())?.type, 'connack');
  return client;
}

// Shows [MQTT-4.12.0-2], [MQTT-4.12.0-5], [MQTT-3.15.2-1, -2, -3]
test('SCRAM over AUTH, with the messages of the RFC: the client is connected when it has proved itself', async () => {
  await using rig = await openRig({ access });
  await using client = await begun(rig);
  assert.deepEqual(await client.next(), answer(Buffer.from(CHALLENGE)));
  const final = scramFinal('user', NONCE, 'pencil', CHALLENGE);
  assert.equal(final.toString(), `c=biws,r=${NONCE}${SERVER_NONCE},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`);
  client.send(answer(final), publish('a', 'at once', { qos: 1 }));
  const connack = await client.next();
  assert(connack?.type === 'connack');
  assert.deepEqual([connack.reasonCode, connack.properties.authenticationMethod], [0, METHOD]);
  assert.equal(connack.properties.authenticationData?.toString(), 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
  assert.equal((await client.next())?.type, 'puback');
  assert.equal(rig.gateway.clients.get('scram')?.principal, 'user');
});

// Shows [MQTT-4.12.0-4], [MQTT-4.12.0-1]
test('a wrong proof, a wrong user and an unknown method are refused, and the connection is closed', async () => {
  await using rig = await openRig({ access });
  await using wrong = await begun(rig);
  await wrong.next();
  wrong.send(answer(scramFinal('user', NONCE, 'pen', CHALLENGE)));
  await using stranger = await begun(rig, { authenticationData: scramFirst('eve', NONCE) });
  await using unknown = await begun(rig, { authenticationMethod: 'GS2-KRB5' });
  for (const [client, code] of [
    [wrong, Reason.badUserNameOrPassword],
    [stranger, Reason.notAuthorized],
    [unknown, Reason.badAuthenticationMethod],
  ] as const) {
    const connack = await client.next();
    assert(connack?.type === 'connack');
    assert.equal(connack.reasonCode, code);
    assert.equal(await client.next(), undefined);
  }
});

// Shows [MQTT-3.1.2-30], [MQTT-4.12.0-3], [MQTT-3.1.4-6]
test('while AUTH is waited for, anything else ends the connection unheard', async () => {
  await using rig = await openRig({ access });
  await using listener = await RawClient.connected(rig.port, { clientId: 'l' });
  await listener.subscribe('#');
  for (const packet of [
    publish('early', 'x'),
    answer(Buffer.from('x'), 'OTHER'),
    auth(Reason.reAuthenticate, { authenticationMethod: METHOD }),
    auth(Reason.continueAuthentication, {}),
  ]) {
    await using client = await begun(rig);
    await client.next();
    client.send(packet);
    const connack = await client.next();
    assert(connack?.type === 'connack');
    assert.equal(connack.reasonCode, Reason.protocolError);
    assert.equal(await client.next(), undefined);
  }
  await using leaving = await begun(rig);
  await leaving.next();
  leaving.send({ type: 'disconnect', reasonCode: 0, properties: mqtt.NO_PROPERTIES });
  assert.equal(await leaving.next(), undefined);
  await listener.settle();
  assert.equal(listener.unread, 0);
});

// Shows [MQTT-4.12.1-1], [MQTT-4.12.1-2]
test('a connected client authenticates again, and goes on publishing meanwhile; if it fails it is disconnected', async () => {
  await using rig = await openRig({ access });
  await using client = await proved(rig);
  const again = () =>
    client.send(
      auth(Reason.reAuthenticate, { authenticationMethod: METHOD, authenticationData: scramFirst('user', NONCE) }),
    );
  again();
  assert.deepEqual(await client.next(), answer(Buffer.from(CHALLENGE)));
  client.send(publish('a', 'x', { qos: 1 }));
  assert.equal((await client.next())?.type, 'puback');
  client.send(answer(scramFinal('user', NONCE, 'pencil', CHALLENGE)));
  const done = await client.next();
  assert(done?.type === 'auth');
  assert.deepEqual([done.reasonCode, done.properties.authenticationMethod], [0, METHOD]);
  again();
  await client.next();
  client.send(answer(scramFinal('user', NONCE, 'wrong', CHALLENGE)));
  const told = await client.next();
  assert(told?.type === 'disconnect');
  assert.equal(told.reasonCode, Reason.notAuthorized, 'the reason of CONNACK is none of DISCONNECT');
  assert.equal(await client.next(), undefined);
});

// Shows [MQTT-4.12.0-6], [MQTT-4.12.0-7], [MQTT-4.12.1-1]
test('AUTH of a client without a method, or with another, is a protocol error', async () => {
  await using rig = await openRig({ access });
  await using plain = await RawClient.connected(rig.port, { clientId: 'plain' });
  plain.send(auth(Reason.reAuthenticate, { authenticationMethod: METHOD }));
  await using changed = await proved(rig);
  changed.send(auth(Reason.reAuthenticate, { authenticationMethod: 'OTHER' }));
  await using unasked = await RawClient.open(rig.port);
  unasked.send(
    connect({
      clientId: 'u',
      properties: { authenticationMethod: METHOD, authenticationData: scramFirst('user', NONCE) },
    }),
  );
  await unasked.next();
  unasked.send(answer(scramFinal('user', NONCE, 'pencil', CHALLENGE)));
  await unasked.next();
  unasked.send(answer(Buffer.from('nobody asked')));
  for (const client of [plain, changed, unasked]) {
    const told = await client.next();
    assert(told?.type === 'disconnect');
    assert.equal(told.reasonCode, Reason.protocolError);
  }
});

test('a method that is slow or fails holds up its client and nobody else', async () => {
  const gate = Promise.withResolvers<never>();
  const slow: DeviceAccess = {
    ...OPEN_ACCESS,
    authentication: () => ({ begin: () => ({ next: () => gate.promise }) }),
  };
  await using rig = await openRig({ access: slow });
  await using client = await begun(rig);
  await using other = await RawClient.connected(rig.port, { clientId: 'other' });
  await other.settle();
  gate.reject(new Error('the directory is away'));
  const connack = await client.next();
  assert(connack?.type === 'connack');
  assert.equal(connack.reasonCode, Reason.serverUnavailable);
});
