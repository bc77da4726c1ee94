import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeEvent } from './payload.ts';

test('records and members are joined to the bytes of their JSON, whatever characters they have', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme-ascii' }),
    fc.constantFrom('é', '✓', '😀', ''),
  );
  fc.assert(
    fc.property(fc.array(fc.record({ data: text })), text, (records, state) => {
      const events = records.map((record) => JSON.stringify(record));
      const payload = encodeEvent(events, `,"state":${JSON.stringify(state)}`);
      assert.equal(payload.toString(), JSON.stringify({ Records: records, state }));
    }),
    { numRuns: 500 },
  );
});

test('no records are an empty list', () => {
  assert.equal(encodeEvent([]).toString(), '{"Records":[]}');
});
