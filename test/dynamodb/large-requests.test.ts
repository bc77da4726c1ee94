import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../src/base/index.ts';
import { LocalTables } from './local.ts';

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
