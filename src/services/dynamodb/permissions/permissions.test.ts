import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conditionsOf, rightsOf, testRows } from '../../../../test/support/permissions.ts';
import { OPERATION_NAMES } from '../operations/names.ts';
import { dynamodbPermissions, type GuardedTable } from './index.ts';

const ARN = 'arn:aws:dynamodb:eu-west-1:000000000000:table/orders';
const INDEX = `${ARN}/index/by-day`;
const STREAM = `${ARN}/stream/2026-11-29T08:00:00.000`;
const BACKUP = `${ARN}/backup/01489602797149-73d8d5bc`;
const TARGET = 'arn:aws:dynamodb:eu-west-1:000000000000:table/copy';
const GLOBAL = 'arn:aws:dynamodb::000000000000:global-table/orders';
const TABLE_POLICY = '{"Statement":"of the table"}';
const STREAM_POLICY = '{"Statement":"of the stream"}';
const TableName = 'orders';

const orders: GuardedTable = {
  arn: ARN,
  key: { hash: { name: 'id', type: 'S' }, range: { name: 'seat', type: 'N' } },
  indexes: new Map([['by-day', { key: { hash: { name: 'day', type: 'N' } } }]]),
  definition: {
    tags: { team: 'a' },
    policy: { text: TABLE_POLICY, revision: '1', changedAt: 1 },
    streamPolicy: { text: STREAM_POLICY, revision: '1', changedAt: 1 },
  },
};

const { dynamodb, dynamodbstreams } = dynamodbPermissions((nameOrArn) =>
  nameOrArn === 'orders' || nameOrArn === ARN ? orders : undefined,
);

const onTable = [
  ...['CreateBackup', 'DeleteTable', 'DescribeContinuousBackups', 'DescribeContributorInsights'],
  ...['DescribeKinesisStreamingDestination', 'DescribeTable', 'DescribeTableReplicaAutoScaling', 'DescribeTimeToLive'],
  ...['DisableKinesisStreamingDestination', 'GetItem', 'PutItem', 'UpdateItem'],
  ...['DeleteItem', 'Query', 'Scan', 'UpdateContinuousBackups', 'UpdateContributorInsights', 'UpdateTable'],
  ...['UpdateKinesisStreamingDestination', 'UpdateTableReplicaAutoScaling', 'UpdateTimeToLive', 'CreateTable'],
];
const onAnything = [
  ...['DescribeEndpoints', 'DescribeLimits', 'ListBackups', 'ListContributorInsights', 'ListExports'],
  ...['ListGlobalTables', 'ListImports', 'ListTables'],
];
const filling = ['BatchWriteItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'Scan', 'UpdateItem'].map(
  (name) => `dynamodb:${name} ${TARGET}`,
);
const tags = [{ Key: 'cost', Value: '7' }];

