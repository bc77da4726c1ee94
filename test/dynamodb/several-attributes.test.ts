/** Global indexes whose partition and sort keys have several attributes. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type {
  AttributeValue,
  CreateTableCommandInput,
  QueryCommandInput,
  QueryCommandOutput,
} from '@aws-sdk/client-dynamodb';
import { eventually, named, TablesNode } from './support.ts';

let node: TablesNode;
before(async () => {
  node = await TablesNode.start();
});
after(() => node?.[Symbol.asyncDispose]());

const S = (value: string) => ({ S: value });
const N = (value: number) => ({ N: String(value) });

/** A schema of what is written `a:HASH b:RANGE`. */
const schema = (text: string) =>
  text.split(' ').map((one) => {
    const [AttributeName, KeyType] = one.split(':') as [string, 'HASH' | 'RANGE'];
    return { AttributeName, KeyType };
  });

const index = (text: string): CreateTableCommandInput['GlobalSecondaryIndexes'] => [
  { IndexName: 'by-place', KeySchema: schema(text), Projection: { ProjectionType: 'KEYS_ONLY' } },
];

const PLACES = 'site:HASH line:HASH year:RANGE month:RANGE';

/** A table of readings, with an index by where and when they were made. */
async function readings(): Promise<string> {
  const TableName = await node.table('id:S', {
    others: 'site:S line:N year:N month:S',
    GlobalSecondaryIndexes: index(PLACES),
  });
  const put = (id: string, site: string, line: number, year: number, month: string) =>
    node.client.putItem({
      TableName,
      Item: { id: S(id), site: S(site), line: N(line), year: N(year), month: S(month), v: N(1) },
    });
  await put('d', 'A', 1, 2026, '02');
  await put('b', 'A', 1, -5, '12');
  await put('c', 'A', 1, 2026, '01');
  await put('a', 'A', 1, -50, '01');
  await put('e', 'A', 1, 2026, '11');
  await put('f', 'A', 12, 2026, '01');
  await put('g', 'A1', 2, 2026, '01');
  // These are in no index: each lacks one attribute of its key.
  for (const lacking of ['site', 'line', 'year', 'month']) {
    const Item: Record<string, AttributeValue> = { site: S('A'), line: N(1), year: N(2026), month: S('01') };
    delete Item[lacking];
    await node.client.putItem({ TableName, Item: { ...Item, id: S(`lacks-${lacking}`) } });
  }
  return TableName;
}

const VALUES = { ':s': S('A'), ':l': N(1), ':y': N(2026), ':m': S('01'), ':n': S('1') };

/** Ids that a query of the index finds, in order. */
async function ids(TableName: string, condition: string, more: Partial<QueryCommandInput> = {}): Promise<string> {
  const { Items } = await node.client.query({ TableName, IndexName: 'by-place', ...keyed(condition), ...more });
  return Items!.map(({ id }) => id!.S).join('');
}

const keyed = (condition: string) => ({
  KeyConditionExpression: condition.replaceAll('year', '#y').replaceAll('month', '#m'),
  ...(/year|month/.test(condition) && {
    ExpressionAttributeNames: {
      ...(condition.includes('year') && { '#y': 'year' }),
      ...(condition.includes('month') && { '#m': 'month' }),
    },
  }),
  ExpressionAttributeValues: Object.fromEntries(Object.entries(VALUES).filter(([ref]) => condition.includes(ref))),
});

const PARTITION = 'site = :s AND line = :l';

test('a query names the whole partition key, and the sort key from its first attribute on', async () => {
  const table = await readings();
  assert.equal(await ids(table, PARTITION), 'abcde');
  assert.equal(await ids(table, PARTITION, { ScanIndexForward: false }), 'edcba');
  assert.equal(await ids(table, 'line = :l AND site = :s AND year = :y'), 'cde');
  assert.equal(await ids(table, `${PARTITION} AND year < :y`), 'ab');
  assert.equal(await ids(table, `${PARTITION} AND year <= :y`), 'abcde');
  assert.equal(await ids(table, `${PARTITION} AND year = :y AND month > :m`), 'de');
  assert.equal(await ids(table, `${PARTITION} AND month BETWEEN :m AND :n AND year = :y`), 'cd');
  assert.equal(await ids(table, `${PARTITION} AND year = :y AND begins_with(month, :n)`), 'e');
  assert.equal(await ids(table, `${PARTITION} AND year = :y AND month = :m`), 'c');
});

test('pages of such an index go on where they ended', async () => {
  const TableName = await readings();
  for (const ScanIndexForward of [true, false]) {
    const found: string[] = [];
    let ExclusiveStartKey: Record<string, AttributeValue> | undefined;
    do {
      const page: QueryCommandOutput = await node.client.query({
        ...{ TableName, IndexName: 'by-place', Limit: 2, ScanIndexForward, ...keyed(PARTITION) },
        ...(ExclusiveStartKey && { ExclusiveStartKey }),
      });
      found.push(...page.Items!.map(({ id }) => id!.S!));
      ExclusiveStartKey = page.LastEvaluatedKey;
      if (ExclusiveStartKey)
        assert.deepEqual(Object.keys(ExclusiveStartKey).sort(), ['id', 'line', 'month', 'site', 'year']);
    } while (ExclusiveStartKey);
    assert.equal(found.join(''), ScanIndexForward ? 'abcde' : 'edcba');
  }
  const { Items, Count } = await node.client.scan({ TableName, IndexName: 'by-place' });
  assert.equal(Count, 7);
  for (const item of Items!) assert.deepEqual(Object.keys(item).sort(), ['id', 'line', 'month', 'site', 'year']);
  await assert.rejects(
    ids(TableName, PARTITION, {
      ExclusiveStartKey: { id: S('a'), site: S('A'), year: N(1), month: S('01'), other: S('x') },
    }),
    named('ValidationException', 'The provided starting key is invalid'),
  );
});

