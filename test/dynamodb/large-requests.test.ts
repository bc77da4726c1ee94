import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../src/base/index.ts';
import { LocalTables } from './local.ts';
import { named, TablesNode } from './support.ts';

test('a token of a transaction full of binaries is told from others, and costs no seconds of the loop', async () => {
  await using tables = await LocalTables.open();
  const TableName = await tables.table('binaries');
  const request = (last: number) => ({
    ClientRequestToken: 'token',
    TransactItems: Array.from({ length: 10 }, (_, at) => {
      const bytes = Buffer.alloc(390 * 1024, 200);
      bytes[bytes.length - 1] = last;
      return {
        Put: { TableName, Item: { h: { S: String(at) }, bytes: { B: bytes }, set: { BS: [Buffer.of(last)] } } },
      };
    }),
  });
  const begun = process.cpuUsage();
  await tables.call('TransactWriteItems', request(1));
  await tables.call('TransactWriteItems', request(1));
  const { user } = process.cpuUsage(begun);
  assert.ok(user < 2_000_000, `${user / 1000} ms`);
  await assert.rejects(tables.call('TransactWriteItems', request(2)), (error) => hasCode(error, 'token-mismatch'));
});

test('whole items behind the small rows of a local index come in pages', async () => {
  await using tables = await LocalTables.open();
  const TableName = 'behind';
  const key = (range: string) => [
    { AttributeName: 'h', KeyType: 'HASH' },
    { AttributeName: range, KeyType: 'RANGE' },
  ];
  await tables.call('CreateTable', {
    ...{ TableName, BillingMode: 'PAY_PER_REQUEST', KeySchema: key('r') },
    AttributeDefinitions: ['h:S', 'r:N', 'l:N'].map((one) => {
      const [AttributeName, AttributeType] = one.split(':');
      return { AttributeName, AttributeType };
    }),
    LocalSecondaryIndexes: [{ IndexName: 'local', KeySchema: key('l'), Projection: { ProjectionType: 'KEYS_ONLY' } }],
  });
  const count = 12_000;
  const put = (at: number) => {
    const Item = { h: { S: 'a' }, r: { N: String(at) }, l: { N: String(count - at) }, text: { S: 'x'.repeat(300) } };
    return tables.call('PutItem', { TableName, Item });
  };
  for (let from = 0; from < count; from += 1_000)
    await Promise.all(Array.from({ length: 1_000 }, (_, at) => put(from + at)));
  const query = (more: object) =>
    tables.call('Query', {
      ...{ TableName, IndexName: 'local', ReturnConsumedCapacity: 'INDEXES', ...more },
      ...{ KeyConditionExpression: 'h = :h', ExpressionAttributeValues: { ':h': { S: 'a' } } },
    });
  const rows = await query({});
  assert.equal(rows.Count, count);
  assert.equal(rows.LastEvaluatedKey, undefined);
  const seen: string[] = [];
  let units = 0;
  for (let start: object | undefined, pages = 0; start || pages === 0; pages++) {
    const page = await query({ Select: 'ALL_ATTRIBUTES', ...(start && { ExclusiveStartKey: start }) });
    const items = JSON.parse(page.Items.text);
    assert.ok(page.Items.text.length < 2 * 1024 * 1024);
    assert.ok(items.every(({ text }: { text: object }) => text !== undefined));
    seen.push(...items.map(({ r }: { r: { N: string } }) => r.N));
    units += page.ConsumedCapacity.Table.CapacityUnits;
    start = page.LastEvaluatedKey;
  }
  assert.deepEqual(
    seen,
    Array.from({ length: count }, (_, at) => String(count - 1 - at)),
  );
  assert.equal(units, count / 2);
});

