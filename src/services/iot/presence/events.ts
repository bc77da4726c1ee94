import * as mqtt from '../../../codec/mqtt/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import type { DisconnectReason } from '../access/clients.ts';
import type { Broker } from '../broker/broker.ts';
import type { ClientConnection } from './history.ts';

/** What events tell of a client's connection. */
type ConnectionFacts = Pick<ClientConnection, 'sessionId' | 'principal' | 'exclusiveThing'>;

type Kind =
  | `presence/${'connected' | 'connect_failed' | 'disconnected'}`
  | `subscriptions/${'subscribed' | 'unsubscribed'}`;

/** Nobody of the clients: rules and subscribers see no publisher. */
const NODE = { clientId: undefined, principal: undefined } as const;

/**
 * Lifecycle events as AWS IoT publishes them: JSON on `$aws/events/presence/...` and `$aws/events/subscriptions/...`, QoS 1. Nobody waits
 * for them: whoever must not miss one has a rule, or a durable session.
 *
 * @see AWS IoT developer guide, "Lifecycle events"
 */
export class LifecycleEvents {
  readonly #broker: Pick<Broker, 'publish' | 'reachesBelow'>;
  readonly #logger: Logger;

  constructor(broker: Pick<Broker, 'publish' | 'reachesBelow'>, logger: Logger) {
    this.#broker = broker;
    this.#logger = logger;
  }

  connected(clientId: string, connection: ClientConnection): void {
    const { connectedAt, ip, number } = connection;
    this.#publish('presence/connected', clientId, () => ({
      ...common('connected', clientId, connection, connectedAt),
      ...(ip !== undefined && { ipAddress: ip }),
      versionNumber: number,
    }));
  }

  /** Of one that has proved who it is, and is not allowed to connect or to publish its will. */
  connectFailed(clientId: string, facts: ConnectionFacts, at: number, ipAddress: string | undefined): void {
    this.#publish('presence/connect_failed', clientId, () => ({
      ...common('connect_failed', clientId, facts, at),
      connectFailureReason: 'AUTHORIZATION_FAILED',
      ...(ipAddress !== undefined && { ipAddress }),
    }));
  }

  disconnected(clientId: string, connection: ClientConnection, at: number, reason: DisconnectReason): void {
    this.#publish('presence/disconnected', clientId, () => ({
      ...common('disconnected', clientId, connection, at),
      clientInitiatedDisconnect: reason === 'CLIENT_INITIATED_DISCONNECT',
      disconnectReason: reason,
      versionNumber: connection.number,
    }));
  }

  subscriptions(
    eventType: 'subscribed' | 'unsubscribed',
    clientId: string,
    connection: ClientConnection,
    at: number,
    topics: readonly string[],
  ): void {
    const event = () => ({ ...common(eventType, clientId, connection, at), topics });
    this.#publish(`subscriptions/${eventType}`, clientId, event);
  }

  /** Most nodes have nobody who listens: the event is made only where someone may. */
  #publish(kind: Kind, clientId: string, event: () => object): void {
    if (!this.#broker.reachesBelow(LEVELS[kind])) return;
    publishEvent(this.#broker, this.#logger, `$aws/events/${kind}/${clientId}`, event());
  }
}

const LEVELS: Readonly<Record<Kind, readonly string[]>> = {
  'presence/connected': ['$aws', 'events', 'presence', 'connected'],
  'presence/connect_failed': ['$aws', 'events', 'presence', 'connect_failed'],
  'presence/disconnected': ['$aws', 'events', 'presence', 'disconnected'],
  'subscriptions/subscribed': ['$aws', 'events', 'subscriptions', 'subscribed'],
  'subscriptions/unsubscribed': ['$aws', 'events', 'subscriptions', 'unsubscribed'],
};

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

function common(
  eventType: string,
  clientId: string,
  { sessionId, principal, exclusiveThing }: ConnectionFacts,
  timestamp: number,
) {
  return {
    clientId,
    // Only where the client has come in by a principal that has this thing exclusively.
    ...(exclusiveThing !== undefined && { thingName: exclusiveThing }),
    timestamp,
    eventType,
    sessionIdentifier: sessionId,
    ...(principal !== undefined && { principalIdentifier: principal }),
  };
}