test('what such a key is not asked for is refused', async () => {
  const table = await readings();
  const refused = (condition: string, message: string, more: Partial<QueryCommandInput> = {}) =>
    assert.rejects(ids(table, condition, more), named('ValidationException', message));
  await refused('site = :s', 'Query condition missed key schema element: line');
  await refused('site = :s AND line > :l', 'Query key condition not supported');
  const loose =
    'RANGE key attributes year must have equality conditions specified in the query because a condition is present on key attribute month';
  await refused(`${PARTITION} AND month = :m`, loose);
  await refused(`${PARTITION} AND year > :y AND month = :m`, loose);
  const filtered = { FilterExpression: 'line = :l' };
  const wrongFilter = 'Filter Expression can only contain non-primary key attributes: Primary key attribute: line';
  await refused(PARTITION, wrongFilter, filtered);
  await assert.rejects(
    node.client.query({
      TableName: table,
      IndexName: 'by-place',
      KeyConditions: {
        site: { ComparisonOperator: 'EQ', AttributeValueList: [S('A')] },
        line: { ComparisonOperator: 'EQ', AttributeValueList: [N(1)] },
      },
    }),
    named('ValidationException', /KeyConditions/),
  );
  const put = (more: Record<string, AttributeValue>) =>
    node.client.putItem({ TableName: table, Item: { id: S('x'), ...more } });
  await assert.rejects(put({ line: S('1') }), named('ValidationException', /Type mismatch for Index Key line/));
  await assert.rejects(put({ month: S('') }), named('ValidationException', /IndexKey: month/));
  await assert.rejects(
    put({ site: S('s'.repeat(2049)) }),
    named('ValidationException', /hashkey has exceeded the maximum size/),
  );
});

test('PartiQL does not read such an index, as on AWS, but the rest of the table', async () => {
  const table = await readings();
  const message =
    'PartiQL statements cannot be executed on tables with multi-attribute HASH keys or multi-attribute RANGE keys.';
  const Statement = `SELECT id FROM "${table}"."by-place" WHERE site = 'A' AND line = 1`;
  await assert.rejects(node.client.executeStatement({ Statement }), named('ValidationException', message));
  const Statements = [{ Statement }, { Statement: `SELECT id FROM "${table}" WHERE id = 'a'` }];
  const { Responses } = await node.client.batchExecuteStatement({ Statements });
  assert.deepEqual(Responses![0]!.Error, { Code: 'ValidationError', Message: message });
  assert.deepEqual(Responses![1]!.Item, { id: S('a') });
});

test('such an index is built and described as any other, and its items come and go', async () => {
  const TableName = await node.table();
  const Item = { h: S('1'), site: S('A'), line: N(1), year: N(2026), month: S('01') };
  await node.client.putItem({ TableName, Item });
  const type = { site: 'S', line: 'N', year: 'N', month: 'S' } as const;
  await node.client.updateTable({
    TableName,
    AttributeDefinitions: Object.entries(type).map(([AttributeName, AttributeType]) => ({
      AttributeName,
      AttributeType,
    })),
    GlobalSecondaryIndexUpdates: [{ Create: index(PLACES)![0]! }],
  });
  const { GlobalSecondaryIndexes, AttributeDefinitions } = await eventually(
    async () => (await node.client.describeTable({ TableName })).Table!,
    (table) => table.GlobalSecondaryIndexes![0]!.IndexStatus === 'ACTIVE',
  );
  assert.deepEqual(GlobalSecondaryIndexes![0]!.KeySchema, schema(PLACES));
  assert.equal(AttributeDefinitions!.length, 5);
  const count = async () => (await node.client.scan({ TableName, IndexName: 'by-place' })).Count;
  assert.equal(await count(), 1);
  await node.client.updateItem({ TableName, Key: { h: S('1') }, UpdateExpression: 'REMOVE line' });
  assert.equal(await count(), 0);
});

test('tables, local indexes and keys that are none are refused, not cut', async () => {
  const make = (more: Partial<CreateTableCommandInput>, others = 'a:S b:S c:S d:S e:S f:S') =>
    node.table('h:S r:S', { others, ...more });
  const gsi = (text: string, message: RegExp) => {
    const names = [...new Set(text.split(' ').map((one) => one.split(':')[0]))];
    const others = names.map((name) => `${name}:S`).join(' ');
    return assert.rejects(make({ GlobalSecondaryIndexes: index(text) }, others), named('ValidationException', message));
  };
  await gsi('a:HASH b:RANGE c:HASH', /HASH keys must come before RANGE keys/);
  await gsi('a:HASH b:HASH c:HASH d:HASH e:HASH', /At most 4/);
  await gsi('a:HASH b:RANGE c:RANGE d:RANGE e:RANGE f:RANGE', /At most 4/);
  await gsi('a:RANGE b:RANGE', /The first KeySchemaElement is not a HASH key type/);
  await gsi('a:HASH b:HASH a:RANGE', /Duplicate/);
  const LocalSecondaryIndexes: CreateTableCommandInput['LocalSecondaryIndexes'] = [
    { IndexName: 'local', KeySchema: schema('h:HASH a:RANGE b:RANGE'), Projection: { ProjectionType: 'ALL' } },
  ];
  await assert.rejects(make({ LocalSecondaryIndexes }, 'a:S b:S'), named('ValidationException', /At most 1/));
  await assert.rejects(
    make({ KeySchema: schema('h:HASH r:RANGE a:RANGE'), GlobalSecondaryIndexes: index('a:HASH') }, 'a:S'),
    named('ValidationException', /At most 1/),
  );
});
