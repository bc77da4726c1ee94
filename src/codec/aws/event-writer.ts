import { encodeEvent } from './event-stream.ts';
import type { JsonWriterSet } from './json-writer.ts';
import { structureAt, type WireFailure } from './protocol.ts';
import type { ServiceTable, StructureShape } from './shape.ts';
import { xmlContent } from './xml-writer.ts';

export const EVENT_STREAM = 'application/vnd.amazon.eventstream';

/** How an event's body is written: with its content type, and the text of a structure. */
export interface EventBodies {
  readonly contentType: string;
  write(index: number, value: any): string | Uint8Array;
}

export function jsonEvents(json: JsonWriterSet, contentType: string): EventBodies {
  return { contentType, write: (index, value) => json.writer(index)(value) };
}

export function xmlEvents(table: ServiceTable): EventBodies {
  return {
    contentType: 'text/xml',
    write: (index, value) =>
      `<${structureAt(table, index).name}>${xmlContent(table, index, value)}</${structureAt(table, index).name}>`,
  };
}

/** The member of an output that is an event stream: its name, and the union's index. */
export function eventStreamOf(
  table: ServiceTable,
  output: number,
): { readonly member: string; readonly union: number } | undefined {
  const shape = table.shapes[output]!;
  if (shape.type !== 'structure') return undefined;
  for (const [member, union] of shape.members) {
    const target = table.shapes[union]!;
    if (target.type === 'union' && target.eventStream) return { member, union };
  }
  return undefined;
}

/**
 * Frames of an event stream, made as they are asked for: the reader's pace is the source's. What the source throws goes out as
 * the last frame, an exception where the union has a member for it, else an error.
 */
export async function* encodeEvents(
  table: ServiceTable,
  union: number,
  bodies: EventBodies,
  events: AsyncIterable<Record<string, any>>,
  failureOf: (error: unknown) => WireFailure,
): AsyncGenerator<Uint8Array> {
  const shape = structureAt(table, union);
  try {
    for await (const event of events) yield encodeMember(table, shape, bodies, event);
  } catch (error) {
    yield encodeFailure(table, shape, bodies, failureOf(error));
  }
}

/** The frame that RPC protocols begin an event stream with: the other members of the output. */
export function encodeInitialResponse(bodies: EventBodies, text: string | Uint8Array): Uint8Array {
  return encodeEvent(
    { ':message-type': 'event', ':event-type': 'initial-response', ':content-type': bodies.contentType },
    text,
  );
}

function encodeMember(
  table: ServiceTable,
  union: StructureShape,
  bodies: EventBodies,
  event: Record<string, any>,
): Uint8Array {
  const row = union.members.find(([name]) => event[name] !== undefined);
  if (!row) throw new Error(`event of ${union.name} has none of its members`);
  const [name, index] = row;
  const shape = structureAt(table, index);
  const headers: Record<string, string> = { ':message-type': 'event', ':event-type': name };
  const payload = shape.members.find(([, , traits]) => traits?.eventPayload);
  if (!payload) {
    if (shape.members.length > 0) headers[':content-type'] = bodies.contentType;
    return encodeEvent(headers, shape.members.length > 0 ? bodies.write(index, event[name]) : '');
  }
  const value = event[name][payload[0]];
  const { type } = table.shapes[payload[1]]!;
  headers[':content-type'] =
    type === 'blob' ? 'application/octet-stream' : type === 'string' ? 'text/plain' : bodies.contentType;
  return encodeEvent(headers, type === 'blob' || type === 'string' ? (value ?? '') : bodies.write(payload[1], value));
}

function encodeFailure(
  table: ServiceTable,
  union: StructureShape,
  bodies: EventBodies,
  failure: WireFailure,
): Uint8Array {
  const row = union.members.find(([, index]) => structureAt(table, index).name === failure.type);
  if (!row) {
    return encodeEvent(
      { ':message-type': 'error', ':error-code': failure.type, ':error-message': failure.message.slice(0, 1000) },
      '',
    );
  }
  const headers = { ':message-type': 'exception', ':exception-type': row[0], ':content-type': bodies.contentType };
  return encodeEvent(
    headers,
    bodies.write(row[1], { ...failure.fields, message: failure.message, Message: failure.message }),
  );
}
