import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type LinePoint, type Precision, readLineProtocol, writeLineProtocol } from './index.ts';

const read = (text: string, precision: Precision = 'ns') => readLineProtocol(text, { precision, now: 99n });

/** The one point of a text without errors. */
function one(text: string, precision: Precision = 'ns'): LinePoint {
  const { points, errors } = read(text, precision);
  assert.deepEqual(errors, []);
  assert.equal(points.length, 1);
  return points[0]!;
}

test('a line has measurement, tags, fields of every type and a time', () => {
  assert.deepEqual(one('m,a=1,b=two f=1.5,e=-1e3,d=.5,p=5.,i=-7i,u=8u,t=t,y=true,n=F,s="x y" 1700000000000000000'), {
    measurement: 'm',
    tags: { a: '1', b: 'two' },
    fields: { f: 1.5, e: -1000, d: 0.5, p: 5, i: -7n, u: 8n, t: true, y: true, n: false, s: 'x y' },
    time: 1700000000000000000n,
  });
});

test('the precision is the unit of the timestamp, and a line without one is of now', () => {
  for (const [precision, nanos] of [
    ['ns', 1n],
    ['us', 1000n],
    ['ms', 1_000_000n],
    ['s', 1_000_000_000n],
  ] as const) {
    assert.equal(one('m f=1 -5', precision).time, -5n * nanos);
  }
  assert.equal(one('m f=1').time, 99n);
  assert.equal(one('m f=1 \r\n').time, 99n);
});

test('escapes are read as InfluxDB has them', () => {
  assert.deepEqual(one('m\\,\\ x\\=,a\\,\\=\\ b=c\\,\\=\\ d f\\,\\=\\ g="h\\"\\\\,= i\\j" 1'), {
    measurement: 'm, x=',
    tags: { 'a,= b': 'c,= d' },
    fields: { 'f,= g': 'h"\\,= i\\j' },
    time: 1n,
  });
  assert.equal(one('c:\\dir f=1 1').measurement, 'c:\\dir');
  assert.equal(one('m "quoted"=1 1').fields['"quoted"'], 1);
  assert.deepEqual(one('m=x f="a\nb" 1').fields, { f: 'a\nb' });
});

test('comments and empty lines are passed over, and lines are counted through texts', () => {
  const { points, lines, errors } = read('# first\n\n  m f=1 1\r\nm f="two\nlines" 2\nbad\nm f=3 3');
  assert.deepEqual(
    points.map(({ time }) => time),
    [1n, 2n, 3n],
  );
  assert.deepEqual(lines, [3, 4, 7]);
  assert.deepEqual(errors, [{ line: 6, message: 'missing fields', text: 'bad' }]);
});

test('a malformed line is named, and the others are read', () => {
  for (const bad of [
    'm',
    'm ',
    'm f',
    'm f=',
    'm =1',
    'm f=1,',
    'm f=1,,g=2',
    ',a=1 f=1',
    'm,a f=1',
    'm,a= f=1',
    'm,=b f=1',
    'm,a=1=2 f=1',
    'm,a=1,a=2 f=1',
    'm f=abc',
    'm f=0x10',
    'm f=1e',
    'm f=.',
    'm f=-',
    'm f=1ii',
    'm f=1.5i',
    'm f=-1u',
    'm f=9223372036854775808i',
    'm f=Infinity',
    'm f=NaN',
    'm f="open',
    'm f="a"b',
    'm f=1 x',
    'm f=1 1.5',
    'm f=1 1 1',
    'm f=1 99999999999999999999',
    'm __proto__=1',
    'm,__proto__=x f=1',
  ]) {
    const { points, errors } = read(`good f=1 1\n${bad}\ngood f=2 2`);
    // An open quote may swallow what follows; it is the only fault that can.
    assert.equal(errors[0]?.line, 2, bad);
    assert.equal(points.length, 2, bad);
  }
  assert.equal(read('m f=1 9223372036854775807').points[0]!.time, 2n ** 63n - 1n);
  assert.equal(read('m f=1 9223372036854775807', 's').errors.length, 1);
});

const name = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 8 })
  .filter((text) => !/[\r\n]|\\(?=[, =]|$)|^__proto__$/.test(text));
const value = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.boolean(),
  fc.string({ unit: 'binary', maxLength: 8 }),
);
const point = fc.record(
  {
    measurement: name.filter((text) => !/^[# ]/.test(text)),
    tags: fc.dictionary(name, name, { maxKeys: 3, noNullPrototype: true }),
    fields: fc.dictionary(name, value, { minKeys: 1, maxKeys: 4, noNullPrototype: true }),
    time: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  },
  { noNullPrototype: true },
);

test('what is written is read', () => {
  fc.assert(
    fc.property(fc.array(point, { maxLength: 4 }), (points) => {
      const { points: found, errors } = read(writeLineProtocol(points as LinePoint[]));
      assert.deepEqual(errors, []);
      assert.deepEqual(found, points);
    }),
    { numRuns: 300 },
  );
});

test('what line protocol cannot carry is refused', () => {
  const good: LinePoint = { measurement: 'm', tags: {}, fields: { f: 1 }, time: 1n };
  for (const bad of [
    { ...good, measurement: '' },
    { ...good, measurement: '#m' },
    { ...good, measurement: 'a\nb' },
    { ...good, tags: { a: '' } },
    { ...good, tags: { a: 'x\\' } },
    { ...good, fields: {} },
    { ...good, fields: { f: Number.NaN } },
  ]) {
    assert.throws(() => writeLineProtocol([bad]), { code: 'line-invalid' });
  }
  assert.equal(writeLineProtocol([{ ...good, time: 1_999_999n }], 'ms'), 'm f=1 1\n');
});

test('a text cut at any place, or made of anything, is read or named, never thrown at', () => {
  const text = '# c\nm\\,x,a=b\\ c f=1.5,g="q\\"\nr",h=-7i,i=t 123\r\nm f=1\n';
  for (let end = 0; end <= text.length; end++) read(text.slice(0, end));
  const unit = fc.constantFrom('m', ',', ' ', '=', '"', '\\', '\n', '\r', '#', '1', 'i', 't', '-', '.', 'e', 'ü');
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 40 }), (input) => {
      const { points, lines } = read(input);
      assert.equal(points.length, lines.length);
    }),
    { numRuns: 2000 },
  );
});
