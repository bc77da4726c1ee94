import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { type Clock, SimulatedClock, seededRandom } from '../../../base/index.ts';
import { encodeName, makeCertificate } from '../../../codec/x509/index.ts';
import { openEmbeddedRecords, type Records } from '../../../store/index.ts';
import { silentLogger } from '../../../telemetry/index.ts';
import type { AuthorizerDefinition } from '../authorizers/authorizers.ts';
import { Authorizers } from '../authorizers/authorizers.ts';
import { CustomAuthentication } from '../authorizers/custom-authentication.ts';
import { Policies } from '../policies/policies.ts';
import type { FunctionOutcome } from '../ports.ts';
import type { ClientPermissions, ConnectDecision, ConnectRequest } from './access.ts';
import { PrincipalChanges } from './changes.ts';
import { openInTheClear, PolicyAccess } from './device-access.ts';
import { Identifier } from './identifier.ts';
import type { CertificateAdmission } from './ports.ts';
import { TokenAuthentication, type TokenIssuer } from './tokens.ts';
import { DeviceUsers } from './users.ts';

const CERTIFICATE = 'arn:aws:iot:us-east-1:000000000000:cert/abc';
const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:authorize';

const directory = await mkdtemp(join(tmpdir(), 'millrace-proofs-'));
after(() => rm(directory, { recursive: true, force: true }));

interface Rig extends AsyncDisposable {
  readonly clock: SimulatedClock;
  readonly access: PolicyAccess;
  readonly policies: Policies;
  readonly users: DeviceUsers;
  readonly authorizers: Authorizers;
  /** Events that the function has got. */
  readonly events: any[];
  /** Whether the certificate that clients come with is. */
  isCertificateActive: boolean;
  readonly changes: PrincipalChanges;
  /** What it answers next. */
  answer: FunctionOutcome | (() => Promise<FunctionOutcome>);
}

let count = 0;

async function openRig(issuers: readonly TokenIssuer[] = [], at?: Records): Promise<Rig> {
  const clock = new SimulatedClock();
  const records = at ?? (await openEmbeddedRecords({ directory: join(directory, `records-${++count}`) }));
  const changes = new PrincipalChanges();
  const random = seededRandom(7);
  const policies = await Policies.open({ records, changes, clock });
  const authorizers = await Authorizers.open({ records, changes, clock });
  const users = await DeviceUsers.open({ records, changes, clock, random });
  const events: any[] = [];
  const certificates: CertificateAdmission = {
    admit: () => ({ kind: 'active', certificateArn: CERTIFICATE }),
    isActive: () => rig.isCertificateActive,
    endsAt: () => undefined,
    der: async () => undefined,
  };
  const custom = new CustomAuthentication({
    ...{ authorizers, clock, random, logger: silentLogger },
    invoke: async (_arn, event) => {
      events.push(event);
      return typeof rig.answer === 'function' ? rig.answer() : rig.answer;
    },
  });
  const tokens = new TokenAuthentication(issuers, clock as Clock, silentLogger);
  const identifier = new Identifier({ certificates, authorizers, custom, tokens, users });
  const access = new PolicyAccess({ identifier, policies, things: { ofPrincipal: () => [] }, changes, clock });
  const rig: Rig = {
    ...{ clock, access, policies, users, authorizers, events, changes, isCertificateActive: true },
    answer: { kind: 'failed', reason: 'no answer is set' },
    [Symbol.asyncDispose]: async () => {
      access[Symbol.dispose]();
      await records[Symbol.asyncDispose]();
    },
  };
  return rig;
}

const allow = (Action: string | string[], Resource = '*', Condition?: object) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action, Resource, ...(Condition && { Condition }) }],
  });

async function attach({ policies }: Rig, target: string, document: string): Promise<void> {
  const name = `p${++count}`;
  await policies.create(name, document, 'us-east-1');
  await policies.attach(name, target);
}

const request = (more: Partial<ConnectRequest> = {}): ConnectRequest => ({
  ...{ remoteAddress: '192.0.2.1', isEncrypted: true, clientId: 'c', username: undefined, password: undefined },
  ...{ version: 5, connectAttributes: [], ...more },
});
const withPassword = (username: string, password: string, more: Partial<ConnectRequest> = {}) =>
  request({ username, password: Buffer.from(password), ...more });
const certificate = { certificateId: 'abc', der: Buffer.alloc(0) };

function accepted(decision: ConnectDecision): ClientPermissions {
  assert(decision.kind === 'accepted', JSON.stringify(decision));
  return decision.permissions;
}

