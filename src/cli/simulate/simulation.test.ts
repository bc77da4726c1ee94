import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../../base/index.ts';
import {
  type AckPacket,
  type ConnectPacket,
  encodePacket,
  NO_PROPERTIES,
  PacketDecoder,
  type PublishPacket,
} from '../../codec/mqtt/index.ts';
import type { Fleet } from './fleet.ts';
import { type SimulationOptions, simulate } from './simulation.ts';

const NEVER = new AbortController().signal;

/** A broker at the far edge: real sockets, and misbehaviour on demand. */
class FakeBroker implements AsyncDisposable {
  readonly received: PublishPacket[] = [];
  readonly clients = new Set<string>();
  goodbyes = 0;
  readonly connects: ConnectPacket[] = [];
  sockets = new Set<Socket>();
  sessionPresent = false;
  /** Whether to acknowledge a publish; dropping the connection is up to it. */
  onPublish: (packet: PublishPacket, socket: Socket) => boolean = () => true;
  readonly #server: Server = createServer((socket) => this.#serve(socket));

  async listen(port = 0): Promise<number> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as { port: number }).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
  }

  #acknowledge(socket: Socket, { version }: PacketDecoder, type: AckPacket['type'], packetId: number): void {
    socket.write(encodePacket({ type, packetId, reasonCode: 0, properties: NO_PROPERTIES }, version));
  }

  #serve(socket: Socket): void {
    const decoder = new PacketDecoder();
    this.sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('data', (chunk) => {
      decoder.push(chunk);
      for (let packet = decoder.next(); packet; packet = decoder.next()) {
        if (packet.type === 'connect') {
          this.clients.add(packet.clientId);
          const { sessionPresent } = this;
          const connack = { type: 'connack', sessionPresent, reasonCode: 0, properties: NO_PROPERTIES } as const;
          socket.write(encodePacket(connack, decoder.version));
        }
        if (packet.type === 'disconnect') this.goodbyes++;
        if (packet.type === 'connect') this.connects.push(packet);
        if (packet.type === 'pubrel') this.#acknowledge(socket, decoder, 'pubcomp', packet.packetId);
        if (packet.type !== 'publish') continue;
        this.received.push({ ...packet, payload: Buffer.from(packet.payload) });
        if (this.onPublish(packet, socket) && packet.qos > 0) {
          this.#acknowledge(socket, decoder, packet.qos === 2 ? 'pubrec' : 'puback', packet.packetId);
        }
        if (socket.destroyed) return;
      }
    });
  }
}

const fleetOf = (port: number, more: Partial<Fleet> = {}): Fleet => ({
  host: '127.0.0.1',
  port,
  protocol: 5,
  devices: 5,
  idPattern: 'd-{0}',
  topicPattern: 't/{device}',
  qos: 1,
  window: 8,
  keepAliveSeconds: 60,
  buffer: 0,
  sessionExpirySeconds: 3600,
  connect: { atOnce: 200, spreadSeconds: 0 },
  reconnect: { backoffSecondsMax: 5 },
  outages: [],
  rate: 1000,
  jitter: 0.2,
  malformed: 0,
  seed: 1,
  columns: {},
  payload: {},
  ...more,
});

const run = (fleet: Fleet, more: Partial<SimulationOptions> = {}) =>
  simulate({ fleet, clock: systemClock, signal: NEVER, ...more });

/** Sequence numbers that the broker has seen of each device, in order of arrival. */
function sequences(broker: FakeBroker): Map<string, number[]> {
  const all = new Map<string, number[]>();
  for (const { topic, payload } of broker.received) {
    const { seq } = JSON.parse(payload.toString());
    all.set(topic, [...(all.get(topic) ?? []), seq]);
  }
  return all;
}

test('every message is acknowledged, in order for each device, and all say goodbye', async () => {
  await using broker = new FakeBroker();
  const summary = await run(fleetOf(await broker.listen()), { count: 500 });
  assert.equal(summary.sent, 500);
  assert.equal(summary.acked, 500);
  assert.equal(summary.unacknowledged, 0);
  assert.equal(broker.clients.size, 5);
  for (const seen of sequences(broker).values()) assert.deepEqual(seen, [...seen.keys()]);
  await settled(() => broker.goodbyes === 5);
});

