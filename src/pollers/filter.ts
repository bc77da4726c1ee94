import { type Pattern, parsePattern } from '../codec/patterns/index.ts';
import type { SourceRecord } from './source.ts';

/** What criteria know the payload of a kind of source by. */
export type PayloadKey = 'data' | 'body' | 'dynamodb';

/** Decides which records reach the function. */
export interface RecordFilter {
  keeps(record: SourceRecord): boolean;
}

interface RecordView {
  /** Payload as text, decoded once whatever the number of filters. */
  readonly text: () => string;
  /** Payload as JSON; `undefined` when it is none. */
  readonly json: () => unknown;
  /** The rest of the record as its event shows it. */
  readonly metadata: () => Readonly<Record<string, unknown>>;
}

/**
 * Compiles filter criteria: a record is kept when one pattern matches.
 *
 * A pattern names the payload by `payloadKey` (`data` for streams, `dynamodb` for those of tables, `body` for queues): an object is matched against the
 * payload's JSON, an array of conditions against its text. Other keys are members of the record's event, and of its
 * source's own part (`kinesis.partitionKey` is also `partitionKey`). A payload whose form is not that of the pattern is dropped.
 *
 * @param patterns  JSON texts; @throws PatternInvalid
 * @see AWS Lambda developer guide, "Control which events Lambda sends to your function"
 */
export function compileFilter(patterns: readonly string[], payloadKey: PayloadKey): RecordFilter {
  const tests = patterns.map((text) => compileOne(text, payloadKey));
  return {
    keeps: (record) => {
      const view = viewOf(record);
      return tests.some((test) => test(view));
    },
  };
}

function compileOne(text: string, payloadKey: string): (view: RecordView) => boolean {
  const pattern = parsePattern(text);
  const wantsMetadata = [...pattern.keys].some((key) => key !== payloadKey);
  const wantsText = payloadIsText(text, payloadKey);
  return (view) => {
    const payload = !pattern.keys.has(payloadKey) ? undefined : wantsText ? textUnlessJson(view) : view.json();
    if (pattern.keys.has(payloadKey) && payload === undefined) return false;
    const event = wantsMetadata ? { ...view.metadata(), [payloadKey]: payload } : { [payloadKey]: payload };
    return (pattern as Pattern).matches(event);
  };
}

function payloadIsText(text: string, payloadKey: string): boolean {
  return Array.isArray((JSON.parse(text) as Record<string, unknown>)[payloadKey]);
}

/** A pattern of plain strings drops payloads that are JSON objects, as AWS does: the forms do not agree. */
function textUnlessJson(view: RecordView): string | undefined {
  return view.json() === undefined ? view.text() : undefined;
}

function viewOf(record: SourceRecord): RecordView {
  const text = once(() => Buffer.from(record.body.buffer, record.body.byteOffset, record.body.byteLength).toString());
  return { text, json: once(() => parseObject(text())), metadata: once(() => metadataOf(record)) };
}

function parseObject(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function metadataOf(record: SourceRecord): Readonly<Record<string, unknown>> {
  const event = JSON.parse(record.toEvent()) as Record<string, unknown>;
  return { ...event, ...(event.kinesis as object | undefined) };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
