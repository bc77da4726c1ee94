import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeEvent, tracesOf } from './payload.ts';
import { POLLER_LIMITS } from './settings.ts';
import type { SourceRecord } from './source.ts';

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

test('a batch has the traces of its records, each once, and not more than are linked', () => {
  const record = (trace: number | undefined): SourceRecord => {
    const traceId = String(trace).padStart(32, '0');
    const own = trace === undefined ? {} : { trace: { traceId, spanId: '1'.repeat(16), sampled: true } };
    const body = Buffer.alloc(0);
    return { id: '', orderingKey: '', arrivedAt: 0, sizeBytes: 0, body, toEvent: () => '', ...own };
  };
  const ids = (...traces: readonly (number | undefined)[]) =>
    tracesOf(traces.map(record)).map(({ traceId }) => Number(traceId));
  assert.deepEqual(ids(undefined, undefined), []);
  assert.deepEqual(ids(undefined, 7, 3, 7, 3), [7, 3]);
  assert.equal(ids(...Array.from({ length: 100 }, (_, index) => index)).length, POLLER_LIMITS.tracesMax);
});
