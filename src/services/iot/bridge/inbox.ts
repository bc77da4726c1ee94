import type { PublishPacket } from '../../../codec/mqtt/index.ts';

/** A message that a foreign broker has handed over, until it is settled. */
export class Arrived {
  /** Its payload is a copy: it may stay for long. */
  readonly packet: PublishPacket;
  /** Epoch milliseconds. */
  readonly arrivedAt: number;
  isSettled = false;

  constructor(packet: PublishPacket, arrivedAt: number) {
    this.packet = { ...packet, payload: Buffer.from(packet.payload) };
    this.arrivedAt = arrivedAt;
  }
}

/**
 * What one session has received and not acknowledged.
 *
 * - I1 acknowledgements go out in the order in which the messages came over this connection [MQTT-4.6.0-2], whatever the order
 *   in which they are settled.
 * - I2 within a session a packet identifier that comes again with DUP is the same message: it is not handed over twice, and
 *   its acknowledgement goes over the new connection.
 * - I3 what an ended session has left is kept until it is settled; nobody is told then.
 */
export class Inbox {
  /** Unacknowledged on this connection, in order of arrival. */
  readonly #order = new Map<number, Arrived>();
  /** Of earlier connections of this session, and not come again yet. */
  readonly #earlier = new Map<number, Arrived>();
  #held = 0;

  /** Messages that are not settled yet, of all QoS. */
  get held(): number {
    return this.#held;
  }

  connected(sessionPresent: boolean): void {
    if (sessionPresent) for (const [packetId, arrived] of this.#order) this.#earlier.set(packetId, arrived);
    else this.#earlier.clear();
    this.#order.clear();
  }

  /** @returns the message, if it is a new one */
  take(packet: PublishPacket, now: number): Arrived | undefined {
    const { packetId, qos, dup } = packet;
    const known = dup ? this.#earlier.get(packetId) : undefined;
    this.#earlier.delete(packetId);
    const arrived = known ?? new Arrived(packet, now);
    if (qos > 0) this.#order.set(packetId, arrived);
    if (known) return undefined;
    this.#held++;
    return arrived;
  }

  /** The message is done with; settling twice is once. */
  settle(arrived: Arrived): void {
    if (arrived.isSettled) return;
    arrived.isSettled = true;
    this.#held--;
  }

  /** Takes out the packet identifiers that may be acknowledged now, in order. */
  due(): readonly number[] {
    const due: number[] = [];
    for (const [packetId, { isSettled }] of this.#order) {
      if (!isSettled) break;
      due.push(packetId);
      this.#order.delete(packetId);
    }
    return due;
  }
}
