import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf } from '../base/index.ts';
import type { Connection } from '../delivery/index.ts';
import { isAllowEntry } from '../delivery/index.ts';
import type { NodeConfig } from '../node/index.ts';
import { readForeign } from './brokers.ts';
import { UsageError } from './command.ts';
import { readTokenIssuers } from './token-issuers.ts';

/** What a node sends, and how: the part of a configuration that `dev` reads too. */
export type Outgoing = Pick<
  NodeConfig,
  'webhooks' | 'smtp' | 'connections' | 'notifications' | 'foreign' | 'tokenIssuers'
>;

/** Where the parts of a configuration come from. */
export interface ConfigurationSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder that relative paths start from. */
  readonly directory: string;
}

type Values = (name: OutgoingSetting) => unknown;

type OutgoingSetting =
  | 'webhooks.allow'
  | 'webhooks.caFile'
  | `smtp.${'host' | 'port' | 'security' | 'user' | 'password' | 'passwordFile' | 'from' | 'caFile'}`
  | `notifications.${'smsWebhook' | 'pushWebhook' | 'url'}`;

/** @param given  the members of the file as YAML has them, for those that are mappings; @throws UsageError */
export function readOutgoing(
  value: Values,
  given: Readonly<Record<string, unknown>>,
  from: ConfigurationSource,
): Outgoing {
  const { connections } = given;
  return {
    ...webhooks(value, from),
    ...smtp(value, from),
    ...notifications(value),
    ...(connections !== undefined && { connections: readConnections(connections, from) }),
    ...readForeign(given, from),
    ...readTokenIssuers(given.tokenIssuers, from),
  };
}

function webhooks(value: Values, from: ConfigurationSource): Pick<NodeConfig, 'webhooks'> {
  const allow = (value('webhooks.allow') ?? []) as readonly string[];
  for (const entry of allow) {
    if (isAllowEntry(entry)) continue;
    throw new UsageError(`webhooks.allow: ${JSON.stringify(entry)} is no address, network (10.0.0.0/8) or host name`);
  }
  const ca = readOptional(value, 'webhooks.caFile', from);
  if (allow.length === 0 && ca === undefined) return {};
  return { webhooks: { allow, ...(ca !== undefined && { ca }) } };
}

function smtp(value: Values, from: ConfigurationSource): Pick<NodeConfig, 'smtp'> {
  const host = value('smtp.host') as string | undefined;
  if (host === undefined) return {};
  const sender = value('smtp.from') as string | undefined;
  if (sender === undefined) throw new UsageError('smtp.from is missing: the address that mail comes from');
  const user = value('smtp.user') as string | undefined;
  const password =
    (value('smtp.password') as string | undefined) ?? readOptional(value, 'smtp.passwordFile', from)?.trim();
  if ((user === undefined) !== (password === undefined)) {
    throw new UsageError('smtp.user and its password (smtp.passwordFile or MILLRACE_SMTP_PASSWORD) come together');
  }
  const ca = readOptional(value, 'smtp.caFile', from);
  return {
    smtp: {
      host,
      port: value('smtp.port') as number,
      security: value('smtp.security') as NonNullable<NodeConfig['smtp']>['security'],
      from: sender,
      ...(user !== undefined && { user, password: password! }),
      ...(ca !== undefined && { ca }),
    },
  };
}

function notifications(value: Values): Pick<NodeConfig, 'notifications'> {
  const [sms, push, base] = (['smsWebhook', 'pushWebhook', 'url'] as const).map((name) =>
    webAddress(`notifications.${name}`, value(`notifications.${name}`)),
  );
  // Links are made by adding a path to it.
  const url = base?.replace(/\/+$/, '');
  const given = Object.entries({ sms, push, url }).filter(([, address]) => address !== undefined);
  return given.length === 0 ? {} : { notifications: Object.fromEntries(given) };
}

function webAddress(name: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const url = URL.parse(String(value));
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.href;
  throw new UsageError(`${name} must be an http or https address, not ${JSON.stringify(value)}`);
}

