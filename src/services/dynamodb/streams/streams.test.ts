import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ACCOUNT_ID, CLOCK_LIMITS, SimulatedClock, seededRandom } from '../../../base/index.ts';
import type { SourceRecord } from '../../../pollers/index.ts';
import { openEmbeddedRecords, type Records, type Write } from '../../../store/index.ts';
import { createLogger } from '../../../telemetry/index.ts';
import type { OperationContext } from '../../index.ts';
import type { Attributes } from '../model/attribute-value.ts';
import type { StoredItem } from '../model/table.ts';
import { tableStreamsService } from '../operations/streams.ts';
import { TABLE_STREAM_LIMITS } from './limits.ts';
import { TableStreamSource } from './source.ts';
import type { StreamedTable, StreamViewType } from './state.ts';
import { TableStreams } from './streams.ts';

const TABLE: StreamedTable = {
  id: 'a1',
  name: 'Music',
  region: 'us-east-1',
  key: { hash: { name: 'Id', type: 'N' } },
};

/** Streams over a real store, and changes as the write path makes them. */
class Setting implements AsyncDisposable {
  readonly clock = new SimulatedClock();
  readonly random = seededRandom(7);
  readonly logger = createLogger({ clock: this.clock, level: 'error' });
  readonly directory: string;
  records!: Records;
  streams!: TableStreams;

  constructor(directory: string) {
    this.directory = directory;
  }

  static async open(): Promise<Setting> {
    const setting = new Setting(await mkdtemp(join(tmpdir(), 'millrace-streams-')));
    await setting.start();
    return setting;
  }

  async start(): Promise<void> {
    this.records = await openEmbeddedRecords({ directory: this.directory });
    this.streams = await TableStreams.open(this);
  }

  async stop(): Promise<void> {
    await this.streams[Symbol.asyncDispose]();
    await this.records[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true });
  }

  /** @param shard  which of the four */
  async change(
    arn: string,
    old: StoredItem | undefined,
    item: StoredItem | undefined,
    shard = 0,
    by: 'caller' | 'ttl' = 'caller',
  ) {
    const writes: Write[] = [];
    const follower = this.streams.follower(arn);
    const key = Buffer.of(shard * 64, 1, 2);
    follower.follow({ key, old, new: item, at: this.clock.now(), by }, writes);
    const version = await this.records.commit({ writes });
    follower.committed!(version);
  }

  async later(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.streams.trim();
  }

  source(arn: string): TableStreamSource {
    return new TableStreamSource(
      arn,
      () => this.streams,
      () => this.clock.now(),
    );
  }

  call(operation: string, input: unknown): any {
    const service = tableStreamsService(() => this.streams, this.clock);
    const context = { region: 'us-east-1' } as OperationContext;
    return service.operations[operation]!(input, context);
  }

  async shards(arn: string): Promise<readonly string[]> {
    const { StreamDescription } = await this.call('DescribeStream', { StreamArn: arn });
    return StreamDescription.Shards.map(({ ShardId }: { ShardId: string }) => ShardId);
  }

  async iterator(arn: string, type: string, shard = 0, SequenceNumber?: string): Promise<string> {
    const ShardId = (await this.shards(arn))[shard];
    const input = { StreamArn: arn, ShardId, ShardIteratorType: type, SequenceNumber };
    return (await this.call('GetShardIterator', input)).ShardIterator;
  }

  async get(ShardIterator: string, Limit?: number): Promise<{ records: any[]; next: string | undefined }> {
    const { Records, NextShardIterator } = await this.call('GetRecords', { ShardIterator, Limit });
    return { records: Records.map(({ text }: { text: string }) => JSON.parse(text)), next: NextShardIterator };
  }
}

function item(attributes: Attributes, sizeBytes: number): StoredItem {
  return { attributes, json: JSON.stringify(attributes), sizeBytes, encoded: new Uint8Array(0) };
}

// The example of the developer guide, "Using AWS Lambda with Amazon DynamoDB", with its sizes.
const FIRST = item({ Message: { S: 'New item!' }, Id: { N: '101' } }, 21);
const SECOND = item({ Message: { S: 'This item has changed' }, Id: { N: '101' } }, 33);

