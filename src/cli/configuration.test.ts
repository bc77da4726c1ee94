import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { isLoopback, parseConfiguration, readConfiguration, SETTINGS } from './configuration.ts';

const KEYS = { MILLRACE_ROOT_ACCESS_KEY_ID: 'AKIA000000000000', MILLRACE_ROOT_SECRET_ACCESS_KEY: 's'.repeat(32) };
const read = (text: string, env: Record<string, string> = KEYS) =>
  readConfiguration(parse(text) ?? {}, { env, directory: '/etc/millrace' });

test('an empty file gives the defaults, with the root keys of the environment', () => {
  assert.deepEqual(read(''), {
    dataDirectory: '/etc/millrace/data',
    host: '127.0.0.1',
    httpPort: 4566,
    mqttPort: 1883,
    mqttsPort: 8883,
    deviceHttpsPort: 8443,
    plainMqtt: 'loopback',
    mode: 'secured',
    authorization: 'on',
    audit: { events: 'management', files: 32 },
    sandboxEngine: 'auto',
    logLevel: 'info',
    rootCredentials: { accessKeyId: 'AKIA000000000000', secretAccessKey: 's'.repeat(32) },
  });
});

test('an empty text is an empty configuration, and one that is no YAML is refused', async () => {
  assert.deepEqual(await parseConfiguration(''), {});
  await assert.rejects(parseConfiguration('{'), /the configuration is not YAML/);
});

test('the file goes before the environment', () => {
  const config = read('root: { accessKeyId: AKIAFROMTHEFILE0 }\nlisten: { host: 10.0.0.1, httpPort: 0 }\n');
  assert.equal(config.rootCredentials?.accessKeyId, 'AKIAFROMTHEFILE0');
  assert.deepEqual([config.host, config.httpPort], ['10.0.0.1', 0]);
});

for (const [name, text, env, message] of [
  ['an unknown key', 'listen: { htpPort: 1 }', KEYS, /unknown setting listen.htpPort; did you mean listen.httpPort\?/],
  ['a port out of range', 'listen: { httpPort: 70000 }', KEYS, /from 0 to 65535, not 70000/],
  ['a level that is none', 'log: { level: loud }', KEYS, /must be one of debug, info, warn, error/],
  ['missing root keys', '', {}, /root.accessKeyId is missing: set it in the file or as MILLRACE_ROOT_ACCESS_KEY_ID/],
  ['a short secret', 'root: { secretAccessKey: short }', KEYS, /at least 32 characters/],
  [
    'a password that YAML takes for a number',
    'smtp: { host: h, from: a@b, user: u, password: 12345678 }',
    KEYS,
    /^(?!.*1234).*must be text/,
  ],
  ['no auth beyond loopback', 'auth: off\nlisten: { host: 0.0.0.0 }', {}, /a node beyond loopback needs auth: on/],
  ['a collector without scheme', 'traces: { endpoint: "localhost:4318" }', KEYS, /must be an http or https address/],
  ['a list', '- a', KEYS, /mapping of settings/],
  ['a certificate without its key', 'tls: { certFile: a.pem }', KEYS, /tls.certFile and tls.keyFile go together/],
  [
    'names for a certificate that has its own',
    'tls: { certFile: a, keyFile: b, names: [c] }',
    KEYS,
    /tls.certFile has its own/,
  ],
  ['a proxy that is no network', 'mqtt: { proxies: [10.0.0.0/40] }', KEYS, /10.0.0.0\/40, which is neither an address/],
] as const) {
  test(`refused: ${name}`, () => assert.throws(() => read(text, env), message));
}

test('ports over TLS are free ones where that of MQTT is, unless they are given', () => {
  const { mqttsPort, deviceHttpsPort } = read('listen: { mqttPort: 0, deviceHttpsPort: 443 }');
  assert.deepEqual([mqttsPort, deviceHttpsPort], [0, 443]);
});

test('files of the certificate are relative to the configuration', () => {
  const { tls } = read('tls: { certFile: tls/node.pem, keyFile: /keys/node.key }');
  assert.deepEqual(tls, { files: { cert: '/etc/millrace/tls/node.pem', key: '/keys/node.key' } });
});

test('auth may be off on loopback', () => {
  assert.equal(read('auth: off', {}).mode, 'dev');
});

test('a collector comes from the file or the variable that OpenTelemetry has for it', () => {
  assert.equal(read('traces: { endpoint: "http://c:4318" }').tracesEndpoint, 'http://c:4318/');
  const env = { ...KEYS, OTEL_EXPORTER_OTLP_ENDPOINT: 'https://d' };
  assert.equal(read('', env).tracesEndpoint, 'https://d/');
});

