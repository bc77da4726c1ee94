import type {
  AwsProtocol,
  Constraints,
  ErrorTraits,
  MemberRow,
  MemberTraits,
  OperationRow,
  ScalarShape,
  ServiceTable,
  Shape,
} from '../../src/codec/aws/shape.ts';
import type { BotocoreModel, BotocoreShape } from './botocore.ts';

/*
 * Static schemas of the AWS SDK for JavaScript (see @smithy/types, schema/static-schemas):
 *   number                                    a simple type, or 64|x a list of it, or 128|x a map of it
 *   [0, namespace, name, traits, simple]      a simple type with traits
 *   [1, namespace, name, traits, member]      list
 *   [2, namespace, name, traits, key, value]  map
 *   [3, namespace, name, traits, names, members, required]  structure; -3 an error; 4 a union
 *   [9, namespace, name, traits, input, output]             operation
 * and a member may be wrapped as [schema, traits]; a schema may be a function that returns it.
 */
type Static = any;

const SIMPLE: Readonly<Record<number, Partial<ScalarShape>>> = {
  0: { type: 'string' },
  1: { type: 'double' },
  2: { type: 'boolean' },
  4: { type: 'timestamp' },
  5: { type: 'timestamp', format: 'date-time' },
  6: { type: 'timestamp', format: 'http-date' },
  7: { type: 'timestamp', format: 'epoch-seconds' },
  15: { type: 'document' },
  17: { type: 'long' },
  19: { type: 'double' },
  21: { type: 'blob' },
  42: { type: 'blob', streaming: true },
};

const NUMBERS = new Set(['integer', 'long', 'float', 'double']);

/** Meaning of the bits of a numeric trait indicator, lowest first. */
const TRAIT_BITS = [
  'httpLabel',
  'idempotent',
  'idempotencyToken',
  'sensitive',
  'httpPayload',
  'httpResponseCode',
  'httpQueryParams',
];

const FLAGS: Readonly<Record<string, keyof MemberTraits>> = {
  httpLabel: 'label',
  httpPayload: 'payload',
  httpResponseCode: 'responseCode',
  httpQueryParams: 'queryParams',
  idempotencyToken: 'idempotencyToken',
  xmlFlattened: 'flattened',
  xmlAttribute: 'attribute',
  eventPayload: 'eventPayload',
  eventHeader: 'eventHeader',
  hostLabel: 'hostLabel',
};

const VALUES: Readonly<Record<string, keyof MemberTraits>> = {
  httpHeader: 'header',
  httpQuery: 'query',
  httpPrefixHeaders: 'prefixHeaders',
  jsonName: 'jsonName',
  xmlName: 'xmlName',
  xmlNamespace: 'xmlNamespace',
};

const PROTOCOLS: Readonly<Record<string, AwsProtocol>> = {
  'rest-json': 'restJson1',
  'rest-xml': 'restXml',
  query: 'awsQuery',
  'smithy-rpc-v2-cbor': 'rpcv2Cbor',
};

/** What the npm client says of its service. */
export interface ClientFacts {
  readonly name: string;
  readonly serviceId: string;
  readonly apiVersion: string;
  readonly namespace: string;
  readonly target: string;
  readonly signingName: string;
  readonly xmlNamespace: string | undefined;
  readonly operations: readonly Static[];
  readonly errors: readonly Static[];
}

/** Joins the client's schemas with botocore's constraints into one table. */
export function joinTable(facts: ClientFacts, model: BotocoreModel): ServiceTable {
  const join = new Join(model);
  const errors = new Map<string, Static>(facts.errors.map((schema) => [schema[2], schema]));
  const operations: Record<string, OperationRow> = {};
  for (const schema of facts.operations.toSorted((a, b) => (a[2] < b[2] ? -1 : 1))) {
    operations[schema[2]] = operationRow(join, schema, model, errors);
  }
  const { metadata } = model;
  return {
    name: facts.name,
    serviceId: facts.serviceId,
    apiVersion: facts.apiVersion,
    namespace: facts.namespace,
    target: facts.target,
    signingName: facts.signingName,
    endpointPrefix: metadata.endpointPrefix,
    protocols: protocolsOf(facts.name, metadata),
    ...defined({ xmlNamespace: facts.xmlNamespace ?? metadata.xmlNamespace }),
    ...(metadata.awsQueryCompatible ? { queryCompatible: true } : {}),
    shapes: join.shapes,
    operations,
  };
}

