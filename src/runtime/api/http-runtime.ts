import type { IncomingMessage, ServerResponse } from 'node:http';
import { assert } from '../../base/index.ts';
import { formatXRay } from '../../telemetry/index.ts';
import type { Invocation } from '../runtime.ts';
import {
  ACCEPTED,
  type Answer,
  INVALID_REQUEST_ID,
  INVALID_RESPONSE_MODE,
  outOfTurn,
  send,
  TOO_LARGE,
  TRUNCATED,
} from './answers.ts';
import { type Body, readBody } from './bodies.ts';
import { API_LIMITS } from './limits.ts';
import { type RuntimeCall, type RuntimeState, stepRuntime, WANTED } from './runtime-state.ts';

/** An invocation on its way through the runtime. */
export interface Outstanding {
  readonly sequence: number;
  readonly invocation: Invocation;
  readonly functionArn: string;
  /** Epoch milliseconds. */
  readonly deadlineMs: number;
}

/** What the runtime made of an invocation. A streamed response has gone out already; its error type is empty when it ended well. */
export type Answered =
  | { readonly kind: 'response'; readonly payload: Uint8Array }
  | { readonly kind: 'error' | 'stream-end'; readonly payload: Uint8Array; readonly errorType: string };

/** Who is told what the runtime says. */
export interface HttpRuntimeHost {
  /** Init is over: it waits for its first invocation, or for being restored. */
  onReady(): void;
  /** It begins to answer. @param contentType  of a response that comes in pieces */
  onFirstByte(outstanding: Outstanding, contentType?: string): void;
  onChunk(outstanding: Outstanding, chunk: Uint8Array): void;
  onAnswered(outstanding: Outstanding, answered: Answered, producedBytes: number): void;
  /** Init, or what runs after a restore, has failed by its own word. */
  onInitError(payload: Uint8Array, errorType: string): void;
}

const TYPE = /^(?:Runtime|Function|Extension)\.[A-Z][A-Za-z]{0,120}$/;
const WITH_CAUSE = 'application/vnd.aws.lambda.error.cause+json';
/** Up to here one copy is cheaper than a second part in the write. */
const COPY_BYTES_MAX = 16 * 1024;
const RESTORED: Answer = { status: 200, body: '' };

/** One of the invocations that the runtime may have at a time: its state, who waits for it, and what it is. */
interface Lane {
  state: RuntimeState;
  /** The request for the next invocation, or for being restored, that waits. */
  waiting: ServerResponse | undefined;
  outstanding: Outstanding | undefined;
}

/**
 * The Runtime API (2018-06-01) of one environment: what a runtime that speaks HTTP is given and answers. It has one invocation at a
 * time, or as many as its function's environments run at once: then each of its pollers has a state of its own.
 */
export class HttpRuntime {
  readonly #host: HttpRuntimeHost;
  readonly #lanes: readonly Lane[];
  /** Invocations that came before it asked. */
  readonly #queue: Outstanding[] = [];
  /** Set when starts from a snapshot are asked for: `restore/next` is served then. */
  #restores = false;
  /** The streamed response that is being read. */
  #reading: IncomingMessage | undefined;
  /** It has asked for its first invocation. */
  #ready = false;
  /** Nobody waits for its answers any more. */
  #closed = false;

