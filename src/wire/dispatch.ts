/*
 * A call from its head to its answer: route -> read the body -> authenticate -> decode -> authorize -> operation -> encode.
 * A streamed body is the exception: it is authenticated by its head, and proves itself as it is read.
 */
import {
  type Clock,
  DEFAULT_REGION,
  DomainError,
  hasCode,
  isAbort,
  messageOf,
  type Random,
  uuid,
} from '../base/index.ts';
import {
  type AnswerParts,
  type AwsProtocol,
  failureOfReading,
  type Protocol,
  parseForm,
  ReadFailure,
  type RequestParts,
  type RouteMatch,
  ServiceCodec,
  type SignatureClaim,
  SignatureFailure,
  type WireFailure,
} from '../codec/aws/index.ts';
import { serviceCatalog, serviceTable } from '../schemas/index.ts';
import type { Caller, EntryKey, Operation, RefusedEntry, Service } from '../services/index.ts';
import type { Logger, Metrics, Spans } from '../telemetry/index.ts';
import { type Authenticated, AuthenticationFailure, type Authenticator } from './authenticate.ts';
import { BodyReader } from './body.ts';
import { isChunked, proven, RequestBody, withoutChunked } from './body-stream.ts';
import type { CallRequest, CallResponse } from './call.ts';
import { beginCallSpan } from './call-span.ts';
import { CallContext } from './context.ts';
import * as failures from './failures.ts';
import { authorityOf, type DeviceDoor, type HttpRequest, type HttpResponse } from './http.ts';
import { CallInstruments } from './instruments.ts';
import { HeldBody } from './lane/held-body.ts';
import { LaneRequest } from './lane/request.ts';
import { WIRE_LIMITS } from './limits.ts';
import {
  type Destination,
  findDestination,
  findDeviceDestination,
  findFormDestination,
  type RequestHead,
} from './route.ts';
import { sendAnswer } from './send.ts';

/** A call that is about to be made: who asks for what. */
export interface Asked {
  readonly caller: Caller;
  readonly service: Service;
  readonly operation: string;
  readonly input: unknown;
  readonly region: string;
  readonly requestId: string;
  readonly request: CallRequest;
}

/**
 * Decides whether a caller may do what it asks; the message is for the client.
 * The wire calls it after reading the input and before the operation.
 */
export type Authorize = (asked: Asked) => Authorization | Promise<Authorization>;

export type Authorization =
  | { readonly allowed: true; readonly refusedEntries?: ReadonlyMap<EntryKey, RefusedEntry> }
  | { readonly allowed: false; readonly message: string };

/**
 * Told of every call that was decided on, as soon as it has been answered.
 *
 * @param failure  what its client was told instead of an answer
 * @param decided  absent where deciding has failed
 */
export type Audit = (asked: Asked, failure: WireFailure | undefined, decided: Authorization | undefined) => void;

export interface DispatcherOptions {
  readonly services: readonly Service[];
  readonly authenticator: Authenticator;
  /** The same where every caller must be proved, whatever the mode. */
  readonly proving: Authenticator;
  readonly authorize: Authorize | undefined;
  readonly audit: Audit | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly spans: Spans | undefined;
  /** Fires when the node drains. */
  readonly draining: AbortSignal;
}

/** A service with its codec. */
interface Endpoint {
  readonly name: string;
  readonly codec: ServiceCodec;
  readonly service: Service | undefined;
}

/** One call on its way. */
interface Call {
  readonly requestId: string;
  readonly head: RequestHead;
  readonly request: CallRequest;
  readonly response: CallResponse;
  readonly startedAt: number;
  protocol: AwsProtocol;
  service: string;
  operation: string | undefined;
  endpoint: Endpoint | undefined;
  /** Of a REST request, whose path tells before its body is read. */
  match: RouteMatch | undefined;
  /** Once it has come to a decision. */
  asked: Asked | undefined;
  decided: Authorization | undefined;
  /** What its client was told instead of an answer. */
  failure: WireFailure | undefined;
}

