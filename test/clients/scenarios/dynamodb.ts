import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';
import { eventually } from '../../support/eventually.ts';
import type { Rig, Scenario } from '../scenario.ts';

const LEGACY = 'global tables of 2017, which AWS refuses to make too: a node is one region';

export const dynamodb: Scenario = {
  service: 'dynamodb',
  refused: {
    CreateGlobalTable: LEGACY,
    DescribeGlobalTable: LEGACY,
    DescribeGlobalTableSettings: LEGACY,
    UpdateGlobalTable: LEGACY,
    UpdateGlobalTableSettings: LEGACY,
    UpdateTableReplicaAutoScaling: 'tables have no replicas: a node is one region',
  },
  async run(rig) {
    await tables(rig);
    await items(rig);
    await queries(rig);
    await batches(rig);
    await transactions(rig);
    await statements(rig);
    await settings(rig);
    await policies(rig);
    await backups(rig);
    await buckets(rig);
    await streamingDestinations(rig);
    await oneRegion(rig);
  },
};

const arnOf = (table: string) => `arn:aws:dynamodb:us-east-1:000000000000:table/${table}`;

/** What a table of a key like `h:S r:N` is made from. */
function keyed(key: string) {
  const attributes = key.split(' ').map((one) => one.split(':') as [string, string]);
  return {
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: attributes.map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
    KeySchema: attributes.map(([AttributeName], at) => ({ AttributeName, KeyType: at === 0 ? 'HASH' : 'RANGE' })),
  };
}

async function tables({ call, name }: Rig): Promise<void> {
  const TableName = name('tables');
  const { AttributeDefinitions, KeySchema } = keyed('h:S r:N');
  const { TableDescription } = await call('CreateTable', {
    ...{ TableName, AttributeDefinitions, KeySchema, Tags: [{ Key: 'line', Value: '1' }] },
    ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: 6 },
    LocalSecondaryIndexes: [{ IndexName: 'local', KeySchema, Projection: { ProjectionType: 'KEYS_ONLY' } }],
  });
  assert.equal(TableDescription.TableStatus, 'CREATING');
  assert.equal(TableDescription.TableArn, arnOf(TableName));
  await assert.rejects(call('CreateTable', { TableName, ...keyed('h:S') }), { name: 'ResourceInUseException' });

  const { Table } = await call('DescribeTable', { TableName });
  assert.equal(Table.TableStatus, 'ACTIVE');
  assert.deepEqual(Table.KeySchema, KeySchema);
  assert.deepEqual(Table.AttributeDefinitions, AttributeDefinitions);
  const { ReadCapacityUnits, WriteCapacityUnits } = Table.ProvisionedThroughput;
  assert.deepEqual([ReadCapacityUnits, WriteCapacityUnits], [5, 6]);
  assert.ok(Math.abs(Date.now() - Table.CreationDateTime.getTime()) < 60_000);
  assert.equal(Table.LocalSecondaryIndexes[0].IndexArn, `${arnOf(TableName)}/index/local`);

  const index = {
    ...{ IndexName: 'by-g', KeySchema: [{ AttributeName: 'g', KeyType: 'HASH' }] },
    Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['note'] },
  };
  await call('UpdateTable', {
    ...{ TableName, BillingMode: 'PAY_PER_REQUEST' },
    AttributeDefinitions: [{ AttributeName: 'g', AttributeType: 'B' }],
    GlobalSecondaryIndexUpdates: [{ Create: index }],
  });
  const described = await eventually(
    async () => (await call('DescribeTable', { TableName })).Table,
    ({ TableStatus, GlobalSecondaryIndexes: [one] }) => TableStatus === 'ACTIVE' && one.IndexStatus === 'ACTIVE',
  );
  assert.equal(described.BillingModeSummary.BillingMode, 'PAY_PER_REQUEST');
  assert.deepEqual(described.GlobalSecondaryIndexes[0].Projection, index.Projection);

  const found: string[] = [];
  let ExclusiveStartTableName: string | undefined;
  do {
    const page = await call('ListTables', { Limit: 1, ...(ExclusiveStartTableName && { ExclusiveStartTableName }) });
    found.push(...page.TableNames);
    ExclusiveStartTableName = page.LastEvaluatedTableName;
  } while (ExclusiveStartTableName);
  assert.ok(found.includes(TableName));

  assert.equal((await call('DeleteTable', { TableName })).TableDescription.TableStatus, 'DELETING');
  await assert.rejects(call('DescribeTable', { TableName }), { name: 'ResourceNotFoundException' });
}