test('an update that grows an item goes no further than an item may', async () => {
  await using tables = await LocalTables.open();
  const TableName = await tables.table('growing');
  const Key = { h: { S: 'a' } };
  const many = { L: Array.from({ length: 150_000 }, () => ({ NULL: true })) };
  await tables.call('PutItem', { TableName, Item: { ...Key, many } });
  const update = (UpdateExpression: string) => tables.call('UpdateItem', { TableName, Key, UpdateExpression });
  const grown = { message: 'Item size to update has exceeded the maximum allowed size' };
  await assert.rejects(update('SET a = list_append(many, many), b = nowhere'), grown);
  await assert.rejects(update('SET a = many, b = many'), grown);
  await update('SET many = many, a = many[0]');
});

test('a statement with a large binary costs no seconds of the loop', async () => {
  await using tables = await LocalTables.open();
  await tables.table('statements');
  const Statement = 'SELECT * FROM statements WHERE h = ? AND bytes = ?';
  const Parameters = [{ S: 'a' }, { B: Buffer.alloc(12 * 1024 * 1024, 200) }];
  const begun = process.cpuUsage();
  await tables.call('ExecuteStatement', { Statement, Parameters });
  const { user } = process.cpuUsage(begun);
  assert.ok(user < 1_000_000, `${user / 1000} ms`);
});

test('statements of a transaction insert 4 MB together, as other transactions do', async () => {
  await using tables = await LocalTables.open();
  await tables.table('inserted');
  const insert = (count: number) =>
    tables.call('ExecuteTransaction', {
      TransactStatements: Array.from({ length: count }, (_, at) => ({
        Statement: `INSERT INTO inserted VALUE {'h': ?, 'text': ?}`,
        Parameters: [{ S: `${count}-${at}` }, { S: 'x'.repeat(390 * 1024) }],
      })),
    });
  await assert.rejects(insert(11), { message: 'Transaction payload size cannot exceed 4 MB' });
  await insert(10);
});

test('a transaction may be about items of more than 4 MB together, as long as it does not carry so much', async () => {
  await using tables = await LocalTables.open();
  const TableName = await tables.table('whole');
  const keys = Array.from({ length: 11 }, (_, at) => ({ h: { S: String(at) } }));
  for (const key of keys)
    await tables.call('PutItem', { TableName, Item: { ...key, text: { S: 'x'.repeat(390 * 1024) } } });
  const update = (Key: object) => ({ Update: { TableName, Key, UpdateExpression: 'SET seen = h' } });
  const replace = (Key: object) => ({
    Update: {
      ...{ TableName, Key, UpdateExpression: 'SET #t = :t', ExpressionAttributeNames: { '#t': 'text' } },
      ExpressionAttributeValues: { ':t': { S: 'y'.repeat(390 * 1024) } },
    },
  });
  const remove = (Key: object) => ({ Delete: { TableName, Key } });
  await assert.rejects(tables.call('TransactWriteItems', { TransactItems: keys.map(replace) }), {
    message: 'Transaction payload size cannot exceed 4 MB',
  });
  await tables.call('TransactWriteItems', { TransactItems: keys.map(update) });
  const count = async () => (await tables.call('Scan', { TableName, Select: 'COUNT', Limit: 2 })).Count;
  assert.equal(await count(), 2);
  await tables.call('TransactWriteItems', { TransactItems: keys.map(remove) });
  assert.equal(await count(), 0);
  // What is read together is what the answer carries.
  for (const key of keys)
    await tables.call('PutItem', { TableName, Item: { ...key, text: { S: 'x'.repeat(390 * 1024) } } });
  const TransactItems = keys.map((Key) => ({ Get: { TableName, Key } }));
  await assert.rejects(tables.call('TransactGetItems', { TransactItems }), {
    message: 'Transaction size exceeded the maximum allowed size of 4 MB',
  });
});

test('an item whose numbers are too long for a record is refused for what it is', async () => {
  await using node = await TablesNode.start();
  const TableName = await node.table('h:S');
  const numbers = { L: Array.from({ length: 130_000 }, () => ({ N: '1e125' })) };
  const put = node.client.putItem({ TableName, Item: { h: { S: 'a' }, numbers } });
  await assert.rejects(put, named('ValidationException', /bytes of value are more than a record/));
});
