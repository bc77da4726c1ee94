import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DomainError, SimulatedClock, seededRandom, type Timer } from '../../src/base/index.ts';
import { keyRange } from '../../src/codec/index.ts';
import { DELIVERY_LIMITS, type Delivery, openDelivery, type Target } from '../../src/delivery/index.ts';
import { openEmbeddedRecords, type Records } from '../../src/store/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { advanceUntil, eventually, gate } from '../pollers/fakes.ts';
import { delivery, openHouse, POLICY } from './support.ts';

const arnOf = (name: string) => `arn:aws:fake:us-east-1:000000000000:${name}`;
const [SLOW, QUICK] = [arnOf('slow'), arnOf('quick')];
const HOUR = 3_600_000;

const down = () => new DomainError('away', 'connection refused', { remedy: 'retry', fields: { unavailable: true } });

const text = ({ payload }: Delivery) => Buffer.from(payload).toString();

/** A wall clock that is set while the monotonic one goes on. */
class SetClock extends SimulatedClock {
  offset = 0;
  override now(): number {
    return super.now() + this.offset;
  }
}

test('a target that accepts and hangs is left after its time, delays no other, and is only probed then', async () => {
  const clock = new SimulatedClock();
  let hanging = 0;
  const quick: string[] = [];
  const fake: Target = {
    deliver: (one, _attempt, signal) => {
      if (one.arn === QUICK) return void quick.push(text(one)) as never;
      hanging++;
      // It does not even listen to the signal.
      return new Promise((_, reject) => signal.addEventListener('never', reject));
    },
  };
  await using house = await openHouse({ clock, targets: { fake } });
  const policy = { ...POLICY, attemptsMax: 100, backoffMsMax: 60_000 };
  await house.outbox.send(Array.from({ length: 200 }, (_, n) => delivery(SLOW, String(n), { policy })));
  await eventually(() => hanging === DELIVERY_LIMITS.concurrencyMax);
  await house.outbox.send([delivery(QUICK, 'q')]);
  await eventually(() => quick.length === 1);
  await advanceUntil(clock, DELIVERY_LIMITS.attemptMsMax, () => house.edge(SLOW)?.isBroken === true);
  assert.equal(house.edge(SLOW)?.lastError?.code, 'target-timeout');
  // Those that were begun before that time out as well.
  const before = hanging;
  await advanceUntil(clock, 10_000, () => hanging > before && house.edge(SLOW)?.inFlight === 1);
  await house.outbox.send([delivery(QUICK, 'r')]);
  await eventually(() => quick.length === 2);
  assert.equal(house.edge(SLOW)?.pending, 200);
  const closing = house.outbox[Symbol.asyncDispose]();
  await clock.advance(DELIVERY_LIMITS.drainMsMax);
  await closing;
});

test('a target that is down for hours costs a few tries, and gets everything when it is back, slowly at first', async () => {
  const clock = new SimulatedClock();
  const received: string[] = [];
  let [isDown, tries, running, most] = [true, 0, 0, 0];
  const held = gate();
  const fake: Target = {
    deliver: async (one) => {
      tries++;
      if (isDown) throw down();
      most = Math.max(most, ++running);
      if (received.length === 0) await held.opened;
      running--;
      received.push(text(one));
    },
  };
  await using house = await openHouse({ clock, targets: { fake } });
  const policy = { attemptsMax: 100_000, ageMsMax: 23 * 24 * HOUR, backoffMsBase: 1000, backoffMsMax: 20_000 };
  for (let n = 0; n < 3; n++) {
    await house.outbox.send(Array.from({ length: 1000 }, (_, i) => delivery(SLOW, String(n * 1000 + i), { policy })));
  }
  await eventually(() => house.edge(SLOW)?.isBroken === true);
  await advanceUntil(clock, 60_000, () => clock.monotonic() >= 6 * HOUR);
  assert.ok(tries < 6 * 120 * 2 + 100, `${tries} tries in six hours`);
  assert.equal(house.edge(SLOW)?.pending, 3000);
  assert.ok(Math.abs(house.edge(SLOW)!.oldestAgeMs - 6 * HOUR) <= 61_000);
  isDown = false;
  await advanceUntil(clock, 1000, () => running === 1);
  await clock.advance(60_000);
  assert.equal(most, 1, 'one probe, nobody else');
  held.open();
  await advanceUntil(clock, 1000, () => received.length >= 3000 && house.edge(SLOW)?.pending === 0);
  assert.equal(new Set(received).size, 3000);
  assert.equal(house.edge(SLOW)?.isBroken, false);
});

/** Its timers fire up to a millisecond before their time, as those of the system do. */
class EarlyClock extends SimulatedClock {
  override timer(ms: number, callback: () => void): Timer {
    return super.timer(Math.max(0, ms - 0.9), callback);
  }
}