test('loopback is told from the rest', () => {
  assert.deepEqual(['127.0.0.1', '127.8.0.1', '::1', 'localhost'].map(isLoopback), [true, true, true, true]);
  assert.deepEqual(['0.0.0.0', '::', '10.0.0.1', '127.evil.example'].map(isLoopback), [false, false, false, false]);
});

test('docs/configuration.md lists every setting with its default', () => {
  const docs = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8').replace(/ +/g, ' ');
  for (const [name, setting] of Object.entries(SETTINGS)) {
    const standard = 'default' in setting ? `\`${setting.default}\`` : 'none';
    assert.ok(docs.includes(`| \`${name}\` | ${standard} | ${setting.help} |`), `docs/configuration.md: ${name}`);
  }
});

test('issuers of tokens are read', () => {
  const { tokenIssuers } = read(
    `
tokenIssuers:
  plant: { issuer: 'https://id.plant.example', audience: millrace, keys: keys/plant.json }
  cloud: { issuer: 'https://id.example', audience: [a, b], keys: 'https://id.example/jwks' }
`,
  );
  assert.deepEqual(tokenIssuers, [
    {
      name: 'plant',
      issuer: 'https://id.plant.example',
      audience: ['millrace'],
      keys: '/etc/millrace/keys/plant.json',
    },
    { name: 'cloud', issuer: 'https://id.example', audience: ['a', 'b'], keys: 'https://id.example/jwks' },
  ]);
  assert.throws(() => read('tokenIssuers: { a: { keys: x } }'), /tokenIssuers\.a\.issuer is missing/);
  assert.throws(
    () => read('tokenIssuers: { a: { issuer: x, keys: y, alg: none } }'),
    /unknown setting tokenIssuers\.a\.alg/,
  );
});

test('foreign brokers and bridges are read, with secrets from elsewhere', () => {
  const { foreign } = read(
    `
brokers:
  plant: { url: 'mqtts://broker.example', username: u, passwordEnv: PLANT }
  old: { url: 'mqtt://10.0.0.9:1884', protocol: '3.1.1' }
bridges:
  floor:
    broker: plant
    topics:
      - { filter: 'a/#', direction: in, localPrefix: plant/ }
      - { filter: b }
`,
    { ...KEYS, PLANT: 'secret' },
  );
  const common = { keepAliveSeconds: 30, sessionExpirySeconds: 86_400 };
  const [plant, old] = foreign!.brokers;
  const login = { username: 'u', password: 'secret' };
  assert.deepEqual(plant, {
    name: 'plant',
    host: 'broker.example',
    port: 8883,
    tls: {},
    protocol: 5,
    ...login,
    ...common,
  });
  assert.deepEqual(old, { name: 'old', host: '10.0.0.9', port: 1884, protocol: 4, ...common });
  const line = { bridge: 'floor', broker: 'plant', qos: 1, remotePrefix: '' };
  assert.deepEqual(foreign!.routes, [
    { ...line, filter: 'a/#', direction: 'in', localPrefix: 'plant/' },
    { ...line, filter: 'b', direction: 'both', localPrefix: '' },
  ]);
});

for (const [name, text, message] of [
  ['a broker without URL', 'brokers: { a: {} }', /brokers\.a\.url is missing/],
  [
    'a URL with a password',
    'brokers: { a: { url: "mqtt://u:secret@h" } }',
    /^(?!.*secret).*brokers\.a\.url must be mqtt:/,
  ],
  ['an unknown member', 'brokers: { a: { url: "mqtt://h", tls: x } }', /unknown setting brokers\.a\.tls/],
  ['a certificate in plain', 'brokers: { a: { url: "mqtt://h", caFile: x } }', /caFile is for mqtts/],
  ['a password that is no text', 'brokers: { a: { url: "mqtt://h", password: 1234 } }', /^(?!.*1234).*must be text/],
  ['a bridge to nowhere', 'bridges: { b: { broker: a, topics: [{ filter: x }] } }', /there is no broker a/],
  [
    'a filter that is none',
    'brokers: { a: { url: "mqtt://h" } }\nbridges: { b: { broker: a, topics: [{ filter: "x/#/y" }] } }',
    /no topic filter that may be forwarded/,
  ],
] as const) {
  test(`refused: ${name}`, () => assert.throws(() => read(text), message));
}
