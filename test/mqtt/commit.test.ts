import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DomainError } from '../../src/base/index.ts';
import { Reason } from '../../src/codec/mqtt/index.ts';
import { openRig, publish, RawClient } from './harness.ts';

const toStream = {
  kinesis: { roleArn: 'arn:aws:iam::000000000000:role/r', streamName: 's', partitionKey: '${topic(2)}' },
};

test('PUBACK waits for the commit of what the publish has caused, and comes in order', async () => {
  await using rig = await openRig();
  await rig.rule('all', "SELECT * FROM 'd/#'", [toStream]);
  await using device = await RawClient.connected(rig.port);
  rig.streams.hold();
  device.send(
    publish('d/1', 'a', { qos: 1, packetId: 11 }),
    publish('elsewhere', 'b', { qos: 1, packetId: 12 }),
    publish('d/2', 'c', { qos: 1, packetId: 13 }),
  );
  await device.settle();
  assert.deepEqual(rig.streams.records, [
    { stream: 's', key: '1', data: 'a' },
    { stream: 's', key: '2', data: 'c' },
  ]);
  assert.equal(device.unread, 0, 'nothing is acknowledged before the commit');
  rig.streams.release();
  const acks = [await device.next(), await device.next(), await device.next()];
  assert.deepEqual(
    acks.map((packet) => packet?.type === 'puback' && packet.packetId),
    [11, 12, 13],
  );
});

test('QoS 0 does not wait, and keeps its place in the order', async () => {
  await using rig = await openRig();
  await rig.rule('all', "SELECT * FROM 'd/#'", [toStream]);
  await using device = await RawClient.connected(rig.port);
  device.send(publish('d/1', '1'), publish('d/1', '2', { qos: 1 }), publish('d/1', '3'));
  assert.equal((await device.next())?.type, 'puback');
  await device.settle();
  assert.deepEqual(
    rig.streams.records.map(({ data }) => data),
    ['1', '2', '3'],
  );
});

for (const [what, error, reason] of [
  ['failed', new Error('a write failed'), Reason.implementationSpecificError],
  ['refused', new DomainError('log-full', 'the disk is full', { remedy: 'retry' }), Reason.serverBusy],
] as const) {
  test(`a ${what} commit is never acknowledged: the client is disconnected and will send again`, async () => {
    await using rig = await openRig();
    await rig.rule('all', "SELECT * FROM 'd/#'", [toStream]);
    await using device = await RawClient.connected(rig.port);
    rig.streams.hold();
    device.send(publish('d/1', 'a', { qos: 1 }));
    await device.settle();
    rig.streams.release(error);
    const packet = await device.next();
    assert(packet?.type === 'disconnect');
    assert.equal(packet.reasonCode, reason);
    assert.equal(await device.next(), undefined);
  });
}

test('a log that takes no more is no matter for the error action: nothing is acknowledged', async () => {
  await using rig = await openRig();
  const errorAction = { sns: { roleArn: 'r', targetArn: 'arn:aws:sns:us-east-1:000000000000:errors' } };
  await rig.rule('all', "SELECT * FROM 'd/#'", [toStream], { errorAction });
  await using device = await RawClient.connected(rig.port);
  rig.streams.refusal = new DomainError('log-full', 'the disk is full', { remedy: 'retry' });
  device.send(publish('d/1', 'a', { qos: 1 }));
  assert.equal((await device.next())?.type, 'disconnect');
  assert.deepEqual(rig.deliveries.sent, []);
});

test('an action that fails at once is told to the error action, and the publish is acknowledged', async () => {
  await using rig = await openRig();
  rig.streams.missing.add('gone');
  const gone = { kinesis: { ...toStream.kinesis, streamName: 'gone' } };
  const errorAction = { sqs: { roleArn: 'r', queueUrl: 'http://127.0.0.1:4566/000000000000/errors' } };
  await rig.rule('broken', "SELECT * FROM 'd/#'", [gone, toStream], { errorAction });
  await using device = await RawClient.connected(rig.port, { clientId: 'pump-1' });
  device.send(publish('d/1', 'hi', { qos: 1 }));
  assert.equal((await device.next())?.type, 'puback');
  assert.equal(rig.streams.records.length, 1, 'the other action has run');
  const [delivery] = rig.deliveries.sent;
  assert.equal(delivery?.arn, 'arn:aws:sqs:eu-central-1:000000000000:errors');
  const { cloudwatchTraceId, ...body } = JSON.parse(Buffer.from(delivery!.payload).toString());
  assert.match(cloudwatchTraceId, /^[0-9a-f-]{36}$/);
  assert.deepEqual(body, {
    ruleName: 'broken',
    topic: 'd/1',
    clientId: 'pump-1',
    base64OriginalPayload: 'aGk=',
    failures: [
      {
        failedAction: 'KinesisAction',
        failedResource: 'gone',
        errorMessage: 'Stream gone under account 000000000000 not found.',
      },
    ],
  });
});