/** What is to be done for a call, once it is allowed. */
interface Job {
  readonly endpoint: Endpoint;
  readonly protocol: Protocol;
  readonly operation: Operation;
  readonly name: string;
  readonly input: unknown;
  readonly caller: Authenticated;
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #services: ReadonlyMap<string, Service>;
  readonly #bodies = new BodyReader();
  readonly #instruments: CallInstruments;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#instruments = new CallInstruments(options.metrics);
    this.#services = new Map(options.services.map((service) => [service.name, service]));
  }

  /** Answers one request, whatever happens. */
  handle(request: CallRequest, response: CallResponse): Promise<void> {
    return this.#handle(request, response, (call) => this.#answer(call));
  }

  /** The same for a request that has come by a door for devices. */
  handleDevice(request: HttpRequest, response: HttpResponse, door: DeviceDoor): Promise<void> {
    return this.#handle(request, response, (call) => this.#answerDevice(call, request, door));
  }

  async #handle(request: CallRequest, response: CallResponse, answer: (call: Call) => Promise<void>): Promise<void> {
    const call = this.#begin(request, response);
    try {
      await answer(call);
    } catch (error) {
      await this.#fail(call, error);
    }
    this.#measure(call);
    if (call.asked) this.#options.audit?.(call.asked, call.failure, call.decided);
  }

  #begin(request: CallRequest, response: CallResponse): Call {
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    const head: RequestHead = {
      method: request.method ?? 'GET',
      path: mark < 0 ? url : url.slice(0, mark),
      query: mark < 0 ? '' : url.slice(mark + 1),
      headers: request.headers,
      authority: authorityOf(request),
    };
    return {
      requestId: uuid(this.#options.random),
      head,
      request,
      response,
      startedAt: this.#options.clock.monotonic(),
      protocol: 'restJson1',
      service: '',
      operation: undefined,
      endpoint: undefined,
      match: undefined,
      asked: undefined,
      decided: undefined,
      failure: undefined,
    };
  }

  async #answer(call: Call): Promise<void> {
    const { authenticator } = this.#options;
    let destination = findDestination(call.head);
    this.#note(call, destination);
    const bare: RequestParts = { ...call.head, body: NOTHING };
    const claim = authenticator.claim(bare);
    const link = claim ? undefined : this.#openLink(call, destination);
    if (link) return this.#perform(call, link, authenticator.unsigned(), bare);
    if (!claim && destination.kind === 'form' && authenticator.isSecured && (await this.#answerUnsigned(call))) return;
    const anonymous = this.#takesAnybody(destination) && authenticator.isAnonymous(claim, bare);
    if (!anonymous) authenticator.admit(claim, bare);
    if (destination.kind === 'service' && this.#streams(call, destination)) {
      if (authenticator.isSecured && !anonymous) checkScope(destination, claim);
      const parts = signedParts(bare, destination, claim);
      const caller = anonymous ? authenticator.unsigned() : authenticator.authenticate(claim, parts, undefined);
      return this.#answerStreamed(call, destination, caller);
    }
    const bytesMax = anonymous ? WIRE_LIMITS.unsignedBodyBytesMax : bodyLimit(call.service);
    const read = this.#bodies.read(call.request, bytesMax);
    const body = isPromise(read) ? await read : read;
    try {
      if (destination.kind === 'form') destination = findFormDestination(formOf(call.head, body), call.head);
      this.#note(call, destination);
      if (authenticator.isSecured && !anonymous) checkScope(destination, claim);
      const whole: RequestParts = { ...call.head, body };
      const parts = signedParts(whole, destination, claim);
      const caller = anonymous ? authenticator.unsigned() : authenticator.authenticate(claim, parts, body);
      await this.#perform(call, destination, caller, whole);
    } finally {
      this.#bodies.release(body);
    }
  }

  /** A call of the data plane of IoT: signed, or by a device that proves itself otherwise. */
  async #answerDevice(call: Call, request: HttpRequest, door: DeviceDoor): Promise<void> {
    const { proving } = this.#options;
    const destination = findDeviceDestination(call.head) ?? findDestination(call.head);
    this.#note(call, destination);
    if (destination.kind !== 'service' || destination.service !== 'iotdata') {
      throw new Refusal(
        failures.accessDenied('Devices publish here: POST /topics/TOPIC.', call.protocol, call.service),
      );
    }
    const bare: RequestParts = { ...call.head, body: NOTHING };
    const claim = proving.claim(bare);
    if (claim) proving.admit(claim, bare);
    if (claim) checkScope(destination, claim);
    const device = claim ? undefined : await door.caller(request);
    this.#streams(call, destination);
    const body = await this.#bodies.read(call.request, bodyLimit(call.service));
    try {
      const whole: RequestParts = { ...call.head, body };
      const caller = device
        ? { caller: device, region: DEFAULT_REGION }
        : proving.authenticate(claim, signedParts(whole, destination, claim), body);
      await this.#perform(call, destination, caller, whole);
    } finally {
      this.#bodies.release(body);
    }
  }

  /** Where a link goes that needs no signature; `undefined` for everything else. */
  #openLink(call: Call, destination: Destination): Destination | undefined {
    if (destination.kind !== 'form' || call.head.method !== 'GET') return undefined;
    const link = findFormDestination(formOf(call.head, NOTHING), call.head);
    if (link.kind !== 'service' || link.operation === undefined) return undefined;
    if (!this.#services.get(link.service)?.open?.has(link.operation)) return undefined;
    this.#note(call, link);
    return link;
  }

  /** A call of an operation that nobody signs; little is held of it, since nobody is proven. @returns false where it is another */
  async #answerUnsigned(call: Call): Promise<boolean> {
    const { unsignedBodyBytesMax } = WIRE_LIMITS;
    const announced = Number(call.head.headers['content-length']);
    if (!(announced > 0 && announced <= unsignedBodyBytesMax)) return false;
    const body = await this.#bodies.read(call.request, unsignedBodyBytesMax);
    try {
      const destination = findFormDestination(formOf(call.head, body), call.head);
      if (destination.kind !== 'service' || destination.operation === undefined) return false;
      if (!this.#services.get(destination.service)?.unsigned?.has(destination.operation)) return false;
      this.#note(call, destination);
      await this.#perform(call, destination, this.#options.authenticator.unsigned(), { ...call.head, body });
      return true;
    } finally {
      this.#bodies.release(body);
    }
  }

  #takesAnybody(destination: Destination): boolean {
    return destination.kind === 'service' && this.#services.get(destination.service)?.anonymous === true;
  }

  #note(call: Call, destination: Destination): void {
    call.protocol = destination.kind === 'form' ? 'awsQuery' : destination.protocol;
    if (destination.kind === 'form') return;
    call.service = destination.service;
    if (destination.kind === 'service') call.endpoint = this.#endpoint(destination.service);
    if (destination.operation !== undefined) call.operation = destination.operation;
  }

  /** True for an operation that takes its body as a stream. */
  #streams(call: Call, destination: Destination & { kind: 'service' }): boolean {
    if (destination.protocol !== 'restXml' && destination.protocol !== 'restJson1') return false;
    const { method, query, headers } = call.head;
    call.match = call.endpoint!.codec.route(method, destination.path, query, headers);
    return call.match !== undefined && call.endpoint!.codec.streamsInput(call.match.operation);
  }

  async #answerStreamed(
    call: Call,
    destination: Destination & { kind: 'service' },
    caller: Authenticated,
  ): Promise<void> {
    const { head, request } = call;
    const chunked = isChunked(head.headers);
    if (!chunked && request instanceof LaneRequest && request.body instanceof HeldBody) {
      return this.#answerWhole(call, destination, caller, request);
    }
    const body = new RequestBody(request, { chunked, chunks: caller.chunks, payloadHash: caller.payloadHash });
    const headers = chunked ? withoutChunked(head.headers) : head.headers;
    return this.#perform(call, destination, caller, { ...head, headers, body });
  }

  /** A body that could be streamed is short: it is held as any other. */
  async #answerWhole(call: Call, destination: Destination, caller: Authenticated, request: LaneRequest): Promise<void> {
    const body = await this.#bodies.read(request, WIRE_LIMITS.laneBodyBytesMax);
    try {
      await this.#perform(call, destination, caller, { ...call.head, body: proven(body, caller.payloadHash) });
    } finally {
      this.#bodies.release(body);
    }
  }

  #perform(call: Call, destination: Destination, caller: Authenticated, request: RequestParts): Promise<void> | void {
    if (destination.kind !== 'service') return this.#refuseUnknown(call, destination);
    const endpoint = call.endpoint!;
    const match = this.#match(call, endpoint, destination, request);
    if (!match)
      return this.#send(
        call,
        this.#failureAnswer(
          call,
          failures.unknownOperation(call.protocol, call.operation, endpoint.codec.table.apiVersion),
        ),
      );
    const name = match.operation;
    call.operation = name;
    const operation = builtOperation(endpoint.service, name);
    if (!operation)
      return this.#send(call, this.#failureAnswer(call, failures.notImplemented(endpoint.codec.table.serviceId, name)));
    const protocol = endpoint.codec.protocol(call.protocol);
    const input = protocol.read(name, request, match.labels);
    const job: Job = { endpoint, protocol, operation, name, input, caller };
    const { authorize } = this.#options;
    if (!authorize) return this.#run(call, job, undefined);
    const asked: Asked = {
      caller: caller.caller,
      service: endpoint.service!,
      operation: name,
      input,
      region: caller.region,
      requestId: call.requestId,
      request: call.request,
    };
    call.asked = asked;
    const verdict = authorize(asked);
    return isPromise(verdict)
      ? verdict.then((decided) => this.#runAllowed(call, job, decided))
      : this.#runAllowed(call, job, verdict);
  }

  #runAllowed(call: Call, job: Job, decided: Authorization): Promise<void> {
    call.decided = decided;
    if (!decided.allowed) throw new Refusal(failures.accessDenied(decided.message, call.protocol, job.endpoint.name));
    return this.#run(call, job, decided.refusedEntries);
  }

  async #run(call: Call, job: Job, refusedEntries: ReadonlyMap<EntryKey, RefusedEntry> | undefined): Promise<void> {
    const { endpoint, protocol, operation, name, input } = job;
    const { caller, region } = job.caller;
    const { requestId, request, response, head } = call;
    const { random, draining } = this.#options;
    const span = beginCallSpan(request, { service: endpoint.name, operation: name, requestId }, this.#options);
    const context = new CallContext({
      requestId,
      region,
      caller,
      authority: head.authority,
      random,
      request,
      response,
      draining,
      trace: span?.trace,
      refusedEntries,
    });
    let output: unknown;
    try {
      const result = operation(input, context);
      output = isPromise(result) ? await result : result;
    } catch (error) {
      span?.ended(error);
      throw error;
    }
    span?.ended();
    const answer = protocol.write(name, output, requestId, (error) => this.#failureOf(call, endpoint, error));
    const receipt = endpoint.service?.receipts?.[name]?.(requestId);
    const sent = this.#send(call, receipt ? withReceipt(answer, receipt) : answer);
    if (sent !== undefined) await sent;
  }

  #match(
    call: Call,
    endpoint: Endpoint,
    destination: Destination & { kind: 'service' },
    request: RequestParts,
  ): RouteMatch | undefined {
    const { codec } = endpoint;
    if (call.protocol === 'restJson1' || call.protocol === 'restXml') return call.match;
    const operation = destination.operation ?? formOf(call.head, request.body as Uint8Array).get('Action');
    call.operation = operation;
    return operation !== undefined && codec.has(operation) ? { operation, labels: NO_LABELS } : undefined;
  }

  /** A service that we do not even know: what AWS has under that name is not built. */
  #refuseUnknown(call: Call, destination: Destination): Promise<void> | void {
    const { service, operation } = destination as Destination & { kind: 'unknown' };
    return this.#send(call, this.#failureAnswer(call, failures.notImplemented(service, operation ?? 'operations')));
  }

  async #fail(call: Call, error: unknown): Promise<void> {
    if (call.response.headersSent || call.response.destroyed || hasCode(error, 'body-aborted')) {
      if (!isAbort(error)) this.#log(call, error);
      call.response.destroy();
      return;
    }
    // What is left of the body is not worth reading.
    if (!call.request.complete && call.request.httpVersionMajor === 1) call.response.setHeader('connection', 'close');
    call.failure = this.#failureOf(call, call.endpoint, error);
    await this.#send(call, this.#failureAnswer(call, call.failure));
  }

  /** The one place where errors become what clients see. */
  #failureOf(call: Call, endpoint: Endpoint | undefined, error: unknown): WireFailure {
    if (error instanceof Refusal) return error.failure;
    if (error instanceof ReadFailure) return failureOfReading(error, call.service, call.protocol);
    if (error instanceof SignatureFailure || error instanceof AuthenticationFailure) {
      return failures.authenticationFailure(error.problem, error.message, call.protocol);
    }
    const { code, fields, headers } = error as FailedCall;
    const answer = typeof code === 'string' ? endpoint?.service?.errors[code] : undefined;
    if (answer) return { type: answer.type, status: answer.status, message: messageOf(error), fields, headers };
    if (hasCode(error, 'body-too-large')) return failures.tooLarge(messageOf(error), call.protocol);
    if (hasCode(error, 'wire-busy')) return failures.unavailable(messageOf(error));
    if (isAbort(error) && this.#options.draining.aborted) return failures.unavailable('The node is shutting down.');
    this.#log(call, error);
    // No table names the refusals of stores and outbox: what will pass (a full disk) is told in its words, for SDKs to retry.
    if (error instanceof DomainError && error.remedy === 'retry') return failures.unavailable(messageOf(error));
    return failures.internalFailure(call.service);
  }

  #failureAnswer(call: Call, failure: WireFailure): AnswerParts {
    if (call.endpoint) return call.endpoint.codec.protocol(call.protocol).writeFailure(failure, call.requestId);
    // Without a service there is no table; any will do for an error that none of them has.
    const stand = call.protocol === 'awsQuery' ? 'sts' : call.protocol === 'rpcv2Cbor' ? 'cloudwatch' : 'kinesis';
    return this.#endpoint(stand).codec.protocol(call.protocol).writeFailure(failure, call.requestId);
  }

  #send(call: Call, answer: AnswerParts): Promise<void> | void {
    return sendAnswer(call.response, answer, call.requestId, call.head.method === 'HEAD');
  }

  #log(call: Call, error: unknown): void {
    const { requestId, service, operation } = call;
    this.#options.logger.error('call-failed', { requestId, service, operation, error });
  }

  #endpoint(name: string): Endpoint {
    const known = this.#endpoints.get(name);
    if (known) return known;
    const codec = new ServiceCodec(serviceTable(name));
    const endpoint = { name, codec, service: this.#services.get(name) };
    this.#endpoints.set(name, endpoint);
    return endpoint;
  }

  #measure(call: Call): void {
    const { endpoint, operation, response, requestId, service } = call;
    const { clock, logger } = this.#options;
    const elapsedMs = clock.monotonic() - call.startedAt;
    const status = response.statusCode;
    logger.debug('call', { requestId, service, operation, status, elapsedMs });
    if (!endpoint || operation === undefined || !endpoint.codec.has(operation)) return;
    this.#instruments.measure(endpoint.name, operation, status, elapsedMs);
  }
}

