import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually, named, TablesNode } from './support.ts';

let node: TablesNode;

before(async () => {
  node = await TablesNode.start();
});
after(() => node[Symbol.asyncDispose]());

const invalid = (message: string) =>
  named('ValidationException', `One or more parameter values were invalid: ${message}`);
const tableOf = async (TableName: string) => (await node.client.describeTable({ TableName })).Table!;
const arnOf = (name: string) => `arn:aws:dynamodb:us-east-1:000000000000:table/${name}`;

const KEY = {
  AttributeDefinitions: [{ AttributeName: 'h', AttributeType: 'S' as const }],
  KeySchema: [{ AttributeName: 'h', KeyType: 'HASH' as const }],
};

test('what CreateTable refuses, it refuses in the words of AWS', async () => {
  const { client } = node;
  const create = (input: object) =>
    client.createTable({ TableName: 'refused', BillingMode: 'PAY_PER_REQUEST', ...KEY, ...input } as never);
  const global = (index: object) => ({
    AttributeDefinitions: [...KEY.AttributeDefinitions, { AttributeName: 'g', AttributeType: 'S' }],
    GlobalSecondaryIndexes: [
      {
        IndexName: 'index',
        KeySchema: [{ AttributeName: 'g', KeyType: 'HASH' }],
        Projection: { ProjectionType: 'ALL' },
        ...index,
      },
    ],
  });
  await assert.rejects(
    create({ ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 } }),
    invalid('Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST'),
  );
  await assert.rejects(
    create({ BillingMode: 'PROVISIONED' }),
    invalid('ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED'),
  );
  await assert.rejects(
    create({ KeySchema: [{ AttributeName: 'x', KeyType: 'HASH' }] }),
    invalid('Some index key attributes are not defined in AttributeDefinitions. Keys: [x], AttributeDefinitions: [h]'),
  );
  await assert.rejects(
    create({ KeySchema: [{ AttributeName: 'h', KeyType: 'RANGE' }] }),
    named('ValidationException', 'Invalid KeySchema: The first KeySchemaElement is not a HASH key type'),
  );
  await assert.rejects(
    create(global({ Projection: { ProjectionType: 'KEYS_ONLY', NonKeyAttributes: ['a'] } })),
    invalid('ProjectionType is KEYS_ONLY, but NonKeyAttributes is specified'),
  );
  await assert.rejects(
    create(global({ Projection: { ProjectionType: 'INCLUDE' } })),
    invalid('ProjectionType is INCLUDE, but NonKeyAttributes is not specified'),
  );
  await assert.rejects(
    create({ LocalSecondaryIndexes: global({}).GlobalSecondaryIndexes }),
    invalid('Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex'),
  );
  await assert.rejects(
    create({ StreamSpecification: { StreamEnabled: true } }),
    invalid('Table is being created with a stream enabled, UpdateViewType is required'),
  );
  await assert.rejects(
    create({ TableName: 'a!' }),
    named('ValidationException', /between 3 and 255|regular expression|length/),
  );
  await assert.rejects(
    create({ SSESpecification: { Enabled: true, SSEType: 'KMS' } }),
    named('ValidationException', /not built in Millrace/),
  );
});

