import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { DomainError, SimulatedClock, seededRandom } from '../../base/index.ts';
import { openEmbeddedObjects, openEmbeddedRecords, type Records, type Write } from '../../store/index.ts';
import { createMetrics, silentLogger } from '../../telemetry/index.ts';
import { type Dynamodb, openDynamodb } from './index.ts';
import { TABLE_LIMITS } from './limits.ts';

let directory: string;
let scope: AsyncDisposableStack;
let clock: SimulatedClock;
let records: Records;
let dynamodb: Dynamodb;
/** Whether the store refuses a commit, as a full disk would. */
let refuses: (writes: readonly Write[]) => boolean;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-dynamodb-'));
  clock = new SimulatedClock();
  refuses = () => false;
  await open();
});
afterEach(async () => {
  await scope.disposeAsync();
  await rm(directory, { recursive: true, force: true });
});

async function open(): Promise<void> {
  scope = new AsyncDisposableStack();
  const ground = { clock, random: seededRandom(1), logger: silentLogger };
  records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'tables') }));
  const { commit } = records;
  records.commit = async (transaction) => {
    if (refuses(transaction.writes)) throw new DomainError('records-full', 'the disk is full', { remedy: 'retry' });
    return commit.call(records, transaction);
  };
  const objects = scope.use(await openEmbeddedObjects({ directory: join(directory, 'objects'), records, ...ground }));
  const kinesis = { has: () => false, put: async () => {} };
  dynamodb = scope.use(await openDynamodb({ records, objects, kinesis, metrics: createMetrics(), ...ground }));
  await dynamodb.resume();
}

const call = async (operation: string, input: object): Promise<any> => {
  const { operations } = dynamodb.services.find((service) => operation in service.operations)!;
  return operations[operation]!(input, { region: 'us-east-1', endpoint: 'http://127.0.0.1:1' } as never);
};

const create = (TableName: string, more: object = { BillingMode: 'PAY_PER_REQUEST' }) =>
  call('CreateTable', {
    TableName,
    AttributeDefinitions: [{ AttributeName: 'h', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'h', KeyType: 'HASH' }],
    ...more,
  });

const count = async (TableName: string): Promise<number> => (await call('Scan', { TableName })).Count;

/** Lets work in the background go on until `ask` gives `wanted`. */
async function becomes(ask: () => unknown, wanted: unknown): Promise<void> {
  for (let turn = 0; turn < 2_000 && (await ask()) !== wanted; turn++) await records.range('nothing', { limit: 1 });
  assert.equal(await ask(), wanted);
}

test('what expires is deleted without units, of which the table may have none left', async () => {
  const TableName = 'table';
  const ProvisionedThroughput = { ReadCapacityUnits: 10_000, WriteCapacityUnits: 1 };
  await create(TableName, { ProvisionedThroughput });
  const TimeToLiveSpecification = { AttributeName: 'until', Enabled: true };
  await call('UpdateTimeToLive', { TableName, TimeToLiveSpecification });
  const until = { N: `${Math.floor(clock.now() / 1000) - 1}` };
  await call('PutItem', { TableName, Item: { h: { S: 'a' }, until, text: { S: 'x'.repeat(100_000) } } });
  const put = () => call('PutItem', { TableName, Item: { h: { S: 'b' } } });
  await assert.rejects(put(), { code: 'throughput-exceeded' });
  await clock.advance(TABLE_LIMITS.sweepIntervalMs);
  await becomes(() => count(TableName), 0);
  await clock.advance(100_000 - TABLE_LIMITS.sweepIntervalMs);
  await put();
});

const STREAM = { StreamEnabled: true, StreamViewType: 'KEYS_ONLY' };
const streams = async (): Promise<readonly string[]> => {
  const { Streams } = await call('ListStreams', {});
  const described = Streams.map(({ StreamArn }: any) => call('DescribeStream', { StreamArn }));
  return (await Promise.all(described)).map(({ StreamDescription }) => StreamDescription.StreamStatus);
};

test('a disk that was full for a moment leaves no stream open, and streams can be opened afterwards', async () => {
  const onDemand = { BillingMode: 'PAY_PER_REQUEST' };
  refuses = () => true;
  await assert.rejects(create('table', { ...onDemand, StreamSpecification: STREAM }), { code: 'records-full' });
  refuses = (writes) => writes.some(({ space }) => space === 'dynamodb/tables');
  await assert.rejects(create('table', { ...onDemand, StreamSpecification: STREAM }), { code: 'records-full' });
  assert.deepEqual(await streams(), ['DISABLED']);
  refuses = () => false;
  await create('table');
  refuses = (writes) => writes.some(({ space }) => space === 'dynamodb/tables');
  const update = () => call('UpdateTable', { TableName: 'table', StreamSpecification: STREAM });
  await assert.rejects(update(), { code: 'records-full' });
  assert.deepEqual(await streams(), ['DISABLED', 'DISABLED']);
  refuses = () => false;
  await update();
  assert.deepEqual((await streams()).toSorted(), ['DISABLED', 'DISABLED', 'ENABLED']);
});

test('an index is built on when neither it nor its table could be deleted', async () => {
  await create('table');
  const TableName = 'table';
  for (let at = 0; at < 600; at++) await call('PutItem', { TableName, Item: { h: { S: `${at}` }, g: { S: 'g' } } });
  const key = { KeySchema: [{ AttributeName: 'g', KeyType: 'HASH' }], Projection: { ProjectionType: 'ALL' } };
  await call('UpdateTable', {
    TableName,
    AttributeDefinitions: [{ AttributeName: 'g', AttributeType: 'S' }],
    GlobalSecondaryIndexUpdates: [{ Create: { IndexName: 'by-g', ...key } }],
  });
  refuses = (writes) => writes.some(({ space }) => space === 'dynamodb/tables');
  const deleted = call('UpdateTable', { TableName, GlobalSecondaryIndexUpdates: [{ Delete: { IndexName: 'by-g' } }] });
  await assert.rejects(deleted, { code: 'records-full' });
  await assert.rejects(call('DeleteTable', { TableName }), { code: 'records-full' });
  refuses = () => false;
  const status = async () => (await call('DescribeTable', { TableName })).Table.GlobalSecondaryIndexes[0].IndexStatus;
  await becomes(status, 'ACTIVE');
});

test('a table of which recovery could not be switched on can be deleted', async () => {
  const TableName = 'table';
  await create(TableName);
  refuses = (writes) =>
    writes.some((write) => write.kind === 'put' && `${Buffer.from(write.value)}`.includes('"recovery":'));
  const PointInTimeRecoverySpecification = { PointInTimeRecoveryEnabled: true };
  const on = call('UpdateContinuousBackups', { TableName, PointInTimeRecoverySpecification });
  await assert.rejects(on, { code: 'records-full' });
  refuses = () => false;
  await call('DeleteTable', { TableName });
});
