/** codec/mqtt: MQTT 3.1.1 and 5.0 packets to and from bytes, both sides, pure. */
export { aliasedFrame, topicKeyOf } from './alias.ts';
export { DECODER_LIMITS, PacketDecoder } from './decoder.ts';
export { encodePacket, encodePublishFrame, type PublishFrame, relayedPublishFrame } from './encode.ts';
export { MqttError, type MqttErrorCode } from './errors.ts';
export * from './packets.ts';
export { ConnectReturnCode, connectReturnCodeOf, disconnectReasonOf, Reason } from './reasons.ts';
export { isSendable } from './sendable.ts';
export { isTopicFilter, isTopicName, TOPIC_BYTES_MAX, TopicCache, topicMatches } from './topics.ts';
export { REMAINING_LENGTH_MAX } from './writer.ts';
