import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, test } from 'node:test';
import { CLOCK_LIMITS, DomainError, SimulatedClock, seededRandom } from '../../../base/index.ts';
import {
  type Objects,
  openEmbeddedObjects,
  openEmbeddedRecords,
  type Records,
  type Write,
} from '../../../store/index.ts';
import { silentLogger } from '../../../telemetry/index.ts';
import { HISTORY_LIMITS } from '../history/limits.ts';
import { TABLE_LIMITS } from '../limits.ts';
import { itemRowKey } from '../model/key.ts';
import { decodeItem, itemOf } from '../model/stored.ts';
import type { StoredItem, Table } from '../model/table.ts';
import { historySpace } from './definition.ts';
import { openTables, type TableServices } from './open.ts';

let directory: string;
let scope: AsyncDisposableStack;
let clock: SimulatedClock;
let records: Records;
let services: TableServices;
let buckets: Objects;
/** Whether the store refuses a commit, as a full disk would. */
let refuses: (writes: readonly Write[]) => boolean;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-tables-'));
  clock = new SimulatedClock();
  await open();
});
afterEach(async () => {
  await scope.disposeAsync();
  await rm(directory, { recursive: true, force: true });
});

/** Deletes as the writer of items does, less its locks: nobody else writes here. */
const deleter = {
  before: async (): Promise<void> => {},
  deleteExpired: async (table: Table, key: Uint8Array, expired: (item: StoredItem) => boolean) => {
    await deleter.before();
    const found = await records.get(table.space, key);
    const old = found && decodeItem(found.value);
    if (!old || !expired(old)) return false;
    await write(table, key, old, undefined);
    return true;
  },
};

async function open(): Promise<void> {
  scope = new AsyncDisposableStack();
  const ground = { clock, random: seededRandom(1), logger: silentLogger };
  records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'tables') }));
  const { commit } = records;
  refuses = () => false;
  records.commit = async (transaction) => {
    if (refuses(transaction.writes)) throw new DomainError('records-full', 'the disk is full', { remedy: 'retry' });
    return commit.call(records, transaction);
  };
  buckets = scope.use(await openEmbeddedObjects({ directory: join(directory, 'objects'), records, ...ground }));
  const openStreams = () => Promise.reject(new Error('no table here has a stream'));
  const never = {
    closeStream: async () => {},
    reconcile: async () => {},
    feedsOf: () => [],
    closeFeeds: async () => {},
  };
  services = scope.use(
    await openTables({
      records,
      openStreams: async () => ({ ...never, openStream: openStreams, follower: openStreams }) as never,
      deleter,
      buckets,
      checkRead: async () => {},
      ...ground,
    }),
  );
  await services.resume();
}

const call = async (operation: string, input: object): Promise<any> =>
  services.operations[operation]!(input, { region: 'us-east-1', endpoint: 'http://127.0.0.1:1' } as never);

const create = (TableName: string) =>
  call('CreateTable', {
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: 'h', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'h', KeyType: 'HASH' }],
  });

async function write(table: Table, key: Uint8Array, old: StoredItem | undefined, now: StoredItem | undefined) {
  const { space } = table;
  const writes: any[] = [now ? { kind: 'put', space, key, value: now.encoded } : { kind: 'delete', space, key }];
  for (const follower of table.followers)
    follower.follow({ key, old, new: now, at: clock.now(), by: 'caller' }, writes);
  await records.commit({ writes });
}

async function put(name: string, h: string, more: object = {}): Promise<void> {
  const table = services.tables.get(name, 'us-east-1');
  const item = itemOf({ h: { S: h }, ...more });
  await write(table, itemRowKey(table.key, item.attributes), undefined, item);
}

const index = (IndexName: string) => ({
  AttributeDefinitions: [{ AttributeName: 'g', AttributeType: 'S' }],
  GlobalSecondaryIndexUpdates: [
    {
      Create: {
        IndexName,
        KeySchema: [{ AttributeName: 'g', KeyType: 'HASH' }],
        Projection: { ProjectionType: 'ALL' },
      },
    },
  ],
});

