import { writeHeaders } from './bindings.ts';
import { jsonEvents } from './event-writer.ts';
import { parseJson } from './json-rpc.ts';
import { JsonWriterSet, type Write } from './json-writer.ts';
import { type AnswerParts, errorShapes, failureMembers, type WireFailure } from './protocol.ts';
import { type Read, ReaderSet } from './reader.ts';
import { isUnbound, isUnboundInAnswer, type RestBodies } from './rest.ts';
import type { MemberRow, ServiceTable, StructureShape } from './shape.ts';
import type { Trail } from './trail.ts';

/** Bodies of restJson1. */
export class JsonBodies implements RestBodies {
  readonly name = 'restJson1';
  readonly contentType = 'application/json';
  readonly checked = true;
  readonly events;
  readonly #table: ServiceTable;
  readonly #readers: ReaderSet;
  readonly #writers: JsonWriterSet;
  readonly #partReaders = new Map<number, Read>();
  readonly #partWriters = new Map<number, Write>();
  readonly #errors: ReturnType<typeof errorShapes>;

  constructor(table: ServiceTable) {
    this.#table = table;
    this.#readers = new ReaderSet(table, 'json');
    this.#writers = new JsonWriterSet(table);
    this.#errors = errorShapes(table);
    this.events = jsonEvents(this.#writers, this.contentType);
  }

  readMembers(index: number, body: Uint8Array, trail: Trail): Record<string, unknown> {
    const read = this.#partReaders.get(index) ?? this.#readers.partReader(index, isUnbound);
    this.#partReaders.set(index, read);
    return read(parseJson(body), trail) as Record<string, unknown>;
  }

  readPayload([, index]: MemberRow, body: Uint8Array, trail: Trail): unknown {
    return this.#readers.reader(index)(parseJson(body), trail);
  }

  writeMembers(index: number, output: Record<string, unknown>): string {
    const write = this.#partWriters.get(index) ?? this.#writers.partWriter(index, isUnboundInAnswer);
    this.#partWriters.set(index, write);
    return write(output);
  }

  writePayload([, index]: MemberRow, value: unknown): string {
    return this.#writers.writer(index)(value);
  }

  writeFailure(failure: WireFailure): AnswerParts {
    const headers: Record<string, string> = { 'content-type': this.contentType, 'x-amzn-errortype': failure.type };
    const shape = this.#errors.get(failure.type);
    if (!shape) return { status: failure.status, headers, body: JSON.stringify({ message: failure.message }) };
    const members = failureMembers(failure);
    for (const [name, index, traits] of (this.#table.shapes[shape.index] as StructureShape).members) {
      if (members[name] !== undefined) writeHeaders(this.#table.shapes[index]!, traits, members[name], headers);
    }
    return { status: failure.status, headers, body: this.writeMembers(shape.index, members) };
  }
}
