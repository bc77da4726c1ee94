import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SimulatedClock, seededRandom } from '../base/index.ts';
import { createMetrics, silentLogger } from '../telemetry/index.ts';
import { expire, expireLeases, judge, judgeLeased, type Work } from './attempt.ts';
import { carry, type Settlement } from './carry.ts';
import { encodeEvent } from './payload.ts';
import type { PollerSettings } from './settings.ts';
import type { InvocationOutcome, LeasedRecord, Reservation, SourceRecord } from './source.ts';
import { Tally } from './tally.ts';

const SETTINGS: PollerSettings = {
  id: 'mapping',
  mappingArn: 'm',
  functionArn: 'f',
  functionName: 'f',
  sourceArn: 's',
  batchSize: 100,
  windowMs: 0,
  lingerMs: 0,
  partialResponses: true,
  eventCounts: false,
};

/** No invocation is abandoned: what it was about would end nowhere. */
const NEVER = new AbortController().signal;

const record = (id: number): LeasedRecord => {
  const body = Buffer.from(String(id));
  const toEvent = () => JSON.stringify(String(id));
  return { id: String(id), orderingKey: '', arrivedAt: id, sizeBytes: body.length, body, toEvent, leasedUntil: 1e15 };
};

/** What an invocation comes to, by what was drawn. */
function outcomeOf(drawn: number, ids: readonly string[]): InvocationOutcome {
  if (drawn < 20) return { kind: 'not-invoked', reason: 'Rate Exceeded.' };
  if (drawn < 45) return { kind: 'function-error', payload: Buffer.from('{}'), errorType: 'Error' };
  const items = drawn < 70 ? [{ itemIdentifier: ids[drawn % ids.length] }] : [];
  return { kind: 'success', payload: Buffer.from(JSON.stringify({ batchItemFailures: items })) };
}

/** Carries a batch with drawn outcomes. @returns where its records ended, and in which order they were invoked */
async function carried(port: 'stream' | 'queue', count: number, draws: readonly number[], bisect: boolean) {
  const clock = new SimulatedClock(1_000_000);
  const ends = { done: [] as string[], givenUp: [] as string[], left: [] as string[] };
  const invoked: string[][] = [];
  let draw = 0;
  let held = 0;
  let heldMax = 0;
  const reserve = async (): Promise<Reservation> => {
    heldMax = Math.max(heldMax, ++held);
    return {
      invoke: async (payload) => {
        const ids = (JSON.parse(Buffer.from(payload).toString()) as { Records: string[] }).Records;
        invoked.push(ids);
        // Once the draws are over the function works.
        return outcomeOf(draws[draw++] ?? 99, ids);
      },
      [Symbol.dispose]: () => void held--,
    };
  };
  const note = (to: string[], records: readonly SourceRecord[]) => to.push(...records.map(({ id }) => id));
  const rules = { bisectOnError: bisect, retriesMax: 2, partialResponses: true };
  const stop = new AbortController();
  const settlement: Settlement = {
    expiry: port === 'stream' ? 'RecordAgeExceeded' : 'ReturnedToQueue',
    expire: (work: Work, now) =>
      port === 'stream' ? expire(work, now, Number.POSITIVE_INFINITY) : expireLeases(work, now, new Set()),
    encode: (records) => encodeEvent(records.map((one) => one.toEvent())),
    judge: (work, outcome, jitter) =>
      port === 'stream' ? judge(work, outcome, rules, jitter) : judgeLeased(work, outcome, true, jitter),
    done: (records) => void note(ends.done, records),
    giveUp: (work) => void note(ends.givenUp, work.records),
    retrying: () => {},
    leave: (records) => void note(ends.left, records),
  };
  const records = Array.from({ length: count }, (_, id) => record(id));
  const carriage = {
    settings: SETTINGS,
    invoker: { exists: () => true, timeoutMs: () => 1, reserve },
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    tally: new Tally(createMetrics(), SETTINGS),
    report: () => {},
  };
  const batch = { records, payload: settlement.encode(records) };
  let over = false;
  const carrying = carry(batch, await reserve(), settlement, carriage, stop.signal, NEVER)
    .catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    })
    .finally(() => {
      over = true;
    });
  const stopAfter = draws[0] === 7 ? draws.length : Number.POSITIVE_INFINITY;
  while (!over) {
    if (invoked.length >= stopAfter) stop.abort(new DOMException('stopped', 'AbortError'));
    await clock.advance(60_000);
  }
  await carrying;
  return { ends, invoked, held, heldMax };
}

test('every record of a batch ends once, in order, and no environment is held when it has', async () => {
  const draws = fc.array(fc.integer({ min: 0, max: 99 }), { maxLength: 12 });
  const port = fc.constantFrom('stream' as const, 'queue' as const);
  await fc.assert(
    fc.asyncProperty(port, fc.integer({ min: 1, max: 9 }), draws, fc.boolean(), async (of, count, drawn, bisect) => {
      const { ends, invoked, held, heldMax } = await carried(of, count, drawn, bisect);
      const all = [...ends.done, ...ends.givenUp, ...ends.left].map(Number).toSorted((a, b) => a - b);
      assert.deepEqual(
        all,
        Array.from({ length: count }, (_, id) => id),
      );
      assert.deepEqual([held, heldMax], [0, 1]);
      if (of === 'queue') return;
      const firsts = [...new Set(invoked.flat())].map(Number);
      assert.deepEqual(
        firsts,
        firsts.toSorted((a, b) => a - b),
        'records reach the function in order',
      );
    }),
    { numRuns: 150 },
  );
});

test('messages whose lease ends while an environment is waited for are not handed over', async () => {
  const clock = new SimulatedClock();
  const invoked: string[] = [];
  const givenUp: string[] = [];
  let outcome: InvocationOutcome = { kind: 'not-invoked', reason: 'Rate Exceeded.' };
  const reservation: Reservation = {
    invoke: async (payload) => {
      invoked.push(Buffer.from(payload).toString());
      return outcome;
    },
    [Symbol.dispose]: () => {},
  };
  // All environments are busy for a minute.
  const reserve = async () => {
    outcome = { kind: 'success', payload: Buffer.from('') };
    await clock.sleep(60_000);
    return reservation;
  };
  const unused = () => assert.fail('nothing else happens');
  const settlement: Settlement = {
    expiry: 'ReturnedToQueue',
    expire: (work) => expireLeases(work, clock.monotonic(), new Set()),
    encode: (records) => encodeEvent(records.map((one) => one.toEvent())),
    judge: (work, of, jitter) => judgeLeased(work, of, true, jitter),
    done: unused,
    giveUp: ({ records }) => void givenUp.push(...records.map(({ id }) => id)),
    retrying: () => {},
    leave: unused,
  };
  const carriage = {
    settings: SETTINGS,
    invoker: { exists: () => true, timeoutMs: () => 1, reserve },
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    tally: new Tally(createMetrics(), SETTINGS),
    report: () => {},
  };
  const records = [{ ...record(1), leasedUntil: clock.monotonic() + 30_000 }];
  const carrying = carry(
    { records, payload: settlement.encode(records) },
    reservation,
    settlement,
    carriage,
    NEVER,
    NEVER,
  );
  await clock.advance(120_000);
  await carrying;
  assert.deepEqual([invoked.length, givenUp], [1, ['1']]);
});