test('a table has up to 20 global and 5 local indexes, and up to 100 projected attributes', async () => {
  const { client } = node;
  const AttributeDefinitions = ['h', 'r'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' as const }));
  const KeySchema = [
    { AttributeName: 'h', KeyType: 'HASH' as const },
    { AttributeName: 'r', KeyType: 'RANGE' as const },
  ];
  const indexes = (count: number, projected = 0) =>
    Array.from({ length: count }, (_, at) => ({
      IndexName: `index-${at}`,
      KeySchema,
      Projection: projected
        ? { ProjectionType: 'INCLUDE' as const, NonKeyAttributes: Array.from({ length: projected }, (_, n) => `a${n}`) }
        : { ProjectionType: 'KEYS_ONLY' as const },
    }));
  const create = (TableName: string, more: object) =>
    client.createTable({ TableName, BillingMode: 'PAY_PER_REQUEST', AttributeDefinitions, KeySchema, ...more });
  await create('many-indexes', { GlobalSecondaryIndexes: indexes(20) });
  await assert.rejects(
    create('too-many', { GlobalSecondaryIndexes: indexes(21) }),
    invalid('GlobalSecondaryIndex count exceeds the per-table limit of 20'),
  );
  await create('many-local', { LocalSecondaryIndexes: indexes(5, 20) });
  await assert.rejects(
    create('too-many', { LocalSecondaryIndexes: indexes(6) }),
    invalid('Number of LocalSecondaryIndexes exceeds per-table limit of 5'),
  );
  await assert.rejects(
    create('too-many', { GlobalSecondaryIndexes: indexes(6, 17) }),
    named('ValidationException', /100/),
  );
  await assert.rejects(
    client.updateTable({
      TableName: 'many-indexes',
      AttributeDefinitions,
      GlobalSecondaryIndexUpdates: [{ Create: { ...indexes(1)[0]!, IndexName: 'another' } }],
    }),
    named(
      'LimitExceededException',
      'Subscriber limit exceeded: Number of global secondary indexes exceeds per-table limit of 20',
    ),
  );
  await assert.rejects(
    client.createTable({
      TableName: 'greedy',
      ...KEY,
      ProvisionedThroughput: { ReadCapacityUnits: 40_001, WriteCapacityUnits: 1 },
    }),
    named('LimitExceededException', /above the per table maximum/),
  );
});

test('UpdateTable changes billing, units, class, stream and protection, one at a time', async () => {
  const { client } = node;
  const TableName = 'changing';
  await client.createTable({
    TableName,
    ...KEY,
    ProvisionedThroughput: { ReadCapacityUnits: 10, WriteCapacityUnits: 10 },
  });
  const units = (ReadCapacityUnits: number) =>
    client.updateTable({ TableName, ProvisionedThroughput: { ReadCapacityUnits, WriteCapacityUnits: 10 } });
  await assert.rejects(
    client.updateTable({ TableName }),
    named('ValidationException', /^At least one of ProvisionedThroughput, BillingMode/),
  );
  await assert.rejects(
    units(10),
    named('ValidationException', /^The provisioned throughput for the table will not change/),
  );
  for (const read of [9, 8, 7, 6]) await units(read);
  await assert.rejects(
    units(5),
    named('LimitExceededException', /Number of decreases today: 4\. Last decrease at \w+, \w+ \d+, \d+/),
  );
  assert.equal((await tableOf(TableName)).ProvisionedThroughput?.NumberOfDecreasesToday, 4);
  await client.updateTable({ TableName, BillingMode: 'PAY_PER_REQUEST' });
  assert.equal((await tableOf(TableName)).BillingModeSummary?.BillingMode, 'PAY_PER_REQUEST');
  await client.updateTable({ TableName, OnDemandThroughput: { MaxReadRequestUnits: 5, MaxWriteRequestUnits: 5 } });
  assert.equal((await tableOf(TableName)).OnDemandThroughput?.MaxReadRequestUnits, 5);
  await assert.rejects(
    client.updateTable({ TableName, TableClass: 'STANDARD_INFREQUENT_ACCESS', DeletionProtectionEnabled: true }),
    invalid('TableClass modification must be the only operation in the request'),
  );
  await client.updateTable({ TableName, TableClass: 'STANDARD_INFREQUENT_ACCESS' });
  assert.equal((await tableOf(TableName)).TableClassSummary?.TableClass, 'STANDARD_INFREQUENT_ACCESS');
  const stream = (StreamEnabled: boolean) =>
    client.updateTable({
      TableName,
      StreamSpecification: { StreamEnabled, ...(StreamEnabled && { StreamViewType: 'NEW_IMAGE' }) },
    });
  await assert.rejects(
    stream(false),
    named('ValidationException', `Table has no stream to disable: TableName: ${TableName}`),
  );
  await stream(true);
  await assert.rejects(
    stream(true),
    named('ValidationException', `Table already has an enabled stream: TableName: ${TableName}`),
  );
  assert.match((await tableOf(TableName)).LatestStreamArn!, /\/stream\//);
  await stream(false);
  assert.equal((await tableOf(TableName)).StreamSpecification, undefined);
  await client.updateTable({ TableName, DeletionProtectionEnabled: true });
  await assert.rejects(
    client.deleteTable({ TableName }),
    named(
      'ValidationException',
      'Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.',
    ),
  );
  await client.updateTable({ TableName, DeletionProtectionEnabled: false });
  await client.deleteTable({ TableName });
});

test('expired items are deleted, those that were there before time to live was switched on too', async () => {
  const { client } = node;
  const TableName = await node.table('h:S');
  const now = Math.floor(Date.now() / 1000);
  const put = (h: string, value?: object) =>
    client.putItem({ TableName, Item: { h: { S: h }, ...(value && { until: value }) } as never });
  await put('before', { N: `${now - 100}` });
  await put('text', { S: `${now - 100}` });
  await put('later', { N: `${now + 1000}` });
  await put('ages ago', { N: `${now - 6 * 365 * 86_400}` });
  const TimeToLiveSpecification = { AttributeName: 'until', Enabled: true };
  await client.updateTimeToLive({ TableName, TimeToLiveSpecification });
  await assert.rejects(
    client.updateTimeToLive({ TableName, TimeToLiveSpecification }),
    named('ValidationException', 'TimeToLive is already enabled'),
  );
  await assert.rejects(
    client.updateTimeToLive({ TableName, TimeToLiveSpecification: { AttributeName: 'x', Enabled: true } }),
    named('ValidationException', 'TimeToLive is active on a different AttributeName: current AttributeName is until'),
  );
  await put('after', { N: `${now - 100}` });
  await put('none');
  const left = await eventually(
    async () => (await client.scan({ TableName })).Items!.map(({ h }) => h!.S!).sort(),
    ({ length }) => length === 4,
  );
  assert.deepEqual(left, ['ages ago', 'later', 'none', 'text']);
  const { TimeToLiveDescription } = await client.describeTimeToLive({ TableName });
  assert.deepEqual(TimeToLiveDescription, { AttributeName: 'until', TimeToLiveStatus: 'ENABLED' });
  await client.updateTimeToLive({ TableName, TimeToLiveSpecification: { ...TimeToLiveSpecification, Enabled: false } });
  assert.equal((await client.describeTimeToLive({ TableName })).TimeToLiveDescription?.TimeToLiveStatus, 'DISABLED');
});

test('tags are set, taken away and listed by tens', async () => {
  const { client } = node;
  const ResourceArn = arnOf(await node.table('h:S'));
  const tags = (from: number, count: number) =>
    Array.from({ length: count }, (_, at) => ({ Key: `k${String(from + at).padStart(2, '0')}`, Value: 'v' }));
  await client.tagResource({ ResourceArn, Tags: tags(0, 50) });
  await assert.rejects(
    client.tagResource({ ResourceArn, Tags: tags(50, 1) }),
    named('ValidationException', 'Number of Tags exceed the current limit for the provided ResourceArn'),
  );
  await client.untagResource({ ResourceArn, TagKeys: tags(10, 38).map(({ Key }) => Key) });
  const first = await client.listTagsOfResource({ ResourceArn });
  assert.equal(first.Tags?.length, 10);
  const second = await client.listTagsOfResource({ ResourceArn, NextToken: first.NextToken });
  assert.deepEqual([second.Tags?.map(({ Key }) => Key), second.NextToken], [['k48', 'k49'], undefined]);
});

test('a policy comes with a new table, and that of a stream goes with the stream', async () => {
  const { client } = node;
  const policyFor = (Resource: string) =>
    JSON.stringify({ Statement: [{ Effect: 'Allow', Principal: '*', Action: 'dynamodb:*', Resource }] });
  await assert.rejects(
    node.table('h:S', { ResourcePolicy: '{' }),
    invalid('Invalid policy document: This policy contains invalid Json'),
  );
  const ResourcePolicy = policyFor('*');
  const TableName = await node.table('h:S', { ResourcePolicy });
  assert.equal((await client.getResourcePolicy({ ResourceArn: arnOf(TableName) })).Policy, ResourcePolicy);
  const on = async () => {
    const StreamSpecification = { StreamEnabled: true, StreamViewType: 'KEYS_ONLY' } as const;
    const { TableDescription } = await client.updateTable({ TableName, StreamSpecification });
    return TableDescription!.LatestStreamArn!;
  };
  const first = await on();
  await client.putResourcePolicy({ ResourceArn: first, Policy: policyFor(first) });
  await client.updateTable({ TableName, StreamSpecification: { StreamEnabled: false } });
  await assert.rejects(client.getResourcePolicy({ ResourceArn: await on() }), named('PolicyNotFoundException'));
  assert.equal((await client.getResourcePolicy({ ResourceArn: arnOf(TableName) })).Policy, ResourcePolicy);
});

test('a resource policy is kept under revisions', async () => {
  const { client } = node;
  const ResourceArn = arnOf(await node.table('h:S'));
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: '*', Action: 'dynamodb:GetItem', Resource: ResourceArn }],
  });
  await assert.rejects(client.getResourcePolicy({ ResourceArn }), named('PolicyNotFoundException'));
  const { RevisionId } = await client.putResourcePolicy({ ResourceArn, Policy, ExpectedRevisionId: 'NO_POLICY' });
  assert.deepEqual((await client.getResourcePolicy({ ResourceArn })).RevisionId, RevisionId);
  await assert.rejects(
    client.putResourcePolicy({ ResourceArn, Policy, ExpectedRevisionId: '1' }),
    named('PolicyNotFoundException'),
  );
  await assert.rejects(
    client.putResourcePolicy({ ResourceArn, Policy: `"${'x'.repeat(20_480)}"` }),
    invalid('Maximum policy size of 20480 bytes exceeded'),
  );
  await client.deleteResourcePolicy({ ResourceArn, ExpectedRevisionId: RevisionId });
  await assert.rejects(client.getResourcePolicy({ ResourceArn }), named('PolicyNotFoundException'));
});

