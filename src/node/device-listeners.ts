import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { IdentitySource, ListenerOptions } from '../gateway/mqtt/index.ts';
import type { Iot } from '../services/iot/index.ts';
import { isLoopback } from '../wire/index.ts';
import type { NodeConfig } from './config.ts';

/** Where MQTT in the clear listens: on this machine only, unless the configuration says otherwise. */
export function plainHost({ host, plainMqtt }: Pick<NodeConfig, 'host' | 'plainMqtt'>): string {
  return plainMqtt === 'any' || isLoopback(host) ? host : '127.0.0.1';
}

/** The listeners over TLS. */
export function secureListeners({ host, mqttsPort, deviceHttpsPort }: NodeConfig): readonly ListenerOptions[] {
  return [
    ...(mqttsPort === undefined ? [] : [{ kind: 'mqtts', host, port: mqttsPort } as const]),
    ...(deviceHttpsPort === undefined ? [] : [{ kind: 'https', host, port: deviceHttpsPort } as const]),
  ];
}

/** The certificate that devices see: the configured one, read again as it changes, else one of the node's own authority. */
export function identityOf(
  { host, tls = {} }: Pick<NodeConfig, 'host' | 'tls'>,
  iot: Pick<Iot, 'authority'>,
): IdentitySource {
  const { files, names = [] } = tls;
  if (files) {
    return async () => {
      const [key, cert] = await Promise.all([readFile(files.key, 'utf8'), readFile(files.cert, 'utf8')]);
      return { key, cert };
    };
  }
  const all = [...LOCAL_NAMES, hostname().toLowerCase(), ...(isAny(host) ? [] : [host]), ...names];
  return () => iot.authority.serverIdentity(all);
}

const LOCAL_NAMES = ['localhost', '127.0.0.1', '::1'];

function isAny(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}
