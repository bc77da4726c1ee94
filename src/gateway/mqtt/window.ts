import type * as mqtt from '../../codec/mqtt/index.ts';
import type { MqttLimits } from './limits.ts';

/**
 * Messages of QoS 1 to one client: those sent and not acknowledged (at most its Receive Maximum), and a bounded queue behind
 * them. Packet identifiers go round and skip those in use.
 */
export class OutboundWindow {
  readonly #limits: MqttLimits;
  readonly #inFlightMax: number;
  readonly #inFlight = new Set<number>();
  #queue: mqtt.PublishFrame[] = [];
  #head = 0;
  #queuedBytes = 0;
  #lastId = 0;

  /** @param receiveMaximum  what the client allows */
  constructor(limits: MqttLimits, receiveMaximum: number) {
    this.#limits = limits;
    this.#inFlightMax = Math.min(limits.inFlightOutMax, receiveMaximum);
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** What came now would have to wait. */
  get isFull(): boolean {
    return this.queued > 0 || this.#inFlight.size >= this.#inFlightMax;
  }

  get queued(): number {
    return this.#queue.length - this.#head;
  }

  /** Takes a packet identifier if there is room to send and nothing waits before; 0 when there is not. */
  begin(): number {
    return this.queued === 0 ? this.#take() : 0;
  }

  /** Puts a message behind the others; false when the queue is full and the client must go. */
  enqueue(frame: mqtt.PublishFrame): boolean {
    const bytes = this.#queuedBytes + frame.bytes.length;
    if (this.queued >= this.#limits.queuedMessagesMax || bytes > this.#limits.queuedBytesMax) return false;
    this.#queue.push(frame);
    this.#queuedBytes = bytes;
    return true;
  }

  /** The client has acknowledged; false when it has not been sent such a message. */
  acknowledge(packetId: number): boolean {
    return this.#inFlight.delete(packetId);
  }

  /** Takes the next queued message if it may be sent. */
  next(): { readonly frame: mqtt.PublishFrame; readonly packetId: number } | undefined {
    if (this.queued === 0) return undefined;
    const packetId = this.#take();
    if (packetId === 0) return undefined;
    const frame = this.#queue[this.#head++]!;
    this.#queuedBytes -= frame.bytes.length;
    if (this.#head > 256 || this.#head === this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return { frame, packetId };
  }

  #take(): number {
    if (this.#inFlight.size >= this.#inFlightMax) return 0;
    do this.#lastId = this.#lastId === 0xffff ? 1 : this.#lastId + 1;
    while (this.#inFlight.has(this.#lastId));
    this.#inFlight.add(this.#lastId);
    return this.#lastId;
  }
}