test('a client that sends more than may wait for a commit is not read any further', async () => {
  await using rig = await openRig({ limits: { inFlightInMax: 8 } });
  await rig.rule('all', "SELECT * FROM 'd/#'", [toStream]);
  await using device = await RawClient.connected(rig.port, { version: 4 });
  rig.streams.hold();
  device.send(...Array.from({ length: 8 }, (_, i) => publish('d/1', `${i}`, { qos: 1, packetId: i + 1 })));
  while (rig.streams.records.length < 8) await turn();
  device.send(publish('d/1', 'later', { qos: 1, packetId: 9 }));
  for (let i = 0; i < 20; i++) await turn();
  assert.equal(rig.streams.records.length, 8);
  rig.streams.release();
  for (let i = 0; i < 9; i++) assert.equal((await device.next())?.type, 'puback');
  assert.equal(rig.streams.records.length, 9);
});

test('when all clients together wait for too much, whoever sends more is read no further until half is committed', async () => {
  await using rig = await openRig({ limits: { commitBytesMax: 10_000 } });
  await rig.rule('all', "SELECT * FROM 'd/#'", [toStream]);
  const devices = await Promise.all(
    Array.from({ length: 4 }, (_, i) => RawClient.connected(rig.port, { clientId: `d${i}`, version: 4 })),
  );
  rig.streams.hold();
  const payload = 'x'.repeat(3_000);
  for (let round = 1; round <= 3; round++) {
    for (const device of devices) device.send(publish('d/1', payload, { qos: 1, packetId: round }));
    for (let i = 0; i < 20; i++) await turn();
  }
  const held = rig.streams.records.length;
  assert(held >= 4 && held < 12, `${held} of 12 were read`);
  rig.streams.release();
  for (const device of devices) {
    for (let round = 1; round <= 3; round++) assert.equal((await device.next())?.type, 'puback');
    device.socket.destroy();
  }
  assert.equal(rig.streams.records.length, 12);
});

test('an MQTT 5 client that exceeds the receive maximum is told so', async () => {
  await using rig = await openRig({ limits: { inFlightInMax: 4 } });
  await rig.rule('all', "SELECT * FROM 'd/#'", [toStream]);
  await using device = await RawClient.connected(rig.port);
  rig.streams.hold();
  device.send(...Array.from({ length: 5 }, (_, i) => publish('d/1', `${i}`, { qos: 1, packetId: i + 1 })));
  const packet = await device.next();
  assert(packet?.type === 'disconnect');
  assert.equal(packet.reasonCode, 0x93);
});

test('closing acknowledges what is committed, says why, and publishes no will', async () => {
  await using rig = await openRig();
  await rig.rule('all', "SELECT * FROM 'd/#'", [toStream]);
  const will = { topic: 'd/will', payload: Buffer.from('gone'), qos: 0, retain: false, properties: {} } as const;
  await using device = await RawClient.connected(rig.port, { will });
  rig.streams.hold();
  device.send(publish('d/1', 'a', { qos: 1 }));
  await device.settle();
  const closed = rig.gateway.close();
  rig.streams.release();
  assert.equal((await device.next())?.type, 'puback');
  const last = await device.next();
  assert(last?.type === 'disconnect');
  assert.equal(last.reasonCode, 0x8b);
  await closed;
  assert.deepEqual(
    rig.streams.records.map(({ data }) => data),
    ['a'],
  );
});

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('a message of QoS 2 whose commit has failed is published when it comes again', async () => {
  await using rig = await openRig();
  await rig.rule('all', "SELECT * FROM 'd/#'", [toStream]);
  const options = { clientId: 'pump', clean: false, properties: { sessionExpiryInterval: 3600 } };
  const pubrel = { type: 'pubrel', packetId: 1, reasonCode: 0, properties: {} } as const;
  await using device = await RawClient.connected(rig.port, options);
  rig.streams.hold();
  device.send(publish('d/1', 'a', { qos: 2 }));
  await device.settle();
  rig.streams.release(new DomainError('log-full', 'the disk is full', { remedy: 'retry' }));
  assert.equal((await device.next())?.type, 'disconnect');
  assert.equal(await device.next(), undefined);
  await using again = await RawClient.connected(rig.port, options);
  rig.streams.records.length = 0;
  again.send(publish('d/1', 'a', { qos: 2, dup: true }));
  assert.equal((await again.next())?.type, 'pubrec');
  assert.equal(rig.streams.records.length, 1, 'what was never stored must not count as received');
  // A release that could not be stored is one that is still to come.
  rig.streams.hold();
  again.send(publish('d/2', 'b', { qos: 1, packetId: 9 }), pubrel);
  await again.settle();
  rig.streams.release(new DomainError('log-full', 'the disk is full', { remedy: 'retry' }));
  assert.equal((await again.next())?.type, 'disconnect');
  await using third = await RawClient.connected(rig.port, options);
  third.send(pubrel);
  const pubcomp = await third.next();
  assert(pubcomp?.type === 'pubcomp');
  assert.equal(pubcomp.reasonCode, 0);
});
