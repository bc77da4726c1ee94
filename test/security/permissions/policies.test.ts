/*
 * Policies of users and of resources against real clients on a secured node: what each service asks for, and which condition keys
 * come with it.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  BatchGetItemCommand,
  CreateTableCommand,
  DynamoDBClient,
  ExecuteStatementCommand,
  GetItemCommand,
  PutItemCommand,
  PutResourcePolicyCommand,
  QueryCommand,
  ScanCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from '@aws-sdk/client-iam';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { CreateTopicCommand, PublishCommand, SetTopicAttributesCommand, SNSClient } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { ROOT, SecuredNode } from '../secured-node.ts';

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

let node: SecuredNode;
let users = 0;

before(async () => {
  node = await SecuredNode.start();
});
after(() => node?.[Symbol.asyncDispose]());

const settings = (credentials: Keys) => ({
  ...{ endpoint: node.endpoint, region: 'us-east-1', credentials, maxAttempts: 1 },
});
const s3Of = (keys: Keys) => new S3Client({ ...settings(keys), forcePathStyle: true });

/** A user with these statements and nothing else. */
async function userWith(...Statement: readonly object[]): Promise<Keys & { readonly arn: string }> {
  const iam = new IAMClient(settings(ROOT));
  const UserName = `user-${++users}`;
  const { User } = await iam.send(new CreateUserCommand({ UserName }));
  if (Statement.length > 0) {
    const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
    await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'own', PolicyDocument }));
  }
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  return { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey!, arn: User!.Arn! };
}

const allow = (Action: string | readonly string[], Resource: string | readonly string[], Condition?: object) => ({
  ...{ Effect: 'Allow', Action, Resource },
  ...(Condition && { Condition }),
});

/** Whatever the API calls a denial. */
const denied = /^(AccessDenied|AccessDeniedException|AuthorizationError|AuthorizationErrorException)$/;
const refused = (work: Promise<unknown>, text = /is not authorized to perform/) =>
  assert.rejects(work, (error: Error) => {
    assert.match(error.name, denied);
    assert.match(error.message, text);
    return true;
  });

test('LeadingKeys lets a user read and write items of their own, whichever way they ask', async () => {
  const TableName = 'notes';
  const root = new DynamoDBClient(settings(ROOT));
  await root.send(
    new CreateTableCommand({
      ...{ TableName, BillingMode: 'PAY_PER_REQUEST' },
      KeySchema: [{ AttributeName: 'owner', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'owner', AttributeType: 'S' }],
    }),
  );
  const table = 'arn:aws:dynamodb:us-east-1:000000000000:table/notes';
  const actions = ['GetItem', 'PutItem', 'Query', 'BatchGetItem', 'PartiQLSelect'].map((name) => `dynamodb:${name}`);
  const ann = await userWith(
    allow(actions, table, { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['ann'] } }),
  );
  const client = new DynamoDBClient(settings(ann));
  const mine = { owner: { S: 'ann' } };
  const theirs = { owner: { S: 'bob' } };
  await root.send(new PutItemCommand({ TableName, Item: theirs }));

  await client.send(new PutItemCommand({ TableName, Item: mine }));
  await refused(client.send(new PutItemCommand({ TableName, Item: theirs })));
  assert.ok((await client.send(new GetItemCommand({ TableName, Key: mine }))).Item);
  await refused(client.send(new GetItemCommand({ TableName, Key: theirs })));
  const query = (owner: string) =>
    new QueryCommand({
      ...{ TableName, KeyConditionExpression: '#o = :o', ExpressionAttributeNames: { '#o': 'owner' } },
      ExpressionAttributeValues: { ':o': { S: owner } },
    });
  assert.equal((await client.send(query('ann'))).Count, 1);
  await refused(client.send(query('bob')));
  const batch = (...Keys: (typeof mine)[]) => new BatchGetItemCommand({ RequestItems: { [TableName]: { Keys } } });
  await client.send(batch(mine));
  await refused(client.send(batch(mine, theirs)), /dynamodb:BatchGetItem/);
  await client.send(new ExecuteStatementCommand({ Statement: `SELECT * FROM notes WHERE "owner" = 'ann'` }));
  await refused(
    client.send(new ExecuteStatementCommand({ Statement: `SELECT * FROM notes WHERE "owner" = 'bob'` })),
    /dynamodb:PartiQLSelect/,
  );
  await refused(client.send(new ScanCommand({ TableName })), /dynamodb:Scan/);
});