  /** @param concurrency  invocations at a time, 1 to 1,000 */
  constructor(host: HttpRuntimeHost, concurrency: number) {
    this.#host = host;
    this.#lanes = Array.from({ length: concurrency }, () => ({
      state: 'Started',
      waiting: undefined,
      outstanding: undefined,
    }));
  }

  /** It waits for being restored. */
  get suspended(): boolean {
    return this.#lanes[0]!.state === 'RestoreReady';
  }

  /** Serves `restore/next` from now on. */
  allowRestore(): void {
    this.#restores = true;
  }

  get restores(): boolean {
    return this.#restores;
  }

  /** Its environment is shutting down: what it still says goes nowhere. */
  close(): void {
    this.#closed = true;
  }

  /** Reads no more of the streamed response that is being read until `taken` has settled. */
  hold(taken: Promise<void>): void {
    const request = this.#reading;
    if (!request) return;
    request.pause();
    const release = () => void request.resume();
    taken.then(release, release);
  }

  /** Gives it an invocation: at once when it waits for one, else when it asks. Never more than it has at a time. */
  invoke(outstanding: Outstanding): void {
    if (this.suspended) this.#restore(this.#lanes[0]!);
    this.#queue.push(outstanding);
    const lane = this.#lanes.find(({ state, waiting }) => state === 'Ready' && waiting);
    if (lane) this.#deliver(lane);
  }

  next(response: ServerResponse): void {
    const lane = this.#laneToAsk();
    const state = this.#step(lane, 'next', response);
    if (!state) return;
    // The one that waited is from a connection that its client has given up.
    if (lane.waiting) send(lane.waiting, outOfTurn('InvalidStateTransition', 'Ready', 'Ready', 'runtime'));
    lane.waiting = response;
    if (state === 'Running') return this.#write(lane);
    if (this.#queue.length > 0) return this.#deliver(lane);
    if (this.#ready) return;
    this.#ready = true;
    this.#host.onReady();
  }

  respond(requestId: string, request: IncomingMessage, response: ServerResponse): void {
    const lane = this.#running(requestId, request, response);
    if (!lane || !this.#stepWith(lane, 'response', request, response)) return;
    const mode = request.headers['lambda-runtime-function-response-mode'];
    if (mode === undefined) return this.#buffer(lane, request, response);
    if (mode === 'streaming') return this.#stream(lane, request, response);
    request.resume();
    send(response, INVALID_RESPONSE_MODE);
    this.#answered(lane, worded('Runtime.InvalidResponseModeHeader', INVALID_RESPONSE_MODE_MESSAGE), 0);
  }

  fail(requestId: string, request: IncomingMessage, response: ServerResponse): void {
    const lane = this.#running(requestId, request, response);
    if (!lane || !this.#stepWith(lane, 'error', request, response)) return;
    readBody(request, API_LIMITS.payloadBytesMax, (body) => {
      if (body.kind !== 'whole') return this.#unfinished(lane, body, response);
      send(response, ACCEPTED);
      this.#host.onFirstByte(lane.outstanding!);
      const answered: Answered = { kind: 'error', ...errorOf(request, body.bytes) };
      this.#answered(lane, answered, answered.payload.length);
    });
  }

  initError(request: IncomingMessage, response: ServerResponse): void {
    this.#reportError('init-error', request, response);
  }

  restoreNext(response: ServerResponse): void {
    const lane = this.#lanes[0]!;
    if (!this.#step(lane, 'restore-next', response)) return;
    lane.waiting = response;
    this.#ready = true;
    this.#host.onReady();
  }

  restoreError(request: IncomingMessage, response: ServerResponse): void {
    this.#reportError('restore-error', request, response);
  }

  #reportError(call: 'init-error' | 'restore-error', request: IncomingMessage, response: ServerResponse): void {
    if (!this.#stepWith(this.#lanes[0]!, call, request, response)) return;
    readBody(request, API_LIMITS.payloadBytesMax, (body) => {
      if (body.kind !== 'whole') return send(response, body.kind === 'cut' ? TRUNCATED : TOO_LARGE);
      send(response, ACCEPTED);
      const { payload, errorType } = errorOf(request, body.bytes);
      this.#host.onInitError(payload, errorType);
    });
  }

  /** Which of its pollers asks: one that has nothing, else one that waits already, else (it has but one) the one that runs. */
  #laneToAsk(): Lane {
    const [only] = this.#lanes;
    if (this.#lanes.length === 1) return only!;
    const free = this.#lanes.find(({ state, waiting }) => !waiting && stepRuntime(state, 'next') === 'Ready');
    return free ?? this.#lanes.find(({ waiting }) => waiting) ?? only!;
  }

  /** @returns the state that the call was made in; `undefined` when it is out of turn and has been answered */
  #step(lane: Lane, call: keyof typeof WANTED, response: ServerResponse): RuntimeState | undefined {
    const before = lane.state;
    const after = stepRuntime(before, call);
    if (after) {
      lane.state = after;
      return before;
    }
    send(response, outOfTurn('InvalidStateTransition', before, WANTED[call], 'runtime'));
    return undefined;
  }

  #stepWith(
    lane: Lane,
    call: keyof typeof WANTED,
    request: IncomingMessage,
    response: ServerResponse,
  ): RuntimeState | undefined {
    const state = this.#step(lane, call, response);
    if (!state) request.resume();
    return state;
  }

  #own(lane: Lane, call: RuntimeCall): void {
    const after = stepRuntime(lane.state, call);
    assert(after, `${call} of a runtime that is ${lane.state}`);
    lane.state = after;
  }

  /** Who has the invocation that this answer is for; an answer to any other, finished or a neighbour's, is refused. */
  #running(requestId: string, request: IncomingMessage, response: ServerResponse): Lane | undefined {
    const lane = this.#lanes.find(({ outstanding }) => outstanding?.invocation.requestId === requestId);
    if (lane) return lane;
    request.resume();
    send(response, INVALID_REQUEST_ID);
    return undefined;
  }

  #deliver(lane: Lane): void {
    lane.outstanding = this.#queue.shift()!;
    this.#own(lane, 'deliver');
    this.#write(lane);
  }

  #restore(lane: Lane): void {
    const response = lane.waiting!;
    lane.waiting = undefined;
    this.#own(lane, 'restore');
    send(response, RESTORED);
  }

  #write(lane: Lane): void {
    const response = lane.waiting!;
    lane.waiting = undefined;
    const { invocation, deadlineMs, functionArn } = lane.outstanding!;
    const { requestId, payload, trace, invokedArn = functionArn, clientContext } = invocation;
    const headers = [
      'Content-Type',
      'application/json',
      'Content-Length',
      String(payload.length),
      'Lambda-Runtime-Aws-Request-Id',
      requestId,
      'Lambda-Runtime-Deadline-Ms',
      String(Math.ceil(deadlineMs)),
      'Lambda-Runtime-Invoked-Function-Arn',
      invokedArn,
      'Lambda-Runtime-Trace-Id',
      formatXRay(trace),
    ];
    if (clientContext) headers.push('Lambda-Runtime-Client-Context', headerOfContext(clientContext));
    response.sendDate = false;
    response.writeHead(200, headers);
    // A small one goes out in one string with its head; a buffer would be a second part of the write.
    if (payload.length > COPY_BYTES_MAX) response.end(payload);
    else response.end(Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString('latin1'), 'latin1');
  }

  #buffer(lane: Lane, request: IncomingMessage, response: ServerResponse): void {
    readBody(request, API_LIMITS.payloadBytesMax, (body) => {
      if (body.kind !== 'whole') return this.#unfinished(lane, body, response);
      send(response, ACCEPTED);
      this.#host.onFirstByte(lane.outstanding!);
      this.#answered(lane, { kind: 'response', payload: body.bytes }, body.bytes.length);
    });
  }

  /** Hands the response on as it comes. */
  #stream(lane: Lane, request: IncomingMessage, response: ServerResponse): void {
    const outstanding = lane.outstanding!;
    this.#host.onFirstByte(outstanding, request.headers['content-type'] ?? 'application/octet-stream');
    let produced = 0;
    request.on('data', (chunk: Buffer) => {
      if (this.#closed) return;
      produced += chunk.length;
      this.#reading = request;
      this.#host.onChunk(outstanding, chunk);
      this.#reading = undefined;
    });
    let over = false;
    const end = (answer: Answer, answered: Answered) => {
      if (over) return;
      over = true;
      if (!response.destroyed) send(response, answer);
      this.#answered(lane, answered, produced);
    };
    request.on('end', () => end(ACCEPTED, streamed(request)));
    const cut = () => end(TRUNCATED, { ...worded('Runtime.TruncatedResponse', BROKE_OFF), kind: 'stream-end' });
    request.on('error', cut);
    request.on('close', cut);
  }

  #unfinished(lane: Lane, body: Exclude<Body, { kind: 'whole' }>, response: ServerResponse): void {
    if (body.kind === 'cut') return this.#answered(lane, worded('Runtime.TruncatedResponse', BROKE_OFF), 0);
    send(response, TOO_LARGE);
    const message = `Response payload size (${body.length} bytes) exceeded maximum allowed payload size (${API_LIMITS.payloadBytesMax} bytes).`;
    this.#answered(lane, worded('Function.ResponseSizeTooLarge', message), 0);
  }

  #answered(lane: Lane, answered: Answered, producedBytes: number): void {
    const outstanding = lane.outstanding!;
    this.#own(lane, 'sent');
    lane.outstanding = undefined;
    if (!this.#closed) this.#host.onAnswered(outstanding, answered, producedBytes);
  }
}

