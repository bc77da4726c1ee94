/** codec: bytes to values and back, pure and fuzzed. One namespace a format. */
export * as mqtt from './mqtt/index.ts';
