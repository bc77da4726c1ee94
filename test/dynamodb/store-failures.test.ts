import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DomainError, hasCode } from '../../src/base/index.ts';
import type { Records } from '../../src/store/index.ts';
import { LocalTables } from './local.ts';

/** Lets the next commits of a store fail, as long as there are errors. */
function failing(records: Records, errors: Error[]): void {
  const commit = records.commit.bind(records);
  records.commit = async (transaction) => {
    const error = errors.shift();
    if (error) throw error;
    return await commit(transaction);
  };
}

const busy = () => new DomainError('records-busy', 'too many transactions wait for the writer', { remedy: 'retry' });
const full = () => new DomainError('records-full', 'the disk is full', { remedy: 'retry' });

test('a batch of statements of which the store refuses one tells so of that one', async () => {
  await using tables = await LocalTables.open();
  await tables.table('some');
  const errors = [busy(), full()];
  failing(tables.records, errors);
  const Statements = ['a', 'b', 'c'].map((h) => ({ Statement: `INSERT INTO some VALUE {'h': '${h}'}` }));
  const { Responses } = await tables.call('BatchExecuteStatement', { Statements });
  assert.deepEqual(
    Responses.map((one: any) => one.Error?.Code),
    ['ThrottlingError', 'InternalServerError', undefined],
  );
  assert.equal((await tables.call('Scan', { TableName: 'some' })).Count, 1);
});

test('items are written again after the store has refused them', async () => {
  await using tables = await LocalTables.open();
  const TableName = await tables.table('again');
  const errors: Error[] = [];
  failing(tables.records, errors);
  const items = ['a', 'b'].map((h) => ({ h: { S: h } }));
  const calls: readonly (() => Promise<unknown>)[] = [
    () => tables.call('PutItem', { TableName, Item: items[0] }),
    () => tables.call('PutItem', { TableName, Item: { ...items[0], x: { S: 'x' } }, ReturnValues: 'ALL_OLD' }),
    () => tables.call('UpdateItem', { TableName, Key: items[0], UpdateExpression: 'SET x = h' }),
    () =>
      tables.call('TransactWriteItems', {
        ClientRequestToken: 'token',
        TransactItems: items.map((Key) => ({ Update: { TableName, Key, UpdateExpression: 'SET y = h' } })),
      }),
    () => tables.call('DeleteItem', { TableName, Key: items[0] }),
  ];
  for (const call of calls) {
    errors.push(full());
    await assert.rejects(call(), (error) => hasCode(error, 'records-full'));
    await call();
  }
  errors.push(busy(), busy());
  const batch = { RequestItems: { [TableName]: items.map((Item) => ({ PutRequest: { Item } })) } };
  await assert.rejects(tables.call('BatchWriteItem', batch), (error) => hasCode(error, 'records-busy'));
  assert.deepEqual((await tables.call('BatchWriteItem', batch)).UnprocessedItems, {});
});
