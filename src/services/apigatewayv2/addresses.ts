import { isIP } from 'node:net';

/** Path under which every API can be reached, for those who cannot use its host. */
export const API_PATH = '/_execute-api';

/**
 * Where an API is, for who has reached the node at `endpoint`: under a host of its own on loopback, whose names need no entry anywhere
 * (`ID.execute-api.us-east-1.localhost`); elsewhere under a path. Without a slash at the end.
 */
export function apiAddress({ id, region }: { readonly id: string; readonly region: string }, endpoint: string): string {
  const { protocol, hostname, port } = new URL(endpoint);
  if (!isHere(hostname)) return `${endpoint}${API_PATH}/${id}`;
  return `${protocol}//${id}.execute-api.${region}.localhost${port === '' ? '' : `:${port}`}`;
}

function isHere(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'));
}
