import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Batch, decodeBatch, encodeBatch, streamOf } from './batches.ts';

const batches: fc.Arbitrary<Batch> = fc.record(
  {
    stream: fc.string({ minLength: 1, maxLength: 100, unit: 'grapheme' }),
    previous: fc.option(fc.nat(), { nil: undefined }),
    ingestedAt: fc.nat(),
    events: fc.array(
      fc.record({ timestamp: fc.nat(), message: fc.string({ unit: 'grapheme' }) }, { noNullPrototype: true }),
      { maxLength: 20 },
    ),
  },
  { noNullPrototype: true },
);

test('a batch reads back as it was written', () => {
  fc.assert(
    fc.property(batches, (batch) => {
      const bytes = encodeBatch(batch);
      assert.deepEqual(decodeBatch(bytes), batch);
      assert.equal(streamOf(bytes), batch.stream);
    }),
  );
});

test('a batch that is cut at any byte is refused', () => {
  const bytes = encodeBatch({ stream: 'a', previous: 3, ingestedAt: 4, events: [{ timestamp: 5, message: 'hello' }] });
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeBatch(bytes.subarray(0, length)), { code: 'batch-invalid' });
  }
});

test('any bytes are a batch or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeBatch(bytes);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'batch-invalid');
      }
    }),
  );
});
