import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { S3 } from '@aws-sdk/client-s3';
import { eventually, named, TablesNode } from './support.ts';

let node: TablesNode;
let s3: S3;

before(async () => {
  node = await TablesNode.start();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  s3 = new S3({ endpoint: node.node.endpoints.http, region: 'us-east-1', forcePathStyle: true, credentials });
  await s3.createBucket({ Bucket: 'lake' });
});
after(async () => {
  s3.destroy();
  await node[Symbol.asyncDispose]();
});

const bytesOf = async (Key: string) =>
  Buffer.from(await (await s3.getObject({ Bucket: 'lake', Key })).Body!.transformToByteArray());

const ended = (ImportArn: string) =>
  eventually(
    () => node.client.describeImport({ ImportArn }),
    ({ ImportTableDescription }) => ImportTableDescription?.ImportStatus !== 'IN_PROGRESS',
  );

test('a table is exported as AWS lays it out, and imported again as it was', async () => {
  const { client } = node;
  const TableName = await node.table('h:S r:N');
  const items = Array.from({ length: 20 }, (_, at) => ({
    h: { S: `h${at}` },
    r: { N: `${at}.5` },
    b: { B: Uint8Array.of(at, 255) },
    deep: { M: { list: { L: [{ NULL: true }, { NS: ['1', '2'] }, { BOOL: false }] } } },
  }));
  for (const Item of items) await client.putItem({ TableName, Item: Item as never });
  const TableArn = `arn:aws:dynamodb:us-east-1:000000000000:table/${TableName}`;
  const request = { TableArn, S3Bucket: 'lake', S3Prefix: 'daily', ClientToken: 'once' };
  await assert.rejects(client.exportTableToPointInTime(request), named('PointInTimeRecoveryUnavailableException'));
  const PointInTimeRecoverySpecification = { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 7 };
  await client.updateContinuousBackups({ TableName, PointInTimeRecoverySpecification });
  // An export of all would be one of more than was asked for.
  const filtered = { ...request, FilterSpecification: { FilterExpression: 'attribute_exists(b)' } };
  await assert.rejects(client.exportTableToPointInTime(filtered), named('ValidationException', /not built/));
  const { ExportArn } = (await client.exportTableToPointInTime(request)).ExportDescription!;
  assert.equal((await client.exportTableToPointInTime(request)).ExportDescription?.ExportArn, ExportArn);
  await assert.rejects(
    client.exportTableToPointInTime({ ...request, S3Prefix: 'other' }),
    named('ExportConflictException'),
  );
  const { ExportDescription } = await eventually(
    () => client.describeExport({ ExportArn }),
    ({ ExportDescription }) => ExportDescription?.ExportStatus !== 'IN_PROGRESS',
  );
  assert.equal(ExportDescription?.ExportStatus, 'COMPLETED');
  assert.equal(ExportDescription.ItemCount, 20);
  const folder = `daily/AWSDynamoDB/${ExportArn!.split('/').at(-1)}`;
  assert.equal(ExportDescription.ExportManifest, `${folder}/manifest-summary.json`);
  const summary = await bytesOf(`${folder}/manifest-summary.json`);
  assert.equal(
    `${await bytesOf(`${folder}/manifest-summary.md5`)}`,
    createHash('md5').update(summary).digest('base64'),
  );
  const { manifestFilesS3Key, itemCount } = JSON.parse(`${summary}`);
  assert.equal(itemCount, 20);
  const file = JSON.parse(`${await bytesOf(manifestFilesS3Key)}`);
  const data = await bytesOf(file.dataFileS3Key);
  assert.equal(file.md5Checksum, createHash('md5').update(data).digest('base64'));
  assert.equal(`${gunzipSync(data)}`.trim().split('\n').length, 20);
  assert.equal((await client.listExports({ TableArn })).ExportSummaries?.length, 1);

  const { ImportArn } = (
    await client.importTable({
      S3BucketSource: { S3Bucket: 'lake', S3KeyPrefix: `${folder}/data/` },
      InputFormat: 'DYNAMODB_JSON',
      InputCompressionType: 'GZIP',
      TableCreationParameters: {
        TableName: 'imported',
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [
          { AttributeName: 'h', AttributeType: 'S' },
          { AttributeName: 'r', AttributeType: 'N' },
        ],
        KeySchema: [
          { AttributeName: 'h', KeyType: 'HASH' },
          { AttributeName: 'r', KeyType: 'RANGE' },
        ],
      },
    })
  ).ImportTableDescription!;
  const { ImportTableDescription } = await ended(ImportArn!);
  assert.deepEqual(
    [
      ImportTableDescription?.ImportStatus,
      ImportTableDescription?.ImportedItemCount,
      ImportTableDescription?.ErrorCount,
    ],
    ['COMPLETED', 20, 0],
  );
  const { Items } = await client.scan({ TableName: 'imported' });
  const sorted = (list: readonly any[]) => [...list].sort((a, b) => Number(a.r.N) - Number(b.r.N));
  assert.deepEqual(sorted(Items!), items);
});

