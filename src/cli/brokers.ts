import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf } from '../base/index.ts';
import { isTopicFilter } from '../codec/mqtt/index.ts';
import type { NodeConfig } from '../node/index.ts';
import { BRIDGE_LIMITS } from '../services/iot/index.ts';
import { UsageError } from './command.ts';
import type { ConfigurationSource } from './outgoing.ts';

type Foreign = NonNullable<NodeConfig['foreign']>;

interface BrokerSettings {
  readonly url: string;
  readonly protocol?: '3.1.1' | 5;
  readonly username?: string;
  readonly password?: string;
  readonly passwordFile?: string;
  readonly passwordEnv?: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly keepAliveSeconds?: number;
  readonly sessionExpirySeconds?: number;
}

interface BridgeSettings {
  readonly broker: string;
  readonly topics: readonly {
    readonly filter: string;
    readonly direction?: 'in' | 'out' | 'both';
    readonly qos?: 0 | 1;
    readonly localPrefix?: string;
    readonly remotePrefix?: string;
  }[];
}

/** What a member must be, for the error, and whether it is. */
interface Rule {
  readonly must: string;
  readonly holds: (value: unknown) => boolean;
  readonly isRequired?: boolean;
}

const TEXT: Rule = { must: 'text', holds: (value) => typeof value === 'string' && value !== '' };
const PREFIX: Rule = {
  must: 'text without + and #',
  holds: (value) => typeof value === 'string' && !/[+#]/.test(value),
};
const oneOf = (...values: readonly unknown[]): Rule => ({
  must: `one of ${values.join(', ')}`,
  holds: (value) => values.includes(value),
});
const whole = (min: number, max: number): Rule => ({
  must: `a whole number from ${min} to ${max}`,
  holds: (value) => Number.isInteger(value) && Number(value) >= min && Number(value) <= max,
});

const BROKER: Readonly<Record<keyof BrokerSettings, Rule>> = {
  url: {
    must: 'mqtt://HOST:PORT or mqtts://HOST:PORT',
    holds: (value) => typeof value === 'string' && /^mqtts?:\/\/[^/@?#]+\/?$/.test(value) && URL.canParse(value),
    isRequired: true,
  },
  protocol: oneOf('3.1.1', 5),
  username: TEXT,
  password: TEXT,
  passwordFile: TEXT,
  passwordEnv: TEXT,
  caFile: TEXT,
  certFile: TEXT,
  keyFile: TEXT,
  keepAliveSeconds: whole(5, 3600),
  sessionExpirySeconds: whole(60, 2_592_000),
};

const BRIDGE: Readonly<Record<keyof BridgeSettings, Rule>> = {
  broker: { ...TEXT, isRequired: true },
  topics: {
    must: 'a list of 1 to 100 topics',
    holds: (value) => Array.isArray(value) && value.length > 0 && value.length <= 100,
    isRequired: true,
  },
};

const TOPIC: Readonly<Record<keyof BridgeSettings['topics'][number], Rule>> = {
  filter: { ...TEXT, isRequired: true },
  direction: oneOf('in', 'out', 'both'),
  qos: oneOf(0, 1),
  localPrefix: PREFIX,
  remotePrefix: PREFIX,
};

/**
 * Reads the members `brokers` and `bridges` of a configuration.
 * @throws UsageError  naming the setting and what is wrong with it
 */
export function readForeign(
  given: Readonly<Record<string, unknown>>,
  from: ConfigurationSource,
): Pick<NodeConfig, 'foreign'> {
  if (given.brokers === undefined && given.bridges === undefined) return {};
  const brokers = namedOf('brokers', given.brokers, BRIDGE_LIMITS.brokersMax).map(([name, settings]) =>
    brokerOf(name, checked<BrokerSettings>(`brokers.${name}`, settings, BROKER), from),
  );
  const known = new Set(brokers.map(({ name }) => name));
  const routes = namedOf('bridges', given.bridges, BRIDGE_LIMITS.bridgesMax).flatMap(([name, settings]) =>
    routesOf(name, checked<BridgeSettings>(`bridges.${name}`, settings, BRIDGE), known),
  );
  return { foreign: { brokers, routes } };
}

function namedOf(path: string, given: unknown, max: number): readonly (readonly [string, unknown])[] {
  const entries = Object.entries(mappingOf(path, given ?? {}));
  if (entries.length > max) throw new UsageError(`${path} has ${entries.length} members; there may be ${max}`);
  for (const [name] of entries) {
    if (/^[A-Za-z0-9._-]{1,64}$/.test(name)) continue;
    throw new UsageError(`${path}.${name}: names have 1 to 64 letters, digits, . _ or -`);
  }
  return entries;
}

function mappingOf(path: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UsageError(`${path} must be a mapping`);
}

function checked<T>(path: string, value: unknown, rules: Readonly<Record<keyof T & string, Rule>>): T {
  const settings = mappingOf(path, value);
  for (const name of Object.keys(settings)) {
    if (Object.hasOwn(rules, name)) continue;
    throw new UsageError(`unknown setting ${path}.${name}; there are ${Object.keys(rules).join(', ')}`);
  }
  for (const [name, { must, holds, isRequired }] of Object.entries<Rule>(rules)) {
    if (settings[name] === undefined) {
      if (isRequired) throw new UsageError(`${path}.${name} is missing`);
    } else if (!holds(settings[name])) {
      // The value is not repeated: it may be a password that is no text.
      throw new UsageError(`${path}.${name} must be ${must}`);
    }
  }
  return settings as T;
}

function brokerOf(name: string, settings: BrokerSettings, from: ConfigurationSource): Foreign['brokers'][number] {
  const path = `brokers.${name}`;
  const url = new URL(settings.url);
  const isSecure = url.protocol === 'mqtts:';
  const { protocol = 5, username, keepAliveSeconds = 30, sessionExpirySeconds = 86_400 } = settings;
  const [ca, cert, key] = (['caFile', 'certFile', 'keyFile'] as const).map((member) => {
    const file = settings[member];
    if (file !== undefined && !isSecure) throw new UsageError(`${path}.${member} is for mqtts:// only`);
    return file === undefined ? undefined : readSecret(`${path}.${member}`, file, from);
  });
  if ((cert === undefined) !== (key === undefined)) throw new UsageError(`${path}: certFile and keyFile come together`);
  const password = passwordOf(path, settings, from);
  if (password !== undefined && username === undefined) throw new UsageError(`${path}.username is missing`);
  return {
    name,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port || (isSecure ? 8883 : 1883)),
    ...(isSecure && {
      tls: { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) },
    }),
    protocol: protocol === 5 ? 5 : 4,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    keepAliveSeconds,
    sessionExpirySeconds,
  };
}

