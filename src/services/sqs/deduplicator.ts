import { createHash } from 'node:crypto';
import type { SteadyClock } from '../../base/index.ts';
import type { QueueSettings } from './attributes.ts';
import { SQS_LIMITS } from './limits.ts';
import type { Message, Outgoing, Place, Sent } from './message.ts';

import type { Deduplication } from './rows.ts';

interface Known {
  readonly value: Deduplication;
  /** Settles when the first message is durable; absent when it is. */
  readonly pending?: Promise<void>;
}

interface Fresh {
  readonly place: Place;
  readonly message: Message;
  readonly deduplication?: { readonly key: string; readonly value: Deduplication };
}

/** Messages of one send, parted into those to be stored and those that repeat an earlier one. */
export interface SendGroup {
  readonly fresh: readonly Fresh[];
  /** Answers in the order of the messages, once the fresh ones (and those repeated) are durable. */
  readonly sent: Promise<readonly Sent[]>;
  succeed(): void;
  fail(error: unknown): void;
}

/**
 * Remembers for five minutes what was sent to a FIFO queue under which deduplication id.
 * Memory is bounded by the rate: about 150 B for each message of the last five minutes.
 */
export class Deduplicator {
  readonly #clock: SteadyClock;
  /** In order of expiry, since all live equally long. */
  readonly #known = new Map<string, Known>();

  constructor(clock: SteadyClock) {
    this.#clock = clock;
  }

  load(found: ReadonlyMap<string, Deduplication>): void {
    // What a clock that was ahead has written is not remembered for longer than the interval.
    const latest = this.#clock.now() + SQS_LIMITS.deduplicationMs;
    const clamped = [...found].map(
      ([key, value]) => [key, { ...value, expiresAt: Math.min(value.expiresAt, latest) }] as const,
    );
    clamped.sort(([, a], [, b]) => a.expiresAt - b.expiresAt);
    for (const [key, value] of clamped) this.#known.set(key, { value });
  }

  /** Parts the messages; what is fresh is known from now on, so that a repetition at the same time waits for it. */
  begin(
    outgoing: readonly Outgoing[],
    settings: QueueSettings,
    placeOf: (one: Outgoing) => { readonly place: Place; readonly sequenceNumber?: string },
  ): SendGroup {
    const { promise: durable, resolve, reject } = Promise.withResolvers<void>();
    // Only repetitions listen to it.
    durable.catch(() => {});
    const fresh: Fresh[] = [];
    const answers: (Sent | { readonly sent: Sent; readonly after: Promise<void> })[] = [];
    for (const one of outgoing) {
      const key = settings.fifo ? keyOf(one.message, settings) : undefined;
      const known = key === undefined ? undefined : this.#find(key);
      if (known) {
        const { messageId, sequenceNumber } = known.value;
        answers.push({ sent: { messageId, sequenceNumber }, after: known.pending ?? Promise.resolve() });
        continue;
      }
      const placed = this.#place(one, key, durable, placeOf);
      fresh.push(placed);
      answers.push({ messageId: placed.message.id, ...sequenceNumberIn(placed.message) });
    }
    const keys = fresh.flatMap(({ deduplication }) => (deduplication ? [deduplication.key] : []));
    return {
      fresh,
      get sent() {
        return Promise.all(answers.map(async (one) => ('after' in one ? one.after.then(() => one.sent) : one)));
      },
      succeed: () => {
        for (const key of keys) this.#known.set(key, { value: this.#known.get(key)!.value });
        resolve();
      },
      fail: (error) => {
        for (const key of keys) this.#known.delete(key);
        reject(error);
      },
    };
  }

  /** Forgets what has expired. @returns its keys, for the disk */
  expired(): readonly string[] {
    const now = this.#clock.now();
    const keys: string[] = [];
    for (const [key, { value }] of this.#known) {
      if (value.expiresAt > now) break;
      keys.push(key);
      this.#known.delete(key);
    }
    return keys;
  }

  #find(key: string): Known | undefined {
    const known = this.#known.get(key);
    return known && known.value.expiresAt > this.#clock.now() ? known : undefined;
  }

  #place(
    one: Outgoing,
    key: string | undefined,
    pending: Promise<void>,
    placeOf: (one: Outgoing) => { readonly place: Place; readonly sequenceNumber?: string },
  ): Fresh {
    const { place, sequenceNumber } = placeOf(one);
    if (sequenceNumber === undefined) return { place, message: one.message };
    const message: Message = { ...one.message, sequenceNumber };
    if (key === undefined) return { place, message };
    const expiresAt = this.#clock.now() + SQS_LIMITS.deduplicationMs;
    const value: Deduplication = { messageId: message.id, sequenceNumber, expiresAt };
    // Set anew at the end, so that the map stays in order of expiry.
    this.#known.delete(key);
    this.#known.set(key, { value, pending });
    return { place, message, deduplication: { key, value } };
  }
}

/** Deduplication ids are the queue's, or (high throughput) each message group's own. */
function keyOf({ group, deduplicationId }: Outgoing['message'], { deduplicationScope }: QueueSettings): string {
  return deduplicationScope === 'messageGroup' ? `${group} ${deduplicationId}` : `${deduplicationId}`;
}

/** Deduplication id of a body, for queues with ContentBasedDeduplication: its SHA-256, hex. */
export function contentId(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}

function sequenceNumberIn({ sequenceNumber }: Message): { readonly sequenceNumber?: string } {
  return sequenceNumber === undefined ? {} : { sequenceNumber };
}
