import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../../base/index.ts';
import { encodePacket, NO_PROPERTIES, PacketDecoder, type PublishPacket } from '../../codec/mqtt/index.ts';
import type { Fleet } from './fleet.ts';
import { type SimulationOptions, simulate } from './simulation.ts';

const NEVER = new AbortController().signal;

/** A broker at the far edge: real sockets, and misbehaviour on demand. */
class FakeBroker implements AsyncDisposable {
  readonly received: PublishPacket[] = [];
  readonly clients = new Set<string>();
  goodbyes = 0;
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

  #serve(socket: Socket): void {
    const decoder = new PacketDecoder();
    this.sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('data', (chunk) => {
      decoder.push(chunk);
      for (let packet = decoder.next(); packet; packet = decoder.next()) {
        const reply = (type: 'connack' | 'puback', packetId = 0) =>
          socket.write(
            encodePacket(
              type === 'connack'
                ? { type, sessionPresent: this.sessionPresent, reasonCode: 0, properties: NO_PROPERTIES }
                : { type, packetId, reasonCode: 0, properties: NO_PROPERTIES },
              decoder.version,
            ),
          );
        if (packet.type === 'connect') {
          this.clients.add(packet.clientId);
          reply('connack');
        }
        if (packet.type === 'disconnect') this.goodbyes++;
        if (packet.type !== 'publish') continue;
        this.received.push({ ...packet, payload: Buffer.from(packet.payload) });
        if (this.onPublish(packet, socket) && packet.qos > 0) reply('puback', packet.packetId);
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
