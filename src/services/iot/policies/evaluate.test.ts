import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certificateValues } from '../access/certificate-values.ts';
import { ClientContext, type ClientFacts } from '../access/context.ts';
import { type DeviceAction, parsePolicyDocument } from './document.ts';
import { CompiledPolicies } from './evaluate.ts';
import { explain } from './explain.ts';

const ACCOUNT = '000000000000';
const arn = (resource: string) => `arn:aws:iot:us-east-1:${ACCOUNT}:${resource}`;

interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | string[];
  readonly Resource?: string | string[];
  readonly NotResource?: string | string[];
  readonly Condition?: object;
}

const thing = (name: string, more: object = {}) => ({
  ...{ name, typeName: undefined, attributes: {}, groupArns: [], isExclusive: false },
  ...more,
});

const values = (all: Readonly<Record<string, readonly string[]>>) => (key: string) => all[key];

function context(facts: Partial<ClientFacts> = {}): ClientContext {
  const plain: ClientFacts = {
    ...{ region: 'us-east-1', clientId: 'client1', sourceIp: '198.51.100.7', serverName: undefined, isEncrypted: true },
    ...{ connectAttributes: [], thing: undefined, proof: () => undefined },
  };
  return new ClientContext({ ...plain, ...facts }, () => Date.UTC(2026, 10, 28, 12));
}

function policy(...statements: readonly Statement[]) {
  const document = parsePolicyDocument(JSON.stringify({ Version: '2012-10-17', Statement: statements }));
  return { name: 'p', via: arn('cert/1'), document };
}

/** Asks the compiled policies, and sees to it that the explanation comes to the same. */
function may(policies: ReturnType<typeof policy>[], facts: Partial<ClientFacts>, action: DeviceAction, name: string) {
  const its = context(facts);
  const allowed = new CompiledPolicies(policies, its).allows(action, name);
  const { verdict, findings } = explain(policies, its, action, '', name);
  assert.equal(verdict === 'ALLOWED', allowed);
  const applying = findings.filter(({ applies }) => applies).map(({ effect }) => effect);
  assert.equal(allowed, applying.includes('Allow') && !applying.includes('Deny'));
  return allowed;
}

const allow = (Action: string | string[], Resource: string | string[], Condition?: object): Statement => ({
  ...{ Effect: 'Allow', Action, Resource },
  ...(Condition && { Condition }),
});
const deny = (Action: string | string[], Resource: string | string[], Condition?: object): Statement => ({
  ...allow(Action, Resource, Condition),
  Effect: 'Deny',
});

test('nothing is allowed that no policy allows', () => {
  assert(!may([], {}, 'Connect', 'client1'));
  assert(!may([policy(allow('iot:Publish', '*'))], {}, 'Subscribe', 'a'));
});

test('an explicit deny wins, in whatever policy it stands', () => {
  const policies = [policy(allow('iot:*', '*')), policy(deny('iot:Publish', arn('topic/secret/*')))];
  assert(may(policies, {}, 'Publish', 'open'));
  assert(!may(policies, {}, 'Publish', 'secret/1'));
  assert(may(policies, {}, 'Receive', 'secret/1'));
});

test('a topic is no topic filter and no client: the kind of the ARN counts', () => {
  const policies = [policy(allow(['iot:Publish', 'iot:Subscribe', 'iot:Connect'], arn('topic/a')))];
  assert(may(policies, {}, 'Publish', 'a'));
  assert(!may(policies, {}, 'Subscribe', 'a'));
  assert(!may(policies, {}, 'Connect', 'a'));
});

test('AWS: connect and publish under the name of the thing', () => {
  const policies = [
    policy(
      allow('iot:Connect', arn('client/${iot:Connection.Thing.ThingName}')),
      allow('iot:Publish', arn('topic/${iot:Connection.Thing.ThingName}/*')),
    ),
  ];
  const attached = { clientId: 'pump-1', thing: thing('pump-1') };
  assert(may(policies, attached, 'Connect', 'pump-1'));
  assert(may(policies, attached, 'Publish', 'pump-1/state'));
  assert(!may(policies, attached, 'Publish', 'pump-2/state'));
  assert(!may(policies, { clientId: 'pump-1' }, 'Connect', 'pump-1'), 'attached to no thing');
  assert(!may(policies, { clientId: 'pump-1' }, 'Publish', '${iot:Connection.Thing.ThingName}/x'), 'nor by its text');
});

