import { type Clock, DomainError, messageOf, type Random } from '../base/index.ts';
import { newSpanId, type Spans } from '../telemetry/index.ts';
import type { Delivery, Target } from './delivery.ts';
import type { Row } from './rows.ts';
import { shownArn } from './shown.ts';
import type { Timeline } from './timeline.ts';

/** A kind of target, as it was registered. */
export interface Registered {
  readonly target: Target;
  readonly concurrencyMax: number;
  readonly attemptMsMax: number;
  /** Service or scheme. */
  readonly kind: string;
  /** The edge that all ARNs of the kind share; each has its own unless given. */
  readonly edge?: string;
}

/**
 * Attempts under way. Each ends when the target has answered, when its time is over, or when all are stopped: whatever a
 * target does, nobody waits for it longer.
 */
export class Attempts {
  readonly #clock: Clock;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #spans: Spans | undefined;
  /** Fires when all are stopped. */
  readonly #all = new AbortController();
  readonly #enders = new Set<(reason: unknown) => void>();

  constructor(parts: {
    readonly clock: Clock;
    readonly timeline: Timeline;
    readonly random: Random;
    readonly spans: Spans | undefined;
  }) {
    this.#clock = parts.clock;
    this.#timeline = parts.timeline;
    this.#random = parts.random;
    this.#spans = parts.spans;
  }

  get isStopped(): boolean {
    return this.#all.signal.aborted;
  }

  /** @returns what follows from it; @throws what the target throws, `target-timeout`, or the reason of `stop` */
  run(registered: Registered, row: Row): Promise<readonly Delivery[]> {
    const delivery = { ...row.delivery, id: String(row.sequence) };
    if (!this.#spans || !delivery.trace.sampled) return this.#bounded(registered, delivery, row);
    return this.#traced(registered, delivery, row, this.#spans);
  }

  /** Ends all, now and from now on. */
  stop(reason: unknown): void {
    this.#all.abort(reason);
    for (const end of this.#enders) end(reason);
  }

  #bounded({ target, attemptMsMax }: Registered, delivery: Delivery, row: Row): Promise<readonly Delivery[]> {
    if (this.isStopped) return Promise.reject(this.#all.signal.reason);
    // What durable targets are given is written within moments: they share the signal that ends all.
    const controller = target.durable ? this.#all : new AbortController();
    const { promise, resolve, reject } = Promise.withResolvers<readonly Delivery[]>();
    const end = (reason: unknown) => {
      forget();
      if (controller !== this.#all) controller.abort(reason);
      reject(reason);
    };
    const timer = this.#clock.timer(attemptMsMax, () => end(late(attemptMsMax)));
    const forget = () => {
      timer.cancel();
      this.#enders.delete(end);
    };
    this.#enders.add(end);
    const tried = { sentAt: this.#timeline.wallOf(row.sentAt), uncounted: row.uncounted };
    deliver(target, delivery, row.attempts + 1, controller.signal, tried).then(
      (followers) => {
        forget();
        resolve(followers);
      },
      (error: unknown) => {
        forget();
        reject(error);
      },
    );
    return promise;
  }

  async #traced(registered: Registered, delivery: Delivery, row: Row, spans: Spans): Promise<readonly Delivery[]> {
    const { trace, arn, source } = delivery;
    const spanId = newSpanId(this.#random);
    const startMs = this.#clock.now();
    const start = this.#clock.monotonic();
    let error: string | undefined;
    try {
      return await this.#bounded(registered, { ...delivery, trace: { ...trace, spanId } }, row);
    } catch (caught) {
      error = messageOf(caught);
      throw caught;
    } finally {
      spans.record({
        traceId: trace.traceId,
        spanId,
        parentSpanId: trace.spanId,
        name: `deliver ${registered.kind}`,
        kind: 'client',
        startMs,
        durationMs: this.#clock.monotonic() - start,
        attributes: {
          'millrace.target': shownArn(arn),
          'millrace.source': source,
          'millrace.attempt': row.attempts + 1,
        },
        ...(error !== undefined && { error }),
      });
    }
  }
}

/** A target may throw before it returns a promise. */
async function deliver(target: Target, ...call: Parameters<Target['deliver']>): Promise<readonly Delivery[]> {
  return (await target.deliver(...call)) ?? [];
}

function late(ms: number): DomainError {
  const fields = { unavailable: true };
  return new DomainError('target-timeout', `the target did not answer within ${ms} ms`, { remedy: 'retry', fields });
}
