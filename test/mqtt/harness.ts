import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqttjs, { type IClientOptions, type MqttClient } from 'mqtt';
import { type Clock, DomainError, seededRandom, systemClock } from '../../src/base/index.ts';
import * as mqtt from '../../src/codec/mqtt/index.ts';
import type { Delivery, DeliveryService } from '../../src/delivery/index.ts';
import { type MqttGateway, type MqttGatewayOptions, openMqttGateway } from '../../src/gateway/mqtt/index.ts';
import type { OperationContext } from '../../src/services/index.ts';
import {
  type CheckProvisioning,
  type InvokeFunction,
  type Iot,
  type KinesisPort,
  openIot,
  type StreamPort,
} from '../../src/services/iot/index.ts';
import { openEmbeddedRecords } from '../../src/store/records/embedded/records.ts';
import { createMetrics, type Metrics, silentLogger } from '../../src/telemetry/index.ts';

/** A stream port whose commits can be held back, to see what waits for them. */
export class HeldStreams implements KinesisPort {
  readonly records: { readonly stream: string; readonly key: string; readonly data: string }[] = [];
  readonly missing = new Set<string>();
  #held: PromiseWithResolvers<void> | undefined;

  stream(name: string): StreamPort | undefined {
    if (this.missing.has(name)) return undefined;
    return {
      isDeleted: false,
      enqueue: (key, data) => {
        if (this.refusal) throw this.refusal;
        this.records.push({ stream: name, key, data: Buffer.from(data).toString() });
      },
    };
  }

  /** What `enqueue` throws from now on. */
  refusal: DomainError | undefined;

  committed(): Promise<void> {
    return this.#held?.promise ?? Promise.resolve();
  }

  hold(): void {
    this.#held = Promise.withResolvers<void>();
  }

  /** Lets the held commits go, as done or as failed. */
  release(error?: unknown): void {
    if (error === undefined) this.#held?.resolve();
    else this.#held?.reject(error);
    this.#held = undefined;
  }
}

/** Takes deliveries and keeps them for the test to look at. */
export class KeptDeliveries implements DeliveryService {
  readonly sent: Delivery[] = [];
  /** ARNs of targets that there are not, which is found out later. */
  readonly missing = new Set<string>();
  register(): void {}
  async send(deliveries: readonly Delivery[]): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.missing.size > 0 ? 20 : 0));
    const missing = deliveries.find(({ arn }) => this.missing.has(arn));
    if (missing) throw new DomainError('target-unknown', `there is no target ${missing.arn}`);
    this.sent.push(...deliveries);
  }
  edges() {
    return [];
  }
  onDelivered() {
    return () => {};
  }

  onGivenUp() {
    return () => {};
  }
  async [Symbol.asyncDispose](): Promise<void> {}
}

export interface Rig extends AsyncDisposable {
  readonly iot: Iot;
  readonly gateway: MqttGateway;
  readonly streams: HeldStreams;
  readonly deliveries: KeptDeliveries;
  readonly metrics: Metrics;
  readonly port: number;
  /** Calls an operation of `iot` or `iotdata`. */
  call(operation: string, input: unknown): Promise<any>;
  /** Makes a rule from its SQL and actions. */
  rule(name: string, sql: string, actions: readonly unknown[], more?: Record<string, unknown>): Promise<void>;
  /** Closes all and opens it again on the same data. */
  restart(): Promise<Rig>;
}

export type RigOptions = Partial<
  Pick<
    MqttGatewayOptions,
    'limits' | 'access' | 'watcher' | 'clock' | 'listeners' | 'identity' | 'http' | 'proxies' | 'logger' | 'successor'
  >
> & { readonly invokeFunction?: InvokeFunction; readonly checkProvisioning?: CheckProvisioning };

