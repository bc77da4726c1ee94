import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import * as mqtt from '../../../src/codec/mqtt/index.ts';

/** A message on its way out, until the broker has taken it whole. */
interface Outgoing {
  readonly topic: string;
  readonly id: number;
  readonly qos: 1 | 2;
  readonly retain: boolean;
  /** PUBREC has come: only its identifier is to be released. */
  isReceived: boolean;
}

export interface DeviceOptions {
  /** Where its state stands: as durable as the broker's, since a client of QoS 2 is one half of the promise. */
  readonly file: string;
  readonly port: number;
  readonly clientId: string;
  readonly version?: mqtt.ProtocolVersion;
  readonly receiveMaximum?: number;
  /** What it subscribes to, once in its life: the broker remembers. */
  readonly filters?: readonly string[];
}

/**
 * An MQTT client whose session outlives it: written for the crash tests, so that what it has seen and promised is in a file before it
 * says so. Payloads are the ids of steps.
 *
 * | line                             | is                                                      |
 * |----------------------------------|---------------------------------------------------------|
 * | `p PACKET QOS RETAIN TOPIC ID`   | it publishes                                            |
 * | `r PACKET`                       | PUBREC has come                                         |
 * | `d PACKET`                       | PUBACK or PUBCOMP has come                              |
 * | `i QOS PACKET TOPIC ID`          | a message was received and is the application's now     |
 * | `l PACKET`                       | the identifier of a received message is released        |
 * | `s`                              | the broker has a session of it, with its subscriptions  |
 */
export class Device {
  readonly #options: DeviceOptions;
  readonly #log: number;
  readonly #outgoing = new Map<number, Outgoing>();
  readonly #incoming = new Set<number>();
  readonly #waiting = new Map<number, () => void>();
  /** What was received: ids in order, with those that have come twice, by QoS and topic. */
  readonly received = new Map<string, number[]>();
  /** What the broker has done wrong. */
  fault: string | undefined;
  #isKnown = false;
  #socket: Socket | undefined;
  #isConnected = false;
  #isAway = false;
  #lastPacketId = 0;

  constructor(options: DeviceOptions) {
    this.#options = options;
    if (existsSync(options.file)) for (const line of readFileSync(options.file, 'utf8').split('\n')) this.#replay(line);
    this.#log = openSync(options.file, 'a');
  }

  /** Messages that the broker has not taken whole. */
  get pending(): number {
    return this.#outgoing.size;
  }

