import type { Records, Write } from '../../../store/index.ts';
import type { Chores } from './chores.ts';

/** Names of spaces that nothing refers to any more; they are emptied in the background. */
const SPACE = 'dynamodb/garbage';

/** Rows that one commit takes away: a millisecond or two in which others wait. */
const ROWS_AT_ONCE = 2_000;

/** Marks a space as garbage, in the commit that lets go of it. */
export function discard(space: string): Write {
  return { kind: 'put', space: SPACE, key: Buffer.from(space), value: Buffer.alloc(0) };
}

/** Empties what was discarded. Rows go in small pieces, so that nobody waits for millions of them. */
export class Garbage {
  readonly #records: Records;
  readonly #chores: Chores;

  constructor(records: Records, chores: Chores) {
    this.#records = records;
    this.#chores = chores;
  }

  /** To be called when something was discarded, and once at the start. */
  collect(): void {
    this.#chores.startAgain('collecting garbage', (signal) => this.#collect(signal));
  }

  async #collect(signal: AbortSignal): Promise<void> {
    for (;;) {
      const [first] = await this.#records.range(SPACE, { limit: 1 });
      if (!first || signal.aborted) return;
      const space = Buffer.from(first.key).toString();
      if (!(await emptySpace(this.#records, space, signal))) return;
      await this.#records.dropSpace(space);
      await this.#records.commit({ writes: [{ kind: 'delete', space: SPACE, key: first.key }] });
    }
  }
}

/** @returns false when the signal ended it before */
export async function emptySpace(records: Records, space: string, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    const rows = await records.range(space, { limit: ROWS_AT_ONCE, bytesMax: 4 * 1024 * 1024 });
    if (rows.length === 0) return true;
    const to = Buffer.concat([rows.at(-1)!.key, Buffer.of(0)]);
    await records.commit({ writes: [{ kind: 'deleteRange', space, from: rows[0]!.key, to }] });
  }
  return false;
}
