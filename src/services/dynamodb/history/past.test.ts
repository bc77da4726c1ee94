import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Random, SimulatedClock, seededRandom } from '../../../base/index.ts';
import { openEmbeddedRecords, type Records, type Write } from '../../../store/index.ts';
import { itemRowKey } from '../model/key.ts';
import { itemOf } from '../model/stored.ts';
import type { StoredItem } from '../model/table.ts';
import { historySpace, itemsSpace } from '../tables/definition.ts';
import { itemsAt } from './past.ts';
import { stampOf, UndoFollower } from './undo.ts';

const TABLE = 'table';
const HISTORY = { id: 'spell' };
const KEY = { hash: { name: 'h', type: 'S' } } as const;
const DAY_MS = 86_400_000;

/** A table with an undo log, and what a model says that it holds. */
class Table {
  readonly records: Records;
  readonly clock = new SimulatedClock();
  readonly model = new Map<string, string>();
  undo: UndoFollower;
  readonly #random: Random;

  constructor(records: Records, undo: UndoFollower, random: Random) {
    this.records = records;
    this.undo = undo;
    this.#random = random;
  }

  /** Puts or deletes an item of `names`, handing it over in this turn. */
  change(names: number): Promise<unknown> {
    const h = `item-${Math.floor(this.#random.next() * names)}`;
    const item = (v: string): StoredItem => itemOf({ h: { S: h }, v: { S: v } });
    const key = itemRowKey(KEY, { h: { S: h } });
    const before = this.model.get(h);
    const after = this.#random.next() < 0.3 ? undefined : `${this.#random.next()}`;
    const old = before === undefined ? undefined : item(before);
    const now = after === undefined ? undefined : item(after);
    const space = itemsSpace(TABLE);
    const writes: Write[] = [now ? { kind: 'put', space, key, value: now.encoded } : { kind: 'delete', space, key }];
    this.undo.follow({ key, old, new: now, at: this.clock.now(), by: 'caller' }, writes);
    if (after === undefined) this.model.delete(h);
    else this.model.set(h, after);
    return this.records.commit({ writes });
  }

  async at(stamp: number, meanwhile: () => void): Promise<ReadonlyMap<string, string>> {
    const past = {
      items: itemsSpace(TABLE),
      history: historySpace(TABLE, HISTORY),
      stamp,
      latest: () => Math.max(this.undo.last, stampOf(this.clock.now())),
    };
    const found = new Map<string, string>();
    let last: Uint8Array = Buffer.alloc(0);
    for await (const page of itemsAt(this.records, past)) {
      for (const { key, value } of page) {
        assert.ok(Buffer.compare(last, key) < 0, 'items come once, in the order of their rows');
        last = key;
        const { h, v } = JSON.parse(Buffer.from(value.subarray(5)).toString());
        found.set(h.S, v.S);
      }
      meanwhile();
    }
    return found;
  }
}

for (const [names, seed] of [
  [1_500, 1],
  [20, 3],
  [1, 4],
] as const) {
  test(`every moment of ${names} items is read as it was, while they are written (seed ${seed})`, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-past-'));
    try {
      await using records = await openEmbeddedRecords({ directory });
      const table = new Table(records, await UndoFollower.open(records, TABLE, HISTORY), seededRandom(seed));
      const moments: { readonly stamp: number; readonly model: ReadonlyMap<string, string> }[] = [];
      for (let round = 0; round < 8; round++) {
        await Promise.all(Array.from({ length: 700 }, () => table.change(names)));
        await table.clock.advance(round % 3 === 2 ? DAY_MS : 10);
        moments.push({ stamp: table.undo.take(table.clock.now()), model: new Map(table.model) });
        // The first change after the moment is in the same millisecond as often as not.
        await table.clock.advance(round % 2);
      }
      const racing: Promise<unknown>[] = [];
      for (const { stamp, model } of moments) {
        const found = await table.at(stamp, () => {
          for (let at = 0; at < 50; at++) racing.push(table.change(names));
        });
        assert.deepEqual(new Map([...found].sort()), new Map([...model].sort()));
      }
      await Promise.all(racing);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
}

for (const [count, padding] of [
  [6_000, 10],
  [200, 100_000],
] as const) {
  test(`a table of ${count} items of ${padding} bytes, all deleted since, is read in small pages`, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-past-'));
    try {
      await using records = await openEmbeddedRecords({ directory });
      const undo = await UndoFollower.open(records, TABLE, HISTORY);
      const stamp = undo.take(DAY_MS);
      // Over three days, on each of which others are made and deleted again.
      let at = DAY_MS;
      let writes: Write[] = [];
      for (let n = 0; n < count; n++) {
        const old = itemOf({ h: { S: `item-${n}` }, v: { S: 'x'.repeat(padding) } });
        const key = itemRowKey(KEY, old.attributes);
        at += (3 * DAY_MS) / count;
        undo.follow({ key, old, new: undefined, at: Math.floor(at), by: 'caller' }, writes);
        undo.follow({ key, old: undefined, new: old, at: Math.floor(at), by: 'caller' }, writes);
        undo.follow({ key, old, new: undefined, at: Math.floor(at), by: 'caller' }, writes);
        if (n % 100 < 99) continue;
        await records.commit({ writes });
        writes = [];
      }
      const past = { items: itemsSpace(TABLE), history: historySpace(TABLE, HISTORY), stamp, latest: () => undo.last };
      let found = 0;
      let last: Uint8Array = Buffer.alloc(0);
      for await (const page of itemsAt(records, past)) {
        const bytes = page.reduce((sum, { value }) => sum + value.length, 0);
        assert.ok(page.length < 5_000 && bytes < 8 * 1024 * 1024, `a page has ${page.length} items, ${bytes} bytes`);
        for (const { key } of page) assert.ok(Buffer.compare(last, key) < 0);
        last = page.at(-1)?.key ?? last;
        found += page.length;
      }
      assert.equal(found, count);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
}

test('stamps grow over a restart, and though the clock is set back', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-past-'));
  try {
    await using records = await openEmbeddedRecords({ directory });
    const undo = await UndoFollower.open(records, TABLE, HISTORY);
    const writes: Write[] = [];
    undo.follow({ key: Buffer.of(1), old: undefined, new: undefined, at: 5_000, by: 'caller' }, writes);
    undo.follow({ key: Buffer.of(1), old: undefined, new: undefined, at: 4_000, by: 'caller' }, writes);
    await records.commit({ writes });
    const before = undo.last;
    const again = await UndoFollower.open(records, TABLE, HISTORY);
    assert.ok(again.take(1_000) > before);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
