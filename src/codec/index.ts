/** codec: bytes <-> values, pure and fuzzed. */
export * from './aws/index.ts';
export { decodeKey, encodeKey, type KeyPart, keyRange, stringPrefixRange } from './keys.ts';
export * from './lineprotocol/index.ts';
