/** codec: bytes to values and back, pure and fuzzed. */
export * from './log/index.ts';
