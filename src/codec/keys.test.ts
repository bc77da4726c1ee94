import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeKey, encodeKey, type KeyPart, keyRange, stringPrefixRange } from './keys.ts';

const RUNS = { numRuns: 500 };
const string = fc.string({ unit: 'binary' });
const part: fc.Arbitrary<KeyPart> = fc.oneof(
  string,
  fc.maxSafeInteger(),
  fc.bigInt(),
  fc.bigInt({ min: -(1n << 2030n), max: 1n << 2030n }),
  fc.uint8Array({ maxLength: 12 }),
);
const tuple = fc.array(part, { maxLength: 5 });

const rankOf = (value: KeyPart) =>
  value instanceof Uint8Array ? 0 : ['string', 'number', 'bigint'].indexOf(typeof value) + 1;

function comparePart(a: KeyPart, b: KeyPart): number {
  if (rankOf(a) !== rankOf(b)) return rankOf(a) - rankOf(b);
  if (a instanceof Uint8Array) return Buffer.compare(a, b as Uint8Array);
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b as string));
  const [left, right] = [a, b as number | bigint];
  return left < right ? -1 : left > right ? 1 : 0;
}

function compareTuple(a: readonly KeyPart[], b: readonly KeyPart[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = comparePart(a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

const within = (key: Uint8Array, range: { from: Uint8Array; to: Uint8Array }) =>
  Buffer.compare(key, range.from) >= 0 && Buffer.compare(key, range.to) < 0;

test('what is encoded is decoded', () => {
  fc.assert(
    fc.property(tuple, (parts) => {
      // -0 is the integer 0.
      const expected = parts.map((value) => (Object.is(value, -0) ? 0 : value));
      assert.deepEqual(decodeKey(encodeKey(parts)), expected);
    }),
    RUNS,
  );
});

test('bytes sort as tuples do', () => {
  fc.assert(
    fc.property(tuple, tuple, (a, b) => {
      assert.equal(Math.sign(Buffer.compare(encodeKey(a), encodeKey(b))), Math.sign(compareTuple(a, b)));
    }),
    RUNS,
  );
  fc.assert(
    fc.property(part, part, (a, b) => {
      assert.equal(Math.sign(Buffer.compare(encodeKey([a]), encodeKey([b]))), Math.sign(comparePart(a, b)));
    }),
    RUNS,
  );
});

test('a range holds exactly the keys that begin with its parts', () => {
  fc.assert(
    fc.property(tuple, tuple, tuple, (prefix, rest, other) => {
      assert.ok(within(encodeKey([...prefix, ...rest]), keyRange(prefix)));
      const begins = other.length >= prefix.length && prefix.every((value, i) => comparePart(value, other[i]!) === 0);
      assert.equal(within(encodeKey(other), keyRange(prefix)), begins);
    }),
    RUNS,
  );
});

test('a string prefix range holds exactly the strings that begin with it', () => {
  fc.assert(
    fc.property(string, string, string, (prefix, rest, other) => {
      const range = stringPrefixRange(['bucket'], prefix);
      assert.ok(within(encodeKey(['bucket', prefix + rest, 7]), range));
      assert.equal(within(encodeKey(['bucket', other]), range), Buffer.from(other).indexOf(Buffer.from(prefix)) === 0);
    }),
    RUNS,
  );
  const zero = stringPrefixRange([], 'a\0');
  assert.ok(within(encodeKey(['a\0\u{10ffff}']), zero));
  assert.ok(!within(encodeKey(['a']), zero));
});

test('a key cut at any byte, or made of any bytes, is decoded or refused by code', () => {
  const whole = encodeKey(['text\0', new Uint8Array([0, 255]), -300, 1n << 200n, -(1n << 200n)]);
  for (let end = 0; end <= whole.length; end++) tryDecode(whole.subarray(0, end));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), tryDecode), RUNS);
});

test('what has no place in the order is refused', () => {
  for (const value of [1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '\ud800', 1n << 2040n]) {
    assert.throws(() => encodeKey([value]), { code: 'key-invalid' });
  }
});

function tryDecode(bytes: Uint8Array): void {
  try {
    decodeKey(bytes);
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'key-invalid');
  }
}
