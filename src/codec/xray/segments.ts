/**
 * What X-Ray's SDKs send to its daemon: a datagram with a line that says how to read it, and one segment document.
 *
 *     {"format":"json","version":1}\n{"type":"subsegment","id":"70de5b6f19ff9a0b","name":"## index.handler", ...}
 *
 * @see X-Ray developer guide, "X-Ray segment documents"
 */

/** Numbers of segment documents (S5); what goes beyond them is cut, or the document refused. */
export const SEGMENT_LIMITS = {
  /** One datagram. X-Ray: 64 kB a document. */
  datagramBytesMax: 65_536,
  /** Subsegments of one document, and how deep they stand one in the other. X-Ray: 100. */
  subsegmentsMax: 100,
  depthMax: 16,
  /** Characters of a name. */
  nameLengthMax: 200,
  /** Attributes of one segment: annotations, metadata, and what is told of calls. X-Ray: 50 annotations a trace. */
  attributesMax: 64,
  /** Characters of one of their values. */
  valueLengthMax: 1_024,
} as const;

type Value = string | number | boolean;

/** A segment or subsegment that has ended. */
export interface Segment {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly id: string;
  readonly parentId?: string;
  readonly name: string;
  readonly kind: 'segment' | 'call' | 'work';
  /** Epoch milliseconds, with fractions. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly attributes: Readonly<Record<string, Value>>;
  /** Type and message of the first exception; `Fault`, `Error` or `Throttle` where none is told. */
  readonly error?: string;
}

/** - `segments`: those that have ended; none for a document that says that one has begun. - `invalid`: nothing of it is taken. */
export type SegmentReading =
  | { readonly kind: 'segments'; readonly segments: readonly Segment[] }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Reads one datagram. */
export function readSegments(datagram: Uint8Array): SegmentReading {
  if (datagram.length > SEGMENT_LIMITS.datagramBytesMax) return invalid('a datagram is too long');
  const text = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength).toString('utf8');
  const end = text.indexOf('\n');
  if (end < 0 || !isHeader(text.slice(0, end))) return invalid('a datagram does not say that it is JSON of version 1');
  const document = parsed(text.slice(end + 1));
  if (!isObject(document)) return invalid('a document is no JSON object');
  const traceId = traceIdOf(document.trace_id);
  if (traceId === undefined) return invalid('a document has no trace id');
  const segments: Segment[] = [];
  const reason = collect(document, traceId, undefined, 0, segments);
  return reason === undefined ? { kind: 'segments', segments } : invalid(reason);
}

type Json = Readonly<Record<string, unknown>>;

/** Goes through a document. @returns why it cannot be taken */
function collect(
  document: Json,
  traceId: string,
  above: string | undefined,
  depth: number,
  into: Segment[],
): string | undefined {
  const id = idOf(document.id);
  if (id === undefined) return 'a segment has no id';
  if (depth > SEGMENT_LIMITS.depthMax || into.length > SEGMENT_LIMITS.subsegmentsMax) return 'too many subsegments';
  const parentId = above ?? idOf(document.parent_id);
  // One that is under way comes again when it has ended.
  if (document.in_progress !== true) {
    const segment = segmentOf(document, depth > 0 || document.type === 'subsegment', { traceId, id, parentId });
    if (typeof segment === 'string') return segment;
    into.push(segment);
  }
  const { subsegments } = document;
  if (subsegments === undefined) return undefined;
  if (!Array.isArray(subsegments)) return 'subsegments are no array';
  for (const one of subsegments) {
    if (!isObject(one)) return 'a subsegment is no object';
    const reason = collect(one, traceId, id, depth + 1, into);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function segmentOf(
  document: Json,
  isSub: boolean,
  { traceId, id, parentId }: { traceId: string; id: string; parentId: string | undefined },
): Segment | string {
  const { name, start_time: start, end_time: end, namespace } = document;
  if (typeof name !== 'string' || name === '') return 'a segment has no name';
  if (!isTime(start) || !isTime(end) || end < start) return 'a segment has no times, or ends before it begins';
  const error = errorOf(document);
  return {
    traceId,
    id,
    ...(parentId === undefined ? {} : { parentId }),
    name: name.slice(0, SEGMENT_LIMITS.nameLengthMax),
    kind: !isSub ? 'segment' : namespace === 'aws' || namespace === 'remote' ? 'call' : 'work',
    startMs: start * 1000,
    durationMs: (end - start) * 1000,
    attributes: attributesOf(document),
    ...(error === undefined ? {} : { error }),
  };
}

/** Annotations under their own names, metadata by namespace, and what is told of a call. */
function attributesOf({ annotations, metadata, http, aws, sql, namespace }: Json): Readonly<Record<string, Value>> {
  const found: [string, Value][] = [];
  const put = (key: string, value: unknown) => {
    if (found.length >= SEGMENT_LIMITS.attributesMax) return;
    const plain = plainOf(value);
    if (plain !== undefined) found.push([key.slice(0, SEGMENT_LIMITS.nameLengthMax), plain]);
  };
  for (const [key, value] of membersOf(annotations)) if (typeof value !== 'object') put(`annotation.${key}`, value);
  if (typeof namespace === 'string') put('xray.namespace', namespace);
  if (isObject(http)) {
    for (const [key, value] of membersOf(http.request)) put(`http.request.${key}`, value);
    for (const [key, value] of membersOf(http.response)) put(`http.response.${key}`, value);
  }
  for (const [key, value] of membersOf(aws)) put(`aws.${key}`, value);
  for (const [key, value] of membersOf(sql)) put(`sql.${key}`, value);
  for (const [group, members] of membersOf(metadata)) {
    for (const [key, value] of membersOf(members)) put(`metadata.${group}.${key}`, value);
  }
  return Object.fromEntries(found);
}

/** What an attribute can hold; other values as JSON. */
function plainOf(value: unknown): Value | undefined {
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return value;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text?.slice(0, SEGMENT_LIMITS.valueLengthMax);
}

function errorOf({ fault, error, throttle, cause }: Json): string | undefined {
  const flag = (fault === true && 'Fault') || (throttle === true && 'Throttle') || (error === true && 'Error');
  const exceptions = isObject(cause) && Array.isArray(cause.exceptions) ? cause.exceptions : [];
  const [first] = exceptions as readonly unknown[];
  const told = isObject(first)
    ? [first.type, first.message].filter((part) => typeof part === 'string' && part !== '')
    : [];
  if (told.length > 0) return told.join(': ').slice(0, SEGMENT_LIMITS.valueLengthMax);
  return flag || undefined;
}

function isHeader(line: string): boolean {
  const header = parsed(line);
  return isObject(header) && header.format === 'json' && header.version === 1;
}

/** `1-581cf771-a006649127e371903a2de979`, as X-Ray writes it. */
function traceIdOf(text: unknown): string | undefined {
  const parts = typeof text === 'string' ? /^1-([0-9a-f]{8})-([0-9a-f]{24})$/i.exec(text) : null;
  return parts ? `${parts[1]}${parts[2]}`.toLowerCase() : undefined;
}

function idOf(text: unknown): string | undefined {
  return typeof text === 'string' && /^[0-9a-f]{16}$/i.test(text) ? text.toLowerCase() : undefined;
}

/** Seconds since the epoch. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value < 1e11;
}

function membersOf(value: unknown): [string, unknown][] {
  return isObject(value) ? Object.entries(value) : [];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(reason: string): SegmentReading {
  return { kind: 'invalid', reason };
}