const rowsIn = async (space: string) => (await records.range(space, { limit: 10_000 })).length;

/** Lets work in the background go on until `ask` gives `wanted`. */
async function becomes(ask: () => unknown, wanted: unknown): Promise<void> {
  for (let turn = 0; turn < 2_000 && (await ask()) !== wanted; turn++) await rowsIn('nothing');
  assert.equal(await ask(), wanted);
}

test('an index or table that is deleted while it is built is gone, with all of its rows', async () => {
  for (let round = 0; round < 10; round++) {
    const TableName = `table-${round}`;
    await create(TableName);
    await Promise.all(Array.from({ length: 600 }, (_, at) => put(TableName, `${at}`, { g: { S: 'g' } })));
    const table = services.tables.get(TableName, 'us-east-1');
    await call('UpdateTable', { TableName, ...index('by-g') });
    const { space } = table.indexes.get('by-g')!;
    for (let turn = 0; turn < round; turn++) await records.get(space, Buffer.of(1));
    if (round % 2)
      await call('UpdateTable', { TableName, GlobalSecondaryIndexUpdates: [{ Delete: { IndexName: 'by-g' } }] });
    else await call('DeleteTable', { TableName });
    await becomes(() => rowsIn(space), 0);
    await becomes(() => rowsIn(table.space), round % 2 ? 600 : 0);
    await becomes(() => rowsIn('dynamodb/garbage'), 0);
  }
});

test('an index that a restart has cut off is completed', async () => {
  await create('table');
  await Promise.all(Array.from({ length: 1_200 }, (_, at) => put('table', `${at}`, { g: { S: 'g' } })));
  await call('UpdateTable', { TableName: 'table', ...index('by-g') });
  await scope.disposeAsync();
  await open();
  const built = () => services.tables.get('table', 'us-east-1').indexes.get('by-g')!;
  await becomes(() => built().status, 'ACTIVE');
  assert.equal(await rowsIn(built().space), 1_200);
});

test('a region has up to 2,500 tables, and names of 3 to 255 characters', async () => {
  const { tablesMax, nameMax } = TABLE_LIMITS;
  await Promise.all(Array.from({ length: tablesMax - 1 }, (_, at) => create(`table-${at}`)));
  for (const name of ['ab', 'x'.repeat(nameMax + 1), 'a b c']) {
    await assert.rejects(create(name), { code: 'validation-failed', message: /^Invalid table\/index name/ });
  }
  await create('x'.repeat(nameMax));
  await assert.rejects(create('one-more'), { code: 'limit-exceeded' });
  assert.equal((await call('ListTables', {})).TableNames.length, 100);
  const { TableNames } = await call('ListTables', { ExclusiveStartTableName: 'table-99' });
  assert.deepEqual(TableNames.slice(0, 2), ['table-990', 'table-991']);
});

test('a clock that jumps lets expiry rest until it has gone evenly for ten minutes', async () => {
  await create('table');
  const TimeToLiveSpecification = { AttributeName: 'until', Enabled: true };
  await call('UpdateTimeToLive', { TableName: 'table', TimeToLiveSpecification });
  const table = services.tables.get('table', 'us-east-1');
  await becomes(() => table.definition.timeToLive?.complete, true);
  const inAYear = Math.floor(clock.now() / 1000) + 365 * 86_400;
  await put('table', 'long', { until: { N: `${inAYear}` } });
  await put('table', 'short', { until: { N: `${Math.floor(clock.now() / 1000) + 1}` } });
  const sweep = async (left: number) => {
    await clock.advance(TABLE_LIMITS.sweepIntervalMs);
    // The next sweep waits for its time when this one has ended.
    await becomes(() => clock.pending, pending);
    assert.equal(await rowsIn(table.space), left);
  };
  const { pending } = clock;
  await sweep(1);
  // Two years ahead, and back, and ahead again.
  const { now } = clock;
  const ahead = () => now.call(clock) + 2 * 365 * 86_400_000;
  clock.now = ahead;
  await sweep(1);
  clock.now = now;
  await sweep(1);
  clock.now = ahead;
  for (let waited = 0; waited < CLOCK_LIMITS.restMs; waited += TABLE_LIMITS.sweepIntervalMs) await sweep(1);
  await sweep(0);
});

