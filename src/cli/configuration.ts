import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import { messageOf } from '../base/index.ts';
import type { NodeConfig } from '../node/index.ts';
import { SEALING_LIMITS } from '../store/index.ts';
import { UsageError } from './command.ts';
import { type ConfigurationSource, type Outgoing, readOutgoing } from './outgoing.ts';
import { closest } from './suggest.ts';

type Setting = { readonly help: string; readonly env?: string } & (
  | {
      readonly type: 'text';
      readonly default?: string;
      readonly choices?: readonly string[];
      readonly minLength?: number;
    }
  | { readonly type: 'port'; readonly default: number }
  | { readonly type: 'count'; readonly max: number; readonly default?: number }
  | { readonly type: 'list' }
  /** Read by who owns it. */
  | { readonly type: 'mapping' }
);

/** Every setting of `millrace.yaml` by its path; docs/configuration.md lists the same, and a test compares them. */
export const SETTINGS = {
  dataDirectory: { type: 'text', default: 'data', help: 'Where everything durable lives, relative to the file.' },
  'listen.host': { type: 'text', default: '127.0.0.1', help: 'Address to listen on: an IP address or a host name.' },
  'listen.httpPort': {
    type: 'port',
    default: 4566,
    help: 'AWS APIs and time series; console and metrics to loopback clients; 0 is any free port.',
  },
  'listen.mqttPort': {
    type: 'port',
    default: 1883,
    help: 'MQTT in the clear, on loopback only unless `mqtt.plain` is `any`; 0 is any free port.',
  },
  'listen.mqttsPort': {
    type: 'port',
    default: 8883,
    help: 'MQTT over TLS; 0 is any free port, and so it is where `listen.mqttPort` is 0.',
  },
  'listen.deviceHttpsPort': {
    type: 'port',
    default: 8443,
    help: 'What AWS has on 443 and 8443: MQTT by ALPN, WebSockets, publishing by HTTPS; 0 as above.',
  },
  'mqtt.plain': {
    type: 'text',
    default: 'loopback',
    choices: ['loopback', 'any'],
    help: 'Where MQTT and its WebSockets may come from in the clear: `loopback` is this machine alone.',
  },
  'mqtt.proxies': {
    type: 'list',
    help: 'Addresses and networks of proxies whose connections to the MQTT ports begin with a PROXY header (version 2).',
  },
  'mqtt.successor': {
    type: 'text',
    help: 'Where MQTT 5 clients are told to go when this node stops, `host:port`: see [mqtt.md](mqtt.md).',
  },
  'tls.certFile': {
    type: 'text',
    help: "PEM file with the node's certificate and those between it and its root; else the node's own authority signs one.",
  },
  'tls.keyFile': { type: 'text', help: 'PEM file with its key; both are read again when they change.' },
  'tls.names': {
    type: 'list',
    help: "Further names and addresses in the certificate of the node's own authority: those that devices connect to.",
  },
  auth: {
    type: 'text',
    default: 'on',
    choices: ['on', 'off'],
    help: '`on` verifies every signature and holds every caller to their policies; `off` holds nobody, and is refused unless `listen.host` is loopback.',
  },
  'root.accessKeyId': {
    type: 'text',
    minLength: 16,
    env: 'MILLRACE_ROOT_ACCESS_KEY_ID',
    help: 'Access key of the root user; required with `auth: on`.',
  },
  'root.secretAccessKey': {
    type: 'text',
    minLength: 32,
    env: 'MILLRACE_ROOT_SECRET_ACCESS_KEY',
    help: 'Its secret; required with `auth: on`. The environment variable keeps it out of the file.',
  },
  'audit.events': {
    type: 'text',
    default: 'management',
    choices: ['off', 'management', 'all'],
    help: 'Which calls the audit log keeps: what makes or changes things, what moves data too; refusals are always kept ([audit.md](audit.md)).',
  },
  'audit.files': {
    type: 'count',
    max: 1000,
    default: 32,
    help: 'Files of 32 MiB that the audit log keeps; the oldest goes first.',
  },
  'encryption.keyFile': {
    type: 'text',
    help: 'File with the keys that secrets are sealed with on disk: see [encryption.md](encryption.md); `sealing.key` in the data directory unless given.',
  },
  'encryption.passphrase': {
    type: 'text',
    minLength: SEALING_LIMITS.passphraseCharactersMin,
    env: 'MILLRACE_ENCRYPTION_PASSPHRASE',
    help: 'What the keys in that file are sealed with themselves; without it they stand there as they are.',
  },
  'encryption.passphraseFile': { type: 'text', help: 'A file that has it.' },
  'sandbox.engine': {
    type: 'text',
    default: 'auto',
    choices: ['auto', 'namespace', 'process'],
    help: 'Walls that functions run in; `auto` is the strongest that the machine runs.',
  },
  'sandbox.blanks': {
    type: 'count',
    max: 100,
    help: 'Blank environments kept ready of each runtime in use, 0 to 100; by memory and processors unless said (scaling.md).',
  },
  'log.level': {
    type: 'text',
    default: 'info',
    choices: ['debug', 'info', 'warn', 'error'],
    help: 'Least level that is logged.',
  },
  'traces.endpoint': {
    type: 'text',
    env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    help: 'OpenTelemetry collector (OTLP over HTTP, `http://127.0.0.1:4318`) that gets the spans of sampled traces.',
  },
  'webhooks.allow': {
    type: 'list',
    help: 'Addresses, networks (`10.0.0.0/8`) and host names that are called although they are on this machine or its link.',
  },
  'webhooks.caFile': {
    type: 'text',
    help: 'PEM file with authorities that are trusted for HTTPS targets besides the well-known ones.',
  },
  'smtp.host': { type: 'text', help: 'Mail server for e-mail subscriptions; without it their messages wait.' },
  'smtp.port': { type: 'port', default: 587, help: 'Its port.' },
  'smtp.security': {
    type: 'text',
    default: 'starttls',
    choices: ['starttls', 'tls', 'none'],
    help: '`starttls` refuses a server that does not offer it; `tls` is encrypted from the first byte; `none` is in plain.',
  },
  'smtp.user': { type: 'text', help: 'Who logs in there; nobody unless given.' },
  'smtp.password': { type: 'text', env: 'MILLRACE_SMTP_PASSWORD', help: 'The password of `smtp.user`.' },
  'smtp.passwordFile': { type: 'text', help: 'A file that has it.' },
  'smtp.from': { type: 'text', help: 'Address that mail comes from; required with `smtp.host`.' },
  'smtp.caFile': { type: 'text', help: 'PEM file with authorities that are trusted for the mail server.' },
  'notifications.smsWebhook': { type: 'text', help: 'URL that gets text messages (SNS protocol `sms`) as JSON.' },
  'notifications.pushWebhook': {
    type: 'text',
    help: 'URL that gets mobile push messages (SNS `application`) as JSON.',
  },
  'notifications.url': {
    type: 'text',
    help: 'Base of links and certificates in notifications, as others reach the node; unless given, as the publisher does.',
  },
  connections: { type: 'mapping', help: 'How HTTP targets are called, by name: see below.' },
  mqttLimits: { type: 'mapping', help: 'Limits of MQTT clients by their names: see [mqtt.md](mqtt.md).' },
  brokers: { type: 'mapping', help: 'MQTT brokers of somebody else, by name: see [bridges.md](bridges.md).' },
  tokenIssuers: {
    type: 'mapping',
    help: 'Whose JSON Web Tokens devices may prove themselves with, by name: see [device-policies.md](device-policies.md).',
  },
  bridges: { type: 'mapping', help: 'What is forwarded to and from them: see [bridges.md](bridges.md).' },
} satisfies Record<string, Setting>;