/** An operation's error as far as its client hears of it. */
interface FailedCall {
  readonly code?: unknown;
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer that is decided before the operation. */
class Refusal extends DomainError<'refused'> {
  readonly failure: WireFailure;

  constructor(failure: WireFailure) {
    super('refused', failure.message);
    this.failure = failure;
  }
}

const NOTHING = new Uint8Array(0);
const NO_LABELS: ReadonlyMap<string, string> = new Map();

function withReceipt(answer: AnswerParts, receipt: Readonly<Record<string, string>>): AnswerParts {
  return {
    ...answer,
    headers: { ...answer.headers, 'content-type': 'application/json' },
    body: JSON.stringify(receipt),
  };
}

function builtOperation(service: Service | undefined, name: string): Operation | undefined {
  return service && Object.hasOwn(service.operations, name) ? service.operations[name] : undefined;
}

/** Version 4 signs the path as it was sent; Version 2 signs the resource, which has the bucket in front wherever that was. */
function signedParts(parts: RequestParts, destination: Destination, claim: SignatureClaim | undefined): RequestParts {
  return claim || destination.kind !== 'service' ? parts : { ...parts, path: destination.path };
}

/**
 * A signature is good for the service of its scope alone. A link to an object leaves headers and body to whoever uses it, and these tell
 * where a request goes: without this, such a link would be one to everything that its signer may do.
 */
function checkScope(destination: Destination, claim: SignatureClaim | undefined): void {
  if (destination.kind !== 'service') return;
  const { signingName } = serviceCatalog()[destination.service]!;
  // Version 2 has no scope: it is S3's.
  const signedFor = claim?.service ?? 's3';
  if (signedFor === signingName) return;
  if (signedFor === 'execute-api' && signingName.startsWith('iot')) return;
  throw new SignatureFailure('mismatch', `Credential should be scoped to correct service: '${signingName}'.`);
}

function bodyLimit(service: string): number {
  // Of services that nobody has, the name is the client's.
  const { bodyBytesMax, bodyBytesMaxByService } = WIRE_LIMITS;
  return Object.hasOwn(bodyBytesMaxByService, service) ? bodyBytesMaxByService[service]! : bodyBytesMax;
}

function formOf({ query }: RequestHead, body: Uint8Array): Map<string, string> {
  return parseForm(
    body.length > 0 ? Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8') : query,
  );
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as Promise<T>).then === 'function';
}