  /** The broker has its session, with its subscriptions. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** Publishes, at once if it is connected; resolves when the broker has taken the message whole. */
  publish(topic: string, id: number, qos: 1 | 2, retain = false): Promise<void> {
    do this.#lastPacketId = (this.#lastPacketId % 0xffff) + 1;
    while (this.#outgoing.has(this.#lastPacketId));
    const packetId = this.#lastPacketId;
    const message = { topic, id, qos, retain, isReceived: false };
    this.#note(`p ${packetId} ${qos} ${retain ? 1 : 0} ${topic} ${id}`);
    this.#outgoing.set(packetId, message);
    const done = new Promise<void>((resolve) => this.#waiting.set(packetId, resolve));
    if (this.#isConnected) this.#send(publishPacket(packetId, message, false));
    return done;
  }

  /** Goes away, or comes back. */
  toggle(): void {
    this.#isAway = !this.#isAway;
    if (this.#isAway) this.#socket?.destroy();
    else this.connect();
  }

  /** Loses its connection and comes back at once; sometimes before the broker knows. */
  bounce(beforeEnd: boolean): void {
    if (this.#isAway) return;
    const before = this.#socket;
    if (!beforeEnd) return void before?.destroy();
    this.connect();
    before?.destroy();
  }

  comeBack(): void {
    if (this.#isAway) this.toggle();
  }

  connect(): void {
    const { port, clientId, version = 5, receiveMaximum } = this.#options;
    this.#isConnected = false;
    const socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
    this.#socket = socket;
    const decoder = new mqtt.PacketDecoder({ version });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.#isConnected = false;
      this.#socket = undefined;
      if (!this.#isAway) setImmediate(() => !this.#socket && !this.#isAway && this.connect());
    });
    socket.on('data', (chunk) => {
      decoder.push(chunk);
      for (let packet = decoder.next(); packet; packet = decoder.next()) {
        if (this.#socket === socket) this.#handle(packet);
      }
    });
    const properties = { sessionExpiryInterval: 86_400, ...(receiveMaximum && { receiveMaximum }) };
    const packet = { type: 'connect', version, clientId, clean: false, keepAlive: 0, properties } as const;
    socket.write(mqtt.encodePacket(packet, version));
  }

  close(): void {
    this.#isAway = true;
    this.#socket?.destroy();
    this.#socket = undefined;
    closeSync(this.#log);
  }

  #handle(packet: mqtt.Packet): void {
    switch (packet.type) {
      case 'connack':
        return this.#connected(packet);
      case 'suback':
        return this.#note('s');
      case 'puback':
      case 'pubcomp':
        return this.#done(packet.packetId);
      case 'pubrec':
        return this.#pubrec(packet.packetId);
      case 'publish':
        return this.#publish(packet);
      case 'pubrel':
        if (this.#incoming.delete(packet.packetId)) this.#note(`l ${packet.packetId}`);
        return this.#send(ack('pubcomp', packet.packetId));
      default:
    }
  }

  #connected({ sessionPresent, reasonCode }: mqtt.ConnackPacket): void {
    if (reasonCode !== 0) return void this.#socket?.destroy();
    const { filters = [] } = this.#options;
    if (this.#isKnown && !sessionPresent) this.fault ??= `${this.#options.clientId}: the session is lost`;
    this.#isConnected = true;
    if (!this.#isKnown && filters.length > 0) {
      const subscriptions = filters.map((filter) => {
        return { filter, qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 2 } as const;
      });
      this.#send({ type: 'subscribe', packetId: 0xffff, subscriptions, properties: {} });
    } else if (!this.#isKnown) this.#note('s');
    for (const [packetId, message] of this.#outgoing) {
      this.#send(message.isReceived ? ack('pubrel', packetId) : publishPacket(packetId, message, true));
    }
  }

  #publish({ topic, qos, packetId, payload }: mqtt.PublishPacket): void {
    // Had already, and its identifier not yet released: not for the application again [MQTT-4.3.3-10].
    const isRepeated = qos === 2 && this.#incoming.has(packetId);
    if (!isRepeated) this.#note(`i ${qos} ${packetId} ${topic} ${payload.toString()}`);
    if (qos > 0) this.#send(ack(qos === 1 ? 'puback' : 'pubrec', packetId));
  }

  #pubrec(packetId: number): void {
    const message = this.#outgoing.get(packetId);
    if (message && !message.isReceived) this.#note(`r ${packetId}`);
    this.#send(ack('pubrel', packetId));
  }

  #done(packetId: number): void {
    if (!this.#outgoing.has(packetId)) return;
    this.#note(`d ${packetId}`);
    this.#waiting.get(packetId)?.();
    this.#waiting.delete(packetId);
  }

  /** On file first, then in memory: what follows is said to the broker afterwards. */
  #note(line: string): void {
    writeSync(this.#log, `${line}\n`);
    this.#replay(line);
  }

  #replay(line: string): void {
    const [kind, ...words] = line.split(' ') as [string, ...string[]];
    const packetId = Number(kind === 'i' ? words[1] : words[0]);
    if (kind === 'p') {
      const [, qos, retain, topic, id] = words as [string, string, string, string, string];
      const fields = { topic, id: Number(id), qos: Number(qos) as 1 | 2, retain: retain === '1', isReceived: false };
      this.#outgoing.set(packetId, fields);
      this.#lastPacketId = packetId;
    } else if (kind === 'r') this.#outgoing.get(packetId)!.isReceived = true;
    else if (kind === 'd') this.#outgoing.delete(packetId);
    else if (kind === 'l') this.#incoming.delete(packetId);
    else if (kind === 's') this.#isKnown = true;
    else if (kind === 'i') this.#receive(words[0]!, packetId, words[2]!, Number(words[3]));
  }

  #receive(qos: string, packetId: number, topic: string, id: number): void {
    if (qos === '2') this.#incoming.add(packetId);
    const key = `${qos} ${topic}`;
    const ids = this.received.get(key);
    if (ids) ids.push(id);
    else this.received.set(key, [id]);
  }

  #send(packet: mqtt.Packet): void {
    this.#socket?.write(mqtt.encodePacket(packet, this.#options.version ?? 5));
  }
}

function ack(type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp', packetId: number): mqtt.Packet {
  return { type, packetId, reasonCode: 0, properties: mqtt.NO_PROPERTIES };
}

function publishPacket(packetId: number, { topic, id, qos, retain }: Outgoing, dup: boolean): mqtt.Packet {
  return { type: 'publish', topic, payload: Buffer.from(`${id}`), qos, retain, dup, packetId, properties: {} };
}
