import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqttjs, { type IClientOptions, type MqttClient } from 'mqtt';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { type Outbox, openDelivery } from '../../src/delivery/index.ts';
import { openMqttGateway } from '../../src/gateway/mqtt/index.ts';
import {
  type BridgeRoute,
  type ForeignBroker,
  type Iot,
  openIot,
  type Subscriber,
  type Subscription,
} from '../../src/services/iot/index.ts';
import { type EventSourceMappings, openEventSourceMappings } from '../../src/services/lambda/index.ts';
import { openEmbeddedRecords } from '../../src/store/index.ts';
import { createLogger, createMetrics, type Metrics, silentLogger } from '../../src/telemetry/index.ts';
import { FakeFunction } from '../pollers/fakes.ts';
import { CONTEXT } from '../support/operations.ts';

/** A node's broker, outbox and event source mappings, over real sockets and stores; functions are the test's. */
export interface Side extends AsyncDisposable {
  readonly iot: Iot;
  readonly delivery: Outbox;
  readonly mappings: EventSourceMappings;
  readonly fn: FakeFunction;
  readonly metrics: Metrics;
  readonly port: number;
  readonly directory: string;
  call(operation: string, input: object): Promise<any>;
}

export interface SideOptions {
  readonly brokers?: readonly ForeignBroker[];
  readonly routes?: readonly BridgeRoute[];
  /** Kept when given, for restarts. */
  readonly directory?: string;
  readonly fn?: FakeFunction;
  /** Hears all that the node's broker has, from before its bridges start. */
  readonly onMessage?: (topic: string, text: string) => void;
}

export async function openSide(options: SideOptions = {}): Promise<Side> {
  const { brokers = [], routes = [], fn = new FakeFunction() } = options;
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'millrace-bridge-')));
  const metrics = createMetrics();
  const shared = {
    clock: systemClock,
    random: systemRandom,
    logger: process.env.DEBUG ? createLogger({ clock: systemClock, level: 'debug' }) : silentLogger,
    metrics,
  };
  await using opening = new AsyncDisposableStack();
  if (options.directory === undefined) opening.defer(() => rm(directory, { recursive: true, force: true }));
  const records = opening.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
  const delivery = opening.use(await openDelivery({ records, ...shared }));
  const kinesis = { stream: () => undefined, committed: async () => {} };
  const iot = opening.use(await openIot({ records, delivery, kinesis, foreign: { brokers, routes }, ...shared }));
  opening.defer(() => delivery.stop());
  delivery.register('mqtt', iot.foreign.target);
  const mappings = opening.use(
    await openEventSourceMappings({
      records,
      invoker: fn,
      sourceFor: (arn, reader) => iot.foreign.source(arn, reader),
      forgetReader: (arn, reader) => iot.foreign.forget(arn, reader),
      delivery,
      putObject: async () => {},
      ...shared,
    }),
  );
  const gateway = opening.use(await openMqttGateway({ broker: iot.broker, port: 0, ...shared }));
  if (options.onMessage) iot.broker.subscribe(everything(options.onMessage));
  iot.foreign.start();
  const scope = opening.move();
  return {
    ...{ iot, delivery, mappings, fn, metrics, directory },
    port: gateway.address.port,
    call: (operation, input) => Promise.resolve().then(() => mappings.operations[operation]!(input, CONTEXT)),
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  };
}

function everything(hear: (topic: string, text: string) => void): Subscription {
  const subscriber: Subscriber = {
    clientId: undefined,
    principal: undefined,
    isCongested: false,
    mayReceive: () => true,
    deliver: ({ packet }) => {
      hear(packet.topic, packet.payload.toString());
      return undefined;
    },
  };
  return { subscriber, filter: '#', qos: 1, noLocal: false, retainAsPublished: false };
}

/** A broker on loopback as a configuration names it. */
export function foreign(name: string, port: number, more: Partial<ForeignBroker> = {}): ForeignBroker {
  return { name, host: '127.0.0.1', port, protocol: 5, keepAliveSeconds: 30, sessionExpirySeconds: 3600, ...more };
}

export function route(broker: string, filter: string, more: Partial<BridgeRoute> = {}): BridgeRoute {
  return { bridge: broker, broker, filter, direction: 'both', qos: 1, localPrefix: '', remotePrefix: '', ...more };
}

/** mqtt.js at MQTT 5, connected; ends with the test. */
export async function client(port: number, options: IClientOptions = {}): Promise<MqttClient & AsyncDisposable> {
  const connected = await mqttjs.connectAsync(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: 5,
    reconnectPeriod: 0,
    ...options,
  });
  return Object.assign(connected, { [Symbol.asyncDispose]: () => connected.endAsync(true) });
}

export interface Seen {
  readonly topic: string;
  readonly text: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly userProperties: Readonly<Record<string, unknown>>;
}

/** Subscribes and keeps what comes. */
export async function listen(to: MqttClient, filter: string): Promise<readonly Seen[]> {
  const seen: Seen[] = [];
  to.on('message', (topic, payload, { qos, retain, properties }) => {
    const userProperties = { ...properties?.userProperties };
    seen.push({ topic, text: payload.toString(), qos, retain, userProperties });
  });
  await to.subscribeAsync(filter, { qos: 1 });
  return seen;
}

/** Publishes at QoS 1; tells whether anybody has subscribed (0x10: nobody). */
export async function reaches(from: MqttClient, topic: string, text: string): Promise<boolean> {
  const acknowledged = new Promise<number>((resolve) => {
    const look = (packet: { readonly cmd: string; readonly reasonCode?: number }) => {
      if (packet.cmd !== 'puback') return;
      from.off('packetreceive', look as never);
      resolve(packet.reasonCode ?? 0);
    };
    from.on('packetreceive', look as never);
  });
  await from.publishAsync(topic, text, { qos: 1 });
  return (await acknowledged) !== 0x10;
}

/** A counter's value over all labels that contain `labels`. */
export function counted(metrics: Metrics, name: string, labels: string): number {
  const lines = metrics.render().split('\n');
  const own = lines.filter((text) => text.startsWith(`${name}{`) && text.includes(labels));
  return own.reduce((sum, text) => sum + Number(text.split(' ').at(-1)), 0);
}
