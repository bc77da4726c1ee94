import * as mqtt from '../../../codec/mqtt/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { DisconnectReason } from '../access/clients.ts';
import type { Broker } from '../broker/broker.ts';

/** What all events of a client's connection tell. */
export interface ConnectionFacts {
  readonly clientId: string;
  readonly sessionId: string;
  readonly principal?: string;
  /** Only where the client has come in by a principal that has this thing exclusively. */
  readonly thingName?: string;
}

/** Nobody of the clients: rules and subscribers see no publisher. */
const NODE = { clientId: undefined, principal: undefined } as const;

/**
 * Lifecycle events as AWS IoT publishes them: JSON on `$aws/events/presence/...` and `$aws/events/subscriptions/...`, QoS 1. Nobody waits
 * for them: whoever must not miss one has a rule, or a durable session.
 *
 * @see AWS IoT developer guide, "Lifecycle events"
 */
export class LifecycleEvents {
  readonly #broker: Pick<Broker, 'publish'>;
  readonly #logger: Logger;

  constructor(broker: Pick<Broker, 'publish'>, logger: Logger) {
    this.#broker = broker;
    this.#logger = logger;
  }

  connected(facts: ConnectionFacts, at: number, versionNumber: number, ipAddress: string | undefined): void {
    this.#publish('presence/connected', facts, {
      ...common('connected', facts, at),
      ...(ipAddress !== undefined && { ipAddress }),
      versionNumber,
    });
  }

  /** Of one that has proved who it is, and is not allowed to connect or to publish its will. */
  connectFailed(facts: ConnectionFacts, at: number, ipAddress: string | undefined): void {
    this.#publish('presence/connect_failed', facts, {
      ...common('connect_failed', facts, at),
      connectFailureReason: 'AUTHORIZATION_FAILED',
      ...(ipAddress !== undefined && { ipAddress }),
    });
  }

  disconnected(facts: ConnectionFacts, at: number, versionNumber: number, reason: DisconnectReason): void {
    this.#publish('presence/disconnected', facts, {
      ...common('disconnected', facts, at),
      clientInitiatedDisconnect: reason === 'CLIENT_INITIATED_DISCONNECT',
      disconnectReason: reason,
      versionNumber,
    });
  }

  subscriptions(
    eventType: 'subscribed' | 'unsubscribed',
    facts: ConnectionFacts,
    at: number,
    topics: readonly string[],
  ): void {
    this.#publish(`subscriptions/${eventType}`, facts, { ...common(eventType, facts, at), topics });
  }

  #publish(kind: string, { clientId }: ConnectionFacts, event: object): void {
    publishEvent(this.#broker, this.#logger, `$aws/events/${kind}/${clientId}`, event);
  }
}

/** Publishes an event of the node as JSON, QoS 1. It never throws: who has caused the event must not fail by it. */
export function publishEvent(broker: Pick<Broker, 'publish'>, logger: Logger, topic: string, event: object): void {
  // As on AWS: a client id with wildcards makes no topic.
  if (!mqtt.isTopicName(topic)) return;
  const payload = Buffer.from(JSON.stringify(event));
  try {
    broker.publish(
      {
        ...{ type: 'publish', topic, payload, qos: 1, retain: false, dup: false, packetId: 1 },
        properties: mqtt.NO_PROPERTIES,
      },
      NODE,
    );
  } catch (error) {
    logger.warn('an event could not be published', { topic, error });
  }
}

function common(eventType: string, { clientId, sessionId, principal, thingName }: ConnectionFacts, timestamp: number) {
  return {
    clientId,
    ...(thingName !== undefined && { thingName }),
    timestamp,
    eventType,
    sessionIdentifier: sessionId,
    ...(principal !== undefined && { principalIdentifier: principal }),
  };
}