test('a clock that jumps ahead takes nothing of the past of tables before it has gone evenly for a while', async () => {
  await create('table');
  const PointInTimeRecoverySpecification = { PointInTimeRecoveryEnabled: true };
  await call('UpdateContinuousBackups', { TableName: 'table', PointInTimeRecoverySpecification });
  await put('table', 'a');
  const { id, definition } = services.tables.get('table', 'us-east-1');
  const past = () => rowsIn(historySpace(id, definition.history!));
  const { pending } = clock;
  const passHour = async () => {
    await clock.advance(HISTORY_LIMITS.trimIntervalMs);
    // The next round waits for its time when this one has ended.
    await becomes(() => clock.pending, pending);
  };
  await passHour();
  const { now } = clock;
  clock.now = () => now.call(clock) + (HISTORY_LIMITS.recoveryDaysMax + 2) * 86_400_000;
  await passHour();
  assert.equal(await past(), 1);
  await passHour();
  assert.equal(await past(), 0);
});

test('more days of recovery promise nothing of the past that is gone already', async () => {
  await create('source');
  const recover = (RecoveryPeriodInDays: number) =>
    call('UpdateContinuousBackups', {
      TableName: 'source',
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays },
    });
  await recover(1);
  const { now } = clock;
  clock.now = () => now.call(clock) + 3 * 86_400_000;
  const { ContinuousBackupsDescription } = await recover(35);
  const { EarliestRestorableDateTime } = ContinuousBackupsDescription.PointInTimeRecoveryDescription;
  assert.equal(EarliestRestorableDateTime.getTime(), clock.now() - 86_400_000);
  await assert.rejects(
    call('RestoreTableToPointInTime', {
      SourceTableName: 'source',
      TargetTableName: 'target',
      RestoreDateTime: new Date(clock.now() - 2 * 86_400_000),
    }),
    { code: 'restore-time-invalid' },
  );
});

test('backups are listed on from where the last page ended, though they were deleted meanwhile', async () => {
  await create('table');
  const backUp = async (BackupName: string) =>
    (await call('CreateBackup', { TableName: 'table', BackupName })).BackupDetails.BackupArn as string;
  const arns: string[] = [];
  for (const name of ['one', 'two', 'three']) {
    arns.push(await backUp(name));
    await clock.advance(1);
  }
  const page = async (ExclusiveStartBackupArn?: string) => {
    const { BackupSummaries, LastEvaluatedBackupArn } = await call('ListBackups', {
      Limit: 1,
      ...(ExclusiveStartBackupArn !== undefined && { ExclusiveStartBackupArn }),
    });
    return [BackupSummaries.map(({ BackupArn }: { BackupArn: string }) => BackupArn), LastEvaluatedBackupArn];
  };
  assert.deepEqual(await page(), [[arns[0]], arns[0]]);
  const status = async () =>
    (await call('DescribeBackup', { BackupArn: arns[0] })).BackupDescription.BackupDetails.BackupStatus;
  await becomes(status, 'AVAILABLE');
  await call('DeleteBackup', { BackupArn: arns[0] });
  assert.deepEqual(await page(arns[0]), [[arns[1]], arns[1]]);
  assert.deepEqual(await page(arns[1]), [[arns[2]], undefined]);
  await assert.rejects(page('arn:aws:s3:::bucket'), { code: 'validation-failed', message: 'Invalid Backup ARN' });
});

