import * as mqtt from '../../codec/mqtt/index.ts';

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