function refusedAs(decision: ConnectDecision, reasonCode: number, reason: RegExp): void {
  assert(decision.kind === 'refused', 'it was accepted');
  assert.equal(decision.reasonCode, reasonCode);
  assert.match(decision.reason!, reason);
}

/** Collects why a client was told to go. */
function watched(permissions: ClientPermissions): string[] {
  const told: string[] = [];
  permissions.watch({ revoked: (reason, as) => void told.push(as === undefined ? reason : `${as}: ${reason}`) });
  return told;
}

test('a user proves himself by his password, and has the policies of his ARN', async () => {
  await using rig = await openRig();
  const { access, users } = rig;
  await users.setPassword('bob', 'correct horse');
  await attach(rig, 'arn:aws:iot:us-east-1:000000000000:user/bob', allow('iot:*', '*'));
  const bob = accepted(await access.connect(withPassword('bob', 'correct horse')));
  assert.equal(bob.principal, 'bob');
  assert(bob.mayPublish('a'));
  for (const [name, password] of [
    ['bob', 'wrong horse'],
    ['bob', ''],
    ['bob', 'x'.repeat(2000)],
    ['alice', 'correct horse'],
  ] as const) {
    refusedAs(await access.connect(withPassword(name, password)), 0x86, /wrong user name or password/);
  }
  refusedAs(await access.connect(request({ username: 'bob' })), 0x87, /proved nothing/);
  refusedAs(await access.connect(request()), 0x87, /proved nothing/);
  // The second time is answered from a keyed hash, and only for the same password.
  assert.equal((await access.connect(withPassword('bob', 'correct horse'))).kind, 'accepted');
  assert.equal((await access.connect(withPassword('bob', 'correct hors'))).kind, 'refused');
});

test('another password ends the connections of the old one', async () => {
  await using rig = await openRig();
  const { access, users } = rig;
  await users.setPassword('bob', 'correct horse');
  await attach(rig, 'arn:aws:iot:us-east-1:000000000000:user/bob', allow('iot:*', '*'));
  const told = watched(accepted(await access.connect(withPassword('bob', 'correct horse'))));
  await users.setPassword('bob', 'battery staple');
  assert.deepEqual(told, ['its password was changed']);
  assert.equal((await access.connect(withPassword('bob', 'correct horse'))).kind, 'refused');
  const again = watched(accepted(await access.connect(withPassword('bob', 'battery staple'))));
  await users.delete('bob');
  assert.equal(again.length, 1);
  assert.equal((await access.connect(withPassword('bob', 'battery staple'))).kind, 'refused');
});

test('passwords are stored as slow hashes with a salt of their own', async () => {
  await using rig = await openRig();
  await rig.users.setPassword('a', 'correct horse');
  await rig.users.setPassword('b', 'correct horse');
  const [a, b] = rig.users.list();
  assert.notEqual(a!.hash, b!.hash);
  assert(!JSON.stringify([a, b]).includes('correct'));
  await assert.rejects(rig.users.setPassword('a b', 'correct horse'), { code: 'request-invalid' });
  await assert.rejects(rig.users.setPassword('a', 'short'), { code: 'request-invalid' });
});

