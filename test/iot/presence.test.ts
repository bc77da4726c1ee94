import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreatePolicyCommand,
  CreateThingCommand,
  GetThingConnectivityDataCommand,
  TestAuthorizationCommand,
} from '@aws-sdk/client-iot';
import {
  DeleteConnectionCommand,
  GetConnectionCommand,
  ListSubscriptionsCommand,
  PublishCommand,
} from '@aws-sdk/client-iot-data-plane';
import { SimulatedClock, seededRandom } from '../../src/base/index.ts';
import type { ConnectPacket, PublishPacket } from '../../src/codec/mqtt/index.ts';
import { openMqttGateway } from '../../src/gateway/mqtt/index.ts';
import { type Broker, type Publisher, userArn } from '../../src/services/iot/index.ts';
import { LifecycleEvents } from '../../src/services/iot/presence/events.ts';
import { ConnectionHistory } from '../../src/services/iot/presence/history.ts';
import { Presence } from '../../src/services/iot/presence/presence.ts';
import { openEmbeddedRecords } from '../../src/store/records/embedded/records.ts';
import type { Records, Transaction } from '../../src/store/records/records.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { connect, openRig, publish, RawClient } from '../mqtt/harness.ts';
import { type Cloud, openCloud } from './harness.ts';

interface Event {
  readonly topic: string;
  readonly body: Record<string, unknown>;
}

/** The next message that a client gets, read as an event. */
async function nextEvent(client: RawClient): Promise<Event> {
  const packet = await client.next();
  assert(packet?.type === 'publish', `not a message: ${packet?.type}`);
  if (packet.qos === 1) client.send({ type: 'puback', packetId: packet.packetId, reasonCode: 0, properties: {} });
  return { topic: packet.topic, body: JSON.parse(packet.payload.toString()) };
}

/** The topics of all that is published from now on. */
function topicsPublished(broker: Broker): readonly string[] {
  const topics: string[] = [];
  const publish = broker.publish.bind(broker);
  broker.publish = (packet, publisher: Publisher) => {
    topics.push(packet.topic);
    return publish(packet, publisher);
  };
  return topics;
}

