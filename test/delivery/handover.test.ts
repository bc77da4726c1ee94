import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DomainError, SimulatedClock } from '../../src/base/index.ts';
import type { Delivery, Target } from '../../src/delivery/index.ts';
import type { Records } from '../../src/store/index.ts';
import { advanceUntil, eventually, gate } from '../pollers/fakes.ts';
import { delivery, openHouse } from './support.ts';

const arnOf = (name: string) => `arn:aws:store:us-east-1:000000000000:${name}`;
const [ONE, TWO] = [arnOf('one'), arnOf('two')];
const text = ({ payload }: Delivery) => Buffer.from(payload).toString();

/** A durable target: a queue, say. */
class Store implements Target {
  readonly durable = true;
  readonly received: string[] = [];
  readonly ids = new Set<string>();
  running = 0;
  most = 0;
  behaviour: (one: Delivery, attempt: number) => void | Promise<void> = () => {};

  async deliver(one: Delivery, attempt: number): Promise<void> {
    this.most = Math.max(this.most, ++this.running);
    this.ids.add(one.id!);
    try {
      await this.behaviour(one, attempt);
      this.received.push(text(one));
    } finally {
      this.running--;
    }
  }
}

async function rowsIn(records: Records): Promise<number> {
  const [due, ordered] = await Promise.all([
    records.range('delivery-due', { limit: 100 }),
    records.range('delivery-ordered', { limit: 100 }),
  ]);
  return due.length + ordered.length;
}

test('a durable target has what was sent when the send resolves, all of it at the same time, without a row', async () => {
  const store = new Store();
  await using house = await openHouse({ targets: { store } });
  const held = gate();
  store.behaviour = () => held.opened;
  const sending = house.outbox.send(Array.from({ length: 50 }, (_, n) => delivery(arnOf(`q${n % 10}`), String(n))));
  assert.equal(store.running, 50, 'begun before anything else runs');
  assert.equal(await rowsIn(house.records), 0);
  held.open();
  await sending;
  assert.equal(store.received.length, 50);
  assert.equal(store.ids.size, 50);
  assert.equal(house.edge(arnOf('q3'))?.delivered, 5);
  assert.ok(house.outbox.edges().every(({ isIdle, pending }) => isIdle && pending === 0));
});

test('one that fails is kept and tried again, and the send does not fail for it', async () => {
  const clock = new SimulatedClock();
  const store = new Store();
  await using house = await openHouse({ clock, targets: { store } });
  const attempts: number[] = [];
  store.behaviour = (one, attempt) => {
    if (text(one) !== 'b') return;
    attempts.push(attempt);
    if (attempt === 1) throw new Error('busy');
  };
  await house.outbox.send([delivery(ONE, 'a'), delivery(TWO, 'b')]);
  assert.deepEqual(store.received, ['a']);
  assert.equal(await rowsIn(house.records), 1);
  // While it waits nothing else overtakes it without a row.
  await house.outbox.send([delivery(TWO, 'c')]);
  await advanceUntil(clock, 10, () => store.received.length === 3);
  assert.deepEqual(attempts, [1, 2]);
  await eventually(() => house.edge(TWO)?.pending === 0);
  assert.equal(await rowsIn(house.records), 0);
});

test('one that is refused for good is a dead letter or a lost one by the time the send resolves', async () => {
  const store = new Store();
  await using house = await openHouse({ targets: { store } });
  store.behaviour = (one) => {
    if (one.arn === ONE) throw new DomainError('queue-not-found', 'no such queue');
  };
  await house.outbox.send([delivery(ONE, 'lost'), delivery(ONE, 'dead', { deadLetterArn: TWO })]);
  const { letters } = await house.outbox.letters({ limit: 10 });
  assert.deepEqual(
    letters.map(({ origin, reason }) => [origin.arn, origin.attempts, reason]),
    [[ONE, 1, 'permanent']],
  );
  await eventually(() => store.received.includes('dead'));
});

test('order and idempotency need rows, durable target or not', async () => {
  const store = new Store();
  await using house = await openHouse({ targets: { store } });
  const held = gate();
  store.behaviour = () => held.opened;
  await house.outbox.send([delivery(ONE, 'a', { orderingGroup: 'g' }), delivery(ONE, 'b', { orderingGroup: 'g' })]);
  await house.outbox.send([delivery(TWO, 'c', { idempotencyKey: 'k' })]);
  await house.outbox.send([delivery(TWO, 'd', { idempotencyKey: 'k' })]);
  held.open();
  await eventually(() => store.received.length === 3);
  assert.deepEqual(store.received.sort(), ['a', 'b', 'c']);
});

test('a send that cannot be made durable anywhere says so', async () => {
  const store = new Store();
  await using house = await openHouse({ targets: { store }, pagesMax: 64 });
  const large = { payload: Buffer.alloc(1024 * 1024) };
  store.behaviour = () => {
    throw new DomainError('records-full', 'the disk is full', { remedy: 'retry' });
  };
  await assert.rejects(house.outbox.send([delivery(ONE, '', large)]), { code: 'records-full' });
  assert.equal(house.edge(ONE)?.pending, 0);
});

test('what is sent while the outbox stops is kept for the next run', async () => {
  const store = new Store();
  await using house = await openHouse({ targets: { store } });
  await house.outbox.stop();
  await house.outbox.send([delivery(ONE, 'late')]);
  assert.deepEqual([store.received.length, await rowsIn(house.records)], [0, 1]);
});
