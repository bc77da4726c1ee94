import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReadFailure, ServiceCodec } from '../../src/codec/aws/index.ts';
import { serviceCatalog, serviceTable } from '../../src/schemas/index.ts';

for (const [name, { protocols, operations }] of Object.entries(serviceCatalog())) {
  test(`${name}: every operation is read and written in each of its protocols, from nothing`, () => {
    const codec = new ServiceCodec(serviceTable(name));
    assert.deepEqual(Object.keys(codec.table.operations), operations);
    for (const protocolName of protocols) {
      const protocol = codec.protocol(protocolName);
      for (const operation of operations) {
        try {
          protocol.read(operation, { method: 'POST', path: '/', query: '', headers: {}, body: new Uint8Array(0) });
        } catch (error) {
          assert.ok(error instanceof ReadFailure, `${operation}: ${String((error as Error).stack)}`);
        }
        if (!codec.streamsEvents(operation)) protocol.write(operation, {}, 'id', () => assert.fail());
      }
    }
  });

  test(`${name}: every reference of the table leads to a shape, and every required member is one`, () => {
    const { shapes, operations: rows } = serviceTable(name);
    const references = shapes.flatMap((shape) => {
      if (shape.type === 'list') return [shape.member];
      if (shape.type === 'map') return [shape.key, shape.value];
      return 'members' in shape ? shape.members.map(([, index]) => index) : [];
    });
    for (const { input, output, errors } of Object.values(rows)) references.push(input, output, ...errors);
    assert.ok(references.every((index) => shapes[index] !== undefined));
    for (const shape of shapes) {
      if (!('members' in shape)) continue;
      const names = new Set(shape.members.map(([member]) => member));
      assert.ok(shape.required?.every((member) => names.has(member)) ?? true, shape.name);
    }
  });
}

test('each shape with bytes and times survives the way out and in again', () => {
  const codec = new ServiceCodec(serviceTable('kinesis'));
  const protocol = codec.protocol('awsJson1_1');
  const when = new Date('2026-01-01T00:00:00.123Z');
  const output = {
    NextShardIterator: 'n',
    MillisBehindLatest: 0,
    Records: [
      { SequenceNumber: '1', PartitionKey: 'k', Data: Buffer.from([0, 255]), ApproximateArrivalTimestamp: when },
    ],
  };
  const answer = protocol.write('GetRecords', output, 'id', () => assert.fail());
  assert.deepEqual(JSON.parse(answer.body as string).Records[0], {
    SequenceNumber: '1',
    PartitionKey: 'k',
    Data: 'AP8=',
    ApproximateArrivalTimestamp: when.getTime() / 1000,
  });
  const input = protocol.read('GetShardIterator', {
    method: 'POST',
    path: '/',
    query: '',
    headers: {},
    body: Buffer.from(
      `{"StreamName":"s","ShardId":"shardId-0","ShardIteratorType":"AT_TIMESTAMP","Timestamp":${when.getTime() / 1000}}`,
    ),
  }) as { Timestamp: Date };
  assert.deepEqual(input.Timestamp, when);
});