const numbered = (n: number) => item({ Id: { N: String(n) } }, 3);

test('records are those of the developer guide, member by member', async () => {
  await using setting = await Setting.open();
  const { arn, label } = await setting.streams.openStream(TABLE, 'NEW_AND_OLD_IMAGES');
  assert.equal(arn, `arn:aws:dynamodb:us-east-1:${ACCOUNT_ID}:table/Music/stream/${label}`);
  assert.match(label, /^2026-01-01T00:00:00\.000$/);
  await setting.change(arn, undefined, FIRST);
  await setting.change(arn, FIRST, SECOND);
  await setting.change(arn, SECOND, undefined, 0, 'ttl');
  const source = setting.source(arn);
  const shard = (await source.shards())[0]!.id;
  const batch = await source.read(shard, await source.start(shard, { kind: 'TRIM_HORIZON' }), 100, 1e6);
  const events = batch!.records.map((record: SourceRecord) => JSON.parse(record.toEvent()));
  const common = {
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: 'us-east-1',
    eventSourceARN: arn,
  };
  const at = setting.clock.now() / 1000;
  const dynamodb = (index: number, images: object, SizeBytes: number) => ({
    ApproximateCreationDateTime: at,
    Keys: { Id: { N: '101' } },
    ...images,
    SequenceNumber: batch!.records[index]!.id,
    SizeBytes,
    StreamViewType: 'NEW_AND_OLD_IMAGES',
  });
  assert.deepEqual(
    events.map(({ eventID: _, ...event }) => event),
    [
      { ...common, eventName: 'INSERT', dynamodb: dynamodb(0, { NewImage: FIRST.attributes }, 26) },
      {
        ...common,
        eventName: 'MODIFY',
        dynamodb: dynamodb(1, { NewImage: SECOND.attributes, OldImage: FIRST.attributes }, 59),
      },
      {
        ...common,
        eventName: 'REMOVE',
        dynamodb: dynamodb(2, { OldImage: SECOND.attributes }, 38),
        userIdentity: { type: 'Service', principalId: 'dynamodb.amazonaws.com' },
      },
    ],
  );
  assert.equal(new Set(events.map(({ eventID }) => eventID)).size, 3);
  for (const { eventID } of events) assert.match(eventID, /^[0-9a-f]{32}$/);

  const { records } = await setting.get(await setting.iterator(arn, 'TRIM_HORIZON'));
  assert.deepEqual(records[2].userIdentity, { Type: 'Service', PrincipalId: 'dynamodb.amazonaws.com' });
  assert.deepEqual(records[0].eventID, events[0].eventID);
});

const VIEWS: Readonly<Record<StreamViewType, readonly string[]>> = {
  KEYS_ONLY: [],
  NEW_IMAGE: ['NewImage'],
  OLD_IMAGE: ['OldImage'],
  NEW_AND_OLD_IMAGES: ['NewImage', 'OldImage'],
};

for (const [view, images] of Object.entries(VIEWS)) {
  test(`a stream of ${view} shows that much of a change`, async () => {
    await using setting = await Setting.open();
    const { arn } = await setting.streams.openStream(TABLE, view as StreamViewType);
    await setting.change(arn, FIRST, SECOND);
    const { records } = await setting.get(await setting.iterator(arn, 'TRIM_HORIZON'));
    const { dynamodb } = records[0];
    assert.deepEqual(dynamodb.Keys, { Id: { N: '101' } });
    assert.equal(dynamodb.StreamViewType, view);
    assert.deepEqual(
      ['NewImage', 'OldImage'].filter((name) => name in dynamodb),
      images,
    );
  });
}

