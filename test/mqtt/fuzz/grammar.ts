/** Random packets of MQTT, right ones and broken ones, the same for the same seed. */
import type { Random } from '../../../src/base/index.ts';
import * as mqtt from '../../../src/codec/mqtt/index.ts';

const LEVELS = ['a', 'b', 'sensor', '', 'ünï', '$x', 'long-level-name-0123456789'];

export class Grammar {
  readonly #random: Random;
  readonly version: mqtt.ProtocolVersion;

  constructor(random: Random, version: mqtt.ProtocolVersion) {
    this.#random = random;
    this.version = version;
  }

  below(limit: number): number {
    return Math.floor(this.#random.next() * limit);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  chance(probability: number): boolean {
    return this.#random.next() < probability;
  }

  topic(): string {
    const topic = Array.from({ length: 1 + this.below(4) }, () => this.pick(LEVELS)).join('/');
    return topic === '' ? 'a' : topic;
  }

  filter(): string {
    const levels = this.topic()
      .split('/')
      .map((level) => (this.chance(0.3) ? '+' : level));
    if (this.chance(0.3)) levels.push('#');
    const filter = levels.join('/');
    return this.chance(0.2) ? `$share/g${this.below(2)}/${filter}` : filter;
  }

  connect(clientId: string): mqtt.ConnectPacket {
    const five = this.version === 5;
    const will = this.chance(0.3)
      ? {
          topic: this.topic(),
          payload: this.#random.bytes(this.below(20)),
          qos: this.#qos(),
          retain: this.chance(0.3),
          properties: five ? this.#messageProperties() : mqtt.NO_PROPERTIES,
        }
      : undefined;
    return {
      type: 'connect',
      version: this.version,
      clientId,
      clean: true,
      keepAlive: this.pick([0, 10, 0xffff]),
      ...(will && { will }),
      ...(this.chance(0.3) && { username: 'ada', password: this.#random.bytes(8) }),
      properties: five
        ? this.#some<mqtt.Properties>({
            receiveMaximum: 1 + this.below(50),
            maximumPacketSize: 2_000 + this.below(10_000),
            topicAliasMaximum: this.below(5),
            requestProblemInformation: this.chance(0.5),
            requestResponseInformation: this.chance(0.5),
            userProperties: this.#pairs(),
          })
        : mqtt.NO_PROPERTIES,
    };
  }

  publish(packetId: number): mqtt.PublishPacket {
    const qos = this.#qos();
    return {
      type: 'publish',
      topic: this.topic(),
      payload: this.#random.bytes(this.below(this.chance(0.1) ? 5_000 : 40)),
      qos,
      retain: this.chance(0.1),
      dup: qos > 0 && this.chance(0.1),
      packetId: qos === 0 ? 0 : packetId,
      properties: this.version === 5 ? this.#messageProperties() : mqtt.NO_PROPERTIES,
    };
  }

  subscribe(packetId: number): mqtt.SubscribePacket {
    const five = this.version === 5;
    const subscriptions = Array.from({ length: 1 + this.below(3) }, () => {
      const filter = this.filter();
      return {
        filter,
        qos: this.#qos(),
        noLocal: five && !filter.startsWith('$share/') && this.chance(0.2),
        retainAsPublished: five && this.chance(0.3),
        retainHandling: five ? this.pick([0, 1, 2] as const) : 0,
      } as const;
    });
    const properties =
      five && this.chance(0.4) ? { subscriptionIdentifiers: [1 + this.below(268_435_455)] } : mqtt.NO_PROPERTIES;
    return { type: 'subscribe', packetId, subscriptions, properties };
  }

  unsubscribe(packetId: number): mqtt.UnsubscribePacket {
    const filters = Array.from({ length: 1 + this.below(3) }, () => this.filter());
    return { type: 'unsubscribe', packetId, filters, properties: mqtt.NO_PROPERTIES };
  }

  /** Flips, drops, repeats or inserts bytes. */
  mutate(bytes: Buffer): Buffer {
    let mutant = Buffer.from(bytes);
    for (let i = 0; i <= this.below(4); i++) {
      const at = this.below(mutant.length + 1);
      const more = 1 + this.below(4);
      const rest = mutant.subarray(at);
      switch (this.below(5)) {
        case 0:
          if (at < mutant.length) mutant[at] = this.pick([0, 1, 0x7f, 0x80, 0xff, this.below(256)]);
          break;
        case 1:
          mutant = Buffer.concat([mutant.subarray(0, at), rest.subarray(more)]);
          break;
        case 2:
          mutant = Buffer.concat([mutant.subarray(0, at), this.#random.bytes(more), rest]);
          break;
        case 3:
          mutant = Buffer.concat([mutant.subarray(0, at), rest.subarray(0, more), rest]);
          break;
        case 4:
          if (at < mutant.length) mutant[at]! ^= 1 << this.below(8);
      }
    }
    return mutant;
  }

  #qos(): mqtt.Qos {
    return this.pick([0, 1, 2] as const);
  }

  #pairs(): mqtt.UserProperty[] {
    return Array.from({ length: 1 + this.below(3) }, () => [this.pick(LEVELS), this.pick(LEVELS)] as const);
  }

  #messageProperties(): mqtt.Properties {
    return this.#some<mqtt.Properties>({
      payloadFormatIndicator: this.pick([0, 1] as const),
      messageExpiryInterval: 1 + this.below(100_000),
      contentType: this.pick(LEVELS),
      responseTopic: this.topic(),
      correlationData: this.#random.bytes(this.below(10)),
      userProperties: this.#pairs(),
    });
  }

  /** Each member with a chance of its own. */
  #some<T extends object>(values: T): T {
    const chosen = Object.entries(values).filter(() => this.chance(0.3));
    return chosen.length === 0 ? (mqtt.NO_PROPERTIES as T) : (Object.fromEntries(chosen) as T);
  }
}
