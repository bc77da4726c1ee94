import { NO_PROPERTIES, type Properties, type UserProperty } from '../../../codec/mqtt/index.ts';

/** Names the nodes that a message has passed on its way over bridges: `1f0c,88aa`. */
export const PATH_PROPERTY = 'millrace-path';

/** Nodes that the message has passed. */
export function pathOf({ userProperties = [] }: Properties): readonly string[] {
  const path = userProperties.find(([name]) => name === PATH_PROPERTY)?.[1];
  return path ? path.split(',') : [];
}

/** The properties with one more node on the path. */
export function withPath(properties: Properties, path: readonly string[]): Properties {
  const others = (properties.userProperties ?? []).filter(([name]) => name !== PATH_PROPERTY);
  return { ...properties, userProperties: [...others, [PATH_PROPERTY, path.join(',')]] };
}

/** Properties that bridges hand on, as the outbox keeps them. */
export interface StoredProperties {
  readonly payloadFormatIndicator?: 0 | 1;
  readonly messageExpiryInterval?: number;
  readonly contentType?: string;
  readonly responseTopic?: string;
  /** Base64. */
  readonly correlationData?: string;
  readonly userProperties?: readonly UserProperty[];
}

export function storedProperties(properties: Properties): StoredProperties {
  const { payloadFormatIndicator, messageExpiryInterval, contentType, responseTopic, correlationData, userProperties } =
    properties;
  return {
    ...(payloadFormatIndicator !== undefined && { payloadFormatIndicator }),
    ...(messageExpiryInterval !== undefined && { messageExpiryInterval }),
    ...(contentType !== undefined && { contentType }),
    ...(responseTopic !== undefined && { responseTopic }),
    ...(correlationData && { correlationData: correlationData.toString('base64') }),
    ...(userProperties && { userProperties }),
  };
}

/** @param waitedMs  how long the message has waited here: it counts for its expiry [MQTT-3.3.2-6] */
export function restoredProperties(stored: StoredProperties, waitedMs: number): Properties {
  const { correlationData, messageExpiryInterval, ...others } = stored;
  const properties: Properties = {
    ...others,
    ...(messageExpiryInterval !== undefined && {
      messageExpiryInterval: Math.max(0, messageExpiryInterval - Math.floor(waitedMs / 1000)),
    }),
    ...(correlationData !== undefined && { correlationData: Buffer.from(correlationData, 'base64') }),
  };
  return Object.keys(properties).length === 0 ? NO_PROPERTIES : properties;
}