describe('rights of DynamoDB, as the Service Authorization Reference lists them', () => {
  testRows(
    () => dynamodb,
    [
      ...onTable.map((name) => [name, { TableName }, [`dynamodb:${name} ${ARN}`]] as const),
      ...onAnything.map((name) => [name, {}, [`dynamodb:${name} *`]] as const),
      [
        'EnableKinesisStreamingDestination',
        { TableName, StreamArn: 'arn:aws-cn:kinesis:eu-west-1::stream/orders' },
        [
          `dynamodb:EnableKinesisStreamingDestination ${ARN}`,
          ...['DescribeStream', 'PutRecords'].map(
            (name) => `kinesis:${name} arn:aws:kinesis:eu-west-1:000000000000:stream/orders`,
          ),
        ],
      ],
      ['GetItem', { TableName: ARN }, [`dynamodb:GetItem ${ARN}`]],
      ['GetItem', { TableName: 'copy' }, [`dynamodb:GetItem ${TARGET}`]],
      ['Query', { TableName, IndexName: 'by-day' }, [`dynamodb:Query ${INDEX}`]],
      ['Scan', { TableName, IndexName: 'by-day' }, [`dynamodb:Scan ${INDEX}`]],
      [
        'BatchGetItem',
        { RequestItems: { orders: { Keys: [] }, copy: { Keys: [] } } },
        [`dynamodb:BatchGetItem ${ARN}`, `dynamodb:BatchGetItem ${TARGET}`],
      ],
      [
        'BatchWriteItem',
        { RequestItems: { orders: [], copy: [] } },
        [`dynamodb:BatchWriteItem ${ARN}`, `dynamodb:BatchWriteItem ${TARGET}`],
      ],
      [
        'TransactGetItems',
        { TransactItems: [{ Get: { TableName } }, { Get: { TableName: 'copy' } }] },
        [`dynamodb:GetItem ${ARN}`, `dynamodb:GetItem ${TARGET}`],
      ],
      [
        'TransactWriteItems',
        {
          TransactItems: [
            { Put: { TableName } },
            { Update: { TableName } },
            { Delete: { TableName: 'copy' } },
            { ConditionCheck: { TableName: 'copy' } },
          ],
        },
        [
          `dynamodb:PutItem ${ARN}`,
          `dynamodb:UpdateItem ${ARN}`,
          `dynamodb:DeleteItem ${TARGET}`,
          `dynamodb:ConditionCheckItem ${TARGET}`,
        ],
      ],
      ['ExecuteStatement', { Statement: 'SELECT * FROM orders' }, [`dynamodb:PartiQLSelect ${ARN}`]],
      ['ExecuteStatement', { Statement: 'SELECT * FROM "orders"."by-day"' }, [`dynamodb:PartiQLSelect ${INDEX}`]],
      ['ExecuteStatement', { Statement: `INSERT INTO orders VALUE {'id': 'a'}` }, [`dynamodb:PartiQLInsert ${ARN}`]],
      ['ExecuteStatement', { Statement: 'not a statement' }, []],
      [
        'BatchExecuteStatement',
        {
          Statements: [
            { Statement: `UPDATE orders SET v = 1 WHERE id = 'a' AND seat = 1` },
            { Statement: `DELETE FROM copy WHERE id = 'a'` },
          ],
        },
        [`dynamodb:PartiQLUpdate ${ARN}`, `dynamodb:PartiQLDelete ${TARGET}`],
      ],
      [
        'ExecuteTransaction',
        {
          TransactStatements: [
            { Statement: `EXISTS(SELECT * FROM copy WHERE id = 'a')` },
            { Statement: `DELETE FROM orders WHERE id = 'a' AND seat = 1` },
          ],
        },
        [`dynamodb:PartiQLSelect ${TARGET}`, `dynamodb:PartiQLDelete ${ARN}`],
      ],
      ['CreateTable', { TableName, Tags: tags }, [`dynamodb:CreateTable ${ARN}`, `dynamodb:TagResource ${ARN}`]],
      [
        'CreateTable',
        { TableName, ResourcePolicy: '{}' },
        [`dynamodb:CreateTable ${ARN}`, `dynamodb:PutResourcePolicy ${ARN}`],
      ],
      ['DeleteBackup', { BackupArn: BACKUP }, [`dynamodb:DeleteBackup ${BACKUP}`]],
      ['DescribeBackup', { BackupArn: BACKUP }, [`dynamodb:DescribeBackup ${BACKUP}`]],
      [
        'RestoreTableFromBackup',
        { BackupArn: BACKUP, TargetTableName: 'copy' },
        [`dynamodb:RestoreTableFromBackup ${BACKUP}`, `dynamodb:RestoreTableFromBackup ${TARGET}`, ...filling],
      ],
      [
        'RestoreTableToPointInTime',
        { SourceTableArn: ARN, TargetTableName: 'copy' },
        [`dynamodb:RestoreTableToPointInTime ${ARN}`, `dynamodb:RestoreTableToPointInTime ${TARGET}`, ...filling],
      ],
      ['DescribeExport', { ExportArn: `${ARN}/export/1` }, [`dynamodb:DescribeExport ${ARN}/export/1`]],
      ['DescribeImport', { ImportArn: `${ARN}/import/1` }, [`dynamodb:DescribeImport ${ARN}/import/1`]],
      ['ListExports', { TableArn: ARN }, [`dynamodb:ListExports ${ARN}`]],
      ['ListImports', { TableArn: ARN }, [`dynamodb:ListImports ${ARN}`]],
      [
        'ExportTableToPointInTime',
        { TableArn: ARN, S3Bucket: 'b', S3Prefix: 'p' },
        [`dynamodb:ExportTableToPointInTime ${ARN}`, 's3:PutObject arn:aws:s3:::b/p*'],
      ],
      [
        'ImportTable',
        { S3BucketSource: { S3Bucket: 'b' }, TableCreationParameters: { TableName: 'copy' } },
        [`dynamodb:ImportTable ${TARGET}`, 's3:GetObject arn:aws:s3:::b/*', 's3:ListBucket arn:aws:s3:::b'],
      ],
      ['DescribeGlobalTable', { GlobalTableName: 'orders' }, [`dynamodb:DescribeGlobalTable ${GLOBAL}`]],
      [
        'DescribeGlobalTableSettings',
        { GlobalTableName: 'orders' },
        [`dynamodb:DescribeGlobalTableSettings ${GLOBAL}`],
      ],
      ...['CreateGlobalTable', 'UpdateGlobalTable', 'UpdateGlobalTableSettings'].map(
        (name) =>
          [name, { GlobalTableName: 'orders' }, [`dynamodb:${name} ${GLOBAL}`, `dynamodb:${name} ${ARN}`]] as const,
      ),
      ...['DeleteResourcePolicy', 'GetResourcePolicy', 'ListTagsOfResource', 'PutResourcePolicy'].flatMap((name) => [
        [name, { ResourceArn: ARN }, [`dynamodb:${name} ${ARN}`]] as const,
        [name, { ResourceArn: STREAM }, [`dynamodb:${name} ${STREAM}`]] as const,
      ]),
      ['TagResource', { ResourceArn: ARN, Tags: tags }, [`dynamodb:TagResource ${ARN}`]],
      ['UntagResource', { ResourceArn: ARN, TagKeys: ['cost'] }, [`dynamodb:UntagResource ${ARN}`]],
    ],
  );
  testRows(
    () => dynamodbstreams,
    [
      ['DescribeStream', { StreamArn: STREAM }, [`dynamodb:DescribeStream ${STREAM}`]],
      ['GetRecords', { ShardIterator: `${STREAM}|1|AAAA` }, [`dynamodb:GetRecords ${STREAM}`]],
      ['GetShardIterator', { StreamArn: STREAM }, [`dynamodb:GetShardIterator ${STREAM}`]],
      ['ListStreams', {}, ['dynamodb:ListStreams *']],
    ],
  );

  it('every operation has rights', () => {
    assert.deepEqual(Object.keys(dynamodb).sort(), [...OPERATION_NAMES.dynamodb]);
    assert.deepEqual(Object.keys(dynamodbstreams).sort(), [...OPERATION_NAMES.dynamodbstreams]);
  });

  it('a table has its policy, and its stream another', async () => {
    const policyOf = async (...[permissions, name, input]: Parameters<typeof rightsOf>) =>
      (await rightsOf(permissions, name, input))[0]!.resourcePolicy;
    assert.equal(await policyOf(dynamodb, 'GetItem', { TableName }), TABLE_POLICY);
    assert.equal(await policyOf(dynamodb, 'Query', { TableName, IndexName: 'by-day' }), TABLE_POLICY);
    assert.equal(await policyOf(dynamodbstreams, 'GetRecords', { ShardIterator: `${STREAM}|1|A` }), STREAM_POLICY);
  });
});

