import type { Clock, Timer } from '../../base/index.ts';
import { API_LIMITS } from './limits.ts';
import type { Destination } from './supervisor-link.ts';
import type { SubscriptionRequest } from './telemetry-subscription.ts';

/** Delivers a batch, a JSON list. @returns whether the listener has taken it */
export type Post = (destination: Destination, body: string) => Promise<boolean>;

/**
 * The events of one subscription on their way to its listener: batched by number, bytes and time, one batch on its way at once so
 * that they arrive in order. A listener that is slower than the function loses events, and is told how many.
 */
export class TelemetryFeed {
  readonly #request: SubscriptionRequest;
  readonly #clock: Clock;
  readonly #post: Post;
  #events: string[] = [];
  #bytes = 0;
  #timer: Timer | undefined;
  readonly #batches: (readonly string[])[] = [];
  #sending = false;
  #droppedRecords = 0;
  #droppedBytes = 0;
  #reason = '';
  #onDrained: (() => void) | undefined;
  #stopped = false;

  constructor(request: SubscriptionRequest, clock: Clock, post: Post) {
    this.#request = request;
    this.#clock = clock;
    this.#post = post;
  }

  /** @param event  one event, as JSON */
  push(event: string): void {
    if (this.#stopped) return;
    const { maxItems, maxBytes, timeoutMs } = this.#request;
    const bytes = Buffer.byteLength(event) + 1;
    if (this.#events.length > 0 && this.#bytes + bytes > maxBytes) this.#close();
    if (this.#batches.length >= API_LIMITS.batchesWaiting) {
      return this.#drop(1, bytes, 'the listener does not keep up with the function');
    }
    this.#events.push(event);
    this.#bytes += bytes;
    if (this.#events.length >= maxItems || this.#bytes >= maxBytes) return this.#close();
    this.#timer ??= this.#clock.timer(timeoutMs, () => this.#close());
  }

  /** Sends what is there. @returns a promise of its having been taken, or lost */
  flush(): Promise<void> {
    this.#close();
    if (!this.#sending) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onDrained = resolve;
    });
  }

  /** Nothing goes out any more: what a process writes last comes after it. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#events = [];
    this.#batches.length = 0;
  }

  #close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#droppedRecords > 0 && this.#batches.length < API_LIMITS.batchesWaiting) {
      const record = { reason: this.#reason, droppedRecords: this.#droppedRecords, droppedBytes: this.#droppedBytes };
      const time = new Date(this.#clock.now()).toISOString();
      this.#events.push(JSON.stringify({ time, type: 'platform.logsDropped', record }));
      this.#droppedRecords = 0;
      this.#droppedBytes = 0;
    }
    if (this.#events.length === 0) return;
    this.#batches.push(this.#events);
    this.#events = [];
    this.#bytes = 0;
    void this.#send();
  }

  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    for (let batch = this.#batches[0]; batch; batch = this.#batches[0]) {
      const body = `[${batch.join(',')}]`;
      const taken = await this.#post(this.#request.destination, body);
      this.#batches.shift();
      if (!taken) this.#drop(batch.length, body.length, 'the listener did not take a batch');
    }
    this.#sending = false;
    this.#onDrained?.();
  }

  /** Counted here and told with the next batch: a listener that is gone for good is not asked again and again. */
  #drop(records: number, bytes: number, reason: string): void {
    this.#droppedRecords += records;
    this.#droppedBytes += bytes;
    this.#reason = reason;
  }
}
