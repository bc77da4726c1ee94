import type {
  Device,
  DeviceConnection,
  DeviceDetail,
  DeviceMessages,
  DevicePrincipal,
  Fleet,
} from '../gateway/console/index.ts';
import {
  type ClientConnection,
  type ClientDirectory,
  type Iot,
  type TappedMessage,
  type Thing,
  thingArn,
} from '../services/iot/index.ts';

type Cloud = Pick<Iot, 'things' | 'history' | 'taps' | 'broker' | 'principal'>;

/** The fleet of a node: things of the registry, clients that there have been, and how the two belong together. */
export class NodeFleet implements Fleet {
  readonly #iot: Cloud;
  /** Asked with each call: the gateway opens after the routes. */
  readonly #clients: () => ClientDirectory | undefined;

  constructor(iot: Cloud, clients: () => ClientDirectory | undefined) {
    this.#iot = iot;
    this.#clients = clients;
  }

  devices(): readonly Device[] {
    const { things, history } = this.#iot;
    const all = new Map(things.list().map((thing) => [thing.name, this.#ofThing(thing)]));
    for (const [clientId, connection] of history.clients()) {
      const name = connection.thingName ?? clientId;
      if (!all.has(name)) all.set(name, ofClient(clientId, connection));
    }
    return [...all.values()];
  }

  device(name: string): Device | undefined {
    const { things, history } = this.#iot;
    const thing = things.find(name);
    if (thing) return this.#ofThing(thing);
    const connection = history.last(name);
    return connection && ofClient(name, connection);
  }

  async detail({ name, connection }: Device): Promise<Pick<DeviceDetail, 'arn' | 'principals' | 'subscriptions'>> {
    const thing = this.#iot.things.find(name);
    const attached = thing?.principals ?? [];
    const used = connection?.principal;
    const isAttached = used === undefined || attached.some(({ principal }) => principal.endsWith(used));
    const described = attached.map(({ principal, type }) =>
      this.#principal(principal, true, type === 'EXCLUSIVE_THING'),
    );
    if (!isAttached) described.push(this.#principal(used, false, false));
    const subscriptions = connection ? this.#iot.broker.subscriptionsOfClient(connection.clientId) : [];
    return {
      ...(thing && { arn: thingArn(thing) }),
      principals: await Promise.all(described),
      subscriptions: subscriptions.map(({ filter, qos }) => ({ filter, qos })),
    };
  }

  async connections({ connection }: Device): Promise<readonly DeviceConnection[]> {
    if (!connection) return [];
    const { clientId } = connection;
    return (await this.#iot.history.connections(clientId)).map((one) => ({ clientId, ...one }));
  }

  messages({ name, connection }: Device, after: number): DeviceMessages {
    const { messages, last } = this.#iot.taps.read(connection?.clientId ?? name, after);
    return { messages: messages.map(shown), last };
  }

  disconnect({ name, connection }: Device): boolean {
    return this.#clients()?.disconnect(connection?.clientId ?? name) ?? false;
  }

  async #principal(principal: string, isAttached: boolean, isExclusive: boolean): Promise<DevicePrincipal> {
    const { arn, ...facts } = await this.#iot.principal(principal);
    return { principal: arn, isAttached, isExclusive, ...facts };
  }

  #ofThing(thing: Thing): Device {
    const { things, history } = this.#iot;
    const clientId = history.clientOfThing(thing.name);
    const connection = history.last(clientId);
    return {
      name: thing.name,
      isThing: true,
      ...(thing.typeName !== undefined && { typeName: thing.typeName }),
      groups: things.groupsOf(thing).map(({ name }) => name),
      attributes: thing.attributes,
      ...(connection && { connection: { clientId, ...connection } }),
    };
  }
}

function ofClient(clientId: string, connection: ClientConnection): Device {
  return { name: clientId, isThing: false, groups: [], attributes: {}, connection: { clientId, ...connection } };
}

/** A payload that is cut may end within a character: that one is left out. */
function shown({ payload, ...message }: TappedMessage): DeviceMessages['messages'][number] {
  const isCut = payload.length < message.bytes;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(payload, { stream: isCut });
    return { ...message, text, isText: true };
  } catch {
    return { ...message, text: payload.toString('hex'), isText: false };
  }
}
