import * as mqtt from '../../codec/mqtt/index.ts';

/** Topics shorter than this are sent as they are: an alias takes three bytes itself. */
const TOPIC_BYTES_MIN = 8;

/**
 * Topic aliases that we use towards one client: the topics it got last. An alias that is needed again is set anew, so that the client
 * never needs more than it has allowed [MQTT-3.1.2-26].
 */
export class OutboundAliases {
  readonly #maximum: number;
  readonly #packetBytesMax: number;
  /** Aliases by topic, the one that was set longest ago first. */
  readonly #aliases = new Map<string, number>();

  /** @param maximum  1 or more; @param packetBytesMax  what the client takes: an alias must not make a packet larger than that */
  constructor(maximum: number, packetBytesMax: number) {
    this.#maximum = maximum;
    this.#packetBytesMax = packetBytesMax;
  }

  /** The frame as it is sent to this client. To be called in the order of sending. */
  apply(frame: mqtt.PublishFrame): mqtt.PublishFrame {
    const topic = mqtt.topicKeyOf(frame);
    if (topic.length < TOPIC_BYTES_MIN) return frame;
    const known = this.#aliases.get(topic);
    if (known !== undefined) return mqtt.aliasedFrame(frame, known, true);
    const alias = this.#free();
    const aliased = mqtt.aliasedFrame(frame, alias, false);
    if (aliased.bytes.length > this.#packetBytesMax) return frame;
    for (const [older, used] of this.#aliases) {
      if (used === alias) this.#aliases.delete(older);
      break;
    }
    this.#aliases.set(topic, alias);
    return aliased;
  }

  /** One that is not used, or the one that was set longest ago. */
  #free(): number {
    if (this.#aliases.size < this.#maximum) return this.#aliases.size + 1;
    for (const alias of this.#aliases.values()) return alias;
    return 1;
  }
}

/** Topic aliases that one client has set on its connection (3.3.2.3.4). */
export class TopicAliases {
  readonly #maximum: number;
  readonly #topics: string[] = [];

  /** @param maximum  Topic Alias Maximum of CONNACK */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** The packet with the topic that its alias stands for; one that names both sets the alias. @throws MqttError */
  resolve(packet: mqtt.PublishPacket): mqtt.PublishPacket {
    const alias = packet.properties.topicAlias;
    if (alias === undefined) return packet;
    if (alias > this.#maximum) {
      throw new mqtt.MqttError('topic-invalid', mqtt.Reason.topicAliasInvalid, `topic alias ${alias}`);
    }
    if (packet.topic !== '') {
      this.#topics[alias] = packet.topic;
      return packet;
    }
    const topic = this.#topics[alias];
    if (topic !== undefined) return { ...packet, topic };
    throw new mqtt.MqttError('protocol-error', mqtt.Reason.protocolError, `unknown topic alias ${alias}`);
  }
}