async function items({ call, name }: Rig): Promise<void> {
  const TableName = name('items');
  await call('CreateTable', { TableName, ...keyed('h:S') });
  const Key = { h: { S: 'grün – 1' } };
  const Item = {
    ...Key,
    n: { N: '12345678901234567890.12345678901234567' },
    b: { B: Buffer.from([0, 255]) },
    set: { NS: ['1', '2.5'] },
    bytes: { BS: [Buffer.from('a'), Buffer.from('b')] },
    deep: { M: { list: { L: [{ NULL: true }, { BOOL: false }, { S: '' }] } } },
  };
  const capacity = { TableName, CapacityUnits: 1 };
  assert.deepEqual(await call('PutItem', { TableName, Item, ReturnConsumedCapacity: 'TOTAL' }), {
    ConsumedCapacity: capacity,
  });
  const got = await call('GetItem', { TableName, Key, ConsistentRead: true, ReturnConsumedCapacity: 'TOTAL' });
  assert.deepEqual(got, { Item, ConsumedCapacity: capacity });
  assert.deepEqual(await call('GetItem', { TableName, Key: { h: { S: 'none' } } }), {});

  const updated = await call('UpdateItem', {
    ...{ TableName, Key, ReturnValues: 'UPDATED_NEW' },
    UpdateExpression: 'SET #count = if_not_exists(#count, :zero) + :one ADD bytes :more',
    ExpressionAttributeNames: { '#count': 'count' },
    ExpressionAttributeValues: { ':zero': { N: '0' }, ':one': { N: '1' }, ':more': { BS: [Buffer.from('c')] } },
  });
  assert.deepEqual(updated.Attributes, {
    count: { N: '1' },
    bytes: { BS: ['a', 'b', 'c'].map((one) => Buffer.from(one)) },
  });
  const guarded = { TableName, Key, ConditionExpression: 'attribute_not_exists(h)' };
  await assert.rejects(call('DeleteItem', guarded), { name: 'ConditionalCheckFailedException' });
  const { Attributes } = await call('DeleteItem', { TableName, Key, ReturnValues: 'ALL_OLD' });
  assert.deepEqual(Attributes, { ...Item, ...updated.Attributes });
  assert.deepEqual(await call('DeleteItem', { TableName, Key, ReturnValues: 'ALL_OLD' }), {});
  await assert.rejects(call('PutItem', { TableName: name('none'), Item: Key }), { name: 'ResourceNotFoundException' });
}

async function queries({ call, name }: Rig): Promise<void> {
  const TableName = name('queries');
  const rows = Array.from({ length: 5 }, (_, at) => ({ h: { S: 'a' }, r: { N: `${at}` }, note: { S: `of ${at}` } }));
  await call('CreateTable', { TableName, ...keyed('h:S r:N') });
  for (const Item of rows) await call('PutItem', { TableName, Item });
  const wish = {
    ...{ TableName, Limit: 3, KeyConditionExpression: 'h = :h AND r >= :from', ScanIndexForward: false },
    ExpressionAttributeValues: { ':h': { S: 'a' }, ':from': { N: '1' } },
  };
  const first = await call('Query', wish);
  assert.deepEqual(first, {
    ...{ Items: [rows[4], rows[3], rows[2]], Count: 3, ScannedCount: 3 },
    LastEvaluatedKey: { h: { S: 'a' }, r: { N: '2' } },
  });
  const rest = await call('Query', { ...wish, ExclusiveStartKey: first.LastEvaluatedKey });
  assert.deepEqual(rest, { Items: [rows[1]], Count: 1, ScannedCount: 1 });

  const scanned = await call('Scan', {
    ...{ TableName, FilterExpression: 'contains(note, :n)', ProjectionExpression: 'note' },
    ExpressionAttributeValues: { ':n': { S: '3' } },
  });
  assert.deepEqual(scanned, { Items: [{ note: { S: 'of 3' } }], Count: 1, ScannedCount: 5 });
  const segments = [0, 1].map((Segment) => call('Scan', { TableName, Segment, TotalSegments: 2, Select: 'COUNT' }));
  const counts = (await Promise.all(segments)).map(({ Count }) => Count);
  assert.equal(counts[0] + counts[1], rows.length);
}

