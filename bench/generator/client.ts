/** A raw MQTT 3.1.1 client for loads: what it is sent after the handshake is counted by the bytes, not decoded. */
import { Socket } from 'node:net';
import { encodePacket, NO_PROPERTIES, type Packet, PacketDecoder } from '../../src/codec/mqtt/index.ts';

/** One buffer for all sockets: what a read brings is used up before the next. */
const shared = Buffer.allocUnsafeSlow(256 * 1024);

export class LoadClient {
  readonly #socket: Socket;
  #received: (bytes: Buffer) => void = () => {};
  #failed: (error: Error) => void;

  private constructor(port: number, failed: (error: Error) => void) {
    this.#failed = failed;
    this.#socket = new Socket({
      onread: {
        buffer: shared,
        callback: (size: number, buffer: Uint8Array) => {
          this.#received(Buffer.from(buffer.buffer, buffer.byteOffset, size));
          return true;
        },
      },
    } as unknown as ConstructorParameters<typeof Socket>[0]);
    this.#socket.on('error', (error) => this.#failed(error));
    this.#socket.on('close', () => this.#failed(new Error('the broker has closed a connection under load')));
    this.#socket.setNoDelay(true);
    this.#socket.connect({ port, host: '127.0.0.1' });
  }

  /** Resolves when the broker has accepted the client. */
  static async connect(port: number, clientId: string, keepAlive = 0): Promise<LoadClient> {
    let refused: (error: Error) => void = () => {};
    const failure = new Promise<never>((_, reject) => {
      refused = reject;
    });
    const client = new LoadClient(port, (error) => refused(error));
    client.write(
      encodePacket({ type: 'connect', version: 4, clientId, clean: true, keepAlive, properties: NO_PROPERTIES }, 4),
    );
    const answer = await Promise.race([client.#answer(), failure]);
    if (answer.type !== 'connack' || answer.reasonCode !== 0) throw new Error('the broker refuses the connection');
    return client;
  }

  async subscribe(filter: string, qos: 0 | 1): Promise<void> {
    const subscription = { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const packet = { type: 'subscribe', packetId: 1, subscriptions: [subscription] } as const;
    this.write(encodePacket({ ...packet, properties: NO_PROPERTIES }, 4));
    const answer = await this.#answer();
    if (answer.type !== 'suback' || answer.reasonCodes[0] !== qos) throw new Error('the broker refuses to subscribe');
  }

  /** Gives what comes from now on; the bytes are good until the callback returns. */
  onBytes(received: (bytes: Buffer) => void): void {
    this.#received = received;
  }

  onFailure(failed: (error: Error) => void): void {
    this.#failed = failed;
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  destroy(): void {
    this.#failed = () => {};
    this.#socket.destroy();
  }

  #answer(): Promise<Packet> {
    const decoder = new PacketDecoder({ version: 4 });
    return new Promise((resolve) => {
      this.#received = (bytes) => {
        decoder.push(Buffer.from(bytes));
        const packet = decoder.next();
        if (packet) resolve(packet);
      };
    });
  }
}

/** Cuts a byte stream into frames of one size; gives whole ones only, several at a time. */
export class Frames {
  readonly #size: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(size: number) {
    this.#size = size;
  }

  /** Whole frames that end with `bytes`. */
  take(bytes: Buffer): Buffer {
    const all = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
    const whole = all.length - (all.length % this.#size);
    this.#rest = whole === all.length ? Buffer.alloc(0) : Buffer.from(all.subarray(whole));
    return all.subarray(0, whole);
  }
}

/** PUBLISHes of one topic, 3.1.1, ready to be written; with QoS 1 their packet identifiers go round. */
export class Burst {
  readonly frameBytes: number;
  /** Where the packet identifier stands in a frame. */
  readonly packetIdAt: number;
  readonly #qos: 0 | 1;
  readonly #frames: Buffer;
  #lastId = 0;

  constructor(topic: string, payloadBytes: number, qos: 0 | 1, window: number) {
    const payload = Buffer.alloc(payloadBytes, 'x');
    const packet = { type: 'publish', topic, payload, qos, retain: false, dup: false, packetId: qos } as const;
    const frame = encodePacket({ ...packet, properties: NO_PROPERTIES }, 4);
    this.frameBytes = frame.length;
    this.packetIdAt = frame.length - payloadBytes - 2;
    this.#qos = qos;
    this.#frames = Buffer.concat(new Array<Buffer>(window).fill(frame));
  }

  /** The next `count` frames; at QoS 1 a buffer of their own, since a socket may still hold the last ones. */
  next(count: number): Buffer {
    const frames = this.#frames.subarray(0, count * this.frameBytes);
    if (this.#qos === 0) return frames;
    const own = Buffer.from(frames);
    for (let at = this.packetIdAt; at < own.length; at += this.frameBytes) {
      this.#lastId = this.#lastId === 0xffff ? 1 : this.#lastId + 1;
      own[at] = this.#lastId >>> 8;
      own[at + 1] = this.#lastId & 0xff;
    }
    return own;
  }

  /** Identifier of the frame that `next` gave last. */
  get lastId(): number {
    return this.#lastId;
  }
}
