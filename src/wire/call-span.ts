import type { Clock, Random } from '../base/index.ts';
import { newSpanId, type Spans, type TraceContext } from '../telemetry/index.ts';
import type { CallRequest } from './call.ts';
import { traceOf } from './context.ts';

/** A call that its caller traces. */
export interface CallSpan {
  /** The call's own place in the trace: what it causes has it as its parent. */
  readonly trace: TraceContext;
  ended(error?: unknown): void;
}

/** Begins the span of a call; `undefined` for one whose caller does not trace: that costs a look at two headers. */
export function beginCallSpan(
  request: CallRequest,
  {
    service,
    operation,
    requestId,
  }: { readonly service: string; readonly operation: string; readonly requestId: string },
  { spans, clock, random }: { readonly spans: Spans | undefined; readonly clock: Clock; readonly random: Random },
): CallSpan | undefined {
  const { headers } = request;
  if (!spans || (headers.traceparent === undefined && headers['x-amzn-trace-id'] === undefined)) return undefined;
  const caller = traceOf(request);
  if (!caller?.sampled) return undefined;
  const trace = { ...caller, spanId: newSpanId(random) };
  const startMs = clock.now();
  const monotonic = clock.monotonic();
  return {
    trace,
    ended: (error) =>
      spans.record({
        traceId: trace.traceId,
        spanId: trace.spanId,
        parentSpanId: caller.spanId,
        name: `${service}.${operation}`,
        kind: 'server',
        startMs,
        durationMs: clock.monotonic() - monotonic,
        attributes: {
          'rpc.system': 'aws-api',
          'rpc.service': service,
          'rpc.method': operation,
          'aws.request_id': requestId,
        },
        ...(error === undefined ? {} : { error: nameOf(error) }),
      }),
  };
}

function nameOf(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'Error';
}
