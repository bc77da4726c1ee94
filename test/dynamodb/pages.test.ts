import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../src/base/index.ts';
import { LocalTables } from './local.ts';

const S = (value: string) => ({ S: value });
const N = (value: number) => ({ N: String(value) });
const parsed = (raw: { readonly text: string }) => JSON.parse(raw.text);

async function fill(tables: LocalTables, TableName: string, items: readonly object[]): Promise<void> {
  await Promise.all(items.map((Item) => tables.call('PutItem', { TableName, Item })));
}

test('a page ends with the item that makes a megabyte full, counted before the filter', async () => {
  await using tables = await LocalTables.open();
  const TableName = await tables.table('pages', 'h:S r:N');
  // 100 KB each as AWS counts them: names and values.
  const body = 'x'.repeat(100 * 1024 - 10);
  await fill(
    tables,
    TableName,
    Array.from({ length: 25 }, (_, r) => ({ h: S('p'), r: N(r + 1), body: S(body) })),
  );
  const query = {
    TableName,
    KeyConditionExpression: 'h = :h',
    ExpressionAttributeValues: { ':h': S('p') },
    ReturnConsumedCapacity: 'TOTAL',
  };
  const first = await tables.call('Query', query);
  assert.equal(first.Count, 11);
  assert.deepEqual(first.LastEvaluatedKey, { h: S('p'), r: N(11) });
  assert.equal(first.ConsumedCapacity.CapacityUnits, 137.5);
  const none = { ...query, FilterExpression: 'attribute_exists(nothing)', ConsistentRead: true };
  const empty = await tables.call('Query', { ...none, ExclusiveStartKey: first.LastEvaluatedKey });
  assert.deepEqual(parsed(empty.Items), []);
  assert.deepEqual([empty.Count, empty.ScannedCount, empty.ConsumedCapacity.CapacityUnits], [0, 11, 275]);
  const last = await tables.call('Query', { ...query, ExclusiveStartKey: empty.LastEvaluatedKey, Select: 'COUNT' });
  assert.deepEqual([last.Count, last.Items, last.LastEvaluatedKey], [3, undefined, undefined]);
});

test('segments of a scan have every item once, page by page', async () => {
  await using tables = await LocalTables.open();
  const TableName = await tables.table('segments');
  const names = Array.from({ length: 300 }, (_, at) => `item-${at}`);
  await fill(
    tables,
    TableName,
    names.map((h) => ({ h: S(h) })),
  );
  for (const TotalSegments of [1, 3, 16]) {
    const found: string[] = [];
    for (let Segment = 0; Segment < TotalSegments; Segment++) {
      let ExclusiveStartKey: object | undefined;
      do {
        const page = await tables.call('Scan', { TableName, Segment, TotalSegments, Limit: 7, ExclusiveStartKey });
        found.push(...parsed(page.Items).map(({ h }: { h: { S: string } }) => h.S));
        ExclusiveStartKey = page.LastEvaluatedKey;
      } while (ExclusiveStartKey);
    }
    assert.deepEqual(found.sort(), [...names].sort());
  }
});

