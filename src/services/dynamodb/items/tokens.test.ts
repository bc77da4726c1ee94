import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openEmbeddedRecords, type Records, type Transaction } from '../../../store/index.ts';
import { ITEM_LIMITS } from './limits.ts';
import { type TakenToken, Tokens } from './tokens.ts';

test('a token that is taken anew while the old ones are swept away is remembered', async (context) => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-tokens-'));
  context.after(() => rm(directory, { recursive: true }));
  await using store = await openEmbeddedRecords({ directory });
  const swept = Promise.withResolvers<void>();
  const records = new Proxy<Records>(store, {
    get: (_, name) => {
      if (name !== 'commit') return (store[name as keyof Records] as () => unknown).bind(store);
      return async (transaction: Transaction) => {
        if (transaction.writes[0]!.kind === 'delete') await swept.promise;
        return await store.commit(transaction);
      };
    },
  });
  let now = 1_000_000;
  const tokens = new Tokens(records, () => now);
  const take = (token: string, request: string) =>
    tokens.once('us-east-1', token, request, (taken: TakenToken) => records.commit(taken));
  await take('old', 'one');
  now += ITEM_LIMITS.tokenMs + 1;
  await take('new', 'two');
  assert.notEqual(await take('old', 'three'), 'done-before');
  swept.resolve();
  await tokens.close();
  assert.equal(await take('old', 'three'), 'done-before');
  // What was not swept away then is with the next.
  now += ITEM_LIMITS.tokenMs + 1;
  await take('newer', 'four');
  await tokens.close();
  const left = await store.range('dynamodb/tokens/expiry', { limit: 10 });
  assert.equal(left.length, 1);
  assert.equal((await store.range('dynamodb/tokens', { limit: 10 })).length, 1);
});
