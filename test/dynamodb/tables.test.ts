import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitUntilTableExists, waitUntilTableNotExists } from '@aws-sdk/client-dynamodb';
import { eventually, named, TablesNode } from './support.ts';

let node: TablesNode;

before(async () => {
  node = await TablesNode.start();
});
after(() => node[Symbol.asyncDispose]());

const tableOf = async (TableName: string) => (await node.client.describeTable({ TableName })).Table!;

test('a table is CREATING in the answer, ACTIVE right after, and gone when it was deleted', async () => {
  const { client } = node;
  const created = await client.createTable({
    TableName: 'life',
    AttributeDefinitions: [{ AttributeName: 'h', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'h', KeyType: 'HASH' }],
    ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: 6 },
    Tags: [{ Key: 'team', Value: 'edge' }],
  });
  assert.equal(created.TableDescription?.TableStatus, 'CREATING');
  await waitUntilTableExists({ client, maxWaitTime: 30 }, { TableName: 'life' });
  const table = await tableOf('life');
  assert.equal(table.TableStatus, 'ACTIVE');
  assert.equal(table.TableArn, 'arn:aws:dynamodb:us-east-1:000000000000:table/life');
  assert.equal(table.ProvisionedThroughput?.WriteCapacityUnits, 6);
  assert.equal((await tableOf(table.TableArn!)).TableId, table.TableId);
  assert.ok((await client.listTables({})).TableNames?.includes('life'));
  await assert.rejects(
    client.createTable({
      TableName: 'life',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'h', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'h', KeyType: 'HASH' }],
    }),
    named('ResourceInUseException', 'Table already exists: life'),
  );
  const deleted = await client.deleteTable({ TableName: 'life' });
  assert.equal(deleted.TableDescription?.TableStatus, 'DELETING');
  await waitUntilTableNotExists({ client, maxWaitTime: 30 }, { TableName: 'life' });
  await assert.rejects(
    client.describeTable({ TableName: 'life' }),
    named('ResourceNotFoundException', 'Requested resource not found: Table: life not found'),
  );
});

test('an index that is added to a full table finds what was there and what comes meanwhile, and goes again', async () => {
  const TableName = await node.table('h:S');
  const put = (h: string, g: string) =>
    node.client.putItem({ TableName, Item: { h: { S: h }, g: { S: g }, x: { N: '1' } } });
  await Promise.all(Array.from({ length: 300 }, (_, at) => put(`before-${at}`, 'a')));
  await node.client.putItem({ TableName, Item: { h: { S: 'sparse' } } });
  const created = await node.client.updateTable({
    TableName,
    AttributeDefinitions: [{ AttributeName: 'g', AttributeType: 'S' }],
    GlobalSecondaryIndexUpdates: [
      {
        Create: {
          IndexName: 'by-g',
          KeySchema: [{ AttributeName: 'g', KeyType: 'HASH' }],
          Projection: { ProjectionType: 'KEYS_ONLY' },
        },
      },
    ],
  });
  assert.equal(created.TableDescription?.GlobalSecondaryIndexes?.[0]?.IndexStatus, 'CREATING');
  await Promise.all(Array.from({ length: 100 }, (_, at) => put(`before-${at}`, 'b')));
  await eventually(
    () => tableOf(TableName),
    ({ GlobalSecondaryIndexes }) => GlobalSecondaryIndexes?.[0]?.IndexStatus === 'ACTIVE',
  );
  const count = async (g: string) => {
    const { Count } = await node.client.query({
      TableName,
      IndexName: 'by-g',
      KeyConditionExpression: 'g = :g',
      ExpressionAttributeValues: { ':g': { S: g } },
      Select: 'COUNT',
    });
    return Count;
  };
  assert.deepEqual([await count('a'), await count('b')], [200, 100]);
  await assert.rejects(
    node.client.putItem({ TableName, Item: { h: { S: 'x' }, g: { N: '1' } } }),
    named(
      'ValidationException',
      'One or more parameter values were invalid: Type mismatch for Index Key g Expected: S Actual: N IndexName: by-g',
    ),
  );
  const table = await tableOf(TableName);
  assert.deepEqual([table.ItemCount, table.GlobalSecondaryIndexes?.[0]?.ItemCount], [301, 300]);
  await node.client.updateTable({ TableName, GlobalSecondaryIndexUpdates: [{ Delete: { IndexName: 'by-g' } }] });
  assert.equal((await tableOf(TableName)).GlobalSecondaryIndexes, undefined);
  assert.deepEqual((await tableOf(TableName)).AttributeDefinitions, [{ AttributeName: 'h', AttributeType: 'S' }]);
});

