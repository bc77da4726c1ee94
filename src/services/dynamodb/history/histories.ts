import { type Clock, ClockJumps, messageOf, type Random, type Timer } from '../../../base/index.ts';
import type { Records } from '../../../store/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { Follower } from '../model/follower.ts';
import { type History, historySpace, itemsSpace, type TableDefinition } from '../tables/definition.ts';
import { discard } from '../tables/garbage.ts';
import type { LiveTable } from '../tables/live-table.ts';
import type { TableHistory } from '../tables/ports.ts';
import type { Tables } from '../tables/tables.ts';
import { HISTORY_LIMITS } from './limits.ts';
import { itemsAt, type PastItem } from './past.ts';
import { dayKey, dayOf, noteOf, stampOf, UndoFollower } from './undo.ts';

const DAY_MS = 86_400_000;

/** A moment of a table that somebody reads: its undo records stay until it is let go of. */
export interface Moment {
  readonly stamp: number;
  /** The table at the moment. @param from  goes on at this row key */
  items(from?: Uint8Array): AsyncGenerator<readonly PastItem[]>;
  release(): Promise<void>;
}

export interface HistoriesDependencies {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Whose past is kept, and for how long: while point-in-time recovery is on, or somebody reads a moment. */
export class Histories implements TableHistory, AsyncDisposable {
  readonly #dependencies: HistoriesDependencies;
  readonly #jumps: ClockJumps;
  /** By the id of the spell. */
  readonly #followers = new Map<string, UndoFollower>();
  /** Stamps that are read, by table id. */
  readonly #held = new Map<string, number[]>();
  #tables: Tables | undefined;
  #timer: Timer | undefined;
  #trimming: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(dependencies: HistoriesDependencies) {
    this.#dependencies = dependencies;
    this.#jumps = new ClockJumps(dependencies.clock);
  }

  /** Knows the spells of tables that are there. */
  static async open(dependencies: HistoriesDependencies, definitions: readonly TableDefinition[]): Promise<Histories> {
    const histories = new Histories(dependencies);
    for (const { id, history } of definitions) if (history) await histories.#open(id, history);
    return histories;
  }

