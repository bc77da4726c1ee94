import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CreateEventSourceMappingCommand, GetEventSourceMappingCommand } from '@aws-sdk/client-lambda';
import { queueArn, StreamsNode } from './setting.ts';

let house: StreamsNode;
before(async () => {
  house = await StreamsNode.start();
});
after(() => house?.[Symbol.asyncDispose]());

const put = (TableName: string, id: string, more: object = {}) =>
  house.dynamodb.putItem({ TableName, Item: { id: { S: id }, ...more } });

test('a change reaches a function as AWS writes it, soon', async () => {
  const { name, stream } = await house.table();
  const { queue } = await house.reader(
    stream,
    'for (const record of event.Records) await told({ record, now: Date.now() });',
  );
  await put(name, 'a', { level: { N: '1.50' }, bytes: { B: Buffer.from([1, 2]) } });
  await put(name, 'a', { level: { N: '2' } });
  await put(name, 'a', { level: { N: '2' } });
  await house.dynamodb.deleteItem({ TableName: name, Key: { id: { S: 'a' } } });
  const told = await house.told(queue, 3);
  const records = told.map(({ record }) => record);
  assert.deepEqual(
    records.map(({ eventName }) => eventName),
    ['INSERT', 'MODIFY', 'REMOVE'],
  );
  const { dynamodb, eventID, ...rest } = records[0];
  assert.deepEqual(rest, {
    eventName: 'INSERT',
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: 'us-east-1',
    eventSourceARN: stream,
  });
  const { ApproximateCreationDateTime, SequenceNumber, ...change } = dynamodb;
  assert.deepEqual(change, {
    Keys: { id: { S: 'a' } },
    NewImage: { id: { S: 'a' }, level: { N: '1.5' }, bytes: { B: 'AQI=' } },
    SizeBytes: 3 + 3 + (5 + 3) + (5 + 2),
    StreamViewType: 'NEW_AND_OLD_IMAGES',
  });
  assert.ok(Math.abs(ApproximateCreationDateTime - Date.now() / 1000) < 60);
  assert.ok(SequenceNumber < records[1].dynamodb.SequenceNumber);
  assert.deepEqual(records[1].dynamodb.OldImage, dynamodb.NewImage);
  assert.deepEqual(records[2].dynamodb.NewImage, undefined);
});

test('from a write to the function it takes less than 50 ms, mostly', async () => {
  const { name, stream } = await house.table('NEW_IMAGE');
  const body =
    'const now = Date.now(); for (const { dynamodb } of event.Records) await told(now - Number(dynamodb.NewImage.at.N));';
  const { queue } = await house.reader(stream, body);
  const delays: number[] = [];
  for (let i = 0; i < 60; i++) {
    await put(name, `item-${i}`, { at: { N: String(Date.now()) } });
    delays.push(...(await house.told(queue, 1)));
  }
  // The first ones start environments, one for each shard.
  const warm = delays.slice(20).sort((a, b) => a - b);
  assert.ok(warm[Math.floor(warm.length / 2)]! < 50, `${warm}`);
});

test('filters see images and the name of the event', async () => {
  const { name, stream } = await house.table();
  const Pattern = JSON.stringify({
    eventName: ['INSERT', 'MODIFY'],
    dynamodb: { NewImage: { state: { S: ['hot'] }, level: { N: [{ prefix: '9' }] } } },
  });
  const { queue } = await house.reader(
    stream,
    'for (const { dynamodb } of event.Records) await told(dynamodb.Keys.id.S);',
    {
      FilterCriteria: { Filters: [{ Pattern }] },
    },
  );
  await put(name, 'cold', { state: { S: 'cold' }, level: { N: '90' } });
  await put(name, 'low', { state: { S: 'hot' }, level: { N: '10' } });
  await house.dynamodb.deleteItem({ TableName: name, Key: { id: { S: 'low' } } });
  await put(name, 'hot', { state: { S: 'hot' }, level: { N: '91' } });
  assert.deepEqual(await house.told(queue, 1), ['hot']);
});

