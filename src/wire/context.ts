import { onAbort, type Random } from '../base/index.ts';
import type { Caller, CallOrigin, EntryKey, OperationContext, RefusedEntry } from '../services/index.ts';
import { formatXRay, lineageOf, newTrace, parseTraceparent, parseXRay, type TraceContext } from '../telemetry/index.ts';
import type { CallRequest, CallResponse } from './call.ts';
import { originOf } from './origin.ts';

/** The context of one call; what few operations ask for is made when they do. */
export class CallContext implements OperationContext {
  readonly requestId: string;
  readonly region: string;
  readonly caller: Caller;
  readonly refusedEntries: ReadonlyMap<EntryKey, RefusedEntry> | undefined;
  readonly #random: Random;
  readonly #request: CallRequest;
  readonly #response: CallResponse;
  readonly #draining: AbortSignal;
  readonly #authority: string;
  #trace: TraceContext | undefined;
  #signal: AbortSignal | undefined;

  constructor(options: {
    readonly requestId: string;
    readonly region: string;
    readonly caller: Caller;
    readonly authority: string;
    readonly random: Random;
    readonly request: CallRequest;
    readonly response: CallResponse;
    readonly draining: AbortSignal;
    /** Where the call stands in its caller's trace, when it was found out before. */
    readonly trace?: TraceContext | undefined;
    readonly refusedEntries?: ReadonlyMap<EntryKey, RefusedEntry> | undefined;
  }) {
    this.requestId = options.requestId;
    this.region = options.region;
    this.caller = options.caller;
    this.refusedEntries = options.refusedEntries;
    this.#authority = options.authority;
    this.#trace = options.trace;
    this.#random = options.random;
    this.#request = options.request;
    this.#response = options.response;
    this.#draining = options.draining;
  }

  get sourceIp(): string | undefined {
    return this.#request.socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/i, '');
  }

  get origin(): CallOrigin {
    return originOf(this.#request);
  }

  get endpoint(): string {
    return `http://${this.#authority || 'localhost'}`;
  }

  get trace(): TraceContext {
    this.#trace ??= traceOf(this.#request) ?? newTrace(this.#random);
    return this.#trace;
  }

  get lineageHeader(): string | undefined {
    const header = this.#request.headers['x-amzn-trace-id'];
    const trace = typeof header === 'string' ? parseXRay(header) : undefined;
    // Written anew, so that it is as long as it may be.
    return trace?.lineage === undefined ? undefined : formatXRay(trace);
  }

  get signal(): AbortSignal {
    this.#signal ??= this.#makeSignal();
    return this.#signal;
  }

  /** Fires when the response closes before it has ended, for then the client is gone, or when the node drains. */
  #makeSignal(): AbortSignal {
    const controller = new AbortController();
    const response = this.#response;
    if (response.destroyed) controller.abort();
    const forget = onAbort(this.#draining, (reason) => controller.abort(reason));
    response.once('close', () => {
      forget();
      if (!response.writableEnded) controller.abort();
    });
    return controller.signal;
  }
}

/** The trace that a request belongs to, from `traceparent` or `X-Amzn-Trace-Id`. */
export function traceOf({ headers }: Pick<CallRequest, 'headers'>): TraceContext | undefined {
  const { traceparent: w3c, 'x-amzn-trace-id': xray } = headers;
  // AWS's own SDKs send X-Ray's header; where both are there, W3C's is the one that proxies keep current.
  const trace = typeof w3c === 'string' ? parseTraceparent(w3c) : undefined;
  if (typeof xray !== 'string') return trace;
  // Only X-Ray's header tells which functions have run.
  return trace ? { ...trace, ...lineageOf(xray) } : parseXRay(xray);
}
