import type { Clock } from '../../base/index.ts';
import { readSegments, type Segment } from '../../codec/xray/index.ts';
import type { Counter, Logger, Metrics, Spans } from '../../telemetry/index.ts';

/** Numbers of the segments that functions send (S5). */
export const TRACED_LIMITS = {
  /** Traces whose segments are taken: those of the last sampled invocations of traced functions. */
  tracesMax: 10_000,
  /** How long after its invocation has begun a trace takes segments: the longest timeout, and some. */
  tracesMs: 1_200_000,
  /** How far a segment may lie ahead of the node's time. */
  aheadMs: 60_000,
} as const;

export interface SegmentsOptions {
  readonly spans: Spans | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * X-Ray's daemon for functions: what their SDKs send becomes spans of the trace that their invocation belongs to. A function can add
 * to the traces of invocations that have just run, and to no others: what it sends is not to be believed.
 */
export class Segments {
  readonly #options: SegmentsOptions;
  /** When their last invocation began, by trace id; oldest first. */
  readonly #traces = new Map<string, number>();
  readonly #taken: Counter;
  readonly #invalid: Counter;
  readonly #unknown: Counter;

  constructor(options: SegmentsOptions) {
    this.#options = options;
    const { metrics } = options;
    const dropped = (reason: string) =>
      metrics.counter('millrace_segments_dropped_total', 'X-Ray segments that were not taken', { reason });
    this.#taken = metrics.counter('millrace_segments_total', 'X-Ray segments that functions have sent');
    this.#invalid = dropped('invalid');
    this.#unknown = dropped('unknown-trace');
  }

  /** A traced function begins a sampled invocation: its segments will be taken. */
  expect(traceId: string): void {
    if (!this.#options.spans) return;
    this.#traces.delete(traceId);
    this.#traces.set(traceId, this.#options.clock.now());
    if (this.#traces.size > TRACED_LIMITS.tracesMax) this.#traces.delete(this.#traces.keys().next().value!);
  }

  /** Takes one datagram. Never throws. */
  take(datagram: Uint8Array): void {
    const reading = readSegments(datagram);
    if (reading.kind === 'invalid') {
      this.#invalid.add();
      this.#options.logger.debug('segment refused', { reason: reading.reason });
      return;
    }
    for (const segment of reading.segments) this.#record(segment);
  }

  #record({ traceId, id, parentId, kind, error, ...rest }: Segment): void {
    const now = this.#options.clock.now();
    const began = this.#traces.get(traceId);
    const { startMs, durationMs } = rest;
    const { tracesMs, aheadMs } = TRACED_LIMITS;
    const isExpected = began !== undefined && now - began <= tracesMs;
    if (!isExpected || startMs < began - tracesMs || startMs + durationMs > now + aheadMs) return this.#unknown.add();
    this.#taken.add();
    this.#options.spans!.record({
      traceId,
      spanId: id,
      ...(parentId === undefined ? {} : { parentSpanId: parentId }),
      kind: kind === 'segment' ? 'server' : kind === 'call' ? 'client' : 'internal',
      ...rest,
      ...(error === undefined ? {} : { error }),
    });
  }
}
