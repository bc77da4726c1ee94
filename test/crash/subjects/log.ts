import assert from 'node:assert/strict';
import { hasCode, seededRandom } from '../../../src/base/index.ts';
import { EmbeddedLog, type Log, type LogRecord } from '../../../src/store/index.ts';
import type { CrashSubject, HistoryEntry } from '../subject.ts';

type Step =
  | { readonly kind: 'append'; readonly partition: string; readonly count: number; readonly bytes: number }
  | { readonly kind: 'trim'; readonly partition: string; readonly before: number };

const PARTITIONS = ['busy', 'calm', 'rare'];
const HEAD_BYTES = 12;

/** Sizes small enough that segments roll, memory is too short and old segments are rewritten within a few dozen steps. */
const SIZES = {
  segmentBytes: 8 * 1024,
  chunkBytes: 1024,
  tailBytes: 4 * 1024,
  slabBytes: 1024,
  chunksCached: 2,
  filesIdle: 1,
};

/** The embedded log under appends of mixed size and trims. */
export const logSubject: CrashSubject<Log, Step> = {
  name: 'log',
  kills: 5,
  simulated: true,
  concurrency: 6,

  async open({ directory, files }) {
    const log = await EmbeddedLog.open({ directory, ...SIZES, ...(files && { files }), random: seededRandom(1) });
    for (const partition of PARTITIONS) await log.createPartition(partition);
    return log;
  },

  plan(random, id) {
    const pick = random.next();
    const partition = PARTITIONS[pick < 0.7 ? 0 : pick < 0.95 ? 1 : 2]!;
    if (random.next() < 0.1) return { kind: 'trim', partition, before: Math.floor(random.next() * id * 1.5) };
    const count = 1 + Math.floor(random.next() ** 3 * 12);
    return { kind: 'append', partition, count, bytes: HEAD_BYTES + Math.floor(random.next() ** 4 * 2_000) };
  },

  run(log, step, id) {
    if (step.kind === 'trim') return log.trim(step.partition, step.before);
    return log.append(step.partition, recordsOf(id, step));
  },

  isRefusal: (error) => hasCode(error, 'log-full'),

  async verify(log, history) {
    const done = new Set<number>();
    for (const partition of PARTITIONS) {
      for (const id of await verifyPartition(log, partition, history)) done.add(id);
    }
    // A trim has no trace of its own: its bounds are checked with each partition.
    for (const { id, step } of history) if (step.kind === 'trim') done.add(id);
    return done;
  },
};

/** @returns ids of the appends that are there */
async function verifyPartition(
  log: Log,
  partition: string,
  history: readonly HistoryEntry<Step>[],
): Promise<Set<number>> {
  const mine = history.filter(({ step }) => step.partition === partition);
  const { first, next } = log.state(partition);
  const records = await readAll(log, partition, first, next);
  const trims = mine.flatMap(({ step }) => (step.kind === 'trim' ? [step.before] : []));
  assert.ok(first <= Math.max(0, ...trims), `${partition} begins at ${first}, which nobody asked for`);
  const found = verifyRecords(records, new Map(mine.map((entry) => [entry.id, entry])), first);
  const oldest = Math.min(...found);
  for (const { id, step, outcome } of mine) {
    if (step.kind !== 'append') continue;
    // What is older than the oldest one left was trimmed; with nothing left, all of it was.
    const trimmed = first > 0 && (found.size === 0 || id < oldest);
    if (outcome === 'acknowledged') assert.ok(found.has(id) || trimmed, `${partition} lost append ${id}`);
    if (outcome === 'refused') assert.ok(!found.has(id), `${partition} has the refused append ${id}`);
  }
  return found;
}

async function readAll(log: Log, partition: string, first: number, next: number): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (let from = first; from < next; from = records.at(-1)!.offset + 1) {
    const read = await log.read(partition, from, 1 + (from % 17), 4_000);
    assert.ok(read.length > 0, `${partition} ends at ${from} instead of ${next}`);
    records.push(...read);
  }
  return records;
}

/** Checks bytes, order and wholeness. */
function verifyRecords(
  records: readonly LogRecord[],
  history: ReadonlyMap<number, HistoryEntry<Step>>,
  first: number,
): Set<number> {
  const found = new Set<number>();
  let last = -1;
  for (let at = 0; at < records.length; ) {
    const { id, index, count } = readHead(records[at]!);
    assert.ok(id > last, `append ${id} stands after ${last}`);
    // Only the oldest one may lack its head, to a trim.
    assert.ok(index === 0 || (at === 0 && first > 0), `append ${id} begins with its record ${index}`);
    const entry = history.get(id);
    assert.ok(entry?.step.kind === 'append', `there never was an append ${id}`);
    const expected = recordsOf(id, entry.step).slice(index);
    for (const [i, { payload, timestamp }] of expected.entries()) {
      const record = records[at + i];
      assert.ok(record, `append ${id} has ${i} of its ${count - index} records`);
      assert.equal(record.offset, first + at + i);
      assert.equal(record.timestamp, timestamp);
      assert.ok(Buffer.compare(record.payload, payload) === 0, `record ${index + i} of append ${id} has other bytes`);
    }
    at += expected.length;
    found.add(id);
    last = id;
  }
  return found;
}

function recordsOf(id: number, { count, bytes }: Extract<Step, { kind: 'append' }>) {
  return Array.from({ length: count }, (_, index) => {
    const payload = Buffer.alloc(bytes, (id * 31 + index) & 0xff);
    payload.writeUInt32LE(id, 0);
    payload.writeUInt32LE(index, 4);
    payload.writeUInt32LE(count, 8);
    return { timestamp: 1_000 + id, payload };
  });
}

function readHead({ payload }: LogRecord): { id: number; index: number; count: number } {
  const bytes = payload as Buffer;
  return { id: bytes.readUInt32LE(0), index: bytes.readUInt32LE(4), count: bytes.readUInt32LE(8) };
}