type SettingName = keyof typeof SETTINGS;

/** Settings that are taken as they are, for those who read them. */
const MAPPINGS: ReadonlySet<string> = new Set(
  Object.entries(SETTINGS).flatMap(([name, { type }]) => (type === 'mapping' ? [name] : [])),
);

/**
 * Reads the configuration of a production node: file first, then environment, then default.
 *
 * @throws UsageError  an unknown key, a value out of its range, missing root credentials, or `auth: off` beyond loopback
 */
export function readConfiguration(document: unknown, from: ConfigurationSource): NodeConfig {
  const { given, value } = readSettings(document, from.env);
  const host = String(value('listen.host'));
  const secured = value('auth') === 'on';
  // Where any free port will do for MQTT, it does for MQTT over TLS: several nodes run side by side.
  const isFree = value('listen.mqttPort') === 0;
  const securePort = (name: 'listen.mqttsPort' | 'listen.deviceHttpsPort') =>
    isFree && !(name in given) ? 0 : Number(value(name));
  if (!secured && !isLoopback(host)) {
    throw new UsageError(`listen.host ${host} is not loopback: a node beyond loopback needs auth: on`);
  }
  return {
    dataDirectory: resolve(from.directory, String(value('dataDirectory'))),
    host,
    httpPort: Number(value('listen.httpPort')),
    mqttPort: Number(value('listen.mqttPort')),
    mqttsPort: securePort('listen.mqttsPort'),
    deviceHttpsPort: securePort('listen.deviceHttpsPort'),
    plainMqtt: value('mqtt.plain') as NonNullable<NodeConfig['plainMqtt']>,
    ...proxies(value('mqtt.proxies')),
    ...(value('mqtt.successor') !== undefined && { mqttSuccessor: String(value('mqtt.successor')) }),
    ...mqttLimits(given.mqttLimits),
    ...tls(value, from.directory),
    ...encryption(value, from.directory),
    mode: secured ? 'secured' : 'dev',
    authorization: secured ? 'on' : 'off',
    audit: {
      events: value('audit.events') as NonNullable<NodeConfig['audit']>['events'],
      files: Number(value('audit.files')),
    },
    sandboxEngine: value('sandbox.engine') as NonNullable<NodeConfig['sandboxEngine']>,
    ...(value('sandbox.blanks') === undefined ? {} : { blankEnvironments: Number(value('sandbox.blanks')) }),
    logLevel: value('log.level') as NonNullable<NodeConfig['logLevel']>,
    ...(secured && { rootCredentials: rootCredentials(value) }),
    ...tracesEndpoint(value('traces.endpoint')),
    ...readOutgoing(value, given, from),
  };
}

