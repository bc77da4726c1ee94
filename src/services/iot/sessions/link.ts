import type * as mqtt from '../../../codec/mqtt/index.ts';
import type { CommitGroup } from '../broker/commit-group.ts';
import type { Retained } from '../broker/retained.ts';
import type { Subscriber, Subscription } from '../broker/subscriptions.ts';

/** A connection, as the durable session that it carries sees it. */
export interface SessionLink {
  readonly version: mqtt.ProtocolVersion;
  /** Messages of QoS 1 and 2 that may be sent before one is acknowledged: what the client and we allow, 1 or more. */
  readonly receiveMaximum: number;
  /** Largest packet that the client takes. */
  readonly packetBytesMax: number;
  /** The client reads: more may be written now. */
  readonly hasRoom: boolean;
  /** True as long as {@link mayReceive} is true for every topic. */
  readonly receivesAll: boolean;
  mayReceive(topic: string): boolean;
  /** @param packetId  0 at QoS 0 */
  write(frame: mqtt.PublishFrame, packetId: number): void;
  /** Asks again for what a client has received before: PUBREL. */
  release(packetId: number): void;
  /** A message is not sent: of QoS 0 to a client that does not read, or larger than the client takes. */
  dropped(why: 'slow' | 'too-large'): void;
}

/**
 * What comes of an acknowledgement: `unknown`, nothing waits under its identifier; `done`; or the group after whose commit the
 * answer may go out.
 */
export type Step = 'unknown' | 'done' | CommitGroup;

/** The state of a client towards the broker, as its connection drives it: what it is to receive, and how far it has. */
export interface ClientSession extends Subscriber {
  /** PUBACK or PUBCOMP: the client has taken a message whole; false when it was not sent such a one. */
  acknowledged(packetId: number, by: 'puback' | 'pubcomp'): boolean;
  /** PUBREC: the client has a message of QoS 2, or refuses it. */
  received(packetId: number, isRefused: boolean): Step;

  /** Messages of QoS 2 that the client has published and not yet released. */
  readonly unreleased: number;
  /** The client has published this message already: it is not published again [MQTT-4.3.3-10]. */
  hasPublished(packetId: number): boolean;
  /** Remembers that a message of QoS 2 is published; `undefined` when it lives no longer than the connection. */
  published(packetId: number): CommitGroup | undefined;
  /** PUBREL: the client will not send this message again. */
  released(packetId: number): Step;

  /** A subscription was added or replaced. */
  subscribed(subscription: Subscription): CommitGroup | undefined;
  unsubscribed(filter: string): CommitGroup | undefined;

  /** Sends retained messages of a new subscription, as fast as the client takes them; what is left of the filter's former ones is not. */
  deliverRetained(filter: string, messages: Retained, qos: mqtt.Qos, identifier: number | undefined): void;
  /** The subscription is gone: what is left of its retained messages is not sent. */
  endRetained(filter: string): void;
  /** Sends what may be sent now: after an acknowledgement, or when the output has been written. */
  resume(): void;
}