  async #open(tableId: string, history: History): Promise<void> {
    this.#followers.set(history.id, await UndoFollower.open(this.#dependencies.records, tableId, history));
  }

  follower({ definition: { history } }: LiveTable): Follower | undefined {
    return history && this.#followers.get(history.id)!;
  }

  isRead({ id }: { readonly id: string }): boolean {
    return (this.#held.get(id)?.length ?? 0) > 0;
  }

  /** Lets go of what nobody reads, now and from time to time. To be called once those who go on reading hold their moments. */
  start(tables: Tables): void {
    this.#tables = tables;
    for (const table of tables.all()) {
      if (table.definition.history)
        tables.chores.start(`ending history of ${table.id}`, () => this.#endUnneeded(table));
    }
    this.#schedule();
  }

  /** Keeps the past of a table from now on, if it is not kept already. */
  async begin(tables: Tables, table: LiveTable): Promise<void> {
    await tables.update(table, async (definition) => {
      if (definition.history) return { definition };
      const history = { id: this.#dependencies.random.bytes(6).toString('hex') };
      await this.#open(table.id, history);
      return { definition: { ...definition, history } };
    });
  }

  /** The moment of the call: a cut between two commits (H2). */
  async now(tables: Tables, table: LiveTable): Promise<Moment> {
    // Before anything else: a past that is kept must not end while this one begins to need it.
    const pending = this.#hold(table, Number.MAX_SAFE_INTEGER);
    try {
      await this.begin(tables, table);
      const stamp = this.#followers.get(table.definition.history!.id)!.take(this.#dependencies.clock.now());
      // Commits take effect in their order: when this one has, what was handed over before the cut is there to be read.
      const { space } = noteOf(table.id, table.definition.history!);
      await this.#dependencies.records.commit({
        writes: [{ kind: 'delete', space, key: Buffer.from('barrier') }],
      });
      return this.at(tables, table, stamp);
    } finally {
      this.#letGo(table, pending);
    }
  }

  /** A moment that lies back. @param stamp  within what is kept */
  at(tables: Tables, table: LiveTable, stamp: number): Moment {
    const { records } = this.#dependencies;
    const history = table.definition.history!;
    const follower = this.#followers.get(history.id)!;
    const held = this.#hold(table, stamp);
    let released = false;
    return {
      stamp,
      items: (from) =>
        itemsAt(
          records,
          {
            items: itemsSpace(table.id),
            history: historySpace(table.id, history),
            stamp,
            latest: () => Math.max(follower.last, stampOf(this.#dependencies.clock.now())),
          },
          from,
        ),
      release: async () => {
        if (!released) this.#letGo(table, held);
        released = true;
        await this.#endUnneededOf(tables, table);
      },
    };
  }

  /** Ends keeping the past of a table that nobody may ask for. */
  async #endUnneeded(table: LiveTable): Promise<void> {
    await this.#endUnneededOf(this.#tables!, table);
  }

  async #endUnneededOf(tables: Tables, table: LiveTable): Promise<void> {
    let ended: History | undefined;
    const update = tables.update(table, (before) => {
      const { history, ...rest } = before;
      if (!history || before.recovery || this.isRead(table)) return { definition: before };
      const beside = [
        discard(historySpace(table.id, history)),
        { kind: 'delete', ...noteOf(table.id, history) } as const,
      ];
      ended = history;
      return { definition: rest, beside };
    });
    try {
      await update;
    } catch (error) {
      // With the table its past is gone too.
      if (!table.isDeleted) throw error;
    }
    if (ended) this.#followers.delete(ended.id);
  }

  /** To be called when point-in-time recovery was switched off. */
  async recoveryEnded(tables: Tables, table: LiveTable): Promise<void> {
    await this.#endUnneededOf(tables, table);
  }

  #hold(table: LiveTable, stamp: number): number {
    const held = this.#held.get(table.id) ?? [];
    this.#held.set(table.id, [...held, stamp]);
    return stamp;
  }

  #letGo(table: LiveTable, stamp: number): void {
    const held = this.#held.get(table.id) ?? [];
    const at = held.indexOf(stamp);
    this.#held.set(
      table.id,
      held.filter((_, index) => index !== at),
    );
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = this.#dependencies.clock.timer(HISTORY_LIMITS.trimIntervalMs, () => {
      this.#trimming = this.trim().finally(() => this.#schedule());
    });
  }

  /** Lets go of whole days that nobody may ask for. */
  async trim(): Promise<void> {
    if (!this.#jumps.isSteady()) return;
    for (const table of this.#tables?.all() ?? []) {
      try {
        await this.#trimTable(table);
      } catch (error) {
        this.#dependencies.logger.warn('dynamodb: a history was not trimmed', {
          table: table.arn,
          cause: messageOf(error),
        });
      }
    }
  }

  async #trimTable(table: LiveTable): Promise<void> {
    const { records, clock } = this.#dependencies;
    const { history, recovery } = table.definition;
    if (!history) return;
    const earliest = Math.min(
      stampOf(clock.now() - (recovery?.days ?? 0) * DAY_MS),
      ...(this.#held.get(table.id) ?? []),
    );
    const space = historySpace(table.id, history);
    const to = dayKey(dayOf(earliest));
    while (!this.#closed) {
      const rows = await records.range(space, { to, limit: HISTORY_LIMITS.trimmedAtOnce, bytesMax: 4 * 1024 * 1024 });
      if (rows.length === 0) return;
      const end = Buffer.concat([rows.at(-1)!.key, Buffer.of(0)]);
      await records.commit({ writes: [{ kind: 'deleteRange', space, from: rows[0]!.key, to: end }] });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#trimming;
  }
}
