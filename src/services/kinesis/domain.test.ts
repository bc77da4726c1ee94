import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { dataStart, partitionKeyOf, sampledTraceOf, sealEnvelope, traceOf } from './envelope.ts';
import { decodeIterator } from './iterator.ts';
import { initialShards, openShards, scaleShards } from './reshard.ts';
import { RouteCache } from './route-cache.ts';
import { parseSequenceNumber, SequenceNumbers } from './sequence-number.ts';
import { shardIndex } from './state.ts';
import { decodeToken } from './tokens.ts';

describe('kinesis: envelopes', () => {
  const hex = (length: number) =>
    fc.uint8Array({ minLength: length, maxLength: length }).map((b) => Buffer.from(b).toString('hex'));
  const trace = fc.record({ traceId: hex(16), spanId: hex(8), sampled: fc.boolean() }, { noNullPrototype: true });

  test('key, data and trace come back whatever they are', () => {
    const key = fc.string({ unit: 'binary', minLength: 1, maxLength: 256 });
    fc.assert(
      fc.property(key, fc.uint8Array(), fc.option(trace, { nil: undefined }), (partitionKey, data, context) => {
        const envelope = sealEnvelope(partitionKey, data, context);
        assert.equal(partitionKeyOf(envelope), partitionKey);
        assert.deepEqual(envelope.subarray(dataStart(envelope)), Buffer.from(data));
        assert.deepEqual(traceOf(envelope), context);
        assert.deepEqual(sampledTraceOf(envelope), context?.sampled ? context : undefined);
      }),
    );
  });

  test('a trace that nobody has decided on takes no room', () => {
    const undecided = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false, undecided: true } as const;
    assert.deepEqual(sealEnvelope('k', Buffer.from('d'), undecided), sealEnvelope('k', Buffer.from('d')));
  });
});

describe('kinesis: sequence numbers', () => {
  test('they compare as offsets do within a shard, and as generations do across shards', () => {
    const offset = fc.maxSafeInteger().map((value) => Math.abs(value) - 1);
    const generation = fc.integer({ min: 0, max: 99_999_999_999 });
    fc.assert(
      fc.property(generation, generation, offset, offset, (g1, g2, o1, o2) => {
        const [a, b] = [new SequenceNumbers(g1, 4).of(o1), new SequenceNumbers(g2, 4).of(o2)];
        const expected = g1 === g2 ? Math.sign(o1 - o2) : Math.sign(g1 - g2);
        assert.equal(BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0, expected);
        assert.deepEqual(parseSequenceNumber(a), { generation: g1, shardIndex: 4, offset: o1 });
      }),
    );
  });

  test('what is none of ours is not read as one', () => {
    fc.assert(fc.property(fc.string(), (text) => assert.equal(parseSequenceNumber(text), undefined)));
  });
});

describe('kinesis: scaling', () => {
  test('any scaling of any stream leaves even ranges without gaps, and every shard at most two parents', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 30 }), (from, to) => {
        const shards = scaleShards(initialShards(from, 1_000), to, 2_000);
        const ranges = openShards(shards).map(({ start, end }) => [BigInt(start), BigInt(end)] as const);
        ranges.sort(([a], [b]) => (a < b ? -1 : 1));
        assert.equal(ranges.length, to);
        let next = 0n;
        for (const [start, end] of ranges) {
          assert.equal(start, next);
          next = end + 1n;
        }
        assert.equal(next, 1n << 128n);
        for (const shard of shards) {
          for (const parent of [shard.parent, shard.adjacentParent]) {
            if (parent === undefined) continue;
            assert.ok(shards[parent]!.generation < shard.generation);
            assert.notEqual(shards[parent]!.closedAt, undefined);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('kinesis: what clients hand back', () => {
  test('iterators and tokens of any bytes are refused, never a crash', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.base64String(),
          fc.json().map((json) => Buffer.from(json).toString('base64')),
        ),
        (text) => {
          assert.throws(() => decodeIterator(text, 0), { code: 'invalid-argument' });
          assert.throws(() => decodeToken(text, 0), { code: 'invalid-argument' });
        },
      ),
    );
  });

  test('shard ids are read with and without their zeros', () => {
    assert.deepEqual(['shardId-000000000012', '12', 'shardId-12', 'x', ''].map(shardIndex), [
      12,
      12,
      12,
      undefined,
      undefined,
    ]);
  });
});

describe('kinesis: the memory of routes', () => {
  test('what is used stays, what is not is forgotten, and there is a limit', () => {
    const cache = new RouteCache<number>(10);
    for (let i = 0; i < 1_000; i++) {
      cache.set(`key ${i}`, i);
      assert.equal(cache.get('key 0'), 0);
    }
    assert.equal(cache.get('key 999'), 999);
    assert.equal(cache.get('key 500'), undefined);
  });
});
