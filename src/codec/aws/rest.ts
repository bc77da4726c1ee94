/* What restJson1 and restXml share: members in the path, the query, headers and the payload, both ways. */
import { type Bound, findBound, queryValues, writeHeaders } from './bindings.ts';
import { NOT_NULL } from './constraints.ts';
import { EVENT_STREAM, type EventBodies, encodeEvents, eventStreamOf } from './event-writer.ts';
import {
  type AnswerParts,
  NO_LABELS,
  type Protocol,
  type RequestParts,
  structureAt,
  type WireFailure,
} from './protocol.ts';
import { reading } from './read-input.ts';
import { ReaderSet, shownName } from './reader.ts';
import type { MemberRow, MemberTraits, ServiceTable } from './shape.ts';
import { NULL, type Trail } from './trail.ts';

/** The body's half of a REST protocol: JSON's or XML's. */
export interface RestBodies {
  readonly name: 'restJson1' | 'restXml';
  readonly contentType: string;
  readonly events: EventBodies;
  /** False leaves constraints to the service. */
  readonly checked: boolean;
  /** Reads the members of an input that are bound to nothing else. */
  readMembers(index: number, body: Uint8Array, trail: Trail): Record<string, unknown>;
  /** Reads a structure that is the whole payload. */
  readPayload(member: MemberRow, body: Uint8Array, trail: Trail): unknown;
  writeMembers(index: number, output: Record<string, unknown>): string;
  writePayload(member: MemberRow, value: unknown): string;
  writeFailure(failure: WireFailure, requestId: string): AnswerParts;
}

/** True for members that are fields of the body. */
export function isUnbound(traits: MemberTraits | undefined): boolean {
  if (!traits) return true;
  const { header, query, prefixHeaders, label, payload, queryParams, responseCode } = traits;
  return (header ?? query ?? prefixHeaders ?? label ?? payload ?? queryParams ?? responseCode) === undefined;
}

/** The same in an answer, which has no path and no query: what the model binds to them there (positions in lists of API Gateway) are fields. */
export function isUnboundInAnswer(traits: MemberTraits | undefined): boolean {
  if (!traits) return true;
  const { header, prefixHeaders, payload, responseCode } = traits;
  return (header ?? prefixHeaders ?? payload ?? responseCode) === undefined;
}

/** Where the members of one input come from. */
interface InputPlan {
  readonly bound: readonly Bound[];
  readonly payload: MemberRow | undefined;
  readonly hasBody: boolean;
  /** Required members outside of the body; the body's reader checks its own. */
  readonly required: readonly Bound[];
  readonly queryNames: ReadonlySet<string>;
}

export class Rest implements Protocol {
  readonly name: 'restJson1' | 'restXml';
  readonly #table: ServiceTable;
  readonly #bodies: RestBodies;
  readonly #text: ReaderSet;
  readonly #plans = new Map<number, InputPlan>();

  constructor(table: ServiceTable, bodies: RestBodies) {
    this.name = bodies.name;
    this.#table = table;
    this.#bodies = bodies;
    this.#text = new ReaderSet(table, 'text', bodies.checked);
  }

  read(operation: string, request: RequestParts, labels: ReadonlyMap<string, string> = NO_LABELS): unknown {
    const { input } = this.#table.operations[operation]!;
    const plan = this.#plan(input);
    return reading((trail) => {
      const body = request.body as Uint8Array;
      const result = plan.hasBody ? this.#bodies.readMembers(input, body, trail) : {};
      trail.enter();
      if (plan.bound.length > 0) this.#readBound(plan, request, labels, result, trail);
      if (plan.payload) this.#readPayload(plan.payload, request, result, trail);
      for (const member of plan.required) {
        if (result[member.name] === undefined) {
          trail.at(member);
          trail.problem(NULL, NOT_NULL);
        }
      }
      trail.leave();
      return result;
    });
  }