function operationRow(join: Join, schema: Static, model: BotocoreModel, errors: Map<string, Static>): OperationRow {
  const [, , name, indicator, input, output] = schema;
  const operation = model.operations[name];
  const { http } = traitsOf(indicator) as { http?: [string, string, number] };
  const inputIndex = join.shape(input, operation?.input?.shape);
  const known = (operation?.errors ?? []).map(({ shape }) => errors.get(shape)).filter((error) => error !== undefined);
  return {
    input: inputIndex,
    output: join.shape(output, operation?.output?.shape),
    errors: known.map((error) => join.shape(error, error[2])),
    ...(http ? { http: [http[0], pathOf(http[1], join.shapes[inputIndex]!), http[2]] as const } : {}),
  };
}

/** S3's bucket is a part of the host in the client's schemas; on the path, as a server meets it, it is the first label. */
function pathOf(uri: string, input: Shape): string {
  const members = input.type === 'structure' ? input.members : [];
  const hasBucket = members.some(([name, , traits]) => name === 'Bucket' && traits?.label);
  const path = hasBucket && !uri.includes('{Bucket}') ? `/{Bucket}${uri.replace(/^\/(?=\?|$)/, '')}` : uri;
  return path.replace(/[?&]x-id=[^&]*/, '').replace(/^([^?&]*)&/, '$1?');
}

function protocolsOf(name: string, metadata: BotocoreModel['metadata']): AwsProtocol[] {
  const listed = metadata.protocols ?? [metadata.protocol];
  const json: AwsProtocol = metadata.jsonVersion === '1.0' ? 'awsJson1_0' : 'awsJson1_1';
  const protocols = listed.map((protocol) => (protocol === 'json' ? json : PROTOCOLS[protocol]!));
  // Older clients, boto3 of Debian 12 among them, still speak the query protocol to SQS.
  return name === 'sqs' ? [...protocols, 'awsQuery'] : protocols;
}

class Join {
  readonly shapes: Shape[] = [{ type: 'structure', name: 'Unit', members: [] }];
  readonly #model: BotocoreModel;
  readonly #indexes = new Map<unknown, Map<string | undefined, number>>();
  readonly #scalars = new Map<string, number>();

  constructor(model: BotocoreModel) {
    this.#model = model;
  }

  /** Index of the shape that `schema` and botocore's shape `name` make together. */
  shape(schema: Static, name: string | undefined): number {
    while (typeof schema === 'function') schema = schema();
    if (schema === 'unit') return 0;
    const byName = this.#indexes.get(schema) ?? new Map<string | undefined, number>();
    this.#indexes.set(schema, byName);
    const found = byName.get(name);
    if (found !== undefined) return found;
    const other = name === undefined ? undefined : this.#model.shapes[name];
    if (typeof schema === 'number' ? schema < 64 : schema[0] === 0) return this.#scalar(schema, other);
    const index = this.shapes.push(undefined as never) - 1;
    byName.set(name, index);
    this.shapes[index] = this.#compound(schema, other);
    return index;
  }