/**
 * Reads of a configuration what a node sends and how; the other settings are checked and left.
 * @throws UsageError
 */
export function readOutgoingOnly(document: unknown, from: ConfigurationSource): Outgoing {
  const { given, value } = readSettings(document, from.env);
  return readOutgoing(value, given, from);
}

function readSettings(document: unknown, env: ConfigurationSource['env']) {
  const members = Object.entries(topLevel(document));
  const isWhole = ([name]: readonly [string, unknown]) => MAPPINGS.has(name);
  const settings = flatten(Object.fromEntries(members.filter((member) => !isWhole(member))));
  const given: Readonly<Record<string, unknown>> = { ...settings, ...Object.fromEntries(members.filter(isWhole)) };
  for (const name of Object.keys(given)) refuseUnknown(name);
  return { given, value: (name: SettingName) => settle(name, given[name], env) };
}

function topLevel(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UsageError('the configuration must be a mapping of settings');
}

/** What the file that `--config` names says about what is sent; nothing where it names none. @throws UsageError */
export async function readOutgoingFile(name: string | undefined, from: ConfigurationSource): Promise<Outgoing> {
  if (name === undefined) return {};
  const file = resolve(from.directory, name);
  return readOutgoingOnly(await readConfigurationFile(file), { ...from, directory: dirname(file) });
}

/** What is written in the file. @throws UsageError  it cannot be read, or is not YAML */
export async function readConfigurationFile(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`cannot read the configuration: ${messageOf(error)}; name it with --config FILE`);
  });
  return parseConfiguration(text);
}

/** @throws UsageError  it is not YAML */
export async function parseConfiguration(text: string): Promise<unknown> {
  const { parse } = await import('yaml');
  try {
    return parse(text) ?? {};
  } catch (error) {
    throw new UsageError(`the configuration is not YAML: ${messageOf(error)}`);
  }
}

/** Checks the address of a collector; none where there is none. @throws UsageError */
export function tracesEndpoint(value: unknown): Pick<NodeConfig, 'tracesEndpoint'> {
  if (value === undefined || value === '') return {};
  const url = URL.parse(String(value));
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return { tracesEndpoint: url.href };
  throw new UsageError(`traces.endpoint must be an http or https address, not ${JSON.stringify(value)}`);
}

/** The names are for the gateway to know. @throws UsageError  one of them is no count */
function mqttLimits(value: unknown): Pick<NodeConfig, 'mqttLimits'> {
  if (value === undefined || value === null) return {};
  for (const [name, limit] of Object.entries(topLevel(value))) {
    if (!Number.isSafeInteger(limit) || Number(limit) < 0) {
      throw new UsageError(`mqttLimits.${name} must be a whole number, 0 or more, not ${JSON.stringify(limit)}`);
    }
  }
  return { mqttLimits: value as Readonly<Record<string, number>> };
}

/** @throws UsageError  one of them is no address or network */
function proxies(value: unknown): Pick<NodeConfig, 'proxies'> {
  if (value === undefined) return {};
  for (const network of value as readonly string[]) {
    const [address, bits = '0', more] = network.split('/') as [string, string?, string?];
    const isNetwork = isIP(address) !== 0 && more === undefined && /^\d{1,3}$/.test(bits);
    if (isNetwork && Number(bits) <= (isIP(address) === 4 ? 32 : 128)) continue;
    throw new UsageError(`mqtt.proxies has ${network}, which is neither an address nor a network such as 10.0.0.0/8`);
  }
  return { proxies: value as readonly string[] };
}

