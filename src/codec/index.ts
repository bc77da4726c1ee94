/** codec: bytes <-> values, pure and fuzzed. */
export { decodeKey, encodeKey, type KeyPart, keyRange, stringPrefixRange } from './keys.ts';