test('an index is counted once it is built, and not by what stood under its name before', async () => {
  await create('table');
  await put('table', 'a', { g: { S: 'g' } });
  await put('table', 'b');
  const counts = async () => {
    const { Table } = await call('DescribeTable', { TableName: 'table' });
    return [Table.ItemCount, Table.GlobalSecondaryIndexes?.[0].ItemCount];
  };
  const build = async (attribute: string) => {
    const { AttributeDefinitions, GlobalSecondaryIndexUpdates } = index('by-g');
    const Create = {
      ...GlobalSecondaryIndexUpdates[0]!.Create,
      KeySchema: [{ AttributeName: attribute, KeyType: 'HASH' }],
    };
    await call('UpdateTable', {
      TableName: 'table',
      AttributeDefinitions: [{ ...AttributeDefinitions[0], AttributeName: attribute }],
      GlobalSecondaryIndexUpdates: [{ Create }],
    });
    await counts();
    await becomes(() => services.tables.get('table', 'us-east-1').indexes.get('by-g')!.status, 'ACTIVE');
  };
  assert.deepEqual(await counts(), [2, undefined]);
  await build('g');
  assert.deepEqual(await counts(), [2, 1]);
  await call('UpdateTable', { TableName: 'table', GlobalSecondaryIndexUpdates: [{ Delete: { IndexName: 'by-g' } }] });
  await build('none');
  assert.deepEqual(await counts(), [2, 0]);
});

/** The store refuses the first commit of this kind. */
function refuseOnce(kind: (write: Write) => boolean): void {
  refuses = (writes) => {
    const refused = writes.some(kind);
    if (refused) refuses = () => false;
    return refused;
  };
}

const isPutTo =
  (space: string, ...texts: string[]) =>
  (write: Write) =>
    write.kind === 'put' &&
    write.space === space &&
    texts.every((text) => `${Buffer.from(write.key)} ${Buffer.from(write.value)}`.includes(text));

test('a restored table that is open is not filled again because the end of the restore could not be noted', async () => {
  await create('source');
  await put('source', 'a', { n: { N: '1' } });
  await call('UpdateContinuousBackups', {
    TableName: 'source',
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
  });
  refuseOnce(isPutTo('dynamodb/garbage', '/history/'));
  await call('RestoreTableToPointInTime', {
    SourceTableName: 'source',
    TargetTableName: 'target',
    UseLatestRestorableTime: true,
  });
  const off = call('UpdateContinuousBackups', {
    TableName: 'source',
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: false },
  });
  const target = services.tables.resolve('target', 'us-east-1');
  const { pending } = clock;
  await becomes(() => target.definition.filling, undefined);
  await off;
  await becomes(() => clock.pending > pending, true);
  await put('target', 'a', { n: { N: '2' } });
  await clock.advance(1_000);
  // Long enough for another fill.
  for (let turn = 0; turn < 50; turn++) await rowsIn('nothing');
  const [row] = await records.range(target.space, { limit: 10 });
  assert.deepEqual(decodeItem(row!.value).attributes, { h: { S: 'a' }, n: { N: '2' } });
  await becomes(() => services.tables.resolve('source', 'us-east-1').definition.history, undefined);
});

const importFrom = (S3Bucket: string) =>
  call('ImportTable', {
    S3BucketSource: { S3Bucket },
    InputFormat: 'DYNAMODB_JSON',
    TableCreationParameters: {
      TableName: 'imported',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'h', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'h', KeyType: 'HASH' }],
    },
  });

test('an imported table that is open is not loaded again because the end of the import could not be noted', async () => {
  await buckets.createBucket('lake');
  await buckets.put('lake', 'items.json', Readable.from([Buffer.from('{"Item":{"h":{"S":"a"},"n":{"N":"1"}}}')]));
  refuseOnce(isPutTo('dynamodb/imports', 'COMPLETED'));
  const { pending } = clock;
  const { ImportTableDescription } = await importFrom('lake');
  const { ImportArn } = ImportTableDescription;
  const imported = services.tables.resolve('imported', 'us-east-1');
  await becomes(() => imported.definition.filling, undefined);
  await becomes(() => clock.pending, pending + 1);
  await put('imported', 'a', { n: { N: '2' } });
  await clock.advance(1_000);
  const described = async () => (await call('DescribeImport', { ImportArn })).ImportTableDescription;
  await becomes(async () => (await described()).ImportStatus, 'COMPLETED');
  assert.equal((await described()).ImportedItemCount, 1);
  const [row] = await records.range(imported.space, { limit: 10 });
  assert.deepEqual(decodeItem(row!.value).attributes, { h: { S: 'a' }, n: { N: '2' } });
});