test('a connection lost in full flow: what was unacknowledged comes again, in order, and nothing is lost', async () => {
  await using broker = new FakeBroker();
  let publishes = 0;
  broker.onPublish = (_packet, socket) => {
    publishes++;
    if (publishes % 100 !== 0) return true;
    socket.destroy();
    return false;
  };
  const summary = await run(fleetOf(await broker.listen()), { count: 400 });
  assert.equal(summary.acked, 400);
  assert.ok(summary.disconnects >= 3 && summary.resent >= 3, JSON.stringify(summary));
  for (const seen of sequences(broker).values()) {
    const last = new Set(seen);
    assert.deepEqual([...last], [...last.keys()], 'first arrivals are in order and without a gap');
  }
});

test('messages sent again carry DUP only when the broker has kept the session', async () => {
  for (const sessionPresent of [true, false]) {
    await using broker = new FakeBroker();
    broker.sessionPresent = sessionPresent;
    let dropped = false;
    broker.onPublish = (_packet, socket) => {
      if (dropped) return true;
      dropped = true;
      socket.destroy();
      return false;
    };
    await run(fleetOf(await broker.listen(), { devices: 1 }), { count: 3 });
    const [first, again] = broker.received;
    assert.deepEqual(again!.payload, first!.payload);
    assert.equal(again!.dup, sessionPresent);
  }
});

test('the window holds: a broker that acknowledges nothing gets no more than that', async () => {
  await using broker = new FakeBroker();
  broker.onPublish = () => false;
  const stop = new AbortController();
  const running = simulate({
    fleet: fleetOf(await broker.listen(), { devices: 2 }),
    clock: fastDrain(),
    signal: stop.signal,
    onSecond: () => stop.abort(),
  });
  const summary = await running;
  assert.equal(broker.received.length, 16);
  assert.equal(summary.unacknowledged, 16);
});

test('a broker that is not there yet is found when it comes', async () => {
  await using placeholder = new FakeBroker();
  const port = await placeholder.listen();
  await placeholder[Symbol.asyncDispose]();
  const running = run(fleetOf(port, { devices: 1 }), { count: 5 });
  await using broker = new FakeBroker();
  await broker.listen(port);
  assert.equal((await running).acked, 5);
});

test('stopping waits for acknowledgements that are on their way', async () => {
  await using broker = new FakeBroker();
  const stop = new AbortController();
  const late: (() => void)[] = [];
  broker.onPublish = ({ packetId }, socket) => {
    late.push(() =>
      socket.write(encodePacket({ type: 'puback', packetId, reasonCode: 0, properties: NO_PROPERTIES }, 5)),
    );
    if (late.length === 8) {
      stop.abort();
      setImmediate(() => late.forEach((send) => void send()));
    }
    return false;
  };
  const summary = await run(fleetOf(await broker.listen(), { devices: 1 }), { signal: stop.signal });
  assert.equal(summary.unacknowledged, 0);
  assert.equal(summary.acked, 8);
});

test('QoS 0 and MQTT 3.1.1 work too', async () => {
  await using broker = new FakeBroker();
  const port = await broker.listen();
  assert.equal((await run(fleetOf(port, { qos: 0 }), { count: 50 })).sent, 50);
  await settled(() => broker.received.length === 50);
  assert.equal((await run(fleetOf(port, { protocol: 4 }), { count: 50 })).acked, 50);
});

test('QoS 2 ends with PUBCOMP, and a message that the broker had received is not sent again', async () => {
  await using broker = new FakeBroker();
  broker.sessionPresent = true;
  let publishes = 0;
  broker.onPublish = ({ packetId }, socket) => {
    if (++publishes % 40 !== 0) return true;
    // Received, and the connection ends before PUBREL.
    socket.end(encodePacket({ type: 'pubrec', packetId, reasonCode: 0, properties: NO_PROPERTIES }, 5));
    return false;
  };
  const summary = await run(fleetOf(await broker.listen(), { qos: 2, window: 1 }), { count: 200 });
  assert.equal(summary.acked, 200);
  assert.ok(summary.disconnects >= 3);
  for (const seen of sequences(broker).values()) assert.deepEqual(seen, [...seen.keys()]);
});

const powerCut = { kind: 'power', atSeconds: 0.2, durationSeconds: 0.2, share: 1, burst: 0, jitterSeconds: 0 } as const;

test('a power cut ends connections without a word; all come back, and with a burst', async () => {
  await using broker = new FakeBroker();
  const outages: unknown[] = [];
  const fleet = fleetOf(await broker.listen(), { rate: 20, outages: [{ ...powerCut, burst: 7 }] });
  const onOutage = (...told: readonly unknown[]) => void outages.push(told);
  const summary = await run(fleet, { durationMs: 700, onOutage });
  assert.deepEqual(outages, [['power', 5, 200]]);
  assert.equal(summary.connects, 10);
  assert.equal(summary.disconnects, 0, 'they went by themselves');
  assert.equal(summary.acked, summary.sent);
  assert.ok(summary.sent >= 35 + 5 * 4, `${summary.sent} with bursts`);
  await settled(() => broker.goodbyes === 5);
  for (const seen of sequences(broker).values()) assert.deepEqual([...new Set(seen)], [...new Set(seen).keys()]);
});

