import { EVENT_STREAM, encodeEvents, encodeInitialResponse, eventStreamOf, jsonEvents } from './event-writer.ts';
import { ReadFailure } from './failure.ts';
import { JsonWriterSet } from './json-writer.ts';
import {
  type AnswerParts,
  errorShapes,
  failureMembers,
  faultOf,
  type Protocol,
  type RequestParts,
  type WireFailure,
} from './protocol.ts';
import { readWhole } from './read-input.ts';
import { ReaderSet } from './reader.ts';
import type { ServiceTable } from './shape.ts';

/** awsJson 1.0 and 1.1: `POST /` with `X-Amz-Target`, input and output are JSON documents. */
export class JsonRpc implements Protocol {
  readonly name: 'awsJson1_0' | 'awsJson1_1';
  readonly #table: ServiceTable;
  readonly #readers: ReaderSet;
  readonly #writers: JsonWriterSet;
  readonly #errors: ReturnType<typeof errorShapes>;
  readonly #contentType: string;

  constructor(table: ServiceTable, version: 'awsJson1_0' | 'awsJson1_1') {
    this.name = version;
    this.#table = table;
    this.#readers = new ReaderSet(table, 'json');
    this.#writers = new JsonWriterSet(table);
    this.#errors = errorShapes(table);
    this.#contentType = version === 'awsJson1_0' ? 'application/x-amz-json-1.0' : 'application/x-amz-json-1.1';
  }

  read(operation: string, request: RequestParts): unknown {
    const body = request.body as Uint8Array;
    return readWhole(this.#readers.reader(this.#table.operations[operation]!.input), parseJson(body));
  }

  write(operation: string, output: any, _requestId: string, failureOf: (error: unknown) => WireFailure): AnswerParts {
    const row = this.#table.operations[operation]!;
    const stream = eventStreamOf(this.#table, row.output);
    if (stream) return this.#writeStream(row.output, stream, output, failureOf);
    const body = row.output === 0 ? '' : this.#writers.writer(row.output)(output ?? {});
    return { status: 200, headers: { 'content-type': this.#contentType }, body };
  }

  writeFailure(failure: WireFailure): AnswerParts {
    const shape = this.#errors.get(failure.type);
    const members = failureMembers(failure);
    const text = shape ? this.#writers.writer(shape.index)(members) : `{"message":${JSON.stringify(failure.message)}}`;
    const type = JSON.stringify(
      this.name === 'awsJson1_0' ? `${namespaceOf(this.#table, failure.type)}#${failure.type}` : failure.type,
    );
    const headers: Record<string, string> = { 'content-type': this.#contentType, 'x-amzn-errortype': failure.type };
    if (this.#table.queryCompatible) {
      headers['x-amzn-query-error'] = `${shape?.error.queryCode ?? failure.type};${faultOf(failure.status)}`;
    }
    return { status: failure.status, headers, body: `{"__type":${type}${text === '{}' ? '}' : `,${text.slice(1)}`}` };
  }

  #writeStream(
    output: number,
    stream: { readonly member: string; readonly union: number },
    value: any,
    failureOf: (error: unknown) => WireFailure,
  ): AnswerParts {
    const bodies = jsonEvents(this.#writers, 'application/json');
    const { [stream.member]: events, ...rest } = value;
    const first = encodeInitialResponse(bodies, this.#writers.writer(output)(rest));
    const frames = encodeEvents(this.#table, stream.union, bodies, events, failureOf);
    return { status: 200, headers: { 'content-type': EVENT_STREAM }, body: startingWith(first, frames) };
  }
}

async function* startingWith(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

/** A JSON document; an empty one stands for no members. */
export function parseJson(body: Uint8Array): unknown {
  if (body.length === 0) return {};
  const text = Buffer.isBuffer(body)
    ? body.toString('utf8')
    : Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ReadFailure('serialization', `Could not parse request body into json: ${(error as Error).message}`);
  }
}

/** DynamoDB's errors carry names of Coral, its framework, and of its own version; others their model's namespace. */
function namespaceOf(table: ServiceTable, type: string): string {
  if (table.signingName !== 'dynamodb') return table.namespace;
  if (type === 'ValidationException') return 'com.amazon.coral.validate';
  return type === 'SerializationException' ? 'com.amazon.coral.service' : 'com.amazonaws.dynamodb.v20120810';
}
