import { parseArn } from '../../base/index.ts';
import * as mqtt from '../../codec/mqtt/index.ts';
import type { Delivery, Target } from '../../delivery/index.ts';
import type { Broker } from './broker/broker.ts';
import { IotError } from './errors.ts';
import { IOT_LIMITS } from './limits.ts';

/** What the republish action puts into a delivery beside the payload. */
interface RepublishAttributes {
  readonly qos?: number;
  readonly depth?: number;
  readonly payloadFormatIndicator?: string;
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly correlationData?: string;
  readonly messageExpiry?: string;
  readonly userProperties?: readonly mqtt.UserProperty[];
}

/** The delivery target for `arn:aws:iot:...:topic/NAME`: publishes, and is done when what that causes is durable. */
export function republishTarget(broker: Broker): Target {
  return {
    deliver: async (delivery) => {
      const attributes = (delivery.attributes ?? {}) as RepublishAttributes;
      const depth = attributes.depth ?? 0;
      if (depth > IOT_LIMITS.republishDepthMax) {
        throw new IotError('limit-exceeded', `The message was republished ${depth} times: rules go round in a circle.`);
      }
      const packet = packetOf(delivery, attributes);
      await broker.publish(packet, { clientId: undefined, principal: undefined, depth })?.settled();
    },
  };
}

function packetOf(delivery: Delivery, attributes: RepublishAttributes): mqtt.PublishPacket {
  const { payload } = delivery;
  const topic = parseArn(delivery.arn)?.resource.replace(/^topic\//, '') ?? '';
  if (!mqtt.isTopicName(topic)) throw new IotError('request-invalid', `${delivery.arn} names no topic`);
  const qos = attributes.qos === 1 ? 1 : 0;
  return {
    type: 'publish',
    topic,
    payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
    qos,
    retain: false,
    dup: false,
    packetId: qos,
    properties: propertiesOf(attributes),
  };
}

function propertiesOf(attributes: RepublishAttributes): mqtt.Properties {
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, messageExpiry } = attributes;
  const properties: mqtt.Properties = {
    ...(payloadFormatIndicator && { payloadFormatIndicator: payloadFormatIndicator === 'UTF8_DATA' ? 1 : 0 }),
    ...(Number(messageExpiry) > 0 && { messageExpiryInterval: Math.floor(Number(messageExpiry)) }),
    ...(contentType && { contentType }),
    ...(responseTopic && { responseTopic }),
    ...(correlationData && { correlationData: Buffer.from(correlationData, 'base64') }),
    ...(attributes.userProperties && { userProperties: attributes.userProperties }),
  };
  return Object.keys(properties).length === 0 ? mqtt.NO_PROPERTIES : properties;
}