  write(operation: string, output: any, _requestId: string, failureOf: (error: unknown) => WireFailure): AnswerParts {
    const row = this.#table.operations[operation]!;
    const value: Record<string, any> = output ?? {};
    const headers: Record<string, string> = {};
    let status = row.http?.[2] ?? 200;
    let payload: MemberRow | undefined;
    for (const member of structureAt(this.#table, row.output).members) {
      const item = value[member[0]];
      if (member[2]?.payload) payload = member;
      if (item === undefined || item === null) continue;
      if (member[2]?.responseCode) status = item;
      else writeHeaders(this.#table.shapes[member[1]]!, member[2], item, headers);
    }
    // The model knows one status of success an operation; a part of an object is a 206 (RFC 9110, section 15.3.7).
    if (headers['content-range'] !== undefined) status = 206;
    // The model has one status for success, S3 another one for a part of an object.
    if (status === 200 && headers['content-range'] !== undefined) status = 206;
    const stream = eventStreamOf(this.#table, row.output);
    if (stream) {
      headers['content-type'] ??= EVENT_STREAM;
      const body = encodeEvents(this.#table, stream.union, this.#bodies.events, value[stream.member], failureOf);
      return { status, headers, body };
    }
    return this.#writeBody(row.output, status, headers, payload, value);
  }

  writeFailure(failure: WireFailure, requestId: string): AnswerParts {
    return this.#bodies.writeFailure(failure, requestId);
  }

  #plan(index: number): InputPlan {
    const known = this.#plans.get(index);
    if (known) return known;
    const shape = structureAt(this.#table, index);
    const all = shape.members.map(([name, at, traits]) => ({
      name,
      shown: shownName(name),
      index: at,
      shape: this.#table.shapes[at]!,
      traits: traits ?? {},
    }));
    const bound = all.filter(({ traits }) => !isUnbound(traits) && !traits.payload);
    const required = this.#bodies.checked
      ? all.filter(({ name, traits }) => !isUnbound(traits) && shape.required?.includes(name))
      : [];
    const plan: InputPlan = {
      bound,
      payload: shape.members.find(([, , traits]) => traits?.payload),
      hasBody: all.some(({ traits }) => isUnbound(traits)),
      required,
      queryNames: new Set(bound.flatMap(({ traits }) => traits.query ?? [])),
    };
    this.#plans.set(index, plan);
    return plan;
  }

  #readBound(
    plan: InputPlan,
    request: RequestParts,
    labels: ReadonlyMap<string, string>,
    result: Record<string, unknown>,
    trail: Trail,
  ): void {
    const query = queryValues(request.query);
    for (const member of plan.bound) {
      const raw = findBound(this.#table, member, request, labels, query, plan.queryNames);
      if (raw === undefined) continue;
      trail.at(member);
      result[member.name] = this.#text.reader(member.index)(raw, trail);
    }
  }

  #readPayload(member: MemberRow, request: RequestParts, result: Record<string, unknown>, trail: Trail): void {
    const [name, index] = member;
    const shape = this.#table.shapes[index]!;
    if (shape.type === 'blob' && shape.streaming) {
      result[name] = request.body;
      return;
    }
    const body = request.body as Uint8Array;
    if (body.length === 0) return;
    trail.at({ shown: shownName(name) });
    if (shape.type === 'blob') result[name] = body;
    else if (shape.type === 'string') result[name] = Buffer.from(body).toString('utf8');
    else result[name] = this.#bodies.readPayload(member, body, trail);
  }

  #writeBody(
    index: number,
    status: number,
    headers: Record<string, string>,
    payload: MemberRow | undefined,
    value: Record<string, any>,
  ): AnswerParts {
    if (payload) return this.#writePayload(payload, status, headers, value[payload[0]]);
    const hasMembers = structureAt(this.#table, index).members.some(([, , traits]) => isUnboundInAnswer(traits));
    if (status === 204 || (!hasMembers && (index === 0 || this.name === 'restXml')))
      return { status, headers, body: '' };
    headers['content-type'] ??= this.#bodies.contentType;
    return { status, headers, body: this.#bodies.writeMembers(index, value) };
  }

  #writePayload(payload: MemberRow, status: number, headers: Record<string, string>, value: any): AnswerParts {
    if (value === undefined || value === null) return { status, headers, body: '' };
    const { type } = this.#table.shapes[payload[1]]!;
    if (type === 'blob' || type === 'string') {
      headers['content-type'] ??= type === 'blob' ? 'application/octet-stream' : 'text/plain';
      return { status, headers, body: value };
    }
    headers['content-type'] ??= this.#bodies.contentType;
    return { status, headers, body: this.#bodies.writePayload(payload, value) };
  }
}
