import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DomainError, SimulatedClock, seededRandom } from '../base/index.ts';
import type { Records, Transaction, Write } from '../store/index.ts';
import { silentLogger } from '../telemetry/index.ts';
import { Settler } from './settler.ts';

const MB = 1024 * 1024;
const put = (name: string, bytes: number): Write => ({
  kind: 'put',
  space: 's',
  key: Buffer.from(name),
  value: Buffer.alloc(bytes),
});

const keysOf = (writes: readonly Write[]) =>
  writes.flatMap((write) => ('key' in write ? [Buffer.from(write.key).toString()] : []));

function settlerOver(commit: (transaction: Transaction) => void): Settler {
  const records = { commit: async (transaction: Transaction) => commit(transaction) } as unknown as Records;
  return new Settler(records, new SimulatedClock(), seededRandom(1), silentLogger, new AbortController().signal);
}

test('what came of many large deliveries is written in transactions that the store can take', async () => {
  const sizes: number[] = [];
  const settler = settlerOver(({ writes }) => {
    sizes.push(writes.reduce((sum, write) => sum + (write.kind === 'put' ? write.value.length : 0), 0));
  });
  await Promise.all(Array.from({ length: 60 }, (_, n) => settler.write([put(String(n), 6 * MB)])));
  assert.equal(
    sizes.reduce((sum, size) => sum + size),
    360 * MB,
  );
  assert.ok(Math.max(...sizes) <= 16 * MB, `${Math.max(...sizes)} bytes at once`);
});

test('a write that the store never takes fails, and holds up no other', async () => {
  const written: string[] = [];
  const settler = settlerOver(({ writes }) => {
    if (keysOf(writes).includes('huge')) {
      throw new DomainError('record-too-large', 'a value has too many bytes');
    }
    written.push(...keysOf(writes));
  });
  const ends = await Promise.allSettled(['a', 'b', 'huge', 'c'].map((name) => settler.write([put(name, 10)])));
  assert.deepEqual(
    ends.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(written, ['a', 'b', 'c']);
});
