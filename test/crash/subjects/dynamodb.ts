import assert from 'node:assert/strict';
import { DomainError } from '../../../src/base/index.ts';
import { LocalTables } from '../../dynamodb/local.ts';
import type { CrashSubject, HistoryEntry } from '../subject.ts';

/**
 * - `put` makes an item of its own, which is in an index; - `delete` takes away what was put some time ago;
 * - `add` adds its id to one of the sums; - `transact` adds it to two of them, and puts an item.
 */
type Step =
  | { readonly kind: 'put'; readonly group: number }
  | { readonly kind: 'delete'; readonly of: number }
  | { readonly kind: 'add'; readonly sum: number }
  | { readonly kind: 'transact'; readonly sums: readonly [number, number]; readonly group: number };

const SUMS = 4;
const GROUPS = 3;
/** More than run at once: what is deleted was put, or is lost. */
const LONG_AGO = 60;

const TableName = 'items';
const Key = (h: string) => ({ h: { S: h } });
const filling = (id: number) => 'x'.repeat((id * 37) % 1500);
const newItem = (h: string, id: number, group: number) => ({
  ...Key(h),
  ...{ g: { S: String(group) }, id: { N: String(id) }, filling: { S: filling(id) } },
});

/** Adds a number to a sum: to the set of all that were added, and to how many. */
const adding = (sum: number, id: number) => ({
  TableName,
  Key: Key(`sum-${sum}`),
  UpdateExpression: 'ADD ids :id, n :one',
  ExpressionAttributeValues: { ':id': { NS: [String(id)] }, ':one': { N: '1' } },
});

const transaction = ({ sums, group }: Step & { kind: 'transact' }, id: number) => ({
  ClientRequestToken: `token-${id}`,
  TransactItems: [
    ...sums.map((sum) => ({ Update: adding(sum, id) })),
    { Put: { TableName, Item: newItem(`t-${id}`, id, group) } },
  ],
});

