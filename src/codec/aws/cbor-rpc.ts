import { cbor, tag } from '@smithy/core/cbor';
import { ReadFailure } from './failure.ts';
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
import type { ServiceTable, Shape } from './shape.ts';

const HEADERS = { 'content-type': 'application/cbor', 'smithy-protocol': 'rpc-v2-cbor' };

/** rpcv2Cbor: `POST /service/X/operation/Y`, CBOR maps in and out. */
export class CborRpc implements Protocol {
  readonly name = 'rpcv2Cbor';
  readonly #table: ServiceTable;
  readonly #readers: ReaderSet;
  readonly #errors: ReturnType<typeof errorShapes>;

  constructor(table: ServiceTable) {
    this.#table = table;
    this.#readers = new ReaderSet(table, 'cbor');
    this.#errors = errorShapes(table);
  }

  read(operation: string, request: RequestParts): unknown {
    return readWhole(
      this.#readers.reader(this.#table.operations[operation]!.input),
      parseCbor(request.body as Uint8Array),
    );
  }

  write(operation: string, output: any): AnswerParts {
    const row = this.#table.operations[operation]!;
    if (row.output === 0) return { status: 200, headers: { 'smithy-protocol': 'rpc-v2-cbor' }, body: '' };
    return { status: 200, headers: { ...HEADERS }, body: cbor.serialize(this.#plain(row.output, output ?? {})) };
  }

  writeFailure(failure: WireFailure): AnswerParts {
    const shape = this.#errors.get(failure.type);
    const members = shape
      ? (this.#plain(shape.index, failureMembers(failure)) as object)
      : { message: failure.message };
    const headers: Record<string, string> = { ...HEADERS };
    if (this.#table.queryCompatible) {
      headers['x-amzn-query-error'] = `${shape?.error.queryCode ?? failure.type};${faultOf(failure.status)}`;
    }
    const body = cbor.serialize({ __type: `${this.#table.namespace}#${failure.type}`, ...members });
    return { status: failure.status, headers, body };
  }

  /** The value with only what the shape has, and timestamps as CBOR's tag 1. */
  #plain(index: number, value: any): unknown {
    const shape: Shape = this.#table.shapes[index]!;
    switch (shape.type) {
      case 'structure':
      case 'union': {
        const present = shape.members.filter(([name]) => value[name] !== undefined && value[name] !== null);
        return Object.fromEntries(present.map(([name, member]) => [name, this.#plain(member, value[name])]));
      }
      case 'list':
        return Array.from(value, (item) => this.#plain(shape.member, item));
      case 'map':
        return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.#plain(shape.value, item)]));
      case 'timestamp':
        return tag({ tag: 1, value: value.getTime() / 1000 });
      default:
        return value;
    }
  }
}

function parseCbor(body: Uint8Array): unknown {
  if (body.length === 0) return {};
  try {
    return withoutTags(cbor.deserialize(body), 0);
  } catch (error) {
    if (error instanceof ReadFailure) throw error;
    throw new ReadFailure('serialization', `Could not parse request body into cbor: ${(error as Error).message}`);
  }
}

/** Deepest nesting, as the readers' (S5). */
const DEPTH_MAX = 256;

/** Tag 1 is a timestamp: its seconds stay, the readers make the date. */
function withoutTags(value: any, depth: number): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || value instanceof Date) return value;
  if (depth > DEPTH_MAX) throw new ReadFailure('serialization', 'The request is nested too deeply.');
  if (Array.isArray(value)) return value.map((item) => withoutTags(item, depth + 1));
  if (typeof value.tag === 'number' && Object.getOwnPropertySymbols(value).length > 0)
    return withoutTags(value.value, depth + 1);
  for (const key of Object.keys(value)) {
    if (typeof value[key] === 'object') value[key] = withoutTags(value[key], depth + 1);
  }
  return value;
}