test('a table whose import has failed is deleted, also when the node stops in between', async () => {
  refuses = (writes) => writes.some(({ kind, space }) => kind === 'delete' && space === 'dynamodb/tables');
  const { ImportTableDescription } = await importFrom('nowhere');
  const { ImportArn } = ImportTableDescription;
  const status = async () => (await call('DescribeImport', { ImportArn })).ImportTableDescription.ImportStatus;
  await becomes(status, 'FAILED');
  await scope.disposeAsync();
  await open();
  await becomes(() => services.tables.find('imported', 'us-east-1'), undefined);
});

test('a backup or table that is being deleted is not restored from', async () => {
  await create('source');
  await put('source', 'a', { n: { N: '1' } });
  const { BackupArn } = (await call('CreateBackup', { TableName: 'source', BackupName: 'backup' })).BackupDetails;
  const available = async () =>
    (await call('DescribeBackup', { BackupArn })).BackupDescription.BackupDetails.BackupStatus;
  await becomes(available, 'AVAILABLE');
  const [deleted, restored] = await Promise.allSettled([
    call('DeleteBackup', { BackupArn }),
    call('RestoreTableFromBackup', { BackupArn, TargetTableName: 'target' }),
  ]);
  assert.equal(deleted.status, 'fulfilled');
  assert.equal((restored as PromiseRejectedResult).reason.code, 'backup-not-found');
  assert.equal(services.tables.find('target', 'us-east-1'), undefined);

  const PointInTimeRecoverySpecification = { PointInTimeRecoveryEnabled: true };
  await call('UpdateContinuousBackups', { TableName: 'source', PointInTimeRecoverySpecification });
  for (let turns = 0; turns < 12; turns++) {
    await create(`source-${turns}`);
    const TableName = `source-${turns}`;
    await call('UpdateContinuousBackups', { TableName, PointInTimeRecoverySpecification });
    const deleting = call('DeleteTable', { TableName }).catch(({ code }) => code);
    for (let turn = 0; turn < turns; turn++) await undefined;
    const restoring = call('RestoreTableToPointInTime', {
      SourceTableName: TableName,
      TargetTableName: `target-${turns}`,
      RestoreDateTime: new Date(clock.now()),
    }).catch(({ code }) => code);
    assert.equal([await deleting, await restoring].filter((answer) => typeof answer === 'string').length, 1);
  }
  await scope.disposeAsync();
  await open();
});

test('nothing more expires once time to live is off', async () => {
  await create('table');
  const set = (Enabled: boolean) =>
    call('UpdateTimeToLive', {
      TableName: 'table',
      TimeToLiveSpecification: { AttributeName: 'until', Enabled },
    });
  await set(true);
  const table = services.tables.get('table', 'us-east-1');
  await becomes(() => table.definition.timeToLive?.complete, true);
  const past = { until: { N: `${Math.floor(clock.now() / 1000) - 1}` } };
  await Promise.all(Array.from({ length: 5 * TABLE_LIMITS.expiredAtOnce }, (_, at) => put('table', `${at}`, past)));
  let off: Promise<void> | undefined;
  deleter.before = () => {
    off ??= set(false);
    return off;
  };
  const { pending } = clock;
  await clock.advance(TABLE_LIMITS.sweepIntervalMs);
  await becomes(() => clock.pending, pending);
  deleter.before = async () => {};
  assert.equal(await rowsIn(table.space), 5 * TABLE_LIMITS.expiredAtOnce);
});

test('a table of large items is counted in the background', async () => {
  await create('table');
  const text = { text: { S: 'x'.repeat(390_000) } };
  for (let at = 0; at < 100; at++) await put('table', `${at}`, text);
  const { range } = records;
  let pages = 0;
  records.range = async (space, ...bounds) => {
    pages++;
    return range.call(records, space, ...bounds);
  };
  const described = async () => (await call('DescribeTable', { TableName: 'table' })).Table.ItemCount;
  assert.equal(await described(), 0);
  assert.ok(pages < 20, `${pages} pages were read while somebody waited`);
  await becomes(described, 100);
});
