import assert from 'node:assert/strict';
import { test } from 'node:test';
import type * as mqtt from '../../src/codec/mqtt/index.ts';
import { openRig, publish, RawClient } from './harness.ts';

const roleArn = 'r';
const queue = (name: string) => ({ sqs: { roleArn, queueUrl: `http://127.0.0.1:4566/000000000000/${name}` } });
const arnOf = (name: string) => `arn:aws:sqs:eu-central-1:000000000000:${name}`;
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

// All sockets are read into one buffer: whoever keeps any of a message must have copied it.
test('what is kept of a message is not overwritten by those that are read after it', async () => {
  await using rig = await openRig();
  rig.deliveries.missing.add(arnOf('gone'));
  const stream = { kinesis: { roleArn, streamName: 's', partitionKey: '1' } };
  await rig.rule('whole', "SELECT * FROM 'a/#'", [stream, queue('whole')]);
  await rig.rule('made', "SELECT n FROM 'b/#'", [queue('gone')], { errorAction: queue('errors') });
  await rig.rule('republished', "SELECT * FROM 'a/#'", [{ republish: { roleArn, topic: 'again' } }]);

  const durable = { clean: false, properties: { sessionExpiryInterval: 3600 } };
  await using away = await RawClient.connected(rig.port, { clientId: 'away', ...durable });
  await away.subscribe('a/#', 1);
  away.socket.destroy();
  await using kept = await RawClient.connected(rig.port, { clientId: 'kept', ...durable });
  await kept.subscribe('a/#', 1);
  const identified = { properties: { subscriptionIdentifiers: [7] } };
  await using live = await RawClient.connected(rig.port, { clientId: 'live' });
  const subscription = { filter: 'a/#', qos: 1, noLocal: false, retainAsPublished: true, retainHandling: 0 } as const;
  live.send({ type: 'subscribe', packetId: 1, subscriptions: [subscription], ...identified });
  assert.equal((await live.next())?.type, 'suback');
  await using old = await RawClient.connected(rig.port, { clientId: 'old', version: 4 });
  await old.subscribe('a/#', 1);
  // Two members: what the first leaves undone is encoded anew for the second.
  await using first = await RawClient.connected(rig.port, { clientId: 'first', properties: { receiveMaximum: 1 } });
  await first.subscribe('$share/g/a/#', 1);

  await using one = await RawClient.connected(rig.port, { clientId: 'one' });
  await using two = await RawClient.connected(rig.port, { clientId: 'two' });
  const correlated = (value: string) => ({ correlationData: Buffer.from(value) });
  const payload = (n: number) => JSON.stringify({ n, padding: `${n}`.repeat(64) });
  const numbers = [1, 2, 3, 4, 5, 6];
  for (const n of numbers) {
    const sender = n % 3 === 0 ? two : one;
    const properties: mqtt.Properties = n % 2 === 0 ? correlated(`c${n}`) : {};
    sender.send(publish(`a/${n}`, payload(n), { qos: 1, packetId: n, retain: true, properties }));
  }
  for (const n of numbers) one.send(publish(`b/${n}`, payload(n)));
  // Overwrites the whole buffer before any of the commits is done.
  for (const sender of [one, two]) sender.send(publish('noise', 'x'.repeat(60_000)));
  for (const [sender, count] of [
    [one, 4],
    [two, 2],
  ] as const) {
    for (let i = 0; i < count; i++) assert.equal((await sender.next())?.type, 'puback');
  }

  const check = async (client: RawClient, what: string, wantsCorrelation = true) => {
    const got = new Map<string, mqtt.PublishPacket>();
    while (got.size < numbers.length) {
      const packet = await client.next();
      assert(packet?.type === 'publish', `${what}: ${packet?.type}`);
      got.set(packet.topic, packet);
      client.send({ type: 'puback', packetId: packet.packetId, reasonCode: 0, properties: {} });
    }
    for (const n of numbers) {
      const packet = got.get(`a/${n}`);
      assert.equal(text(packet!.payload), payload(n), what);
      if (!wantsCorrelation) continue;
      assert.equal(packet!.properties.correlationData?.toString(), n % 2 === 0 ? `c${n}` : undefined, what);
    }
  };
  await using second = await RawClient.connected(rig.port, { clientId: 'second' });
  await second.subscribe('$share/g/a/#', 1);
  first.socket.destroy();
  await check(second, 'shared');
  await check(live, 'live');
  await check(kept, 'kept');
  await check(old, 'old', false);
  await using back = await RawClient.connected(rig.port, { clientId: 'away', ...durable });
  await check(back, 'away');
  await using late = await RawClient.connected(rig.port, { clientId: 'late' });
  await late.subscribe('a/#', 1);
  await check(late, 'retained');

  const sorted = (values: readonly string[]) => values.toSorted();
  const expected = sorted(numbers.map(payload));
  const delivered = (arn: string) => rig.deliveries.sent.filter((delivery) => delivery.arn === arn);
  assert.deepEqual(sorted(rig.streams.records.map(({ data }) => data)), expected);
  assert.deepEqual(sorted(delivered(arnOf('whole')).map((delivery) => text(delivery.payload))), expected);
  const republished = delivered('arn:aws:iot:eu-central-1:000000000000:topic/again');
  assert.deepEqual(sorted(republished.map((delivery) => text(delivery.payload))), expected);
  while (delivered(arnOf('errors')).length < numbers.length) await new Promise((resolve) => setImmediate(resolve));
  const errors = delivered(arnOf('errors')).map((delivery) => JSON.parse(text(delivery.payload)));
  const originals = errors.map(({ base64OriginalPayload }) => text(Buffer.from(base64OriginalPayload, 'base64')));
  assert.deepEqual(sorted(originals), expected, 'what the error action is told');
});
