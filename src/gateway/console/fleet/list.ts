import type { Device, DeviceFilter, DeviceHealth, DeviceList, DeviceSort, DeviceSummary } from './device.ts';
import { FLEET_LIMITS } from './limits.ts';

/** The healths, those first that somebody should look at. */
export const HEALTHS = ['restless', 'lost', 'gone', 'never', 'connected'] as const satisfies readonly DeviceHealth[];

/** A connection ends so when nothing is wrong. */
const GOOD_ENDS: ReadonlySet<string> = new Set([
  'CLIENT_INITIATED_DISCONNECT',
  'SERVER_INITIATED_DISCONNECT',
  'API_INITIATED_DISCONNECT',
]);

export function healthOf({ connection }: Pick<Device, 'connection'>, now: number): DeviceHealth {
  if (!connection) return 'never';
  const { streak, connectedAt, disconnectedAt, reason } = connection;
  const isRestless =
    streak >= FLEET_LIMITS.restlessStreakMin && now - (disconnectedAt ?? connectedAt) < FLEET_LIMITS.restlessForMs;
  if (isRestless) return 'restless';
  if (disconnectedAt === undefined) return 'connected';
  return reason !== undefined && GOOD_ENDS.has(reason) ? 'gone' : 'lost';
}

export function summaryOf(device: Device, now: number): DeviceSummary {
  const { name, isThing, typeName, groups, connection } = device;
  return {
    name,
    isThing,
    health: healthOf(device, now),
    ...(typeName !== undefined && { typeName }),
    groups,
    ...(connection && {
      lastSeenAt: connection.disconnectedAt ?? now,
      ...(connection.disconnectedAt === undefined && { connectedAt: connection.connectedAt }),
      ...(connection.reason !== undefined && { reason: connection.reason }),
      ...(connection.ip !== undefined && { ip: connection.ip }),
      ...(connection.clientId !== name && { clientId: connection.clientId }),
    }),
  };
}

/** All devices as they are at one moment: made once, and asked for many pages. */
export class FleetPicture {
  readonly time: number;
  readonly #devices: readonly Device[];
  readonly #counts: Readonly<Record<DeviceHealth, number>>;
  readonly #types: readonly string[];
  readonly #groups: readonly string[];

  constructor(devices: readonly Device[], now: number) {
    this.time = now;
    this.#devices = devices.toSorted((a, b) => byText(a.name, b.name));
    const counts = { connected: 0, restless: 0, lost: 0, gone: 0, never: 0 };
    for (const device of devices) counts[healthOf(device, now)]++;
    this.#counts = counts;
    this.#types = [...new Set(devices.flatMap(({ typeName }) => typeName ?? []))].sort();
    this.#groups = [...new Set(devices.flatMap(({ groups }) => groups))].sort();
  }

  list(filter: DeviceFilter, sort: DeviceSort, isReversed: boolean, offset: number, limit: number): DeviceList {
    const found = this.#sorted(
      this.#devices.filter((device) => isMeant(device, filter, this.time)),
      sort,
    );
    if (isReversed) found.reverse();
    return {
      time: this.time,
      counts: this.#counts,
      types: this.#types,
      groups: this.#groups,
      found: found.length,
      offset,
      devices: found.slice(offset, offset + limit).map((device) => summaryOf(device, this.time)),
    };
  }

  /** `devices` are in order of names, which decides among equals. */
  #sorted(devices: Device[], sort: DeviceSort): Device[] {
    if (sort === 'name') return devices;
    if (sort === 'health') {
      const rank = (device: Device) => HEALTHS.indexOf(healthOf(device, this.time));
      return devices.sort((a, b) => rank(a) - rank(b));
    }
    const seen = ({ connection }: Device) => (connection ? (connection.disconnectedAt ?? this.time) : 0);
    return devices.sort((a, b) => seen(b) - seen(a));
  }
}

function isMeant(device: Device, { search, health, type, group }: DeviceFilter, now: number): boolean {
  if (health !== undefined && healthOf(device, now) !== health) return false;
  if (type !== undefined && device.typeName !== type) return false;
  if (group !== undefined && !device.groups.includes(group)) return false;
  if (search === undefined) return true;
  const { name, connection, attributes } = device;
  const wanted = search.toLowerCase();
  const has = (text: string | undefined) => text?.toLowerCase().includes(wanted) ?? false;
  return has(name) || has(connection?.clientId) || has(connection?.ip) || Object.values(attributes).some(has);
}

const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
