import type { IncomingMessage, ServerResponse } from 'node:http';
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

/** What the runtime made of an invocation. A streamed response has gone to its taker already. */
export type Answered =
  | { readonly kind: 'response'; readonly payload: Uint8Array }
  | { readonly kind: 'error'; readonly payload: Uint8Array; readonly errorType: string };

/** Who is told what the runtime says. */
export interface HttpRuntimeHost {
  /** Init is over: it waits for its first invocation, or for being restored. */
  onReady(): void;
  /** It begins to answer. */
  onFirstByte(outstanding: Outstanding): void;
  onAnswered(outstanding: Outstanding, answered: Answered, producedBytes: number): void;
  /** Init, or what runs after a restore, has failed by its own word. */
  onInitError(payload: Uint8Array, errorType: string): void;
}

const TYPE = /^(?:Runtime|Function|Extension)\.[A-Z][A-Za-z]{0,120}$/;
const WITH_CAUSE = 'application/vnd.aws.lambda.error.cause+json';
/** Up to here one copy is cheaper than a second part in the write. */
const COPY_BYTES_MAX = 16 * 1024;
const RESTORED: Answer = { status: 200, body: '' };

/** The Runtime API (2018-06-01) of one environment: what a runtime that speaks HTTP is given and answers. */
export class HttpRuntime {
  readonly #host: HttpRuntimeHost;
  #state: RuntimeState = 'Started';
  /** Set when starts from a snapshot are asked for: `restore/next` is served then. */
  #restores = false;
  /** The request for the next invocation, or for being restored, that waits. */
  #waiting: ServerResponse | undefined;
  #outstanding: Outstanding | undefined;
  /** Nobody waits for its answers any more. */
  #closed = false;

  constructor(host: HttpRuntimeHost) {
    this.#host = host;
  }