/** Items, the rows of their index and the records of their stream: each write has all of its own, or none. */
export const dynamodbSubject: CrashSubject<LocalTables, Step> = {
  name: 'dynamodb',
  kills: 4,
  simulated: false,
  concurrency: 16,

  async open({ directory }) {
    const tables = await LocalTables.open({ directory });
    await tables
      .call('CreateTable', {
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [{ AttributeName: 'h', KeyType: 'HASH' }],
        AttributeDefinitions: ['h', 'g'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
        GlobalSecondaryIndexes: [
          {
            IndexName: 'by-group',
            KeySchema: [{ AttributeName: 'g', KeyType: 'HASH' }],
            Projection: { ProjectionType: 'ALL' },
          },
        ],
        StreamSpecification: { StreamEnabled: true, StreamViewType: 'KEYS_ONLY' },
      })
      .catch((error: unknown) => {
        if (!(error instanceof DomainError) || error.code !== 'resource-in-use') throw error;
      });
    return tables;
  },

  plan(random, id) {
    const below = (limit: number) => Math.floor(random.next() * limit);
    const group = below(GROUPS);
    const first = below(SUMS);
    const kind = random.next();
    if (kind < 0.35) return { kind: 'put', group };
    if (kind < 0.5 && id > LONG_AGO) return { kind: 'delete', of: id - LONG_AGO };
    if (kind < 0.75) return { kind: 'add', sum: first };
    return { kind: 'transact', sums: [first, (first + 1 + below(SUMS - 1)) % SUMS], group };
  },

  async run(tables, step, id) {
    switch (step.kind) {
      case 'put':
        return tables.call('PutItem', { TableName, Item: newItem(`p-${id}`, id, step.group) });
      case 'delete':
        return tables.call('DeleteItem', { TableName, Key: Key(`p-${step.of}`) });
      case 'add':
        return tables.call('UpdateItem', adding(step.sum, id));
      case 'transact':
        return tables.call('TransactWriteItems', transaction(step, id));
    }
  },

  isRefusal: () => false,

  async verify(tables, history) {
    const before = await stateOf(tables);
    checkIndex(before);
    const done = new Set(history.filter((entry) => isDone(entry, before)).map(({ id }) => id));
    for (const { id, step, outcome } of history) {
      const deletesNothing = step.kind === 'delete' && !before.inserted.has(`p-${step.of}`);
      if (outcome === 'acknowledged' && !deletesNothing) assert.ok(done.has(id), `${step.kind} ${id} was lost`);
      if (outcome === 'refused') assert.ok(!done.has(id), `${step.kind} ${id} was refused and is there`);
    }
    checkItems(history, done, before);
    checkSums(history, done, before);
    // A token is as durable as its transaction.
    for (const { id, step } of history.slice(-50)) {
      if (step.kind === 'transact' && done.has(id)) await tables.call('TransactWriteItems', transaction(step, id));
    }
    assert.deepEqual((await stateOf(tables)).items, before.items, 'a repeated transaction was done again');
    return done;
  },
};

type Entry = HistoryEntry<Step>;
type Item = any;

interface State {
  readonly items: ReadonlyMap<string, Item>;
  readonly indexed: ReadonlyMap<string, Item>;
  /** Keys, as the stream tells. */
  readonly inserted: ReadonlySet<string>;
  readonly removed: ReadonlySet<string>;
}

async function stateOf(tables: LocalTables): Promise<State> {
  const items = await allOf(tables, {});
  const indexed = await allOf(tables, { IndexName: 'by-group' });
  const records = await streamOf(tables);
  const keys = (event: string) => records.filter(({ eventName }) => eventName === event).map(({ key }) => key);
  const [inserted, removed] = [keys('INSERT'), keys('REMOVE')];
  assert.equal(new Set(inserted).size, inserted.length, 'an insert was told twice');
  return { items, indexed, inserted: new Set(inserted), removed: new Set(removed) };
}

async function allOf(tables: LocalTables, input: object): Promise<ReadonlyMap<string, Item>> {
  const found = new Map<string, Item>();
  let ExclusiveStartKey: object | undefined;
  do {
    const page = await tables.call('Scan', { TableName, ExclusiveStartKey, ...input });
    for (const item of JSON.parse(page.Items.text)) found.set(item.h.S, item);
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey);
  return found;
}

async function streamOf(tables: LocalTables): Promise<readonly { readonly eventName: string; readonly key: string }[]> {
  const { LatestStreamArn: StreamArn } = (await tables.call('DescribeTable', { TableName })).Table;
  const { StreamDescription } = await tables.callStreams('DescribeStream', { StreamArn });
  const found: { eventName: string; key: string }[] = [];
  for (const { ShardId } of StreamDescription.Shards) {
    const start = { StreamArn, ShardId, ShardIteratorType: 'TRIM_HORIZON' };
    let { ShardIterator } = await tables.callStreams('GetShardIterator', start);
    for (;;) {
      const { Records, NextShardIterator } = await tables.callStreams('GetRecords', { ShardIterator });
      if (Records.length === 0) break;
      for (const { text } of Records) {
        const { eventName, dynamodb } = JSON.parse(text);
        found.push({ eventName, key: dynamodb.Keys.h.S });
      }
      ShardIterator = NextShardIterator;
    }
  }
  return found;
}

function isDone({ id, step }: Entry, { inserted, removed, items }: State): boolean {
  switch (step.kind) {
    case 'put':
      return inserted.has(`p-${id}`);
    case 'delete':
      return removed.has(`p-${step.of}`);
    case 'add':
      return idsOf(items.get(`sum-${step.sum}`)).has(id);
    case 'transact':
      return items.has(`t-${id}`);
  }
}

const idsOf = (sum: Item): ReadonlySet<number> => new Set<number>((sum?.ids.NS ?? []).map(Number));

/** All items of a group stand in the index as they are, and nothing else does. */
function checkIndex({ items, indexed }: State): void {
  const expected = [...items].filter(([, item]) => item.g !== undefined);
  assert.deepEqual(new Map([...indexed].sort()), new Map(expected.sort()), 'index and items differ');
}

function checkItems(history: readonly Entry[], done: ReadonlySet<number>, { items, inserted, removed }: State): void {
  for (const { id, step } of history) {
    if (step.kind !== 'put' && step.kind !== 'transact') continue;
    const h = `${step.kind === 'put' ? 'p' : 't'}-${id}`;
    const expected = done.has(id) && !removed.has(h) ? newItem(h, id, step.group) : undefined;
    assert.deepEqual(items.get(h), expected, h);
    assert.equal(inserted.has(h), done.has(id), `record of ${h}`);
  }
}

function checkSums(history: readonly Entry[], done: ReadonlySet<number>, { items }: State): void {
  for (let sum = 0; sum < SUMS; sum++) {
    const added = history.filter(
      ({ id, step }) =>
        done.has(id) && (step.kind === 'add' ? step.sum === sum : step.kind === 'transact' && step.sums.includes(sum)),
    );
    const item = items.get(`sum-${sum}`);
    assert.deepEqual([...idsOf(item)].sort(), added.map(({ id }) => id).sort(), `sum ${sum}`);
    assert.equal(Number(item?.n.N ?? 0), added.length, `count of sum ${sum}`);
  }
}
