import { type Clock, DEFAULT_REGION, DomainError, type Random } from '../../../base/index.ts';
import type { Target } from '../../../delivery/index.ts';
import type { QueueSource } from '../../../pollers/index.ts';
import { type Records, Registry } from '../../../store/index.ts';
import type { Logger, Metrics } from '../../../telemetry/index.ts';
import type { Broker } from '../broker/broker.ts';
import type { GroupCommit } from '../broker/commit-group.ts';
import { IotError } from '../errors.ts';
import { Bridge } from './bridge.ts';
import { brokerArn, brokerOfArn, type ForeignBroker, topicsOfArn } from './foreign-broker.ts';
import { BRIDGE_LIMITS } from './limits.ts';
import { Link, type LinkOptions } from './link.ts';
import { type BridgeRoute, checkRoutes, comesIn, remoteFilter } from './route.ts';
import { ForeignSource } from './source.ts';

/** The foreign brokers of a node: as event sources, as a delivery target, and bridged. */
export interface ForeignBrokers extends AsyncDisposable {
  /** Lets bridges forward. */
  start(): void;
  /**
   * Topics of a broker as an event source; nothing is dialled before it is read.
   * @param reader  UUID of the mapping: each has a session of its own at the broker, and gets every message, unless its filter
   *   names a group that it shares them with
   * @throws IotError request-invalid
   */
  source(arn: string, reader: string): QueueSource;
  /** Has the broker forget what it keeps for a reader; gives up after a while. */
  forget(arn: string, reader: string): Promise<void>;
  /** Takes deliveries to `arn:aws:mqtt:REGION:ACCOUNT:broker/NAME`; done when the broker has acknowledged them. */
  readonly target: Target;
}

/** What is stored of bridges. Keys: `node`, `broker/NAME`. */
interface BridgeRow {
  /** Of the node: its name on the path of messages, and in client ids. */
  readonly id?: string;
  /** Of a broker: filters that it may have of us. */
  readonly filters?: readonly string[];
}

export interface ForeignBrokersOptions {
  readonly brokers: readonly ForeignBroker[];
  readonly routes: readonly BridgeRoute[];
  readonly records: Records;
  readonly local: Broker;
  readonly commit: GroupCommit;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** @throws DomainError bridge-invalid: bridges that would go round in a circle */
export async function openForeignBrokers(options: ForeignBrokersOptions): Promise<ForeignBrokers> {
  const { brokers, routes, clock, random, logger } = options;
  checkRoutes(routes, brokers);
  const byName = new Map(brokers.map((broker) => [broker.name, broker]));
  const bridges = brokers.length === 0 ? new Map<string, Bridge>() : await openBridges(options);

  const existing = (name: string): ForeignBroker => {
    const broker = byName.get(name);
    if (broker) return broker;
    const known = [...byName.keys()].join(', ') || 'none';
    throw new IotError('request-invalid', `The configuration names no broker ${name}: there is ${known}.`);
  };
  const sessionOf = (arn: string, reader: string): Pick<LinkOptions, 'broker' | 'clientId' | 'subscriptions'> => {
    const { broker, filter } = topicsOfArn(arn);
    const request = { filter, qos: 1, noLocal: false, retainAsPublished: true, retainHandling: 1 } as const;
    return { broker: existing(broker), clientId: `millrace-${reader}`, subscriptions: [request] };
  };

  return {
    start: () => bridges.forEach((bridge) => void bridge.start()),
    source: (arn, reader) => {
      const session = sessionOf(arn, reader);
      const window = BRIDGE_LIMITS.unackedMax;
      const link: ConstructorParameters<typeof ForeignSource>[0]['link'] = (onMessage) =>
        new Link({ ...session, window, clock, random, logger, onMessage });
      return new ForeignSource({ arn, clock, random, link });
    },
    forget: async (arn, reader) => {
      const session = knownSession(() => sessionOf(arn, reader));
      if (session) await endSession(session, { clock, random, logger });
    },
    target: {
      deliver: async (delivery, _attempt, _signal, tried) => {
        const { name } = existing(brokerOfArn(delivery.arn));
        await bridges.get(name)!.publish(delivery, tried);
      },
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...bridges.values()].map((bridge) => bridge[Symbol.asyncDispose]()));
    },
  };
}

async function openBridges(options: ForeignBrokersOptions): Promise<ReadonlyMap<string, Bridge>> {
  const { brokers, routes, records, random } = options;
  const registry = await Registry.open<BridgeRow>(records, 'iot/bridges');
  const nodeId = registry.get('node')?.id ?? random.bytes(6).toString('hex');
  if (!registry.has('node')) await registry.put('node', { id: nodeId });
  const bridges = new Map<string, Bridge>();
  for (const broker of brokers) {
    const own = routes.filter((route) => route.broker === broker.name);
    const key = `broker/${broker.name}`;
    const formerFilters = registry.get(key)?.filters ?? [];
    const filters = own.filter(comesIn).map(remoteFilter);
    // Before they are asked for: a broker must not have any that we do not know of. Those unsubscribed stay in the list until
    // the configuration changes again; unsubscribing twice does no harm.
    const known = [...new Set([...filters, ...formerFilters])];
    if (known.length !== formerFilters.length) await registry.put(key, { filters: known });
    const arn = brokerArn(DEFAULT_REGION, broker.name);
    bridges.set(broker.name, new Bridge({ ...options, broker, routes: own, arn, nodeId, formerFilters }));
  }
  return bridges;
}

/** A mapping whose broker is not configured any more has nobody to tell. */
function knownSession<T>(find: () => T): T | undefined {
  try {
    return find();
  } catch (error) {
    if (error instanceof DomainError) return undefined;
    throw error;
  }
}

/** Takes the session up without what it has, and lets go of it. */
async function endSession(
  session: Pick<LinkOptions, 'broker' | 'clientId'>,
  ground: Pick<LinkOptions, 'clock' | 'random' | 'logger'>,
): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = () => {
      patience.cancel();
      void link[Symbol.asyncDispose]().then(resolve);
    };
    const link = new Link({ ...session, ...ground, subscriptions: [], window: 1, clean: true, onMessage, onOpen: end });
    const patience = ground.clock.timer(BRIDGE_LIMITS.forgetMsMax, end);
    link.start();
  });
}

const onMessage = (): void => {};
