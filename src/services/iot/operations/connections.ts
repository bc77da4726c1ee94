import type { Operation } from '../../index.ts';
import type { ClientDirectory } from '../access/clients.ts';
import type { Broker } from '../broker/broker.ts';
import { IotError } from '../errors.ts';
import { page } from '../pagination.ts';
import type { ClientConnection, ClientHistory } from '../presence/history.ts';

interface Client {
  readonly clientId: string;
}

interface DeleteConnectionInput extends Client {
  readonly preventWillMessage?: boolean;
  readonly cleanSession?: boolean;
}

interface Parts {
  /** Asked with each call: gateways open after the services. */
  readonly clients: () => ClientDirectory;
  readonly history: ClientHistory;
  readonly broker: Pick<Broker, 'sessions' | 'subscriptionsOfClient' | 'drain'>;
}

/** Connections of clients, in the data plane: GetConnection and its family. */
export function connectionOperations({ clients, history, broker }: Parts) {
  const known = (clientId: string): ClientConnection => {
    const connection = history.last(clientId);
    if (connection) return connection;
    throw new IotError('resource-not-found', `No connection of client ${clientId} is known.`);
  };
  return {
    GetConnection: ({
      clientId,
      includeSocketInformation = false,
    }: Client & { includeSocketInformation?: boolean }) => {
      const connection = known(clientId);
      const { disconnectedAt, reason, thingName } = connection;
      const isConnected = disconnectedAt === undefined;
      return {
        connected: isConnected,
        ...(thingName !== undefined && { thingName }),
        ...(isConnected ? { connectedSince: connection.connectedAt } : { disconnectedSince: disconnectedAt }),
        ...(isConnected ? session(connection) : { disconnectReason: reason }),
        ...(includeSocketInformation && socket(connection)),
        clientId,
      };
    },
    /** The client is told and its connection ends; it may come again at once. Of one that is away, only the session can end. That its session is over is durable with the answer. */
    DeleteConnection: async ({ clientId, preventWillMessage = false, cleanSession = false }: DeleteConnectionInput) => {
      const publishesWill = !preventWillMessage;
      const isGone = clients().disconnect(clientId, { publishesWill, endsSession: cleanSession });
      const isEnded = cleanSession && broker.sessions.end(clientId, publishesWill);
      if (!isGone && !isEnded) throw new IotError('resource-not-found', `Client ${clientId} is not connected.`);
      if (cleanSession) await broker.drain();
      return {};
    },
    ListSubscriptions: ({ clientId, nextToken, maxResults }: Client & { nextToken?: string; maxResults?: number }) => {
      known(clientId);
      const all = broker.subscriptionsOfClient(clientId).map(({ filter, qos }) => ({ topicFilter: filter, qos }));
      all.sort((a, b) => (a.topicFilter < b.topicFilter ? -1 : 1));
      const { items, next } = page(all, ({ topicFilter }) => topicFilter, nextToken, maxResults);
      return { subscriptions: items, ...(next !== undefined && { nextToken: next }) };
    },
  } satisfies Record<string, Operation>;
}

/** GetThingConnectivityData, in the control plane: the connection of the client that is the thing. */
export function connectivityOperations(history: ClientHistory) {
  return {
    GetThingConnectivityData: ({
      thingName,
      includeSocketInformation = false,
    }: {
      thingName: string;
      includeSocketInformation?: boolean;
    }) => {
      const clientId = history.clientOfThing(thingName);
      const connection = history.last(clientId);
      if (!connection) throw new IotError('resource-not-found', `No connection of thing ${thingName} is known.`);
      const { connectedAt, disconnectedAt, reason } = connection;
      return {
        thingName,
        connected: disconnectedAt === undefined,
        timestamp: new Date(disconnectedAt ?? connectedAt),
        disconnectReason: reason ?? 'NONE',
        ...(includeSocketInformation && socket(connection)),
        ...session(connection),
        clientId,
      };
    },
  } satisfies Record<string, Operation>;
}

const session = ({ keepAlive, cleanStart }: ClientConnection) => ({
  keepAliveDuration: keepAlive,
  cleanSession: cleanStart,
});

const socket = ({ ip }: ClientConnection) => (ip === undefined ? {} : { sourceIp: ip });
