import * as mqtt from '../../codec/mqtt/index.ts';
import {
  type ClientPermissions,
  type ClientSession,
  type CommitGroup,
  type CommitListener,
  joined,
} from '../../services/iot/index.ts';
import { AckQueue } from './ack-queue.ts';
import type { Waiting } from './budget.ts';
import type { Ending } from './ending.ts';
import type { ConnectionHost } from './host.ts';
import { AS_PUBREC, type Output } from './output.ts';
import { isTooLong } from './subscribe.ts';
import { TopicAliases } from './topic-aliases.ts';

const { Reason } = mqtt;
const DOLLAR = 0x24;

/** The connection that messages come in by. */
export interface Sender extends CommitListener, Waiting {
  readonly version: mqtt.ProtocolVersion;
  readonly output: Output;
  end(ending: Ending): void;
}

/**
 * What one connected client publishes: routed at once, acknowledged when everything it has caused is durable, and in the order it
 * came (G1). Knows how much waits, so that its connection can be read no further (G3).
 */
export class Inbound {
  readonly #host: ConnectionHost;
  readonly #sender: Sender;
  readonly #session: ClientSession;
  readonly #permissions: ClientPermissions;
  readonly #acks = new AckQueue();
  /** Made when the client uses the first one. */
  #aliases: TopicAliases | undefined;
  /** The group that was told to notify the connection last: it notifies it once. */
  #group: CommitGroup | undefined;

  constructor(host: ConnectionHost, sender: Sender, session: ClientSession, permissions: ClientPermissions) {
    this.#host = host;
    this.#sender = sender;
    this.#session = session;
    this.#permissions = permissions;
  }

  /** Why a commit has failed, once {@link acknowledge} has said so. */
  get failure(): unknown {
    return this.#acks.failure;
  }