test('comma-separated values become items, and what is none is counted', async () => {
  const { client } = node;
  const text = 'id,n,note\na,1,"two\nlines, ""quoted"""\nb,x,bad number\nc,3,\n,4,no key\n';
  await s3.putObject({ Bucket: 'lake', Key: 'csv/1.csv.gz', Body: gzipSync(text) });
  const { ImportArn } = (
    await client.importTable({
      S3BucketSource: { S3Bucket: 'lake', S3KeyPrefix: 'csv/' },
      InputFormat: 'CSV',
      InputCompressionType: 'GZIP',
      TableCreationParameters: {
        TableName: 'from-csv',
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [
          { AttributeName: 'id', AttributeType: 'S' },
          { AttributeName: 'n', AttributeType: 'N' },
        ],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        GlobalSecondaryIndexes: [
          {
            IndexName: 'by-n',
            KeySchema: [{ AttributeName: 'n', KeyType: 'HASH' }],
            Projection: { ProjectionType: 'ALL' },
          },
        ],
      },
    })
  ).ImportTableDescription!;
  const { ImportTableDescription } = await ended(ImportArn!);
  assert.deepEqual(
    [
      ImportTableDescription?.ProcessedItemCount,
      ImportTableDescription?.ImportedItemCount,
      ImportTableDescription?.ErrorCount,
    ],
    [4, 2, 2],
  );
  const { Item } = await client.getItem({ TableName: 'from-csv', Key: { id: { S: 'a' } } });
  assert.deepEqual(Item, { id: { S: 'a' }, n: { N: '1' }, note: { S: 'two\nlines, "quoted"' } });
});

test('an import from a bucket that is not there fails and leaves no table', async () => {
  const { client } = node;
  const { ImportArn } = (
    await client.importTable({
      S3BucketSource: { S3Bucket: 'nowhere' },
      InputFormat: 'DYNAMODB_JSON',
      TableCreationParameters: {
        TableName: 'never',
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      },
    })
  ).ImportTableDescription!;
  const { ImportTableDescription } = await ended(ImportArn!);
  assert.deepEqual(
    [ImportTableDescription?.ImportStatus, ImportTableDescription?.FailureCode],
    ['FAILED', 'S3NoSuchBucket'],
  );
  await eventually(
    () => client.listTables({}),
    ({ TableNames }) => !TableNames!.includes('never'),
  );
});

/** Imports what was put below a prefix into a table of its name. */
async function imported(name: string, InputFormat: 'CSV' | 'DYNAMODB_JSON', InputCompressionType?: 'GZIP' | 'ZSTD') {
  const { ImportTableDescription } = await node.client.importTable({
    S3BucketSource: { S3Bucket: 'lake', S3KeyPrefix: `${name}/` },
    InputFormat,
    ...(InputCompressionType && { InputCompressionType }),
    TableCreationParameters: {
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'h', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'h', KeyType: 'HASH' }],
    },
  });
  return (await ended(ImportTableDescription!.ImportArn!)).ImportTableDescription!;
}

const putFile = (name: string, Body: string | Uint8Array) =>
  s3.putObject({ Bucket: 'lake', Key: `${name}/file`, Body });

test('lines whose attributes have no type, several or a value of another type are counted as errors', async () => {
  const wrong = [
    { S: 5 },
    { N: 5 },
    { BOOL: 'true' },
    { SS: [5] },
    { L: ['x'] },
    { M: null },
    { M: [] },
    { FOO: 1 },
    { S: 'x', N: '1' },
    {},
    null,
    'text',
    5,
  ];
  const lines = wrong.map((value, at) => JSON.stringify({ Item: { h: { S: `${at}` }, value } }));
  const depth = 500_000;
  lines.push(`{"Item":{"h":{"S":"deep"},"value":${'{"L":['.repeat(depth)}${']}'.repeat(depth)}}}`);
  await putFile('wrong-types', [...lines, '[]', 'null', '{"Item":{"h":{"S":"good"}}}'].join('\r\n'));
  const { ImportStatus, ImportedItemCount, ErrorCount } = await imported('wrong-types', 'DYNAMODB_JSON');
  assert.deepEqual([ImportStatus, ImportedItemCount, ErrorCount], ['COMPLETED', 1, lines.length + 2]);
});

test('a line without an end fails an import before it fills the memory', async () => {
  const part = gzipSync(Buffer.alloc(32 * 1024 * 1024, 'x'));
  await putFile('endless', Buffer.concat(Array.from({ length: 20 }, () => part)));
  const { ImportStatus, FailureCode } = await imported('endless', 'DYNAMODB_JSON', 'GZIP');
  assert.deepEqual([ImportStatus, FailureCode], ['FAILED', 'InvalidSource']);
});

test('a quote that stays open costs what its bytes cost', async () => {
  await putFile('open-quote', `h,note\na,"${'\n'.repeat(2_000_000)}`);
  const { ImportStatus, ErrorCount } = await imported('open-quote', 'CSV');
  assert.deepEqual([ImportStatus, ErrorCount], ['COMPLETED', 1]);
});

test('a damaged file fails an import, whatever it is compressed with', async () => {
  for (const [type, compress] of [
    ['GZIP', gzipSync],
    ['ZSTD', zstdCompressSync],
  ] as const) {
    for (const [damage, bytes] of [
      ['cut', compress(Buffer.from('{"Item":{"h":{"S":"a"}}}\n'.repeat(1000))).subarray(0, -5)],
      ['other', Buffer.from('not compressed at all')],
    ] as const) {
      const name = `damaged-${type}-${damage}`;
      await putFile(name, bytes);
      const { ImportStatus, FailureCode } = await imported(name, 'DYNAMODB_JSON', type);
      assert.deepEqual([name, ImportStatus, FailureCode], [name, 'FAILED', 'InvalidSource']);
    }
  }
});