async function batches({ call, name }: Rig): Promise<void> {
  const TableName = name('batches');
  await call('CreateTable', { TableName, ...keyed('h:S') });
  const Items = ['a', 'b', 'c'].map((S) => ({ h: { S }, b: { B: Buffer.from(S) } }));
  const puts = Items.map((Item) => ({ PutRequest: { Item } }));
  assert.deepEqual(await call('BatchWriteItem', { RequestItems: { [TableName]: puts } }), { UnprocessedItems: {} });
  const gone = { DeleteRequest: { Key: { h: { S: 'b' } } } };
  await call('BatchWriteItem', { RequestItems: { [TableName]: [gone] } });
  const Keys = ['c', 'b', 'a'].map((S) => ({ h: { S } }));
  const got = await call('BatchGetItem', { RequestItems: { [TableName]: { Keys } } });
  assert.deepEqual(got.UnprocessedKeys, {});
  const found = got.Responses[TableName].sort((one: any, other: any) => (one.h.S < other.h.S ? -1 : 1));
  assert.deepEqual(found, [Items[0], Items[2]]);
}

async function transactions({ call, name }: Rig): Promise<void> {
  const TableName = name('transactions');
  await call('CreateTable', { TableName, ...keyed('h:S') });
  const Item = (S: string) => ({ h: { S }, n: { N: '1' } });
  const put = (S: string) => ({ Put: { TableName, Item: Item(S) } });
  const absent = (S: string) => ({
    ConditionCheck: { TableName, Key: { h: { S } }, ConditionExpression: 'attribute_not_exists(h)' },
  });
  assert.deepEqual(await call('TransactWriteItems', { TransactItems: [put('a'), put('b'), absent('c')] }), {});
  await assert.rejects(call('TransactWriteItems', { TransactItems: [put('c'), absent('a')] }), {
    name: 'TransactionCanceledException',
    message: /\[None, ConditionalCheckFailed\]/,
  });
  const gets = ['b', 'c', 'a'].map((S) => ({ Get: { TableName, Key: { h: { S } } } }));
  assert.deepEqual(await call('TransactGetItems', { TransactItems: gets }), {
    Responses: [{ Item: Item('b') }, {}, { Item: Item('a') }],
  });
}

async function statements({ call, name }: Rig): Promise<void> {
  const TableName = name('statements');
  await call('CreateTable', { TableName, ...keyed('h:S') });
  const insert = (h: string) => ({
    Statement: `INSERT INTO "${TableName}" VALUE {'h': ?, 'b': ?}`,
    Parameters: [{ S: h }, { B: Buffer.from(h) }],
  });
  const select = (h: string) => ({ Statement: `SELECT * FROM "${TableName}" WHERE h = ?`, Parameters: [{ S: h }] });
  const item = (h: string) => ({ h: { S: h }, b: { B: Buffer.from(h) } });
  assert.deepEqual((await call('ExecuteStatement', insert('a'))).Items, []);
  assert.deepEqual((await call('ExecuteStatement', select('a'))).Items, [item('a')]);
  await assert.rejects(call('ExecuteStatement', insert('a')), { name: 'DuplicateItemException' });

  const { Responses } = await call('BatchExecuteStatement', { Statements: [insert('b'), insert('a')] });
  assert.deepEqual(
    Responses.map(({ TableName: table, Error: error }: any) => ({ table, code: error?.Code })),
    [
      { table: TableName, code: undefined },
      { table: TableName, code: 'DuplicateItem' },
    ],
  );
  const read = await call('BatchExecuteStatement', { Statements: [select('a'), select('none')] });
  assert.deepEqual(read.Responses, [{ TableName, Item: item('a') }, { TableName }]);
  await call('ExecuteTransaction', { TransactStatements: [insert('c'), insert('d')] });
  assert.deepEqual(await call('ExecuteTransaction', { TransactStatements: [select('c'), select('none')] }), {
    Responses: [{ Item: item('c') }, {}],
  });
}

