import type { Clock, Random } from '../../../base/index.ts';
import * as mqtt from '../../../codec/mqtt/index.ts';
import type { Delivery, Tried } from '../../../delivery/index.ts';
import { type Counter, type Logger, type Metrics, newTrace } from '../../../telemetry/index.ts';
import type { Broker } from '../broker/broker.ts';
import type { CommitGroup, GroupCommit } from '../broker/commit-group.ts';
import { forwardedProperties, type RoutedMessage } from '../broker/message.ts';
import type { Subscriber } from '../broker/subscriptions.ts';
import { IOT_LIMITS } from '../limits.ts';
import type { ForeignBroker } from './foreign-broker.ts';
import type { Arrived } from './inbox.ts';
import { BRIDGE_LIMITS } from './limits.ts';
import { Link, type LinkOptions } from './link.ts';
import { pathOf, restoredProperties, type StoredProperties, storedProperties, withPath } from './properties.ts';
import { type BridgeRoute, comesIn, goesOut, localFilter, localTopic, remoteFilter, remoteTopic } from './route.ts';

/** What a message that goes out carries through the outbox beside its payload. */
interface OutAttributes {
  readonly topic: string;
  readonly retain: boolean;
  readonly properties: StoredProperties;
}

export interface BridgeOptions {
  readonly broker: ForeignBroker;
  /** Those of this broker. */
  readonly routes: readonly BridgeRoute[];
  /** Where the outbox sends what goes out: {@link Bridge.deliver}. */
  readonly arn: string;
  /** This node, on the path of messages. */
  readonly nodeId: string;
  /** Filters of an earlier configuration that the broker may still have. */
  readonly formerFilters: readonly string[];
  readonly local: Pick<Broker, 'publish' | 'subscribe' | 'detach'>;
  readonly commit: Pick<GroupCommit, 'send'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Forwards topics between the node's broker and a foreign one.
 *
 * - B1 out at QoS 1: durable in the outbox before the publisher's PUBACK; gone from there after the foreign broker's PUBACK, topic
 *   by topic in order. QoS 0 goes straight to the connection, or is dropped and counted.
 * - B2 in at QoS 1: acknowledged to the foreign broker when all that the message has caused here is durable.
 * - B3 what came from a broker does not go back to it: no-local on both sides, over the one connection that both use.
 * - B4 a message that has passed this node already, or too many nodes, is dropped and counted.
 */
export class Bridge implements Subscriber, AsyncDisposable {
  readonly clientId = undefined;
  readonly principal: string;
  readonly isCongested = false;
  readonly #options: BridgeOptions;
  readonly #incoming: readonly BridgeRoute[];
  readonly #outgoing: readonly BridgeRoute[];
  readonly #link: Link;
  readonly #in: Counter;
  readonly #out: Counter;
  readonly #dropped: Readonly<Record<'loop' | 'offline' | 'unfit', Counter>>;

  constructor(options: BridgeOptions) {
    const { broker, routes, arn, nodeId, formerFilters, metrics, clock, random, logger } = options;
    this.#options = options;
    this.principal = arn;
    this.#incoming = routes.filter(comesIn);
    this.#outgoing = routes.filter(goesOut);
    const subscriptions = this.#incoming.map((route) => subscriptionTo(route, broker));
    const wanted = new Set(subscriptions.map(({ filter }) => filter));
    const link: LinkOptions = {
      broker,
      clientId: `millrace-${nodeId}-${broker.name}`,
      subscriptions,
      unwanted: formerFilters.filter((filter) => !wanted.has(filter)),
      window: BRIDGE_LIMITS.unackedMax,
      // A session that nothing comes over need not be kept.
      clean: subscriptions.length === 0 && formerFilters.length === 0,
      clock,
      random,
      logger,
      onMessage: (arrived) => this.#comeIn(arrived),
    };
    this.#link = new Link(link);
    const count = (direction: 'in' | 'out') =>
      metrics.counter('millrace_bridge_messages_total', 'Messages that bridges have forwarded', {
        broker: broker.name,
        direction,
      });
    const dropped = (reason: string) =>
      metrics.counter('millrace_bridge_dropped_total', 'Messages that bridges have not forwarded', {
        broker: broker.name,
        reason,
      });
    this.#in = count('in');
    this.#out = count('out');
    this.#dropped = { loop: dropped('loop'), offline: dropped('offline'), unfit: dropped('unfit') };
  }

