export { type LinePoint, NANOS_PER, type Precision } from './point.ts';
export { type LineBatch, type LineError, type LineProtocolOptions, readLineProtocol } from './reader.ts';
export { writeLineProtocol } from './writer.ts';
