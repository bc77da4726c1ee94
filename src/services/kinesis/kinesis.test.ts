import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CLOCK_LIMITS, SimulatedClock, seededRandom } from '../../base/index.ts';
import { compilePattern } from '../../codec/aws/pattern.ts';
import type { ScalarShape, StructureShape } from '../../codec/aws/shape.ts';
import { serviceTable } from '../../schemas/index.ts';
import { EmbeddedLog, openEmbeddedRecords, Registry } from '../../store/index.ts';
import { createMetrics, type Datum, silentLogger } from '../../telemetry/index.ts';
import { AWS_THROTTLES, type Kinesis, openKinesis, type Throttles } from './index.ts';
import type { StreamState } from './state.ts';

const HOUR = 3_600_000;
const ARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/telemetry';

let directory: string;
let clock: SimulatedClock;
let scope: AsyncDisposableStack;
let kinesis: Kinesis;
let data: Datum[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-kinesis-'));
  clock = new SimulatedClock();
  await open();
});
afterEach(async () => {
  await scope.disposeAsync();
  await rm(directory, { recursive: true, force: true });
});

async function open(throttles?: Throttles): Promise<void> {
  scope = new AsyncDisposableStack();
  const log = scope.use(await EmbeddedLog.open({ directory: join(directory, 'log') }));
  const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
  const metrics = createMetrics();
  data = [];
  metrics.onDatum((datum) => data.push(datum));
  const parts = { log, records, clock, random: seededRandom(1), logger: silentLogger, metrics };
  kinesis = scope.use(await openKinesis({ ...parts, ...(throttles && { throttles }) }));
}

async function restart(): Promise<void> {
  await scope.disposeAsync();
  await open();
}

