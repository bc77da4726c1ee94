import type { TraceContext } from '../telemetry/index.ts';
import { POLLER_LIMITS } from './settings.ts';
import type { SourceRecord } from './source.ts';

/**
 * Joins records' JSON into an event. @param members  further members of the event: JSON text that begins with a comma
 *
 * Each text is written where it belongs: joined first, it would be copied twice more, which costs more than all the rest of
 * a record's way. The room is that of ASCII; where a text turns out to be more, the slow way is taken.
 */
export function encodeEvent(events: readonly string[], members = ''): Buffer {
  const head = '{"Records":[';
  const tail = `]${members}}`;
  let length = head.length + tail.length + Math.max(0, events.length - 1);
  for (const event of events) length += event.length;
  const payload = Buffer.allocUnsafe(length + SLACK);
  let at = payload.write(head, 0, 'latin1');
  for (let i = 0; i < events.length; i++) {
    const event = events[i]!;
    if (i > 0) payload[at++] = COMMA;
    if (!isWritten(payload, event, at)) return Buffer.from(`${head}${events.join(',')}${tail}`);
    at += event.length;
  }
  if (!isWritten(payload, tail, at)) return Buffer.from(`${head}${events.join(',')}${tail}`);
  return payload.subarray(0, length);
}

const COMMA = 0x2c;

/** Room beyond the end for the longest character, so that one that makes a text too long is written and so seen. */
const SLACK = 4;

/** Writes ASCII; false when `text` is not: then more bytes are written than it has UTF-16 units. */
function isWritten(payload: Buffer, text: string, at: number): boolean {
  const written = payload.write(text, at, 'utf8');
  return written === text.length;
}

/** The traces that a batch comes from, one each, as many as are linked: the invocation goes on with the first. */
export function tracesOf(records: readonly SourceRecord[]): readonly TraceContext[] {
  let found: Map<string, TraceContext> | undefined;
  for (const { trace } of records) {
    if (!trace || found?.has(trace.traceId)) continue;
    found ??= new Map();
    found.set(trace.traceId, trace);
    if (found.size >= POLLER_LIMITS.tracesMax) break;
  }
  if (!found) return NO_TRACES;
  // A sampled one goes first, so that the invocation is traced.
  return [...found.values()].sort((a, b) => Number(b.sampled) - Number(a.sampled));
}

const NO_TRACES: readonly TraceContext[] = [];
