import { CborRpc } from './cbor-rpc.ts';
import { eventStreamOf } from './event-writer.ts';
import type { ReadFailure } from './failure.ts';
import { JsonRpc } from './json-rpc.ts';
import { type Protocol, structureAt, type WireFailure } from './protocol.ts';
import { Query } from './query.ts';
import { Rest } from './rest.ts';
import { JsonBodies } from './rest-json.ts';
import { XmlBodies } from './rest-xml.ts';
import { RestRouter, type RouteMatch } from './router.ts';
import type { AwsProtocol, ServiceTable } from './shape.ts';

/** All that the wire does with the bytes of one service: made from its table when it is first called. */
export class ServiceCodec {
  readonly table: ServiceTable;
  readonly #protocols = new Map<AwsProtocol, Protocol>();
  #router: RestRouter | undefined;

  constructor(table: ServiceTable) {
    this.table = table;
  }

  /** Reader and writer of one protocol, whether or not the service prefers it. */
  protocol(name: AwsProtocol): Protocol {
    const known = this.#protocols.get(name);
    if (known) return known;
    const protocol = makeProtocol(this.table, name);
    this.#protocols.set(name, protocol);
    return protocol;
  }

  /** The operation that a REST request means; `undefined` for none. */
  route(
    method: string,
    path: string,
    query: string,
    headers: Readonly<Record<string, unknown>>,
  ): RouteMatch | undefined {
    this.#router ??= new RestRouter(this.table);
    return this.#router.match(method, path, query, headers);
  }

  has(operation: string): boolean {
    return Object.hasOwn(this.table.operations, operation);
  }

  /** True when the operation takes its body as a stream. */
  streamsInput(operation: string): boolean {
    const { input } = this.table.operations[operation]!;
    return structureAt(this.table, input).members.some(([, index, traits]) => {
      const shape = this.table.shapes[index]!;
      return traits?.payload === true && shape.type === 'blob' && shape.streaming === true;
    });
  }

  /** True when the operation answers with a stream of events. */
  streamsEvents(operation: string): boolean {
    return eventStreamOf(this.table, this.table.operations[operation]!.output) !== undefined;
  }
}

function makeProtocol(table: ServiceTable, name: AwsProtocol): Protocol {
  switch (name) {
    case 'awsJson1_0':
    case 'awsJson1_1':
      return new JsonRpc(table, name);
    case 'awsQuery':
      return new Query(table);
    case 'rpcv2Cbor':
      return new CborRpc(table);
    case 'restJson1':
      return new Rest(table, new JsonBodies(table));
    case 'restXml':
      return new Rest(table, new XmlBodies(table));
  }
}

/** Services whose model has an error for broken constraints, and use it; the others have a generic one. */
const CONSTRAINT_TYPES: Readonly<Record<string, string>> = {
  apigateway: 'BadRequestException',
  apigatewayv2: 'BadRequestException',
  apigatewaymanagementapi: 'BadRequestException',
  iot: 'InvalidRequestException',
  iotdata: 'InvalidRequestException',
  logs: 'InvalidParameterException',
  s3: 'InvalidArgument',
};

/** Services that have their own name for a body that cannot be read. */
const SERIALIZATION_TYPES: Readonly<Record<string, string>> = {
  iot: 'InvalidRequestException',
  iotdata: 'InvalidRequestException',
  lambda: 'InvalidRequestContentException',
  s3: 'MalformedXML',
};

/** What a client of `service` is told of a request that cannot be read. */
export function failureOfReading(failure: ReadFailure, service: string, protocol: AwsProtocol): WireFailure {
  const { message } = failure;
  if (failure.kind === 'constraint') {
    if (service === 'sqs') return sqsFailure(message);
    const generic = protocol === 'awsQuery' ? 'ValidationError' : 'ValidationException';
    return { type: CONSTRAINT_TYPES[service] ?? generic, status: 400, message };
  }
  const generic = protocol === 'awsQuery' ? 'MalformedInput' : 'SerializationException';
  return { type: SERIALIZATION_TYPES[service] ?? generic, status: 400, message };
}

/** SQS is older than the models' constraints and has errors of its own for what they say. */
function sqsFailure(message: string): WireFailure {
  const missing = /Value null at '(?:[^']*\.)?([A-Za-z]+)' failed to satisfy constraint: Member must not be null/.exec(
    message,
  );
  if (!missing) return { type: 'InvalidParameterValue', status: 400, message };
  const name = missing[1]!.charAt(0).toUpperCase() + missing[1]!.slice(1);
  // The query protocol has no way to write an empty list.
  if (name === 'Entries') {
    return { type: 'EmptyBatchRequest', status: 400, message: 'There should be at least one entry in the request.' };
  }
  return { type: 'MissingParameter', status: 400, message: `The request must contain the parameter ${name}.` };
}
