import { type Clock, messageOf } from '../../../base/index.ts';
import * as mqtt from '../../../codec/mqtt/index.ts';
import type { Records, Write } from '../../../store/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import { IotError } from '../errors.ts';
import { IOT_LIMITS } from '../limits.ts';

const SPACE = 'iot.retained';
const PAGE = 1_000;
/** First byte of a stored value; a newer format is refused by name (S4). */
const FORMAT = 1;
const LOOK_AGAIN_MS = 1_000;
/** Nodes of the tree that are looked at in one go, a tenth of a millisecond: a filter may match nothing of 100,000 topics. */
const LOOKED_AT_ONCE = 256;
/** Of the objects that hold a user property. */
const PAIR_BYTES = 100;

export interface RetainedMessage {
  readonly topic: string;
  /** A copy of its own, not a view of a received chunk. */
  readonly payload: Buffer;
  readonly qos: mqtt.Qos;
  readonly properties: mqtt.Properties;
  /** Epoch milliseconds. */
  readonly storedAt: number;
}

/** In between comes `undefined` where it was looked for a while: whoever reads it lets others have their turn. */
export type Retained = Generator<RetainedMessage | undefined>;

interface Node {
  readonly children: Map<string, Node>;
  message: RetainedMessage | undefined;
}

const newNode = (): Node => ({ children: new Map(), message: undefined });

/**
 * The last retained message of each topic, in memory and in the records store.
 *
 * A change is seen by new subscribers at once, as the message itself is by those who are there; {@link committed} tells when it
 * is durable. While one commit is under way, further changes wait and go together in the next (one per topic).
 */
export class RetainedMessages {
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #root = newNode();
  readonly #byTopic = new Map<string, RetainedMessage>();
  #bytes = 0;
  /** By the monotonic clock: when it is worth to look for expired ones again. */
  #lookAgainAt = 0;
  readonly #dirty = new Set<string>();
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  private constructor(dependencies: { readonly records: Records; readonly clock: Clock; readonly logger: Logger }) {
    this.#records = dependencies.records;
    this.#clock = dependencies.clock;
    this.#logger = dependencies.logger;
  }

  /** Reads what is stored. */
  static async open(dependencies: {
    readonly records: Records;
    readonly clock: Clock;
    readonly logger: Logger;
  }): Promise<RetainedMessages> {
    const retained = new RetainedMessages(dependencies);
    await retained.#load();
    return retained;
  }

  get size(): number {
    return this.#byTopic.size;
  }