const BROKE_OFF = 'The connection broke within the response';
const INVALID_RESPONSE_MODE_MESSAGE = 'Lambda-Runtime-Function-Response-Mode must be `streaming` where it is given';

function worded(errorType: string, errorMessage: string): Exclude<Answered, { kind: 'response' }> {
  return { kind: 'error', errorType, payload: Buffer.from(JSON.stringify({ errorType, errorMessage })) };
}

/** How a streamed response ended: with an error where its trailers say so. */
function streamed({ trailers }: IncomingMessage): Answered {
  const errorType = trailers['lambda-runtime-function-error-type'];
  if (!errorType) return { kind: 'stream-end', errorType: '', payload: Buffer.alloc(0) };
  const body = Buffer.from(trailers['lambda-runtime-function-error-body'] ?? '', 'base64');
  return {
    kind: 'stream-end',
    errorType,
    payload: body.length > 0 ? body : Buffer.from(JSON.stringify({ errorType })),
  };
}

/** An error as the runtime reports it: the body goes to the caller as it is; the type is the body's, else the header's. */
function errorOf(request: IncomingMessage, bytes: Buffer): { payload: Uint8Array; errorType: string } {
  const header = request.headers['lambda-runtime-function-error-type'];
  const typed = typeof header === 'string' && TYPE.test(header) ? header : undefined;
  if (bytes.length === 0) {
    const errorType = typed ?? 'Unhandled';
    return { payload: Buffer.from(JSON.stringify({ errorType, errorMessage: '' })), errorType };
  }
  const parsed = parse(bytes);
  const errorType = typeof parsed?.errorType === 'string' ? parsed.errorType.slice(0, 255) : (typed ?? 'Unhandled');
  if (request.headers['content-type'] !== WITH_CAUSE) return { payload: bytes, errorType };
  if (!parsed) return { payload: Buffer.from('"Invalid error body"'), errorType };
  const { errorCause: _, ...rest } = parsed;
  return { payload: Buffer.from(JSON.stringify(rest)), errorType };
}

function parse(bytes: Buffer): { readonly [name: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as { readonly [name: string]: unknown }) : undefined;
  } catch {
    return undefined;
  }
}

/** The client context in a header: JSON, in characters that a header may have. */
function headerOfContext(base64: string): string {
  const text = Buffer.from(base64, 'base64')
    .toString('utf8')
    .replace(/[\r\n]+/g, ' ');
  return text.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
