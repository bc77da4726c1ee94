import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openEmbeddedRecords } from './embedded/records.ts';
import { Registry } from './registry.ts';

interface Stream {
  readonly shards: number;
  readonly tags?: Readonly<Record<string, string>>;
}

async function withDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-registry-'));
  await body(directory).finally(() => rm(directory, { recursive: true }));
}

test('values are listed by name, and are there again after a restart', () =>
  withDirectory(async (directory) => {
    {
      await using records = await openEmbeddedRecords({ directory });
      const streams = await Registry.open<Stream>(records, 'streams');
      await Promise.all([
        streams.create('b', { shards: 2 }),
        streams.put('a', { shards: 1, tags: { team: 'x' } }),
        streams.put('ab', { shards: 3 }),
      ]);
      await streams.put('b', { shards: 4 });
      assert.equal(await streams.delete('ab'), true);
      assert.equal(await streams.delete('ab'), false);
    }
    await using records = await openEmbeddedRecords({ directory });
    const streams = await Registry.open<Stream>(records, 'streams');
    assert.deepEqual(streams.names(), ['a', 'b']);
    assert.deepEqual(streams.list(), [{ shards: 1, tags: { team: 'x' } }, { shards: 4 }]);
    assert.deepEqual(streams.list('b'), [{ shards: 4 }]);
    assert.equal(streams.get('ab'), undefined);
    assert.equal(streams.size, 2);
  }));

test('of two who create one name at once, one is told that it exists', () =>
  withDirectory(async (directory) => {
    await using records = await openEmbeddedRecords({ directory });
    const streams = await Registry.open<Stream>(records, 'streams');
    const outcomes = await Promise.allSettled([streams.create('a', { shards: 1 }), streams.create('a', { shards: 2 })]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected'],
    );
    assert.deepEqual(streams.get('a'), { shards: 1 });
    await assert.rejects(streams.create('a', { shards: 3 }), { code: 'already-exists' });
  }));

test('a value is shown only when it is durable, and cannot be changed behind the store', () =>
  withDirectory(async (directory) => {
    await using records = await openEmbeddedRecords({ directory });
    const streams = await Registry.open<{ tags: Record<string, string> }>(records, 'streams');
    const mine = { tags: { a: '1' } };
    const put = streams.put('a', mine);
    assert.equal(streams.get('a'), undefined);
    mine.tags.a = '2';
    await put;
    assert.deepEqual(streams.get('a'), { tags: { a: '1' } });
    assert.throws(() => {
      streams.get('a')!.tags.a = '3';
    }, TypeError);
  }));

test('more values than one read returns are all loaded', () =>
  withDirectory(async (directory) => {
    await using records = await openEmbeddedRecords({ directory });
    const writes = Array.from({ length: 10_000 }, (_, i) => ({
      kind: 'put' as const,
      space: 'things',
      key: Buffer.from(`${i}`),
      value: Buffer.from('1'),
    }));
    await records.commit({ writes });
    await records.commit({ writes: writes.slice(0, 3).map((write) => ({ ...write, key: Buffer.from('x') })) });
    assert.equal((await Registry.open(records, 'things')).size, 10_001);
  }));