function readOptional(value: Values, name: OutgoingSetting, from: ConfigurationSource): string | undefined {
  const file = value(name) as string | undefined;
  return file === undefined ? undefined : readSecret(name, file, from);
}

function readSecret(name: string, file: string, { directory }: ConfigurationSource): string {
  try {
    return readFileSync(resolve(directory, file), 'utf8');
  } catch (error) {
    throw new UsageError(`${name}: ${messageOf(error)}`);
  }
}

// --- connections

/** Members of a connection by its type; those with a question mark may be left out. */
const MEMBERS: Readonly<Record<Connection['authorization']['kind'], readonly string[]>> = {
  none: [],
  basic: ['user', 'password'],
  'api-key': ['header', 'value'],
  oauth: ['tokenUrl', 'clientId', 'clientSecret', 'scope?'],
};

/** Members that are secrets: they may be given as `NAMEFile` (a path) or `NAMEEnv` (an environment variable) instead. */
const SECRETS = new Set(['password', 'value', 'clientSecret']);

function readConnections(given: unknown, from: ConfigurationSource): readonly Connection[] {
  if (!isMapping(given)) throw new UsageError('connections must be a mapping of names to connections');
  return Object.entries(given).map(([name, members]) => readConnection(name, members, from));
}

function readConnection(name: string, given: unknown, from: ConfigurationSource): Connection {
  const path = `connections.${name}`;
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(name))
    throw new UsageError(`${path}: names have 1 to 64 letters, digits, . _ or -`);
  if (!isMapping(given)) throw new UsageError(`${path} must be a mapping`);
  const kind = given.type as Connection['authorization']['kind'];
  if (!Object.hasOwn(MEMBERS, String(kind))) {
    throw new UsageError(`${path}.type must be one of ${Object.keys(MEMBERS).join(', ')}`);
  }
  const names = MEMBERS[kind];
  refuseOthers(path, given, names);
  const read = names.flatMap((member) => {
    const bare = member.replace('?', '');
    const text = memberText(path, bare, given, from);
    if (text === undefined && !member.endsWith('?')) throw new UsageError(`${path}.${bare} is missing`);
    return text === undefined ? [] : [[bare, text] as const];
  });
  if (kind === 'oauth') webAddress(`${path}.tokenUrl`, given.tokenUrl);
  const requestsPerSecond = rateOf(path, given.requestsPerSecond);
  return {
    name,
    authorization: { kind, ...Object.fromEntries(read) } as Connection['authorization'],
    ...(requestsPerSecond !== undefined && { requestsPerSecond }),
  };
}

function refuseOthers(path: string, given: Readonly<Record<string, unknown>>, names: readonly string[]): void {
  const bare = names.map((name) => name.replace('?', ''));
  const known = new Set(['type', 'requestsPerSecond', ...bare]);
  for (const secret of bare) if (SECRETS.has(secret)) known.add(`${secret}File`).add(`${secret}Env`);
  for (const name of Object.keys(given)) {
    if (!known.has(name)) throw new UsageError(`unknown setting ${path}.${name}; there are ${[...known].join(', ')}`);
  }
}

function memberText(
  path: string,
  name: string,
  given: Readonly<Record<string, unknown>>,
  from: ConfigurationSource,
): string | undefined {
  const { [name]: plain, [`${name}File`]: file, [`${name}Env`]: variable } = given;
  if (SECRETS.has(name) && file !== undefined) return readSecret(`${path}.${name}File`, String(file), from).trim();
  if (SECRETS.has(name) && variable !== undefined) {
    const value = from.env[String(variable)];
    if (!value) throw new UsageError(`${path}.${name}Env: the environment variable ${String(variable)} is not set`);
    return value;
  }
  if (plain === undefined) return undefined;
  if (typeof plain !== 'string' || plain === '') throw new UsageError(`${path}.${name} must be text`);
  return plain;
}

function rateOf(path: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= 0.1 && value <= 10_000) return value;
  throw new UsageError(`${path}.requestsPerSecond must be a number from 0.1 to 10000, not ${JSON.stringify(value)}`);
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
