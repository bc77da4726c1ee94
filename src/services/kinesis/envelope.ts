import type { TraceContext } from '../../telemetry/index.ts';

/**
 * A stream's record as it lies in the log: format u8 (0, or 1 with a trace), key length u16 LE, partition key in UTF-8,
 * trace (id 16, span 8, sampled u8), data. The arrival time is the log's timestamp. A trace that nobody has decided on is not kept:
 * who traces on its own begins one anyway.
 */
const HEAD_BYTES = 3;
const TRACE_BYTES = 25;
const FORMAT = { plain: 0, traced: 1 } as const;

/** Copies key and data into an envelope, so that the caller's buffer is free at once. Keys have at most 256 characters. */
export function sealEnvelope(partitionKey: string, data: Uint8Array, given?: TraceContext): Buffer {
  const trace = given?.undecided ? undefined : given;
  const traceBytes = trace ? TRACE_BYTES : 0;
  const keyBytes = Buffer.byteLength(partitionKey);
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + keyBytes + traceBytes + data.length);
  bytes.write(partitionKey, HEAD_BYTES);
  let at = HEAD_BYTES + keyBytes;
  bytes[0] = trace ? FORMAT.traced : FORMAT.plain;
  bytes[1] = keyBytes & 0xff;
  bytes[2] = keyBytes >>> 8;
  if (trace) at = writeTrace(bytes, at, trace);
  bytes.set(data, at);
  return bytes;
}

function keyEnd(envelope: Uint8Array): number {
  return HEAD_BYTES + (envelope[1]! | (envelope[2]! << 8));
}

export function partitionKeyOf(envelope: Buffer): string {
  return envelope.toString('utf8', HEAD_BYTES, keyEnd(envelope));
}

/** Where the data begins. */
export function dataStart(envelope: Uint8Array): number {
  return keyEnd(envelope) + (envelope[0] === FORMAT.traced ? TRACE_BYTES : 0);
}

export function traceOf(envelope: Buffer): TraceContext | undefined {
  if (envelope[0] !== FORMAT.traced) return undefined;
  const at = keyEnd(envelope);
  return {
    traceId: envelope.toString('hex', at, at + 16),
    spanId: envelope.toString('hex', at + 16, at + 24),
    sampled: envelope[at + 24] === 1,
  };
}

/** The trace of a record, if it is sampled: told by a byte, without decoding the others. */
export function sampledTraceOf(envelope: Buffer): TraceContext | undefined {
  if (envelope[0] !== FORMAT.traced || envelope[keyEnd(envelope) + TRACE_BYTES - 1] !== 1) return undefined;
  return traceOf(envelope);
}

function writeTrace(bytes: Buffer, at: number, trace: TraceContext): number {
  bytes.write(trace.traceId, at, 16, 'hex');
  bytes.write(trace.spanId, at + 16, 8, 'hex');
  bytes[at + 24] = trace.sampled ? 1 : 0;
  return at + TRACE_BYTES;
}
