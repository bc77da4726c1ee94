import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CloudFormation } from '@aws-sdk/client-cloudformation';
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