describe('presence events', () => {
  test('tell of a client that comes and goes, with the same session and version', async () => {
    await using rig = await openRig();
    await using watcher = await RawClient.connected(rig.port, { clientId: 'watcher' });
    await watcher.subscribe('$aws/events/presence/+/pump-1');
    const pump = await RawClient.connected(rig.port, { clientId: 'pump-1' });
    const connected = await nextEvent(watcher);
    pump.send({ type: 'disconnect', reasonCode: 0, properties: {} });
    const disconnected = await nextEvent(watcher);
    assert.equal(connected.topic, '$aws/events/presence/connected/pump-1');
    assert.equal(disconnected.topic, '$aws/events/presence/disconnected/pump-1');
    const { timestamp, sessionIdentifier, ...rest } = connected.body;
    assert.deepEqual(rest, {
      clientId: 'pump-1',
      eventType: 'connected',
      ipAddress: '127.0.0.1',
      versionNumber: 0,
    });
    assert.match(String(sessionIdentifier), /^[0-9a-f]{32}$/);
    const { timestamp: later, ...more } = disconnected.body;
    assert.deepEqual(more, {
      clientId: 'pump-1',
      eventType: 'disconnected',
      sessionIdentifier,
      clientInitiatedDisconnect: true,
      disconnectReason: 'CLIENT_INITIATED_DISCONNECT',
      versionNumber: 0,
    });
    assert.ok(Number(timestamp) > 1.7e12 && Number(later) >= Number(timestamp));
    await using again = await RawClient.connected(rig.port, { clientId: 'pump-1' });
    assert.equal((await nextEvent(watcher)).body.versionNumber, 1);
    again.socket.destroy();
    const lost = await nextEvent(watcher);
    assert.equal(lost.body.disconnectReason, 'CONNECTION_LOST');
    assert.equal(lost.body.clientInitiatedDisconnect, false);
  });

  test('of one client id taken over come in the order in which it happened', async () => {
    await using rig = await openRig();
    await using watcher = await RawClient.connected(rig.port, { clientId: 'watcher' });
    await watcher.subscribe('$aws/events/presence/#');
    await using _first = await RawClient.connected(rig.port, { clientId: 'twin' });
    await using _second = await RawClient.connected(rig.port, { clientId: 'twin' });
    const events = [await nextEvent(watcher), await nextEvent(watcher), await nextEvent(watcher)];
    assert.deepEqual(
      events.map(({ body }) => [body.eventType, body.disconnectReason, body.versionNumber]),
      [
        ['connected', undefined, 0],
        ['disconnected', 'DUPLICATE_CLIENTID', 0],
        ['connected', undefined, 1],
      ],
    );
  });

  test('tell what is subscribed to and no more', async () => {
    await using rig = await openRig();
    await using watcher = await RawClient.connected(rig.port, { clientId: 'watcher' });
    await watcher.subscribe('$aws/events/subscriptions/+/pump-1');
    await using pump = await RawClient.connected(rig.port, { clientId: 'pump-1' });
    await pump.subscribe('cmd/pump-1/#');
    pump.send({ type: 'unsubscribe', packetId: 2, filters: ['cmd/pump-1/#'], properties: {} });
    const subscribed = await nextEvent(watcher);
    const unsubscribed = await nextEvent(watcher);
    assert.deepEqual(
      [subscribed, unsubscribed].map(({ topic, body }) => [topic, body.eventType, body.topics]),
      [
        ['$aws/events/subscriptions/subscribed/pump-1', 'subscribed', ['cmd/pump-1/#']],
        ['$aws/events/subscriptions/unsubscribed/pump-1', 'unsubscribed', ['cmd/pump-1/#']],
      ],
    );
  });

  test('reach rules, as messages of no client', async () => {
    await using rig = await openRig();
    const fn = 'arn:aws:lambda:eu-central-1:000000000000:function:f';
    await rig.rule('seen', "SELECT clientId, eventType, topic(4) AS what FROM '$aws/events/presence/+/+'", [
      { lambda: { functionArn: fn } },
    ]);
    await using _pump = await RawClient.connected(rig.port, { clientId: 'pump-1' });
    await rig.iot.broker.drain();
    assert.deepEqual(
      rig.deliveries.sent.map(({ payload }) => JSON.parse(Buffer.from(payload).toString())),
      [{ clientId: 'pump-1', eventType: 'connected', what: 'connected' }],
    );
  });

  test('cannot be made up by a client id that is no topic level', async () => {
    await using rig = await openRig();
    await using watcher = await RawClient.connected(rig.port, { clientId: 'watcher' });
    await watcher.subscribe('$aws/events/presence/#');
    const topics = topicsPublished(rig.iot.broker);
    await using _client = await RawClient.connected(rig.port, { clientId: 'a+b' });
    await using _other = await RawClient.connected(rig.port, { clientId: 'plain' });
    assert.deepEqual(topics, ['$aws/events/presence/connected/plain']);
  });

  test('are made only where someone may get them', async () => {
    await using rig = await openRig();
    const topics = topicsPublished(rig.iot.broker);
    // Wildcards do not lead to topics that begin with `$` [MQTT-4.7.2-1].
    await using everything = await RawClient.connected(rig.port, { clientId: 'everything' });
    await everything.subscribe('#');
    await everything.subscribe('$aws/events/presence/connected');
    await everything.subscribe('$aws/things/pump-1/shadow/#');
    await using _before = await RawClient.connected(rig.port, { clientId: 'before' });
    assert.deepEqual(topics, []);
    await rig.rule('seen', "SELECT * FROM '$aws/events/+/disconnected/#'", [
      { lambda: { functionArn: 'arn:aws:lambda:eu-central-1:000000000000:function:seen' } },
    ]);
    const client = await RawClient.connected(rig.port, { clientId: 'after' });
    client.send({ type: 'disconnect', reasonCode: 0, properties: {} });
    assert.equal(await client.next(), undefined);
    assert.deepEqual(topics, ['$aws/events/presence/disconnected/after']);
  });
});

