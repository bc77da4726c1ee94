import type { Clock, Timer } from '../../../base/index.ts';
import * as mqtt from '../../../codec/mqtt/index.ts';
import type { Broker } from './broker.ts';
import type { Retained } from './retained.ts';

/** Where the broker says how it is, in the topics that mosquitto has made a habit. */
const ROOT = '$SYS/broker/';

/** Reads a value as it is now. */
export type SystemValue = () => string | number;

/**
 * `$SYS` topics: a new subscription gets their values at once, as retained messages; those who are subscribed get them again at an
 * interval. Nothing is stored, and nothing is written while nobody listens.
 */
export class SystemTopics {
  readonly #clock: Clock;
  readonly #values = new Map<string, SystemValue>();
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adds topics below `$SYS/broker/`; one that is there is replaced. */
  add(values: Readonly<Record<string, SystemValue>>): void {
    for (const [name, value] of Object.entries(values)) this.#values.set(`${ROOT}${name}`, value);
  }

  /** Those that match, with their values. */
  *matching(filter: string): Retained {
    if (!filter.startsWith('$SYS/')) return;
    for (const [topic, value] of this.#values) {
      if (!mqtt.topicMatches(filter, topic)) continue;
      yield { topic, payload: payloadOf(value), qos: 0, properties: mqtt.NO_PROPERTIES, storedAt: this.#clock.now() };
    }
  }

  /** Publishes them every `intervalMs`, to whoever is subscribed then. */
  start(broker: Broker, intervalMs: number): void {
    this.#timer = this.#clock.timer(intervalMs, () => {
      for (const [topic, value] of this.#values) {
        if (broker.hasSubscribers(topic)) broker.publish(messageOf(topic, value), BROKER);
      }
      this.start(broker, intervalMs);
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }
}

const BROKER = { clientId: undefined, principal: undefined };

function payloadOf(value: SystemValue): Buffer {
  return Buffer.from(String(value()));
}

function messageOf(topic: string, value: SystemValue): mqtt.PublishPacket {
  const properties = mqtt.NO_PROPERTIES;
  return {
    type: 'publish',
    topic,
    payload: payloadOf(value),
    qos: 0,
    retain: false,
    dup: false,
    packetId: 0,
    properties,
  };
}
