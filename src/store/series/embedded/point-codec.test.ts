import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FieldValue, Point } from '../series.ts';
import { decodePoints, encodePoints, type Shape } from './point-codec.ts';

const name = fc.string({ unit: 'binary', maxLength: 6 }).filter((text) => text !== '__proto__');
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const value = fc.oneof(fc.double({ noNaN: true }), int64, fc.boolean(), fc.string({ unit: 'binary', maxLength: 20 }));
const point: fc.Arbitrary<Point> = fc.record(
  {
    measurement: name,
    tags: fc.dictionary(name, name, { maxKeys: 3, noNullPrototype: true }),
    fields: fc.dictionary(name, value, { minKeys: 1, maxKeys: 4, noNullPrototype: true }),
    time: int64,
  },
  { noNullPrototype: true },
);

function decoded(payload: Uint8Array): Point[] {
  const points: Point[] = [];
  let shape: Shape | undefined;
  decodePoints(payload, {
    shape: (next) => {
      shape = next;
    },
    point: (time, tags, fields) => {
      const { measurement, tags: tagNames, fields: fieldNames } = shape!;
      points.push({
        measurement,
        tags: Object.fromEntries(tagNames.map((tag, i) => [tag, tags[i]!])),
        fields: Object.fromEntries(fieldNames.map((field, i): [string, FieldValue] => [field.name, fields[i]!])),
        time,
      });
    },
  });
  return points;
}

test('points are read as they were written, in order', () => {
  fc.assert(
    fc.property(fc.array(point, { maxLength: 6 }), (points) => {
      assert.deepEqual(decoded(encodePoints(points)), points);
    }),
    { numRuns: 300 },
  );
});

test('points that are alike name their columns once', () => {
  const alike = Array.from({ length: 1000 }, (_, i) => ({
    measurement: 'a long name of a measurement',
    tags: { 'a long name of a tag': 'x' },
    fields: { 'a long name of a field': i },
    time: BigInt(i),
  }));
  assert.ok(encodePoints(alike).length < 1000 * 22);
});

test('a payload of a later release is refused by name (S4)', () => {
  assert.throws(() => decoded(Buffer.of(2)), { code: 'format-too-new' });
});

test('a payload cut at any byte, or of any bytes, is read or refused, and never read past its end', () => {
  const whole = encodePoints([
    { measurement: 'm', tags: { a: 'b' }, fields: { f: 1.5, i: 2n, b: true, s: 'text' }, time: 5n },
    { measurement: 'n', tags: {}, fields: { f: 1 }, time: 6n },
  ]);
  const attempt = (payload: Uint8Array) => {
    try {
      decoded(payload);
    } catch (error) {
      assert.ok(error instanceof RangeError || (error as { code?: string }).code === 'format-too-new', String(error));
    }
  };
  for (let end = 0; end <= whole.length; end++) attempt(whole.subarray(0, end));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => attempt(Buffer.concat([Buffer.of(1), bytes]))),
    { numRuns: 1000 },
  );
});