test('a table that is asked for more than it was given refuses, once what it saved is used up', async () => {
  const { client } = node;
  const TableName = 'small';
  await client.createTable({
    TableName,
    ...KEY,
    ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 },
  });
  const puts = Array.from({ length: 50 }, (_, at) => client.putItem({ TableName, Item: { h: { S: `${at}` } } }));
  const refused = (await Promise.allSettled(puts)).filter(({ status }) => status === 'rejected');
  assert.ok(refused.length > 30, `${refused.length} were refused`);
  await assert.rejects(
    Promise.any([Promise.reject((refused[0] as PromiseRejectedResult).reason)]).catch(({ errors }) =>
      Promise.reject(errors[0]),
    ),
    named(
      'ProvisionedThroughputExceededException',
      /^The level of configured provisioned throughput for the table was exceeded/,
    ),
  );
});

test('what a single region has to say of limits, endpoints, insights and global tables', async () => {
  const { client } = node;
  const TableName = await node.table('h:S');
  assert.deepEqual((await client.describeLimits({})).TableMaxReadCapacityUnits, 40_000);
  assert.match((await client.describeEndpoints({})).Endpoints![0]!.Address!, /^127\.0\.0\.1:\d+$/);
  await client.updateContributorInsights({ TableName, ContributorInsightsAction: 'ENABLE' });
  assert.equal((await client.describeContributorInsights({ TableName })).ContributorInsightsStatus, 'ENABLED');
  assert.equal((await client.listContributorInsights({ TableName })).ContributorInsightsSummaries?.length, 1);
  assert.deepEqual((await client.listGlobalTables({})).GlobalTables, []);
  await assert.rejects(
    client.createGlobalTable({ GlobalTableName: TableName, ReplicationGroup: [{ RegionName: 'eu-west-1' }] }),
    named('ValidationException', /2017\.11\.29 is not supported/),
  );
  await assert.rejects(
    client.updateTable({ TableName, ReplicaUpdates: [{ Create: { RegionName: 'eu-west-1' } }] }),
    named('ValidationException', /not built in Millrace/),
  );
});
