import { type Clock, hasCode, type Random } from '../base/index.ts';
import { RECORDS_LIMITS, type Records, type Write } from '../store/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { DELIVERY_LIMITS } from './delivery.ts';

interface Waiting {
  readonly writes: readonly Write[];
  readonly sizeBytes: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Writes what came of deliveries: all that waits goes into one transaction, the next begins when it is done.
 *
 * A store that refuses (S3) is asked again and again: what is not noted as delivered is delivered again after a restart,
 * so that giving up would cost the receivers more than waiting. What it never takes, since it is too large, must hold up nobody
 * else, and fails.
 */
export class Settler {
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  #waiting: Waiting[] = [];
  #busy = false;

  constructor(records: Records, clock: Clock, random: Random, logger: Logger, signal: AbortSignal) {
    this.#records = records;
    this.#clock = clock;
    this.#random = random;
    this.#logger = logger;
    this.#signal = signal;
  }

  /**
   * Durable when it resolves, the writes of one call in one transaction.
   * @throws the signal's reason when it fires first, `record-too-large`
   */
  write(writes: readonly Write[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ writes, sizeBytes: sizeOf(writes), resolve, reject });
      if (!this.#busy) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) await this.#commit(this.#group());
    this.#busy = false;
  }

  #group(): readonly Waiting[] {
    let count = 0;
    let size = 0;
    let bytes = 0;
    for (const { writes, sizeBytes } of this.#waiting) {
      size += writes.length;
      bytes += sizeBytes;
      if (count > 0 && (size > RECORDS_LIMITS.writesPerTransactionMax || bytes > DELIVERY_LIMITS.transactionBytesMax))
        break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    for (let failures = 0, rest = group; rest.length > 0; failures++) {
      try {
        await this.#records.commit({ writes: rest.flatMap((one) => one.writes) });
        for (const { resolve } of rest) resolve();
        return;
      } catch (error) {
        if (hasCode(error, 'record-too-large')) return this.#commitApart(rest, error);
        if (failures === 0) this.#logger.error('outbox-not-written', { error, waiting: rest.length });
        // What only deletes makes room: it must not wait for what needs it.
        if (hasCode(error, 'records-full')) rest = await this.#commitDeletes(rest);
      }
      const waitMs = Math.min(10_000, 100 * 2 ** Math.min(failures, 10)) * this.#random.next();
      const stopped = await this.#clock.sleep(waitMs, this.#signal).catch((reason: unknown) => ({ reason }));
      if (!stopped) continue;
      for (const { reject } of rest) reject(stopped.reason);
      return;
    }
  }

  /** One of them is too large, whichever. */
  async #commitApart(group: readonly Waiting[], error: unknown): Promise<void> {
    if (group.length === 1) return group[0]!.reject(error);
    for (const one of group) await this.#commit([one]);
  }

  /** @returns those that are left */
  async #commitDeletes(group: readonly Waiting[]): Promise<readonly Waiting[]> {
    const deleting = group.filter(({ writes }) => writes.every(({ kind }) => kind === 'delete'));
    if (deleting.length === 0) return group;
    try {
      await this.#records.commit({ writes: deleting.flatMap((one) => one.writes) });
    } catch {
      // They are tried again with the others.
      return group;
    }
    for (const { resolve } of deleting) resolve();
    return group.filter((one) => !deleting.includes(one));
  }
}

/** Bytes that a transaction has of them. */
export function sizeOf(writes: readonly Write[]): number {
  let bytes = 0;
  for (const write of writes) if (write.kind === 'put') bytes += write.value.length;
  return bytes;
}