async function settings({ call, name }: Rig): Promise<void> {
  const TableName = name('settings');
  const ResourceArn = arnOf(TableName);
  await call('CreateTable', { TableName, ...keyed('h:S') });
  const TimeToLiveSpecification = { Enabled: true, AttributeName: 'until' };
  assert.deepEqual(await call('UpdateTimeToLive', { TableName, TimeToLiveSpecification }), { TimeToLiveSpecification });
  const { TimeToLiveDescription } = await eventually(
    () => call('DescribeTimeToLive', { TableName }),
    ({ TimeToLiveDescription: { TimeToLiveStatus } }) => TimeToLiveStatus === 'ENABLED',
  );
  assert.equal(TimeToLiveDescription.AttributeName, 'until');

  const Tags = Array.from({ length: 12 }, (_, at) => ({ Key: `k${at + 10}`, Value: `${at}` }));
  await call('TagResource', { ResourceArn, Tags });
  await call('UntagResource', { ResourceArn, TagKeys: ['k10'] });
  const first = await call('ListTagsOfResource', { ResourceArn });
  const rest = await call('ListTagsOfResource', { ResourceArn, NextToken: first.NextToken });
  assert.deepEqual([...first.Tags, ...rest.Tags], Tags.slice(1));
  assert.equal(rest.NextToken, undefined);

  const enabling = await call('UpdateContributorInsights', { TableName, ContributorInsightsAction: 'ENABLE' });
  assert.equal(enabling.ContributorInsightsStatus, 'ENABLING');
  const insights = await call('DescribeContributorInsights', { TableName });
  assert.deepEqual([insights.TableName, insights.ContributorInsightsStatus], [TableName, 'ENABLED']);
  assert.ok(Math.abs(Date.now() - insights.LastUpdateDateTime.getTime()) < 60_000);
  const { ContributorInsightsSummaries: summaries } = await call('ListContributorInsights', { TableName });
  assert.deepEqual(
    summaries.map((one: any) => [one.TableName, one.ContributorInsightsStatus]),
    [[TableName, 'ENABLED']],
  );
}

async function policies({ call, knows, name }: Rig): Promise<void> {
  if (!(await knows('PutResourcePolicy'))) return;
  const TableName = name('policies');
  const ResourceArn = arnOf(TableName);
  await call('CreateTable', { TableName, ...keyed('h:S') });
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: '*', Action: 'dynamodb:GetItem', Resource: ResourceArn }],
  });
  const { RevisionId } = await call('PutResourcePolicy', { ResourceArn, Policy });
  assert.deepEqual(await call('GetResourcePolicy', { ResourceArn }), { Policy, RevisionId });
  assert.deepEqual(await call('DeleteResourcePolicy', { ResourceArn, ExpectedRevisionId: RevisionId }), { RevisionId });
  await assert.rejects(call('GetResourcePolicy', { ResourceArn }), { name: 'PolicyNotFoundException' });
}