test('a transaction needs the right of each of its entries, on each of its tables', async () => {
  const root = new DynamoDBClient(settings(ROOT));
  for (const TableName of ['orders', 'stock']) {
    await root.send(
      new CreateTableCommand({
        ...{ TableName, BillingMode: 'PAY_PER_REQUEST' },
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      }),
    );
  }
  const arn = (name: string) => `arn:aws:dynamodb:us-east-1:000000000000:table/${name}`;
  const user = await userWith(
    allow('dynamodb:PutItem', arn('orders')),
    allow('dynamodb:ConditionCheckItem', arn('stock')),
  );
  const client = new DynamoDBClient(settings(user));
  const put = (TableName: string) => ({ Put: { TableName, Item: { id: { S: 'a' } } } });
  const check = {
    ConditionCheck: { TableName: 'stock', Key: { id: { S: 'a' } }, ConditionExpression: 'attribute_not_exists(id)' },
  };
  await client.send(new TransactWriteItemsCommand({ TransactItems: [put('orders'), check] }));
  await refused(
    client.send(new TransactWriteItemsCommand({ TransactItems: [put('orders'), put('stock')] })),
    /dynamodb:PutItem on resource: .*table\/stock/,
  );
});

test('Attributes hides what an update would read, and a table lets in whom its policy names', async () => {
  const TableName = 'staff';
  const root = new DynamoDBClient(settings(ROOT));
  await root.send(
    new CreateTableCommand({
      ...{ TableName, BillingMode: 'PAY_PER_REQUEST' },
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    }),
  );
  const table = `arn:aws:dynamodb:us-east-1:000000000000:table/${TableName}`;
  const names = { 'ForAllValues:StringEquals': { 'dynamodb:Attributes': ['id', 'phone'] } };
  const client = new DynamoDBClient(settings(await userWith(allow('dynamodb:UpdateItem', table, names))));
  const update = (UpdateExpression: string, values: object = {}) =>
    client.send(new UpdateItemCommand({ TableName, Key: { id: { S: 'a' } }, UpdateExpression, ...values }));
  await update('SET phone = :p', { ExpressionAttributeValues: { ':p': { S: '1' } } });
  await refused(update('SET phone = salary', { ReturnValues: 'UPDATED_NEW' }), /dynamodb:UpdateItem/);

  const guest = await userWith();
  const read = () =>
    new DynamoDBClient(settings(guest)).send(new GetItemCommand({ TableName, Key: { id: { S: 'a' } } }));
  await refused(read(), /dynamodb:GetItem/);
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ ...allow('dynamodb:GetItem', table), Principal: { AWS: guest.arn } }],
  });
  await root.send(new PutResourcePolicyCommand({ ResourceArn: table, Policy }));
  assert.ok((await read()).Item);
});

test('versions of objects have actions of their own', async () => {
  const root = s3Of(ROOT);
  const [Bucket, Key] = ['versions', 'a.txt'];
  await root.send(new CreateBucketCommand({ Bucket }));
  await root.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
  const { VersionId } = await root.send(new PutObjectCommand({ Bucket, Key, Body: 'one' }));
  const objects = `arn:aws:s3:::${Bucket}/*`;
  const client = s3Of(await userWith(allow(['s3:GetObject', 's3:DeleteObject'], objects)));
  await client.send(new GetObjectCommand({ Bucket, Key }));
  await refused(client.send(new GetObjectCommand({ Bucket, Key, VersionId })), /s3:GetObjectVersion/);
  await refused(client.send(new DeleteObjectCommand({ Bucket, Key, VersionId })), /s3:DeleteObjectVersion/);
  await client.send(new DeleteObjectCommand({ Bucket, Key }));
});

