import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { RECORDS_LIMITS, type RecordEntry, type Records, type RecordsError, type Transaction } from './records.ts';

const bytes = (text: string) => Buffer.from(text);
const put = (key: string, value = key, space = 'things') =>
  ({ kind: 'put', space, key: bytes(key), value: bytes(value) }) as const;
const remove = (key: string, space = 'things') => ({ kind: 'delete', space, key: bytes(key) }) as const;
const removeRange = (from: string, to: string, space = 'things') =>
  ({ kind: 'deleteRange', space, from: bytes(from), to: bytes(to) }) as const;
const show = (entries: readonly RecordEntry[]) =>
  entries.map(({ key, value }) => `${Buffer.from(key)}=${Buffer.from(value)}`);

const within = (key: string, from: string, to: string) =>
  Buffer.compare(bytes(key), bytes(from)) >= 0 && Buffer.compare(bytes(key), bytes(to)) < 0;

/** What every engine of the records port does. `open` is given an empty folder, and the same one again for a reopening. */
export function recordsConformance(engine: string, open: (directory: string) => Promise<Records>): void {
  const withRecords = async (body: (records: Records, directory: string) => Promise<void>) => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-records-'));
    try {
      await using records = await open(directory);
      await body(records, directory);
    } finally {
      await rm(directory, { recursive: true });
    }
  };

  describe(`records port: ${engine}`, () => {
    test('a commit is read back, with its version', () =>
      withRecords(async (records) => {
        const version = await records.commit({ writes: [put('a', 'one'), put('b', '')] });
        const entry = await records.get('things', bytes('a'));
        assert.deepEqual(entry && { ...entry, value: entry.value.toString() }, {
          key: bytes('a'),
          value: 'one',
          version,
        });
        assert.equal((await records.get('things', bytes('b')))!.value.length, 0);
        assert.equal(await records.get('things', bytes('c')), undefined);
        assert.equal(await records.get('nowhere', bytes('a')), undefined);
        assert.ok((await records.sizeBytes()) > 0);
      }));

    test('versions go up by commit, and a later write replaces', () =>
      withRecords(async (records) => {
        const first = await records.commit({ writes: [put('a', '1')] });
        const second = await records.commit({ writes: [put('a', '2')] });
        assert.ok(second > first);
        assert.deepEqual((await records.get('things', bytes('a')))!.version, second);
        await records.commit({ writes: [remove('a')] });
        assert.equal(await records.get('things', bytes('a')), undefined);
      }));

    test('ranges come in byte order, bounded, either way round', () =>
      withRecords(async (records) => {
        await records.commit({ writes: ['b', 'a', 'c', 'a\0', '\xff', ''].map((key) => put(key, 'v')) });
        const keys = async (range: object) =>
          (await records.range('things', { limit: 100, ...range })).map(({ key }) => Buffer.from(key).toString());
        assert.deepEqual(await keys({}), ['', 'a', 'a\0', 'b', 'c', '\xff']);
        assert.deepEqual(await keys({ from: bytes('a'), to: bytes('c') }), ['a', 'a\0', 'b']);
        assert.deepEqual(await keys({ from: bytes('a'), to: bytes('c'), reverse: true }), ['b', 'a\0', 'a']);
        assert.deepEqual(await keys({ limit: 2 }), ['', 'a']);
        assert.deepEqual(await keys({ limit: 2, reverse: true }), ['\xff', 'c']);
        assert.deepEqual(await records.range('nowhere', { limit: 1 }), []);
      }));

    test('a range ends with the record at which it reaches its bytes, either way round', () =>
      withRecords(async (records) => {
        // 10 bytes each, the last one beyond what stands beside its key.
        await records.commit({ writes: [...'abcd'].map((key) => put(key, 'v'.repeat(9))) });
        await records.commit({ writes: [put('e', 'v'.repeat(5_000)), put('f')] });
        const keys = async (range: object) =>
          (await records.range('things', { limit: 100, ...range }))
            .map(({ key }) => Buffer.from(key).toString())
            .join('');
        assert.equal(await keys({ bytesMax: 1 }), 'a');
        assert.equal(await keys({ bytesMax: 20 }), 'ab');
        assert.equal(await keys({ bytesMax: 21 }), 'abc');
        assert.equal(await keys({ bytesMax: 41 }), 'abcde');
        assert.equal(await keys({ bytesMax: 1e9 }), 'abcdef');
        assert.equal(await keys({ bytesMax: 1e9, limit: 3 }), 'abc');
        assert.equal(await keys({ bytesMax: 3, reverse: true }), 'fe');
        assert.equal(await keys({ bytesMax: 11, from: bytes('b'), to: bytes('d') }), 'bc');
        // A read that ended early holds up no commit.
        await records.commit({ writes: [put('a')] });
        await assert.rejects(records.range('things', { limit: 1, bytesMax: 0 }));
      }));

    test('many keys are read in the order in which they are asked for, from one snapshot', () =>
      withRecords(async (records) => {
        const at = (key: string, space = 'things') => ({ space, key: bytes(key) });
        const version = await records.commit({
          writes: [put('a', '1'), put('b', '2', 'others'), put('c', 'x'.repeat(5_000))],
        });
        const keys = [at('b', 'others'), at('none'), at('a'), at('a', 'nowhere'), at('a'), at('c')];
        assert.deepEqual(
          (await records.getAll(keys)).map((entry) => entry && [...show([entry]), entry.version]),
          [
            ['b=2', version],
            undefined,
            ['a=1', version],
            undefined,
            ['a=1', version],
            [`c=${'x'.repeat(5_000)}`, version],
          ],
        );
        assert.deepEqual(await records.getAll([]), []);
        const pairs: string[] = [];
        const commits = Array.from({ length: 50 }, async (_, i) => {
          const read = records.getAll([at('a'), at('b')]);
          await records.commit({ writes: [put('a', `${i}`), put('b', `${i}`)] });
          pairs.push(show((await read).filter((entry) => entry !== undefined)).join());
        });
        await Promise.all(commits);
        for (const pair of pairs) assert.match(pair, /^(a=1|a=(\d+),b=\2)$/);
        await assert.rejects(records.getAll(Array.from({ length: RECORDS_LIMITS.readRecordsMax + 1 }, () => at('a'))));
      }));

    test('a range is deleted whole, its long values too, in its place among the writes, and the feed tells each', () =>
      withRecords(async (records) => {
        await records.commit({ writes: [removeRange('a', 'z', 'nowhere')] });
        await records.commit({ writes: [...'abcde'].map((key) => put(key)) });
        await records.commit({ writes: [put('c', 'x'.repeat(5_000)), put('b', 'other', 'others')] });
        await records.watchChanges('things');
        const version = await records.commit({
          writes: [
            put('bb'),
            removeRange('b', 'd'),
            put('c', 'again'),
            removeRange('x', 'z'),
            remove('a'),
            removeRange('e', 'b'),
          ],
        });
        assert.deepEqual(show(await records.range('things', { limit: 10 })), ['c=again', 'd=d', 'e=e']);
        assert.deepEqual(show(await records.range('others', { limit: 10 })), ['b=other']);
        assert.deepEqual(
          (await records.changes('things', 0, 100)).map((change) => [
            change.version,
            Buffer.from(change.key).toString(),
            change.value?.toString(),
          ]),
          [
            [version, 'bb', 'bb'],
            [version, 'b', undefined],
            [version, 'bb', undefined],
            [version, 'c', undefined],
            [version, 'c', 'again'],
            [version, 'a', undefined],
          ],
        );
      }));

    test('a failed condition writes nothing and names itself', () =>
      withRecords(async (records) => {
        const version = await records.commit({ writes: [put('a', '1')] });
        const attempt = (...conditions: Transaction['conditions'] & object) =>
          records.commit({ conditions, writes: [put('a', '2'), put('b', '2')] });
        const on = (key: string, is: 'absent' | 'present' | number) => ({ space: 'things', key: bytes(key), is });
        await assert.rejects(attempt(on('a', 'present'), on('a', 'absent')), {
          code: 'condition-failed',
          fields: { index: 1 },
        });
        await assert.rejects(attempt(on('b', 'present')), { code: 'condition-failed', fields: { index: 0 } });
        await assert.rejects(attempt(on('a', version + 1)), { code: 'condition-failed' });
        await assert.rejects(attempt(on('b', 0)), { code: 'condition-failed' });
        assert.deepEqual(show(await records.range('things', { limit: 10 })), ['a=1']);
        await attempt(on('a', version), on('b', 'absent'), { ...on('x', 'absent'), space: 'nowhere' });
        assert.deepEqual(show(await records.range('things', { limit: 10 })), ['a=2', 'b=2']);
      }));

    test('of those who wait together, a failed condition fails its own transaction only', () =>
      withRecords(async (records) => {
        const absent = [{ space: 'things', key: bytes('lock'), is: 'absent' }] as const;
        const outcomes = await Promise.allSettled(
          Array.from({ length: 50 }, (_, i) =>
            records.commit({
              ...(i % 2 ? { conditions: absent } : {}),
              writes: [put(i % 2 ? 'lock' : `free${i}`, `${i}`)],
            }),
          ),
        );
        assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 26);
        assert.equal((await records.range('things', { from: bytes('free'), to: bytes('frf'), limit: 100 })).length, 25);
        assert.equal((await records.get('things', bytes('lock')))!.value.toString(), '1');
      }));

    test('a counter that is only moved on the version that was read loses no update', () =>
      withRecords(async (records) => {
        const key = bytes('counter');
        await records.commit({ writes: [put('counter', '0')] });
        const increment = async () => {
          for (;;) {
            const { value, version } = (await records.get('things', key))!;
            const next = put('counter', `${Number(value.toString()) + 1}`);
            const done = await records
              .commit({ conditions: [{ space: 'things', key, is: version }], writes: [next] })
              .catch((error) => void assert.equal(error.code, 'condition-failed'));
            if (done) return;
          }
        };
        await Promise.all(Array.from({ length: 8 }, increment));
        assert.equal((await records.get('things', key))!.value.toString(), '8');
      }));

    test('all is there after closing and opening again, and versions go on', () =>
      withRecords(async (records, directory) => {
        const version = await records.commit({ writes: [put('a'), put('b', 'x', 'others')] });
        await records.watchChanges('things');
        await records.commit({ writes: [put('c')] });
        await records[Symbol.asyncDispose]();
        await using again = await open(directory);
        assert.deepEqual(show(await again.range('things', { limit: 10 })), ['a=a', 'c=c']);
        assert.deepEqual(show(await again.range('others', { limit: 10 })), ['b=x']);
        assert.equal((await again.changes('things', 0, 10)).length, 1);
        assert.ok((await again.commit({ writes: [put('d')] })) > version + 1);
      }));

    test('the feed has every change from its beginning on, in order, and none of other spaces', () =>
      withRecords(async (records) => {
        await records.commit({ writes: [put('before')] });
        await records.watchChanges('things');
        await records.watchChanges('things');
        const first = await records.commit({ writes: [put('b', '1'), put('a', '2'), put('x', 'x', 'others')] });
        const second = await records.commit({ writes: [remove('b')] });
        const changes = await records.changes('things', 0, 10);
        assert.deepEqual(
          changes.map(({ version, key, value }) => [version, Buffer.from(key).toString(), value?.toString()]),
          [
            [first, 'b', '1'],
            [first, 'a', '2'],
            [second, 'b', undefined],
          ],
        );
        assert.deepEqual(await records.changes('things', second, 10), []);
        assert.deepEqual(await records.changes('others', 0, 10), []);
        assert.equal((await records.changes('things', 0, 1)).length, 2, 'the rest of the commit comes along');
        await records.trimChanges('things', first);
        assert.deepEqual(
          (await records.changes('things', 0, 10)).map(({ version }) => version),
          [second],
        );
      }));

    test('a waiter is woken by the commit that it waits for, or by its signal', () =>
      withRecords(async (records) => {
        await records.watchChanges('things');
        const signal = new AbortController().signal;
        const first = await records.commit({ writes: [put('a')] });
        await records.waitForChanges('things', 0, signal);
        const waiting = records.waitForChanges('things', first, signal);
        await records.commit({ writes: [put('elsewhere', 'x', 'others')] });
        await records.commit({ writes: [put('b')] });
        await waiting;
        const gone = new AbortController();
        const aborted = records.waitForChanges('things', 1e9, gone.signal);
        gone.abort(new Error('no more'));
        await assert.rejects(aborted, /no more/);
        await assert.rejects(records.waitForChanges('things', 0, gone.signal), /no more/);
      }));

    test('a dropped space is gone with its feed, and can be begun anew', () =>
      withRecords(async (records) => {
        await records.watchChanges('things');
        await records.commit({ writes: [put('a'), put('b', 'x', 'others')] });
        await records.dropSpace('things');
        await records.dropSpace('never');
        assert.deepEqual(await records.range('things', { limit: 10 }), []);
        await records.commit({ writes: [put('c')] });
        assert.deepEqual(show(await records.range('things', { limit: 10 })), ['c=c']);
        assert.deepEqual(await records.changes('things', 0, 10), []);
        assert.deepEqual(show(await records.range('others', { limit: 10 })), ['b=x']);
      }));

    test('what exceeds a limit is refused whole', () =>
      withRecords(async (records) => {
        const tooLarge = { code: 'record-too-large' };
        const { keyBytesMax, writesPerTransactionMax } = RECORDS_LIMITS;
        await assert.rejects(records.commit({ writes: [put('a'), put('k'.repeat(keyBytesMax + 1))] }), tooLarge);
        await assert.rejects(
          records.commit({ writes: Array.from({ length: writesPerTransactionMax + 1 }, () => put('a')) }),
          tooLarge,
        );
        const value = Buffer.alloc(RECORDS_LIMITS.valueBytesMax + 1);
        await assert.rejects(records.commit({ writes: [{ ...put('a'), value }] }), tooLarge);
        await assert.rejects(records.commit({ writes: [removeRange('', 'k'.repeat(keyBytesMax + 1))] }), tooLarge);
        assert.deepEqual(await records.range('things', { limit: 10 }), []);
        await records.commit({ writes: [{ ...put('k'.repeat(keyBytesMax)), value: value.subarray(1) }] });
        assert.equal((await records.range('things', { limit: 1 }))[0]!.value.length, RECORDS_LIMITS.valueBytesMax);
      }));

    test('who comes when too many wait is refused, and the others are served', () =>
      withRecords(async (records) => {
        const limit = RECORDS_LIMITS.pendingTransactionsMax;
        const waiting = Array.from({ length: limit }, () => records.commit({ writes: [] }));
        await assert.rejects(records.commit({ writes: [put('a')] }), { code: 'records-busy', remedy: 'retry' });
        await Promise.all(waiting);
        await records.commit({ writes: [put('a')] });
      }));

    test('what the caller does to its buffers after the call changes nothing', () =>
      withRecords(async (records) => {
        const write = put('a', 'one');
        const committed = records.commit({ writes: [write] });
        write.key.fill(0);
        write.value.fill(0);
        await committed;
        assert.deepEqual(show(await records.range('things', { limit: 10 })), ['a=one']);
      }));

    test('a closed store refuses by code, and closing twice is safe', () =>
      withRecords(async (records) => {
        const last = records.commit({ writes: [put('a')] });
        const waiting = records.waitForChanges('things', 1e9, new AbortController().signal);
        waiting.catch(() => {});
        await records[Symbol.asyncDispose]();
        await records[Symbol.asyncDispose]();
        await last;
        await assert.rejects(waiting, { code: 'records-failed' });
        await assert.rejects(records.get('things', bytes('a')), { code: 'records-failed' });
      }));

    test('any sequence of commits leaves what a sorted map would hold', () =>
      withRecords(async (records) => {
        const key = fc.constantFrom('a', 'b', 'a\0', 'ab', '\xff', '');
        const write = fc.oneof(
          fc.record({ kind: fc.constant('put' as const), key, value: fc.string({ maxLength: 3 }) }),
          fc.record({ kind: fc.constant('delete' as const), key }),
          fc.record({ kind: fc.constant('deleteRange' as const), key, to: key }),
        );
        let run = 0;
        await fc.assert(
          fc.asyncProperty(fc.array(fc.array(write, { maxLength: 4 }), { maxLength: 8 }), async (commits) => {
            const space = `run${run++}`;
            const model = new Map<string, string>();
            await Promise.all(
              commits.map((writes) =>
                records.commit({
                  writes: writes.map((one) => {
                    if (one.kind === 'put') return put(one.key, one.value, space);
                    return one.kind === 'delete' ? remove(one.key, space) : removeRange(one.key, one.to, space);
                  }),
                }),
              ),
            );
            for (const one of commits.flat()) {
              if (one.kind === 'put') model.set(one.key, one.value);
              else if (one.kind === 'delete') model.delete(one.key);
              else for (const k of [...model.keys()]) if (within(k, one.key, one.to)) model.delete(k);
            }
            const expected = [...model]
              .map(([k, v]) => ({ key: bytes(k), value: bytes(v), version: 0 }))
              .sort((a, b) => Buffer.compare(a.key, b.key));
            assert.deepEqual(show(await records.range(space, { limit: 100 })), show(expected));
          }),
          { numRuns: 40 },
        );
      }));

    test('puts on a condition, alone and with others, leave what a map and a list of changes would hold', () =>
      withRecords(async (records) => {
        const step = fc.record({
          key: fc.constantFrom('a', 'b', 'c'),
          is: fc.constantFrom('absent' as const, 'as read' as const, 'as it was before' as const),
          // Values beyond a kilobyte may be kept elsewhere.
          valueBytes: fc.constantFrom(0, 10, 2000),
          along: fc.option(fc.constantFrom('a', 'd')),
        });
        let run = 0;
        await fc.assert(
          fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
            const space = `run${run++}`;
            await records.watchChanges(space);
            const model = new Map<string, { readonly version: number; readonly value: string }>();
            const changes: string[] = [];
            for (const { key, is, valueBytes, along } of steps) {
              const [current, value] = [model.get(key)?.version, 'v'.repeat(valueBytes)];
              const asked = is === 'absent' ? is : is === 'as read' ? (current ?? 1) : (current ?? 2) - 1;
              const writes = [put(key, value, space), ...(along ? [put(along, 'x', space)] : [])];
              const committed = records.commit({ conditions: [{ space, key: bytes(key), is: asked }], writes });
              if (asked !== (current ?? 'absent')) {
                await assert.rejects(committed, (error: RecordsError) => error.fields?.index === 0);
                continue;
              }
              const version = await committed;
              model.set(key, { version, value });
              if (along) model.set(along, { version, value: 'x' });
              changes.push(`${version} ${key}=${value}`, ...(along ? [`${version} ${along}=x`] : []));
            }
            for (const [key, { version, value }] of model) {
              const found = await records.get(space, bytes(key));
              assert.deepEqual([found?.version, found?.value.toString()], [version, value]);
            }
            const told = await records.changes(space, 0, 100);
            assert.deepEqual(
              told.map((change) => `${change.version} ${change.key.toString()}=${change.value?.toString()}`),
              changes,
            );
          }),
          { numRuns: 60 },
        );
      }));
  });
}