describe('condition keys of items', () => {
  const key = { id: { S: 'mine' }, seat: { N: '7' } };
  const tag = { 'aws:ResourceTag/team': 'a' };
  const plain = { 'dynamodb:ReturnConsumedCapacity': 'NONE' };

  it('a read has its partition key, its attributes and what it selects', async () => {
    const whole = await conditionsOf(dynamodb, 'GetItem', { TableName, Key: key });
    assert.deepEqual(whole, {
      ...{ ...tag, ...plain, 'dynamodb:LeadingKeys': ['mine'], 'dynamodb:Attributes': ['id', 'seat'] },
      'dynamodb:Select': 'ALL_ATTRIBUTES',
    });
    const part = await conditionsOf(dynamodb, 'GetItem', {
      ...{ TableName, Key: key, ProjectionExpression: '#n.x[0], price' },
      ...{ ExpressionAttributeNames: { '#n': 'name' }, ReturnConsumedCapacity: 'TOTAL' },
    });
    assert.deepEqual(part['dynamodb:Attributes'], ['id', 'seat', 'name', 'price']);
    assert.equal(part['dynamodb:Select'], 'SPECIFIC_ATTRIBUTES');
    assert.equal(part['dynamodb:ReturnConsumedCapacity'], 'TOTAL');
  });

  it('an update names what it writes, what it reads and what it asks', async () => {
    const found = await conditionsOf(dynamodb, 'UpdateItem', {
      ...{ TableName, Key: key, ReturnValues: 'UPDATED_NEW' },
      UpdateExpression: 'SET a = secret, b.c = if_not_exists(d, :v) + e REMOVE f ADD g :v',
      ConditionExpression: 'attribute_exists(h) AND NOT (size(i) > :v OR j IN (:v, k))',
    });
    const named = found['dynamodb:Attributes'] as readonly string[];
    assert.equal([...named].sort().join(), 'a,b,d,e,f,g,h,i,id,j,k,seat,secret');
    assert.equal(found['dynamodb:ReturnValues'], 'UPDATED_NEW');
  });

  it('the older parameters name attributes too', async () => {
    const update = { TableName, Key: key, AttributeUpdates: { a: {} }, Expected: { b: {} } };
    assert.deepEqual((await conditionsOf(dynamodb, 'UpdateItem', update))['dynamodb:Attributes'], [
      'id',
      'seat',
      'a',
      'b',
    ]);
    const scan = { TableName, AttributesToGet: ['a'], ScanFilter: { b: {} } };
    const found = await conditionsOf(dynamodb, 'Scan', scan);
    assert.deepEqual(found['dynamodb:Attributes'], ['a', 'b']);
    assert.equal(found['dynamodb:LeadingKeys'], undefined);
  });

  it('a query has the partition that it reads, of the table or of an index, however the number is written', async () => {
    const ofTable = await conditionsOf(dynamodb, 'Query', {
      ...{ TableName, KeyConditionExpression: 'id = :id AND seat > :seat' },
      ExpressionAttributeValues: { ':id': { S: 'mine' }, ':seat': { N: '1' } },
    });
    assert.deepEqual(ofTable['dynamodb:LeadingKeys'], ['mine']);
    assert.deepEqual(ofTable['dynamodb:Attributes'], ['id', 'seat']);
    const ofIndex = await conditionsOf(dynamodb, 'Query', {
      ...{ TableName, IndexName: 'by-day', KeyConditionExpression: '#d = :d' },
      ...{ ExpressionAttributeNames: { '#d': 'day' }, ExpressionAttributeValues: { ':d': { N: '020.0' } } },
    });
    assert.deepEqual(ofIndex['dynamodb:LeadingKeys'], ['20']);
    assert.equal(ofIndex['dynamodb:Select'], 'ALL_PROJECTED_ATTRIBUTES');
    const legacy = await conditionsOf(dynamodb, 'Query', {
      TableName,
      KeyConditions: { id: { ComparisonOperator: 'EQ', AttributeValueList: [{ S: 'mine' }] } },
    });
    assert.deepEqual(legacy['dynamodb:LeadingKeys'], ['mine']);
  });

  it('a batch has all keys of a table', async () => {
    const other = { id: { S: 'yours' }, seat: { N: '7' } };
    const gets = await conditionsOf(dynamodb, 'BatchGetItem', {
      RequestItems: { orders: { Keys: [key, other], ProjectionExpression: 'price' } },
    });
    assert.deepEqual(gets['dynamodb:LeadingKeys'], ['mine', 'yours']);
    assert.deepEqual(gets['dynamodb:Attributes'], ['price', 'id', 'seat']);
    const writes = await conditionsOf(dynamodb, 'BatchWriteItem', {
      RequestItems: { orders: [{ PutRequest: { Item: { ...key, v: { S: '' } } } }, { DeleteRequest: { Key: other } }] },
    });
    assert.deepEqual(writes['dynamodb:LeadingKeys'], ['mine', 'yours']);
    assert.deepEqual(writes['dynamodb:Attributes'], ['id', 'seat', 'v']);
  });

  it('an entry of a transaction has its own keys, and the transaction', async () => {
    const other = { id: { S: 'yours' } };
    const rights = await rightsOf(dynamodb, 'TransactWriteItems', {
      TransactItems: [{ Put: { TableName, Item: key } }, { ConditionCheck: { TableName, Key: other } }],
    });
    assert.deepEqual(
      rights.map(({ context }) => [context!['dynamodb:LeadingKeys'], context!['dynamodb:EnclosingOperation']]),
      [
        [['mine'], 'TransactWriteItems'],
        [['yours'], 'TransactWriteItems'],
      ],
    );
  });

  it('a statement has its partitions, its attributes, and whether it looks at all rows', async () => {
    const keyed = await conditionsOf(dynamodb, 'ExecuteStatement', {
      ...{ Statement: `SELECT price FROM orders WHERE id IN ['a', ?] AND hidden = 1`, Parameters: [{ S: 'b' }] },
    });
    assert.deepEqual(keyed, {
      ...tag,
      'dynamodb:LeadingKeys': ['a', 'b'],
      'dynamodb:FullTableScan': 'false',
      'dynamodb:Attributes': ['id', 'hidden', 'price'],
      'dynamodb:Select': 'SPECIFIC_ATTRIBUTES',
    });
    const all = await conditionsOf(dynamodb, 'ExecuteStatement', { Statement: 'SELECT * FROM orders' });
    assert.equal(all['dynamodb:FullTableScan'], 'true');
    assert.equal(all['dynamodb:LeadingKeys'], undefined);
    const update = await conditionsOf(dynamodb, 'ExecuteTransaction', {
      TransactStatements: [
        { Statement: `UPDATE orders SET v = secret WHERE id = 'a' AND seat = 1 RETURNING MODIFIED NEW *` },
      ],
    });
    assert.deepEqual(update, {
      ...tag,
      'dynamodb:LeadingKeys': ['a'],
      'dynamodb:Attributes': ['id', 'seat', 'v', 'secret'],
      'dynamodb:ReturnValues': 'UPDATED_NEW',
      'dynamodb:EnclosingOperation': 'ExecuteTransaction',
    });
    const insert = await conditionsOf(dynamodb, 'ExecuteStatement', {
      Statement: `INSERT INTO orders VALUE {'id': 'a', 'seat': 1, 'v': 2}`,
    });
    assert.deepEqual(insert['dynamodb:LeadingKeys'], ['a']);
    assert.deepEqual(insert['dynamodb:Attributes'], ['id', 'seat', 'v']);
  });

  it('what the operation will refuse is no failure here', async () => {
    const bad = { TableName, KeyConditionExpression: 'id = = :x', ProjectionExpression: ',' };
    assert.equal((await conditionsOf(dynamodb, 'Query', bad))['dynamodb:LeadingKeys'], undefined);
    await rightsOf(dynamodb, 'GetItem', { TableName: 'arn:aws:nonsense' });
  });
});