test('a listing is held to its prefix, a copy to its source, and what is not there is told to those who list', async () => {
  const root = s3Of(ROOT);
  const Bucket = 'shared';
  await root.send(new CreateBucketCommand({ Bucket }));
  await root.send(new PutObjectCommand({ Bucket, Key: 'secret/a', Body: 'x' }));
  await root.send(new PutObjectCommand({ Bucket, Key: 'open/a', Body: 'x', Tagging: 'class=secret' }));
  const bucket = `arn:aws:s3:::${Bucket}`;
  const client = s3Of(
    await userWith(
      allow('s3:ListBucket', bucket, { StringLike: { 's3:prefix': 'open/*' } }),
      allow('s3:GetObject', `${bucket}/open/*`, { StringNotEquals: { 's3:ExistingObjectTag/class': 'secret' } }),
      allow('s3:PutObject', `${bucket}/*`),
    ),
  );
  assert.equal((await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'open/' }))).KeyCount, 1);
  await refused(client.send(new ListObjectsV2Command({ Bucket, Prefix: 'secret/' })), /s3:ListBucket/);
  await refused(client.send(new ListObjectsV2Command({ Bucket })), /s3:ListBucket/);
  await refused(client.send(new GetObjectCommand({ Bucket, Key: 'open/a' })), /s3:GetObject/);
  await refused(client.send(new GetObjectCommand({ Bucket, Key: 'open/none' })), /s3:ListBucket/);
  await refused(
    client.send(new CopyObjectCommand({ Bucket, Key: 'open/b', CopySource: `${Bucket}/secret/a` })),
    /s3:GetObject on resource: .*secret\/a/,
  );
  await client.send(new PutObjectCommand({ Bucket, Key: 'open/b', Body: 'x' }));
  await refused(
    client.send(new PutObjectCommand({ Bucket, Key: 'open/b', Body: 'x', Tagging: 'a=b' })),
    /s3:PutObjectTagging/,
  );
});

test('a bucket lets in whom its policy names, and keeps out whom it denies', async () => {
  const root = s3Of(ROOT);
  const [Bucket, Key] = ['guarded', 'a'];
  await root.send(new CreateBucketCommand({ Bucket }));
  await root.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
  const guest = await userWith();
  const admin = await userWith(allow('s3:*', '*'));
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { ...allow('s3:GetObject', `arn:aws:s3:::${Bucket}/*`), Principal: { AWS: guest.arn } },
      { Effect: 'Deny', Principal: { AWS: admin.arn }, Action: 's3:*', Resource: `arn:aws:s3:::${Bucket}/*` },
    ],
  });
  await s3Of(admin).send(new GetObjectCommand({ Bucket, Key }));
  await refused(s3Of(guest).send(new GetObjectCommand({ Bucket, Key })));
  await root.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  await s3Of(guest).send(new GetObjectCommand({ Bucket, Key }));
  await refused(s3Of(admin).send(new GetObjectCommand({ Bucket, Key })), /explicit deny in a resource-based policy/);
});

test('a queue and a topic let in whom their policies name', async () => {
  const sqs = new SQSClient(settings(ROOT));
  const sns = new SNSClient(settings(ROOT));
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'jobs' }));
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'alarms' }));
  const guest = await userWith();
  const guestSqs = new SQSClient(settings(guest));
  const guestSns = new SNSClient(settings(guest));
  const send = () => guestSqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'm' }));
  const publish = () => guestSns.send(new PublishCommand({ TopicArn, Message: 'm' }));
  await refused(send(), /sqs:SendMessage on resource: arn:aws:sqs:us-east-1:000000000000:jobs/);
  await refused(publish(), /sns:Publish on resource: arn:aws:sns:us-east-1:000000000000:alarms/);
  const policy = (Action: string, Resource: string) =>
    JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { AWS: guest.arn }, Action, Resource }],
    });
  const queuePolicy = policy('sqs:SendMessage', 'arn:aws:sqs:us-east-1:000000000000:jobs');
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy: queuePolicy } }));
  await sns.send(
    new SetTopicAttributesCommand({
      ...{ TopicArn, AttributeName: 'Policy', AttributeValue: policy('sns:Publish', TopicArn!) },
    }),
  );
  await send();
  await publish();
  // A batch is the right to each of its entries.
  const Entries = [{ Id: 'a', MessageBody: 'm' }];
  await guestSqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
  await refused(guestSqs.send(new ReceiveMessageCommand({ QueueUrl })), /sqs:ReceiveMessage/);
});
