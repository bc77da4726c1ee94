import * as mqtt from '../../codec/mqtt/index.ts';
import type {
  ClientPermissions,
  ClientSession,
  ConnectedClient,
  DisconnectReason,
  DurableSession,
  Leaving,
} from '../../services/iot/index.ts';
import type { ConnectionHost } from './host.ts';
import { maySend } from './inbound.ts';
import type { ConnectionLink } from './link.ts';
import { Session } from './session.ts';

/** A durable session on a connection. */
export interface Carried {
  readonly session: DurableSession;
  readonly link: ConnectionLink;
}

/** A client and what it has here. */
export interface Leaver {
  readonly client: ConnectedClient;
  readonly session: ClientSession;
  /** Set when the session outlives the connection. */
  readonly carried: Carried | undefined;
  readonly permissions: ClientPermissions;
}

/**
 * What becomes of a client's will and session when its connection ends (G4): gathered while it is connected, done once. A durable session
 * ends, or waits for the next connection; another one is over.
 */
export class Departure {
  /** What becomes of the will. */
  fate: Leaving['will'] = 'publish';
  /** Why the connection ends, as soon as that is known. */
  reason: DisconnectReason = 'CONNECTION_LOST';
  /** As DISCONNECT has changed it, seconds. */
  expirySeconds: number | undefined;
  /** The will of a session that ends with its connection; a durable session keeps its own. */
  readonly #will: mqtt.Will | undefined;
  /** Where the will goes, whoever keeps it. */
  readonly #willTo: Pick<mqtt.Will, 'topic' | 'retain'> | undefined;

  constructor(will: mqtt.Will | undefined, isKept: boolean) {
    this.#will = isKept || !will ? undefined : ownWill(will);
    this.#willTo = will && { topic: will.topic, retain: will.retain };
  }

  /** Ends the session, or gives it back, and has the will published. */
  carryOut(host: ConnectionHost, { client, session, carried, permissions }: Leaver): void {
    const { broker, watcher } = host;
    // It was asked at CONNECT; what the client may do can have changed since.
    const mayGo = this.fate !== 'publish' || !this.#willTo || maySend(host, permissions, this.#willTo);
    if (!mayGo) this.fate = 'delete';
    if (!carried) broker.detach(session);
    if (session instanceof Session) session.handOver();
    watcher?.disconnected(client, this.reason);
    if (carried) this.#giveBack(host, carried);
    else this.#publishWill(host, session);
  }

  #giveBack({ broker }: ConnectionHost, { session, link }: Carried): void {
    const { fate, expirySeconds } = this;
    broker.sessions.leave(session, link, { will: fate, ...(expirySeconds !== undefined && { expirySeconds }) });
  }

  /** The session ends with the connection, so a will delay has no effect (3.1.3.2.2). */
  #publishWill({ broker }: ConnectionHost, session: ClientSession): void {
    const will = this.#will;
    if (!will || this.fate !== 'publish' || !mqtt.isTopicName(will.topic)) return;
    const { willDelayInterval: _delay, ...properties } = will.properties;
    const packetId = will.qos === 0 ? 0 : 1;
    broker.publish({ ...will, type: 'publish', dup: false, packetId, properties }, session);
  }
}

/** The will with memory of its own: it is kept for long, and must not hold the chunk that it came in. */
function ownWill(will: mqtt.Will): mqtt.Will {
  const { correlationData } = will.properties;
  const properties = correlationData
    ? { ...will.properties, correlationData: Buffer.from(correlationData) }
    : will.properties;
  return { ...will, payload: Buffer.from(will.payload), properties };
}