/** @throws UsageError  a certificate without its key, or the other way round */
function tls(value: (name: SettingName) => unknown, directory: string): Pick<NodeConfig, 'tls'> {
  const [cert, key, names] = [value('tls.certFile'), value('tls.keyFile'), value('tls.names')];
  if ((cert === undefined) !== (key === undefined)) throw new UsageError('tls.certFile and tls.keyFile go together');
  if (cert !== undefined && names !== undefined) {
    throw new UsageError("tls.names are for the certificate of the node's own authority: tls.certFile has its own");
  }
  if (cert !== undefined)
    return { tls: { files: { cert: resolve(directory, String(cert)), key: resolve(directory, String(key)) } } };
  return names === undefined ? {} : { tls: { names: names as readonly string[] } };
}

/** @throws UsageError  two passphrases, one that is too short, or a file that cannot be read */
function encryption(value: (name: SettingName) => unknown, directory: string): Pick<NodeConfig, 'encryption'> {
  const [keyFile, said, file] = [
    value('encryption.keyFile'),
    value('encryption.passphrase'),
    value('encryption.passphraseFile'),
  ];
  if (said !== undefined && file !== undefined) {
    throw new UsageError('encryption.passphrase and encryption.passphraseFile: give one of them');
  }
  const passphrase = file === undefined ? said : readPassphrase(resolve(directory, String(file)));
  if (keyFile === undefined && passphrase === undefined) return {};
  return {
    encryption: {
      ...(keyFile !== undefined && { keyFile: resolve(directory, String(keyFile)) }),
      ...(passphrase !== undefined && { passphrase: String(passphrase) }),
    },
  };
}

function readPassphrase(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new UsageError(`encryption.passphraseFile cannot be read: ${messageOf(error)}`);
  }
  const { passphraseCharactersMin } = SEALING_LIMITS;
  if (text.length >= passphraseCharactersMin) return text;
  throw new UsageError(`encryption.passphraseFile must have at least ${passphraseCharactersMin} characters`);
}

function rootCredentials(value: (name: SettingName) => unknown): NonNullable<NodeConfig['rootCredentials']> {
  return {
    accessKeyId: required('root.accessKeyId', value('root.accessKeyId')),
    secretAccessKey: required('root.secretAccessKey', value('root.secretAccessKey')),
  };
}

function required(name: SettingName, value: unknown): string {
  if (typeof value === 'string') return value;
  throw new UsageError(`${name} is missing: set it in the file or as ${(SETTINGS[name] as Setting).env}`);
}

/** `{ listen: { host: 'x' } }` becomes `{ 'listen.host': 'x' }`. */
function flatten(value: unknown, path = ''): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { [path]: value };
  }
  return Object.assign(
    {},
    ...Object.entries(value).map(([key, inner]) => flatten(inner, path === '' ? key : `${path}.${key}`)),
  );
}

function refuseUnknown(name: string): void {
  if (Object.hasOwn(SETTINGS, name)) return;
  const near = closest(name, Object.keys(SETTINGS));
  throw new UsageError(
    `unknown setting ${name}${near ? `; did you mean ${near}?` : ''} (docs/configuration.md lists them)`,
  );
}

function settle(name: SettingName, given: unknown, env: Readonly<Record<string, string | undefined>>): unknown {
  const setting: Setting = SETTINGS[name];
  const value = given ?? fromEnvironment(setting, env) ?? ('default' in setting ? setting.default : undefined);
  if (value === undefined) return undefined;
  if (setting.type === 'port') return checkCount(name, value, 65_535);
  if (setting.type === 'count') return checkCount(name, value, setting.max);
  if (setting.type === 'list') return checkList(name, value);
  return setting.type === 'text' ? checkText(name, setting, value) : value;
}

/** An empty variable is as good as none. */
function fromEnvironment(setting: Setting, env: Readonly<Record<string, string | undefined>>): string | undefined {
  return (setting.env && env[setting.env]) || undefined;
}

function checkCount(name: string, value: unknown, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new UsageError(`${name} must be a whole number from 0 to ${max}, not ${JSON.stringify(value)}`);
}

function checkList(name: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  throw new UsageError(`${name} must be a list of texts, not ${JSON.stringify(value)}`);
}

function checkText(name: string, setting: Setting & { type: 'text' }, value: unknown): string {
  // YAML 1.1 readers of other tools turn on/off into booleans; ours does not, but the file may say true or false. The value
  // is not repeated: it may be a password of digits alone.
  if (typeof value !== 'string') throw new UsageError(`${name} must be text (in quotes), not a ${typeof value}`);
  if (setting.choices && !setting.choices.includes(value)) {
    throw new UsageError(`${name} must be one of ${setting.choices.join(', ')}, not ${JSON.stringify(value)}`);
  }
  if (value.length < (setting.minLength ?? 1)) {
    throw new UsageError(`${name} must have at least ${setting.minLength ?? 1} characters`);
  }
  return value;
}

/** Whether only this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
