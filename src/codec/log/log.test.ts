import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  BlockWriter,
  blockSpaceMax,
  type DecodedRecord,
  decodeRecords,
  decodeSegmentHeader,
  decodeSegmentIndex,
  encodeSegmentHeader,
  encodeSegmentIndex,
  LOG_FORMAT,
  parseBlock,
  parseBlockHeader,
} from './index.ts';

const SEED = 7;

interface Part {
  readonly partition: number;
  readonly first: number;
  readonly records: readonly { readonly timestamp: number; readonly payload: Uint8Array }[];
}

function encode(parts: readonly Part[], group = 3): Buffer {
  const records = parts.flatMap((part) => part.records);
  const bytes = records.reduce((sum, { payload }) => sum + payload.length, 0);
  const buffer = Buffer.alloc(blockSpaceMax(records.length, bytes, parts.length));
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  const writer = new BlockWriter(buffer, view, 0, { seed: SEED, group });
  for (const part of parts) writer.add(part.partition, part.first, part.records);
  return buffer.subarray(0, writer.finish());
}

/** All records of the blocks in a buffer, by partition and offset. */
function decode(buffer: Buffer) {
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  const found: { partition: number; offset: number; timestamp: number; payload: string }[] = [];
  const lasts: boolean[] = [];
  let at = 0;
  for (
    let header = parseBlockHeader(buffer, view, at, SEED);
    header;
    header = parseBlockHeader(buffer, view, at, SEED)
  ) {
    for (const run of parseBlock(view, at, header)) {
      const records: DecodedRecord[] = [];
      decodeRecords(run, buffer, view, run.first, run.count, Number.POSITIVE_INFINITY, records);
      found.push(
        ...records.map(({ offset, timestamp, payload }) => ({
          partition: run.partition,
          offset,
          timestamp,
          payload: payload.toString('hex'),
        })),
      );
    }
    lasts.push(header.lastOfGroup);
    at += header.length;
  }
  return { found, lasts, end: at };
}

const parts = fc.array(
  fc.record({
    partition: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    first: fc.maxSafeInteger().map((value) => Math.floor(Math.abs(value) / 2)),
    records: fc.array(fc.record({ timestamp: fc.double({ noNaN: true }), payload: fc.uint8Array({ maxLength: 40 }) }), {
      minLength: 1,
      maxLength: 600,
    }),
  }),
  { minLength: 1, maxLength: 4 },
);

describe('log format: blocks', () => {
  test('what is written is read, whatever the records are', () => {
    fc.assert(
      fc.property(parts, (given) => {
        const expected = given.flatMap(({ partition, first, records }) =>
          records.map(({ timestamp, payload }, i) => ({
            partition,
            offset: first + i,
            timestamp,
            payload: Buffer.from(payload).toString('hex'),
          })),
        );
        const buffer = encode(given);
        const { found, end } = decode(buffer);
        assert.equal(end, buffer.length);
        assert.deepEqual(found, expected);
      }),
      { numRuns: 50 },
    );
  });

  test('a large group is several blocks, of which only the last one ends it', () => {
    const payload = Buffer.alloc(50_000, 1);
    const records = Array.from({ length: 20 }, () => ({ timestamp: 0, payload }));
    const { found, lasts } = decode(encode([{ partition: 1, first: 0, records }]));
    assert.equal(found.length, 20);
    assert.ok(lasts.length > 2);
    assert.deepEqual(lasts, [...lasts.slice(1).map(() => false), true]);
  });

  test('cut at every byte, or with any bit flipped, a block is not taken', () => {
    const whole = encode([{ partition: 1, first: 9, records: [{ timestamp: 1, payload: Buffer.from('hello') }] }]);
    for (let length = 0; length < whole.length; length++) assert.equal(decode(whole.subarray(0, length)).end, 0);
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const flipped = Buffer.from(whole);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(decode(flipped).end, 0, `bit ${bit}`);
    }
  });

  test('bytes that are no blocks are not taken, with or without the magic', () => {
    const magic = Buffer.alloc(4);
    magic.writeUInt32LE(LOG_FORMAT.blockMagic);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, withMagic) => {
        assert.equal(decode(Buffer.concat([withMagic ? magic : Buffer.alloc(0), bytes])).end, 0);
      }),
    );
  });

  test('a block of a segment with another salt is not taken', () => {
    const buffer = encode([{ partition: 1, first: 0, records: [{ timestamp: 1, payload: Buffer.from('x') }] }]);
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    assert.equal(parseBlockHeader(buffer, view, 0, SEED + 1), undefined);
  });
});

describe('log format: segments', () => {
  const salt = Buffer.from('0123456789abcdef');

  test('a header is read as it was written, and not when cut or changed', () => {
    const whole = encodeSegmentHeader({ number: 12, salt });
    assert.deepEqual(decodeSegmentHeader(whole), { number: 12, salt });
    for (let length = 0; length < whole.length; length++) {
      assert.equal(decodeSegmentHeader(whole.subarray(0, length)), undefined);
    }
    for (let byte = 0; byte < whole.length; byte++) {
      const changed = Buffer.from(whole);
      changed[byte]! ^= 0x40;
      assert.equal(decodeSegmentHeader(changed), undefined, `byte ${byte}`);
    }
  });

  test('the first format is read as it was laid down', () => {
    // Written by the first version: it must be readable for ever (S4).
    const header = Buffer.from(
      '4d494c4c524c4f470100000070b214f90c000000000000003031323334353637383961626364656600000000000000000000000000000000' +
        '0000000000000000',
      'hex',
    );
    assert.deepEqual(encodeSegmentHeader({ number: 12, salt }), header);
    assert.deepEqual(decodeSegmentHeader(header), { number: 12, salt });
  });

  test('an index is read as it was written, and not when cut, changed or of another segment', () => {
    const chunks = { positions: [64, 9_000], offsets: [5, 90], timestamps: [1.5, -2] };
    const given = [{ partition: 3, first: 5, end: 100, bytes: 800, timestampMax: 1.5, chunks }];
    const whole = encodeSegmentIndex(12_345, SEED, given);
    assert.deepEqual(decodeSegmentIndex(whole, 12_345, SEED), given);
    assert.equal(decodeSegmentIndex(whole, 12_346, SEED), undefined);
    assert.equal(decodeSegmentIndex(whole, 12_345, SEED + 1), undefined);
    for (let length = 0; length < whole.length; length++) {
      assert.equal(decodeSegmentIndex(whole.subarray(0, length), 12_345, SEED), undefined);
    }
    for (let byte = 0; byte < whole.length; byte++) {
      const changed = Buffer.from(whole);
      changed[byte]! ^= 0x01;
      assert.equal(decodeSegmentIndex(changed, 12_345, SEED), undefined, `byte ${byte}`);
    }
  });
});
