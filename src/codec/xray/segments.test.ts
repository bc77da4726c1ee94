import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readSegments, SEGMENT_LIMITS } from './segments.ts';

const HEADER = '{"format":"json","version":1}\n';
const read = (document: unknown) => readSegments(Buffer.from(HEADER + JSON.stringify(document)));
const segmentsOf = (document: unknown) => {
  const reading = read(document);
  assert.equal(reading.kind, 'segments');
  return reading.kind === 'segments' ? reading.segments : [];
};

/** X-Ray developer guide, "Example minimal complete segment". */
const MINIMAL = {
  name: 'example.com',
  id: '70de5b6f19ff9a0a',
  start_time: 1.478293361271e9,
  trace_id: '1-581cf771-a006649127e371903a2de979',
  end_time: 1.478293361449e9,
};

/** The same guide's subsegment for a call of DynamoDB, sent by itself. */
const DYNAMODB = {
  trace_id: MINIMAL.trace_id,
  type: 'subsegment',
  parent_id: MINIMAL.id,
  id: '24756640c0d0978a',
  start_time: 1.480305974194e9,
  end_time: 1.4803059742e9,
  name: 'DynamoDB',
  namespace: 'aws',
  http: { response: { content_length: 60, status: 200 } },
  aws: {
    table_name: 'scorekeep-user',
    operation: 'UpdateItem',
    request_id: 'UBQNSO5AEM8T4FDA4RQDEB94OVTDRVV4K4HIRGVJF66Q9ASUAAJG',
  },
};

test("the guide's segment is read", () => {
  const [segment] = segmentsOf(MINIMAL);
  assert.deepEqual(
    { ...segment, durationMs: Math.round(segment!.durationMs) },
    {
      traceId: '581cf771a006649127e371903a2de979',
      id: '70de5b6f19ff9a0a',
      name: 'example.com',
      kind: 'segment',
      startMs: 1478293361271,
      durationMs: 178,
      attributes: {},
    },
  );
});

test("the guide's subsegment of a call tells what was called", () => {
  const [segment] = segmentsOf(DYNAMODB);
  assert.deepEqual([segment?.kind, segment?.parentId], ['call', '70de5b6f19ff9a0a']);
  assert.deepEqual(segment?.attributes, {
    'xray.namespace': 'aws',
    'http.response.content_length': 60,
    'http.response.status': 200,
    'aws.table_name': 'scorekeep-user',
    'aws.operation': 'UpdateItem',
    'aws.request_id': DYNAMODB.aws.request_id,
  });
});

test('annotations, metadata and the first exception are told; subsegments within have their parent', () => {
  const inner = { ...MINIMAL, id: '0'.repeat(15) + 1, name: 'inner', in_progress: false };
  const [outer, within] = segmentsOf({
    ...MINIMAL,
    annotations: { ColdStart: true, Service: 'till', count: 3, nested: { no: 1 } },
    metadata: { till: { order: { id: 7 } } },
    fault: true,
    cause: { exceptions: [{ id: '1', type: 'TypeError', message: 'no such order' }] },
    subsegments: [inner],
  });
  assert.deepEqual(outer?.attributes, {
    'annotation.ColdStart': true,
    'annotation.Service': 'till',
    'annotation.count': 3,
    'metadata.till.order': '{"id":7}',
  });
  assert.equal(outer?.error, 'TypeError: no such order');
  assert.deepEqual([within?.parentId, within?.kind], [MINIMAL.id, 'work']);
  assert.equal(segmentsOf({ ...MINIMAL, throttle: true, error: true })[0]?.error, 'Throttle');
});

test('what is under way is nothing yet', () => {
  const { end_time: _, ...begun } = MINIMAL;
  assert.deepEqual(segmentsOf({ ...begun, in_progress: true }), []);
});

test('what breaks the form is refused as a whole', () => {
  for (const change of [
    { trace_id: 'x' },
    { id: '123' },
    { name: '' },
    { end_time: 1 },
    { start_time: '1' },
    { end_time: undefined },
    { subsegments: {} },
    { subsegments: [7] },
    { subsegments: [{ ...MINIMAL, id: undefined }] },
  ]) {
    assert.equal(read({ ...MINIMAL, ...change }).kind, 'invalid', JSON.stringify(change));
  }
  assert.equal(readSegments(Buffer.from(JSON.stringify(MINIMAL))).kind, 'invalid');
  assert.equal(readSegments(Buffer.from(`{"format":"json","version":2}\n${JSON.stringify(MINIMAL)}`)).kind, 'invalid');
});

test('size, number and depth are limited', () => {
  const child = (depth: number): object => ({ ...MINIMAL, subsegments: depth > 0 ? [child(depth - 1)] : [] });
  assert.equal(read(child(SEGMENT_LIMITS.depthMax)).kind, 'segments');
  assert.equal(read(child(SEGMENT_LIMITS.depthMax + 1)).kind, 'invalid');
  const many = (count: number) => ({ ...MINIMAL, subsegments: Array(count).fill(MINIMAL) });
  assert.equal(read(many(SEGMENT_LIMITS.subsegmentsMax)).kind, 'segments');
  assert.equal(read(many(SEGMENT_LIMITS.subsegmentsMax + 1)).kind, 'invalid');
  const annotations = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`a${index}`, 'x'.repeat(90)]));
  const [segment] = segmentsOf({ ...MINIMAL, annotations });
  assert.equal(Object.keys(segment!.attributes).length, SEGMENT_LIMITS.attributesMax);
  assert.equal(readSegments(Buffer.alloc(SEGMENT_LIMITS.datagramBytesMax + 1)).kind, 'invalid');
});

test('nothing that a function may send makes the reader throw, and what it takes keeps to its limits', () => {
  const some = fc.oneof(fc.jsonValue(), fc.constant(undefined));
  const hostile = fc.record({
    name: fc.oneof(fc.string({ minLength: 1, maxLength: 500 }), some),
    start_time: fc.oneof(fc.double(), some),
    end_time: fc.oneof(fc.double(), some),
    namespace: some,
    annotations: some,
    metadata: some,
    http: some,
    aws: some,
    cause: fc.oneof(fc.record({ exceptions: some }), some),
    fault: some,
    subsegments: some,
  });
  fc.assert(
    fc.property(fc.oneof(hostile, fc.jsonValue()), (change) => {
      const document = typeof change === 'object' && change !== null ? { ...MINIMAL, ...change } : change;
      const reading = read(document);
      if (reading.kind === 'invalid') return;
      for (const { name, attributes, durationMs, error = '' } of reading.segments) {
        assert.ok(name.length <= SEGMENT_LIMITS.nameLengthMax && durationMs >= 0);
        assert.ok(error.length <= SEGMENT_LIMITS.valueLengthMax);
        assert.ok(Object.keys(attributes).length <= SEGMENT_LIMITS.attributesMax);
        for (const value of Object.values(attributes)) assert.ok(typeof value !== 'object');
      }
    }),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      readSegments(bytes);
      readSegments(Buffer.concat([Buffer.from(HEADER), bytes]));
    }),
    { numRuns: 1000 },
  );
});

test('a datagram that is cut at any byte is refused or whole', () => {
  const whole = Buffer.from(HEADER + JSON.stringify(DYNAMODB));
  for (let end = 0; end < whole.length; end++) assert.equal(readSegments(whole.subarray(0, end)).kind, 'invalid');
});
