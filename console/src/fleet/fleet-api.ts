/** The devices of the node: docs/things.md. */
import type {
  DeviceConnection,
  DeviceDetail,
  DeviceFilter,
  DeviceList,
  DeviceMessages,
  DeviceSort,
} from '../../../src/gateway/console/fleet/device.ts';
import { ask } from '../api.ts';

export type {
  DeviceConnection,
  DeviceDetail,
  DeviceFilter,
  DeviceHealth,
  DeviceList,
  DeviceMessages,
  DevicePrincipal,
  DeviceSort,
  DeviceSummary,
} from '../../../src/gateway/console/fleet/device.ts';

const PATH = '/_millrace/fleet';

/** What is asked of the list, beside which part of it. */
export interface FleetQuery {
  readonly filter: DeviceFilter;
  readonly sort: DeviceSort;
  readonly isReversed: boolean;
}

export function listDevices(
  { filter, sort, isReversed }: FleetQuery,
  offset: number,
  limit: number,
  signal: AbortSignal,
): Promise<DeviceList> {
  const query = new URLSearchParams({ ...filter, sort, offset: String(offset), limit: String(limit) });
  if (isReversed) query.set('reverse', 'true');
  return ask(`${PATH}?${query}`, { signal }) as Promise<DeviceList>;
}

export function readDevice(name: string, signal: AbortSignal): Promise<DeviceDetail> {
  return ask(pathOf(name), { signal }) as Promise<DeviceDetail>;
}

export async function readConnections(name: string, signal: AbortSignal): Promise<readonly DeviceConnection[]> {
  const { connections } = (await ask(`${pathOf(name)}/connections`, { signal })) as {
    readonly connections: readonly DeviceConnection[];
  };
  return connections;
}

export function readMessages(name: string, after: number, signal: AbortSignal): Promise<DeviceMessages> {
  return ask(`${pathOf(name)}/messages?after=${after}`, { signal }) as Promise<DeviceMessages>;
}

export async function disconnectDevice(name: string, signal: AbortSignal): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  await ask(`${pathOf(name)}/disconnect`, { method: 'POST', headers, body: '{}', signal });
}

const pathOf = (name: string) => `${PATH}/${encodeURIComponent(name)}`;