function passwordOf(
  path: string,
  { password, passwordFile, passwordEnv }: BrokerSettings,
  from: ConfigurationSource,
): string | undefined {
  if (passwordFile !== undefined) return readSecret(`${path}.passwordFile`, passwordFile, from).trim();
  if (passwordEnv === undefined) return password;
  const value = from.env[passwordEnv];
  if (!value) throw new UsageError(`${path}.passwordEnv: the environment variable ${passwordEnv} is not set`);
  return value;
}

function routesOf(bridge: string, { broker, topics }: BridgeSettings, known: ReadonlySet<string>): Foreign['routes'] {
  const path = `bridges.${bridge}`;
  if (!known.has(broker)) {
    throw new UsageError(
      `${path}.broker: there is no broker ${broker}; brokers has ${[...known].join(', ') || 'none'}`,
    );
  }
  return topics.map((topic, index) => {
    const settings = checked<BridgeSettings['topics'][number]>(`${path}.topics.${index}`, topic, TOPIC);
    const { filter, direction = 'both', qos = 1, localPrefix = '', remotePrefix = '' } = settings;
    for (const whole of [localPrefix + filter, remotePrefix + filter]) {
      if (isTopicFilter(whole) && !whole.startsWith('$')) continue;
      throw new UsageError(`${path}.topics: ${whole} is no topic filter that may be forwarded`);
    }
    return { bridge, broker, filter, direction, qos, localPrefix, remotePrefix };
  });
}

function readSecret(name: string, file: string, { directory }: ConfigurationSource): string {
  try {
    return readFileSync(resolve(directory, file), 'utf8');
  } catch (error) {
    throw new UsageError(`${name}: ${messageOf(error)}`);
  }
}