test('sequence numbers grow across restarts, and what was read is read again', async () => {
  await using setting = await Setting.open();
  const { arn } = await setting.streams.openStream(TABLE, 'KEYS_ONLY');
  for (let n = 0; n < 3; n++) await setting.change(arn, undefined, numbered(n));
  await setting.stop();
  await setting.start();
  for (let n = 3; n < 5; n++) await setting.change(arn, undefined, numbered(n));
  const { records } = await setting.get(await setting.iterator(arn, 'TRIM_HORIZON'));
  const sequences = records.map(({ dynamodb }) => dynamodb.SequenceNumber);
  assert.deepEqual(sequences, [...sequences].sort());
  assert.deepEqual(
    records.map(({ dynamodb }) => dynamodb.Keys.Id.N),
    ['0', '1', '2', '3', '4'],
  );
});

test('iterators begin at, after, before and behind records', async () => {
  await using setting = await Setting.open();
  const { arn } = await setting.streams.openStream(TABLE, 'KEYS_ONLY');
  for (let n = 0; n < 3; n++) await setting.change(arn, undefined, numbered(n));
  const latest = await setting.iterator(arn, 'LATEST');
  const all = await setting.get(await setting.iterator(arn, 'TRIM_HORIZON'));
  const second = all.records[1].dynamodb.SequenceNumber;
  const numbers = async (iterator: string) => (await setting.get(iterator)).records.map((r) => r.dynamodb.Keys.Id.N);
  assert.deepEqual(await numbers(await setting.iterator(arn, 'AT_SEQUENCE_NUMBER', 0, second)), ['1', '2']);
  assert.deepEqual(await numbers(await setting.iterator(arn, 'AFTER_SEQUENCE_NUMBER', 0, second)), ['2']);
  assert.deepEqual(await numbers(latest), []);
  await setting.change(arn, undefined, numbered(3));
  assert.deepEqual(await numbers(latest), ['3']);
  assert.deepEqual(await numbers(all.next!), ['3']);
  const paged = await setting.get(await setting.iterator(arn, 'TRIM_HORIZON'), 2);
  assert.equal(paged.records.length, 2);
  assert.deepEqual(await numbers(paged.next!), ['2', '3']);
  assert.deepEqual(await numbers(await setting.iterator(arn, 'TRIM_HORIZON', 1)), []);
});

test('an iterator lives fifteen minutes, and one that is none is refused', async () => {
  await using setting = await Setting.open();
  const { arn } = await setting.streams.openStream(TABLE, 'KEYS_ONLY');
  const iterator = await setting.iterator(arn, 'TRIM_HORIZON');
  await setting.clock.advance(15 * 60 * 1000);
  await setting.get(iterator);
  await setting.clock.advance(1);
  await assert.rejects(setting.get(iterator), { code: 'iterator-expired' });
  for (const text of ['', 'x', `${arn}|1|`, `${arn}|2|MCAxIDE=`, `${arn}|1|OTkgMSAx`]) {
    await assert.rejects(setting.get(text), { code: 'validation-failed' }, text);
  }
});

test('GetRecords ends a page at a megabyte', async () => {
  await using setting = await Setting.open();
  const { arn } = await setting.streams.openStream(TABLE, 'NEW_IMAGE');
  const large = item({ Id: { N: '1' }, Text: { S: 'x'.repeat(300_000) } }, 300_000);
  for (let n = 0; n < 6; n++) await setting.change(arn, undefined, large);
  const first = await setting.get(await setting.iterator(arn, 'TRIM_HORIZON'));
  const second = await setting.get(first.next!);
  assert.deepEqual([first.records.length, second.records.length], [4, 2]);
});

