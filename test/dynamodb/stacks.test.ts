import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CloudFormation } from '@aws-sdk/client-cloudformation';
import { S3 } from '@aws-sdk/client-s3';
import { eventually, TablesNode } from './support.ts';

let node: TablesNode;
let stacks: CloudFormation;

before(async () => {
  node = await TablesNode.start();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  stacks = new CloudFormation({ endpoint: node.node.endpoints.http, region: 'us-east-1', credentials });
});
after(async () => {
  stacks.destroy();
  await node[Symbol.asyncDispose]();
});

const global = (more: object = {}, replicas: readonly object[] = [{ Region: 'us-east-1' }]) => ({
  Global: {
    Type: 'AWS::DynamoDB::GlobalTable',
    Properties: {
      TableName: 'global',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'h', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'h', KeyType: 'HASH' }],
      StreamSpecification: { StreamViewType: 'NEW_IMAGE' },
      Replicas: replicas,
      ...more,
    },
  },
});

const template = (resources: object) =>
  JSON.stringify({
    Transform: 'AWS::Serverless-2016-10-31',
    Resources: {
      ...resources,
      Simple: { Type: 'AWS::Serverless::SimpleTable', Properties: { PrimaryKey: { Name: 'device', Type: 'String' } } },
    },
    Outputs: {
      Name: { Value: { Ref: 'Simple' } },
      Arn: { Value: { 'Fn::GetAtt': ['Simple', 'Arn'] } },
      Stream: { Value: { 'Fn::GetAtt': ['Global', 'StreamArn'] } },
      Id: { Value: { 'Fn::GetAtt': ['Global', 'TableId'] } },
    },
  });

const settled = (StackName: string) =>
  eventually(
    async () => (await stacks.describeStacks({ StackName })).Stacks![0]!,
    ({ StackStatus }) => !StackStatus!.endsWith('_IN_PROGRESS'),
  );

