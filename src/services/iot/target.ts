import { parseArn } from '../../base/index.ts';
import * as mqtt from '../../codec/mqtt/index.ts';
import type { DeadLetterOrigin, Delivery, Target } from '../../delivery/index.ts';
import type { Broker } from './broker/broker.ts';
import type { CommitGroup } from './broker/commit-group.ts';
import { IotError } from './errors.ts';
import { IOT_LIMITS } from './limits.ts';
import type { FailureOrigin } from './rules/action.ts';
import type { RuleEngine } from './rules/engine.ts';

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

/**
 * The delivery target for `iot` ARNs; done when what it causes is durable.
 *
 * - `topic/NAME` publishes to the topic (action republish);
 * - `rule/NAME` takes what the outbox has given up for a rule, for its error action.
 */
export function iotTarget(broker: Broker, rules: RuleEngine): Target {
  return {
    deliver: async (delivery) => {
      const resource = parseArn(delivery.arn)?.resource ?? '';
      const group = resource.startsWith('rule/')
        ? giveUp(rules, resource.slice('rule/'.length), delivery)
        : republish(broker, delivery);
      await group?.settled();
    },
  };
}

function republish(broker: Broker, delivery: Delivery): CommitGroup | undefined {
  const attributes = (delivery.attributes ?? {}) as RepublishAttributes;
  const depth = attributes.depth ?? 0;
  if (depth > IOT_LIMITS.republishDepthMax) {
    throw new IotError('limit-exceeded', `The message was republished ${depth} times: rules go round in a circle.`);
  }
  return broker.publish(packetOf(delivery, attributes), { clientId: undefined, principal: undefined, depth });
}

/** Attributes of a dead letter, as the outbox makes them. */
interface DeadLetterAttributes {
  readonly rule?: FailureOrigin;
  readonly deadLetter?: DeadLetterOrigin;
}

function giveUp(rules: RuleEngine, name: string, delivery: Delivery): CommitGroup | undefined {
  const { rule, deadLetter } = (delivery.attributes ?? {}) as DeadLetterAttributes;
  if (!rule) throw new IotError('request-invalid', `${delivery.arn} takes dead letters of its rule only`);
  return rules.givenUp(name, rule, bufferOf(delivery.payload), deadLetter?.errorMessage ?? 'given up');
}

const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array) => Buffer.from(buffer, byteOffset, byteLength);

function packetOf(delivery: Delivery, attributes: RepublishAttributes): mqtt.PublishPacket {
  const topic = parseArn(delivery.arn)?.resource.replace(/^topic\//, '') ?? '';
  if (!mqtt.isTopicName(topic)) throw new IotError('request-invalid', `${delivery.arn} names no topic`);
  const qos = attributes.qos === 1 ? 1 : 0;
  const packet: mqtt.PublishPacket = {
    type: 'publish',
    topic,
    payload: bufferOf(delivery.payload),
    qos,
    retain: false,
    dup: false,
    packetId: qos,
    properties: propertiesOf(attributes),
  };
  if (!mqtt.isSendable(packet)) throw new IotError('request-invalid', `the headers for ${topic} are not valid`);
  return packet;
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