const context = {
  region: 'us-east-1',
  requestId: 'request',
  signal: new AbortController().signal,
  trace: { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', sampled: true },
} as any;

/** Calls an operation as the wire does. */
async function call(operation: string, input: object, more: object = {}): Promise<any> {
  return await kinesis.service.operations[operation]!(input, { ...context, ...more });
}

const create = (shards = 1, StreamName = 'telemetry') => call('CreateStream', { StreamName, ShardCount: shards });
const put = (key: string, text: string, more: object = {}) =>
  call('PutRecord', { StreamName: 'telemetry', PartitionKey: key, Data: Buffer.from(text), ...more });

async function iterator(shard: string, type: string, more: object = {}): Promise<string> {
  const input = { StreamName: 'telemetry', ShardId: shard, ShardIteratorType: type, ...more };
  return (await call('GetShardIterator', input)).ShardIterator;
}

async function texts(shard: string, type = 'TRIM_HORIZON', more: object = {}): Promise<string[]> {
  const { Records } = await call('GetRecords', { ShardIterator: await iterator(shard, type, more) });
  return Records.map(({ Data }: { Data: Uint8Array }) => Buffer.from(Data).toString());
}

const FIRST = 'shardId-000000000000';

describe('kinesis: streams', () => {
  test('a stream is active when its creation is answered, and is there after a restart', async () => {
    await create(2);
    await put('a', 'x');
    await restart();
    const { StreamDescription } = await call('DescribeStream', { StreamName: 'telemetry' });
    assert.equal(StreamDescription.StreamARN, ARN);
    assert.equal(StreamDescription.StreamStatus, 'ACTIVE');
    assert.deepEqual(
      StreamDescription.Shards.map((shard: any) => shard.HashKeyRange),
      [
        { StartingHashKey: '0', EndingHashKey: '170141183460469231731687303715884105727' },
        {
          StartingHashKey: '170141183460469231731687303715884105728',
          EndingHashKey: '340282366920938463463374607431768211455',
        },
      ],
    );
  });

  test('a name is taken once in a region, and free in another', async () => {
    await create();
    await assert.rejects(create(), {
      code: 'in-use',
      message: 'Stream telemetry under account 000000000000 already exists.',
    });
    await call('CreateStream', { StreamName: 'telemetry', ShardCount: 1 }, { region: 'eu-west-1' });
    assert.deepEqual((await call('ListStreams', {})).StreamNames, ['telemetry']);
  });

  test('a stream is found by the id that it tells, which the wire lets in', async () => {
    await create();
    const { StreamDescriptionSummary: told } = await call('DescribeStreamSummary', { StreamName: 'telemetry' });
    const { StreamId } = told;
    const { shapes, operations } = serviceTable('kinesis');
    const { members } = shapes[operations.DescribeStreamSummary!.input] as StructureShape;
    const [, shape] = members.find(([name]) => name === 'StreamId')!;
    assert.match(StreamId, compilePattern((shapes[shape] as ScalarShape).pattern!)!);
    assert.deepEqual((await call('DescribeStreamSummary', { StreamId })).StreamDescriptionSummary, told);
  });

  test('a deleted stream is gone, and a new one of its name has none of its records', async () => {
    await create();
    await put('a', 'old');
    const old = await iterator(FIRST, 'TRIM_HORIZON');
    await call('DeleteStream', { StreamName: 'telemetry' });
    await assert.rejects(put('a', 'x'), {
      code: 'stream-not-found',
      message: 'Stream telemetry under account 000000000000 not found.',
    });
    await create();
    assert.deepEqual(await texts(FIRST), []);
    await assert.rejects(call('GetRecords', { ShardIterator: old }), { code: 'stream-not-found' });
  });

  test('a deletion that a crash has interrupted is finished at the next start', async () => {
    await create();
    await put('a', 'x');
    await scope.disposeAsync();
    const records = await openEmbeddedRecords({ directory: join(directory, 'records') });
    const registry = await Registry.open<StreamState>(records, 'kinesis/streams');
    await registry.put('us-east-1/telemetry', { ...registry.get('us-east-1/telemetry')!, deleting: true });
    await records[Symbol.asyncDispose]();
    await open();
    assert.deepEqual((await call('ListStreams', {})).StreamNames, []);
    await create();
    assert.deepEqual(await texts(FIRST), []);
  });

  test('a stream with consumers is deleted only when that is enforced', async () => {
    await create();
    await call('RegisterStreamConsumer', { StreamARN: ARN, ConsumerName: 'one' });
    await assert.rejects(call('DeleteStream', { StreamName: 'telemetry' }), { code: 'in-use' });
    await call('DeleteStream', { StreamName: 'telemetry', EnforceConsumerDeletion: true });
  });

  test('names come in pages', async () => {
    for (const name of ['c', 'a', 'b']) await create(1, name);
    const first = await call('ListStreams', { Limit: 2 });
    assert.deepEqual([first.StreamNames, first.HasMoreStreams], [['a', 'b'], true]);
    const second = await call('ListStreams', { NextToken: first.NextToken });
    assert.deepEqual([second.StreamNames, second.HasMoreStreams], [['c'], false]);
    await clock.advance(5 * 60_000 + 1);
    await assert.rejects(call('ListStreams', { NextToken: first.NextToken }), { code: 'next-token-expired' });
  });

  test('an on-demand stream has four shards and takes no shard count', async () => {
    const input = { StreamName: 'telemetry', StreamModeDetails: { StreamMode: 'ON_DEMAND' } };
    await assert.rejects(call('CreateStream', { ...input, ShardCount: 1 }), { code: 'validation' });
    await call('CreateStream', input);
    const { StreamDescriptionSummary } = await call('DescribeStreamSummary', { StreamARN: ARN });
    assert.equal(StreamDescriptionSummary.OpenShardCount, 4);
    assert.equal((await call('DescribeLimits', {})).OnDemandStreamCount, 1);
    await call('UpdateStreamMode', { StreamARN: ARN, StreamModeDetails: { StreamMode: 'PROVISIONED' } });
    assert.equal((await call('DescribeLimits', {})).OnDemandStreamCount, 0);
  });

  test('tags and monitoring are kept', async () => {
    await create();
    await call('AddTagsToStream', { StreamName: 'telemetry', Tags: { b: '2', a: '1' } });
    await call('TagResource', { ResourceARN: ARN, Tags: { c: '3' } });
    await call('RemoveTagsFromStream', { StreamName: 'telemetry', TagKeys: ['b'] });
    const tags = [
      { Key: 'a', Value: '1' },
      { Key: 'c', Value: '3' },
    ];
    assert.deepEqual(await call('ListTagsForResource', { ResourceARN: ARN }), { Tags: tags });
    const page = await call('ListTagsForStream', { StreamName: 'telemetry', Limit: 1 });
    assert.deepEqual(page, { Tags: tags.slice(0, 1), HasMoreTags: true });
    const enabled = await call('EnableEnhancedMonitoring', { StreamName: 'telemetry', ShardLevelMetrics: ['ALL'] });
    assert.equal(enabled.DesiredShardLevelMetrics.length, 7);
    const input = { StreamName: 'telemetry', ShardLevelMetrics: ['IncomingBytes'] };
    assert.equal((await call('DisableEnhancedMonitoring', input)).DesiredShardLevelMetrics.length, 6);
  });

  test('a resource policy is put, got and deleted', async () => {
    await create();
    await assert.rejects(call('GetResourcePolicy', { ResourceARN: ARN }), { code: 'policy-not-found' });
    await assert.rejects(call('PutResourcePolicy', { ResourceARN: ARN, Policy: '{' }), { code: 'invalid-argument' });
    await call('PutResourcePolicy', { ResourceARN: ARN, Policy: '{"Statement":[]}' });
    assert.deepEqual(await call('GetResourcePolicy', { ResourceARN: ARN }), { Policy: '{"Statement":[]}' });
    await call('DeleteResourcePolicy', { ResourceARN: ARN });
    await assert.rejects(call('GetResourcePolicy', { ResourceARN: ARN }), { code: 'policy-not-found' });
  });
});

describe('kinesis: records', () => {
  test('partition keys go where their MD5 says, as on AWS', async () => {
    await create(4);
    // Shards that AWS gives these keys in a stream of four.
    for (const [key, shard] of [
      ['a', 0],
      ['b', 2],
      ['c', 1],
      ['hello', 1],
    ] as const) {
      assert.equal((await put(key, 'x')).ShardId, `shardId-00000000000${shard}`, key);
    }
    const last = { ExplicitHashKey: String((1n << 128n) - 1n) };
    assert.equal((await put('a', 'x', last)).ShardId, 'shardId-000000000003');
    await assert.rejects(put('a', 'x', { ExplicitHashKey: String(1n << 128n) }), { code: 'invalid-argument' });
  });

  test('sequence numbers grow as numbers do, from one generation of shards to the next', async () => {
    await create();
    const numbers = [];
    for (let i = 0; i < 11; i++) numbers.push((await put('a', `${i}`)).SequenceNumber);
    const input = { StreamName: 'telemetry', ShardToSplit: FIRST, NewStartingHashKey: '1000' };
    await call('SplitShard', input);
    numbers.push((await put('a', 'child')).SequenceNumber);
    const sorted = [...numbers].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
    assert.deepEqual(numbers, sorted);
    assert.ok(numbers.every((number) => /^49\d{54}$/.test(number)));
  });

  test('a batch is answered in its order, and read in the order of its shards', async () => {
    await create(2);
    const Records = Array.from({ length: 20 }, (_, i) => ({ PartitionKey: `k${i % 5}`, Data: Buffer.from(`${i}`) }));
    const answer = await call('PutRecords', { StreamARN: ARN, Records });
    assert.equal(answer.FailedRecordCount, 0);
    const byShard = Map.groupBy(answer.Records.entries(), ([, { ShardId }]: any) => ShardId as string);
    for (const [shard, entries] of byShard) {
      assert.deepEqual(
        await texts(shard),
        entries.map(([index]: any) => String(index)),
      );
    }
  });

  test('a record comes back with its key, its bytes and its arrival', async () => {
    await create();
    const { SequenceNumber } = await put('schlüssel-☃', 'x');
    const { Records, MillisBehindLatest } = await call('GetRecords', {
      ShardIterator: await iterator(FIRST, 'TRIM_HORIZON'),
    });
    assert.deepEqual(Records, [
      {
        SequenceNumber,
        ApproximateArrivalTimestamp: new Date(clock.now()),
        Data: Buffer.from('x'),
        PartitionKey: 'schlüssel-☃',
      },
    ]);
    assert.equal(MillisBehindLatest, 0);
  });

  test('each type of iterator begins where it says', async () => {
    await create();
    const numbers: string[] = [];
    for (let i = 0; i < 4; i++) {
      numbers.push((await put('a', `${i}`)).SequenceNumber);
      await clock.advance(1_000);
    }
    const latest = await iterator(FIRST, 'LATEST');
    await put('a', '4');
    const at = { StartingSequenceNumber: numbers[1] };
    assert.deepEqual(await texts(FIRST, 'TRIM_HORIZON'), ['0', '1', '2', '3', '4']);
    assert.deepEqual(await texts(FIRST, 'AT_SEQUENCE_NUMBER', at), ['1', '2', '3', '4']);
    assert.deepEqual(await texts(FIRST, 'AFTER_SEQUENCE_NUMBER', at), ['2', '3', '4']);
    const time = { Timestamp: new Date(clock.now() - 1_500) };
    assert.deepEqual(await texts(FIRST, 'AT_TIMESTAMP', time), ['3', '4']);
    const { Records } = await call('GetRecords', { ShardIterator: latest });
    assert.equal(Buffer.from(Records[0].Data).toString(), '4');
  });

  test('the starting sequence number of a shard is a place to begin', async () => {
    await create();
    await put('a', 'x');
    const { Shards } = await call('ListShards', { StreamName: 'telemetry' });
    const { StartingSequenceNumber } = Shards[0].SequenceNumberRange;
    assert.deepEqual(await texts(FIRST, 'AT_SEQUENCE_NUMBER', { StartingSequenceNumber }), ['x']);
    assert.deepEqual(await texts(FIRST, 'AFTER_SEQUENCE_NUMBER', { StartingSequenceNumber }), ['x']);
  });

  test('iterators that make no sense are refused', async () => {
    await create();
    const wrong = { code: 'invalid-argument' };
    await assert.rejects(iterator(FIRST, 'AT_SEQUENCE_NUMBER'), wrong);
    await assert.rejects(iterator(FIRST, 'LATEST', { StartingSequenceNumber: '1' }), wrong);
    await assert.rejects(iterator(FIRST, 'AT_SEQUENCE_NUMBER', { StartingSequenceNumber: '1' }), wrong);
    await assert.rejects(iterator(FIRST, 'AT_TIMESTAMP'), wrong);
    await assert.rejects(iterator('shardId-000000000009', 'LATEST'), {
      code: 'shard-not-found',
      message: 'Could not find shard shardId-000000000009 in stream telemetry under account 000000000000.',
    });
    await assert.rejects(call('GetRecords', { ShardIterator: 'AAAA' }), {
      ...wrong,
      message: 'Invalid ShardIterator.',
    });
  });

  test('an iterator expires after five minutes', async () => {
    await create();
    const ShardIterator = await iterator(FIRST, 'LATEST');
    await clock.advance(5 * 60_000);
    await call('GetRecords', { ShardIterator });
    await clock.advance(1);
    await assert.rejects(call('GetRecords', { ShardIterator }), {
      code: 'iterator-expired',
      message:
        /^Iterator expired\. The iterator was created at time Thu Jan 01 00:00:00 UTC 2026 while right now it is/,
    });
  });

  test('a reader that is behind is told by how much', async () => {
    await create();
    await put('a', '0');
    await clock.advance(2_000);
    await put('a', '1');
    await clock.advance(1_000);
    const first = await call('GetRecords', { ShardIterator: await iterator(FIRST, 'TRIM_HORIZON'), Limit: 1 });
    assert.equal(first.MillisBehindLatest, 3_000);
    const second = await call('GetRecords', { ShardIterator: first.NextShardIterator });
    assert.equal(second.MillisBehindLatest, 0);
  });

  test("records above the stream's limit are refused, and the limit can be raised", async () => {
    await create();
    const Data = Buffer.alloc(1024 * 1024 + 1);
    const input = { StreamName: 'telemetry', PartitionKey: 'a', Data };
    await assert.rejects(call('PutRecord', input), { code: 'validation' });
    await assert.rejects(call('PutRecords', { StreamARN: ARN, Records: [input] }), { code: 'validation' });
    await call('UpdateMaxRecordSize', { StreamARN: ARN, MaxRecordSizeInKiB: 10_240 });
    await call('PutRecord', input);
    const Records = Array.from({ length: 11 }, () => ({ PartitionKey: 'a', Data: Buffer.alloc(1024 * 1024) }));
    await assert.rejects(call('PutRecords', { StreamARN: ARN, Records }), { code: 'invalid-argument' });
  });

  test('a dry run puts nothing', async () => {
    await create();
    await assert.rejects(put('a', 'x', { DryRun: true }), { code: 'dry-run' });
    assert.deepEqual(await texts(FIRST), []);
  });

  test('an ordering sequence number that is not of the stream is refused', async () => {
    await create();
    const { SequenceNumber } = await put('a', '0');
    await put('a', '1', { SequenceNumberForOrdering: SequenceNumber });
    await assert.rejects(put('a', '2', { SequenceNumberForOrdering: '123' }), { code: 'invalid-argument' });
  });
});

describe('kinesis: throttles', () => {
  test('there are none unless asked for', async () => {
    await create();
    const Records = Array.from({ length: 500 }, () => ({ PartitionKey: 'a', Data: Buffer.from('x') }));
    for (let i = 0; i < 5; i++) {
      assert.equal((await call('PutRecords', { StreamARN: ARN, Records })).FailedRecordCount, 0);
    }
  });

  test("with AWS's, records beyond a thousand a second fail one by one, and reads beyond five", async () => {
    await scope.disposeAsync();
    await open(AWS_THROTTLES);
    await create();
    const Records = Array.from({ length: 400 }, () => ({ PartitionKey: 'a', Data: Buffer.from('x') }));
    const failed = [];
    for (let i = 0; i < 3; i++) failed.push((await call('PutRecords', { StreamARN: ARN, Records })).FailedRecordCount);
    assert.deepEqual(failed, [0, 0, 200]);
    const ShardIterator = await iterator(FIRST, 'TRIM_HORIZON');
    for (let i = 0; i < 5; i++) await call('GetRecords', { ShardIterator });
    await assert.rejects(call('GetRecords', { ShardIterator }), {
      code: 'throughput-exceeded',
      message: 'Rate exceeded for shard shardId-000000000000 in stream telemetry under account 000000000000.',
    });
    await clock.advance(1_000);
    await call('GetRecords', { ShardIterator });
  });
});

describe('kinesis: shards', () => {
  const split = (ShardToSplit: string, NewStartingHashKey: string) =>
    call('SplitShard', { StreamName: 'telemetry', ShardToSplit, NewStartingHashKey });

  test('a split shard is drained, then names its children', async () => {
    await create();
    await put('a', 'before');
    await split(FIRST, String(1n << 127n));
    await put('a', 'after');
    const read = await call('GetRecords', { ShardIterator: await iterator(FIRST, 'TRIM_HORIZON') });
    assert.equal(read.Records.length, 1);
    assert.equal(read.NextShardIterator, undefined);
    assert.deepEqual(
      read.ChildShards.map(({ ShardId, ParentShards }: any) => [ShardId, ParentShards]),
      [
        ['shardId-000000000001', [FIRST]],
        ['shardId-000000000002', [FIRST]],
      ],
    );
    await restart();
    assert.deepEqual(await texts(FIRST), ['before']);
    assert.deepEqual(await texts('shardId-000000000001'), ['after']);
    const { Shards } = await call('ListShards', { StreamName: 'telemetry' });
    assert.ok(BigInt(Shards[0].SequenceNumberRange.EndingSequenceNumber) > BigInt(read.Records[0].SequenceNumber));
  });

  test('records that were under way when their shard was split are in it, before its end', async () => {
    await create();
    const puts = Array.from({ length: 50 }, (_, i) => put('a', `${i}`));
    const splitting = split(FIRST, String(1n << 127n));
    await Promise.all([...puts, splitting]);
    const later = await put('a', 'later');
    assert.equal(later.ShardId, 'shardId-000000000001');
    assert.deepEqual(
      await texts(FIRST),
      Array.from({ length: 50 }, (_, i) => `${i}`),
    );
  });

  test('two neighbours merge into a child of both', async () => {
    await create(3);
    const merge = (ShardToMerge: string, AdjacentShardToMerge: string) =>
      call('MergeShards', { StreamName: 'telemetry', ShardToMerge, AdjacentShardToMerge });
    await assert.rejects(merge(FIRST, 'shardId-000000000002'), { code: 'invalid-argument' });
    await merge('shardId-000000000001', FIRST);
    await assert.rejects(merge(FIRST, 'shardId-000000000002'), { code: 'in-use' });
    const { Shards } = await call('ListShards', { StreamName: 'telemetry' });
    const { ParentShardId, AdjacentParentShardId, HashKeyRange } = Shards[3];
    assert.deepEqual([ParentShardId, AdjacentParentShardId], ['shardId-000000000001', FIRST]);
    assert.equal(HashKeyRange.StartingHashKey, '0');
  });

  test('a split at the edge of a shard is refused', async () => {
    await create();
    for (const key of ['0', '1', String((1n << 128n) - 1n)]) {
      await assert.rejects(split(FIRST, key), { code: 'invalid-argument' });
    }
  });

  test('scaling gives even ranges without gaps, up and down', async () => {
    await create(2);
    for (const [target, current] of [
      [3, 2],
      [6, 3],
      [4, 6],
    ] as const) {
      const input = { StreamName: 'telemetry', TargetShardCount: target, ScalingType: 'UNIFORM_SCALING' };
      const answer = await call('UpdateShardCount', input);
      assert.equal(answer.CurrentShardCount, current);
      const filter = { ShardFilter: { Type: 'AT_LATEST' } };
      const { Shards } = await call('ListShards', { StreamName: 'telemetry', ...filter });
      const ranges = Shards.map(({ HashKeyRange }: any) => [
        BigInt(HashKeyRange.StartingHashKey),
        BigInt(HashKeyRange.EndingHashKey),
      ]).sort((a: bigint[], b: bigint[]) => (a[0]! < b[0]! ? -1 : 1));
      assert.equal(ranges.length, target);
      let next = 0n;
      for (const [start, end] of ranges) {
        assert.equal(start, next);
        next = end + 1n;
      }
      assert.equal(next, 1n << 128n);
    }
    const far = { StreamName: 'telemetry', TargetShardCount: 9, ScalingType: 'UNIFORM_SCALING' };
    await assert.rejects(call('UpdateShardCount', far), { code: 'limit-exceeded' });
  });

  test('shards are listed in pages and by filters', async () => {
    await create(2);
    await clock.advance(10_000);
    const before = new Date(clock.now() - 5_000);
    await split(FIRST, '1000');
    const ids = async (filter: object) =>
      (await call('ListShards', { StreamName: 'telemetry', ShardFilter: filter })).Shards.map((shard: any) =>
        Number(shard.ShardId.slice(-2)),
      );
    assert.deepEqual(await ids({ Type: 'AT_LATEST' }), [1, 2, 3]);
    assert.deepEqual(await ids({ Type: 'AT_TRIM_HORIZON' }), [0, 1]);
    assert.deepEqual(await ids({ Type: 'FROM_TRIM_HORIZON' }), [0, 1, 2, 3]);
    assert.deepEqual(await ids({ Type: 'AT_TIMESTAMP', Timestamp: before }), [0, 1]);
    assert.deepEqual(await ids({ Type: 'AFTER_SHARD_ID', ShardId: 'shardId-000000000001' }), [2, 3]);
    const first = await call('ListShards', { StreamName: 'telemetry', MaxResults: 3 });
    const second = await call('ListShards', { NextToken: first.NextToken });
    assert.deepEqual([first.Shards.length, second.Shards.length, second.NextToken], [3, 1, undefined]);
    const both = { NextToken: first.NextToken, StreamName: 'telemetry' };
    await assert.rejects(call('ListShards', both), { code: 'invalid-argument' });
  });
});

describe('kinesis: retention', () => {
  /**
   * The stores answer in their own time, which the simulated clock does not wait for. What is asked of them after retention is
   * answered after it.
   */
  async function until(condition: () => Promise<boolean>): Promise<void> {
    for (let attempt = 0; !(await condition()); attempt++) {
      assert.ok(attempt < 50, 'it did not come about');
      await passMinute(attempt);
    }
  }

  async function passMinute(attempt: number): Promise<void> {
    await clock.advance(61_000);
    kinesis.appendRecord('other', 'a', Buffer.from('x'));
    await kinesis.committed();
    await call('AddTagsToStream', { StreamName: 'telemetry', Tags: { attempt: String(attempt) } });
  }

  test('records go when their time is over, and a closed shard with the last of them', async () => {
    await create();
    await put('a', 'old');
    await clock.advance(HOUR);
    await put('a', 'young');
    await call('SplitShard', { StreamName: 'telemetry', ShardToSplit: FIRST, NewStartingHashKey: '1000' });
    await create(1, 'other');
    await clock.advance(23 * HOUR);
    await until(async () => (await texts(FIRST)).length === 1);
    await clock.advance(HOUR);
    await until(async () => {
      const { Shards } = await call('ListShards', { StreamName: 'telemetry' });
      return Shards[0].ShardId === 'shardId-000000000001';
    });
  });

  test('a wall clock that jumps ahead takes nothing before it has gone evenly for a while', async () => {
    await create();
    await put('a', 'young');
    await create(1, 'other');
    const { now } = clock;
    clock.now = () => now.call(clock) + 25 * HOUR;
    await passMinute(0);
    assert.deepEqual(await texts(FIRST), ['young']);
    await until(async () => (await texts(FIRST)).length === 0);
    assert.ok(clock.monotonic() > CLOCK_LIMITS.restMs);
  });

  test('retention goes up by one call and down by the other, within its bounds', async () => {
    await create();
    const set = (direction: string, RetentionPeriodHours: number) =>
      call(`${direction}StreamRetentionPeriod`, { StreamName: 'telemetry', RetentionPeriodHours });
    await set('Increase', 48);
    await assert.rejects(set('Increase', 24), {
      code: 'invalid-argument',
      message: /can not be shorter than existing retention period \(48 hours\)\. Use DecreaseRetentionPeriod API\.$/,
    });
    await assert.rejects(set('Decrease', 72), { code: 'invalid-argument' });
    await assert.rejects(set('Decrease', 23), {
      message: 'Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.',
    });
    await assert.rejects(set('Increase', 8761), { code: 'invalid-argument' });
    await set('Decrease', 24);
  });
});

describe('kinesis: consumers', () => {
  async function register(name = 'one'): Promise<string> {
    return (await call('RegisterStreamConsumer', { StreamARN: ARN, ConsumerName: name })).Consumer.ConsumerARN;
  }
  const subscribe = async (ConsumerARN: string, StartingPosition: object, signal = context.signal) =>
    (await call('SubscribeToShard', { ConsumerARN, ShardId: FIRST, StartingPosition }, { signal })).EventStream[
      Symbol.asyncIterator
    ]();

  test('consumers are registered, found and let go', async () => {
    await create();
    const arn = await register();
    assert.match(arn, /:stream\/telemetry\/consumer\/one:\d{10}$/);
    await assert.rejects(register(), { code: 'in-use' });
    const found = await call('DescribeStreamConsumer', { StreamARN: ARN, ConsumerName: 'one' });
    assert.equal(found.ConsumerDescription.ConsumerARN, arn);
    await register('two');
    const first = await call('ListStreamConsumers', { StreamARN: ARN, MaxResults: 1 });
    const second = await call('ListStreamConsumers', { StreamARN: ARN, NextToken: first.NextToken });
    assert.deepEqual(
      [...first.Consumers, ...second.Consumers].map(({ ConsumerName }) => ConsumerName),
      ['one', 'two'],
    );
    await call('DeregisterStreamConsumer', { ConsumerARN: arn });
    await assert.rejects(call('DescribeStreamConsumer', { ConsumerARN: arn }), { code: 'consumer-not-found' });
  });

  test('a subscription tells what is there, then what comes, and where to go on', async () => {
    await create();
    await put('a', '0');
    const events = await subscribe(await register(), { Type: 'TRIM_HORIZON' });
    const first = (await events.next()).value.SubscribeToShardEvent;
    assert.equal(first.Records.length, 1);
    assert.equal(first.ContinuationSequenceNumber, first.Records[0].SequenceNumber);
    const waiting = events.next();
    await put('a', '1');
    const second = (await waiting).value.SubscribeToShardEvent;
    assert.equal(Buffer.from(second.Records[0].Data).toString(), '1');
    await events.return();
    const position = { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: first.ContinuationSequenceNumber };
    const again = await subscribe(await register('two'), position);
    assert.deepEqual((await again.next()).value.SubscribeToShardEvent.Records, second.Records);
    await again.return();
  });

  test('a subscription with nothing to tell says so, and ends after five minutes', async () => {
    await create();
    const events = await subscribe(await register(), { Type: 'LATEST' });
    const seen: number[] = [];
    const reading = (async () => {
      for (;;) {
        const { done, value } = await events.next();
        if (done) return;
        seen.push(value.SubscribeToShardEvent.Records.length);
      }
    })();
    await clock.advance(5 * 60_000);
    await reading;
    assert.ok(seen.length >= 60 && seen.every((count) => count === 0), `${seen.length} events`);
  });

  test('a closed shard ends its subscription with its children', async () => {
    await create();
    await put('a', '0');
    const events = await subscribe(await register(), { Type: 'LATEST' });
    await events.next();
    const waiting = events.next();
    await call('SplitShard', { StreamName: 'telemetry', ShardToSplit: FIRST, NewStartingHashKey: '1000' });
    const last = (await waiting).value.SubscribeToShardEvent;
    assert.equal(last.ChildShards.length, 2);
    assert.equal((await events.next()).done, true);
  });

  test('subscribing again at once is refused, and later takes over', async () => {
    await create();
    const arn = await register();
    const first = await subscribe(arn, { Type: 'LATEST' });
    await first.next();
    await assert.rejects(subscribe(arn, { Type: 'LATEST' }), { code: 'in-use' });
    const ended = first.next();
    await clock.advance(4_999);
    const refused = subscribe(arn, { Type: 'LATEST' });
    await assert.rejects(refused, { code: 'in-use' });
    await clock.advance(1);
    const second = await subscribe(arn, { Type: 'LATEST' });
    await ended;
    assert.equal((await first.next()).done, true);
    assert.equal((await second.next()).done, false);
    await second.return();
  });

  test('a client that goes ends its subscription', async () => {
    await create();
    const gone = new AbortController();
    const events = await subscribe(await register(), { Type: 'LATEST' }, gone.signal);
    await events.next();
    const waiting = events.next();
    gone.abort();
    assert.equal((await waiting).done ?? false, true);
  });
});

describe('kinesis: the other rooms', () => {
  test('rules append without waiting, and one promise acknowledges them all', async () => {
    await create();
    const stream = kinesis.stream('telemetry')!;
    for (let i = 0; i < 3; i++) stream.enqueue('a', Buffer.from(`${i}`), context.trace);
    kinesis.appendRecord('telemetry', 'a', Buffer.from('3'));
    await kinesis.committed();
    assert.deepEqual(await texts(FIRST), ['0', '1', '2', '3']);
    assert.throws(() => kinesis.appendRecord('nothing', 'a', Buffer.from('x')), { code: 'stream-not-found' });
    assert.throws(() => stream.enqueue('', Buffer.from('x')), { code: 'validation' });
    await call('DeleteStream', { StreamName: 'telemetry' });
    assert.throws(() => stream.enqueue('a', Buffer.from('x')), { code: 'stream-not-found' });
  });

  test('deliveries go in under the key they name', async () => {
    await create();
    const delivery = { arn: ARN, payload: Buffer.from('x'), attributes: { partitionKey: 'k' } } as any;
    await kinesis.target.deliver(delivery, 1, context.signal);
    const { Records } = await call('GetRecords', { ShardIterator: await iterator(FIRST, 'TRIM_HORIZON') });
    assert.equal(Records[0].PartitionKey, 'k');
    const gone = { ...delivery, arn: `${ARN}-gone` };
    await assert.rejects(kinesis.target.deliver(gone, 1, context.signal), {
      code: 'stream-not-found',
      remedy: 'never',
    });
  });

  test('pollers get the event that Lambda documents', async () => {
    await create();
    const { SequenceNumber } = await put('key "1"', 'Hello, this is a test.');
    const source = kinesis.source(ARN, { invokeIdentityArn: 'arn:aws:iam::000000000000:role/r' });
    const batch = await source.read(FIRST, await source.start(FIRST, { kind: 'TRIM_HORIZON' }), 10, 1e6);
    const [record] = batch!.records;
    assert.deepEqual(JSON.parse(record!.toEvent()), {
      kinesis: {
        kinesisSchemaVersion: '1.0',
        partitionKey: 'key "1"',
        sequenceNumber: SequenceNumber,
        data: 'SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==',
        approximateArrivalTimestamp: clock.now() / 1000,
      },
      eventSource: 'aws:kinesis',
      eventVersion: '1.0',
      eventID: `${FIRST}:${SequenceNumber}`,
      eventName: 'aws:kinesis:record',
      invokeIdentityArn: 'arn:aws:iam::000000000000:role/r',
      awsRegion: 'us-east-1',
      eventSourceARN: ARN,
    });
    assert.deepEqual([record!.id, record!.orderingKey], [SequenceNumber, 'key "1"']);
    assert.equal(Buffer.from(record!.body).toString(), 'Hello, this is a test.');
  });

  test('pollers wait for records, and learn that a shard is finished', async () => {
    await create();
    const source = kinesis.source(ARN);
    const start = await source.start(FIRST, { kind: 'LATEST' });
    const waiting = source.wait(FIRST, start, context.signal);
    await put('a', 'x');
    await waiting;
    const { next } = (await source.read(FIRST, start, 10, 1e6))!;
    const closing = source.wait(FIRST, next, context.signal);
    await call('SplitShard', { StreamName: 'telemetry', ShardToSplit: FIRST, NewStartingHashKey: '1000' });
    await closing;
    assert.equal(await source.read(FIRST, next, 10, 1e6), undefined);
    assert.deepEqual((await source.shards())[1], { id: 'shardId-000000000001', parents: [FIRST] });
    const stopped = new AbortController();
    const stopping = source.wait('shardId-000000000001', '0', stopped.signal);
    stopped.abort(new Error('drain'));
    await assert.rejects(stopping, { message: 'drain' });
  });

  test('what streams count reaches the metrics as sums', async () => {
    await create();
    for (let i = 0; i < 3; i++) await put('a', '12345');
    await texts(FIRST);
    await clock.advance(10_000);
    const sums = Object.fromEntries(data.map(({ name, value }) => [name, value]));
    assert.equal(sums.IncomingRecords, 3);
    assert.equal(sums.IncomingBytes, 15);
    assert.equal(sums['GetRecords.Records'], 3);
    assert.equal(sums['GetRecords.IteratorAgeMilliseconds'], 0);
    assert.ok(data.every(({ dimensions }) => dimensions.ShardId === undefined));
  });

  test('shards have metrics of their own once that is switched on', async () => {
    await create(2);
    await call('EnableEnhancedMonitoring', { StreamName: 'telemetry', ShardLevelMetrics: ['IncomingRecords'] });
    for (let i = 0; i < 3; i++) await put('a', 'x');
    await clock.advance(10_000);
    const shards = data.filter(({ dimensions }) => dimensions.ShardId !== undefined);
    assert.deepEqual(
      shards.map(({ name, dimensions, value }) => [name, dimensions.ShardId, value]),
      [['IncomingRecords', FIRST, 3]],
    );
  });
});