test('a broken target is probed on and on, though timers fire a little early', async () => {
  const clock = new EarlyClock();
  let tries = 0;
  const fake: Target = {
    deliver: () => {
      tries++;
      return Promise.reject(down());
    },
  };
  await using house = await openHouse({ clock, targets: { fake } });
  const policy = { ...POLICY, attemptsMax: 100, backoffMsBase: 20 * HOUR, backoffMsMax: 20 * HOUR };
  await house.outbox.send(Array.from({ length: 100 }, (_, n) => delivery(SLOW, String(n), { policy })));
  await eventually(() => house.edge(SLOW)?.isBroken === true && house.edge(SLOW)?.inFlight === 0);
  const before = tries;
  await advanceUntil(clock, 10_000, () => clock.monotonic() >= 600_000);
  assert.ok(tries - before >= 15, `${tries - before} probes in ten minutes`);
});

test('what grows too old while its target is probed is given up in time, with the last error', async () => {
  const clock = new SimulatedClock();
  const fake: Target = { deliver: () => Promise.reject(down()) };
  await using house = await openHouse({ clock, targets: { fake } });
  const policy = { ...POLICY, attemptsMax: 100_000, ageMsMax: HOUR };
  await house.outbox.send(Array.from({ length: 300 }, (_, n) => delivery(SLOW, String(n), { policy })));
  await eventually(() => house.edge(SLOW)?.isBroken === true);
  await clock.advance(HOUR - 120_000);
  assert.equal(house.edge(SLOW)?.lost, 0);
  // A probe comes at least every half minute.
  await clock.advance(120_000 + 31_000);
  await advanceUntil(clock, 1, () => house.edge(SLOW)?.pending === 0);
  assert.equal(house.edge(SLOW)?.lost, 300);
  const { letters } = await house.outbox.letters({ limit: 100 });
  const expired = letters.filter(({ origin }) => origin.errorCode === 'delivery-expired');
  assert.ok(expired.length > 50);
  assert.equal(expired[0]?.origin.errorMessage, 'not delivered within 3600 s; last: connection refused');
  assert.deepEqual(new Set(letters.map(({ reason }) => reason)), new Set(['age']));
});

test('a poison message is given up by its own tries, and holds up nobody but its group', async () => {
  const clock = new SimulatedClock();
  const received: string[] = [];
  const fake: Target = {
    deliver: async (one) => {
      if (text(one).startsWith('poison')) throw new Error('cannot read that');
      received.push(text(one));
    },
  };
  await using house = await openHouse({ clock, targets: { fake } });
  const inGroup = { orderingGroup: 'g' };
  const poison = Array.from({ length: 100 }, (_, n) => delivery(SLOW, `poison ${n}`));
  await house.outbox.send([...poison, delivery(SLOW, 'poison', inGroup), delivery(SLOW, 'after', inGroup)]);
  await house.outbox.send([delivery(SLOW, 'plain')]);
  await advanceUntil(clock, 100, () => house.edge(SLOW)?.pending === 0);
  assert.deepEqual(received.sort(), ['after', 'plain']);
  assert.deepEqual([house.edge(SLOW)?.lost, house.edge(SLOW)?.isBroken], [101, false]);
});

test('a clock that is set forward by years makes nothing too old, one that is set back delays nothing', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-clock-'));
  const clock = new SetClock(Date.UTC(1970, 0, 2));
  let isDown = true;
  const received: string[] = [];
  const fake: Target = {
    deliver: async (one) => {
      if (isDown) throw new Error('away');
      received.push(text(one));
    },
  };
  const policy = { attemptsMax: 100_000, ageMsMax: 24 * HOUR, backoffMsBase: 1000, backoffMsMax: 60_000 };
  {
    await using house = await openHouse({ clock, targets: { fake }, directory });
    await house.outbox.send([delivery(SLOW, 'a', { policy }), delivery(SLOW, 'b', { policy, orderingGroup: 'g' })]);
    await clock.advance(1000);
    clock.offset = 56 * 365 * 24 * HOUR;
    await advanceUntil(clock, 1000, () => (house.edge(SLOW)?.retried ?? 0) > 10);
    assert.deepEqual([house.edge(SLOW)?.pending, house.edge(SLOW)?.lost], [2, 0]);
    // What people are told is the time that is right now.
    assert.equal(new Date(house.edge(SLOW)!.lastError!.at).getUTCFullYear(), 2025);
    clock.offset -= 10 * HOUR;
    const before = house.edge(SLOW)!.retried;
    const setBackAt = clock.monotonic();
    await advanceUntil(clock, 1000, () => house.edge(SLOW)!.retried > before + 2);
    assert.ok(clock.monotonic() - setBackAt < 5 * HOUR, 'nobody waited for the clock to come back');
  }
  // Between two runs it is set back once more.
  clock.offset -= 10 * 24 * HOUR;
  const setBackAt = clock.monotonic();
  isDown = false;
  {
    await using house = await openHouse({ clock, targets: { fake }, directory });
    await advanceUntil(clock, 1000, () => received.length === 2 && house.edge(SLOW)?.pending === 0);
  }
  assert.ok(clock.monotonic() - setBackAt < 5 * HOUR);
  await rm(directory, { recursive: true });
});

