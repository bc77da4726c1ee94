import { decodeCbor, encodeCbor } from './cbor.ts';
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
    return readWhole(this.#readers.reader(this.#table.operations[operation]!.input), parse(request.body as Uint8Array));
  }

  write(operation: string, output: any): AnswerParts {
    const row = this.#table.operations[operation]!;
    if (row.output === 0) return { status: 200, headers: { 'smithy-protocol': 'rpc-v2-cbor' }, body: '' };
    return { status: 200, headers: { ...HEADERS }, body: encodeCbor(this.#plain(row.output, output ?? {})) };
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
    const body = encodeCbor({ __type: `${this.#table.namespace}#${failure.type}`, ...members });
    return { status: failure.status, headers, body };
  }

  /** The value with only what the shape has. */
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
      default:
        return value;
    }
  }
}

/** A CBOR document; an empty one stands for no members. */
function parse(body: Uint8Array): unknown {
  return body.length === 0 ? {} : decodeCbor(body);
}
