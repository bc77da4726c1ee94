import { ApiError, type Client } from '../client.ts';
import { CommandError } from '../command.ts';
import { type Colour, paint, printable } from '../terminal.ts';

const PATH = '/_millrace/fleet';
/** Name under which calls of the node's own routes are signed. */
const SERVICE = 'millrace';
/** Devices of one call. */
const PAGE = 1000;

export const HEALTHS = ['connected', 'restless', 'lost', 'gone', 'never'] as const;
type Health = (typeof HEALTHS)[number];

/** A device as the node lists it (docs/things.md). */
export interface ListedDevice {
  readonly name: string;
  readonly isThing: boolean;
  readonly health: Health;
  readonly typeName?: string;
  readonly groups: readonly string[];
  readonly lastSeenAt?: number;
  readonly connectedAt?: number;
  readonly reason?: string;
  readonly ip?: string;
}

export interface ShownDevice extends ListedDevice {
  readonly time: number;
  readonly arn?: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly connection?: {
    readonly clientId: string;
    readonly version: number;
    readonly isEncrypted: boolean;
    readonly keepAlive: number;
  };
  readonly principals: readonly {
    readonly principal: string;
    readonly certificate?: { readonly status: string };
    readonly policies?: readonly string[];
  }[];
  readonly subscriptions: readonly { readonly filter: string; readonly qos: number }[];
}

export interface DeviceConnection {
  readonly number: number;
  readonly connectedAt: number;
  readonly disconnectedAt?: number;
  readonly reason?: string;
  readonly ip?: string;
}

/** The node's fleet, as these commands use it. */
export class FleetClient {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Devices that the filter means, page by page, and the node's time. */
  async *list(filter: Readonly<Record<string, string>>): AsyncGenerator<{ device: ListedDevice; time: number }> {
    for (let offset = 0, found = 1; offset < found; offset += PAGE) {
      const query = new URLSearchParams({ ...filter, offset: String(offset), limit: String(PAGE) });
      const answer = await this.#client.rest(SERVICE, 'GET', `${PATH}?${query}`);
      found = answer.found;
      for (const device of answer.devices) yield { device, time: answer.time };
    }
  }

  /** @throws CommandError  there is no such device */
  show(name: string): Promise<ShownDevice> {
    return this.#ask('GET', name, '');
  }

  /** The latest first. */
  async connections(name: string): Promise<readonly DeviceConnection[]> {
    return (await this.#ask('GET', name, '/connections')).connections;
  }

  /** @throws CommandError  there is no such device, or it is not connected */
  async disconnect(name: string): Promise<void> {
    await this.#ask('POST', name, '/disconnect');
  }

  async #ask(method: string, name: string, what: string): Promise<any> {
    try {
      return await this.#client.rest(SERVICE, method, `${PATH}/${encodeURIComponent(name)}${what}`);
    } catch (error) {
      if (!(error instanceof ApiError) || !EXPECTED.has(error.code)) throw error;
      throw new CommandError(error.message.slice(error.code.length + 2), { cause: error });
    }
  }
}

const EXPECTED: ReadonlySet<string> = new Set(['device-unknown', 'not-connected']);

const COLOURS: Readonly<Record<Health, Colour>> = {
  ...{ connected: 'green', restless: 'yellow', lost: 'red', gone: 'grey', never: 'grey' },
};

/** The health of a device, padded to one width. */
export function healthCell(health: Health, colours: boolean): string {
  return paint(colours, COLOURS[health], health.padEnd(9));
}

/** `40 s`, `3 min`, `2 h`, `5 d`. */
export function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

/** Since when it is connected, or when it was seen last. */
export function seenOf({ connectedAt, lastSeenAt }: ListedDevice, time: number): string {
  if (connectedAt !== undefined) return `for ${ageOf(time - connectedAt)}`;
  return lastSeenAt === undefined ? '-' : `${ageOf(time - lastSeenAt)} ago`;
}

/** What devices and their owners have written goes to a terminal only without control characters. */
export function cell(text: string | undefined): string {
  return text === undefined || text === '' ? '-' : printable(text);
}