test('a local index reads from the table what it does not hold, and each item costs a read', async () => {
  await using tables = await LocalTables.open();
  const TableName = 'locals';
  await tables.call('CreateTable', {
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: [
      { AttributeName: 'h', KeyType: 'HASH' },
      { AttributeName: 'r', KeyType: 'RANGE' },
    ],
    AttributeDefinitions: [
      { AttributeName: 'h', AttributeType: 'S' },
      { AttributeName: 'r', AttributeType: 'N' },
      { AttributeName: 'a', AttributeType: 'S' },
    ],
    LocalSecondaryIndexes: [
      {
        IndexName: 'by-a',
        KeySchema: [
          { AttributeName: 'h', KeyType: 'HASH' },
          { AttributeName: 'a', KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'KEYS_ONLY' },
      },
    ],
  });
  await fill(
    tables,
    TableName,
    [1, 2, 3].map((r) => ({ h: S('p'), r: N(r), a: S(`a${9 - r}`), more: S('m'.repeat(5000)) })),
  );
  const query = {
    ...{ TableName, IndexName: 'by-a', ReturnConsumedCapacity: 'INDEXES', ConsistentRead: true },
    ...{ KeyConditionExpression: 'h = :h', ExpressionAttributeValues: { ':h': S('p') } },
  };
  const projected = await tables.call('Query', query);
  assert.deepEqual(parsed(projected.Items)[0], { h: S('p'), r: N(3), a: S('a6') });
  assert.equal(projected.ConsumedCapacity.CapacityUnits, 1);
  for (const more of [{ Select: 'ALL_ATTRIBUTES' }, { ProjectionExpression: 'more' }]) {
    const whole = await tables.call('Query', { ...query, ...more });
    const items = 'Select' in more ? parsed(whole.Items) : whole.Items;
    assert.equal(items[0].more.S.length, 5000);
    assert.deepEqual(whole.ConsumedCapacity, {
      ...{ TableName, CapacityUnits: 7, Table: { CapacityUnits: 6 } },
      LocalSecondaryIndexes: { 'by-a': { CapacityUnits: 1 } },
    });
  }
  const put = { TableName, Item: { h: S('p'), r: N(4) }, ReturnItemCollectionMetrics: 'SIZE' };
  assert.deepEqual((await tables.call('PutItem', put)).ItemCollectionMetrics, {
    ...{ ItemCollectionKey: { h: S('p') }, SizeEstimateRangeGB: [0, 1] },
  });
  const writes = [5, 6, 7].map((r) => ({ PutRequest: { Item: { h: S(r < 7 ? 'p' : 'q'), r: N(r) } } }));
  const batch = { RequestItems: { [TableName]: writes }, ReturnItemCollectionMetrics: 'SIZE' };
  assert.deepEqual((await tables.call('BatchWriteItem', batch)).ItemCollectionMetrics, {
    [TableName]: ['p', 'q'].map((h) => ({ ItemCollectionKey: { h: S(h) }, SizeEstimateRangeGB: [0, 1] })),
  });
});

test('what does not go together is refused in the words of AWS', async () => {
  await using tables = await LocalTables.open();
  const TableName = await tables.table('selects');
  const scan = (input: object, message: string) =>
    assert.rejects(tables.call('Scan', { TableName, ...input }), { code: 'validation-failed', message });
  const empty = { KeyConditionExpression: 'h = :h', ExpressionAttributeValues: { ':h': S('') } };
  await assert.rejects(tables.call('Query', { TableName, ...empty }), {
    message:
      'One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: h',
  });
  await scan(
    { Select: 'SPECIFIC_ATTRIBUTES' },
    'Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES',
  );
  await scan(
    { Select: 'ALL_ATTRIBUTES', ProjectionExpression: 'a' },
    'Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES',
  );
  await scan(
    { Select: 'ALL_PROJECTED_ATTRIBUTES' },
    'ALL_PROJECTED_ATTRIBUTES can be used only when Scanning using an IndexName',
  );
});

test('a full disk refuses writes and leaves reads alone', async () => {
  await using tables = await LocalTables.open({ pagesMax: 120 });
  const TableName = await tables.table('full-disk');
  const item = (at: number) => ({ h: S(`item-${at}`), body: S('x'.repeat(3000)) });
  let written = 0;
  const refused = (async () => {
    for (; ; written++) await tables.call('PutItem', { TableName, Item: item(written) });
  })();
  await assert.rejects(refused, { code: 'records-full' });
  assert.ok(written > 10);
  for (let at = 0; at < written; at++) {
    const { Item } = await tables.call('GetItem', { TableName, Key: { h: S(`item-${at}`) } });
    assert.deepEqual(parsed(Item), item(at));
  }
  const { Item } = await tables.call('GetItem', { TableName, Key: { h: S(`item-${written}`) } });
  assert.equal(Item, undefined);
});

test('a token is forgotten after ten minutes, and not before', async () => {
  const clock = new SimulatedClock(1_767_225_600_000);
  await using tables = await LocalTables.open({ clock });
  const TableName = await tables.table('tokens');
  const transact = () =>
    tables.call('TransactWriteItems', {
      ClientRequestToken: 'token',
      TransactItems: [
        {
          Update: {
            ...{ TableName, Key: { h: S('n') }, UpdateExpression: 'ADD n :one' },
            ExpressionAttributeValues: { ':one': N(1) },
          },
        },
      ],
    });
  const count = async () => Number(parsed((await tables.call('GetItem', { TableName, Key: { h: S('n') } })).Item).n.N);
  await transact();
  await clock.advance(599_999);
  await transact();
  assert.equal(await count(), 1);
  await clock.advance(1);
  await transact();
  assert.equal(await count(), 2);
});

test('units, failures and finds are counted as CloudWatch shows them', async () => {
  await using tables = await LocalTables.open();
  const TableName = await tables.table('metered');
  const counted = new Map<string, number>();
  tables.metrics.onDatum(({ namespace, name, dimensions, value }) => {
    if (namespace !== 'AWS/DynamoDB' || name === 'SuccessfulRequestLatency') return;
    const line = [name, ...Object.values(dimensions)].join(' ');
    counted.set(line, (counted.get(line) ?? 0) + value);
  });
  await tables.call('PutItem', { TableName, Item: { h: S('a'), x: S('x'.repeat(1500)) } });
  await tables.call('GetItem', { TableName, Key: { h: S('a') } });
  await tables.call('Scan', { TableName, ConsistentRead: true });
  const exists = { ConditionExpression: 'attribute_not_exists(h)' };
  await assert.rejects(tables.call('DeleteItem', { TableName, Key: { h: S('a') }, ...exists }));
  await assert.rejects(tables.call('GetItem', { TableName, Key: {} }));
  assert.deepEqual(Object.fromEntries(counted), {
    'ConsumedWriteCapacityUnits metered': 2,
    'ConsumedReadCapacityUnits metered': 1.5,
    'ReturnedItemCount metered Scan': 1,
    'ConditionalCheckFailedRequests metered': 1,
    UserErrors: 1,
  });
});
