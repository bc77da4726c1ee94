/** The fleet's API over the real device cloud and its gateway; the node's guard before it is tested with the node. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, SimulatedClock, systemClock } from '../../src/base/index.ts';
import { type AdminAnswer, type DeviceDetail, type DeviceMessages, fleetApi } from '../../src/gateway/console/index.ts';
import { NodeFleet } from '../../src/node/fleet.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { openRig, publish, RawClient, type Rig } from '../mqtt/harness.ts';

function apiOf(rig: Rig, clock: Clock = systemClock) {
  const fleet = new NodeFleet(rig.iot, () => rig.gateway.clients);
  const api = fleetApi({ fleet, clock, logger: silentLogger });
  const call = async <T = any>(method: string, path: string): Promise<AdminAnswer & { body: T }> => {
    const { pathname, searchParams: query } = new URL(`http://n/_millrace/fleet${path}`);
    const answer = await api.handle({ method, path: pathname, query, body: Buffer.alloc(0), caller: 'tester' });
    return JSON.parse(JSON.stringify(answer));
  };
  return { get: <T = any>(path: string) => call<T>('GET', path), post: (path: string) => call('POST', path) };
}

/** A thing that is connected, one that is not, one that never was, and a client that is no thing. */
async function smallFleet(rig: Rig) {
  await rig.call('CreateThingType', { thingTypeName: 'pump' });
  await rig.call('CreateThingGroup', { thingGroupName: 'hall' });
  for (const thingName of ['pump-1', 'pump-2', 'pump-3']) {
    const attributePayload = { attributes: { serial: `SN-${thingName.at(-1)}` } };
    await rig.call('CreateThing', { thingName, thingTypeName: 'pump', attributePayload });
  }
  await rig.call('AddThingToThingGroup', { thingName: 'pump-1', thingGroupName: 'hall' });
  const { certificateArn } = (await rig.call('CreateKeysAndCertificate', { setAsActive: true })) as any;
  await rig.call('AttachThingPrincipal', { thingName: 'pump-1', principal: certificateArn });
  const pump = await RawClient.connected(rig.port, { clientId: 'pump-1', keepAlive: 30 });
  const lost = await RawClient.connected(rig.port, { clientId: 'pump-2' });
  const client = await RawClient.connected(rig.port, { clientId: 'laptop', version: 4 });
  await client.subscribe('$aws/events/presence/disconnected/pump-2');
  lost.socket.destroy();
  await client.next();
  return { pump, client, certificateArn };
}

test('things and clients are one list, with the health of each', async () => {
  await using rig = await openRig();
  const { pump, client } = await smallFleet(rig);
  const { get } = apiOf(rig);
  const { body } = await get('');
  assert.deepEqual(body.counts, { connected: 2, restless: 0, lost: 1, gone: 0, never: 1 });
  assert.deepEqual([body.types, body.groups, body.found], [['pump'], ['hall'], 4]);
  assert.deepEqual(
    body.devices.map((one: any) => [one.name, one.isThing, one.health, one.reason ?? '', one.ip ?? '']),
    [
      ['laptop', false, 'connected', '', '127.0.0.1'],
      ['pump-1', true, 'connected', '', '127.0.0.1'],
      ['pump-2', true, 'lost', 'CONNECTION_LOST', '127.0.0.1'],
      ['pump-3', true, 'never', '', ''],
    ],
  );
  for (const one of [pump, client]) one.socket.destroy();
});

test('the list is searched, filtered, sorted and read in parts', async () => {
  await using rig = await openRig();
  const { pump, client } = await smallFleet(rig);
  const { get } = apiOf(rig);
  const names = async (query: string) => (await get(`?${query}`)).body.devices.map(({ name }: any) => name);
  assert.deepEqual(await names('search=PUMP'), ['pump-1', 'pump-2', 'pump-3']);
  assert.deepEqual(await names('search=sn-3'), ['pump-3']);
  assert.deepEqual(await names('health=lost'), ['pump-2']);
  assert.deepEqual(await names('type=pump&group=hall'), ['pump-1']);
  assert.deepEqual(await names('sort=health'), ['pump-2', 'pump-3', 'laptop', 'pump-1']);
  assert.deepEqual(await names('sort=seen&reverse=true'), ['pump-3', 'pump-2', 'pump-1', 'laptop']);
  const part = (await get('?offset=1&limit=2')).body;
  assert.deepEqual([part.found, part.offset, part.devices.map(({ name }: any) => name)], [4, 1, ['pump-1', 'pump-2']]);
  for (const query of ['health=ill', 'limit=0', 'limit=1001', 'offset=-1', 'sort=size', 'serach=x']) {
    const { status, body } = await get(`?${query}`);
    assert.deepEqual([query, status, body.code], [query, 400, 'request-invalid']);
  }
  for (const one of [pump, client]) one.socket.destroy();
});

