/**
 * CRC-64/NVME: reflected, polynomial 0xad93d23594c93659, all ones before and after. A register is two halves of 32 bits, for numbers hold no 64;
 * eight bytes are taken at a time, with a table for each place.
 *
 * @see NVM Express NVM Command Set specification, 5.2.1.3.4; Rocksoft's model "CRC-64/NVME"
 */

/** The polynomial, reflected. */
const HIGH = 0x9a6c9329;
const LOW = 0xac4bc9b5;
const LANES = 8;

interface Tables {
  readonly high: Int32Array;
  readonly low: Int32Array;
}

/** Made with the first checksum. */
let tables: Tables | undefined;

/** A checksum in the making. */
export class Crc64Nvme {
  #high = -1;
  #low = -1;

  update(bytes: Uint8Array): void {
    tables ??= makeTables();
    const { high: H, low: L } = tables;
    let [high, low] = [this.#high, this.#low];
    let at = 0;
    for (const end = bytes.length - 7; at < end; at += 8) {
      low ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      high ^= bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
      const a = 0x700 | (low & 0xff);
      const b = 0x600 | ((low >>> 8) & 0xff);
      const c = 0x500 | ((low >>> 16) & 0xff);
      const d = 0x400 | (low >>> 24);
      const e = 0x300 | (high & 0xff);
      const f = 0x200 | ((high >>> 8) & 0xff);
      const g = 0x100 | ((high >>> 16) & 0xff);
      const h = high >>> 24;
      high = H[a]! ^ H[b]! ^ H[c]! ^ H[d]! ^ H[e]! ^ H[f]! ^ H[g]! ^ H[h]!;
      low = L[a]! ^ L[b]! ^ L[c]! ^ L[d]! ^ L[e]! ^ L[f]! ^ L[g]! ^ L[h]!;
    }
    for (; at < bytes.length; at++) {
      const index = (low ^ bytes[at]!) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ L[index]!;
      high = (high >>> 8) ^ H[index]!;
    }
    this.#high = high;
    this.#low = low;
  }

  /** Big endian. */
  digest(): Buffer {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeInt32BE(~this.#high, 0);
    bytes.writeInt32BE(~this.#low, 4);
    return bytes;
  }
}

/** Of place n: what a byte does to the register after n more bytes of zeros. */
function makeTables(): Tables {
  const high = new Int32Array(LANES * 256);
  const low = new Int32Array(LANES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let [h, l] = [0, byte];
    for (let bit = 0; bit < 8; bit++) {
      const carry = l & 1;
      l = (l >>> 1) | (h << 31);
      h >>>= 1;
      if (carry) {
        h ^= HIGH;
        l ^= LOW;
      }
    }
    high[byte] = h;
    low[byte] = l;
  }
  for (let i = 256; i < LANES * 256; i++) {
    const [h, l] = [high[i - 256]!, low[i - 256]!];
    const index = l & 0xff;
    low[i] = ((l >>> 8) | (h << 24)) ^ low[index]!;
    high[i] = (h >>> 8) ^ high[index]!;
  }
  return { high, low };
}
