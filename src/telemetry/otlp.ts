import { type Clock, messageOf, type Timer } from '../base/index.ts';
import type { Logger } from './logger.ts';
import type { Counter, Metrics } from './metrics.ts';
import { SPAN_LIMITS, type Span, type Spans } from './spans.ts';

export interface OtlpOptions {
  readonly spans: Spans;
  /** Base of the collector: `http://127.0.0.1:4318`; spans go to `/v1/traces` below it. */
  readonly endpoint: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Sends spans to an OpenTelemetry collector over HTTP as JSON. What a collector does not take is tried once more with the next
 * ones, then dropped and counted: the platform's work never waits for its traces.
 *
 * @see OpenTelemetry Protocol specification 1.5, "OTLP/HTTP"
 */
export class OtlpExporter implements AsyncDisposable {
  readonly #options: OtlpOptions;
  readonly #url: string;
  readonly #sent: Counter;
  readonly #dropped: Counter;
  readonly #stop: () => void;
  #waiting: Span[] = [];
  /** Those that were tried once. */
  #failed: readonly Span[] = [];
  #timer: Timer | undefined;
  #sending: Promise<void> | undefined;
  #closed = false;
  #refused = false;

  constructor(options: OtlpOptions) {
    const { spans, endpoint, metrics } = options;
    this.#options = options;
    this.#url = `${endpoint.replace(/\/$/, '')}/v1/traces`;
    this.#sent = metrics.counter('millrace_spans_sent_total', 'Spans that the collector has taken');
    this.#dropped = metrics.counter('millrace_spans_dropped_total', 'Spans that no collector has taken');
    this.#stop = spans.onSpan((span) => this.#take(span));
  }

  /** Sends what waits, once, and stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stop();
    this.#timer?.cancel();
    await this.#sending;
    await this.#send();
    this.#dropped.add(this.#failed.length);
  }

  #take(span: Span): void {
    if (this.#waiting.length >= SPAN_LIMITS.waitingMax) return this.#dropped.add();
    this.#waiting.push(span);
    this.#later();
  }

  #later(): void {
    if (this.#closed) return;
    this.#timer ??= this.#options.clock.timer(SPAN_LIMITS.everyMs, () => {
      this.#timer = undefined;
      this.#sending ??= this.#send().finally(() => {
        this.#sending = undefined;
        if (this.#waiting.length > 0 || this.#failed.length > 0) this.#later();
      });
    });
  }

  async #send(): Promise<void> {
    const again = this.#failed;
    const fresh = this.#waiting;
    this.#failed = [];
    this.#waiting = [];
    const lost = await this.#sendAll(again);
    this.#dropped.add(lost.length);
    this.#failed = await this.#sendAll(fresh);
  }

  /** @returns the spans that were not taken */
  async #sendAll(spans: readonly Span[]): Promise<readonly Span[]> {
    for (let at = 0; at < spans.length; at += SPAN_LIMITS.perRequestMax) {
      const part = spans.slice(at, at + SPAN_LIMITS.perRequestMax);
      if (!(await this.#post(part))) return spans.slice(at);
      this.#sent.add(part.length);
    }
    return [];
  }

  async #post(spans: readonly Span[]): Promise<boolean> {
    const { clock, logger } = this.#options;
    const late = new AbortController();
    const timer = clock.timer(SPAN_LIMITS.answerMsMax, () => late.abort());
    try {
      const answer = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(otlpDocument(spans)),
        signal: late.signal,
      });
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`the collector answers ${answer.status}`);
      this.#refused = false;
      return true;
    } catch (error) {
      if (!this.#refused) logger.warn('spans-not-sent', { url: this.#url, reason: messageOf(error) });
      this.#refused = true;
      return false;
    } finally {
      timer.cancel();
    }
  }
}

const KINDS = { internal: 1, server: 2, client: 3 } as const;
/** `STATUS_CODE_ERROR` */
const ERROR = 2;

/** `ExportTraceServiceRequest` in the JSON encoding of OTLP. */
export function otlpDocument(spans: readonly Span[]): object {
  const resource = { attributes: [attribute('service.name', 'millrace')] };
  return { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'millrace' }, spans: spans.map(otlpSpan) }] }] };
}

function otlpSpan(span: Span): object {
  const { traceId, spanId, parentSpanId, name, kind, startMs, durationMs, attributes, links, error } = span;
  return {
    traceId,
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name,
    kind: KINDS[kind],
    startTimeUnixNano: nanos(startMs),
    endTimeUnixNano: nanos(startMs + durationMs),
    attributes: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
    ...(links && { links: links.map((link) => ({ traceId: link.traceId, spanId: link.spanId })) }),
    status: error === undefined ? {} : { code: ERROR, message: error },
  };
}

function attribute(key: string, value: string | number | boolean): object {
  if (typeof value === 'string') return { key, value: { stringValue: value } };
  if (typeof value === 'boolean') return { key, value: { boolValue: value } };
  // A collector refuses all of a request in which one integer has more than 64 bits.
  return { key, value: Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value } };
}

/** Milliseconds since the epoch have more digits with nanoseconds than a number holds. */
function nanos(ms: number): string {
  const whole = Math.floor(ms);
  return String(BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1_000_000)));
}