test('who signs with a key of the account may do everything; dev asks only those who come by TLS', async () => {
  await using rig = await openRig();
  const caller = { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:user/ann' };
  const signed = accepted(await rig.access.connect(request({ caller })));
  assert.equal(signed.principal, caller.arn);
  assert(signed.mayPublish('a') && signed.receivesAll);
  const dev = openInTheClear(rig.access);
  assert.equal((await dev.connect(request({ isEncrypted: false }))).kind, 'accepted');
  refusedAs(await dev.connect(request()), 0x87, /proved nothing/);
  refusedAs(await dev.connect(request({ isEncrypted: false, certificate })), 0x87, /no policy allows/);
});

test('what changes between the decision and the watching is not missed', async () => {
  await using rig = await openRig();
  await attach(rig, CERTIFICATE, allow('iot:*'));
  const client = accepted(await rig.access.connect(request({ certificate })));
  await rig.policies.detachAll(CERTIFICATE);
  const told = watched(client);
  assert(!client.mayPublish('a'));
  await Promise.resolve();
  assert.deepEqual(told, ['its policies no longer allow iot:Connect']);
});

test('a change that may concern all reaches every client of many', async () => {
  await using rig = await openRig();
  await rig.users.setPassword('bob', 'correct horse');
  await attach(rig, 'arn:aws:iot:us-east-1:000000000000:user/bob', allow('iot:*'));
  const told: string[] = [];
  for (let index = 0; index < 1_200; index++) {
    const client = accepted(await rig.access.connect(withPassword('bob', 'correct horse', { clientId: `c${index}` })));
    client.watch({ revoked: () => void told.push(`c${index}`) });
  }
  const [policy] = rig.policies.attachedTo('arn:aws:iot:us-east-1:000000000000:user/bob');
  const group = 'arn:aws:iot:us-east-1:000000000000:thinggroup/all';
  await rig.policies.attach(policy!.name, group);
  await rig.policies.addVersion(policy!.name, allow('iot:Publish'), true);
  while (told.length < 1_200) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(new Set(told).size, 1_200);
});

/** An issuer with its key set in a file. */
async function newIssuer(name = 'plant') {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const keys = join(directory, `keys-${++count}.json`);
  await writeFile(keys, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }] }));
  const issuer: TokenIssuer = { name, issuer: `https://${name}.example.com`, audience: ['millrace'], keys };
  const token = (claims: object, seconds = 600, kid = 'k1') =>
    new SignJWT({ sub: 'pump-1', ...claims } as Record<string, unknown>)
      .setProtectedHeader({ alg: 'ES256', kid })
      .setIssuer(issuer.issuer)
      .setAudience('millrace')
      .setExpirationTime(Date.UTC(2026, 0, 1) / 1000 + seconds)
      .sign(privateKey);
  return { issuer, token, publicKey, keys };
}

test('a token of a known issuer is a proof, and its claims are variables', async () => {
  const { issuer, token } = await newIssuer();
  await using rig = await openRig([issuer]);
  const target = 'arn:aws:iot:us-east-1:000000000000:tokens/plant';
  await attach(rig, target, allow('iot:Connect', 'arn:aws:iot:us-east-1:000000000000:client/${jwt:sub}'));
  const sites = { 'ForAnyValue:StringEquals': { 'jwt:site.rights': 'publish' } };
  await attach(rig, target, allow('iot:Publish', 'arn:aws:iot:us-east-1:000000000000:topic/${jwt:site.name}/*', sites));
  const site = { name: 'north', rights: ['read', 'publish'] };
  const pump = accepted(await rig.access.connect(withPassword('', await token({ site }), { clientId: 'pump-1' })));
  assert.equal(pump.principal, 'pump-1');
  assert(pump.mayPublish('north/x') && !pump.mayPublish('south/x') && !pump.maySubscribe('north/x'));
  const spoofed = await rig.access.connect(withPassword('', await token({ site }), { clientId: 'pump-2' }));
  refusedAs(spoofed, 0x87, /iot:Connect as client\/pump-2/);
  const reader = { site: { ...site, rights: ['read'] } };
  assert(
    !accepted(await rig.access.connect(withPassword('', await token(reader), { clientId: 'pump-1' }))).mayPublish(
      'north/x',
    ),
  );
  const headers = { authorization: `Bearer ${await token({ site })}` };
  const overHttp = await rig.access.publisher({
    ...{ remoteAddress: undefined, isEncrypted: true, upgrade: { headers, queryString: '' } },
  });
  assert(accepted(overHttp).mayPublish('north/x'));
});

test('tokens that are forged, expired, for others or of unknown issuers are refused', async () => {
  const { issuer, token, publicKey } = await newIssuer();
  const stranger = await newIssuer('plant');
  await using rig = await openRig([issuer]);
  await attach(rig, 'arn:aws:iot:us-east-1:000000000000:tokens/plant', allow('iot:*'));
  const connect = (text: string) => rig.access.connect(withPassword('u', text));
  const good = await token({});
  assert.equal((await connect(good)).kind, 'accepted');
  const [head, body, signature] = good.split('.') as [string, string, string];
  const admin = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(body, 'base64url').toString()), sub: 'admin' }));
  refusedAs(await connect(`${head}.${admin.toString('base64url')}.${signature}`), 0x87, /signature/);
  refusedAs(await connect(await stranger.token({})), 0x87, /not good/);
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  assert.equal((await connect(`${none}.${body}.x`)).kind, 'refused');
  // Signed by a shared secret that is the public key, as some libraries once took it.
  const secret = new TextEncoder().encode(JSON.stringify(await exportJWK(publicKey)));
  const confused = await new SignJWT({ sub: 'admin' })
    .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
    .setIssuer(issuer.issuer)
    .setAudience('millrace')
    .setExpirationTime(Date.UTC(2026, 0, 1) / 1000 + 600)
    .sign(secret);
  assert.equal((await connect(confused)).kind, 'refused');
  await rig.clock.advance(700_000);
  refusedAs(await connect(good), 0x87, /not good/);
  const unknown = await (await newIssuer('elsewhere')).token({}, 9_000);
  refusedAs(await connect(unknown), 0x87, /no issuer/);
});