test('a stack has a simple table and a global one of a single replica, and changes them in place', async () => {
  const { client } = node;
  const StackName = 'tables';
  const Capabilities = ['CAPABILITY_AUTO_EXPAND' as const];
  await stacks.createStack({ StackName, Capabilities, TemplateBody: template(global()) });
  const stack = await settled(StackName);
  assert.equal(stack.StackStatus, 'CREATE_COMPLETE', stack.StackStatusReason);
  const outputs = Object.fromEntries(stack.Outputs!.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
  const { Table } = await client.describeTable({ TableName: outputs.Name! });
  assert.deepEqual([Table?.TableArn, Table?.KeySchema], [outputs.Arn, [{ AttributeName: 'device', KeyType: 'HASH' }]]);
  const before = (await client.describeTable({ TableName: 'global' })).Table!;
  assert.deepEqual([before.LatestStreamArn, before.TableId], [outputs.Stream, outputs.Id]);

  const replica = {
    Region: 'us-east-1',
    DeletionProtectionEnabled: false,
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
  };
  const changed = { TimeToLiveSpecification: { AttributeName: 'until', Enabled: true } };
  await stacks.updateStack({ StackName, Capabilities, TemplateBody: template(global(changed, [replica])) });
  assert.equal((await settled(StackName)).StackStatus, 'UPDATE_COMPLETE');
  assert.equal((await client.describeTable({ TableName: 'global' })).Table!.TableId, before.TableId);
  const { ContinuousBackupsDescription } = await client.describeContinuousBackups({ TableName: 'global' });
  assert.equal(ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus, 'ENABLED');
  const two = [{ Region: 'us-east-1' }, { Region: 'eu-west-1' }];
  await stacks.updateStack({ StackName, Capabilities, TemplateBody: template(global({}, two)) });
  assert.equal((await settled(StackName)).StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  await stacks.deleteStack({ StackName });
  await eventually(
    () => client.listTables({}),
    ({ TableNames }) => TableNames!.length === 0,
  );
});

const resource = (Properties: object, more: object = {}) =>
  JSON.stringify({ Resources: { Table: { Type: 'AWS::DynamoDB::Table', Properties }, ...more } });

test('a stack changes all of a table that can be changed at once, and takes it back', async () => {
  const { client } = node;
  const StackName = 'changes';
  const key = (name: string) => [{ AttributeName: name, KeyType: 'HASH' }];
  const units = (count: number) => ({ ReadCapacityUnits: count, WriteCapacityUnits: count });
  const definitions = (...names: string[]) => names.map((name) => ({ AttributeName: name, AttributeType: 'S' }));
  const index = (name: string, more: object = {}) => ({
    IndexName: `by-${name}`,
    KeySchema: key(name),
    Projection: { ProjectionType: 'ALL' },
    ...more,
  });
  const onDemand = {
    TableName: 'changed',
    KeySchema: key('h'),
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: definitions('h', 'a'),
    GlobalSecondaryIndexes: [index('a')],
    OnDemandThroughput: { MaxReadRequestUnits: 500 },
    StreamSpecification: { StreamViewType: 'NEW_IMAGE' },
  };
  const provisioned = {
    TableName: 'changed',
    KeySchema: key('h'),
    ProvisionedThroughput: units(7),
    AttributeDefinitions: definitions('h', 'a', 'b'),
    GlobalSecondaryIndexes: [
      index('a', { ProvisionedThroughput: units(8) }),
      index('b', { ProvisionedThroughput: units(9) }),
    ],
    DeletionProtectionEnabled: true,
    TableClass: 'STANDARD_INFREQUENT_ACCESS',
    StreamSpecification: { StreamViewType: 'OLD_IMAGE' },
  };
  const described = async () => {
    const { Table } = await client.describeTable({ TableName: 'changed' });
    const { BillingModeSummary, ProvisionedThroughput, GlobalSecondaryIndexes = [], TableClassSummary } = Table!;
    return [
      BillingModeSummary?.BillingMode,
      ProvisionedThroughput?.ReadCapacityUnits,
      GlobalSecondaryIndexes.map((one) => [one.IndexName, one.ProvisionedThroughput?.ReadCapacityUnits]),
      Table!.OnDemandThroughput?.MaxReadRequestUnits ?? -1,
      Table!.DeletionProtectionEnabled,
      TableClassSummary?.TableClass ?? 'STANDARD',
      Table!.StreamSpecification?.StreamViewType,
    ];
  };
  const first = ['PAY_PER_REQUEST', 0, [['by-a', 0]], 500, false, 'STANDARD', 'NEW_IMAGE'];
  await stacks.createStack({ StackName, TemplateBody: resource(onDemand) });
  assert.equal((await settled(StackName)).StackStatus, 'CREATE_COMPLETE');
  assert.deepEqual(await described(), first);

  // It fails half way: an index of a name that AWS does not take is the last thing that an update makes.
  const wrong = { ...provisioned, GlobalSecondaryIndexes: [...provisioned.GlobalSecondaryIndexes, index('c!')] };
  await stacks.updateStack({ StackName, TemplateBody: resource(wrong) });
  const failed = await settled(StackName);
  assert.equal(failed.StackStatus, 'UPDATE_ROLLBACK_COMPLETE', failed.StackStatusReason);
  assert.deepEqual(await described(), first);

  await stacks.updateStack({ StackName, TemplateBody: resource(provisioned) });
  const updated = await settled(StackName);
  assert.equal(updated.StackStatus, 'UPDATE_COMPLETE', updated.StackStatusReason);
  const [, ...second] = await described();
  const indexes = [
    ['by-a', 8],
    ['by-b', 9],
  ];
  assert.deepEqual(second, [7, indexes, -1, true, 'STANDARD_INFREQUENT_ACCESS', 'OLD_IMAGE']);

  await stacks.updateStack({ StackName, TemplateBody: resource(onDemand) });
  const back = await settled(StackName);
  assert.equal(back.StackStatus, 'UPDATE_COMPLETE', back.StackStatusReason);
  assert.deepEqual(await described(), first);
  await stacks.deleteStack({ StackName });
});

test('a stack fills a table from a bucket, and gives it a policy, insights and warm throughput', async () => {
  const { client } = node;
  const StackName = 'filled';
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const s3 = new S3({ endpoint: node.node.endpoints.http, region: 'us-east-1', credentials, forcePathStyle: true });
  await s3.createBucket({ Bucket: 'fillings' });
  await s3.putObject({ Bucket: 'fillings', Key: 'in/one.csv', Body: 'h,name\n1,one\n2,two\n' });
  s3.destroy();
  const table = {
    TableName: 'filled',
    KeySchema: [{ AttributeName: 'h', KeyType: 'HASH' }],
    AttributeDefinitions: [{ AttributeName: 'h', AttributeType: 'S' }],
    BillingMode: 'PAY_PER_REQUEST',
    StreamSpecification: { StreamViewType: 'NEW_IMAGE' },
    SSESpecification: { SSEEnabled: false },
    ImportSourceSpecification: {
      S3BucketSource: { S3Bucket: 'fillings', S3KeyPrefix: 'in/' },
      InputFormat: 'CSV',
      InputCompressionType: 'NONE',
    },
    Tags: [{ Key: 'team', Value: 'a' }],
  };
  const statement = { Effect: 'Allow', Principal: '*', Action: 'dynamodb:GetItem', Resource: '*' };
  const more = {
    ResourcePolicy: { PolicyDocument: { Version: '2012-10-17', Statement: [statement] } },
    ContributorInsightsSpecification: { Enabled: true },
    WarmThroughput: { ReadUnitsPerSecond: 13_000, WriteUnitsPerSecond: 5_000 },
  };
  await stacks.createStack({ StackName, TemplateBody: resource({ ...table, ...more }) });
  const made = await settled(StackName);
  assert.equal(made.StackStatus, 'CREATE_COMPLETE', made.StackStatusReason);
  const { Item } = await client.getItem({ TableName: 'filled', Key: { h: { S: '2' } } });
  assert.deepEqual(Item, { h: { S: '2' }, name: { S: 'two' } });
  const { Table } = await client.describeTable({ TableName: 'filled' });
  const ResourceArn = Table!.TableArn!;
  assert.deepEqual(
    [Table!.StreamSpecification?.StreamViewType, Table!.WarmThroughput?.ReadUnitsPerSecond],
    ['NEW_IMAGE', 13_000],
  );
  assert.deepEqual((await client.listTagsOfResource({ ResourceArn })).Tags, table.Tags);
  assert.match((await client.getResourcePolicy({ ResourceArn })).Policy!, /dynamodb:GetItem/);
  const insights = async () =>
    (await client.describeContributorInsights({ TableName: 'filled' })).ContributorInsightsStatus;
  assert.equal(await insights(), 'ENABLED');

  // Tables have no keys of KMS: what was taken away before comes back.
  const SSESpecification = { SSEEnabled: true };
  await stacks.updateStack({ StackName, TemplateBody: resource({ ...table, SSESpecification }) });
  assert.equal((await settled(StackName)).StackStatus, 'UPDATE_ROLLBACK_COMPLETE');
  assert.match((await client.getResourcePolicy({ ResourceArn })).Policy!, /dynamodb:GetItem/);

  await stacks.updateStack({ StackName, TemplateBody: resource(table) });
  assert.equal((await settled(StackName)).StackStatus, 'UPDATE_COMPLETE');
  await assert.rejects(client.getResourcePolicy({ ResourceArn }), { name: 'PolicyNotFoundException' });
  assert.equal(await insights(), 'DISABLED');
  await stacks.deleteStack({ StackName });
});
