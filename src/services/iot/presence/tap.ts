import type { Clock, Timer } from '../../../base/index.ts';
import type * as mqtt from '../../../codec/mqtt/index.ts';
import type { Broker } from '../broker/broker.ts';
import { IOT_LIMITS } from '../limits.ts';

/** A message that a client has published, as far as it is shown. */
export interface TappedMessage {
  /** Goes up by one with each message of the client that is seen. */
  readonly number: number;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly topic: string;
  readonly qos: mqtt.Qos;
  readonly retain: boolean;
  /** Bytes of the whole payload. */
  readonly bytes: number;
  /** Its beginning: at most `tapPayloadBytesMax`. */
  readonly payload: Buffer;
}

export interface TapReading {
  /** Oldest first. */
  readonly messages: readonly TappedMessage[];
  /** Number of the last message there has been: what to read after next. */
  readonly last: number;
}

/**
 * What clients publish, for those who look: nothing is seen of a client before it is first read, and nothing any more when it has not been
 * read for a while. The broker asks only while somebody looks.
 */
export class MessageTaps {
  readonly #broker: Pick<Broker, 'watchPublishes'>;
  readonly #clock: Clock;
  readonly #taps = new Map<string, Tap>();
  #sweeper: Timer | undefined;

  constructor(broker: Pick<Broker, 'watchPublishes'>, clock: Clock) {
    this.#broker = broker;
    this.#clock = clock;
  }

  /** Messages of a client with a number above `after`, as far back as they are kept. Begins to look, or goes on. */
  read(clientId: string, after: number): TapReading {
    const tap = this.#taps.get(clientId) ?? this.#begin(clientId);
    tap.readAt = this.#clock.monotonic();
    return { messages: tap.messages.filter(({ number }) => number > after), last: tap.last };
  }

  close(): void {
    this.#sweeper?.cancel();
    this.#taps.clear();
    this.#broker.watchPublishes(undefined);
  }

  #begin(clientId: string): Tap {
    const tap: Tap = { readAt: 0, last: 0, messages: [] };
    if (this.#taps.size >= IOT_LIMITS.tapsMax) this.#taps.delete(this.#longestUnread());
    this.#taps.set(clientId, tap);
    this.#broker.watchPublishes((packet, from) => this.#published(packet, from));
    this.#sweeper ??= this.#clock.timer(IOT_LIMITS.tapIdleMs, () => this.#sweep());
    return tap;
  }

  #published({ topic, qos, retain, payload }: mqtt.PublishPacket, clientId: string): void {
    const tap = this.#taps.get(clientId);
    if (!tap) return;
    tap.last++;
    tap.messages.push({
      ...{ number: tap.last, at: this.#clock.now(), topic, qos, retain, bytes: payload.length },
      // A copy: the payload is a part of what was read from the socket.
      payload: Buffer.from(payload.subarray(0, IOT_LIMITS.tapPayloadBytesMax)),
    });
    if (tap.messages.length > IOT_LIMITS.tapMessagesMax) tap.messages.shift();
  }

  #sweep(): void {
    this.#sweeper = undefined;
    const before = this.#clock.monotonic() - IOT_LIMITS.tapIdleMs;
    for (const [clientId, { readAt }] of this.#taps) if (readAt < before) this.#taps.delete(clientId);
    if (this.#taps.size > 0) this.#sweeper = this.#clock.timer(IOT_LIMITS.tapIdleMs, () => this.#sweep());
    else this.#broker.watchPublishes(undefined);
  }

  #longestUnread(): string {
    return [...this.#taps].reduce((oldest, one) => (one[1].readAt < oldest[1].readAt ? one : oldest))[0];
  }
}

interface Tap {
  /** Monotonic milliseconds. */
  readAt: number;
  last: number;
  readonly messages: TappedMessage[];
}
