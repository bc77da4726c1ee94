import type { Clock, Random } from '../../base/index.ts';
import type { InvocationResult } from '../../runtime/index.ts';
import { newSpanId, type Spans, type TraceContext } from '../../telemetry/index.ts';
import type { Segments } from './segments.ts';

/** Share of invocations that are traced beyond the first one of each second: X-Ray's default rule. */
const SHARE = 0.05;

/** The end of an invocation that is not traced: the same for all, since most are not. */
const untraced = () => {};

/** What is traced of invocations. */
export interface TracedFunction {
  readonly arn: string;
  readonly name: string;
  readonly version: string;
  /** `Active` begins traces; `PassThrough` follows those that the caller has begun. */
  readonly tracing: 'Active' | 'PassThrough';
}

/** An invocation under way: its own place in the trace, which the function's calls have as their parent. */
export interface InvocationTrace {
  readonly trace: TraceContext;
  ended(result: InvocationResult, requestId: string): void;
}

/** Decides which invocations are traced, and records a span each, with its init and its handler below. */
export class InvocationTracing {
  readonly #spans: Spans | undefined;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #segments: Pick<Segments, 'expect'>;
  #second = 0;

  constructor(options: {
    readonly spans: Spans | undefined;
    readonly clock: Clock;
    readonly random: Random;
    readonly segments: Pick<Segments, 'expect'>;
  }) {
    this.#spans = options.spans;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#segments = options.segments;
  }

  /** Goes into the invocation that `caller` has caused, and `links` besides. */
  begin(traced: TracedFunction, caller: TraceContext, links: readonly TraceContext[] = []): InvocationTrace {
    const sampled = caller.sampled || (caller.undecided === true && traced.tracing === 'Active' && this.#sample());
    if (!sampled) return { trace: caller, ended: untraced };
    const { undecided: _, ...begun } = caller;
    const trace = { ...begun, spanId: newSpanId(this.#random), sampled };
    if (traced.tracing === 'Active') this.#segments.expect(trace.traceId);
    const startedAt = this.#clock.now();
    const monotonic = this.#clock.monotonic();
    return {
      trace,
      ended: (result, requestId) => {
        const tookMs = this.#clock.monotonic() - monotonic;
        // A trace that began here has no span above.
        const above = { parentSpanId: caller.undecided ? undefined : caller.spanId, links };
        this.#record(traced, trace, above, startedAt, tookMs, result, requestId);
      },
    };
  }

  #record(
    { arn, name, version }: TracedFunction,
    { traceId, spanId }: TraceContext,
    { parentSpanId, links }: { readonly parentSpanId: string | undefined; readonly links: readonly TraceContext[] },
    startedAt: number,
    tookMs: number,
    { kind, metering, ...result }: InvocationResult,
    requestId: string,
  ): void {
    if (!this.#spans) return;
    const { initMs, restoreMs, durationMs, start } = metering;
    const failure = kind === 'error' ? { error: 'errorType' in result ? result.errorType : 'Error' } : {};
    this.#spans.record({
      traceId,
      spanId,
      ...(parentSpanId === undefined ? {} : { parentSpanId }),
      ...(links.length === 0 ? {} : { links }),
      name,
      kind: 'server',
      startMs: startedAt,
      durationMs: tookMs,
      attributes: {
        'faas.name': name,
        'faas.version': version,
        'faas.invocation_id': requestId,
        'faas.coldstart': start === 'cold',
        'cloud.resource_id': arn,
        'millrace.start': start,
        'millrace.billed_ms': metering.billedMs,
        'millrace.memory_used_mb': metering.memoryUsedMb,
      },
      ...failure,
    });
    const child = (childName: string, startMs: number, childMs: number) =>
      this.#spans!.record({
        traceId,
        spanId: newSpanId(this.#random),
        parentSpanId: spanId,
        name: childName,
        kind: 'internal',
        startMs,
        durationMs: childMs,
        attributes: {},
        ...failure,
      });
    // What the runtime measures ends with the invocation: the handler last, init before it.
    const handlerAt = startedAt + Math.max(0, tookMs - durationMs);
    if (initMs !== undefined) child('Initialization', handlerAt - initMs, initMs);
    if (restoreMs !== undefined) child('Restore', handlerAt - restoreMs, restoreMs);
    child('Invocation', handlerAt, durationMs);
  }

  #sample(): boolean {
    const second = Math.floor(this.#clock.monotonic() / 1000) + 1;
    if (second === this.#second) return this.#random.next() < SHARE;
    this.#second = second;
    return true;
  }
}