test('what is sent to an idle node whose clock was set survives a crash at once', async () => {
  const clock = new SetClock(Date.UTC(1970, 0, 2));
  const fake: Target = { deliver: () => Promise.reject(new Error('away')) };
  await using house = await openHouse({ clock, targets: { fake } });
  clock.offset = 56 * 365 * 24 * HOUR;
  await advanceUntil(clock, 1000, () => clock.monotonic() > 10_000);
  const policy = { attemptsMax: 100_000, ageMsMax: 24 * HOUR, backoffMsBase: 1000, backoffMsMax: 60_000 };
  await house.outbox.send([delivery(SLOW, 'a', { policy })]);
  // As a crash does, it notes nothing.
  await house.outbox.stop();
  const ground = { clock, random: seededRandom(3), logger: silentLogger, metrics: createMetrics() };
  await using outbox = await openDelivery({ records: house.records, ...ground });
  outbox.register('fake', fake);
  await advanceUntil(clock, 1000, () => outbox.edges().some(({ retried, lost }) => retried + lost > 2 || lost > 0));
  assert.equal(outbox.edges()[0]?.lost, 0);
});

test('a full disk refuses what is sent, loses nothing that was taken, and takes again when there is room', async () => {
  const clock = new SimulatedClock();
  const received: string[] = [];
  const held = gate();
  const fake: Target = {
    deliver: async (one) => {
      await held.opened;
      if (text(one) === '3' && received.length < 10) throw new Error('not yet');
      received.push(text(one));
    },
  };
  await using house = await openHouse({ clock, pagesMax: 256, targets: { fake } });
  const large = Buffer.alloc(20_000, ' ');
  const send = (n: number) =>
    house.outbox.send([delivery(SLOW, '', { payload: Buffer.concat([Buffer.from(String(n)), large]) })]);
  const taken: string[] = [];
  for (let n = 0; ; n++) {
    const refused = await send(n).then(
      () => undefined,
      (error: DomainError) => error,
    );
    if (refused) {
      assert.deepEqual([refused.code, refused.remedy], ['records-full', 'retry']);
      break;
    }
    taken.push(String(n));
  }
  assert.ok(taken.length > 10, `${taken.length} were taken`);
  held.open();
  await advanceUntil(clock, 1000, () => house.edge(SLOW)?.pending === 0);
  const numbers = received.map((one) => one.trim());
  assert.deepEqual(
    numbers.toSorted((a, b) => Number(a) - Number(b)),
    taken,
  );
  await send(1);
  await advanceUntil(clock, 1000, () => received.length > taken.length);
});

/** Counts what is read of the outbox. */
function counting(records: Records): { readonly records: Records; read: number } {
  const counted = {
    read: 0,
    records: new Proxy(records, {
      get: (target, name) => {
        if (name !== 'range') return Reflect.get(target, name).bind(target);
        return async (...call: Parameters<Records['range']>) => {
          const page = await target.range(...call);
          counted.read += page.length;
          return page;
        };
      },
    }),
  };
  return counted;
}

test('a start reads a row for each edge, however many wait, and knows how many there are', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-start-'));
  const clock = new SimulatedClock();
  const ground = { clock, random: seededRandom(3), logger: silentLogger };
  await using records = await openEmbeddedRecords({ directory });
  {
    await using outbox = await openDelivery({ records, ...ground, metrics: createMetrics() });
    outbox.register('fake', { deliver: () => Promise.reject(down()) });
    for (let n = 0; n < 20; n++) {
      await outbox.send(Array.from({ length: 1000 }, (_, i) => delivery(arnOf(`q${i % 5}`), String(i))));
    }
  }
  await clock.advance(5 * HOUR);
  const counted = counting(records);
  await using outbox = await openDelivery({ records: counted.records, ...ground, metrics: createMetrics() });
  assert.ok(counted.read < 40, `${counted.read} rows were read`);
  const states = outbox.edges();
  assert.equal(states.length, 5);
  for (const { pending, oldestAgeMs } of states) assert.deepEqual([pending, oldestAgeMs >= 5 * HOUR], [4000, true]);
  await rm(directory, { recursive: true });
});