async function backups({ call, name }: Rig): Promise<void> {
  const TableName = name('backups');
  const Item = { h: { S: 'kept' } };
  await call('CreateTable', { TableName, ...keyed('h:S') });
  await call('PutItem', { TableName, Item });
  const { BackupDetails } = await call('CreateBackup', { TableName, BackupName: 'first' });
  const { BackupArn, BackupName, BackupType, BackupCreationDateTime } = BackupDetails;
  assert.deepEqual([BackupName, BackupType], ['first', 'USER']);
  assert.ok(Math.abs(Date.now() - BackupCreationDateTime.getTime()) < 60_000);
  const { BackupDescription } = await eventually(
    () => call('DescribeBackup', { BackupArn }),
    ({ BackupDescription: { BackupDetails: details } }) => details.BackupStatus === 'AVAILABLE',
  );
  assert.equal(BackupDescription.SourceTableDetails.ItemCount, 1);
  const { BackupSummaries } = await call('ListBackups', { TableName });
  assert.deepEqual(
    BackupSummaries.map((one: any) => [one.BackupArn, one.TableArn]),
    [[BackupArn, arnOf(TableName)]],
  );

  const recovery = { TableName, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } };
  await call('UpdateContinuousBackups', recovery);
  const { ContinuousBackupsDescription: continuous } = await call('DescribeContinuousBackups', { TableName });
  assert.equal(continuous.ContinuousBackupsStatus, 'ENABLED');
  const { PointInTimeRecoveryStatus, LatestRestorableDateTime } = continuous.PointInTimeRecoveryDescription;
  assert.equal(PointInTimeRecoveryStatus, 'ENABLED');
  assert.ok(LatestRestorableDateTime instanceof Date);

  const [fromBackup, latest] = [name('from-backup'), name('latest')];
  const restored = await call('RestoreTableFromBackup', { BackupArn, TargetTableName: fromBackup });
  assert.equal(restored.TableDescription.TableStatus, 'CREATING');
  await call('RestoreTableToPointInTime', {
    ...{ SourceTableName: TableName, TargetTableName: latest, UseLatestRestorableTime: true },
  });
  for (const target of [fromBackup, latest]) {
    const { Table } = await eventually(
      () => call('DescribeTable', { TableName: target }),
      ({ Table: { TableStatus } }) => TableStatus === 'ACTIVE',
    );
    assert.equal(Table.RestoreSummary.SourceTableArn, arnOf(TableName));
    assert.deepEqual((await call('Scan', { TableName: target })).Items, [Item]);
  }
  const deleted = await call('DeleteBackup', { BackupArn });
  assert.equal(deleted.BackupDescription.BackupDetails.BackupStatus, 'DELETED');
  await assert.rejects(call('DescribeBackup', { BackupArn }), { name: 'BackupNotFoundException' });
}

async function buckets({ call, name, of }: Rig): Promise<void> {
  const [TableName, Bucket] = [name('exported'), name('lake')];
  const TableArn = arnOf(TableName);
  await of('s3')('CreateBucket', { Bucket });
  await call('CreateTable', { TableName, ...keyed('h:S') });
  const Item = { h: { S: 'a' }, b: { B: Buffer.from([0, 255]) } };
  await call('PutItem', { TableName, Item });
  const wish = { TableArn, S3Bucket: Bucket, S3Prefix: 'daily' };
  await assert.rejects(call('ExportTableToPointInTime', wish), { name: 'PointInTimeRecoveryUnavailableException' });
  const PointInTimeRecoverySpecification = { PointInTimeRecoveryEnabled: true };
  await call('UpdateContinuousBackups', { TableName, PointInTimeRecoverySpecification });
  const { ExportArn } = (await call('ExportTableToPointInTime', wish)).ExportDescription;
  const { ExportDescription } = await eventually(
    () => call('DescribeExport', { ExportArn }),
    ({ ExportDescription: { ExportStatus } }) => ExportStatus !== 'IN_PROGRESS',
  );
  assert.deepEqual([ExportDescription.ExportStatus, ExportDescription.ItemCount], ['COMPLETED', 1]);
  const { ExportSummaries } = await call('ListExports', { TableArn });
  assert.deepEqual(
    ExportSummaries.map((one: any) => [one.ExportArn, one.ExportStatus]),
    [[ExportArn, 'COMPLETED']],
  );
  const folder = ExportDescription.ExportManifest.replace(/manifest-summary.json$/, 'data/');
  const { Contents } = await of('s3')('ListObjectsV2', { Bucket, Prefix: folder });
  const { Body } = await of('s3')('GetObject', { Bucket, Key: Contents[0].Key });
  assert.deepEqual(JSON.parse(`${gunzipSync(Body)}`), { Item: { h: { S: 'a' }, b: { B: 'AP8=' } } });

  const target = name('imported');
  const { ImportTableDescription } = await call('ImportTable', {
    S3BucketSource: { S3Bucket: Bucket, S3KeyPrefix: folder },
    ...{ InputFormat: 'DYNAMODB_JSON', InputCompressionType: 'GZIP' },
    TableCreationParameters: { TableName: target, ...keyed('h:S') },
  });
  const { ImportArn } = ImportTableDescription;
  const done = await eventually(
    async () => (await call('DescribeImport', { ImportArn })).ImportTableDescription,
    ({ ImportStatus }) => ImportStatus !== 'IN_PROGRESS',
  );
  assert.deepEqual([done.ImportStatus, done.ImportedItemCount, done.ErrorCount], ['COMPLETED', 1, 0]);
  const { ImportSummaryList } = await call('ListImports', { TableArn: arnOf(target) });
  assert.deepEqual(
    ImportSummaryList.map((one: any) => [one.ImportArn, one.InputFormat]),
    [[ImportArn, 'DYNAMODB_JSON']],
  );
  assert.deepEqual((await call('Scan', { TableName: target })).Items, [Item]);
}

