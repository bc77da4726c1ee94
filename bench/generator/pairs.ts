/** Loads with receivers: pairs, and one to many. */
import { Burst, Frames, LoadClient } from './client.ts';
import type { FanOutLoad, LoadResult, PairsLoad } from './load.ts';
import { measure } from './measure.ts';

const PUBACK_BYTES = 4;
const PUBACK = 0x40;
const PUBLISH = 3;

/** A publisher and its subscriber. */
class Pair {
  readonly #publisher: LoadClient;
  readonly #subscriber: LoadClient;
  readonly #burst: Burst;
  readonly #frames: Frames;
  readonly #acknowledgements = new Frames(PUBACK_BYTES);
  readonly #load: PairsLoad;
  #sent = 0;
  #acknowledged = 0;
  received = 0;

  private constructor(publisher: LoadClient, subscriber: LoadClient, load: PairsLoad, burst: Burst) {
    this.#publisher = publisher;
    this.#subscriber = subscriber;
    this.#load = load;
    this.#burst = burst;
    this.#frames = new Frames(burst.frameBytes);
    subscriber.onBytes((bytes) => this.#delivered(bytes));
    publisher.onBytes((bytes) => this.#confirmed(bytes));
  }

  static async connect(load: PairsLoad, index: number, failed: (error: Error) => void): Promise<Pair> {
    const topic = `pairs/device-${index}/data`;
    const publisher = await LoadClient.connect(load.port, `publisher-${process.pid}-${index}`);
    const subscriber = await LoadClient.connect(load.port, `subscriber-${process.pid}-${index}`);
    await subscriber.subscribe(topic, load.qos);
    publisher.onFailure(failed);
    subscriber.onFailure(failed);
    return new Pair(publisher, subscriber, load, new Burst(topic, load.payloadBytes, load.qos, load.window));
  }

  /** Sends what the window allows, in one write. */
  pump(): void {
    const done = this.#load.qos === 0 ? this.received : Math.min(this.received, this.#acknowledged);
    const count = this.#load.window - (this.#sent - done);
    if (count < 1) return;
    this.#sent += count;
    this.#publisher.write(this.#burst.next(count));
  }

  destroy(): void {
    this.#publisher.destroy();
    this.#subscriber.destroy();
  }

  #delivered(bytes: Buffer): void {
    const frames = this.#frames.take(bytes);
    const { frameBytes, packetIdAt } = this.#burst;
    const count = frames.length / frameBytes;
    if (count === 0) return;
    checkFirst(frames, PUBLISH << 4);
    this.received += count;
    if (this.#load.qos === 1) this.#subscriber.write(acknowledge(frames, count, frameBytes, packetIdAt));
    this.pump();
  }

  #confirmed(bytes: Buffer): void {
    const acknowledgements = this.#acknowledgements.take(bytes);
    if (acknowledgements.length === 0) return;
    checkFirst(acknowledgements, PUBACK);
    this.#acknowledged += acknowledgements.length / PUBACK_BYTES;
    this.pump();
  }
}

function checkFirst(frames: Buffer, type: number): void {
  if ((frames[0]! & 0xf0) !== type) throw new Error(`unexpected packet: ${frames.toString('hex', 0, 8)}`);
}

function acknowledge(frames: Buffer, count: number, frameBytes: number, packetIdAt: number): Buffer {
  const answer = Buffer.allocUnsafe(count * PUBACK_BYTES);
  for (let i = 0; i < count; i++) {
    answer[i * PUBACK_BYTES] = PUBACK;
    answer[i * PUBACK_BYTES + 1] = 2;
    answer[i * PUBACK_BYTES + 2] = frames[i * frameBytes + packetIdAt]!;
    answer[i * PUBACK_BYTES + 3] = frames[i * frameBytes + packetIdAt + 1]!;
  }
  return answer;
}

/** Messages delivered a second. */
export async function runPairs(load: PairsLoad): Promise<LoadResult> {
  const broken = Promise.withResolvers<never>();
  const pairs: Pair[] = [];
  for (let i = 0; i < load.pairs; i++) pairs.push(await Pair.connect(load, i, broken.reject));
  for (const pair of pairs) pair.pump();
  const count = () => pairs.reduce((sum, { received }) => sum + received, 0);
  const result = await measure({ ...load, count, broken: broken.promise });
  for (const pair of pairs) pair.destroy();
  return result;
}

/** Deliveries a second. */
export async function runFanOut(load: FanOutLoad): Promise<LoadResult> {
  const topic = 'fan-out/alarms';
  const broken = Promise.withResolvers<never>();
  const burst = new Burst(topic, load.payloadBytes, 0, load.window);
  const publisher = await LoadClient.connect(load.port, `publisher-${process.pid}`);
  const received = new Array<number>(load.receivers).fill(0);
  let sent = 0;
  let finished = 0;
  /** Receivers that do not have everything yet. */
  let behind = 0;
  const pump = () => {
    // The next window goes out when the slowest has the last one.
    behind = load.receivers;
    sent += load.window;
    publisher.write(burst.next(load.window));
  };
  const receivers: LoadClient[] = [];
  for (let i = 0; i < load.receivers; i++) {
    const client = await LoadClient.connect(load.port, `receiver-${process.pid}-${i}`);
    await client.subscribe(topic, 0);
    const frames = new Frames(burst.frameBytes);
    client.onFailure(broken.reject);
    client.onBytes((bytes) => {
      const whole = frames.take(bytes);
      if (whole.length === 0) return;
      checkFirst(whole, PUBLISH << 4);
      received[i]! += whole.length / burst.frameBytes;
      finished += whole.length / burst.frameBytes;
      if (received[i] === sent && --behind === 0) pump();
    });
    receivers.push(client);
  }
  pump();
  const result = await measure({ ...load, count: () => finished, broken: broken.promise });
  for (const client of [publisher, ...receivers]) client.destroy();
  return result;
}
