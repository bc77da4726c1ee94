import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Attributes, AttributeValue } from './attribute-value.ts';
import { afterPrefix, indexRowKey, itemRowKey, partitionPrefix, segmentRange, sortKeyPrefix } from './key.ts';
import { compareNumbers } from './number.ts';
import { sizeOfAttributes, sizeOfValue } from './size.ts';
import { attributesOfJson, decodeItem, itemOf, jsonOfAttributes, sizeOfEncoded } from './stored.ts';
import type { KeySchema } from './table.ts';
import { checkedValue } from './values.ts';

const schema = (hash: 'S' | 'N' | 'B', range: 'S' | 'N' | 'B'): KeySchema => ({
  hash: { name: 'h', type: hash },
  range: { name: 'r', type: range },
});

const bytes = fc.uint8Array({ maxLength: 6 });
const number = fc.oneof(
  fc.integer().map(String),
  fc.constantFrom('0', '-1', '1', '0.5', '-0.5', '12345678901234567890123456789012345678', '-99.01', '100', '0.001'),
);
const text = fc.string({ unit: 'grapheme', maxLength: 6 }).map((one) => one.toWellFormed());

describe('keys of rows', () => {
  test('rows of a partition sort as their sort keys do', () => {
    const check = <T>(type: 'S' | 'N' | 'B', values: fc.Arbitrary<T>, order: (a: T, b: T) => number) => {
      const key = (value: T) =>
        itemRowKey(schema('S', type), { h: { S: 'x' }, r: { [type]: value } as unknown as AttributeValue });
      fc.assert(
        fc.property(values, values, (a, b) => {
          assert.equal(Math.sign(Buffer.compare(key(a), key(b))), Math.sign(order(a, b)));
        }),
      );
    };
    check('S', fc.oneof(text, fc.constantFrom('', '\0', '\0\0', '\x01', 'a\0', 'a\x01', 'a')), (a, b) =>
      Buffer.compare(Buffer.from(a), Buffer.from(b)),
    );
    check('B', bytes, (a, b) => Buffer.compare(a, b));
    check('N', number, compareNumbers);
  });

  test('the prefix of a partition begins the rows of that partition only', () => {
    fc.assert(
      fc.property(bytes, bytes, bytes, (a, b, range) => {
        const row = itemRowKey(schema('B', 'B'), { h: { B: b }, r: { B: range } });
        const prefix = partitionPrefix(schema('B', 'B'), { B: a });
        const begins = row.subarray(0, prefix.length).equals(prefix);
        assert.equal(begins, Buffer.compare(a, b) === 0);
        const after = afterPrefix(prefix);
        const within = Buffer.compare(prefix, row) <= 0 && (!after || Buffer.compare(row, after) < 0);
        assert.equal(within, begins);
      }),
    );
  });

  test('a sort key that begins with a text stands behind its prefix', () => {
    fc.assert(
      fc.property(text, text, (prefix, whole) => {
        const row = itemRowKey(schema('S', 'S'), { h: { S: 'p' }, r: { S: whole } });
        const from = Buffer.concat([
          partitionPrefix(schema('S', 'S'), { S: 'p' }),
          sortKeyPrefix({ name: 'r', type: 'S' }, { S: prefix }),
        ]);
        const begins = Buffer.from(whole).subarray(0, Buffer.byteLength(prefix)).equals(Buffer.from(prefix));
        assert.equal(row.subarray(0, from.length).equals(from), begins);
      }),
    );
  });

  test('items of one index key have rows of their own, and an item without it has none', () => {
    const index: KeySchema = { hash: { name: 'g', type: 'N' } };
    const row = (h: string) => indexRowKey(index, schema('S', 'S'), { h: { S: h }, r: { S: '1' }, g: { N: '7' } });
    assert.notDeepEqual(row('a'), row('b'));
    assert.equal(indexRowKey(index, schema('S', 'S'), { h: { S: 'a' }, r: { S: '1' } }), undefined);
    assert.equal(indexRowKey(index, schema('S', 'S'), { h: { S: 'a' }, r: { S: '1' }, g: { S: '7' } }), undefined);
  });

  test('the longest keys fit, every byte of them escaped', () => {
    const h = { B: new Uint8Array(2048) };
    const r = { B: new Uint8Array(1024) };
    const row = indexRowKey(schema('B', 'B'), schema('B', 'B'), { h, r })!;
    assert.equal(row.length, 2 * (2 + 2 * 2048 + 1 + 2 * 1024 + 1));
  });

  test('segments part the key space without gap or overlap', () => {
    for (const segments of [1, 2, 3, 7, 1000, 1_000_000]) {
      let from: Buffer | undefined;
      for (let segment = 0; segment < Math.min(segments, 50); segment++) {
        const range = segmentRange(segment, segments);
        assert.deepEqual(range.from, from);
        from = range.to;
      }
      assert.equal(segmentRange(segments - 1, segments).to, undefined);
    }
  });

  test('the stored keys are what they were: data of earlier releases is found', () => {
    const key = itemRowKey(schema('S', 'N'), { h: { S: 'sensor-1' }, r: { N: '-12.5' } });
    assert.equal(key.toString('hex'), '887573656e736f722d3100017cf2ccff');
  });
});