export const CONTEXT: OperationContext = {
  requestId: 'r',
  region: 'eu-central-1',
  caller: { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:root' },
  endpoint: 'http://127.0.0.1:4566',
  signal: new AbortController().signal,
  trace: { traceId: '1'.repeat(32), spanId: '1'.repeat(16), sampled: true },
};

/** The broker and its gateway over a real records store. */
export async function openRig(given: RigOptions = {}, directory?: string): Promise<Rig> {
  const { invokeFunction, checkProvisioning, ...options } = given;
  const home = directory ?? (await mkdtemp(join(tmpdir(), 'millrace-mqtt-')));
  const clock: Clock = options.clock ?? systemClock;
  const metrics = createMetrics();
  const shared = { clock, random: seededRandom(5), logger: silentLogger, metrics };
  // What is open when something fails to open would keep the test's process from ending.
  await using opening = new AsyncDisposableStack();
  const records = opening.use(await openEmbeddedRecords({ directory: join(home, 'records') }));
  const streams = new HeldStreams();
  const deliveries = new KeptDeliveries();
  const iot = opening.use(
    await openIot({
      records,
      delivery: deliveries,
      kinesis: streams,
      ...shared,
      ...(invokeFunction && { invokeFunction }),
      ...(checkProvisioning && { checkProvisioning }),
    }),
  );
  const gateway = await openMqttGateway({ broker: iot.broker, watcher: iot.watcher, port: 0, ...shared, ...options });
  iot.showClients(gateway.clients);
  const opened = opening.move();
  const close = async () => {
    streams.release();
    await gateway.close();
    await opened.disposeAsync();
  };
  const operations = Object.assign({}, ...iot.services.map((service) => service.operations));
  const call = async (operation: string, input: unknown) => operations[operation](input, CONTEXT);
  return {
    iot,
    gateway,
    streams,
    deliveries,
    metrics,
    port: gateway.address.port,
    call,
    rule: async (ruleName, sql, actions, more = {}) => {
      await call('CreateTopicRule', { ruleName, topicRulePayload: { sql, actions, ...more } });
    },
    restart: async () => {
      await close();
      return openRig(given, home);
    },
    [Symbol.asyncDispose]: async () => {
      await close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** The value of a counter in the Prometheus text. */
export function metric(rig: Rig, name: string): number {
  const line = rig.metrics
    .render()
    .split('\n')
    .find((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
  return Number(line?.split(' ').at(-1) ?? 0);
}

/** A client of our own codec that sees every packet, and can send bytes of any kind. */
export class RawClient implements AsyncDisposable {
  readonly socket: Socket;
  readonly #decoder: mqtt.PacketDecoder;
  readonly #packets: mqtt.Packet[] = [];
  readonly #waiting: ((packet: mqtt.Packet | undefined) => void)[] = [];
  #ended = false;

  private constructor(socket: Socket, version: mqtt.ProtocolVersion) {
    this.socket = socket;
    this.#decoder = new mqtt.PacketDecoder({ version, repeatedMax: 10_000 });
    socket.on('data', (chunk) => this.#received(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#ended = true;
      for (const waiter of this.#waiting.splice(0)) waiter(undefined);
    });
  }

  static async open(port: number, version: mqtt.ProtocolVersion = 5): Promise<RawClient> {
    const socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
    const client = new RawClient(socket, version);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return client;
  }

  /** Connected; its CONNACK is in `connack`. */
  static async connected(port: number, options: Partial<mqtt.ConnectPacket> = {}): Promise<RawClient> {
    const client = await RawClient.open(port, options.version ?? 5);
    client.send(connect(options));
    const connack = await client.next();
    if (connack?.type !== 'connack' || connack.reasonCode !== 0) throw new Error(`refused: ${JSON.stringify(connack)}`);
    return client;
  }

  get version(): mqtt.ProtocolVersion {
    return this.#decoder.version;
  }

  send(...packets: readonly mqtt.Packet[]): void {
    this.socket.write(Buffer.concat(packets.map((packet) => mqtt.encodePacket(packet, this.version))));
  }

  write(bytes: Buffer | string): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes.replaceAll(' ', ''), 'hex') : bytes);
  }

  /** The next packet; `undefined` when the server has closed. */
  next(): Promise<mqtt.Packet | undefined> {
    const packet = this.#packets.shift();
    if (packet || this.#ended) return Promise.resolve(packet);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Packets that have come and were not asked for. */
  get unread(): number {
    return this.#packets.length;
  }

  /** Sends PINGREQ and waits for its answer: all that was sent before is answered then, if it is answered at once. */
  async settle(): Promise<void> {
    this.send({ type: 'pingreq' });
    const kept: mqtt.Packet[] = [];
    for (;;) {
      const packet = await this.next();
      if (!packet || packet.type === 'pingresp') break;
      kept.push(packet);
    }
    this.#packets.unshift(...kept);
  }

  async subscribe(filter: string, qos: mqtt.Qos = 1, more: Partial<mqtt.SubscriptionRequest> = {}): Promise<number> {
    const request = { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0, ...more } as const;
    this.send({ type: 'subscribe', packetId: 1, subscriptions: [request], properties: mqtt.NO_PROPERTIES });
    const suback = await this.next();
    if (suback?.type !== 'suback') throw new Error(`no SUBACK but ${suback?.type}`);
    return suback.reasonCodes[0]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
  }

  #received(chunk: Buffer): void {
    this.#decoder.push(chunk);
    for (let packet = this.#decoder.next(); packet; packet = this.#decoder.next()) {
      const waiter = this.#waiting.shift();
      if (waiter) waiter(packet);
      else this.#packets.push(packet);
    }
  }
}

export function connect(options: Partial<mqtt.ConnectPacket> = {}): mqtt.ConnectPacket {
  return { type: 'connect', version: 5, clientId: 'raw', clean: true, keepAlive: 0, properties: {}, ...options };
}

export function publish(topic: string, payload: string, options: Partial<mqtt.PublishPacket> = {}): mqtt.PublishPacket {
  const qos = options.qos ?? 0;
  return {
    type: 'publish',
    topic,
    payload: Buffer.from(payload),
    qos,
    retain: false,
    dup: false,
    packetId: qos === 0 ? 0 : 1,
    properties: mqtt.NO_PROPERTIES,
    ...options,
  };
}

/** mqtt.js, connected. */
export function mqttJs(port: number, options: IClientOptions = {}): Promise<MqttClient> {
  return mqttjs.connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0, ...options });
}
