/**
 * The CRC of two pieces that follow each other, from theirs. A CRC is a polynomial over GF(2) modulo another; appending n bytes multiplies by
 * x^8n, which squaring reaches in as many steps as n has bits.
 *
 * @see Mark Adler's description of `crc32_combine` in zlib
 */

/** Reflected polynomials, and how many bits they have. */
const POLYNOMIALS = {
  CRC32: { bits: 32n, value: 0xedb88320n },
  CRC32C: { bits: 32n, value: 0x82f63b78n },
  CRC64NVME: { bits: 64n, value: 0x9a6c9329ac4bc9b5n },
} as const;

export type CrcAlgorithm = keyof typeof POLYNOMIALS;

interface Polynomial {
  readonly bits: bigint;
  readonly value: bigint;
}

/** A piece's checksum, big endian, and its length. */
export interface CrcPiece {
  readonly crc: Uint8Array;
  readonly sizeBytes: number;
}

/** The checksum of all pieces, one after the other; big endian. */
export function combineCrcs(algorithm: CrcAlgorithm, pieces: readonly CrcPiece[]): Buffer {
  const polynomial = POLYNOMIALS[algorithm];
  const shifts = new Map<number, bigint>();
  let sum = 0n;
  for (const { crc, sizeBytes } of pieces) {
    // Most parts of an upload have one size.
    const shift = shifts.get(sizeBytes) ?? powerOfX(BigInt(sizeBytes) * 8n, polynomial);
    shifts.set(sizeBytes, shift);
    sum = multiply(shift, sum, polynomial) ^ BigInt(`0x${Buffer.from(crc).toString('hex')}`);
  }
  return Buffer.from(sum.toString(16).padStart(Number(polynomial.bits) / 4, '0'), 'hex');
}

/** x^n; reflected, the highest bit is x^0. */
function powerOfX(n: bigint, polynomial: Polynomial): bigint {
  let result = 1n << (polynomial.bits - 1n);
  let square = 1n << (polynomial.bits - 2n);
  for (let rest = n; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = multiply(square, result, polynomial);
    square = multiply(square, square, polynomial);
  }
  return result;
}

function multiply(a: bigint, b: bigint, { bits, value }: Polynomial): bigint {
  let product = 0n;
  let shifted = b;
  for (let mask = 1n << (bits - 1n); mask > 0n; mask >>= 1n) {
    if (a & mask) product ^= shifted;
    shifted = shifted & 1n ? (shifted >> 1n) ^ value : shifted >> 1n;
  }
  return product;
}
