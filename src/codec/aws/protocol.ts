import type { AwsProtocol, ErrorTraits, ServiceTable, StructureShape } from './shape.ts';

/** A request as the protocols read it. Header names are in lower case. */
export interface RequestParts {
  readonly method: string;
  /** As it came, percent-encoded, without the query. */
  readonly path: string;
  /** As it came, without the question mark. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Whole, or for an operation that streams its input as it arrives. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

/** What goes back. `content-length` is left to whoever sends it. */
export interface AnswerParts {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array | AsyncIterable<Uint8Array>;
}

/** An error as clients see it. */
export interface WireFailure {
  /** Code that clients match on, as AWS spells it. */
  readonly type: string;
  readonly status: number;
  readonly message: string;
  /** Members of the error's shape beside the message. */
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
  /** Headers beside it; S3 alone has any. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Reads and writes one service's messages in one protocol. */
export interface Protocol {
  readonly name: AwsProtocol;
  /**
   * Reads the input of an operation.
   *
   * @param labels  values of the path's labels where the protocol routes by path, still percent-encoded
   * @throws ReadFailure
   */
  read(operation: string, request: RequestParts, labels?: ReadonlyMap<string, string>): unknown;
  /** @param failureOf  turns what an event stream throws on the way into its last event */
  write(operation: string, output: any, requestId: string, failureOf: (error: unknown) => WireFailure): AnswerParts;
  writeFailure(failure: WireFailure, requestId: string): AnswerParts;
}

/** The error shapes of a service by name. */
export function errorShapes(
  table: ServiceTable,
): ReadonlyMap<string, { readonly index: number; readonly error: ErrorTraits }> {
  const found = new Map<string, { index: number; error: ErrorTraits }>();
  for (const [index, shape] of table.shapes.entries()) {
    if (shape.type === 'structure' && shape.error) found.set(shape.name, { index, error: shape.error });
  }
  return found;
}

/** `Sender` or `Receiver`: whose fault it is, as the query protocol says it. */
export function faultOf(status: number): 'Sender' | 'Receiver' {
  return status < 500 ? 'Sender' : 'Receiver';
}

/** The members of a structure; none for an index that is no structure. */
export function structureAt(table: ServiceTable, index: number): StructureShape {
  return table.shapes[index] as StructureShape;
}

/** An error's members: the text under both spellings and Lambda's `Type`; the shape picks what it has. */
export function failureMembers({ message, fields, status }: WireFailure): Record<string, unknown> {
  return { Type: status < 500 ? 'User' : 'Service', ...fields, message, Message: message };
}

export const NO_LABELS: ReadonlyMap<string, string> = new Map<string, string>();