describe('presence events of clients that are decided by identity', () => {
  const arn = (resource: string) => `arn:aws:iot:eu-central-1:000000000000:${resource}`;

  /** A user with a thing of its own, who may do what a policy of a region that is not the user's says; and a gateway that asks. */
  async function openSecured(cloud: Cloud) {
    const principal = userArn(await cloud.iot.users.setPassword('fitter', 'correct horse battery'));
    const { control } = cloud;
    await control.send(new CreateThingCommand({ thingName: 'press' }));
    const thingPrincipalType = 'EXCLUSIVE_THING';
    await control.send(new AttachThingPrincipalCommand({ thingName: 'press', principal, thingPrincipalType }));
    const policyDocument = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Action: 'iot:Connect', Resource: arn('client/press-*') },
        { Effect: 'Allow', Action: 'iot:Subscribe', Resource: arn('topicfilter/*') },
        { Effect: 'Allow', Action: 'iot:Receive', Resource: arn('topic/*') },
        { Effect: 'Deny', Action: 'iot:Receive', Resource: 'arn:aws:iot:us-west-2:000000000000:topic/secret' },
      ],
    });
    await control.send(new CreatePolicyCommand({ policyName: 'fitters', policyDocument }));
    await control.send(new AttachPolicyCommand({ policyName: 'fitters', target: principal }));
    const ground = { clock: cloud.clock, random: seededRandom(3), logger: silentLogger, metrics: createMetrics() };
    const { broker, watcher, access } = cloud.iot;
    const gateway = await openMqttGateway({ broker, watcher, access, port: 0, ...ground });
    const proof = { username: 'fitter', password: Buffer.from('correct horse battery') };
    return { port: gateway.address.port, proof, principal, [Symbol.asyncDispose]: () => gateway.close() };
  }

  test('tell who may not connect or publish a will, and name a thing that is the client’s alone', async () => {
    await using cloud = await openCloud();
    await using watcher = await RawClient.connected(cloud.gateway.address.port, { clientId: 'watcher' });
    for (const filter of ['presence/#', 'subscriptions/+/press-1']) await watcher.subscribe(`$aws/events/${filter}`);
    await using secured = await openSecured(cloud);
    const attempt = async (options: Partial<ConnectPacket>) => {
      await using client = await RawClient.open(secured.port);
      client.send(connect({ ...secured.proof, ...options }));
      const connack = await client.next();
      assert(connack?.type === 'connack');
      return connack.reasonCode;
    };
    assert.equal(await attempt({ clientId: 'press-1', password: Buffer.from('a wrong one') }), 0x86);
    assert.equal(await attempt({ clientId: 'other' }), 0x87);
    const failed = await nextEvent(watcher);
    assert.equal(failed.topic, '$aws/events/presence/connect_failed/other', 'nothing is told of who proves nothing');
    const { timestamp, sessionIdentifier, ...rest } = failed.body;
    assert.match(String(sessionIdentifier), /^[0-9a-f]{32}$/);
    assert.ok(Number(timestamp) > 1.7e12);
    assert.deepEqual(rest, {
      clientId: 'other',
      thingName: 'press',
      eventType: 'connect_failed',
      connectFailureReason: 'AUTHORIZATION_FAILED',
      principalIdentifier: 'fitter',
      ipAddress: '127.0.0.1',
    });
    const will = { topic: 'wills', payload: Buffer.from('x'), qos: 0, retain: false, properties: {} } as const;
    assert.equal(await attempt({ clientId: 'press-1', will }), 0x87);
    assert.equal((await nextEvent(watcher)).topic, '$aws/events/presence/connect_failed/press-1');
    const client = await RawClient.connected(secured.port, { ...secured.proof, clientId: 'press-1' });
    await client.subscribe('a');
    client.socket.destroy();
    const events = [await nextEvent(watcher), await nextEvent(watcher), await nextEvent(watcher)];
    assert.deepEqual(
      events.map(({ body }) => [body.eventType, body.thingName]),
      [
        ['connected', 'press'],
        ['subscribed', 'press'],
        ['disconnected', 'press'],
      ],
    );
  });

  test('and policies of any region count for a user, prohibitions too', async () => {
    await using cloud = await openCloud();
    await using secured = await openSecured(cloud);
    await using client = await RawClient.connected(secured.port, { ...secured.proof, clientId: 'press-1' });
    await client.subscribe('#', 0);
    const send = (topic: string) => cloud.data.send(new PublishCommand({ topic, payload: Buffer.from(topic) }));
    await send('secret');
    await send('open');
    const packet = await client.next();
    assert(packet?.type === 'publish');
    assert.equal(packet.topic, 'open');
    const decide = async (resource: string) => {
      const authInfos = [{ actionType: 'RECEIVE' as const, resources: [resource] }];
      const { principal } = secured;
      const { authResults } = await cloud.control.send(new TestAuthorizationCommand({ principal, authInfos }));
      return authResults![0]!.authDecision;
    };
    assert.equal(await decide(arn('topic/open')), 'ALLOWED');
    assert.equal(await decide(arn('topic/secret')), 'EXPLICIT_DENY');
    assert.equal(await decide('arn:aws:iot:eu-central-1:111111111111:topic/open'), 'IMPLICIT_DENY');
  });
});

