/**
 * How a device is doing.
 *
 * - `connected`: it is connected, and has been well;
 * - `restless`: it connects again and again, whether it is connected now or not;
 * - `lost`: its connection has broken, or was refused what it did;
 * - `gone`: it has said good-bye, or an operator or this node has;
 * - `never`: a thing that has not been seen.
 */
export type DeviceHealth = 'connected' | 'restless' | 'lost' | 'gone' | 'never';

/** A device as a source knows it: a thing of the registry, a client, or both. */
export interface Device {
  /** The thing's name, or the client id where the client is no thing. */
  readonly name: string;
  readonly isThing: boolean;
  readonly typeName?: string;
  /** Names of the groups that it is in itself. */
  readonly groups: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
  /** Its last connection; absent when it has not been seen. */
  readonly connection?: DeviceConnection;
}

export interface DeviceConnection {
  readonly clientId: string;
  /** Counts from 0. */
  readonly number: number;
  readonly sessionId: string;
  /** Epoch milliseconds. */
  readonly connectedAt: number;
  readonly disconnectedAt?: number;
  /** As AWS's presence events have it. */
  readonly reason?: string;
  readonly principal?: string;
  readonly ip?: string;
  readonly isEncrypted: boolean;
  /** 4 is MQTT 3.1.1. */
  readonly version: number;
  /** Seconds; 0 is none. */
  readonly keepAlive: number;
  readonly cleanStart: boolean;
  /** Connections before it that followed one another quickly. */
  readonly streak: number;
}

/** A device as the list shows it. */
export interface DeviceSummary {
  readonly name: string;
  readonly isThing: boolean;
  readonly health: DeviceHealth;
  readonly typeName?: string;
  readonly groups: readonly string[];
  /** Epoch milliseconds: now for those that are connected. */
  readonly lastSeenAt?: number;
  readonly connectedAt?: number;
  /** Why it is not connected. */
  readonly reason?: string;
  readonly ip?: string;
  /** Only where it is not the name. */
  readonly clientId?: string;
}

export interface DeviceList {
  /** Epoch milliseconds of the node's clock. */
  readonly time: number;
  /** Devices that there are, by their health, whatever the filter says. */
  readonly counts: Readonly<Record<DeviceHealth, number>>;
  /** Types and groups that there are, for who filters. */
  readonly types: readonly string[];
  readonly groups: readonly string[];
  /** How many the filter finds; `devices` are some of them, from `offset` on. */
  readonly found: number;
  readonly offset: number;
  readonly devices: readonly DeviceSummary[];
}

export type DeviceSort = 'name' | 'seen' | 'health';

export interface DeviceFilter {
  /** A part of the name, the client id, the address or an attribute; case does not matter. */
  readonly search?: string;
  readonly health?: DeviceHealth;
  readonly type?: string;
  readonly group?: string;
}

/** A principal that is attached to the thing, or that the client has come in by. */
export interface DevicePrincipal {
  readonly principal: string;
  readonly isAttached: boolean;
  readonly isExclusive: boolean;
  /** Of certificates, where they are known. */
  readonly certificate?: {
    readonly status: string;
    readonly subject?: string;
    readonly issuer?: string;
    /** Epoch milliseconds. */
    readonly validFrom?: number;
    readonly validTo?: number;
  };
  /** Names of the policies that are attached to it. */
  readonly policies?: readonly string[];
}

export interface DeviceDetail extends DeviceSummary {
  readonly time: number;
  readonly arn?: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly connection?: DeviceConnection;
  readonly principals: readonly DevicePrincipal[];
  readonly subscriptions: readonly { readonly filter: string; readonly qos: number }[];
}

/** What the fleet's API shows and does; the composition root joins it to the device cloud. */
export interface Fleet {
  /** All devices, in no order. */
  devices(): readonly Device[];
  /** One by its name; `undefined` when there is none. */
  device(name: string): Device | undefined;
  detail(device: Device): Promise<Pick<DeviceDetail, 'arn' | 'principals' | 'subscriptions'>>;
  /** The device's connections, the latest first. */
  connections(device: Device): Promise<readonly DeviceConnection[]>;
  /** What the device publishes, from the first call on: see `after`. */
  messages(device: Device, after: number): DeviceMessages;
  /** Ends its connection; false when there is none. */
  disconnect(device: Device): boolean;
}

export interface DeviceMessages {
  readonly messages: readonly {
    readonly number: number;
    readonly at: number;
    readonly topic: string;
    readonly qos: number;
    readonly retain: boolean;
    readonly bytes: number;
    /** The beginning of the payload: text where it is UTF-8, else hex. */
    readonly text: string;
    readonly isText: boolean;
  }[];
  /** What to read after next. */
  readonly last: number;
}
