import { SQS_LIMITS } from './limits.ts';
import type { Entry } from './message.ts';

interface Attempt {
  readonly at: number;
  readonly entries: readonly { readonly entry: Entry; readonly receiveCount: number; readonly visibleAt: number }[];
}

/**
 * Receives of a FIFO queue by their `ReceiveRequestAttemptId`: a client whose answer was lost asks again with the same id
 * within five minutes and gets the same messages and receipts, as long as none of them has changed meanwhile. Bodies are not
 * kept: they are read again.
 */
export class Attempts {
  /** Oldest first. */
  readonly #attempts = new Map<string, Attempt>();

  note(id: string, now: number, entries: readonly Entry[]): void {
    this.#expire(now);
    this.#attempts.delete(id);
    if (this.#attempts.size >= SQS_LIMITS.attemptsMax) this.#attempts.delete(this.#attempts.keys().next().value!);
    const seen = entries.map((entry) => ({ entry, receiveCount: entry.receiveCount, visibleAt: entry.visibleAt }));
    this.#attempts.set(id, { at: now, entries: seen });
  }

  /** The messages that the attempt was answered with; `undefined` when it is a new one or they have changed. */
  find(id: string, now: number): readonly Entry[] | undefined {
    this.#expire(now);
    const attempt = this.#attempts.get(id);
    const isSame = attempt?.entries.every(
      ({ entry, receiveCount, visibleAt }) =>
        entry.state === 'in-flight' &&
        !entry.leaving &&
        entry.receiveCount === receiveCount &&
        entry.visibleAt === visibleAt,
    );
    if (!attempt || !isSame) return undefined;
    return attempt.entries.map(({ entry }) => entry);
  }

  #expire(now: number): void {
    for (const [id, { at }] of this.#attempts) {
      if (now - at < SQS_LIMITS.deduplicationMs) return;
      this.#attempts.delete(id);
    }
  }
}
