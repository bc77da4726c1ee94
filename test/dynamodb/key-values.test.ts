import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LocalTables } from './local.ts';

const NOT_VALID =
  'One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty';

test('a query for what no key can be is refused, instead of finding nothing', async () => {
  await using tables = await LocalTables.open();
  const TableName = await tables.table('texts', 'h:S r:B');
  const query = (h: string, r: Uint8Array, condition: string) =>
    tables.call('Query', {
      ...{ TableName, KeyConditionExpression: `h = :h AND ${condition}` },
      ExpressionAttributeValues: { ':h': { S: h }, ':r': { B: r } },
    });
  const [empty, one] = [new Uint8Array(0), Uint8Array.of(1)];
  for (const condition of ['r = :r', 'r > :r', 'begins_with(r, :r)', 'r BETWEEN :r AND :r']) {
    await assert.rejects(query('', one, condition), { message: `${NOT_VALID} string value. Key: h` });
    await assert.rejects(query('a', empty, condition), { message: `${NOT_VALID} binary value. Key: r` });
    await assert.rejects(query('a'.repeat(2049), one, condition), /Size of hashkey has exceeded/);
    await assert.rejects(query('a', new Uint8Array(1025), condition), /Aggregated size of all range keys has exceeded/);
    await query('a'.repeat(2048), new Uint8Array(1024), condition);
  }
  await assert.rejects(tables.call('ExecuteStatement', { Statement: `SELECT * FROM texts WHERE h = ''` }), {
    message: `${NOT_VALID} string value. Key: h`,
  });
});

// What dynalite says of them is older than what AWS says today.
test('an empty key is refused in the same words whatever it is a key for', async () => {
  await using tables = await LocalTables.open();
  const TableName = await tables.table('keys');
  const Key = { h: { S: '' } };
  const refused = { message: `${NOT_VALID} string value. Key: h` };
  await assert.rejects(tables.call('PutItem', { TableName, Item: Key }), refused);
  for (const operation of ['GetItem', 'DeleteItem', 'UpdateItem'])
    await assert.rejects(tables.call(operation, { TableName, Key }), refused);
  const update = { TableName, Key, UpdateExpression: 'SET a = h' };
  for (const part of [{ Put: { TableName, Item: Key } }, { Delete: { TableName, Key } }, { Update: update }])
    await assert.rejects(tables.call('TransactWriteItems', { TransactItems: [part] }), refused);
  await assert.rejects(tables.call('BatchGetItem', { RequestItems: { [TableName]: { Keys: [Key] } } }), refused);
});

test('a text that UTF-8 cannot hold is kept as what an encoder makes of it, in keys and elsewhere', async () => {
  await using tables = await LocalTables.open();
  const TableName = await tables.table('halves');
  const Item = { h: { S: 'a\ud800' }, s: { S: '\udc00b' }, ss: { SS: ['\ud800', 'x'] }, pair: { S: '\u{1f600}' } };
  await tables.call('PutItem', { TableName, Item });
  const kept = { h: { S: 'a\ufffd' }, s: { S: '\ufffdb' }, ss: { SS: ['x', '\ufffd'] }, pair: { S: '\u{1f600}' } };
  for (const h of ['a\ud800', 'a\udfff', 'a\ufffd']) {
    assert.deepEqual(JSON.parse((await tables.call('GetItem', { TableName, Key: { h: { S: h } } })).Item.text), kept);
  }
  const set = { SS: ['\ud800', '\ud801'] };
  await assert.rejects(tables.call('PutItem', { TableName, Item: { ...Item, set } }), /contains duplicates/);
});

test('members of sets come in the order of DynamoDB, however they were written', async () => {
  await using tables = await LocalTables.open();
  const TableName = await tables.table('sets');
  const Key = { h: { S: 'a' } };
  const read = async () => JSON.parse((await tables.call('GetItem', { TableName, Key })).Item.text);
  const bytes = (...members: number[]) => Uint8Array.from(members);
  const Item = {
    ...Key,
    ss: { SS: ['b', '\u{1f600}', 'a', '\uffff', ''] },
    ns: { NS: ['10', '9', '-1', '-20', '0.5'] },
    in: { M: { bs: { BS: [bytes(2), bytes(1, 200), bytes(1)] } } },
  };
  await tables.call('PutItem', { TableName, Item });
  const { ss, ns, in: inner } = await read();
  assert.deepEqual(ss, { SS: ['', 'a', 'b', '\uffff', '\u{1f600}'] });
  assert.deepEqual(ns, { NS: ['-20', '-1', '0.5', '9', '10'] });
  assert.deepEqual(inner.M.bs, { BS: [[1], [1, 200], [2]].map((one) => Buffer.from(one).toString('base64')) });
  const ExpressionAttributeValues = { ':s': { SS: ['aa'] }, ':n': { NS: ['5'] } };
  const UpdateExpression = 'ADD ss :s, ns :n';
  await tables.call('UpdateItem', { TableName, Key, UpdateExpression, ExpressionAttributeValues });
  const added = await read();
  assert.deepEqual(added.ss.SS.slice(0, 4), ['', 'a', 'aa', 'b']);
  assert.deepEqual(added.ns.NS, ['-20', '-1', '0.5', '5', '9', '10']);
});

test('a transaction of statements that write answers nothing for each of them', async () => {
  await using tables = await LocalTables.open();
  await tables.table('written');
  const TransactStatements = ['a', 'b'].map((h) => ({ Statement: `INSERT INTO written VALUE {'h': '${h}'}` }));
  assert.deepEqual(await tables.call('ExecuteTransaction', { TransactStatements }), { Responses: [] });
});
