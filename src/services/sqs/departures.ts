import { hasCode } from '../../base/index.ts';
import type { Records, Write } from '../../store/index.ts';
import { messageNotFound } from './errors.ts';
import type { Leases } from './leases.ts';
import type { Life } from './life.ts';
import type { Entry, Place } from './message.ts';

export interface DeparturesDependencies {
  readonly records: Records;
  readonly leases: Leases;
  /** Something may be received that could not be before. */
  readonly onAvailable: () => void;
  /** A message that was known stays, since it could not be removed. */
  readonly onStay: (entry: Entry) => void;
}

/**
 * Messages that leave a queue: on disk first, and then in memory.
 *
 * What is being deleted or moved is `leaving`: it is not shown again meanwhile, and stays when the write fails.
 */
export class Departures {
  readonly #dependencies: DeparturesDependencies;

  constructor(dependencies: DeparturesDependencies) {
    this.#dependencies = dependencies;
  }

  /** Deletes messages that are known, whether they are there still or not; durable when it resolves. */
  async delete(life: Life, entries: readonly Entry[]): Promise<void> {
    const { rows, counts } = life;
    const counted = entries.filter(({ leaving }) => !leaving);
    counts.writing(counted, -1);
    const writes = entries.flatMap((entry) => rows.delete(entry));
    for (const entry of entries) this.#depart(entry);
    writes.push(rows.count(counts.stored));
    try {
      await this.#dependencies.records.commit({ writes });
    } catch (error) {
      counts.writing(counted, 1);
      for (const entry of entries) this.#stay(life, entry);
      throw error;
    }
    this.#forgetAll(life, entries, counted.length);
  }

  /**
   * Removes a message, known or not; durable when it resolves.
   *
   * @param more  written in the same transaction
   * @throws message-not-found: it is not there, and nothing was written
   */
  async remove(life: Life, place: Place, more: readonly Write[]): Promise<void> {
    const { rows, counts, ahead } = life;
    const entry = life.known.get(place.sequence);
    const counted = entry?.leaving ? [] : [place];
    counts.writing(counted, -1);
    if (entry) this.#depart(entry);
    else ahead.leave(place);
    const writes = [...rows.delete({ ...place, leased: true }), rows.count(counts.stored), ...more];
    try {
      // Whoever comes second finds it gone: a message is moved once.
      await this.#dependencies.records.commit({ conditions: [rows.isPresent(place)], writes });
    } catch (error) {
      counts.writing(counted, 1);
      if (hasCode(error, 'condition-failed')) {
        this.forget(life, place);
        throw messageNotFound();
      }
      if (entry) this.#stay(life, entry);
      else {
        ahead.stay(place);
        this.#dependencies.onAvailable();
      }
      throw error;
    } finally {
      ahead.left(place);
    }
    this.#forgetAll(life, [place], counted.length);
  }

  /** The message is gone from disk. */
  forget({ known, ahead }: Life, place: Place): void {
    ahead.forget(place);
    const entry = known.get(place.sequence);
    if (!entry) return;
    const wasInFlight = entry.state === 'in-flight';
    known.remove(entry);
    this.#dependencies.leases.forget(entry);
    // A group that it held back may go on.
    if (wasInFlight && known.available) this.#dependencies.onAvailable();
  }

  #forgetAll(life: Life, places: readonly Place[], counted: number): void {
    life.counts.written(-counted);
    for (const place of places) {
      life.ahead.removed(place);
      this.forget(life, place);
    }
  }

  #depart(entry: Entry): void {
    entry.leaving = true;
    this.#dependencies.leases.forget(entry);
  }

  #stay({ known }: Life, entry: Entry): void {
    known.stay(entry);
    this.#dependencies.onStay(entry);
  }
}
