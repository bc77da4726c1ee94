import assert from 'node:assert/strict';
import mqtt from 'mqtt';
import type { Rig, Scenario } from '../scenario.ts';

const notFound = { name: 'ResourceNotFoundException' };
/** Bytes that no text survives. */
const BYTES = Buffer.from([0, 255, 10]);

/** The data plane of IoT Core: messages, what is retained of them, and the connections of clients. */
export const iotdata: Scenario = {
  service: 'iotdata',
  async run(rig) {
    await messages(rig);
    await retained(rig);
    if (await rig.knows('GetConnection')) await connections(rig);
  },
};

const connect = ({ node }: Rig, clientId: string) =>
  mqtt.connectAsync(`mqtt://${node.mqtt.host}:${node.mqtt.port}`, { clientId, protocolVersion: 5, reconnectPeriod: 0 });

/** What is published comes to those who are connected, with its properties as far as the client has them. */
async function messages(rig: Rig): Promise<void> {
  const { call, name, knows } = rig;
  const topic = `${name('plant')}/grün`;
  const watcher = await connect(rig, name('watcher'));
  await watcher.subscribeAsync(`${name('plant')}/+`, { qos: 1 });
  const next = () =>
    new Promise<mqtt.IPublishPacket>((resolve) =>
      watcher.once('message', (_topic, _payload, packet) => resolve(packet)),
    );
  const coming = next();
  await call('Publish', { topic, qos: 1, payload: BYTES });
  const packet = await coming;
  assert.deepEqual([packet.topic, packet.qos, packet.payload], [topic, 1, BYTES]);
  if (await knows('Publish', 'userProperties')) {
    const again = next();
    const about = { contentType: 'text/plain', responseTopic: 'answers', payloadFormatIndicator: 'UTF8_DATA' };
    const userProperties = propertiesFor(rig);
    const correlationData = Buffer.from('7').toString('base64');
    await call('Publish', {
      topic,
      payload: Buffer.from('hi'),
      messageExpiry: 60,
      ...about,
      userProperties,
      correlationData,
    });
    assert.partialDeepStrictEqual((await again).properties, {
      ...{ contentType: 'text/plain', responseTopic: 'answers', payloadFormatIndicator: true },
      ...{ messageExpiryInterval: 60, correlationData: Buffer.from('7'), userProperties: { a: ['1', '2'] } },
    });
  }
  await watcher.endAsync();
  await assert.rejects(call('Publish', { topic: 'a/#', payload: BYTES }), { name: 'InvalidRequestException' });
  await assert.rejects(call('Publish', { topic: '$aws/things/x', payload: BYTES }), { name: 'ForbiddenException' });
}

const PROPERTIES = [{ a: '1' }, { a: '2' }];

/** A header that holds JSON: the clients in Python are given the value, the SDK for JS its text. */
const propertiesFor = ({ client }: Rig) => (client === 'sdk-js' ? JSON.stringify(PROPERTIES) : PROPERTIES);

async function retained(rig: Rig): Promise<void> {
  const { call, knows, name } = rig;
  const topics = [1, 2].map((at) => `${name('kept')}/${at}`);
  for (const topic of topics) await call('Publish', { topic, qos: 1, retain: true, payload: BYTES });
  const [topic] = topics;
  const kept = await call('GetRetainedMessage', { topic });
  assert.deepEqual([kept.topic, kept.payload, kept.qos], [topic, BYTES, 1]);
  assert.ok(Math.abs(kept.lastModifiedTime - Date.now()) < 60_000, kept.lastModifiedTime);
  const first = await call('ListRetainedMessages', { maxResults: 1 });
  const rest = await call('ListRetainedMessages', { maxResults: 1, nextToken: first.nextToken });
  assert.deepEqual(
    [...first.retainedTopics, ...rest.retainedTopics].map((one) => [one.topic, one.payloadSize, one.qos]),
    topics.map((one) => [one, 3, 1]),
  );
  if (await knows('GetRetainedMessage', 'userProperties')) {
    await call('Publish', { topic, retain: true, payload: BYTES, userProperties: propertiesFor(rig) });
    const { userProperties } = await call('GetRetainedMessage', { topic });
    assert.deepEqual(JSON.parse(userProperties.toString()), PROPERTIES);
  }
  for (const gone of topics) await call('Publish', { topic: gone, qos: 1, retain: true });
  await assert.rejects(call('GetRetainedMessage', { topic }), notFound);
  assert.deepEqual((await call('ListRetainedMessages')).retainedTopics, []);
}

async function connections(rig: Rig): Promise<void> {
  const { call, name } = rig;
  const clientId = name('pump/1');
  await assert.rejects(call('GetConnection', { clientId }), notFound);
  const client = await connect(rig, clientId);
  await client.subscribeAsync({ 'cmd/#': { qos: 1 }, 'all/+': { qos: 0 } });
  const here = await call('GetConnection', { clientId, includeSocketInformation: true });
  assert.deepEqual([here.connected, here.sourceIp, here.cleanSession], [true, '127.0.0.1', true]);
  assert.deepEqual((await call('ListSubscriptions', { clientId })).subscriptions, [
    { topicFilter: 'all/+', qos: 0 },
    { topicFilter: 'cmd/#', qos: 1 },
  ]);
  const closed = new Promise((resolve) => client.once('close', () => resolve(undefined)));
  await call('DeleteConnection', { clientId });
  await closed;
  const gone = await call('GetConnection', { clientId });
  assert.deepEqual([gone.connected, gone.disconnectReason], [false, 'API_INITIATED_DISCONNECT']);
  await assert.rejects(call('DeleteConnection', { clientId }), notFound);
}