  /** Lets messages pass. */
  start(): void {
    for (const route of this.#outgoing) {
      const { qos } = route;
      const filter = localFilter(route);
      this.#options.local.subscribe({ subscriber: this, filter, qos, noLocal: true, retainAsPublished: true });
    }
    if (this.#incoming.length > 0 || this.#outgoing.length > 0) this.#link.start();
  }

  mayReceive(): boolean {
    return true;
  }

  /** Takes a message of the node's broker that goes out. */
  deliver({ packet }: RoutedMessage): CommitGroup | undefined {
    const { nodeId, broker } = this.#options;
    const path = pathOf(packet.properties);
    if (path.includes(nodeId) || path.length >= BRIDGE_LIMITS.hopsMax) {
      this.#dropped.loop.add();
      return undefined;
    }
    for (const route of this.#outgoing) {
      const topic = remoteTopic(route, packet.topic);
      if (topic === undefined) continue;
      const kept = forwardedProperties(packet.properties);
      const properties = broker.protocol === 5 ? withPath(kept, [...path, nodeId]) : mqtt.NO_PROPERTIES;
      return this.#goOut({ ...packet, topic, properties }, Math.min(packet.qos, route.qos));
    }
    return undefined;
  }

  /** Hands one message of the outbox over. @throws DomainError of the link */
  async publish({ payload, attributes }: Delivery, tried?: Tried): Promise<void> {
    const { topic, retain, properties } = attributes as unknown as OutAttributes;
    const waitedMs = tried ? this.#options.clock.now() - tried.sentAt : 0;
    const restored = restoredProperties(properties, waitedMs);
    if (restored.messageExpiryInterval === 0) return;
    // Where nothing is forwarded, the first message of a rule or a redriven letter connects.
    this.#link.start();
    await this.#link.publish({ topic, payload: bufferOf(payload), qos: 1, retain, properties: restored });
    this.#out.add();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#options.local.detach(this);
    await this.#link[Symbol.asyncDispose]();
  }

  #goOut(packet: mqtt.PublishPacket, qos: number): CommitGroup | undefined {
    const { arn, random, commit, logger } = this.#options;
    const { topic, payload, retain, properties } = packet;
    if (qos === 0) {
      if (this.#link.offer({ topic, payload, qos: 0, retain, properties })) this.#out.add();
      else this.#dropped.offline.add();
      return undefined;
    }
    const attributes: OutAttributes = { topic, retain, properties: storedProperties(properties) };
    return commit.send({
      delivery: {
        arn,
        // What was read is overwritten by what is read next.
        payload: Buffer.from(payload),
        attributes: { ...attributes },
        policy: OUT_POLICY,
        source: arn,
        orderingGroup: topic,
        trace: newTrace(random),
      },
      refused: (error) => {
        this.#dropped.unfit.add();
        logger.warn('bridge-message-refused', { topic, error });
        return undefined;
      },
    });
  }

  #comeIn(arrived: Arrived): void {
    const { nodeId, local, logger } = this.#options;
    const { packet } = arrived;
    const path = pathOf(packet.properties);
    const { topic, qos } = this.#addressed(packet.topic) ?? {};
    if (path.includes(nodeId) || path.length >= BRIDGE_LIMITS.hopsMax) this.#dropped.loop.add();
    else if (topic === undefined || !isFit(topic, packet)) this.#dropped.unfit.add();
    else {
      const level = Math.min(packet.qos, qos!) as 0 | 1;
      const properties = forwardedProperties(packet.properties);
      const group = local.publish({ ...packet, topic, qos: level, packetId: level, dup: false, properties }, this);
      this.#in.add();
      if (group) {
        const refused = (error: unknown) => {
          logger.warn('bridge-message-not-kept', { topic, error });
          // B2: not acknowledged, so that it comes again.
          this.#link.reset('the node could not keep a message');
        };
        return void group.settled().then(() => this.#link.settle(arrived), refused);
      }
    }
    this.#link.settle(arrived);
  }

  #addressed(topic: string): { readonly topic: string; readonly qos: 0 | 1 } | undefined {
    for (const route of this.#incoming) {
      const local = localTopic(route, topic);
      if (local !== undefined) return { topic: local, qos: route.qos };
    }
    return undefined;
  }
}

const OUT_POLICY = {
  attemptsMax: BRIDGE_LIMITS.outAttemptsMax,
  ageMsMax: BRIDGE_LIMITS.outAgeMsMax,
  backoffMsBase: 100,
  backoffMsMax: 10_000,
};

function subscriptionTo(route: BridgeRoute, { protocol }: ForeignBroker): mqtt.SubscriptionRequest {
  const filter = remoteFilter(route);
  if (protocol === 4) return { filter, qos: route.qos, noLocal: false, retainAsPublished: false, retainHandling: 0 };
  return { filter, qos: route.qos, noLocal: true, retainAsPublished: true, retainHandling: 1 };
}

/** Whether the node takes such a message from anybody. */
function isFit(topic: string, { payload }: mqtt.PublishPacket): boolean {
  const { topicBytesMax, topicLevelsMax, payloadBytesMax } = IOT_LIMITS;
  return (
    mqtt.isTopicName(topic) &&
    !topic.startsWith('$') &&
    Buffer.byteLength(topic) <= topicBytesMax &&
    topic.split('/').length <= topicLevelsMax &&
    payload.length <= payloadBytesMax
  );
}

const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array) => Buffer.from(buffer, byteOffset, byteLength);
