import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock, seededRandom } from '../base/index.ts';
import type { RecordEntry, Records } from '../store/index.ts';
import { newTrace, silentLogger } from '../telemetry/index.ts';
import { Groups } from './groups.ts';
import * as rows from './rows.ts';
import { Settler } from './settler.ts';

const EDGE = 'arn:aws:sqs:us-east-1:000000000000:q.fifo';
const clock = new SimulatedClock();
const random = seededRandom(1);

function entry(sequence: number, payload: Uint8Array, dueAt = 0): RecordEntry {
  const policy = { attemptsMax: 1, ageMsMax: 1, backoffMsBase: 1, backoffMsMax: 1 };
  const delivery = { arn: EDGE, payload, policy, source: EDGE, orderingGroup: 'g', trace: newTrace(random) };
  const row = { edge: EDGE, sequence, dueAt, sentAt: 0, attempts: 0, uncounted: 0, delivery };
  const [put] = rows.insert(row);
  assert.ok(put?.kind === 'put');
  return { key: put.key, value: put.value, version: 1 } as RecordEntry;
}

/** Groups over a store in memory. */
function groupsOver(stored: RecordEntry[], read: (count: number) => void = () => {}): Groups {
  const records = {
    range: async (_space: string, { limit }: { readonly limit: number }) => {
      const page = stored.slice(0, limit);
      read(page.length);
      return page;
    },
  } as unknown as Records;
  const settler = new Settler(records, clock, random, silentLogger, new AbortController().signal);
  return new Groups(EDGE, { records, settler, clock });
}

test('a turn that comes in whatever moment another ends is not lost', async () => {
  for (let moment = 0; moment < 12; moment++) {
    const stored: RecordEntry[] = [];
    const groups = groupsOver(stored);
    const advanced: number[] = [];
    const advance = async ({ sequence }: rows.Row) => {
      advanced.push(sequence);
      stored.shift();
      return 'done' as const;
    };
    const first = groups.takeTurn('g', advance);
    for (let i = 0; i < moment; i++) await Promise.resolve();
    stored.push(entry(1, Buffer.from('late')));
    await Promise.all([first, groups.takeTurn('g', advance)]);
    assert.deepEqual(advanced, [1], `moment ${moment}`);
  }
});

test("the head's own turn is not lost that comes while an earlier one writes that the head must wait", async () => {
  const dueAt = clock.now() + 1;
  const stored = [entry(1, Buffer.from('head'), dueAt)];
  const advanced: number[] = [];
  const advance = async ({ sequence }: rows.Row) => {
    advanced.push(sequence);
    stored.shift();
    return 'done' as const;
  };
  let own: Promise<unknown> | undefined;
  const records = {
    range: async () => [...stored],
    commit: async () => {
      await clock.advance(1);
      own ??= groups.takeTurn('g', advance);
      return own;
    },
  } as unknown as Records;
  const settler = new Settler(records, clock, random, silentLogger, new AbortController().signal);
  const groups = new Groups(EDGE, { records, settler, clock });
  await groups.takeTurn('g', advance);
  assert.deepEqual(advanced, [1]);
});

test('a group of large rows is read a few at a time, one of small rows by pages', async () => {
  for (const [bytes, most] of [
    [200_000, 4],
    [100, 32],
  ] as const) {
    const stored = Array.from({ length: 100 }, (_, n) => entry(n + 1, Buffer.alloc(bytes)));
    const pages: number[] = [];
    const groups = groupsOver(stored, (count) => pages.push(count));
    await groups.takeTurn('g', async () => {
      stored.shift();
      return 'done';
    });
    assert.equal(stored.length, 0);
    assert.equal(Math.max(...pages), most);
  }
});
