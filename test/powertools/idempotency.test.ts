/** The idempotency utility of Powertools from npm, unmodified, over tables: in a function, and directly. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';
import { DynamoDB } from '@aws-sdk/client-dynamodb';
import { PowertoolsHouse } from './house.ts';

let house: PowertoolsHouse;
let dynamodb: DynamoDB;

before(async () => {
  house = await PowertoolsHouse.open();
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  dynamodb = new DynamoDB({ endpoint: house.endpoint, region: 'us-east-1', credentials });
  await table('idempotency', 'id');
  await table('payments', 'order');
  await house.deploy('idempotency');
});
after(async () => {
  dynamodb?.destroy();
  await house?.[Symbol.asyncDispose]();
});

async function table(TableName: string, hash: string, range?: string): Promise<void> {
  const names = range === undefined ? [hash] : [hash, range];
  await dynamodb.createTable({
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: names.map((AttributeName, at) => ({ AttributeName, KeyType: at === 0 ? 'HASH' : 'RANGE' })),
    AttributeDefinitions: names.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
  });
}

/** How often an order was paid. */
async function times(order: string): Promise<number> {
  const { Item } = await dynamodb.getItem({
    TableName: 'payments',
    Key: { order: { S: order } },
    ConsistentRead: true,
  });
  return Number(Item?.times?.N ?? 0);
}

/** The rows that the utility keeps. */
async function rows() {
  const { Items = [] } = await dynamodb.scan({ TableName: 'idempotency', ConsistentRead: true });
  return Items;
}

test('the same event twice runs once, and both get the same answer', async () => {
  const event = { order: 'twice', cents: 5 };
  assert.deepEqual(await house.invoke('idempotency', event), { order: 'twice', times: 1 });
  assert.deepEqual(await house.invoke('idempotency', event), { order: 'twice', times: 1 });
  assert.equal(await times('twice'), 1);
});

test('the same key with another payload is an error', async () => {
  await house.invoke('idempotency', { order: 'other', cents: 5 });
  await assert.rejects(house.invoke('idempotency', { order: 'other', cents: 6 }), {
    errorType: 'IdempotencyValidationError',
  });
  assert.equal(await times('other'), 1);
});

test('what failed may be tried again', async () => {
  await assert.rejects(house.invoke('idempotency', { order: 'failed', cents: 5, fail: true }), {
    errorMessage: 'the bank is closed',
  });
  assert.deepEqual(await house.invoke('idempotency', { order: 'failed', cents: 5 }), { order: 'failed', times: 2 });
});

test('a record that has expired counts as none', async () => {
  const event = { order: 'expired', cents: 5 };
  await house.invoke('idempotency', event);
  for (const { id } of await rows()) {
    await dynamodb.updateItem({
      TableName: 'idempotency',
      Key: { id: id! },
      UpdateExpression: 'SET expiration = :past',
      ExpressionAttributeValues: { ':past': { N: '1' } },
    });
  }
  assert.deepEqual(await house.invoke('idempotency', event), { order: 'expired', times: 2 });
});

test('of many that begin at once one runs, and the others are told that it is under way or what came of it', async () => {
  const event = { order: 'race', cents: 5 };
  const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => house.invoke('idempotency', event)));
  const reasons = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason.errorType] : []));
  for (const reason of reasons) assert.equal(reason, 'IdempotencyAlreadyInProgressError');
  assert.equal(await times('race'), 1);
});

test('a table with a sort key serves several functions', async () => {
  await table('composite', 'pk', 'sk');
  const persistenceStore = new DynamoDBPersistenceLayer({
    tableName: 'composite',
    keyAttr: 'pk',
    sortKeyAttr: 'sk',
    awsSdkV3Client: dynamodb,
  });
  let runs = 0;
  const work = makeIdempotent(async (input: { readonly n: number }) => ({ n: input.n, run: ++runs }), {
    persistenceStore,
    keyPrefix: 'shared',
    config: new IdempotencyConfig({ expiresAfterSeconds: 3600 }),
  });
  const [first, second] = [await work({ n: 1 }), await work({ n: 1 })];
  assert.deepEqual([first, second, runs], [{ n: 1, run: 1 }, { n: 1, run: 1 }, 1]);
  const { Items = [] } = await dynamodb.scan({ TableName: 'composite' });
  assert.deepEqual(
    Items.map(({ pk, status }) => [pk!.S, status!.S]),
    [['idempotency#', 'COMPLETED']],
  );
});

test('directly: 32 racers for each of 16 keys, and each key runs once', async () => {
  const persistenceStore = new DynamoDBPersistenceLayer({ tableName: 'idempotency', awsSdkV3Client: dynamodb });
  const runs = new Map<number, number>();
  const work = makeIdempotent(
    async (input: { readonly key: number }) => {
      runs.set(input.key, (runs.get(input.key) ?? 0) + 1);
      return input;
    },
    { persistenceStore, keyPrefix: 'direct' },
  );
  const racers = Array.from({ length: 512 }, (_, n) => work({ key: n % 16 }).catch((error: Error) => error.name));
  for (const outcome of await Promise.all(racers)) {
    if (typeof outcome === 'string') assert.match(outcome, /^Idempotency(AlreadyInProgress|InconsistentState)Error$/);
  }
  assert.deepEqual([...runs.values()], Array(16).fill(1));
});