  get state(): RuntimeState {
    return this.#state;
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

  /** Gives it an invocation: at once when it waits for one, else when it asks. Not before the last one is answered. */
  invoke(outstanding: Outstanding): void {
    this.#outstanding = outstanding;
    if (this.#state === 'RestoreReady') return this.#restore();
    this.#deliver();
  }

  next(response: ServerResponse): void {
    const state = this.#step('next', response);
    if (!state) return;
    const first = state === 'Started';
    // The one that waited is from a connection that its client has given up.
    if (this.#waiting) send(this.#waiting, outOfTurn('InvalidStateTransition', 'Ready', 'Ready', 'runtime'));
    this.#waiting = response;
    if (state === 'Running') this.#write();
    else if (first) this.#host.onReady();
    else this.#deliver();
  }

  respond(requestId: string, request: IncomingMessage, response: ServerResponse): void {
    const outstanding = this.#running(requestId, request, response);
    if (!outstanding || !this.#stepWith('response', request, response)) return;
    const mode = request.headers['lambda-runtime-function-response-mode'];
    if (mode === undefined) return this.#buffer(outstanding, request, response);
    if (mode === 'streaming') return this.#stream(outstanding, request, response);
    request.resume();
    send(response, INVALID_RESPONSE_MODE);
    this.#answered(outstanding, worded('Runtime.InvalidResponseModeHeader', INVALID_RESPONSE_MODE_MESSAGE), 0);
  }

  fail(requestId: string, request: IncomingMessage, response: ServerResponse): void {
    const outstanding = this.#running(requestId, request, response);
    if (!outstanding || !this.#stepWith('error', request, response)) return;
    readBody(request, API_LIMITS.payloadBytesMax, (body) => {
      if (body.kind === 'whole') {
        send(response, ACCEPTED);
        this.#host.onFirstByte(outstanding);
        const answered: Answered = { kind: 'error', ...errorOf(request, body.bytes) };
        return this.#answered(outstanding, answered, answered.payload.length);
      }
      this.#unfinished(outstanding, body, response);
    });
  }

  initError(request: IncomingMessage, response: ServerResponse): void {
    this.#reportError('init-error', request, response);
  }

  restoreNext(response: ServerResponse): void {
    if (!this.#step('restore-next', response)) return;
    this.#waiting = response;
    this.#host.onReady();
  }

  restoreError(request: IncomingMessage, response: ServerResponse): void {
    this.#reportError('restore-error', request, response);
  }

  #reportError(call: 'init-error' | 'restore-error', request: IncomingMessage, response: ServerResponse): void {
    if (!this.#stepWith(call, request, response)) return;
    readBody(request, API_LIMITS.payloadBytesMax, (body) => {
      if (body.kind !== 'whole') return send(response, body.kind === 'cut' ? TRUNCATED : TOO_LARGE);
      send(response, ACCEPTED);
      const { payload, errorType } = errorOf(request, body.bytes);
      this.#host.onInitError(payload, errorType);
    });
  }

  /** @returns the state that the call was made in; `undefined` when it is out of turn and has been answered */
  #step(call: keyof typeof WANTED, response: ServerResponse): RuntimeState | undefined {
    const before = this.#state;
    const after = stepRuntime(before, call);
    if (after) {
      this.#state = after;
      return before;
    }
    send(response, outOfTurn('InvalidStateTransition', before, WANTED[call], 'runtime'));
    return undefined;
  }

  #stepWith(call: keyof typeof WANTED, request: IncomingMessage, response: ServerResponse): RuntimeState | undefined {
    const state = this.#step(call, response);
    if (!state) request.resume();
    return state;
  }

  #own(call: RuntimeCall): boolean {
    const after = stepRuntime(this.#state, call);
    if (after) this.#state = after;
    return after !== undefined;
  }

  /** The invocation that this answer is for; one to any other, finished or a neighbour's, is refused. */
  #running(requestId: string, request: IncomingMessage, response: ServerResponse): Outstanding | undefined {
    const outstanding = this.#outstanding;
    const delivered = this.#state !== 'Ready' && this.#state !== 'ResponseSent';
    if (outstanding && delivered && outstanding.invocation.requestId === requestId) return outstanding;
    request.resume();
    send(response, INVALID_REQUEST_ID);
    return undefined;
  }

  #deliver(): void {
    if (!this.#outstanding || !this.#waiting || this.#state !== 'Ready') return;
    this.#own('deliver');
    this.#write();
  }

  #restore(): void {
    const response = this.#waiting!;
    this.#waiting = undefined;
    this.#own('restore');
    send(response, RESTORED);
  }

  #write(): void {
    const response = this.#waiting!;
    this.#waiting = undefined;
    const { invocation, deadlineMs, functionArn } = this.#outstanding!;
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

  #buffer(outstanding: Outstanding, request: IncomingMessage, response: ServerResponse): void {
    readBody(request, API_LIMITS.payloadBytesMax, (body) => {
      if (body.kind !== 'whole') return this.#unfinished(outstanding, body, response);
      send(response, ACCEPTED);
      this.#host.onFirstByte(outstanding);
      this.#answered(outstanding, { kind: 'response', payload: body.bytes }, body.bytes.length);
    });
  }

  /** Hands the response on as it comes; the runtime is not read from while the taker is behind. */
  #stream(outstanding: Outstanding, request: IncomingMessage, response: ServerResponse): void {
    const { stream } = outstanding.invocation;
    // Whoever invoked without a stream gets all of it at the end.
    if (!stream) return this.#buffer(outstanding, request, response);
    this.#host.onFirstByte(outstanding);
    stream.start(request.headers['content-type'] ?? 'application/octet-stream');
    let produced = 0;
    request.on('data', (chunk: Buffer) => {
      if (this.#closed) return;
      produced += chunk.length;
      const behind = stream.write(chunk);
      if (!behind) return;
      request.pause();
      void behind.then(
        () => request.resume(),
        () => request.destroy(),
      );
    });
    let over = false;
    const end = (answer: Answer, answered: Answered) => {
      if (over) return;
      over = true;
      if (!response.destroyed) send(response, answer);
      this.#answered(outstanding, answered, produced);
    };
    request.on('end', () => end(ACCEPTED, streamed(request)));
    const cut = () => end(TRUNCATED, worded('Runtime.TruncatedResponse', 'The connection broke within the response'));
    request.on('error', cut);
    request.on('close', cut);
  }

  #unfinished(outstanding: Outstanding, body: Exclude<Body, { kind: 'whole' }>, response: ServerResponse): void {
    if (body.kind === 'cut') {
      return this.#answered(
        outstanding,
        worded('Runtime.TruncatedResponse', 'The connection broke within the response'),
        0,
      );
    }
    send(response, TOO_LARGE);
    const message = `Response payload size (${body.length} bytes) exceeded maximum allowed payload size (${API_LIMITS.payloadBytesMax} bytes).`;
    this.#answered(outstanding, worded('Function.ResponseSizeTooLarge', message), 0);
  }

  #answered(outstanding: Outstanding, answered: Answered, producedBytes: number): void {
    this.#own('sent');
    this.#outstanding = undefined;
    if (this.#closed) return;
    this.#host.onAnswered(outstanding, answered, producedBytes);
  }
}

const INVALID_RESPONSE_MODE_MESSAGE = 'Lambda-Runtime-Function-Response-Mode must be `streaming` where it is given';

function worded(errorType: string, errorMessage: string): Extract<Answered, { kind: 'error' }> {
  return { kind: 'error', errorType, payload: Buffer.from(JSON.stringify({ errorType, errorMessage })) };
}

/** How a streamed response ended: with an error where its trailers say so. */
function streamed({ trailers }: IncomingMessage): Answered {
  const errorType = trailers['lambda-runtime-function-error-type'];
  if (!errorType) return { kind: 'response', payload: Buffer.alloc(0) };
  const body = Buffer.from(trailers['lambda-runtime-function-error-body'] ?? '', 'base64');
  return { kind: 'error', errorType, payload: body.length > 0 ? body : Buffer.from(JSON.stringify({ errorType })) };
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
