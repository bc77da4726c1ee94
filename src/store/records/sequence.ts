import { DomainError } from '../../base/index.ts';
import type { Records } from './records.ts';

/** Numbers taken in advance; a crash leaves what is left of them unused. */
const BLOCK = 10_000_000;

/**
 * Numbers that grow and are never given twice, across restarts and whatever the clock does: for keys in order of arrival.
 *
 * Blocks are reserved durably ahead of use, so that taking a number is synchronous and free.
 */
export class Sequence {
  readonly #records: Records;
  readonly #space: string;
  #next: number;
  #reserved: number;
  #reserving: Promise<void> | undefined;
  /** Why no more numbers were reserved the last time. */
  #failure: unknown = new DomainError('records-busy', 'more numbers are about to be reserved', { remedy: 'retry' });

  private constructor(records: Records, space: string, reserved: number) {
    this.#records = records;
    this.#space = space;
    this.#next = reserved;
    this.#reserved = reserved;
  }

  /** @param space  holds the sequence alone; one process opens it */
  static async open(records: Records, space: string): Promise<Sequence> {
    const found = await records.get(space, KEY);
    const sequence = new Sequence(records, space, found ? Number(Buffer.from(found.value).toString()) : 1);
    await sequence.#reserve();
    return sequence;
  }

  /**
   * The next number: 1 or more, whole, below 2^53.
   * @throws DomainError  those of the records store, once it has taken no writes for half a block of numbers: a full disk, maybe
   */
  take(): number {
    if (this.#reserved - this.#next < BLOCK / 2) this.#reserving ??= this.#reserveAhead();
    if (this.#next >= this.#reserved) throw this.#failure;
    return this.#next++;
  }

  /** A failure is no news to anyone yet: the next number taken tries again, and half a block is left for that. */
  async #reserveAhead(): Promise<void> {
    try {
      await this.#reserve();
    } catch (error) {
      this.#failure = error;
    }
    this.#reserving = undefined;
  }

  async #reserve(): Promise<void> {
    const reserved = this.#reserved + BLOCK;
    const value = Buffer.from(String(reserved));
    await this.#records.commit({ writes: [{ kind: 'put', space: this.#space, key: KEY, value }] });
    this.#reserved = reserved;
  }
}

const KEY = Buffer.from('reserved');
