/** Batches of which some entries may be: those are carried out, the others are answered for. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as ddb from '@aws-sdk/client-dynamodb';
import * as iam from '@aws-sdk/client-iam';
import * as s3 from '@aws-sdk/client-s3';
import * as secrets from '@aws-sdk/client-secrets-manager';
import type { Node } from '../../src/node/index.ts';
import { securedNode } from '../support/in-process.ts';
import { ROOT } from './secured-node.ts';

const USER = 'arn:aws:iam::000000000000:user/cleaner';

let node: Node;
let directory: string;
let keys: { accessKeyId: string; secretAccessKey: string };
let root: iam.IAMClient;
let bucket: s3.S3Client;
let tables: ddb.DynamoDBClient;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-batches-'));
  const audit = { events: 'management', files: 2 } as const;
  node = await securedNode(directory, ROOT, { audit });
  root = new iam.IAMClient(options(ROOT));
  bucket = new s3.S3Client({ ...options(ROOT), forcePathStyle: true });
  tables = new ddb.DynamoDBClient(options(ROOT));
  await root.send(new iam.CreateUserCommand({ UserName: 'cleaner' }));
  const { AccessKey } = await root.send(new iam.CreateAccessKeyCommand({ UserName: 'cleaner' }));
  keys = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
});
after(async () => {
  for (const client of [root, bucket, tables]) client?.destroy();
  await node?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

function options(credentials: typeof ROOT) {
  return { endpoint: node.endpoint, region: 'us-east-1', credentials: { ...credentials }, maxAttempts: 1 };
}

async function allow(...Statement: readonly object[]): Promise<void> {
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  await root.send(new iam.PutUserPolicyCommand({ UserName: 'cleaner', PolicyName: 'own', PolicyDocument }));
}

const refusal = (action: string, resource: string) =>
  `User: ${USER} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`;

test('DeleteObjects deletes what may be deleted and says AccessDenied of each other key', async () => {
  await bucket.send(new s3.CreateBucketCommand({ Bucket: 'shared' }));
  for (const Key of ['own/a', 'own/b', 'others/c'])
    await bucket.send(new s3.PutObjectCommand({ Bucket: 'shared', Key, Body: 'x' }));
  await allow({ Effect: 'Allow', Action: 's3:DeleteObject', Resource: 'arn:aws:s3:::shared/own/*' });
  const client = new s3.S3Client({ ...options(keys), forcePathStyle: true });
  const remove = (...names: string[]) =>
    client.send(new s3.DeleteObjectsCommand({ Bucket: 'shared', Delete: { Objects: names.map((Key) => ({ Key })) } }));
  const some = await remove('own/a', 'others/c', 'own/b');
  assert.deepEqual(some.Deleted?.map(({ Key }) => Key).sort(), ['own/a', 'own/b']);
  const Message = refusal('s3:DeleteObject', 'arn:aws:s3:::shared/others/c');
  assert.deepEqual(some.Errors, [{ Key: 'others/c', Code: 'AccessDenied', Message }]);
  const version = { Key: 'own/a', VersionId: 'null' };
  const { Deleted, Errors } = await client.send(
    new s3.DeleteObjectsCommand({ Bucket: 'shared', Delete: { Objects: [version] } }),
  );
  assert.deepEqual([Deleted, Errors?.[0]?.Code, Errors?.[0]?.VersionId], [undefined, 'AccessDenied', 'null']);
  client.destroy();
  const { Contents } = await bucket.send(new s3.ListObjectsV2Command({ Bucket: 'shared' }));
  assert.deepEqual(
    Contents?.map(({ Key }) => Key),
    ['others/c'],
  );
  const file = (await readdir(join(directory, 'audit'))).find((name) => name.startsWith('refused-'));
  const lines = (await readFile(join(directory, 'audit', file!), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const kept = lines.find(({ eventName }) => eventName === 'DeleteObjects');
  assert.deepEqual([kept.errorCode, kept.errorMessage], ['AccessDenied', Message]);
});

test('nobody deletes objects of a bucket without a policy that lets anybody', async () => {
  await bucket.send(new s3.PutObjectCommand({ Bucket: 'shared', Key: 'kept', Body: 'x' }));
  const body = '<Delete><Object><Key>kept</Key></Object></Delete>';
  const response = await fetch(`${node.endpoint}/shared?delete`, { method: 'POST', body });
  const text = await response.text();
  assert.match(text, /<Code>AccessDenied<\/Code>/);
  assert.doesNotMatch(text, /<Deleted>/);
  await bucket.send(new s3.HeadObjectCommand({ Bucket: 'shared', Key: 'kept' }));
});

test('BatchExecuteStatement carries out the statements that may be', async () => {
  for (const TableName of ['mine', 'theirs']) {
    await tables.send(
      new ddb.CreateTableCommand({
        TableName,
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    );
    await ddb.waitUntilTableExists({ client: tables, maxWaitTime: 10, minDelay: 1, maxDelay: 1 }, { TableName });
  }
  const mine = 'arn:aws:dynamodb:us-east-1:000000000000:table/mine';
  await allow({ Effect: 'Allow', Action: 'dynamodb:PartiQLInsert', Resource: mine });
  const client = new ddb.DynamoDBClient(options(keys));
  const Statements = ['mine', 'theirs'].map((name) => ({ Statement: `INSERT INTO "${name}" VALUE {'id': 'x'}` }));
  const { Responses } = await client.send(new ddb.BatchExecuteStatementCommand({ Statements }));
  const Message = refusal('dynamodb:PartiQLInsert', mine.replace('mine', 'theirs'));
  assert.deepEqual(Responses, [{ TableName: 'mine' }, { Error: { Code: 'AccessDenied', Message } }]);
  // A transaction is one thing.
  await assert.rejects(client.send(new ddb.ExecuteTransactionCommand({ TransactStatements: Statements })), {
    name: 'AccessDeniedException',
  });
  client.destroy();
  for (const [TableName, count] of [
    ['mine', 1],
    ['theirs', 0],
  ] as const) {
    assert.equal((await tables.send(new ddb.ScanCommand({ TableName }))).Count, count);
  }
});

test('BatchGetSecretValue gives the secrets that may be read', async () => {
  const owner = new secrets.SecretsManagerClient(options(ROOT));
  const made = (Name: string) => owner.send(new secrets.CreateSecretCommand({ Name, SecretString: `of ${Name}` }));
  const [own, others] = [await made('own'), await made('others')];
  owner.destroy();
  const batch = {
    Effect: 'Allow',
    Action: ['secretsmanager:BatchGetSecretValue', 'secretsmanager:ListSecrets'],
    Resource: '*',
  };
  await allow(batch, { Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: own.ARN });
  const client = new secrets.SecretsManagerClient(options(keys));
  const Message = refusal('secretsmanager:GetSecretValue', others.ARN!);
  const get = async (input: secrets.BatchGetSecretValueCommandInput) => {
    const { SecretValues, Errors } = await client.send(new secrets.BatchGetSecretValueCommand(input));
    return { values: SecretValues?.map(({ SecretString }) => SecretString), errors: Errors };
  };
  const error = { ErrorCode: 'AccessDeniedException', Message };
  assert.deepEqual(await get({ SecretIdList: ['own', 'others'] }), {
    ...{ values: ['of own'], errors: [{ SecretId: 'others', ...error }] },
  });
  assert.deepEqual(await get({ Filters: [{ Key: 'name', Values: ['o'] }] }), {
    ...{ values: ['of own'], errors: [{ SecretId: others.ARN, ...error }] },
  });
  client.destroy();
});
