import { isIP } from 'node:net';
import type { HttpRequest } from './http.ts';
import { authorityOf, hostName } from './http.ts';

/** True for addresses and names that only this machine reaches. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(name) === 4) return name.startsWith('127.');
  return name === '::1' || name === 'localhost' || name.endsWith('.localhost');
}

/** @param address  a socket's remote address; `undefined` once it is closed */
export function isLoopbackPeer(address: string | undefined): boolean {
  if (address === undefined) return false;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  return mapped === '::1' || (isIP(mapped) === 4 && mapped.startsWith('127.'));
}

/** Names that clients of AWS use for a node on loopback, beside loopback's own. */
const CLIENT_NAMES = /(^|\.)(localhost\.localstack\.cloud|amazonaws\.com)$/;

/**
 * Why a request to a node that accepts any credentials is not from a local tool; `undefined` when it may be. A web page from
 * elsewhere reaches loopback too: by itself, and then it names its origin, or under a name of its own that it points here.
 */
export function foreignTo(request: Pick<HttpRequest, 'headers'>): string | undefined {
  return foreignOrigin(request) ?? foreignHost(request);
}

/** Why the page that makes a request is not this machine's. */
function foreignOrigin({ headers: { origin } }: Pick<HttpRequest, 'headers'>): string | undefined {
  if (origin !== undefined && origin !== 'null' && !isLoopback(hostName(origin.replace(/^[a-z]+:\/\//i, '')))) {
    return `Requests of web pages from ${origin} are refused.`;
  }
  if (origin === 'null') return 'Requests of web pages without an origin are refused.';
  return undefined;
}

/** Why the name that a request goes to is not this machine's: a page may point a name of its own here. */
export function foreignHost(request: Pick<HttpRequest, 'headers'>): string | undefined {
  const name = hostName(authorityOf(request));
  if (name === '' || isLoopback(name) || CLIENT_NAMES.test(name)) return undefined;
  return `Requests to the host ${name} are refused: without authentication the node answers to loopback names only.`;
}
