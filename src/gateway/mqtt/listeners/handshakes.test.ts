import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import { SimulatedClock } from '../../../base/index.ts';
import { Handshakes } from './handshakes.ts';

const LIMITS = {
  handshakesMax: 1_000,
  handshakesAtOnce: 20,
  handshakePatienceMs: 1_000,
  handshakesPerTurn: 4,
  handshakeTurnMs: 8,
  handshakeTimeoutMs: 10_000,
};

/** The part of a socket that handshakes go by: whether its handle is read, and its end. */
class Client extends EventEmitter {
  destroyed = false;
  isBegun = false;
  isRead = false;
  readonly _handle = {
    readStart: () => this.#set(true),
    readStop: () => this.#set(false),
  };

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close');
  }

  #set(isRead: boolean): number {
    this.isRead = isRead;
    return 0;
  }
}

class Rig {
  readonly clock = new SimulatedClock();
  /** Time that has passed within turns of the event loop. */
  busyMs = 0;
  expired = 0;
  readonly handshakes: Handshakes;
  readonly clients: Client[] = [];

  constructor(limits: Partial<typeof LIMITS> = {}) {
    const { clock } = this;
    this.handshakes = new Handshakes(
      {
        now: () => clock.now(),
        monotonic: () => clock.monotonic() + this.busyMs,
        sleep: (ms, signal) => clock.sleep(ms, signal),
        timer: (ms, callback) => clock.timer(ms, callback),
      },
      { ...LIMITS, ...limits },
      (socket) => {
        const client = socket as unknown as Client;
        client.isBegun = true;
        client.isRead = true;
      },
      () => this.expired++,
    );
  }

  arrive(count: number): readonly Client[] {
    const clients = Array.from({ length: count }, () => new Client());
    this.clients.push(...clients);
    for (const client of clients) this.handshakes.add(client as unknown as Socket);
    return clients;
  }

  settle(client: Client): void {
    this.handshakes.settled(client as unknown as Socket);
  }

  get read(): readonly Client[] {
    return this.clients.filter(({ isRead, destroyed }) => isRead && !destroyed);
  }

  /** Places of those that are read, in the order of coming. */
  get readPlaces(): readonly number[] {
    return this.read.map((client) => this.clients.indexOf(client));
  }

  get begun(): number {
    return this.clients.filter(({ isBegun }) => isBegun).length;
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('handshakes', () => {
  test('only as many sockets are read in a turn as it has time for, and every client of a crowd gets in', async () => {
    const rig = new Rig();
    const answered = new Set<Client>();
    const done = new Set<Client>();
    rig.arrive(200);
    for (let turns = 0; done.size < 200; turns++) {
      assert.ok(turns < 2_000, `${done.size} got in`);
      await turn();
      // Those that are over are read by their connection; they are no part of this.
      const read = rig.read.filter((client) => !done.has(client));
      assert.ok(read.length <= LIMITS.handshakesPerTurn, `${read.length} are read`);
      for (const client of read) {
        if (answered.has(client)) {
          rig.settle(client);
          done.add(client);
        } else answered.add(client);
      }
      await rig.clock.advance(1);
    }
    assert.equal(rig.expired, 0);
    assert.ok(rig.clients.every(({ isRead }) => isRead));
  });

  for (const [machine, flightMs, most] of [
    ['a machine that takes 4 ms for each flight', 4, 2],
    ['a machine that takes 1 ms for each flight', 1, 4],
  ] as const) {
    test(`${machine} works on ${most} in a turn, and every client gets in`, async () => {
      const rig = new Rig();
      const answered = new Set<Client>();
      const done = new Set<Client>();
      const atOnce: number[] = [];
      rig.arrive(200);
      for (let turns = 0; done.size < 200; turns++) {
        assert.ok(turns < 2_000, `${done.size} got in`);
        await turn();
        const read = rig.read.filter((client) => !done.has(client));
        atOnce.push(read.length);
        // All in one turn of the event loop, as Node does it.
        rig.busyMs += read.length * flightMs;
        for (const client of read) {
          if (answered.has(client)) {
            rig.settle(client);
            done.add(client);
          } else answered.add(client);
        }
      }
      // The first turns find out; with the last there are no more.
      assert.equal(Math.max(...atOnce.slice(20)), most);
    });
  }

  test('clients that begin and do not answer keep others waiting for as long as the patience, and not until their end', async () => {
    const rig = new Rig();
    rig.arrive(LIMITS.handshakesAtOnce);
    for (let i = 0; i < 200; i++) {
      await turn();
      await rig.clock.advance(1);
    }
    const [late] = rig.arrive(1);
    for (let i = 0; i < 100; i++) {
      await turn();
      await rig.clock.advance(1);
    }
    assert.equal(late!.isBegun, false);
    for (let i = 0; i < 1_000 && !late!.isBegun; i++) {
      await turn();
      await rig.clock.advance(1);
    }
    assert.ok(late!.isBegun);
    assert.ok(rig.clients.every(({ destroyed }) => !destroyed));
  });

  test('the time of a handshake counts from when it is begun: who waits for its turn is not cut off', async () => {
    const rig = new Rig({ handshakesAtOnce: 1, handshakePatienceMs: 60_000, handshakeTimeoutMs: 10_000 });
    const [first, second] = rig.arrive(2);
    await turn();
    assert.deepEqual([first!.isBegun, second!.isBegun], [true, false]);
    await rig.clock.advance(9_000);
    await turn();
    rig.settle(first!);
    await turn();
    await rig.clock.advance(2_000);
    await turn();
    assert.deepEqual([second!.isBegun, second!.destroyed], [true, false]);
    await rig.clock.advance(9_000);
    assert.equal(second!.destroyed, true);
    assert.equal(rig.expired, 1);
  });

  test('while nobody answers it is not looked for faster than once in a millisecond', async () => {
    const rig = new Rig();
    rig.arrive(LIMITS.handshakesAtOnce);
    for (let i = 0; i < 50; i++) await turn();
    const before = rig.readPlaces;
    for (let i = 0; i < 50; i++) await turn();
    assert.deepEqual(rig.readPlaces, before);
    await rig.clock.advance(1);
    assert.notDeepEqual(rig.readPlaces, before);
  });

  test('closing ends all of them, begun or not', async () => {
    const rig = new Rig();
    rig.arrive(50);
    await turn();
    rig.handshakes.close();
    assert.ok(rig.clients.every(({ destroyed }) => destroyed));
    await turn();
    assert.equal(rig.begun, LIMITS.handshakesPerTurn);
  });
});
