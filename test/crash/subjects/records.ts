import assert from 'node:assert/strict';
import { hasCode } from '../../../src/base/index.ts';
import { openEmbeddedRecords, RECORDS_LIMITS, type Records } from '../../../src/store/index.ts';
import type { CrashSubject, HistoryEntry } from '../subject.ts';

/** A transaction: what must hold of a key first, and what becomes of some keys. */
interface Step {
  readonly condition?: { readonly key: string; readonly is: 'absent' | 'present' };
  readonly writes: readonly { readonly key: string; readonly bytes: number; readonly kind: 'put' | 'delete' }[];
}

const KEYS = 12;
const SPACE = 'things';
/** Every transaction leaves its id here: what is there was done. */
const MARKERS = 'markers';

/** The embedded records store under transactions with and without conditions, and its change feed. */
export const recordsSubject: CrashSubject<Records, Step> = {
  name: 'records',
  kills: 6,
  simulated: false,
  concurrency: 6,

  async open({ directory }) {
    const records = await openEmbeddedRecords({ directory });
    await records.watchChanges(SPACE);
    return records;
  },

  plan(random) {
    const key = () => `key${Math.floor(random.next() * KEYS)}`;
    const writes = Array.from({ length: 1 + Math.floor(random.next() * 4) }, () => ({
      key: key(),
      // Now and then a value of many pages, so that a kill finds a commit half way.
      bytes: Math.floor(random.next() ** 6 * 200_000),
      kind: random.next() < 0.25 ? ('delete' as const) : ('put' as const),
    }));
    if (random.next() < 0.6) return { writes };
    return { writes, condition: { key: key(), is: random.next() < 0.5 ? 'absent' : 'present' } };
  },

  run(records, { condition, writes }, id) {
    const marker = { kind: 'put', space: MARKERS, key: markerKey(id), value: Buffer.alloc(0) } as const;
    return records.commit({
      conditions: condition ? [{ space: SPACE, key: Buffer.from(condition.key), is: condition.is }] : [],
      writes: [...writes.map((write, index) => toWrite(write, id, index)), marker],
    });
  },

  isRefusal: (error) => hasCode(error, 'condition-failed') || hasCode(error, 'records-full'),

  async verify(records, history) {
    const limit = RECORDS_LIMITS.readRecordsMax;
    const markers = await records.range(MARKERS, { limit });
    const done = new Set(markers.map(({ key }) => Buffer.from(key).readUInt32BE(0)));
    const { state, changes } = replay(history, done);
    const stored = await records.range(SPACE, { limit });
    assert.deepEqual(
      stored.map(({ key, value }) => [Buffer.from(key).toString(), digest(value)]),
      [...state].sort(([a], [b]) => (a < b ? -1 : 1)),
    );
    const feed = await records.changes(SPACE, 0, limit);
    assert.deepEqual(
      feed.map(({ key, value }) => [Buffer.from(key).toString(), value && digest(value)]),
      changes,
    );
    return done;
  },
};

/** What the done steps leave in the order in which they were begun, which is that of their commits. */
function replay(history: readonly HistoryEntry<Step>[], done: ReadonlySet<number>) {
  const state = new Map<string, string>();
  const changes: [string, string | undefined][] = [];
  for (const { id, step, outcome } of [...history].sort((a, b) => a.id - b.id)) {
    const { condition, writes } = step;
    const holds = !condition || state.has(condition.key) === (condition.is === 'present');
    if (outcome === 'acknowledged') assert.ok(done.has(id), `transaction ${id} is lost`);
    if (outcome === 'refused') assert.ok(!done.has(id), `transaction ${id} was refused and is there`);
    if (!done.has(id)) continue;
    assert.ok(holds, `transaction ${id} was done though its condition did not hold`);
    for (const [index, write] of writes.entries()) {
      const value = write.kind === 'put' ? digest(contentOf(write.bytes, id, index)) : undefined;
      if (value === undefined) state.delete(write.key);
      else state.set(write.key, value);
      changes.push([write.key, value]);
    }
  }
  return { state, changes };
}

function toWrite({ key, bytes, kind }: Step['writes'][number], id: number, index: number) {
  const place = { space: SPACE, key: Buffer.from(key) };
  return kind === 'delete' ? { kind, ...place } : { kind, ...place, value: contentOf(bytes, id, index) };
}

function contentOf(bytes: number, id: number, index: number): Buffer {
  const value = Buffer.alloc(8 + bytes, (id * 31 + index) & 0xff);
  value.writeUInt32LE(id, 0);
  value.writeUInt32LE(index, 4);
  return value;
}

/** Short for comparing, and still different when a byte is. */
function digest(value: Uint8Array): string {
  let sum = 0;
  for (const byte of value) sum = (sum * 31 + byte) | 0;
  return `${value.length} bytes, ${sum}`;
}

function markerKey(id: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32BE(id);
  return key;
}
