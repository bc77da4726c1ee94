import * as mqtt from '../../codec/mqtt/index.ts';
import {
  type Broker,
  type ClientPermissions,
  type ClientSession,
  type CommitGroup,
  IOT_LIMITS,
  isValidGroup,
  joined,
  parseShared,
} from '../../services/iot/index.ts';
import type { MqttLimits } from './limits.ts';

const { Reason } = mqtt;

/** A connected client and what it may do. */
export interface Client {
  readonly broker: Broker;
  readonly session: ClientSession;
  readonly permissions: ClientPermissions;
  readonly limits: MqttLimits;
}

/** What comes of a SUBSCRIBE. */
interface Subscribed {
  /** One for each filter: the granted QoS or why not. */
  readonly reasonCodes: readonly number[];
  /** Why one was refused, for people. */
  readonly refusal?: string;
  /** Filters whose retained messages the client gets, once it has its SUBACK. */
  readonly retained: readonly mqtt.SubscriptionRequest[];
  /** SUBACK goes out when it is committed. */
  readonly group: CommitGroup | undefined;
}

/** The connection that subscribes. */
export interface Subscribing {
  send(packet: mqtt.SubscriptionAckPacket): void;
  /** Does something when the group is committed: at once, when there is nothing to wait for. */
  after(group: CommitGroup | undefined, run: () => void): void;
  tellWatcher(what: 'subscribed' | 'unsubscribed', filters: readonly string[]): void;
}

/** Carries SUBSCRIBE out; it is answered when that is durable, and retained messages follow. */
export function answerSubscribe(packet: mqtt.SubscribePacket, client: Client, connection: Subscribing): void {
  const { packetId, properties } = packet;
  const { reasonCodes, retained, refusal, group } = subscribe(packet, client);
  const granted = packet.subscriptions.filter((_, index) => reasonCodes[index]! < 0x80);
  if (granted.length > 0)
    connection.tellWatcher(
      'subscribed',
      granted.map(({ filter }) => filter),
    );
  const why = refusal === undefined ? mqtt.NO_PROPERTIES : { reasonString: refusal };
  const identifier = properties.subscriptionIdentifiers?.[0];
  connection.after(group, () => {
    connection.send({ type: 'suback', packetId, reasonCodes, properties: why });
    for (const { filter, qos } of retained) {
      client.session.deliverRetained(filter, client.broker.retained(filter), qos, identifier);
    }
  });
}

/** The same of UNSUBSCRIBE. */
export function answerUnsubscribe(packet: mqtt.UnsubscribePacket, client: Client, connection: Subscribing): void {
  const { packetId, filters } = packet;
  const { reasonCodes, group } = unsubscribe(packet, client);
  connection.tellWatcher('unsubscribed', filters);
  connection.after(group, () => {
    for (const filter of filters) client.session.endRetained(filter);
    connection.send({ type: 'unsuback', packetId, reasonCodes, properties: mqtt.NO_PROPERTIES });
  });
}

/** Subscribes to each filter of the packet by itself. */
function subscribe(packet: mqtt.SubscribePacket, client: Client): Subscribed {
  const identifier = packet.properties.subscriptionIdentifiers?.[0];
  const retained: mqtt.SubscriptionRequest[] = [];
  let group: CommitGroup | undefined;
  const reasonCodes = packet.subscriptions.map((request, index) => {
    const refusal =
      index < client.limits.filtersPerPacketMax ? refusalOf(request.filter, client) : Reason.quotaExceeded;
    if (refusal !== undefined) return refusal;
    const { filter, qos, noLocal, retainAsPublished, retainHandling } = request;
    const plain = { subscriber: client.session, filter, qos, noLocal, retainAsPublished };
    const subscription = identifier === undefined ? plain : { ...plain, identifier };
    const existed = client.broker.subscribe(subscription);
    group = joined(group, client.session.subscribed(subscription));
    // A shared subscription gets nothing retained (4.8.2).
    const wantsRetained = retainHandling === 0 || (retainHandling === 1 && !existed);
    if (wantsRetained && !parseShared(filter)) retained.push(request);
    return qos;
  });
  const refused = reasonCodes.findIndex((code) => code >= 0x80);
  if (refused < 0) return { reasonCodes, retained, group };
  return { reasonCodes, retained, group, refusal: `filter ${refused + 1}: ${TEXTS[reasonCodes[refused]!]}` };
}

const TEXTS: Readonly<Record<number, string>> = {
  [Reason.topicFilterInvalid]: 'it breaks the rules of wildcards or shared subscriptions, or is too long',
  [Reason.notAuthorized]: 'no policy allows to subscribe to it',
  [Reason.quotaExceeded]: 'there are as many in this packet, of this client or of its principal as there may be',
};

/** Why a client may not subscribe to a filter; `undefined` when it may. */
function refusalOf(filter: string, { broker, session, permissions }: Client): number | undefined {
  const shared = parseShared(filter);
  const wanted = shared?.filter ?? filter;
  if (!mqtt.isTopicFilter(wanted) || isTooLong(filter)) return Reason.topicFilterInvalid;
  if (shared && !isValidGroup(shared.group)) return Reason.topicFilterInvalid;
  if (!permissions.maySubscribe(filter)) return Reason.notAuthorized;
  const hasRoom =
    broker.subscriptionsOf(session) < IOT_LIMITS.subscriptionsPerClientMax && broker.hasRoomFor(session, filter);
  // One that replaces another takes no more room: clients subscribe anew to what their session has.
  return hasRoom || broker.isSubscribed(session, filter) ? undefined : Reason.quotaExceeded;
}

/** Unsubscribes from each filter; one reason code for each. UNSUBACK goes out when the group is committed. */
function unsubscribe({ filters }: mqtt.UnsubscribePacket, { broker, session }: Client): Omit<Subscribed, 'retained'> {
  let group: CommitGroup | undefined;
  const reasonCodes = filters.map((filter) => {
    if (!broker.unsubscribe(session, filter)) return Reason.noSubscriptionExisted;
    group = joined(group, session.unsubscribed(filter));
    return Reason.success;
  });
  return { reasonCodes, group };
}

/** True for a topic or filter beyond the limits; only long ones are counted, short ones cannot have levels that matter. */
export function isTooLong(topic: string): boolean {
  if (topic.length <= 128) return false;
  return Buffer.byteLength(topic) > IOT_LIMITS.topicBytesMax || topic.split('/').length > IOT_LIMITS.topicLevelsMax;
}