  #scalar(schema: Static, other: BotocoreShape | undefined): number {
    const [simple, traits] = typeof schema === 'number' ? [schema, {}] : [schema[4], traitsOf(schema[3])];
    const base = SIMPLE[simple];
    if (!base) throw new Error(`unknown simple type ${simple}`);
    const type = base.type === 'double' && other && NUMBERS.has(other.type) ? other.type : base.type;
    const shape = {
      ...base,
      type,
      ...defined({ mediaType: traits.mediaType }),
      ...constraintsOf(other),
    } as ScalarShape;
    const key = JSON.stringify(shape);
    const index = this.#scalars.get(key) ?? this.shapes.push(shape) - 1;
    this.#scalars.set(key, index);
    return index;
  }

  #compound(schema: Static, other: BotocoreShape | undefined): Shape {
    if (typeof schema === 'number') {
      return schema < 128 ? this.#list(schema & 63, {}, other) : this.#map([0, {}], [schema & 127, {}], other);
    }
    if (schema[0] === 1) return this.#list(...unwrap(schema[4]), other);
    if (schema[0] === 2) return this.#map(unwrap(schema[4]), unwrap(schema[5]), other);
    return this.#structure(schema, other);
  }

  #list(member: Static, traits: Traits, other: BotocoreShape | undefined): Shape {
    return {
      type: 'list',
      member: this.shape(member, other?.member?.shape),
      ...defined({ memberXmlName: traits.xmlName }),
      ...constraintsOf(other),
    };
  }

  #map(
    [key, keyTraits]: [Static, Traits],
    [value, valueTraits]: [Static, Traits],
    other: BotocoreShape | undefined,
  ): Shape {
    return {
      type: 'map',
      key: this.shape(key, other?.key?.shape),
      value: this.shape(value, other?.value?.shape),
      ...defined({ keyXmlName: keyTraits.xmlName, valueXmlName: valueTraits.xmlName }),
      ...constraintsOf(other),
    };
  }

  #structure(schema: Static, other: BotocoreShape | undefined): Shape {
    const [kind, , name, indicator, names, members] = schema;
    const traits = traitsOf(indicator);
    const required = (other?.required ?? []).filter((member) => names.includes(member));
    return {
      type: kind === 4 ? 'union' : 'structure',
      name,
      members: names.map((member: string, i: number) => this.#member(member, members[i], other)),
      ...(required.length > 0 ? { required } : {}),
      ...defined({ xmlName: traits.xmlName, xmlNamespace: traits.xmlNamespace }),
      ...(kind === 4 && traits.streaming ? { eventStream: true } : {}),
      ...(kind === -3 ? { error: errorOf(traits) } : {}),
    };
  }

  #member(name: string, wrapped: Static, parent: BotocoreShape | undefined): MemberRow {
    const [schema, traits] = unwrap(wrapped);
    const index = this.shape(schema, parent?.members?.[name]?.shape);
    const kept: Record<string, unknown> = {};
    for (const [from, to] of Object.entries(FLAGS)) if (traits[from]) kept[to] = true;
    for (const [from, to] of Object.entries(VALUES)) if (traits[from] !== undefined) kept[to] = traits[from];
    return Object.keys(kept).length > 0 ? [name, index, kept] : [name, index];
  }
}

type Traits = Readonly<Record<string, any>>;

/** Takes the traits off a member: no schema has two elements, a member with traits has. */
function unwrap(member: Static): [Static, Traits] {
  return Array.isArray(member) && member.length === 2 ? [member[0], traitsOf(member[1])] : [member, {}];
}

function traitsOf(indicator: Static): Traits {
  if (typeof indicator === 'object') return indicator;
  return Object.fromEntries(TRAIT_BITS.flatMap((trait, bit) => ((indicator >> bit) & 1 ? [[trait, 1]] : [])));
}

function errorOf(traits: Traits): ErrorTraits {
  const fault = traits.error === 'server' ? 'server' : 'client';
  const [code, queryStatus] = (traits.awsQueryError ?? []) as [string?, number?];
  const status = traits.httpError ?? queryStatus ?? (fault === 'server' ? 500 : 400);
  return { fault, status, ...defined({ queryCode: code }) };
}

function constraintsOf(shape: BotocoreShape | undefined): Constraints {
  if (!shape) return {};
  const { min, max, pattern } = shape;
  return defined({ min, max, pattern, enum: shape.enum });
}

function defined<T extends Record<string, unknown>>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}