describe('connections over the API', () => {
  test('are told, with what is subscribed to, and ended', async () => {
    await using cloud = await openCloud();
    const { data, control } = cloud;
    await using watcher = await RawClient.connected(cloud.gateway.address.port, { clientId: 'watcher' });
    await watcher.subscribe('wills');
    const will = { topic: 'wills', payload: Buffer.from('gone'), qos: 0, retain: false, properties: {} } as const;
    const connectPump = (clientId: string) =>
      RawClient.connected(cloud.gateway.address.port, { clientId, will, keepAlive: 30 });
    await using pump = await connectPump('pump-1');
    await pump.subscribe('b');
    await pump.subscribe('a', 0);
    const get = () => data.send(new GetConnectionCommand({ clientId: 'pump-1', includeSocketInformation: true }));
    const { $metadata: _, connectedSince, ...connected } = await get();
    assert.ok(connectedSince! > 1.7e12);
    assert.deepEqual(connected, {
      connected: true,
      cleanSession: true,
      keepAliveDuration: 30,
      sourceIp: '127.0.0.1',
      clientId: 'pump-1',
    });
    const listed = await data.send(new ListSubscriptionsCommand({ clientId: 'pump-1' }));
    assert.deepEqual(listed.subscriptions, [
      { topicFilter: 'a', qos: 0 },
      { topicFilter: 'b', qos: 1 },
    ]);
    const end = (preventWillMessage: boolean) =>
      data.send(new DeleteConnectionCommand({ clientId: 'pump-1', preventWillMessage }));
    await end(true);
    const told = await pump.next();
    assert.equal(told?.type === 'disconnect' && told.reasonCode, 0x98);
    const gone = await get();
    assert.deepEqual([gone.connected, gone.disconnectReason], [false, 'API_INITIATED_DISCONNECT']);
    const connectivity = await control.send(new GetThingConnectivityDataCommand({ thingName: 'pump-1' }));
    assert.deepEqual(
      [connectivity.connected, connectivity.disconnectReason, connectivity.timestamp?.getTime()],
      [false, 'API_INITIATED_DISCONNECT', gone.disconnectedSince],
    );
    await assert.rejects(end(false), { name: 'ResourceNotFoundException' });
    await watcher.settle();
    assert.equal(watcher.unread, 0, 'no will');
    await using again = await connectPump('pump-1');
    await end(false);
    assert.equal((await again.next())?.type, 'disconnect');
    assert.equal((await watcher.next())?.type, 'publish', 'the will');
    const unknown = new GetConnectionCommand({ clientId: 'nobody' });
    await assert.rejects(data.send(unknown), { name: 'ResourceNotFoundException' });
  });
});