test('one device is told with its principals and subscriptions, and disconnected', async () => {
  await using rig = await openRig();
  const { pump, client, certificateArn } = await smallFleet(rig);
  await pump.subscribe('cmd/#');
  const { get, post } = apiOf(rig);
  const { body } = await get<DeviceDetail>('/pump-1');
  assert.equal(body.arn, 'arn:aws:iot:eu-central-1:000000000000:thing/pump-1');
  assert.deepEqual(body.attributes, { serial: 'SN-1' });
  assert.deepEqual(
    body.principals.map(({ principal, isAttached, isExclusive }) => [principal, isAttached, isExclusive]),
    [[certificateArn, true, false]],
  );
  const [{ certificate, policies }] = body.principals as any;
  assert.deepEqual([certificate.status, policies], ['ACTIVE', []]);
  assert.match(certificate.subject, /^CN=/);
  assert.ok(certificate.validFrom < certificate.validTo);
  assert.deepEqual(body.subscriptions, [{ filter: 'cmd/#', qos: 1 }]);
  assert.deepEqual([body.connection?.keepAlive, body.connection?.version], [30, 5]);
  assert.equal((await post('/pump-1/disconnect')).status, 200);
  assert.equal((await pump.next())?.type, 'disconnect');
  const gone = (await get<DeviceDetail>('/pump-1')).body;
  assert.deepEqual([gone.health, gone.reason, gone.subscriptions], ['gone', 'API_INITIATED_DISCONNECT', []]);
  assert.equal((await post('/pump-1/disconnect')).status, 409);
  assert.equal((await get('/pump-1/disconnect')).status, 405);
  assert.equal((await get('/nobody')).status, 404);
  const { connections } = (await get('/pump-1/connections')).body;
  assert.deepEqual(
    connections.map(({ number, reason }: any) => [number, reason]),
    [[0, 'API_INITIATED_DISCONNECT']],
  );
  client.socket.destroy();
});

test('names of any kind are found by their encoded form', async () => {
  await using rig = await openRig();
  const name = 'a/b c%41?#ü';
  await using _client = await RawClient.connected(rig.port, { clientId: name });
  const { get } = apiOf(rig);
  assert.equal((await get(`/${encodeURIComponent(name)}`)).body.name, name);
  assert.equal((await get('/%E0%A4%A')).status, 400);
});

test('messages are shown as text where they are, cut between characters, and else in hex', async () => {
  await using rig = await openRig();
  await using pump = await RawClient.connected(rig.port, { clientId: 'pump-1' });
  const { get } = apiOf(rig);
  await get('/pump-1/messages');
  pump.send(publish('t', '{"a":1}'));
  pump.send(publish('t', '', { payload: Buffer.from('ff00', 'hex') }));
  pump.send(publish('t', `x${'ü'.repeat(4000)}`));
  pump.send(publish('t', 'after'));
  await pump.settle();
  const { messages, last } = (await get<DeviceMessages>('/pump-1/messages?after=0')).body;
  assert.deepEqual(
    messages.map(({ text, isText, bytes }) => [text.length, isText, bytes]),
    [
      [7, true, 7],
      [4, false, 2],
      [1 + 2047, true, 8001],
      [5, true, 5],
    ],
  );
  assert.equal(messages[1]!.text, 'ff00');
  assert.equal(last, 4);
});

test('a client that connects again and again is restless, and well again when it has stayed', async () => {
  const clock = new SimulatedClock();
  await using rig = await openRig({ clock });
  const { get } = apiOf(rig, clock);
  const health = async () => (await get('/pump-1')).body.health;
  const clients: RawClient[] = [];
  for (let at = 0; at < 4; at++) {
    clients.push(await RawClient.connected(rig.port, { clientId: 'pump-1' }));
    await clock.advance(30_000);
  }
  assert.equal(await health(), 'connected');
  clients.push(await RawClient.connected(rig.port, { clientId: 'pump-1' }));
  assert.equal(await health(), 'restless');
  await clock.advance(10 * 60_000);
  assert.equal(await health(), 'connected');
  for (const client of clients) client.socket.destroy();
});