async function streamingDestinations({ call, knows, name, of }: Rig): Promise<void> {
  const TableName = name('streaming');
  const StreamArn = `arn:aws:kinesis:us-east-1:000000000000:stream/${TableName}`;
  await of('kinesis')('CreateStream', { StreamName: TableName, ShardCount: 1 });
  await call('CreateTable', { TableName, ...keyed('h:S') });
  const destination = { TableName, StreamArn };
  const destinations = async () =>
    (await call('DescribeKinesisStreamingDestination', { TableName })).KinesisDataStreamDestinations;
  assert.deepEqual(await call('EnableKinesisStreamingDestination', destination), {
    ...{ ...destination, DestinationStatus: 'ENABLING' },
  });
  const [active] = await eventually(destinations, ([one]) => one.DestinationStatus === 'ACTIVE');
  assert.equal(active.StreamArn, StreamArn);
  if (await knows('UpdateKinesisStreamingDestination')) {
    const UpdateKinesisStreamingConfiguration = { ApproximateCreationDateTimePrecision: 'MICROSECOND' };
    const wish = { ...destination, UpdateKinesisStreamingConfiguration };
    assert.deepEqual(await call('UpdateKinesisStreamingDestination', wish), { ...wish, DestinationStatus: 'UPDATING' });
    assert.equal((await destinations())[0].ApproximateCreationDateTimePrecision, 'MICROSECOND');
  }
  const disabling = await call('DisableKinesisStreamingDestination', destination);
  assert.equal(disabling.DestinationStatus, 'DISABLING');
  await eventually(destinations, ([one]) => one.DestinationStatus === 'DISABLED');
}

async function oneRegion({ call, name, node }: Rig): Promise<void> {
  const TableName = name('region');
  await call('CreateTable', { TableName, ...keyed('h:S') });
  assert.deepEqual(await call('DescribeLimits'), {
    ...{ AccountMaxReadCapacityUnits: 80_000, AccountMaxWriteCapacityUnits: 80_000 },
    ...{ TableMaxReadCapacityUnits: 40_000, TableMaxWriteCapacityUnits: 40_000 },
  });
  assert.deepEqual(await call('DescribeEndpoints'), {
    Endpoints: [{ Address: new URL(node.endpoint).host, CachePeriodInMinutes: 1440 }],
  });
  assert.deepEqual(await call('DescribeTableReplicaAutoScaling', { TableName }), {
    TableAutoScalingDescription: { TableName, TableStatus: 'ACTIVE', Replicas: [] },
  });
  await assert.rejects(call('UpdateTableReplicaAutoScaling', { TableName }), { name: 'ValidationException' });
  assert.deepEqual(await call('ListGlobalTables'), { GlobalTables: [] });
  const GlobalTableName = TableName;
  const replicas = { GlobalTableName, ReplicationGroup: [{ RegionName: 'us-east-1' }] };
  await assert.rejects(call('CreateGlobalTable', replicas), { name: 'ValidationException' });
  const more = { GlobalTableName, ReplicaUpdates: [{ Create: { RegionName: 'us-east-1' } }] };
  await assert.rejects(call('UpdateGlobalTable', more), { name: 'ValidationException' });
  for (const operation of ['DescribeGlobalTable', 'DescribeGlobalTableSettings', 'UpdateGlobalTableSettings']) {
    await assert.rejects(call(operation, { GlobalTableName }), { name: 'GlobalTableNotFoundException' });
  }
}