test('a client goes when its token expires', async () => {
  const { issuer, token } = await newIssuer();
  await using rig = await openRig([issuer]);
  await attach(rig, 'arn:aws:iot:us-east-1:000000000000:tokens/plant', allow('iot:*'));
  const told = watched(accepted(await rig.access.connect(withPassword('u', await token({}, 600)))));
  await rig.clock.advance(599_000);
  assert.deepEqual(told, []);
  await rig.clock.advance(1_000);
  assert.deepEqual(told, ['AUTH_ERROR: its token has expired']);
});

test('mutual TLS and a token together: policies and variables of both count', async () => {
  const { issuer, token } = await newIssuer();
  await using rig = await openRig([issuer]);
  const needsToken = { Null: { 'jwt:sub': 'false' } };
  await attach(rig, CERTIFICATE, allow('iot:Connect', '*', needsToken));
  await attach(rig, 'arn:aws:iot:us-east-1:000000000000:token/plant/pump-1', allow('iot:Publish'));
  refusedAs(await rig.access.connect(request({ certificate })), 0x87, /no policy allows/);
  const both = accepted(await rig.access.connect(withPassword('u', await token({}), { certificate })));
  assert.equal(both.principal, 'abc');
  assert(both.mayPublish('a'));
  assert.equal(
    (await rig.access.connect(withPassword('u', await token({ sub: 'x' }), { certificate }))).kind,
    'accepted',
  );
  refusedAs(await rig.access.connect(withPassword('u', `${await token({})}x`, { certificate })), 0x87, /not good/);
});