test('AWS: publish below a prefix but for one topic', () => {
  const policies = [
    policy(
      allow('iot:Connect', [arn('client/client1'), arn('client/client2')]),
      allow('iot:Publish', arn('topic/${iot:ClientId}/*')),
      deny('iot:Publish', arn('topic/${iot:ClientId}/bar')),
    ),
  ];
  assert(may(policies, {}, 'Connect', 'client1'));
  assert(!may(policies, { clientId: 'client3' }, 'Connect', 'client3'));
  assert(may(policies, {}, 'Publish', 'client1/foo'));
  assert(!may(policies, {}, 'Publish', 'client1/bar'));
});

test('AWS: + in a topic filter is itself', () => {
  const policies = [policy(allow('iot:Subscribe', arn('topicfilter/some/+/topic')))];
  assert(may(policies, {}, 'Subscribe', 'some/+/topic'));
  assert(!may(policies, {}, 'Subscribe', 'some/a/topic'));
  assert(!may(policies, {}, 'Subscribe', 'some/#'));
});

test('a wildcard of MQTT is no way around a policy of prefixes', () => {
  const policies = [policy(allow('iot:Subscribe', arn('topicfilter/${iot:ClientId}/*')))];
  assert(may(policies, { clientId: 'pump' }, 'Subscribe', 'pump/+/x'));
  for (const filter of ['#', '+/x', 'pum+/x', 'pump', '$share/g/pump/x']) {
    assert(!may(policies, { clientId: 'pump' }, 'Subscribe', filter), filter);
  }
  for (const clientId of ['+', '#', '+/+', 'pump/+']) {
    assert(!may(policies, { clientId }, 'Subscribe', `${clientId}/x`), clientId);
  }
});

test('a client that is called * or ? is nobody else', () => {
  const policies = [policy(allow('iot:Publish', arn('topic/${iot:ClientId}/x')))];
  for (const clientId of ['*', '?', '????', '${iot:ClientId}', "${a, 'pump'}"]) {
    assert(!may(policies, { clientId }, 'Publish', 'pump/x'), clientId);
  }
});

test('AWS: the thing must be of a type and have an attribute', () => {
  const policies = [
    policy(
      allow('iot:Publish', arn('topic/device/stats'), {
        StringEquals: {
          'iot:Connection.Thing.Attributes[attributeName]': 'attributeValue',
          'iot:Connection.Thing.ThingTypeName': 'Thing_Type_Name',
        },
        Bool: { 'iot:Connection.Thing.IsAttached': 'true' },
      }),
    ),
  ];
  const right = thing('t', { typeName: 'Thing_Type_Name', attributes: { attributeName: 'attributeValue' } });
  assert(may(policies, { thing: right }, 'Publish', 'device/stats'));
  assert(!may(policies, { thing: { ...right, typeName: 'other' } }, 'Publish', 'device/stats'));
  assert(!may(policies, { thing: { ...right, attributes: {} } }, 'Publish', 'device/stats'));
  assert(!may(policies, {}, 'Publish', 'device/stats'));
});

test('AWS: a topic that begins with an attribute of the thing', () => {
  const policies = [policy(allow('iot:Publish', arn('topic/${iot:Connection.Thing.Attributes[room]}/*')))];
  assert(may(policies, { thing: thing('t', { attributes: { room: 'r1' } }) }, 'Publish', 'r1/x'));
  assert(!may(policies, { thing: thing('t') }, 'Publish', 'r1/x'));
  assert(!may(policies, { thing: thing('t', { attributes: { Room: 'r1' } }) }, 'Publish', 'r1/x'));
});

