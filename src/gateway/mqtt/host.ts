import type { Clock } from '../../base/index.ts';
import type * as mqtt from '../../codec/mqtt/index.ts';
import type { Broker, ClientWatcher, DeviceAccess } from '../../services/iot/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { Addresses } from './addresses.ts';
import type { CommitBudget, WaitingBudget } from './budget.ts';
import type { Connection } from './connection.ts';
import type { Departures } from './departures.ts';
import type { MqttGauges } from './gauges.ts';
import type { KeepAlives } from './keep-alive.ts';
import type { MqttLimits } from './limits.ts';
import type { OutputRoom } from './output.ts';
import type { Turn } from './turn.ts';

/** What all connections of a gateway share. */
export interface ConnectionHost {
  readonly broker: Broker;
  readonly access: DeviceAccess;
  readonly watcher: ClientWatcher | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: MqttLimits;
  readonly gauges: MqttGauges;
  readonly turn: Turn;
  readonly keepAlives: KeepAlives;
  readonly budget: CommitBudget;
  readonly waiting: WaitingBudget;
  readonly departures: Departures;
  readonly outputRoom: OutputRoom;
  readonly topics: mqtt.TopicCache;
  /** A client id that no client has. */
  newClientId(): string;
  readonly addresses: Addresses;
  /** The server that clients are to go to instead, while this one drains. */
  readonly successor: string | undefined;
  /**
   * Makes the connection the one of its client id; one that was is told that it is taken over. False when that happens too often: the
   * one that is there stays.
   */
  claim(connection: Connection): boolean;
  /** Its client id is free again, if it had it. */
  release(connection: Connection): void;
  /** Its socket is gone. */
  closed(connection: Connection): void;
  /** Listens to the errors of all sockets. */
  readonly socketFailed: (error: Error) => void;
}