describe('DeleteConnection', () => {
  const options = { clientId: 'pump-1', clean: false, properties: { sessionExpiryInterval: 3600 } } as const;

  test('leaves a session that lasts, unless cleanSession asks for its end, over a restart too', async () => {
    await using cloud = await openCloud();
    const { port } = cloud.gateway.address;
    const end = (cleanSession: boolean) =>
      cloud.data.send(new DeleteConnectionCommand({ clientId: 'pump-1', cleanSession }));
    const first = await RawClient.connected(port, options);
    await first.subscribe('cmd', 1);
    await end(false);
    const second = await RawClient.open(port);
    second.send(connect(options));
    const kept = await second.next();
    assert(kept?.type === 'connack' && kept.sessionPresent, 'the session is kept');
    await end(true);
    assert.equal((await second.next())?.type, 'disconnect');
    assert.equal(cloud.iot.broker.sessions.size, 0);
    await using again = await cloud.restart();
    await using third = await RawClient.open(again.gateway.address.port);
    third.send(connect(options));
    const fresh = await third.next();
    assert(fresh?.type === 'connack' && !fresh.sessionPresent, 'the session is over');
    const { subscriptions } = await again.data.send(new ListSubscriptionsCommand({ clientId: 'pump-1' }));
    assert.deepEqual(subscriptions, []);
  });

  test('with cleanSession publishes a will that still waits for its delay, or none', async () => {
    await using cloud = await openCloud();
    const { port } = cloud.gateway.address;
    await using watcher = await RawClient.connected(port, { clientId: 'watcher' });
    await watcher.subscribe('wills');
    const willProperties = { willDelayInterval: 600 };
    const will = {
      topic: 'wills',
      payload: Buffer.from('gone'),
      qos: 0,
      retain: false,
      properties: willProperties,
    } as const;
    for (const preventWillMessage of [true, false]) {
      await using pump = await RawClient.connected(port, { ...options, will });
      await cloud.data.send(
        new DeleteConnectionCommand({ clientId: 'pump-1', cleanSession: true, preventWillMessage }),
      );
      assert.equal((await pump.next())?.type, 'disconnect');
      await watcher.settle();
      assert.equal(watcher.unread, preventWillMessage ? 0 : 1);
    }
  });
});

describe('a tap', () => {
  test('shows what a client publishes from the first look on, and stops when nobody looks', async () => {
    const clock = new SimulatedClock();
    await using rig = await openRig({ clock });
    await using pump = await RawClient.connected(rig.port, { clientId: 'pump-1' });
    const send = async (text: string, options: Partial<PublishPacket> = {}) => {
      pump.send(publish('t', text, options));
      await pump.settle();
    };
    const { taps } = rig.iot;
    await send('unseen');
    assert.deepEqual(taps.read('pump-1', 0), { messages: [], last: 0 });
    await send('one', { qos: 1 });
    await send('x'.repeat(5000));
    const first = taps.read('pump-1', 0);
    assert.deepEqual(
      first.messages.map(({ number, topic, qos, bytes, payload }) => [number, topic, qos, bytes, payload.length]),
      [
        [1, 't', 1, 3, 3],
        [2, 't', 0, 5000, 4096],
      ],
    );
    assert.deepEqual(taps.read('pump-1', first.last).messages, []);
    for (let at = 0; at < 250; at++) pump.send(publish('t', `${at}`));
    await pump.settle();
    const many = taps.read('pump-1', first.last);
    assert.deepEqual([many.messages.length, many.last, many.messages[0]!.number], [200, 252, 53]);
    await clock.advance(40_000);
    await send('unseen');
    assert.deepEqual(taps.read('pump-1', 0), { messages: [], last: 0 });
  });
});