test('AWS: attributes of the certificate as topics and conditions', () => {
  const proof = values({
    'iot:CertificateId': ['c1'],
    'iot:Certificate.Subject.CommonName': ['cn'],
    'iot:Certificate.Subject.CommonName.2': ['Administrator'],
    'iot:Certificate.Subject.CommonName.List': ['cn', 'x', 'Administrator'],
    'iot:Certificate.Subject.Organization.List': ['Example Corp', 'Elsewhere'],
    'iot:Certificate.Subject.Title': ['a*'],
  });
  const admin = (Condition: object) => [policy(allow('iot:Publish', arn('topic/admin/*'), Condition))];
  assert(may([policy(allow('iot:Publish', arn('topic/${iot:CertificateId}')))], { proof }, 'Publish', 'c1'));
  const named = [policy(allow('iot:Publish', arn('topic/${iot:Certificate.Subject.CommonName}')))];
  assert(may(named, { proof }, 'Publish', 'cn'));
  const second = { StringEquals: { 'iot:Certificate.Subject.CommonName.2': 'Administrator' } };
  assert(may(admin(second), { proof }, 'Publish', 'admin/x'));
  const any = { 'ForAnyValue:StringEquals': { 'iot:Certificate.Subject.CommonName.List': 'Administrator' } };
  assert(may(admin(any), { proof }, 'Publish', 'admin/x'));
  assert(!may(admin(any), {}, 'Publish', 'admin/x'));
  const all = {
    'ForAllValues:StringEquals': { 'iot:Certificate.Subject.Organization.List': ['Example Corp', 'AnyCompany'] },
  };
  assert(!may(admin(all), { proof }, 'Publish', 'admin/x'));
  const titled = [policy(allow('iot:Publish', arn('topic/${iot:Certificate.Subject.Title}')))];
  assert(!may(titled, { proof }, 'Publish', 'a*'), 'wildcards in certificates are not put in');
});

test('AWS: attributes of the connection are allowed one by one', () => {
  const only = (attributes: string[]) => [
    policy(allow('iot:Connect', '*', { 'ForAllValues:StringEquals': { 'iot:ConnectAttributes': attributes } })),
  ];
  const asks = (...connectAttributes: ('PersistentConnect' | 'LastWill')[]) => ({ connectAttributes });
  assert(may(only(['PersistentConnect']), asks('PersistentConnect'), 'Connect', 'client1'));
  assert(may(only(['PersistentConnect']), asks(), 'Connect', 'client1'));
  assert(!may(only(['PersistentConnect']), asks('LastWill'), 'Connect', 'client1'));
  assert(!may(only(['PersistentConnect']), asks('PersistentConnect', 'LastWill'), 'Connect', 'client1'));
  const notPersistent = [
    policy(
      allow('iot:Connect', '*', {
        'ForAllValues:StringNotEquals': { 'iot:ConnectAttributes': ['PersistentConnect'] },
      }),
    ),
  ];
  assert(!may(notPersistent, asks('PersistentConnect'), 'Connect', 'client1'));
  assert(may(notPersistent, asks('LastWill'), 'Connect', 'client1'));
  const must = [
    policy(allow('iot:Connect', '*', { 'ForAnyValue:StringEquals': { 'iot:ConnectAttributes': ['LastWill'] } })),
  ];
  assert(!may(must, asks(), 'Connect', 'client1'));
});

test('AWS: shared subscriptions are named with their group', () => {
  const policies = [
    policy(allow('iot:Subscribe', [arn('topicfilter/test/topic'), arn('topicfilter/$share/*/test/topic')])),
  ];
  assert(may(policies, {}, 'Subscribe', '$share/group/test/topic'));
  assert(!may(policies, {}, 'Subscribe', '$share/group/other'));
});

test('addresses, domain and transport of the connection are conditions', () => {
  const from = (Condition: object) => [policy(allow('iot:Publish', '*', Condition))];
  assert(may(from({ IpAddress: { 'aws:SourceIp': '198.51.100.0/24' } }), {}, 'Publish', 'a'));
  assert(!may(from({ IpAddress: { 'aws:SourceIp': ['203.0.113.1', '192.0.2.0/24'] } }), {}, 'Publish', 'a'));
  assert(!may(from({ NotIpAddress: { 'aws:SourceIp': '198.51.100.0/24' } }), {}, 'Publish', 'a'));
  const v6 = { IpAddress: { 'aws:SourceIp': '2001:db8::/32' } };
  assert(may(from(v6), { sourceIp: '2001:db8::17' }, 'Publish', 'a'));
  assert(!may(from(v6), {}, 'Publish', 'a'));
  const domain = { StringEquals: { 'iot:DomainName': 'iot.example.com' } };
  assert(may(from(domain), { serverName: 'iot.example.com' }, 'Publish', 'a'));
  assert(!may(from(domain), {}, 'Publish', 'a'));
  assert(!may(from({ Bool: { 'aws:SecureTransport': 'true' } }), { isEncrypted: false }, 'Publish', 'a'));
});