test('keys are fetched by address, and a file is read again for a key that is new', async () => {
  const { issuer, token, keys, publicKey } = await newIssuer();
  const jwk = { ...(await exportJWK(publicKey)), alg: 'ES256' };
  const server = createServer((_request, response) => response.end(JSON.stringify({ keys: [{ ...jwk, kid: 'k1' }] })));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => server.close());
  const byAddress = { ...issuer, keys: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json` };
  await using remote = await openRig([byAddress]);
  await attach(remote, 'arn:aws:iot:us-east-1:000000000000:tokens/plant', allow('iot:*'));
  assert.equal((await remote.access.connect(withPassword('u', await token({})))).kind, 'accepted');

  await using local = await openRig([issuer]);
  await attach(local, 'arn:aws:iot:us-east-1:000000000000:tokens/plant', allow('iot:*'));
  assert.equal((await local.access.connect(withPassword('u', await token({}, 600, 'k2')))).kind, 'refused');
  await writeFile(keys, JSON.stringify({ keys: [{ ...jwk, kid: 'k2' }] }));
  await local.clock.advance(60_000);
  assert.equal((await local.access.connect(withPassword('u', await token({}, 600, 'k2')))).kind, 'accepted');
});

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PEM = publicKey.export({ type: 'spki', format: 'pem' }).toString();
const signatureOf = (token: string) => sign('RSA-SHA256', Buffer.from(token), privateKey).toString('base64');

const SIGNED: AuthorizerDefinition = {
  ...{ functionArn: FUNCTION, tokenKeyName: 'Token', publicKeys: { k: PEM }, status: 'ACTIVE' },
  ...{ signingDisabled: false, enableCachingForHttp: false },
};
const UNSIGNED: AuthorizerDefinition = { ...SIGNED, publicKeys: {}, signingDisabled: true };

const grant = (document: object, more: object = {}): FunctionOutcome => ({
  kind: 'returned',
  value: { isAuthenticated: true, principalId: 'P1', policyDocuments: [document], ...more },
});
const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }] };

test('an authorizer gets what the client brings, and its policies decide', async () => {
  await using rig = await openRig();
  await rig.authorizers.create('mine', SIGNED, 'us-east-1');
  const own = {
    ...everything,
    Statement: [...everything.Statement, { Effect: 'Deny', Action: 'iot:Publish', Resource: '*/secret' }],
  };
  rig.answer = grant(own);
  const signature = encodeURIComponent(signatureOf('abc+/'));
  const username = `bob?x-amz-customauthorizer-name=mine&x-amz-customauthorizer-signature=${signature}&token=abc%2B%2F`;
  const client = accepted(await rig.access.connect(withPassword(username, 'pw', { serverName: 'iot.example.com' })));
  assert.equal(client.principal, 'P1');
  assert(client.mayPublish('a') && !client.mayPublish('a/secret'));
  const [event] = rig.events;
  assert.match(event.connectionMetadata.id, /^[0-9a-f-]{36}$/);
  delete event.connectionMetadata;
  assert.deepEqual(event, {
    token: 'abc+/',
    signatureVerified: true,
    protocols: ['tls', 'mqtt'],
    protocolData: {
      tls: { serverName: 'iot.example.com' },
      mqtt: { username, password: Buffer.from('pw').toString('base64'), clientId: 'c' },
    },
  });
});

test('a token that no key has signed never reaches the function', async () => {
  await using rig = await openRig();
  await rig.authorizers.create('mine', SIGNED, 'us-east-1');
  rig.answer = grant(everything);
  const name = 'x-amz-customauthorizer-name=mine';
  const bad = [
    `?${name}`,
    `?${name}&token=abc`,
    `?${name}&token=abc&x-amz-customauthorizer-signature=${signatureOf('abd')}`,
    `?${name}&token=abc&x-amz-customauthorizer-signature=!!`,
  ];
  for (const username of bad) refusedAs(await rig.access.connect(request({ username })), 0x87, /not signed/);
  refusedAs(await rig.access.connect(request({ username: '?x-amz-customauthorizer-name=other' })), 0x87, /no active/);
  assert.equal(rig.events.length, 0);
});

test('headers and query of a WebSocket name the authorizer as well', async () => {
  await using rig = await openRig();
  await rig.authorizers.create('mine', SIGNED, 'us-east-1');
  rig.answer = grant(everything);
  const headers = {
    'x-amz-customauthorizer-name': 'mine',
    'x-amz-customauthorizer-signature': signatureOf('abc'),
    token: 'abc',
  };
  assert.equal((await rig.access.connect(request({ upgrade: { headers, queryString: '' } }))).kind, 'accepted');
  const queryString = new URLSearchParams(headers).toString();
  assert.equal((await rig.access.connect(request({ upgrade: { headers: {}, queryString } }))).kind, 'accepted');
  assert.deepEqual(
    rig.events.map(({ protocols }) => protocols),
    [
      ['tls', 'http', 'mqtt'],
      ['tls', 'http', 'mqtt'],
    ],
  );
  assert.equal(rig.events[1].protocolData.http.queryString, `?${queryString}`);
});

test('the default authorizer decides about those who name none; users and certificates come before it', async () => {
  await using rig = await openRig();
  await rig.authorizers.create('mine', UNSIGNED, 'us-east-1');
  await rig.authorizers.setDefault('mine');
  await rig.users.setPassword('bob', 'correct horse');
  rig.answer = grant(everything);
  assert.equal(accepted(await rig.access.connect(withPassword('alice', 'x'))).principal, 'P1');
  assert.equal(accepted(await rig.access.connect(request())).principal, 'P1');
  refusedAs(await rig.access.connect(withPassword('bob', 'x')), 0x86, /wrong/);
  refusedAs(await rig.access.connect(request({ certificate })), 0x87, /no policy allows/);
  assert.equal(rig.events.length, 2);
});

test('a function that denies, fails, is late or answers nonsense lets nobody in', async () => {
  await using rig = await openRig();
  await rig.authorizers.create('mine', UNSIGNED, 'us-east-1');
  await rig.authorizers.setDefault('mine');
  const returned = (value: unknown): FunctionOutcome => ({ kind: 'returned', value });
  const ask = async (answer: Rig['answer']) => {
    rig.answer = answer;
    return rig.access.connect(request());
  };
  refusedAs(await ask(returned({ isAuthenticated: false })), 0x87, /has not authenticated/);
  refusedAs(await ask({ kind: 'failed', reason: 'boom' }), 0x88, /has failed/);
  refusedAs(await ask(() => Promise.reject(new Error('boom'))), 0x88, /has failed/);
  const good = { isAuthenticated: true, principalId: 'P', policyDocuments: [] };
  for (const value of [
    ...[null, 'yes', {}, { ...good, isAuthenticated: 'true' }, { ...good, principalId: 'a-b' }],
    ...[
      { ...good, policyDocuments: ['{'] },
      { ...good, policyDocuments: Array(11).fill(everything) },
    ],
    ...[
      { ...good, refreshAfterInSeconds: 10 },
      { ...good, disconnectAfterInSeconds: 100_000 },
    ],
  ]) {
    refusedAs(await ask(returned(value)), 0x88, /has failed/);
  }
  refusedAs(await ask(returned(good)), 0x87, /no policy allows/);
});

test('the answer is renewed in time, and the client must go in time', async () => {
  await using rig = await openRig();
  await rig.authorizers.create('mine', UNSIGNED, 'us-east-1');
  await rig.authorizers.setDefault('mine');
  const times = { refreshAfterInSeconds: 300, disconnectAfterInSeconds: 1_000 };
  rig.answer = grant(everything, times);
  const client = accepted(await rig.access.connect(request()));
  const told = watched(client);
  const less = { ...everything, Statement: [{ Effect: 'Allow', Action: 'iot:Connect', Resource: '*' }] };
  rig.answer = grant(less, times);
  await rig.clock.advance(299_000);
  assert(client.mayPublish('a'));
  await rig.clock.advance(1_000);
  assert(!client.mayPublish('a'));
  assert.equal(rig.events.length, 2);
  assert.deepEqual(rig.events[0], rig.events[1]);
  await rig.clock.advance(300_000);
  await rig.clock.advance(400_000);
  assert.deepEqual(told, ['CUSTOMAUTH_TTL_EXPIRATION: its authorizer lets it stay no longer']);
});

test('a client goes when its authorizer does not renew it or is switched off', async () => {
  await using rig = await openRig();
  await rig.authorizers.create('mine', UNSIGNED, 'us-east-1');
  await rig.authorizers.setDefault('mine');
  rig.answer = grant(everything, { refreshAfterInSeconds: 300 });
  const first = watched(accepted(await rig.access.connect(request())));
  rig.answer = { kind: 'returned', value: { isAuthenticated: false } };
  await rig.clock.advance(300_000);
  assert.deepEqual(first, ['AUTH_ERROR: authorizer mine does not renew it']);
  rig.answer = grant(everything);
  const second = watched(accepted(await rig.access.connect(request())));
  await rig.authorizers.update('mine', { status: 'INACTIVE' });
  assert.deepEqual(second, ['authorizer mine is not active']);
  refusedAs(await rig.access.connect(request()), 0x87, /no active/);
});

test('a client that an authorizer has let in goes when the certificate that it came with is revoked', async () => {
  await using rig = await openRig();
  await rig.authorizers.create('mine', UNSIGNED, 'us-east-1');
  rig.answer = grant(everything);
  const name = encodeName(['CN', 'pump']);
  const times = { notBefore: 0, notAfter: 1_000_000 };
  const content = { subject: name, issuer: name, serialNumber: Buffer.of(1), ...times, publicKey, extensions: [] };
  const der = await makeCertificate(content, privateKey);
  const named = request({
    username: '?x-amz-customauthorizer-name=mine',
    certificate: { certificateId: 'abc', der },
  });
  const told = watched(accepted(await rig.access.connect(named)));
  rig.changes.changed(CERTIFICATE);
  assert.deepEqual(told, []);
  rig.isCertificateActive = false;
  rig.changes.changed(CERTIFICATE);
  assert.deepEqual(told, ['its certificate is not active any more']);
});

test('changes that follow one another closely do not keep the last of many from being looked at', async () => {
  await using rig = await openRig();
  await rig.users.setPassword('bob', 'correct horse');
  await attach(rig, 'arn:aws:iot:us-east-1:000000000000:user/bob', allow('iot:*'));
  const told: string[][] = [];
  for (let index = 0; index < 1_200; index++) {
    told.push(watched(accepted(await rig.access.connect(withPassword('bob', 'correct horse')))));
  }
  await rig.users.delete('bob').catch(() => {});
  for (const list of told) list.length = 0;
  // Each comes before the clients of the turn after next are looked at.
  for (let change = 0; change < 20; change++) {
    rig.changes.changed(undefined);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(told.filter((list) => list.length === 0).length, 0);
});

test('who is refused under a very long id is not remembered', async () => {
  await using rig = await openRig();
  await rig.access.connect(request({ clientId: 'x'.repeat(256) }));
  await rig.access.connect(request({ clientId: 'x'.repeat(65_535) }));
  const remembered = rig.access.refusals.list(undefined, 10).map(({ clientId }) => clientId.length);
  assert.deepEqual(remembered, [256]);
});