test('a table as it was is restored from a backup and from a moment, while it is written', async () => {
  const { client } = node;
  const TableName = await node.table('h:S', {
    others: 'g:S',
    GlobalSecondaryIndexes: [
      {
        IndexName: 'by-g',
        KeySchema: [{ AttributeName: 'g', KeyType: 'HASH' }],
        Projection: { ProjectionType: 'ALL' },
      },
    ],
  });
  const put = (h: number, g: string) => client.putItem({ TableName, Item: { h: { S: `${h}` }, g: { S: g } } });
  await Promise.all(Array.from({ length: 200 }, (_, at) => put(at, 'old')));
  const described = await client.updateContinuousBackups({
    TableName,
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
  });
  assert.equal(
    described.ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus,
    'ENABLED',
  );
  const { BackupDetails } = await client.createBackup({ TableName, BackupName: 'nightly' });
  const at = new Date();
  await new Promise((resolve) => setTimeout(resolve, 2));
  await Promise.all(Array.from({ length: 100 }, (_, at) => put(at, 'new')));
  await Promise.all(
    Array.from({ length: 50 }, (_, at) => client.deleteItem({ TableName, Key: { h: { S: `${150 + at}` } } })),
  );
  const BackupArn = BackupDetails!.BackupArn!;
  await eventually(
    () => client.describeBackup({ BackupArn }),
    ({ BackupDescription }) => BackupDescription?.BackupDetails?.BackupStatus === 'AVAILABLE',
  );
  await client.restoreTableFromBackup({ TargetTableName: 'from-backup', BackupArn });
  await client.restoreTableToPointInTime({
    SourceTableName: TableName,
    TargetTableName: 'from-moment',
    RestoreDateTime: at,
  });
  await client.restoreTableToPointInTime({
    SourceTableName: TableName,
    TargetTableName: 'from-now',
    UseLatestRestorableTime: true,
  });
  const contents = async (name: string) => {
    await waitUntilTableExists({ client, maxWaitTime: 10, minDelay: 0.05, maxDelay: 0.1 } as never, {
      TableName: name,
    });
    const ofIndex = async (g: string) =>
      (
        await client.query({
          TableName: name,
          IndexName: 'by-g',
          KeyConditionExpression: 'g = :g',
          ExpressionAttributeValues: { ':g': { S: g } },
        })
      ).Count;
    const { Count } = await client.scan({ TableName: name });
    return [Count, await ofIndex('old'), await ofIndex('new')];
  };
  assert.deepEqual(await contents('from-backup'), [200, 200, 0]);
  assert.deepEqual(await contents('from-moment'), [200, 200, 0]);
  assert.deepEqual(await contents('from-now'), [150, 50, 100]);
  const { Table } = await client.describeTable({ TableName: 'from-backup' });
  assert.equal(Table?.RestoreSummary?.SourceBackupArn, BackupArn);
  assert.equal((await client.listBackups({ TableName })).BackupSummaries?.length, 1);
  await client.deleteBackup({ BackupArn });
  await assert.rejects(client.describeBackup({ BackupArn }), named('BackupNotFoundException'));
});