describe('sizes as AWS counts them', () => {
  // The developer guide calls its "1 byte per two significant digits, and 1 byte" approximate. Of all but the last four it was
  // measured on AWS which item of 409,600 bytes is taken, and which of one more is refused.
  test('numbers take a byte for two digits that pair up from the point', () => {
    const sizes: Readonly<Record<number, string>> = {
      1: '0 -0',
      2: '1 12 15 0042 100 0.0000001 1E125 1E-100 0.15',
      3: '123 1234 1010 1.5 1.2 1.200 -42',
      4: '1.234 123456 100.5',
      5: '3.14159',
      20: '12345678901234567890123456789012345678',
    };
    const others = { 2: '0.5 0.05 1000', 3: '-1' };
    for (const [size, texts] of [...Object.entries(sizes), ...Object.entries(others)]) {
      for (const text of texts.split(' ')) assert.equal(sizeOfValue(checkedValue({ N: text })), Number(size), text);
    }
  });

  test('names and texts count in UTF-8, lists and maps three bytes and one a member', () => {
    assert.equal(sizeOfAttributes({ é: { S: 'ü€' } }), 2 + 5);
    assert.equal(sizeOfAttributes({ a: { L: [{ BOOL: true }, { NULL: true }] } }), 1 + 3 + 2 + 2);
    assert.equal(sizeOfAttributes({ a: { M: { bc: { S: 'd' } } } }), 1 + 3 + 1 + 2 + 1);
    assert.equal(sizeOfAttributes({ a: { SS: ['x', 'yz'] }, b: { B: new Uint8Array(5) } }), 1 + 3 + 1 + 5);
  });
});

describe('stored items', () => {
  const leaf: fc.Arbitrary<AttributeValue> = fc.oneof(
    fc.record({ S: fc.string({ unit: 'binary' }) }),
    fc.record({ N: number }),
    fc.record({ B: bytes.map((one) => Buffer.from(one)) }),
    fc.record({ BOOL: fc.boolean() }),
    fc.constant({ NULL: true }),
    fc.record({ SS: fc.uniqueArray(fc.string(), { minLength: 1 }) }),
    fc.record({ NS: fc.uniqueArray(number, { minLength: 1 }) }),
    fc.record({
      BS: fc.array(
        bytes.map((one) => Buffer.from(one)),
        { minLength: 1 },
      ),
    }),
  );
  const { attributes } = fc.letrec<{ value: AttributeValue; attributes: Attributes }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.record({ L: fc.array(tie('value'), { maxLength: 3 }) }),
      fc.record({ M: tie('attributes') }),
    ),
    attributes: fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom('B', 'BS', '__proto__', 'constructor')),
      tie('value'),
      {
        maxKeys: 4,
      },
    ),
  }));

  test('what is stored is read as it was, and its JSON is that of the API', () => {
    fc.assert(
      fc.property(attributes, (item) => {
        const stored = itemOf(item);
        const read = decodeItem(stored.encoded);
        assert.equal(read.json, stored.json);
        assert.equal(jsonOfAttributes(read.attributes), stored.json);
        assert.equal(read.sizeBytes, sizeOfAttributes(item));
        assert.equal(sizeOfEncoded(stored.encoded), stored.sizeBytes);
        const api = JSON.parse(
          JSON.stringify(item, (_, value) =>
            value?.type === 'Buffer' ? Buffer.from(value.data).toString('base64') : value,
          ),
        );
        assert.deepEqual(JSON.parse(stored.json), api);
        assert.deepEqual(Object.keys(attributesOfJson(stored.json)), Object.keys(item));
      }),
    );
  });

  test('an item of a later format is refused by name', () => {
    assert.throws(() => decodeItem(Uint8Array.of(2, 0, 0, 0, 0, 123, 125)), { code: 'format-too-new' });
  });
});
