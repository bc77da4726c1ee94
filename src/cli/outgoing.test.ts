import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { readOutgoingOnly } from './configuration.ts';

let directory: string;

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-outgoing-'));
  writeFileSync(join(directory, 'secret'), 'from the file\n');
  writeFileSync(join(directory, 'ca.pem'), 'PEM');
});

after(() => rmSync(directory, { recursive: true }));

const read = (text: string, env: Record<string, string> = {}) =>
  readOutgoingOnly(parse(text) ?? {}, { env, directory });

test('nothing is sent by mail, nobody is called by a connection unless the file says so', () => {
  assert.deepEqual(read(''), {});
});

test('a mail server, with its password from the file, a file of its own or the environment', () => {
  const server = 'host: mail.example.com, from: a@example.com';
  const plain = { host: 'mail.example.com', port: 587, security: 'starttls', from: 'a@example.com' };
  assert.deepEqual(read(`smtp: { ${server} }`).smtp, plain);
  const user = { ...plain, user: 'u' };
  assert.deepEqual(read(`smtp: { ${server}, user: u, password: p }`).smtp, { ...user, password: 'p' });
  assert.deepEqual(read(`smtp: { ${server}, user: u }`, { MILLRACE_SMTP_PASSWORD: 'e' }).smtp, {
    ...user,
    password: 'e',
  });
  const fromFiles = read(`smtp: { ${server}, user: u, passwordFile: secret, caFile: ca.pem }`).smtp;
  assert.deepEqual(fromFiles, { ...user, password: 'from the file', ca: 'PEM' });
});

test('connections, with their secrets from wherever they are kept', () => {
  const { connections } = read(
    `connections:
      a: { type: basic, user: u, password: p, requestsPerSecond: 0.5 }
      b: { type: api-key, header: X-Key, valueEnv: KEY }
      c: { type: oauth, tokenUrl: 'https://login.example.com/token', clientId: id, clientSecretFile: secret, scope: a b }`,
    { KEY: 'k' },
  );
  assert.deepEqual(connections, [
    { name: 'a', authorization: { kind: 'basic', user: 'u', password: 'p' }, requestsPerSecond: 0.5 },
    { name: 'b', authorization: { kind: 'api-key', header: 'X-Key', value: 'k' } },
    {
      name: 'c',
      authorization: {
        kind: 'oauth',
        tokenUrl: 'https://login.example.com/token',
        clientId: 'id',
        clientSecret: 'from the file',
        scope: 'a b',
      },
    },
  ]);
});

test('webhooks and notifications', () => {
  const { webhooks, notifications } = read(
    `webhooks: { allow: [127.0.0.1, 10.0.0.0/8, 'fd00::/8', hooks.internal], caFile: ca.pem }
notifications: { smsWebhook: 'https://sms.example.com/send' }`,
  );
  assert.deepEqual(webhooks, { allow: ['127.0.0.1', '10.0.0.0/8', 'fd00::/8', 'hooks.internal'], ca: 'PEM' });
  assert.deepEqual(notifications, { sms: 'https://sms.example.com/send' });
});

for (const [name, text, message] of [
  ['mail without a sender', 'smtp: { host: h }', /smtp.from is missing/],
  ['a user without a password', 'smtp: { host: h, from: f, user: u }', /come together/],
  ['a file that is not there', 'smtp: { host: h, from: f, caFile: nowhere }', /smtp.caFile: ENOENT/],
  ['an unknown type', 'connections: { a: { type: digest } }', /a.type must be one of none, basic, api-key, oauth/],
  ['an unknown member', 'connections: { a: { type: none, user: u } }', /unknown setting connections.a.user/],
  ['a missing member', 'connections: { a: { type: basic, user: u } }', /connections.a.password is missing/],
  ['a variable that is not set', 'connections: { a: { type: api-key, header: h, valueEnv: NO } }', /NO is not set/],
  ['a rate out of range', 'connections: { a: { type: none, requestsPerSecond: 0 } }', /from 0.1 to 10000, not 0/],
  [
    'a token address that is none',
    'connections: { a: { type: oauth, tokenUrl: x, clientId: i, clientSecret: s } }',
    /tokenUrl must be/,
  ],
  ['a network that is none', 'webhooks: { allow: [10.0.0.0/33] }', /10.0.0.0\/33.* is no address/],
  ['no list', 'webhooks: { allow: 127.0.0.1 }', /must be a list/],
  ['no address', 'notifications: { pushWebhook: phone }', /pushWebhook must be an http/],
] as const) {
  test(`refused: ${name}`, () => assert.throws(() => read(text), message));
}
