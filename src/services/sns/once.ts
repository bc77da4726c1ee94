import type { Clock } from '../../base/index.ts';
import { decodeKey, encodeKey } from '../../codec/index.ts';
import type { Records, Write } from '../../store/index.ts';
import { SNS_LIMITS } from './model.ts';

/**
 * What FIFO topics were told already: deduplication ids of the last five minutes, on disk.
 *
 * | space          | key                                | value            |
 * |----------------|------------------------------------|------------------|
 * | `sns/once`     | topic ARN, scope, deduplication id | when it ends, ms |
 * | `sns/once-due` | when it ends, and the key above    | nothing          |
 *
 * An id is noted after its message is durable in the outbox and before it is answered for: a crash in between leaves a message
 * without an answer, and whoever sends it again is stopped by the outbox's own keys, subscription by subscription.
 */
export class Once {
  readonly #records: Records;
  readonly #clock: Clock;
  /** Messages under way, by id: one that repeats another waits for it. */
  readonly #running = new Map<string, Promise<void>>();

  constructor(records: Records, clock: Clock) {
    this.#records = records;
    this.#clock = clock;
  }

  /**
   * Publishes unless the id was used within its scope: then the first message stands for this one.
   * @param scope  the message group, or empty for the whole topic
   * @throws what `publish` throws: then the id is free again
   */
  async run(topicArn: string, scope: string, id: string, publish: () => Promise<void>): Promise<void> {
    const parts = [topicArn, scope, id] as const;
    const name = JSON.stringify(parts);
    const running = this.#running.get(name);
    if (running !== undefined) return running;
    const work = this.#publishOnce(parts, publish).finally(() => this.#running.delete(name));
    this.#running.set(name, work);
    return work;
  }

  async #publishOnce(parts: readonly [string, string, string], publish: () => Promise<void>): Promise<void> {
    const key = encodeKey([...parts]);
    const found = await this.#records.get(SPACES.once, key);
    if (found && this.#lasts(endOf(found.value))) return;
    await publish();
    const endsAt = this.#clock.now() + SNS_LIMITS.deduplicationMs;
    await this.#records.commit({
      writes: [
        { kind: 'put', space: SPACES.once, key, value: Buffer.from(String(endsAt)) },
        { kind: 'put', space: SPACES.due, key: encodeKey([endsAt, ...parts]), value: NOTHING },
      ],
    });
  }

  /** Forgets ids whose time is over; one that was used again since has a later end. */
  async sweep(): Promise<void> {
    const now = this.#clock.now();
    await this.#sweep({ to: encodeKey([now]) });
    await this.#sweep({ from: encodeKey([now + SNS_LIMITS.deduplicationMs + SWEPT_AHEAD_MS]) });
  }

  /** An end further away than any that is set now was noted by a clock that was ahead: it must not hold the id until then. */
  #lasts(endsAt: number): boolean {
    const leftMs = endsAt - this.#clock.now();
    return leftMs > 0 && leftMs <= SNS_LIMITS.deduplicationMs;
  }

  async #sweep(range: { readonly from?: Uint8Array; readonly to?: Uint8Array }): Promise<void> {
    for (;;) {
      const page = await this.#records.range(SPACES.due, { ...range, limit: SWEEP_PAGE });
      if (page.length === 0) return;
      const writes: Write[] = [];
      for (const { key } of page) writes.push(...(await this.#forget(key)));
      await this.#records.commit({ writes });
    }
  }

  async #forget(dueKey: Uint8Array): Promise<Write[]> {
    const [endsAt, ...parts] = decodeKey(dueKey) as [number, string, string, string];
    const key = encodeKey(parts);
    const found = await this.#records.get(SPACES.once, key);
    const due: Write = { kind: 'delete', space: SPACES.due, key: dueKey };
    const current = found !== undefined && endOf(found.value) === endsAt;
    return current ? [due, { kind: 'delete', space: SPACES.once, key }] : [due];
  }
}

const SPACES = { once: 'sns/once', due: 'sns/once-due' } as const;
const SWEEP_PAGE = 1000;
/** A clock that goes back a little while ids are noted leaves them to their end. */
const SWEPT_AHEAD_MS = 60_000;
const NOTHING = new Uint8Array(0);

function endOf(value: Uint8Array): number {
  return Number(Buffer.from(value).toString());
}