test('records go after a day, and who asks for them is told', async () => {
  await using setting = await Setting.open();
  const { arn } = await setting.streams.openStream(TABLE, 'KEYS_ONLY');
  for (let n = 0; n < 3; n++) await setting.change(arn, undefined, numbered(n));
  const old = await setting.get(await setting.iterator(arn, 'TRIM_HORIZON'));
  const source = setting.source(arn);
  const shard = (await source.shards())[0]!.id;
  const start = await source.start(shard, { kind: 'TRIM_HORIZON' });
  await setting.later(12 * 3_600_000);
  await setting.change(arn, undefined, numbered(3));
  await setting.later(12 * 3_600_000 + TABLE_STREAM_LIMITS.trimIntervalMs);
  const stale = old.records[0].dynamodb.SequenceNumber;
  const kept = await setting.get(await setting.iterator(arn, 'TRIM_HORIZON'));
  assert.deepEqual(
    kept.records.map(({ dynamodb }) => dynamodb.Keys.Id.N),
    ['3'],
  );
  await assert.rejects(setting.iterator(arn, 'AT_SEQUENCE_NUMBER', 0, stale), {
    code: 'data-trimmed',
    message: 'The data you are trying to access has been trimmed',
  });
  await assert.rejects(source.read(shard, start, 10, 1e6), { code: 'records-trimmed' });
  await setting.stop();
  await setting.start();
  await assert.rejects(setting.iterator(arn, 'AT_SEQUENCE_NUMBER', 0, stale), { code: 'data-trimmed' });
});

test('trimming ends when the streams close, and is gone on with at the next start', async () => {
  await using setting = await Setting.open();
  const { arn } = await setting.streams.openStream(TABLE, 'KEYS_ONLY');
  for (let shard = 0; shard < 4; shard++) await setting.change(arn, undefined, numbered(shard), shard);
  const space = `dynamodb/${setting.source(arn).identity()}/records`;
  const rows = async () => (await setting.records.range(space, { limit: 10 })).length;
  await setting.later(TABLE_STREAM_LIMITS.trimIntervalMs);
  const { now, monotonic } = setting.clock;
  setting.clock.now = () => now.call(setting.clock) + TABLE_STREAM_LIMITS.retentionMs;
  setting.clock.monotonic = () => monotonic.call(setting.clock) + TABLE_STREAM_LIMITS.retentionMs;
  const { commit } = setting.records;
  let closing: PromiseLike<void> | undefined;
  setting.records.commit = (transaction) => {
    // It closes when the first shard is trimmed.
    if (transaction.writes.some((write) => write.kind === 'deleteRange'))
      closing ??= setting.streams[Symbol.asyncDispose]();
    return commit.call(setting.records, transaction);
  };
  await setting.streams.trim();
  await closing;
  assert.equal(await rows(), 3);
  await setting.stop();
  await setting.start();
  await setting.streams.trim();
  assert.equal(await rows(), 0);
});

test('a wall clock that jumps ahead takes no records before it has gone evenly for a while', async () => {
  await using setting = await Setting.open();
  const { arn } = await setting.streams.openStream(TABLE, 'KEYS_ONLY');
  await setting.change(arn, undefined, numbered(1));
  const space = `dynamodb/${setting.source(arn).identity()}/records`;
  const rows = async () => (await setting.records.range(space, { limit: 10 })).length;
  await setting.later(TABLE_STREAM_LIMITS.trimIntervalMs);
  const { now } = setting.clock;
  setting.clock.now = () => now.call(setting.clock) + TABLE_STREAM_LIMITS.retentionMs;
  await setting.later(TABLE_STREAM_LIMITS.trimIntervalMs);
  assert.equal(await rows(), 1);
  await setting.later(CLOCK_LIMITS.restMs);
  assert.equal(await rows(), 0);
});

test('a shard that is quiet for days loses nothing, and does not say so', async () => {
  await using setting = await Setting.open();
  const { arn } = await setting.streams.openStream(TABLE, 'KEYS_ONLY');
  const source = setting.source(arn);
  const shard = (await source.shards())[0]!.id;
  const position = await source.start(shard, { kind: 'LATEST' });
  for (let days = 0; days < 3; days++) await setting.later(24 * 3_600_000);
  await setting.change(arn, undefined, numbered(1));
  assert.equal((await source.read(shard, position, 10, 1e6))!.records.length, 1);
});