test('a batch that fails is split, and what fails for good is told of with its shard and sequence numbers', async () => {
  const { name, stream } = await house.table();
  const failures = await house.queue();
  const body =
    "for (const { dynamodb } of event.Records) if (dynamodb.Keys.id.S === 'bad') throw new Error('bad'); for (const { dynamodb } of event.Records) await told(dynamodb.NewImage.n.N);";
  // Written before there is a mapping, so that they are one batch.
  for (let n = 0; n < 4; n++) await put(name, 'good', { n: { N: String(n) } });
  await put(name, 'bad', { n: { N: '9' } });
  const { queue } = await house.reader(stream, body, {
    BisectBatchOnFunctionError: true,
    MaximumRetryAttempts: 2,
    DestinationConfig: { OnFailure: { Destination: queueArn(failures) } },
  });
  assert.deepEqual((await house.told(queue, 4)).sort(), ['0', '1', '2', '3']);
  const [document] = await house.told(failures, 1);
  assert.equal(document.requestContext.condition, 'RetryAttemptsExhausted');
  const { DDBStreamBatchInfo: info } = document;
  assert.equal(info.streamArn, stream);
  assert.equal(info.batchSize, 1);
  assert.equal(info.startSequenceNumber, info.endSequenceNumber);
  assert.match(info.shardId, /^shardId-\d{20}-[0-9a-f]{8}$/);
});

test('what a partial response names comes again, and nothing before it', async () => {
  const { name, stream } = await house.table();
  for (let n = 0; n < 3; n++) await put(name, 'one', { n: { N: String(n) } });
  const body =
    'for (const { dynamodb } of event.Records) { await told(dynamodb.NewImage.n.N); if (dynamodb.NewImage.n.N === "1" && !globalThis.failed) { globalThis.failed = true; return { batchItemFailures: [{ itemIdentifier: dynamodb.SequenceNumber }] }; } }';
  const { queue } = await house.reader(stream, body, { FunctionResponseTypes: ['ReportBatchItemFailures'] });
  assert.deepEqual(await house.told(queue, 4), ['0', '1', '1', '2']);
});

test('changes of an item come in their order, however many lanes a shard has', async () => {
  const { name, stream } = await house.table();
  const { queue } = await house.reader(
    stream,
    'await told(event.Records.map(({ dynamodb }) => [dynamodb.Keys.id.S, Number(dynamodb.NewImage.n.N)]));',
    { ParallelizationFactor: 4, BatchSize: 5 },
  );
  const ids = Array.from({ length: 8 }, (_, i) => `item-${i}`);
  for (let n = 0; n < 10; n++) await Promise.all(ids.map((id) => put(name, id, { n: { N: String(n) } })));
  const seen = new Map<string, number[]>();
  for (let count = 0; count < 80; ) {
    for (const batch of await house.told(queue, 1)) {
      for (const [id, n] of batch) seen.set(id, [...(seen.get(id) ?? []), n]);
      count += batch.length;
    }
  }
  // Messages may overtake each other on their way to this test; a batch is whole.
  for (const [id, numbers] of seen) {
    assert.deepEqual(
      [...numbers].sort((a, b) => a - b),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      id,
    );
  }
});

test('a tumbling window carries its state from batch to batch of a shard', async () => {
  const { name, stream } = await house.table();
  const { queue } = await house.reader(
    stream,
    'const count = (event.state?.count ?? 0) + event.Records.length; if (event.isFinalInvokeForWindow) { await told(count); return {}; } return { state: { count } };',
    { TumblingWindowInSeconds: 1, BatchSize: 1 },
  );
  for (let n = 0; n < 5; n++) await put(name, 'same', { n: { N: String(n) } });
  let count = 0;
  while (count < 5) for (const part of await house.told(queue, 1)) count += part;
  assert.equal(count, 5);
});

test('mappings are refused as AWS refuses them', async () => {
  const { stream } = await house.table();
  const { name: FunctionName, mapping } = await house.reader(stream, '');
  const create = (EventSourceArn: string, StartingPosition: 'AT_TIMESTAMP' | 'LATEST', more: object = {}) =>
    house.lambda.send(new CreateEventSourceMappingCommand({ FunctionName, EventSourceArn, StartingPosition, ...more }));
  await assert.rejects(create(stream, 'AT_TIMESTAMP', { StartingPositionTimestamp: new Date(0) }), {
    name: 'InvalidParameterValueException',
    message: `Unsupported starting position for arn type: ${stream}`,
  });
  const gone = stream.replace(/\/table-\d+\//, '/no-such-table/');
  await assert.rejects(create(gone, 'LATEST'), {
    name: 'InvalidParameterValueException',
    message: `Stream not found: ${gone}`,
  });
  await assert.rejects(create(stream, 'LATEST'), { name: 'ResourceConflictException' });
  const shown = await house.lambda.send(new GetEventSourceMappingCommand({ UUID: mapping }));
  assert.equal(shown.BatchSize, 100);
  assert.equal(shown.StartingPosition, 'TRIM_HORIZON');
  assert.equal(shown.ParallelizationFactor, 1);
});
