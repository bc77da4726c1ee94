import { isIPv4 } from 'node:net';
import { SANDBOX_LIMITS } from '../limits.ts';

/** One entry of an allowlist, taken apart. */
export interface Destination {
  /** A host name, or an IPv4 network: `10.0.0.0/8`, `192.0.2.7/32`. */
  readonly kind: 'host' | 'network';
  readonly value: string;
  /** Of TCP and UDP; absent means any. */
  readonly port?: number;
}

const HOST = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

/** @throws Error  in words for who wrote the list */
export function parseDestinations(list: readonly string[]): readonly Destination[] {
  if (list.length > SANDBOX_LIMITS.destinationsMax) {
    throw new Error(`an egress allowlist has ${SANDBOX_LIMITS.destinationsMax} entries at most, not ${list.length}`);
  }
  return list.map(parseDestination);
}

function parseDestination(text: string): Destination {
  const [, value, portText] = /^([^:]+)(?::(\d{1,5}))?$/.exec(text.trim()) ?? [];
  const port = portText === undefined ? undefined : Number(portText);
  if (value === undefined || (port !== undefined && (port < 1 || port > 65_535))) throw notADestination(text);
  const more = port === undefined ? {} : { port };
  const [address, length = '32'] = value.split('/');
  if (isIPv4(address!)) {
    if (!/^\d{1,2}$/.test(length) || Number(length) > 32) throw notADestination(text);
    return { kind: 'network', value: `${address}/${Number(length)}`, ...more };
  }
  if (!HOST.test(value) || /^[\d.]+$/.test(value)) throw notADestination(text);
  return { kind: 'host', value: value.toLowerCase(), ...more };
}

function notADestination(text: string): Error {
  return new Error(
    `egress destination ${JSON.stringify(text)} is no host name, IPv4 address or IPv4 network with an optional :port`,
  );
}