  /**
   * Keeps the message for its topic; an empty payload lets go of what was kept (3.3.1.3).
   *
   * @returns false when a limit does not let it in: the message is then delivered, not kept
   */
  set(packet: mqtt.PublishPacket, properties: mqtt.Properties): boolean {
    const { topic, qos } = packet;
    // Changes that the store has not taken for long: no more until it does.
    if (this.#dirty.size >= IOT_LIMITS.retainedMessagesMax) return false;
    if (packet.payload.length === 0) {
      if (this.#forget(topic)) this.#dirty.add(topic);
      return true;
    }
    const bytes = bytesOf({ topic, payload: packet.payload, properties });
    if (!this.#hasRoom(topic, bytes) && !(this.#forgetExpired() && this.#hasRoom(topic, bytes))) return false;
    this.#keep({ topic, payload: Buffer.from(packet.payload), qos, properties, storedAt: this.#clock.now() });
    this.#dirty.add(topic);
    return true;
  }

  get(topic: string): RetainedMessage | undefined {
    const message = this.#byTopic.get(topic);
    return message && remainingExpiry(message, this.#clock.now()) !== 0 ? message : undefined;
  }

  /** The first topics behind one, in order. Looks through all, and sorts few: to sort 100,000 would hold up everybody's messages for 0.1 s. */
  topicsBehind(after: string | undefined, limit: number): readonly string[] {
    let found: string[] = [];
    let last: string | undefined;
    for (const topic of this.#byTopic.keys()) {
      if ((after !== undefined && topic <= after) || (last !== undefined && topic > last) || !this.get(topic)) continue;
      found.push(topic);
      if (found.length < 2 * limit) continue;
      found = found.sort().slice(0, limit);
      last = found.at(-1);
    }
    return found.sort().slice(0, limit);
  }

  /** Messages whose topic matches the filter; see {@link Retained}. Those whose expiry has passed are let go of. */
  *matching(filter: string): Retained {
    for (const message of walk(this.#root, filter.split('/'), 0, { nodes: 0 })) {
      if (message === undefined) {
        yield undefined;
        continue;
      }
      const remaining = remainingExpiry(message, this.#clock.now());
      if (remaining !== 0) yield withExpiry(message, remaining);
      else if (this.#forget(message.topic)) this.#dirty.add(message.topic);
    }
  }

  /** Resolves when every change made before the call is durable. @throws RecordsErrorCode */
  committed(): Promise<void> {
    if (this.#dirty.size === 0) return this.#running ?? Promise.resolve();
    this.#next ??= this.#commitAfter(this.#running);
    return this.#next;
  }

  /** One commit at a time: all that change while one runs go together in the next. */
  async #commitAfter(running: Promise<void> | undefined): Promise<void> {
    // The failure of the one before is told to those who wait for it.
    await running?.catch(() => {});
    this.#running = this.#next;
    this.#next = undefined;
    const topics = [...this.#dirty];
    this.#dirty.clear();
    try {
      await this.#write(topics);
    } catch (error) {
      // Still to be stored: the next commit tries again.
      for (const topic of topics) this.#dirty.add(topic);
      throw error;
    } finally {
      if (this.#next === undefined) this.#running = undefined;
    }
  }

  async #write(topics: readonly string[]): Promise<void> {
    for (let at = 0; at < topics.length; at += PAGE) {
      const writes = topics.slice(at, at + PAGE).map((topic): Write => {
        const key = Buffer.from(topic);
        const message = this.#byTopic.get(topic);
        if (!message) return { kind: 'delete', space: SPACE, key };
        return { kind: 'put', space: SPACE, key, value: encode(message) };
      });
      await this.#records.commit({ writes });
    }
  }

  async #load(): Promise<void> {
    let from: Uint8Array | undefined;
    for (;;) {
      const page = await this.#records.range(SPACE, { ...(from && { from }), limit: PAGE });
      for (const { key, value } of page) this.#keep(decode(Buffer.from(key).toString(), Buffer.from(value)));
      if (page.length < PAGE) break;
      from = Buffer.concat([page.at(-1)!.key, Buffer.from([0])]);
    }
    if (this.size > 0) this.#logger.debug('retained messages loaded', { messages: this.size, bytes: this.#bytes });
  }

  #hasRoom(topic: string, bytes: number): boolean {
    const before = this.#byTopic.get(topic);
    if (this.#bytes - (before ? bytesOf(before) : 0) + bytes > IOT_LIMITS.retainedBytesMax) return false;
    return before !== undefined || this.#byTopic.size < IOT_LIMITS.retainedMessagesMax;
  }

  /** Lets go of what has expired: it must not keep out what is new. Looks through all, so not again at once; false when there was none. */
  #forgetExpired(): boolean {
    const now = this.#clock.monotonic();
    if (now < this.#lookAgainAt) return false;
    this.#lookAgainAt = now + LOOK_AGAIN_MS;
    const expired = this.#byTopic.values().filter((message) => remainingExpiry(message, this.#clock.now()) === 0);
    let forgotten = 0;
    for (const { topic } of expired.take(PAGE)) {
      this.#forget(topic);
      this.#dirty.add(topic);
      forgotten++;
    }
    return forgotten > 0;
  }

  #keep(message: RetainedMessage): void {
    const before = this.#byTopic.get(message.topic);
    this.#bytes += bytesOf(message) - (before ? bytesOf(before) : 0);
    this.#byTopic.set(message.topic, message);
    let node = this.#root;
    for (const level of message.topic.split('/')) {
      let child = node.children.get(level);
      if (!child) {
        child = newNode();
        node.children.set(level, child);
      }
      node = child;
    }
    node.message = message;
  }

  #forget(topic: string): boolean {
    const message = this.#byTopic.get(topic);
    if (!message) return false;
    this.#byTopic.delete(topic);
    this.#bytes -= bytesOf(message);
    prune(this.#root, topic.split('/'), 0);
    return true;
  }
}

/** What a message takes, roughly: properties are as long as the client likes, and each one costs an object of its own. */
function bytesOf({ topic, payload, properties }: Pick<RetainedMessage, 'topic' | 'payload' | 'properties'>): number {
  const bytes = topic.length + payload.length;
  if (properties === mqtt.NO_PROPERTIES) return bytes;
  const { contentType = '', responseTopic = '', correlationData = '', userProperties = [] } = properties;
  const pairs = userProperties.reduce((sum, [name, value]) => sum + PAIR_BYTES + name.length + value.length, 0);
  return bytes + contentType.length + responseTopic.length + correlationData.length + pairs;
}

function prune(node: Node, levels: readonly string[], depth: number): void {
  if (depth === levels.length) {
    node.message = undefined;
    return;
  }
  const level = levels[depth]!;
  const child = node.children.get(level);
  if (!child) return;
  prune(child, levels, depth + 1);
  if (!child.message && child.children.size === 0) node.children.delete(level);
}

/** What a walk has cost. */
interface Looked {
  nodes: number;
}

function* walk(node: Node, filter: readonly string[], depth: number, looked: Looked): Retained {
  const level = filter[depth];
  if (level === '#') return yield* everything(node, depth === 0, looked);
  if (++looked.nodes % LOOKED_AT_ONCE === 0) yield undefined;
  if (level === undefined) {
    if (node.message) yield node.message;
    return;
  }
  if (level !== '+') {
    const child = node.children.get(level);
    if (child) yield* walk(child, filter, depth + 1, looked);
    return;
  }
  for (const [name, child] of node.children) {
    if (depth > 0 || !name.startsWith('$')) yield* walk(child, filter, depth + 1, looked);
  }
}

/** All below, and the node itself: `a/#` matches `a`. */
function* everything(node: Node, isRoot: boolean, looked: Looked): Retained {
  if (++looked.nodes % LOOKED_AT_ONCE === 0) yield undefined;
  if (node.message) yield node.message;
  for (const [name, child] of node.children) {
    if (!isRoot || !name.startsWith('$')) yield* everything(child, false, looked);
  }
}

/** Seconds left, undefined when the message does not expire, 0 when it has. */
function remainingExpiry({ properties, storedAt }: RetainedMessage, now: number): number | undefined {
  const interval = properties.messageExpiryInterval;
  if (interval === undefined) return undefined;
  // A clock that was set back makes no message last longer.
  return Math.max(0, interval - Math.floor(Math.max(0, now - storedAt) / 1000));
}

function withExpiry(message: RetainedMessage, remaining: number | undefined): RetainedMessage {
  if (remaining === undefined) return message;
  return { ...message, properties: { ...message.properties, messageExpiryInterval: remaining } };
}

/** Format, 8 bytes of time, then the message as the MQTT 5 PUBLISH that carries it. */
function encode({ topic, payload, qos, properties, storedAt }: RetainedMessage): Buffer {
  const packetId = qos === 0 ? 0 : 1;
  const packet: mqtt.Packet = { type: 'publish', topic, payload, qos, retain: true, dup: false, packetId, properties };
  const head = Buffer.alloc(9);
  head[0] = FORMAT;
  head.writeDoubleBE(storedAt, 1);
  return Buffer.concat([head, mqtt.encodePacket(packet, 5)]);
}

function decode(topic: string, value: Buffer): RetainedMessage {
  if (value[0] !== FORMAT)
    throw new IotError('unavailable', `retained message in format ${value[0]}: made by a newer Millrace`);
  const decoder = new mqtt.PacketDecoder({ version: 5, packetBytesMax: value.length });
  decoder.push(value.subarray(9));
  try {
    const packet = decoder.next();
    if (packet?.type === 'publish') {
      const { payload, qos, properties } = packet;
      return { topic, payload: Buffer.from(payload), qos, properties, storedAt: value.readDoubleBE(1) };
    }
  } catch (error) {
    throw new IotError('unavailable', `the retained message of ${topic} is damaged: ${messageOf(error)}`, {
      cause: error,
    });
  }
  throw new IotError('unavailable', `the retained message of ${topic} is damaged`);
}
