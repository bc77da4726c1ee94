import { type Clock, DomainError } from '../../../base/index.ts';
import type { Logger } from '../../../telemetry/index.ts';
import {
  type AdminAnswer,
  type AdminApi,
  type AdminRequest,
  answering,
  type Fields,
  invalid,
  notAllowed,
  notFound,
  readLimit,
  refuseOthers,
} from '../admin.ts';
import type { Device, DeviceDetail, DeviceFilter, DeviceHealth, DeviceSort, Fleet } from './device.ts';
import { FLEET_LIMITS } from './limits.ts';
import { FleetPicture, HEALTHS, summaryOf } from './list.ts';

const PREFIX = '/_millrace/fleet';
const STATUS: Readonly<Record<string, number>> = { 'request-invalid': 400, 'device-unknown': 404 };

/**
 * The fleet over HTTP; docs/things.md has the contract.
 *
 *     GET  /_millrace/fleet                    devices: search, health, type, group, sort, reverse, offset, limit
 *     GET  /_millrace/fleet/NAME               one device
 *     GET  /_millrace/fleet/NAME/connections   when it was connected, the latest first
 *     GET  /_millrace/fleet/NAME/messages      what it publishes while this is asked, after=N
 *     POST /_millrace/fleet/NAME/disconnect    ends its connection
 */
export function fleetApi(options: { readonly fleet: Fleet; readonly clock: Clock; readonly logger: Logger }): AdminApi {
  const api = new FleetApi(options.fleet, options.clock, options.logger.child({ room: 'fleet' }));
  return { prefix: PREFIX, bodyBytesMax: FLEET_LIMITS.bodyBytesMax, handle: (request) => api.handle(request) };
}

class FleetApi {
  readonly #fleet: Fleet;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #picture: FleetPicture | undefined;

  constructor(fleet: Fleet, clock: Clock, logger: Logger) {
    this.#fleet = fleet;
    this.#clock = clock;
    this.#logger = logger;
  }

  handle(request: AdminRequest): Promise<AdminAnswer> {
    return answering(STATUS, () => this.#route(request));
  }

  async #route({ method, path, query, caller }: AdminRequest): Promise<AdminAnswer> {
    const [name, what, ...rest] = path.slice(PREFIX.length).split('/').filter(Boolean).map(decoded);
    if (rest.length > 0) return notFound(path);
    if (what === 'disconnect') {
      return method === 'POST' ? this.#disconnect(this.#device(name!), caller) : notAllowed('POST');
    }
    if (method !== 'GET' && method !== 'HEAD') return notAllowed('GET, HEAD');
    const fields = Object.fromEntries(query);
    if (name === undefined) return { status: 200, body: this.#list(fields) };
    if (what === undefined) return { status: 200, body: await this.#show(this.#device(name)) };
    if (what === 'connections') {
      return { status: 200, body: { connections: await this.#fleet.connections(this.#device(name)) } };
    }
    if (what !== 'messages') return notFound(path);
    return { status: 200, body: this.#fleet.messages(this.#device(name), readCount('after', fields.after)) };
  }

  #list(fields: Fields) {
    refuseOthers(fields, LIST_FIELDS, 'a list');
    const limit = readLimit(fields.limit, FLEET_LIMITS.listDefault, FLEET_LIMITS.listMax);
    const sort = oneOf('sort', fields.sort, SORTS) ?? 'name';
    const isReversed = oneOf('reverse', fields.reverse, ['true', 'false']) === 'true';
    return this.#now().list(readFilter(fields), sort, isReversed, readCount('offset', fields.offset), limit);
  }

  async #show(device: Device): Promise<DeviceDetail> {
    const time = this.#clock.now();
    return {
      time,
      ...summaryOf(device, time),
      attributes: device.attributes,
      ...(device.connection && { connection: device.connection }),
      ...(await this.#fleet.detail(device)),
    };
  }

  #disconnect(device: Device, caller: string): AdminAnswer {
    const { name } = device;
    if (!this.#fleet.disconnect(device)) {
      return { status: 409, body: { code: 'not-connected', message: `${name} is not connected.` } };
    }
    this.#logger.info('device-disconnected', { name, caller });
    return { status: 200, body: { disconnected: name } };
  }

  /** Pages of one list, and those who look at once, share a picture. */
  #now(): FleetPicture {
    const now = this.#clock.now();
    const age = now - (this.#picture?.time ?? Number.NEGATIVE_INFINITY);
    if (age < 0 || age > FLEET_LIMITS.listAgeMsMax) this.#picture = new FleetPicture(this.#fleet.devices(), now);
    return this.#picture!;
  }

  #device(name: string): Device {
    const device = this.#fleet.device(name);
    if (device) return device;
    throw new DomainError(
      'device-unknown',
      `There is no device ${name}: no thing and no client of this name is known.`,
    );
  }
}

const LIST_FIELDS = ['search', 'health', 'type', 'group', 'sort', 'reverse', 'offset', 'limit'] as const;
const SORTS = ['name', 'seen', 'health'] as const satisfies readonly DeviceSort[];

function readFilter({ search, health, type, group }: Fields): DeviceFilter {
  const isHealth = oneOf<DeviceHealth>('health', health === '' ? undefined : health, HEALTHS);
  return {
    ...(search !== undefined && search !== '' && { search: String(search) }),
    ...(isHealth !== undefined && { health: isHealth }),
    ...(type !== undefined && type !== '' && { type: String(type) }),
    ...(group !== undefined && group !== '' && { group: String(group) }),
  };
}

function oneOf<T extends string>(name: string, value: unknown, known: readonly T[]): T | undefined {
  if (value === undefined) return undefined;
  const found = known.find((one) => one === value);
  if (found === undefined) throw invalid(`"${name}" must be one of ${known.join(', ')}`);
  return found;
}

function readCount(name: string, value: unknown): number {
  const count = Number(value ?? 0);
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw invalid(`"${name}" must be a whole number from 0 on`);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    throw new DomainError('request-invalid', `${part} is not well encoded.`, { cause: error });
  }
}
