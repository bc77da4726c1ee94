/** codec: bytes to values and back, pure and fuzzed: AWS protocols, SigV4, event streams, MQTT, CoAP, log records. */
export * from './aws/index.ts';
