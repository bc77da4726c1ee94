import type { TraceContext } from './trace.ts';

/** One piece of work within a trace. */
export interface Span {
  /** 32 and 16 lower-case hex digits. */
  readonly traceId: string;
  readonly spanId: string;
  /** Absent where the trace begins. */
  readonly parentSpanId?: string;
  /** Spans of other traces that have caused it too: those of a batch have many causes and one parent. */
  readonly links?: readonly Pick<TraceContext, 'traceId' | 'spanId'>[];
  readonly name: string;
  readonly kind: 'server' | 'client' | 'internal';
  /** Epoch milliseconds, with fractions. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** Why it failed; absent for one that did not. */
  readonly error?: string;
}

/** Where the spans of sampled traces go: never blocks, never throws. */
export interface Spans {
  record(span: Span): void;
  /** The last ones, oldest first. */
  recent(): readonly Span[];
  /** Receives every span from now on; returns the way to stop. */
  onSpan(listener: (span: Span) => void): () => void;
}

/** Numbers of the spans (S5). */
export const SPAN_LIMITS = {
  /** Spans that a node remembers. */
  keptMax: 4_096,
  /** Spans that wait for the collector; new ones are dropped beyond it, and counted. */
  waitingMax: 8_192,
  /** Spans of one request to the collector. */
  perRequestMax: 512,
  /** How often waiting spans are sent. */
  everyMs: 2_000,
  /** Time for the collector to answer. */
  answerMsMax: 10_000,
} as const;

/** Makes an empty sink; a node has one. */
export function createSpans(): Spans {
  const kept: Span[] = [];
  const listeners = new Set<(span: Span) => void>();
  let next = 0;
  return {
    record: (span) => {
      kept[next++ % SPAN_LIMITS.keptMax] = span;
      for (const listener of listeners) listener(span);
    },
    recent: () => {
      const oldest = next % SPAN_LIMITS.keptMax;
      return next <= SPAN_LIMITS.keptMax ? [...kept] : [...kept.slice(oldest), ...kept.slice(0, oldest)];
    },
    onSpan: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