test('a network that a variable has made, and is none, holds no address', () => {
  const from = (network: string) => [policy(allow('iot:Publish', '*', { IpAddress: { 'aws:SourceIp': network } }))];
  const bits = from('198.51.100.0/${iot:ClientId}');
  assert(may(bits, { clientId: '24' }, 'Publish', 'a'));
  for (const clientId of ['x', '33', '-1', '', '24/8', '1e1'])
    assert(!may(bits, { clientId }, 'Publish', 'a'), clientId);
  assert(!may(from('${iot:ClientId}'), { clientId: 'nonsense' }, 'Publish', 'a'));
  assert(
    may(from('fe80::/10'), { sourceIp: 'fe80::1%eth0' }, 'Publish', 'a'),
    'an interface is no part of the address',
  );
});

test('a key that there cannot be has no value, whatever characters it has', () => {
  const proof = certificateValues('1', Buffer.alloc(0));
  for (const key of ['iot:Certificate.a\nb', 'iot:Connection.Thing.Attributes[a\nb]', 'iot:Certificate.\u2028', '']) {
    assert(!may([policy(allow('iot:Publish', '*', { StringEquals: { [key]: 'x' } }))], { proof }, 'Publish', 'a'));
  }
});

test('conditions on the time are asked every time', () => {
  let now = Date.UTC(2026, 0, 1, 11, 59);
  const its = new ClientContext(
    {
      ...{ region: 'us-east-1', clientId: 'c', sourceIp: undefined, serverName: undefined, isEncrypted: true },
      ...{ connectAttributes: [], thing: undefined, proof: () => undefined },
    },
    () => now,
  );
  const until = { DateLessThan: { 'aws:CurrentTime': '2026-01-01T12:00:00Z' } };
  const compiled = new CompiledPolicies([policy(allow('iot:Publish', '*', until))], its);
  assert(compiled.allows('Publish', 'a'));
  assert(!compiled.allowsAll('Publish'));
  now += 120_000;
  assert(!compiled.allows('Publish', 'a'));
});

test('negated, missing and optional keys answer as IAM has them', () => {
  const when = (Condition: object) => [policy(allow('iot:Publish', '*', Condition))];
  const key = 'jwt:role';
  const has = { proof: values({ [key]: ['operator'] }) };
  assert(may(when({ StringNotEquals: { [key]: 'admin' } }), has, 'Publish', 'a'));
  assert(may(when({ StringNotEquals: { [key]: 'admin' } }), {}, 'Publish', 'a'));
  assert(!may(when({ StringNotEquals: { [key]: ['admin', 'operator'] } }), has, 'Publish', 'a'));
  assert(!may(when({ StringEquals: { [key]: 'admin' } }), {}, 'Publish', 'a'));
  assert(may(when({ StringEqualsIfExists: { [key]: 'admin' } }), {}, 'Publish', 'a'));
  assert(!may(when({ StringEqualsIfExists: { [key]: 'admin' } }), has, 'Publish', 'a'));
  assert(may(when({ Null: { [key]: 'true' } }), {}, 'Publish', 'a'));
  assert(!may(when({ Null: { [key]: 'false' } }), {}, 'Publish', 'a'));
  assert(may(when({ StringLike: { [key]: 'op*' } }), has, 'Publish', 'a'));
  assert(!may(when({ StringEquals: { [key]: 'op*' } }), has, 'Publish', 'a'));
  assert(may(when({ StringEqualsIgnoreCase: { [key]: 'OPERATOR' } }), has, 'Publish', 'a'));
  assert(may(when({ NumericGreaterThan: { [key]: '5' } }), { proof: values({ [key]: ['10'] }) }, 'Publish', 'a'));
  assert(!may(when({ NumericGreaterThan: { [key]: '5' } }), has, 'Publish', 'a'));
});

