/**
 * What the codecs need to know of an AWS service: its shapes, their constraints, and where members go in a message. The tables
 * in `schemas/` are this, as JSON; a table refers to shapes by their index, so that recursive shapes need no names.
 */

/** Protocols a service answers to, as Smithy names them. */
export type AwsProtocol = 'awsJson1_0' | 'awsJson1_1' | 'restJson1' | 'restXml' | 'awsQuery' | 'rpcv2Cbor';

export type TimestampFormat = 'epoch-seconds' | 'date-time' | 'http-date';

/** Limits of a shape as botocore states them: length of a string, blob, list or map, or range of a number. */
export interface Constraints {
  readonly min?: number;
  readonly max?: number;
  /** As published (Java's dialect); the whole value must match. */
  readonly pattern?: string;
  readonly enum?: readonly string[];
}

export type ScalarType =
  | 'string'
  | 'boolean'
  | 'integer'
  | 'long'
  | 'float'
  | 'double'
  | 'blob'
  | 'timestamp'
  | 'document';

export interface ScalarShape extends Constraints {
  readonly type: ScalarType;
  readonly format?: TimestampFormat;
  /** A blob whose size is not known: handed on as it arrives. */
  readonly streaming?: true;
  /** `application/json` in a header travels as base64. */
  readonly mediaType?: string;
}

export interface ListShape extends Constraints {
  readonly type: 'list';
  readonly member: number;
  readonly memberXmlName?: string;
}

export interface MapShape extends Constraints {
  readonly type: 'map';
  readonly key: number;
  readonly value: number;
  readonly keyXmlName?: string;
  readonly valueXmlName?: string;
}

/** Where a member goes, when it is not simply a field of the body under its own name. */
export interface MemberTraits {
  readonly header?: string;
  readonly query?: string;
  readonly prefixHeaders?: string;
  readonly label?: true;
  readonly payload?: true;
  readonly queryParams?: true;
  readonly responseCode?: true;
  readonly jsonName?: string;
  readonly xmlName?: string;
  readonly flattened?: true;
  readonly attribute?: true;
  /** `[uri]` or `[prefix, uri]`. */
  readonly xmlNamespace?: readonly string[];
  readonly eventPayload?: true;
  readonly eventHeader?: true;
  readonly hostLabel?: true;
  readonly idempotencyToken?: true;
}

/** Name, index of the shape, traits. */
export type MemberRow = readonly [name: string, shape: number, traits?: MemberTraits];

export interface StructureShape {
  readonly type: 'structure' | 'union';
  readonly name: string;
  readonly members: readonly MemberRow[];
  readonly required?: readonly string[];
  readonly xmlName?: string;
  readonly xmlNamespace?: readonly string[];
  /** A union that is sent as a stream of events. */
  readonly eventStream?: true;
  readonly error?: ErrorTraits;
}

export interface ErrorTraits {
  readonly fault: 'client' | 'server';
  readonly status: number;
  /** Code of the query protocol where it is not the shape's name. */
  readonly queryCode?: string;
}

export type Shape = ScalarShape | ListShape | MapShape | StructureShape;

export interface OperationRow {
  readonly input: number;
  readonly output: number;
  readonly errors: readonly number[];
  /** Method, URI pattern with labels and literal query, status of success; REST protocols only. */
  readonly http?: readonly [method: string, uri: string, status: number];
}

/** One service's table. */
export interface ServiceTable {
  /** Key of the table: the name of the service's folder. */
  readonly name: string;
  /** As AWS writes it, `DynamoDB Streams`. */
  readonly serviceId: string;
  readonly apiVersion: string;
  readonly namespace: string;
  /** Before the dot of `X-Amz-Target`, and the service's name in rpcv2Cbor paths. */
  readonly target: string;
  readonly signingName: string;
  readonly endpointPrefix: string;
  /** Preferred first. */
  readonly protocols: readonly AwsProtocol[];
  readonly xmlNamespace?: string;
  /** JSON errors also carry the query protocol's code, in `x-amzn-query-error`. */
  readonly queryCompatible?: true;
  readonly shapes: readonly Shape[];
  readonly operations: Readonly<Record<string, OperationRow>>;
}