test('a backlog is read about once, though much of it is under way', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-backlog-'));
  {
    await using records = await openEmbeddedRecords({ directory });
    const counted = counting(records);
    const ground = { clock: new SimulatedClock(), random: seededRandom(3), logger: silentLogger };
    await using outbox = await openDelivery({ records: counted.records, ...ground, metrics: createMetrics() });
    let delivered = 0;
    const running: (() => void)[] = [];
    const end = (count: number) => {
      for (const done of running.splice(0, count)) done();
    };
    const deliver = async () => {
      await new Promise<void>((resolve) => running.push(resolve));
      delivered++;
    };
    // As functions do that are all busy.
    outbox.register('fake', { deliver }, { concurrencyMax: 128 });
    const large = Buffer.alloc(20_000);
    for (let n = 0; n < 4; n++) {
      await outbox.send(Array.from({ length: 500 }, () => delivery(SLOW, '', { payload: large })));
    }
    while (delivered < 2000) {
      await eventually(() => running.length === Math.min(128, 2000 - delivered));
      end(8);
      await eventually(() => outbox.edges()[0]!.pending === 2000 - delivered);
    }
    assert.ok(counted.read < 2000 * 1.5, `${counted.read} rows were read of 2000`);
  }
  await rm(directory, { recursive: true });
});

test('groups that stand on disk without a turn get one at the next start', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-groups-'));
  const clock = new SimulatedClock();
  const policy = { ...POLICY, attemptsMax: 100 };
  const groups = Array.from({ length: 100 }, (_, n) => `g${n}`);
  {
    const refusing: Target = { deliver: () => Promise.reject(new Error('not now')) };
    await using house = await openHouse({ clock, directory, targets: { fake: refusing } });
    for (const arn of [SLOW, QUICK]) {
      const ordered = groups.flatMap((orderingGroup) =>
        ['a', 'b', 'c'].map((one) => delivery(arn, `${orderingGroup}${one}`, { policy, orderingGroup })),
      );
      await house.outbox.send(ordered);
    }
    await eventually(() => house.outbox.edges().every(({ retried }) => retried > 0));
    await house.outbox.stop();
    // As if every other group of one edge had lost its turns.
    const turns = await house.records.range('delivery-due', { ...keyRange([SLOW]), limit: 10_000 });
    const lost = turns.filter(({ value }) => /"group":"g\d*[02468]"/.test(Buffer.from(value).toString()));
    assert.ok(lost.length >= groups.length / 2);
    await house.records.commit({ writes: lost.map(({ key }) => ({ kind: 'delete', space: 'delivery-due', key })) });
  }
  const received: string[] = [];
  const fake: Target = {
    deliver: async (one) => {
      received.push(`${one.arn} ${text(one)}`);
    },
  };
  await using _house = await openHouse({ clock, directory, targets: { fake } });
  await advanceUntil(clock, 1, () => received.length === groups.length * 6);
  const byGroup = Map.groupBy(received, (one) => one.slice(0, -1));
  assert.equal(byGroup.size, groups.length * 2);
  for (const [group, ofGroup] of byGroup) assert.deepEqual(ofGroup, [`${group}a`, `${group}b`, `${group}c`]);
  await rm(directory, { recursive: true });
});

test('what is sent at once and is large is taken over in several transactions, and what has an order keeps it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-large-'));
  {
    await using store = await openEmbeddedRecords({ directory });
    const sizes: number[] = [];
    const records: Records = new Proxy(store, {
      get: (target, name: keyof Records) => {
        if (name !== 'commit') return (target[name] as (...args: unknown[]) => unknown).bind(target);
        return (transaction: Parameters<Records['commit']>[0]) => {
          const bytes = transaction.writes.map((write) => (write.kind === 'put' ? write.value.length : 0));
          sizes.push(bytes.reduce((sum, size) => sum + size, 0));
          return target.commit(transaction);
        };
      },
    });
    const received = new Map<string, string[]>();
    const fake: Target = {
      deliver: async (one) => void (received.get(one.arn) ?? received.set(one.arn, []).get(one.arn)!).push(text(one)),
    };
    await using house = await openHouse({ records, targets: { fake } });
    const webhooks = Array.from({ length: 100 }, (_, n) => delivery(arnOf(`hook-${n}`), 'x'.repeat(512 * 1024)));
    const ordered = (one: string) => delivery(SLOW, one, { orderingGroup: 'g' });
    await Promise.all([
      house.outbox.send([...webhooks, ordered('a'), ordered('b')]),
      house.outbox.send([ordered('c')]),
    ]);
    await eventually(() => house.outbox.edges().every(({ pending }) => pending === 0));
    assert.equal(received.size, 101);
    assert.ok([...received].every(([arn, texts]) => arn === SLOW || texts.length === 1));
    assert.deepEqual(received.get(SLOW), ['a', 'b', 'c']);
    assert.ok(Math.max(...sizes) <= DELIVERY_LIMITS.transactionBytesMax, `${Math.max(...sizes)} bytes at once`);
  }
  await rm(directory, { recursive: true });
});