test('wildcards of ARN conditions stay between colons, and values hold none', () => {
  const when = (wanted: string) => [policy(allow('iot:Publish', '*', { ArnLike: { 'jwt:role': wanted } }))];
  const has = (role: string, clientId = 'c') => ({ clientId, proof: values({ 'jwt:role': [role] }) });
  assert(may(when('arn:aws:iam::*:role/x'), has('arn:aws:iam::000000000000:role/x'), 'Publish', 'a'));
  assert(!may(when('arn:aws:*:role/x'), has('arn:aws:iam::000000000000:role/x'), 'Publish', 'a'));
  assert(!may(when('arn:aws:iam::0:role/${iot:ClientId}'), has('arn:aws:iam::0:role/admin', '*'), 'Publish', 'a'));
});

test('NotResource and NotAction mean all others; what is unknown is left out of no permission', () => {
  const but = (Effect: 'Allow' | 'Deny', NotResource: string): Statement => ({
    Effect,
    Action: 'iot:Publish',
    NotResource,
  });
  assert(may([policy(but('Allow', arn('topic/a')))], {}, 'Publish', 'b'));
  assert(!may([policy(but('Allow', arn('topic/a')))], {}, 'Publish', 'a'));
  assert(!may([policy(but('Allow', arn('topic/${jwt:sub}')))], {}, 'Publish', 'b'));
  const all = policy(allow('iot:*', '*'));
  assert(!may([all, policy(but('Deny', arn('topic/${jwt:sub}')))], {}, 'Publish', 'b'));
});

test('names of actions and keys are compared without case', () => {
  const policies = [policy(allow('IOT:PUB*', arn('topic/${IOT:CLIENTID}'), { Bool: { 'AWS:securetransport': true } }))];
  assert(may(policies, {}, 'Publish', 'client1'));
});

test('what is no policy is refused with what is wrong', () => {
  const bad = (value: unknown) => () => parsePolicyDocument(typeof value === 'string' ? value : JSON.stringify(value));
  const one = (statement: object) => ({ Version: '2012-10-17', Statement: [statement] });
  const good = { Effect: 'Allow', Action: 'iot:Publish', Resource: '*' };
  const cases: [unknown, RegExp][] = [
    ['{', /not valid JSON/],
    ['[]', /is an object/],
    [{ Version: '2012-10-17' }, /has a Statement/],
    [{ Version: '2020-01-01', Statement: [good] }, /Version must be/],
    [{ Version: '2012-10-17', Statement: [] }, /at least one/],
    [one({ ...good, Effect: 'allow' }), /Effect is Allow or Deny/],
    [one({ ...good, Principal: '*' }), /no member Principal/],
    [one({ ...good, condition: {} }), /no member condition/],
    [one({ ...good, Resource: [] }), /Resource is a text/],
    [one({ ...good, NotResource: '*' }), /either Resource or NotResource/],
    [one({ ...good, Action: 'publish' }), /is no action/],
    [one({ ...good, Resource: 'a${iot:ClientId' }), /has no end/],
    [one({ ...good, Condition: { StringEqual: { a: 'b' } } }), /no condition operator/],
    [one({ ...good, Condition: { IpAddress: { 'aws:SourceIp': '1.2.3.4/33' } } }), /no network/],
    [one({ ...good, Condition: { IpAddress: { 'aws:SourceIp': '1.2.3.4/24/8' } } }), /no network/],
    [one({ ...good, Condition: { IpAddress: { 'aws:SourceIp': 'fe80::1%eth0' } } }), /no network/],
    [one({ ...good, Condition: { Bool: { a: 'yes' } } }), /neither true nor false/],
    [one({ ...good, Resource: `a${'b'.repeat(2100)}` }), /longer than 2048/],
  ];
  for (const [value, message] of cases) assert.throws(bad(value), { code: 'malformed-policy', message });
});

test('an action of many stars is compared in no time', () => {
  const stars = '*'.repeat(1_500);
  assert(!may([policy(allow(`iot:${stars}x`, '*'))], {}, 'RetainPublish', 'a'));
  assert(may([policy(allow(`iot:${stars}h`, '*'))], {}, 'RetainPublish', 'a'));
  assert(may([policy(allow('iot:p?bl*', '*'))], {}, 'Publish', 'a'));
});

test('what every object has is no condition operator', () => {
  for (const operator of ['constructor', 'toString', 'hasOwnPropertyIfExists', '__proto__']) {
    const Condition = JSON.parse(`{"${operator}":{"iot:ClientId":"a"}}`) as object;
    assert.throws(() => policy(allow('iot:Publish', '*', Condition)), /is no condition operator/);
  }
});
