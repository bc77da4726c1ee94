/**
 * Load on an MQTT broker: raw sockets, one window of unacknowledged QoS 1 messages each, a write per socket per turn.
 * What it measures is the broker as long as its own process is not the one at its limit: see `generatorBusy`.
 */
import { createConnection, type Socket } from 'node:net';
import { encodePacket, NO_PROPERTIES, PacketDecoder } from '../../src/codec/mqtt/index.ts';

export interface Load {
  readonly port: number;
  readonly connections: number;
  /** Unacknowledged messages per connection. */
  readonly window: number;
  readonly payloadBytes: number;
  /** Messages a second over all connections; absent: as fast as the acknowledgements come. */
  readonly rate?: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Connection `i` publishes to `bench/device-i/data`. */
  readonly topicRoot?: string;
}

export interface LoadResult {
  /** Acknowledged messages a second while it measured. */
  readonly rate: number;
  /** Milliseconds from write to acknowledgement. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Messages acknowledged in all, the warm-up included. */
  readonly sent: number;
  /** Share of the measured time that the generator's own thread was busy, 0 to 1. */
  readonly generatorBusy: number;
}

/** Bytes of a PUBACK that reports success, in both versions. */
const PUBACK_BYTES = 4;
const PUBACK = 0x40;

/** Latencies in steps of 10 µs up to 2 s; what is longer counts as that. */
class Latencies {
  readonly #counts = new Uint32Array(200_000);
  #total = 0;
  #max = 0;

  add(ms: number): void {
    this.#counts[Math.min(199_999, Math.floor(ms * 100))]!++;
    this.#total++;
    if (ms > this.#max) this.#max = ms;
  }

  get max(): number {
    return this.#max;
  }

  quantile(q: number): number {
    let rest = q * this.#total;
    for (let i = 0; i < this.#counts.length; i++) {
      rest -= this.#counts[i]!;
      if (rest <= 0) return (i + 1) / 100;
    }
    return 2000;
  }
}

class Publisher {
  readonly #socket: Socket;
  readonly #frame: Buffer;
  readonly #packetIdAt: number;
  readonly #window: number;
  /** When the message with this packet identifier was written. */
  readonly #sentAt: Float64Array;
  readonly #acknowledged: (sentAt: number) => void;
  #nextId = 1;
  #inFlight = 0;
  /** Messages that may be sent; infinite without a rate. */
  #credit: number;
  /** Bytes of an acknowledgement that has come in part. */
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, load: Load, index: number, acknowledged: (sentAt: number) => void) {
    this.#socket = socket;
    this.#window = load.window;
    this.#credit = load.rate === undefined ? Number.POSITIVE_INFINITY : 0;
    this.#sentAt = new Float64Array(65_536);
    this.#acknowledged = acknowledged;
    const topic = `${load.topicRoot ?? 'bench'}/device-${index}/data`;
    const payload = Buffer.alloc(load.payloadBytes, 'x');
    const packet = { type: 'publish', topic, payload, qos: 1, retain: false, dup: false, packetId: 1 } as const;
    this.#frame = encodePacket({ ...packet, properties: NO_PROPERTIES }, 4);
    this.#packetIdAt = this.#frame.length - load.payloadBytes - 2;
    socket.on('data', (chunk) => this.#received(chunk));
  }

  get room(): number {
    return this.#window - this.#inFlight;
  }

  grant(messages: number): void {
    this.#credit += messages;
    this.pump();
  }

  /** Sends what window and credit allow, in one write. */
  pump(): void {
    const count = Math.min(this.room, this.#credit);
    if (count < 1) return;
    const size = this.#frame.length;
    const buffer = Buffer.allocUnsafe(size * count);
    const now = performance.now();
    for (let i = 0; i < count; i++) {
      const id = this.#nextId;
      this.#nextId = id === 0xffff ? 1 : id + 1;
      buffer.set(this.#frame, i * size);
      buffer[i * size + this.#packetIdAt] = id >>> 8;
      buffer[i * size + this.#packetIdAt + 1] = id & 0xff;
      this.#sentAt[id] = now;
    }
    this.#inFlight += count;
    this.#credit -= count;
    this.#socket.write(buffer);
  }

  #received(chunk: Buffer): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    const whole = bytes.length - (bytes.length % PUBACK_BYTES);
    for (let at = 0; at < whole; at += PUBACK_BYTES) {
      if (bytes[at] !== PUBACK) throw new Error(`not a PUBACK: ${bytes.toString('hex', at, at + 8)}`);
      this.#inFlight--;
      this.#acknowledged(this.#sentAt[(bytes[at + 2]! << 8) | bytes[at + 3]!]!);
    }
    this.#rest = bytes.subarray(whole);
    this.pump();
  }
}

/** Runs the load; rejects when a connection fails. */
export async function generate(load: Load): Promise<LoadResult> {
  let isMeasuring = false;
  let count = 0;
  let sent = 0;
  const latencies = new Latencies();
  const acknowledged = (sentAt: number) => {
    sent++;
    if (!isMeasuring) return;
    count++;
    latencies.add(performance.now() - sentAt);
  };
  const sockets: Socket[] = [];
  const publishers: Publisher[] = [];
  for (let i = 0; i < load.connections; i++) {
    const socket = await connected(load.port, i);
    sockets.push(socket);
    publishers.push(new Publisher(socket, load, i, acknowledged));
  }
  const broken = new Promise<never>((_, reject) => {
    for (const socket of sockets) {
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('the broker has closed a connection under load')));
    }
  });
  const pacer = load.rate === undefined ? undefined : pace(publishers, load.rate);
  for (const publisher of publishers) publisher.pump();
  await Promise.race([delay(load.warmUpMs), broken]);
  isMeasuring = true;
  const before = performance.eventLoopUtilization();
  const start = performance.now();
  await Promise.race([delay(load.measureMs), broken]);
  const elapsedMs = performance.now() - start;
  const busy = performance.eventLoopUtilization(before).utilization;
  isMeasuring = false;
  clearInterval(pacer);
  for (const socket of sockets) socket.removeAllListeners('close').destroy();
  return {
    rate: (count * 1000) / elapsedMs,
    p50Ms: latencies.quantile(0.5),
    p99Ms: latencies.quantile(0.99),
    maxMs: latencies.max,
    sent,
    generatorBusy: busy,
  };
}

/** Grants messages as the clock has them due, to one publisher after the other. */
function pace(publishers: readonly Publisher[], rate: number): NodeJS.Timeout {
  const start = performance.now();
  let granted = 0;
  let next = 0;
  return setInterval(() => {
    const due = Math.floor(((performance.now() - start) * rate) / 1000);
    for (; granted < due; granted++) publishers[next++ % publishers.length]!.grant(1);
  }, 1);
}

async function connected(port: number, index: number): Promise<Socket> {
  const socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  const clientId = `generator-${process.pid}-${index}`;
  socket.write(
    encodePacket({ type: 'connect', version: 4, clientId, clean: true, keepAlive: 0, properties: NO_PROPERTIES }, 4),
  );
  const chunk = await new Promise<Buffer>((resolve, reject) => socket.once('data', resolve).once('error', reject));
  const decoder = new PacketDecoder({ version: 4 });
  decoder.push(chunk);
  const packet = decoder.next();
  if (packet?.type !== 'connack' || packet.reasonCode !== 0) throw new Error('the broker refuses the connection');
  return socket;
}

const delay = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