test('without network a device goes on measuring; its connection stays open for the broker until it dials again', async () => {
  await using broker = new FakeBroker();
  const held: number[] = [];
  const outages = [{ ...powerCut, kind: 'network', durationSeconds: 0.4 } as const];
  const fleet = fleetOf(await broker.listen(), { devices: 3, rate: 50, buffer: 100, window: 64, outages });
  const summary = await run(fleet, {
    durationMs: 1000,
    onOutage: () => setImmediate(() => held.push(broker.sockets.size)),
  });
  assert.deepEqual(held, [3]);
  assert.equal(summary.connects, 6);
  assert.equal(summary.forgotten, 0);
  assert.ok(summary.sent > 0.8 * 150, `${summary.sent} of 150`);
  for (const seen of sequences(broker).values()) assert.deepEqual([...new Set(seen)], [...new Set(seen).keys()]);
});

test('a device that has no room forgets the oldest, and one without a buffer measures nothing while it is away', async () => {
  await using broker = new FakeBroker();
  const outages = [{ ...powerCut, kind: 'network', durationSeconds: 0.4 } as const];
  const port = await broker.listen();
  const small = await run(fleetOf(port, { devices: 2, rate: 100, buffer: 5, outages }), { durationMs: 900 });
  assert.ok(small.forgotten > 20, `${small.forgotten} forgotten`);
  broker.received.length = 0;
  const none = await run(fleetOf(port, { devices: 2, rate: 100, outages }), { durationMs: 900 });
  assert.equal(none.forgotten, 0);
  for (const seen of sequences(broker).values()) assert.deepEqual([...new Set(seen)], [...new Set(seen).keys()]);
});

test('sleeping devices say goodbye and come back by themselves', async () => {
  await using broker = new FakeBroker();
  const fleet = fleetOf(await broker.listen(), {
    devices: 20,
    rate: 10,
    spells: { everySeconds: 0.3, durationSeconds: 0.1 },
  });
  const summary = await run(fleet, { durationMs: 1000 });
  assert.ok(summary.connects > 30, `${summary.connects} connects of 20 devices`);
  assert.equal(summary.acked, summary.sent);
  await settled(() => broker.goodbyes === summary.connects);
});

test('a storm dials no more at once than it is told to, and says how long connecting took and why it failed', async () => {
  await using broker = new FakeBroker();
  const dialling: number[] = [];
  const fleet = fleetOf(await broker.listen(), { devices: 100, rate: 1, connect: { atOnce: 10, spreadSeconds: 0 } });
  await run(fleet, { durationMs: 1200, onSecond: (second) => void dialling.push(second.dialling) });
  assert.ok(dialling.length > 0 && Math.max(...dialling) <= 10);
  assert.equal(broker.clients.size, 100);
  const nobody = await run(fleetOf(1, { devices: 3 }), { durationMs: 300 });
  assert.ok(nobody.reasons.ECONNREFUSED! >= 3);
});

test('a will, a subscription and a session of their own go with each device', async () => {
  await using broker = new FakeBroker();
  const will = {
    topic: 'status/{device}',
    payload: '{device} is gone',
    qos: 1,
    retain: true,
    delaySeconds: 9,
  } as const;
  const fleet = fleetOf(await broker.listen(), { devices: 2, will, sessionExpirySeconds: 0 });
  await run(fleet, { count: 4 });
  const [one] = broker.connects.filter(({ clientId }) => clientId === 'd-1');
  assert.equal(one!.clean, true);
  assert.equal(one!.will!.topic, 'status/d-1');
  assert.equal(one!.will!.payload.toString(), 'd-1 is gone');
  assert.deepEqual(one!.will!.properties, { willDelayInterval: 9 });
});

/** The system's clock, on which draining takes no time: each look at it after a stop is a minute later. */
function fastDrain() {
  let ahead = 0;
  return {
    ...systemClock,
    monotonic: () => systemClock.monotonic() + ahead,
    sleep: async (ms: number, signal?: AbortSignal) => {
      await systemClock.sleep(ms, signal);
      if (!signal) ahead += 60_000;
    },
  };
}

async function settled(holds: () => boolean): Promise<void> {
  for (let turn = 0; !holds(); turn++) {
    assert.ok(turn < 2000, 'never came to hold');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