describe('connection history', () => {
  test('has the connections of a client, the latest first, across restarts', async () => {
    await using first = await openRig();
    for (let at = 0; at < 3; at++) {
      const client = await RawClient.connected(first.port, { clientId: 'pump-1', keepAlive: 30 + at });
      client.send({ type: 'disconnect', reasonCode: 0, properties: {} });
      assert.equal(await client.next(), undefined);
    }
    await using last = await RawClient.connected(first.port, { clientId: 'pump-1' });
    await using rig = await first.restart();
    assert.equal((await last.next())?.type, 'disconnect');
    const connections = await rig.iot.history.connections('pump-1');
    assert.deepEqual(
      connections.map(({ number, keepAlive, reason, disconnectedAt }) => [
        number,
        keepAlive,
        reason,
        disconnectedAt !== undefined,
      ]),
      [
        [3, 0, 'SERVER_INITIATED_DISCONNECT', true],
        [2, 32, 'CLIENT_INITIATED_DISCONNECT', true],
        [1, 31, 'CLIENT_INITIATED_DISCONNECT', true],
        [0, 30, 'CLIENT_INITIATED_DISCONNECT', true],
      ],
    );
    assert.deepEqual(await rig.iot.history.connections('nobody'), []);
  });

  test('keeps fifty connections of a client and forgets those before', async () => {
    const clock = new SimulatedClock();
    await using rig = await openRig({ clock });
    for (let at = 0; at < 53; at++) {
      await using client = await RawClient.connected(rig.port, { clientId: 'pump-1' });
      client.send({ type: 'disconnect', reasonCode: 0, properties: {} });
      await client.next();
    }
    const connections = await rig.iot.history.connections('pump-1');
    assert.deepEqual([connections.length, connections[0]!.number, connections.at(-1)!.number], [50, 52, 3]);
  });

  test('forgets a client that has been gone for a week, and never a thing', async () => {
    const clock = new SimulatedClock();
    await using rig = await openRig({ clock });
    await rig.call('CreateThing', { thingName: 'pump-1' });
    for (const clientId of ['pump-1', 'laptop']) {
      await using client = await RawClient.connected(rig.port, { clientId });
      client.send({ type: 'disconnect', reasonCode: 0, properties: {} });
      await client.next();
    }
    await clock.advance(7 * 86_400_000 - 3_600_000);
    assert.ok(rig.iot.history.last('laptop'));
    await clock.advance(2 * 3_600_000);
    assert.equal(rig.iot.history.last('laptop'), undefined);
    assert.ok(rig.iot.history.last('pump-1'));
    assert.deepEqual(await rig.iot.history.connections('laptop'), []);
  });

  test('writes later what the store has refused, as it is then', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-presence-'));
    try {
      await using records = await openEmbeddedRecords({ directory });
      let isFull = true;
      const refusing: Records = Object.assign(Object.create(records), {
        range: records.range.bind(records),
        commit: (transaction: Transaction) =>
          isFull ? Promise.reject(new Error('full')) : records.commit(transaction),
      });
      const clock = new SimulatedClock();
      const shared = { clock, logger: silentLogger, isKept: () => true };
      const history = await ConnectionHistory.open({ records: refusing, ...shared });
      const connection = { sessionId: 's', connectedAt: 1, isEncrypted: false, version: 5, keepAlive: 0 } as const;
      const first = history.begin('pump-1', { ...connection, cleanStart: true });
      await clock.advance(1_000);
      history.end('pump-1', first, 2, 'CONNECTION_LOST');
      history.begin('pump-1', { ...connection, connectedAt: 3, cleanStart: false });
      isFull = false;
      await clock.advance(5_000);
      await history.close();
      const after = await ConnectionHistory.open({ records, ...shared });
      assert.deepEqual(
        (await after.connections('pump-1')).map(({ number, reason }) => [number, reason]),
        [
          [1, undefined],
          [0, 'CONNECTION_LOST'],
        ],
      );
      await after.close();
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  test('says of what a crash has ended that the server has, and tells rules', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-presence-'));
    try {
      await using records = await openEmbeddedRecords({ directory });
      const published: { topic: string; body: Record<string, unknown> }[] = [];
      const broker = {
        publish: ({ topic, payload }: PublishPacket) => {
          published.push({ topic, body: JSON.parse(payload.toString()) });
          return undefined;
        },
        reachesBelow: () => true,
      };
      const clock = new SimulatedClock();
      const shared = { clock, random: seededRandom(1), logger: silentLogger };
      const open = async () => {
        const history = await ConnectionHistory.open({ records, ...shared, isKept: () => true });
        return {
          history,
          presence: new Presence({ history, events: new LifecycleEvents(broker, silentLogger), ...shared }),
        };
      };
      const before = await open();
      before.presence.connected({
        ...{ clientId: 'pump-1', principal: 'abc', thingName: undefined, version: 5, keepAlive: 60, cleanStart: true },
        ...{ connectedAt: clock.now(), arrival: { remoteAddress: '10.0.0.9', isEncrypted: true } },
      });
      await clock.advance(1_000);
      await before.history.connections('pump-1');
      // The process is gone: nobody has said good-bye.
      const after = await open();
      after.presence.start();
      const [connection] = await after.history.connections('pump-1');
      assert.deepEqual([connection!.reason, connection!.disconnectedAt], ['SERVER_ERROR', clock.now()]);
      const { topic, body } = published.at(-1)!;
      assert.equal(topic, '$aws/events/presence/disconnected/pump-1');
      assert.deepEqual(
        [body.disconnectReason, body.versionNumber, body.principalIdentifier, body.sessionIdentifier],
        ['SERVER_ERROR', 0, 'abc', published[0]!.body.sessionIdentifier],
      );
      await after.presence.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