  /**
   * So much waits for its commit, of this client or of all together, that no more should be read.
   *
   * @param answers  of other packets, that wait for a commit too
   */
  isHeldUp(answers: number): boolean {
    const { limits, budget } = this.#host;
    const { size, bytes } = this.#acks;
    if (Math.max(size, answers) >= limits.inFlightInMax || bytes >= limits.inFlightInBytesMax) return true;
    if (bytes === 0 || !budget.isFull) return false;
    budget.wait(this.#sender);
    return true;
  }

  /** Half of what may wait is committed again, and of all together not too much waits. */
  mayGoOn(answers: number): boolean {
    const { limits, budget } = this.#host;
    const { size, bytes } = this.#acks;
    if (Math.max(size, answers) > limits.inFlightInMax / 2 || bytes > limits.inFlightInBytesMax / 2) return false;
    if (!budget.isFull) return true;
    budget.wait(this.#sender);
    return false;
  }

  /** @param source  where the packet was decoded from @throws MqttError  close the connection */
  publish(packet: mqtt.PublishPacket, source: mqtt.PacketSource): void {
    const { broker, gauges } = this.#host;
    const bytes = source.lastPacketBytes;
    gauges.messagesIn.add();
    if (packet.properties.subscriptionIdentifiers !== undefined) {
      throw new mqtt.MqttError('protocol-error', Reason.protocolError, 'a client sends no subscription identifier'); // [MQTT-3.3.4-6]
    }
    // Sent again before it was released: it has been published already [MQTT-4.3.3-10].
    const isRepeated = packet.qos === 2 && this.#session.hasPublished(packet.packetId);
    if (packet.qos > 0) this.#checkReceiveMaximum(isRepeated);
    const message = packet.properties.topicAlias === undefined ? packet : this.#resolve(packet);
    if (isRepeated) return this.#queue(packet, bytes, undefined);
    checkTopicLength(message.topic);
    if (!maySend(this.#host, this.#permissions, message)) return this.#denied(packet, bytes);
    const group = broker.publish(message, this.#session, source);
    if (packet.qos === 1) this.#queue(packet, bytes, group);
    else if (packet.qos === 2) this.#queue(packet, bytes, joined(group, this.#published(packet.packetId, group)));
  }

  /** @throws MqttError  the alias is not one */
  #resolve(packet: mqtt.PublishPacket): mqtt.PublishPacket {
    this.#aliases ??= new TopicAliases(this.#host.limits.topicAliasMaximum);
    return this.#aliases.resolve(packet);
  }

  /** Remembers a message of QoS 2, in the commit of what it has caused; one that has failed will come again. */
  #published(packetId: number, group: CommitGroup | undefined): CommitGroup | undefined {
    return group?.state === 'failed' ? undefined : this.#session.published(packetId);
  }

  /** Gives what is committed to the output; false when a commit has failed. */
  acknowledge(): boolean {
    const before = this.#acks.bytes;
    const isGood = this.#acks.release(this.#sender.output);
    if (this.#acks.bytes < before) this.#host.budget.give(before - this.#acks.bytes);
    return isGood;
  }

  /** Nobody is left to be acknowledged to. */
  drop(): void {
    this.#host.budget.give(this.#acks.drop());
    this.#host.budget.forget(this.#sender);
  }

  /** Queues the acknowledgement behind those before it, until `group` is committed. */
  #queue(
    { qos, packetId }: mqtt.PublishPacket,
    bytes: number,
    group: CommitGroup | undefined,
    reasonCode: number = Reason.success,
  ): void {
    const ack = packetId | (reasonCode << 16) | (qos === 2 ? AS_PUBREC : 0);
    // Nothing is waited for, by this one and those before it.
    if (this.#acks.size === 0 && (group === undefined || group.state === 'committed')) {
      this.#sender.output.acknowledge(ack);
      return this.#sender.schedule();
    }
    this.#acks.push(ack, group, bytes);
    this.#host.budget.take(bytes);
    if (group?.state !== 'pending') this.#sender.schedule();
    else if (group !== this.#group) {
      this.#group = group;
      group.listeners.push(this.#sender);
    }
  }

  /** An MQTT 5 client knows the limit; a 3.1.1 client is only read no further, which would not end at QoS 2. */
  #checkReceiveMaximum(isRepeated: boolean): void {
    const { inFlightInMax } = this.#host.limits;
    // One that comes again is among them already.
    const unreleased = isRepeated ? 0 : this.#session.unreleased;
    // A message of QoS 2 that waits for its commit is counted among both.
    const waiting = Math.max(this.#acks.size, unreleased);
    if (waiting < inFlightInMax) return;
    if (this.#sender.version === 4 && unreleased < inFlightInMax) return;
    throw new mqtt.MqttError('protocol-error', Reason.receiveMaximumExceeded, 'the receive maximum is exceeded');
  }

  /** MQTT 5 tells the client; 3.1.1 cannot, so that AWS closes the connection there, and so do we. */
  #denied(packet: mqtt.PublishPacket, bytes: number): void {
    if (this.#sender.version === 4) {
      this.#sender.end({ reasonCode: Reason.notAuthorized, reason: 'AUTH_ERROR', will: 'publish' });
    } else if (packet.qos > 0) this.#queue(packet, bytes, undefined, Reason.notAuthorized);
  }
}

/** Whether a client may publish to a topic, retained or not. */
export function maySend(
  { broker }: ConnectionHost,
  permissions: ClientPermissions,
  { topic, retain }: { readonly topic: string; readonly retain: boolean },
): boolean {
  // A topic of the server itself (4.7.2).
  if (topic.charCodeAt(0) === DOLLAR && !broker.takesFromClients(topic)) return false;
  return permissions.mayPublish(topic) && (!retain || permissions.mayRetain(topic));
}

function checkTopicLength(topic: string): void {
  if (isTooLong(topic)) throw new mqtt.MqttError('topic-invalid', Reason.topicNameInvalid, 'the topic is too long');
}
