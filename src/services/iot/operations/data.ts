import * as mqtt from '../../../codec/mqtt/index.ts';
import type { Caller, Operation, OperationContext } from '../../index.ts';
import type { Broker } from '../broker/broker.ts';
import type { RetainedMessage, RetainedMessages } from '../broker/retained.ts';
import { IotError } from '../errors.ts';
import { IOT_LIMITS } from '../limits.ts';
import { pageBehind } from '../pagination.ts';

interface PublishInput {
  readonly topic: string;
  readonly qos?: number;
  readonly retain?: boolean;
  readonly payload?: Uint8Array;
  /** A JSON array of objects with one member each. */
  readonly userProperties?: unknown;
  readonly payloadFormatIndicator?: string;
  readonly contentType?: string;
  readonly responseTopic?: string;
  /** Base64. */
  readonly correlationData?: string;
  /** Seconds. */
  readonly messageExpiry?: number;
}

/** The data plane: publish over HTTPS, and what is retained. */
export function dataOperations(broker: Broker, retained: RetainedMessages) {
  return {
    /** Answers when everything that the message has caused is durable, as PUBACK does. */
    Publish: async (input: PublishInput, { caller }: OperationContext) => {
      const packet = publishPacket(input);
      if (!mayPublish(caller, packet, broker)) throw new IotError('forbidden', 'Forbidden');
      const principal = caller.device ? caller.device.principal : caller.accessKeyId;
      await broker.publish(packet, { clientId: undefined, principal })?.settled();
      return {};
    },
    GetRetainedMessage: ({ topic }: { topic: string }, { caller }: OperationContext) => {
      refuseDevice(caller);
      const message = retained.get(topic);
      if (!message) throw new IotError('retained-not-found', `No retained message found for topic ${topic}`);
      const { payload, qos, storedAt, properties } = message;
      const userProperties = properties.userProperties && { userProperties: asJson(properties.userProperties) };
      return { topic, payload, qos, lastModifiedTime: storedAt, ...userProperties };
    },
    ListRetainedMessages: (
      { nextToken, maxResults }: { nextToken?: string; maxResults?: number },
      { caller }: OperationContext,
    ) => {
      refuseDevice(caller);
      const behind = (after: string | undefined, limit: number) => retained.topicsBehind(after, limit);
      const { items, next } = pageBehind(behind, (topic) => topic, nextToken, maxResults);
      const retainedTopics = items.map((topic) => summary(retained.get(topic)!));
      return { retainedTopics, ...(next !== undefined && { nextToken: next }) };
    },
  } satisfies Record<string, Operation>;
}

/** What devices that publish by HTTPS read: AWS answers so, though its model has no output for Publish. */
export const DATA_RECEIPTS = {
  Publish: (requestId: string) => ({ message: 'OK', traceId: requestId }),
} as const;

/** What has signed the call is decided on by the wire, as of every call; a device by its own policies. */
function mayPublish({ device }: Caller, { topic, retain }: mqtt.PublishPacket, broker: Broker): boolean {
  if (!broker.takesFromClients(topic) || broker.answersClients(topic)) return false;
  return !device || (device.mayPublish(topic) && (!retain || device.mayRetain(topic)));
}

/** Devices have policies for what is retained on AWS (`iot:GetRetainedMessage`); here they read it by subscribing. */
function refuseDevice({ device }: Caller): void {
  if (device) throw new IotError('forbidden', 'Devices read retained messages by subscribing to their topics.');
}

function summary({ topic, payload, qos, storedAt }: RetainedMessage) {
  return { topic, payloadSize: payload.length, qos, lastModifiedTime: storedAt };
}

function publishPacket(input: PublishInput): mqtt.PublishPacket {
  const { topic, qos = 0, retain = false, payload = new Uint8Array(0) } = input;
  if (!mqtt.isTopicName(topic)) throw new IotError('request-invalid', `The topic ${topic} is not valid.`);
  if (topic.split('/').length > IOT_LIMITS.topicLevelsMax || Buffer.byteLength(topic) > IOT_LIMITS.topicBytesMax) {
    throw new IotError('request-invalid', 'The topic is too long.');
  }
  if (payload.length > IOT_LIMITS.payloadBytesMax) throw new IotError('request-invalid', 'The payload is too large.');
  const packet: mqtt.PublishPacket = {
    type: 'publish',
    topic,
    payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
    qos: qos as 0 | 1,
    retain,
    dup: false,
    packetId: qos === 0 ? 0 : 1,
    properties: propertiesOf(input),
  };
  if (!mqtt.isSendable(packet)) throw new IotError('request-invalid', 'The properties of the message are not valid.');
  return packet;
}

function propertiesOf(input: PublishInput): mqtt.Properties {
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, messageExpiry } = input;
  const userProperties = userPropertiesOf(input.userProperties);
  const properties: mqtt.Properties = {
    ...(payloadFormatIndicator && { payloadFormatIndicator: payloadFormatIndicator === 'UTF8_DATA' ? 1 : 0 }),
    ...(messageExpiry && { messageExpiryInterval: messageExpiry }),
    ...(contentType && { contentType }),
    ...(responseTopic && { responseTopic }),
    ...(correlationData && { correlationData: Buffer.from(correlationData, 'base64') }),
    ...(userProperties && { userProperties }),
  };
  return Object.keys(properties).length === 0 ? mqtt.NO_PROPERTIES : properties;
}

/** `[{"deviceName": "alpha"}, ...]`, parsed already or still text. */
function userPropertiesOf(value: unknown): readonly mqtt.UserProperty[] | undefined {
  if (value === undefined) return undefined;
  const parsed: unknown = typeof value === 'string' ? parseJson(value) : value;
  if (!Array.isArray(parsed)) throw new IotError('request-invalid', 'userProperties must be an array of objects.');
  return parsed.flatMap((one: unknown) =>
    Object.entries(one as Record<string, unknown>).map(([name, text]): mqtt.UserProperty => [name, String(text)]),
  );
}

/** As Publish takes them. */
function asJson(properties: readonly mqtt.UserProperty[]): Buffer {
  return Buffer.from(JSON.stringify(properties.map(([name, value]) => ({ [name]: value }))));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new IotError('request-invalid', 'userProperties is not valid JSON.', { cause: error });
  }
}
