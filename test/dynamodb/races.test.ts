import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../src/base/index.ts';
import { isLinearizable, type Operation, type RegisterStep } from './history/linearizable.ts';
import { anomalyOf, type ListTransaction } from './history/serializable.ts';
import { LocalTables, seededRandom, seedOf } from './local.ts';

const WRITERS = 64;
const all = <T>(count: number, one: (at: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, at) => one(at)));

test('64 writers who race conditional updates of the same items leave histories that are linearizable', async () => {
  const seed = seedOf(6001);
  const random = seededRandom(seed);
  await using tables = await LocalTables.open({ shakenBy: seededRandom(seed + 1) });
  const TableName = await tables.table('registers');
  const histories = Array.from({ length: 16 }, (): Operation<RegisterStep>[] => []);
  let moment = 0;
  const Key = (item: number) => ({ h: { S: String(item) } });

  const steps: readonly ((item: number, value: string) => Promise<RegisterStep>)[] = [
    async (item) => {
      const { Item } = await tables.call('GetItem', { TableName, Key: Key(item), ConsistentRead: true });
      return { kind: 'read', value: Item ? JSON.parse(Item.text).v.S : null };
    },
    async (item, value) => {
      await tables.call('PutItem', { TableName, Item: { ...Key(item), v: { S: value } } });
      return { kind: 'write', value };
    },
    async (item) => {
      await tables.call('DeleteItem', { TableName, Key: Key(item) });
      return { kind: 'write', value: null };
    },
    async (item, value) => {
      const last = histories[item]!.findLast(({ step }) => step.kind === 'write' && step.value !== null)?.step;
      const expected = last?.kind === 'write' ? last.value! : 'nothing';
      const done = await tables
        .call('UpdateItem', {
          TableName,
          Key: Key(item),
          UpdateExpression: 'SET v = :new',
          ConditionExpression: 'v = :old',
          ExpressionAttributeValues: { ':new': { S: value }, ':old': { S: expected } },
        })
        .then(
          () => true,
          (error: unknown) => {
            assert.ok(hasCode(error, 'condition-failed'), String(error));
            return false;
          },
        );
      return { kind: 'swap', expected, value, done };
    },
  ];

  await all(WRITERS, async (writer) => {
    for (let count = 0; count < 25; count++) {
      const item = Math.floor(random.next() * histories.length);
      const called = moment++;
      const step = await steps[Math.floor(random.next() * steps.length)]!(item, `${writer}-${count}`);
      histories[item]!.push({ step, called, returned: moment++ });
    }
  });
  for (const [item, history] of histories.entries()) {
    assert.ok(history.length > 50);
    assert.ok(isLinearizable(history), `item ${item} under seed ${seed}`);
  }
});

test('64 writers who add to one counter all count', async () => {
  await using tables = await LocalTables.open({ shakenBy: seededRandom(seedOf(6002)) });
  const TableName = await tables.table('counters');
  const seen = new Set<string>();
  await all(WRITERS, async () => {
    for (let count = 0; count < 10; count++) {
      const { Attributes } = await tables.call('UpdateItem', {
        ...{ TableName, Key: { h: { S: 'c' } }, ReturnValues: 'UPDATED_NEW' },
        ...{ UpdateExpression: 'ADD n :one', ExpressionAttributeValues: { ':one': { N: '1' } } },
      });
      seen.add(Attributes.n.N);
    }
  });
  assert.equal(seen.size, WRITERS * 10);
  const { Item } = await tables.call('GetItem', { TableName, Key: { h: { S: 'c' } } });
  assert.equal(JSON.parse(Item.text).n.N, String(WRITERS * 10));
});

test('transactions that race on the same items are strictly serializable', async () => {
  const seed = seedOf(6003);
  const random = seededRandom(seed);
  await using tables = await LocalTables.open({ shakenBy: seededRandom(seed + 1) });
  const names = [await tables.table('one'), await tables.table('two')];
  const lists = Array.from({ length: 6 }, (_, at) => String(at));
  const at = (list: string) => ({ TableName: names[Number(list) % 2]!, Key: { h: { S: list } } });
  const elements = (item: { text: string } | undefined): readonly string[] =>
    item ? JSON.parse(item.text).l.L.map(({ S }: { S: string }) => S) : [];
  const history: ListTransaction[] = [];
  let moment = 0;

  const append = async (chosen: readonly string[], element: string) => {
    const value = { ':e': { L: [{ S: element }] }, ':none': { L: [] } };
    const Update = (list: string) => ({
      ...at(list),
      UpdateExpression: 'SET l = list_append(if_not_exists(l, :none), :e)',
      ExpressionAttributeValues: value,
    });
    const [only] = chosen;
    if (chosen.length === 1) await tables.call('UpdateItem', Update(only!));
    else await tables.call('TransactWriteItems', { TransactItems: chosen.map((list) => ({ Update: Update(list) })) });
    return { appends: new Map(chosen.map((list) => [list, element])), reads: new Map() };
  };
  const read = async (chosen: readonly string[]) => {
    const { Responses } = await tables.call('TransactGetItems', {
      TransactItems: chosen.map((list) => ({ Get: at(list) })),
    });
    const found = Responses.map(({ Item }: { Item?: { text: string } }) => elements(Item));
    return { appends: new Map(), reads: new Map(chosen.map((list, index) => [list, found[index]!])) };
  };

  await all(WRITERS, async (writer) => {
    for (let count = 0; count < 8; count++) {
      const chosen = lists.filter(() => random.next() < 0.4);
      if (chosen.length === 0) continue;
      const called = moment++;
      const done = random.next() < 0.6 ? await append(chosen, `${writer}-${count}`) : await read(chosen);
      history.push({ ...done, called, returned: moment++ });
    }
  });
  const finals = new Map<string, readonly string[]>();
  for (const list of lists) finals.set(list, elements((await tables.call('GetItem', at(list))).Item));
  assert.ok(history.length > 300);
  assert.equal(anomalyOf(history, finals), undefined, `seed ${seed}`);
});
