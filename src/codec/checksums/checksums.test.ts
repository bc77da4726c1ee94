import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  CHECKSUM_ALGORITHMS,
  type CrcAlgorithm,
  checksumHasher,
  combineCrcs,
  laneMemory,
  Md5Lanes,
  PIECES_AT,
} from './index.ts';

const sum = (algorithm: (typeof CHECKSUM_ALGORITHMS)[number], ...pieces: (string | Uint8Array)[]) => {
  const hasher = checksumHasher(algorithm);
  for (const piece of pieces) hasher.update(Buffer.from(piece));
  return hasher.digest();
};

test('each algorithm has the check value of its specification', () => {
  // The catalogue of parametrised CRC algorithms, and FIPS 180 (of "abc").
  assert.equal(sum('CRC32', '123456789').toString('hex'), 'cbf43926');
  assert.equal(sum('CRC32C', '123456789').toString('hex'), 'e3069283');
  assert.equal(sum('CRC64NVME', '123456789').toString('hex'), 'ae8b14860a799888');
  assert.equal(sum('SHA1', 'abc').toString('hex'), 'a9993e364706816aba3e25717850c26c9cd0d89d');
  assert.equal(
    sum('SHA256', 'abc').toString('hex'),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});

test('a content of 4,096 zeros and one of ones has the CRC64 of the NVMe specification', () => {
  // NVM Command Set specification, figure "64b CRC test cases".
  assert.equal(sum('CRC64NVME', Buffer.alloc(4096, 0)).toString('hex'), '6482d367eb22b64e');
  assert.equal(sum('CRC64NVME', Buffer.alloc(4096, 0xff)).toString('hex'), 'c0ddba7302eca3ac');
});

test('pieces make no difference', () => {
  const bytes = fc.uint8Array({ maxLength: 100 });
  fc.assert(
    fc.property(bytes, bytes, fc.constantFrom(...CHECKSUM_ALGORITHMS), (a, b, algorithm) => {
      assert.deepEqual(sum(algorithm, a, b), sum(algorithm, Buffer.concat([a, b])));
    }),
  );
});

test('CRCs of pieces combine to that of the whole', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 50 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(pieces, fc.constantFrom<CrcAlgorithm>('CRC32', 'CRC32C', 'CRC64NVME'), (list, algorithm) => {
      const parts = list.map((piece) => ({ crc: sum(algorithm, piece), sizeBytes: piece.length }));
      assert.deepEqual(combineCrcs(algorithm, parts), sum(algorithm, Buffer.concat(list)));
    }),
  );
});

test('MD5 of messages side by side, in any pieces, is that of each', () => {
  const memory = laneMemory(64 * 1024);
  const shared = new Uint8Array(memory.buffer);
  const lanes = Md5Lanes.open(memory)!;
  const message = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 });
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 9 }), (messages) => {
      const sums = messages.map(() => lanes.begin());
      for (let turn = 0; turn < 4; turn++) {
        let at = PIECES_AT;
        const pieces = messages.flatMap((pieces, index) => {
          const piece = pieces[turn];
          if (!piece) return [];
          shared.set(piece, at);
          at += piece.length;
          return [{ md5: sums[index]!, at: at - piece.length, sizeBytes: piece.length }];
        });
        lanes.update(pieces);
        // What was taken is the caller's again.
        shared.fill(0, PIECES_AT, at);
      }
      for (const [index, pieces] of messages.entries()) {
        const expected = createHash('md5').update(Buffer.concat(pieces)).digest('hex');
        assert.equal(lanes.digest(sums[index]!), expected);
      }
    }),
  );
});

test('memory that WebAssembly does not take has no MD5 side by side', () => {
  assert.equal(Md5Lanes.open({ buffer: new SharedArrayBuffer(128 * 1024) }), undefined);
});
