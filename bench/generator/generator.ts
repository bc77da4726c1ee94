/**
 * Load on an MQTT broker: raw sockets, a write per socket per turn, nothing decoded that can be counted.
 * What it measures is the broker as long as its own process is not the one at its limit: see `generatorBusy`.
 */
import { Burst, Frames, LoadClient } from './client.ts';
import { runCrowd } from './crowd.ts';
import type { InLoad, Load, LoadResult } from './load.ts';
import { Latencies, measure } from './measure.ts';
import { runFanOut, runPairs } from './pairs.ts';
import { runStorm } from './storm.ts';

/** Bytes of a PUBACK that reports success, in both versions. */
const PUBACK_BYTES = 4;
const PUBACK = 0x40;

class Publisher {
  readonly #client: LoadClient;
  readonly #burst: Burst;
  readonly #acknowledgements = new Frames(PUBACK_BYTES);
  readonly #window: number;
  /** When the message with this packet identifier was written. */
  readonly #sentAt = new Float64Array(65_536);
  readonly #acknowledged: (sentAt: number) => void;
  #inFlight = 0;
  /** Messages that may be sent; infinite without a rate. */
  #credit: number;

  constructor(client: LoadClient, load: InLoad, index: number, acknowledged: (sentAt: number) => void) {
    this.#client = client;
    this.#window = load.window;
    this.#credit = load.rate === undefined ? Number.POSITIVE_INFINITY : 0;
    this.#acknowledged = acknowledged;
    const topic = `${load.topicRoot ?? 'bench'}/device-${index}/data`;
    this.#burst = new Burst(topic, load.payloadBytes, 1, load.window);
    client.onBytes((bytes) => this.#received(bytes));
  }

  grant(messages: number): void {
    this.#credit += messages;
    this.pump();
  }

  /** Sends what window and credit allow, in one write. */
  pump(): void {
    const count = Math.min(this.#window - this.#inFlight, this.#credit);
    if (count < 1) return;
    const bytes = this.#burst.next(count);
    const now = performance.now();
    for (let i = 0; i < count; i++) this.#sentAt[(this.#burst.lastId - i + 0xffff) % 0xffff] = now;
    this.#inFlight += count;
    this.#credit -= count;
    this.#client.write(bytes);
  }

  #received(bytes: Buffer): void {
    const acknowledgements = this.#acknowledgements.take(bytes);
    for (let at = 0; at < acknowledgements.length; at += PUBACK_BYTES) {
      if (acknowledgements[at] !== PUBACK) throw new Error(`not a PUBACK: ${bytes.toString('hex', at, at + 8)}`);
      this.#inFlight--;
      this.#acknowledged(this.#sentAt[((acknowledgements[at + 2]! << 8) | acknowledgements[at + 3]!) % 0xffff]!);
    }
    this.pump();
  }
}

/** Acknowledged messages a second, and how long each took. */
async function runIn(load: InLoad): Promise<LoadResult> {
  const broken = Promise.withResolvers<never>();
  const latencies = new Latencies();
  let count = 0;
  const acknowledged = (sentAt: number) => {
    count++;
    latencies.add(performance.now() - sentAt);
  };
  const clients: LoadClient[] = [];
  const publishers: Publisher[] = [];
  for (let i = 0; i < load.connections; i++) {
    const client = await LoadClient.connect(load.port, `generator-${process.pid}-${i}`);
    client.onFailure(broken.reject);
    clients.push(client);
    publishers.push(new Publisher(client, load, i, acknowledged));
  }
  const pacer = load.rate === undefined ? undefined : pace(publishers, load.rate);
  for (const publisher of publishers) publisher.pump();
  const result = await measure({
    ...load,
    isPaced: load.rate !== undefined,
    count: () => count,
    broken: broken.promise,
  });
  clearInterval(pacer);
  for (const client of clients) client.destroy();
  return { ...result, p50Ms: latencies.quantile(0.5), p99Ms: latencies.quantile(0.99), maxMs: latencies.max };
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

/** Runs the load; rejects when a connection fails. */
export function generate(load: Load): Promise<LoadResult> {
  switch (load.kind) {
    case 'in':
      return runIn(load);
    case 'pairs':
      return runPairs(load);
    case 'fan-out':
      return runFanOut(load);
    case 'crowd':
      return runCrowd(load);
    case 'storm':
      return runStorm(load);
  }
}