test('whoever waits is woken by the commit of a record in its shard, and by the end', async () => {
  await using setting = await Setting.open();
  const { arn } = await setting.streams.openStream(TABLE, 'KEYS_ONLY');
  const source = setting.source(arn);
  const [first, second] = (await source.shards()).map(({ id }) => id) as [string, string];
  const signal = new AbortController();
  const woken: string[] = [];
  const position = await source.start(first, { kind: 'LATEST' });
  const waits = [first, second].map((shard) =>
    source.wait(shard, position, signal.signal).then(() => woken.push(shard)),
  );
  await setting.change(arn, undefined, numbered(1), 0);
  await waits[0];
  assert.deepEqual(woken, [first]);
  // What is there already is not waited for.
  await source.wait(first, position, signal.signal);
  await setting.streams.closeStream(arn);
  await Promise.all(waits);
  const gone = new AbortController();
  const other = await setting.streams.openStream({ ...TABLE, name: 'Other' }, 'KEYS_ONLY');
  const waiting = setting.source(other.arn);
  const shard = (await waiting.shards())[0]!.id;
  const wait = waiting.wait(shard, await waiting.start(shard, { kind: 'LATEST' }), gone.signal);
  gone.abort(new Error('no more'));
  await assert.rejects(wait, { message: 'no more' });
});

test('a disabled stream takes nothing more, is read to its end, and is gone a day later', async () => {
  await using setting = await Setting.open();
  const { arn } = await setting.streams.openStream(TABLE, 'KEYS_ONLY');
  const follower = setting.streams.follower(arn);
  await setting.change(arn, undefined, numbered(1));
  await setting.streams.closeStream(arn);
  await setting.streams.closeStream(arn);
  const late: Write[] = [];
  follower.follow({ key: Buffer.of(0), old: undefined, new: numbered(2), at: 0, by: 'caller' }, late);
  assert.deepEqual(late, []);
  const { StreamDescription } = await setting.call('DescribeStream', { StreamArn: arn });
  assert.equal(StreamDescription.StreamStatus, 'DISABLED');
  assert.ok(StreamDescription.Shards[0].SequenceNumberRange.EndingSequenceNumber);
  const page = await setting.get(await setting.iterator(arn, 'TRIM_HORIZON'));
  assert.equal(page.records.length, 1);
  assert.deepEqual(await setting.get(page.next!), { records: [], next: undefined });
  await setting.later(24 * 3_600_000 + TABLE_STREAM_LIMITS.trimIntervalMs);
  assert.throws(() => setting.streams.get(arn), {
    message: `Requested resource not found: Stream: ${arn} not found`,
  });
  assert.deepEqual((await setting.call('ListStreams', {})).Streams, []);
});

test('a stream that no table refers to is closed at the next start', async () => {
  await using setting = await Setting.open();
  const kept = await setting.streams.openStream(TABLE, 'KEYS_ONLY');
  const orphan = await setting.streams.openStream(TABLE, 'NEW_IMAGE');
  assert.notEqual(kept.arn, orphan.arn);
  await setting.stop();
  await setting.start();
  await setting.streams.reconcile(new Set([kept.arn]));
  assert.equal(setting.streams.get(kept.arn).state.closed, undefined);
  assert.ok(setting.streams.get(orphan.arn).state.closed);
});

test('streams and shards are listed in pages', async () => {
  await using setting = await Setting.open();
  const arns: string[] = [];
  for (const name of ['Alpha', 'Beta', 'Gamma']) {
    arns.push((await setting.streams.openStream({ ...TABLE, name }, 'KEYS_ONLY')).arn);
  }
  const first = await setting.call('ListStreams', { Limit: 2 });
  assert.deepEqual(first.LastEvaluatedStreamArn, arns[1]);
  const second = await setting.call('ListStreams', { ExclusiveStartStreamArn: arns[1] });
  assert.deepEqual(
    [...first.Streams, ...second.Streams].map(({ StreamArn }) => StreamArn),
    arns,
  );
  assert.deepEqual((await setting.call('ListStreams', { TableName: 'Beta' })).Streams.length, 1);
  const page = (await setting.call('DescribeStream', { StreamArn: arns[0], Limit: 3 })).StreamDescription;
  const rest = await setting.call('DescribeStream', {
    StreamArn: arns[0],
    ExclusiveStartShardId: page.LastEvaluatedShardId,
  });
  assert.equal(page.Shards.length + rest.StreamDescription.Shards.length, TABLE_STREAM_LIMITS.shards);
});
