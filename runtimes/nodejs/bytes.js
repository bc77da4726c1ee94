'use strict';
/** Little-endian numbers in frames, without a method that the function may have replaced. */

const readU16 = (bytes, at) => bytes[at] | (bytes[at + 1] << 8);
const readU32 = (bytes, at) => (readU16(bytes, at) | (readU16(bytes, at + 2) << 16)) >>> 0;

function writeU32(bytes, at, value) {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

module.exports = { readU16, readU32, writeU32 };
