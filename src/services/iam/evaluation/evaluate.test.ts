import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type PolicyKind, parsePolicy } from './document.ts';
import { type AccessRequest, evaluate, type PolicyStack } from './evaluate.ts';
import type { Requester } from './principals.ts';

const ACCOUNT = '000000000000';
const USER: Requester = {
  kind: 'user',
  accountId: ACCOUNT,
  arn: `arn:aws:iam::${ACCOUNT}:user/shirley`,
  id: 'AIDASHIRLEY',
};
const ROLE_ARN = `arn:aws:iam::${ACCOUNT}:role/reader`;
const SESSION: Requester = {
  kind: 'role-session',
  accountId: ACCOUNT,
  arn: `arn:aws:sts::${ACCOUNT}:assumed-role/reader/today`,
  roleArn: ROLE_ARN,
  roleId: 'AROAREADER',
};

type Json = Readonly<Record<string, unknown>>;

const policy = (statements: Json | readonly Json[], kind: PolicyKind = 'identity') =>
  parsePolicy(JSON.stringify({ Version: '2012-10-17', Statement: statements }), kind);
const allow = (Action: unknown, Resource: unknown = '*', more: Json = {}): Json => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...more,
});
const deny = (Action: unknown, Resource: unknown = '*', more: Json = {}): Json => ({
  Effect: 'Deny',
  Action,
  Resource,
  ...more,
});
const resource = (...statements: readonly Json[]) => policy(statements, 'resource');

type Context = Readonly<Record<string, string | readonly string[]>>;

function ask(action: string, arn: string, context: Context = {}, requester: Requester = USER): AccessRequest {
  const values = new Map(Object.entries(context).map(([key, value]) => [key.toLowerCase(), [value].flat()]));
  return { action, resource: arn, requester, values: (key) => values.get(key.toLowerCase()) };
}

function verdict(stack: Partial<PolicyStack>, request: AccessRequest): string {
  const decision = evaluate({ identity: [], ...stack }, request);
  if (decision.verdict === 'allowed') return 'allowed';
  return decision.verdict === 'explicit-deny' ? `denied by ${decision.by}` : `no ${decision.missing}`;
}

const OBJECT = 'arn:aws:s3:::photos/2026/cat.jpg';

test('nothing is allowed that no statement allows, and a Deny anywhere wins', () => {
  const read = ask('s3:GetObject', OBJECT);
  assert.equal(verdict({}, read), 'no identity-based policy');
  assert.equal(verdict({ identity: [policy(allow('s3:GetObject', 'arn:aws:s3:::photos/*'))] }, read), 'allowed');
  assert.equal(
    verdict({ identity: [policy(allow('s3:GetObject', 'arn:aws:s3:::photo/*'))] }, read),
    'no identity-based policy',
  );
  const both = [policy(allow('s3:*')), policy(deny('s3:Get*', '*/cat.jpg'))];
  assert.equal(verdict({ identity: both }, read), 'denied by identity-based policy');
  assert.equal(verdict({ identity: both }, ask('s3:PutObject', OBJECT)), 'allowed');
});

/** IAM user guide, "IAM JSON policy elements": Action, NotAction, Resource, NotResource. */
const ELEMENTS: readonly [statement: Json, action: string, arn: string, applies: boolean][] = [
  [allow('*'), 'sqs:SendMessage', '*', true],
  [allow('S3:getobject'), 's3:GetObject', OBJECT, true],
  [allow('iam:*AccessKey*'), 'iam:CreateAccessKey', '*', true],
  [allow('iam:*AccessKey*'), 'iam:CreateUser', '*', false],
  [allow(['ec2:?tartInstances', 's3:Get*']), 'ec2:StartInstances', '*', true],
  [{ Effect: 'Allow', NotAction: 's3:DeleteBucket', Resource: 'arn:aws:s3:::*' }, 's3:GetObject', OBJECT, true],
  [
    { Effect: 'Allow', NotAction: 's3:DeleteBucket', Resource: 'arn:aws:s3:::*' },
    's3:DeleteBucket',
    'arn:aws:s3:::photos',
    false,
  ],
  [{ Effect: 'Allow', NotAction: 'iam:*', Resource: '*' }, 'sqs:SendMessage', '*', true],
  [
    { Effect: 'Allow', Action: 's3:*', NotResource: ['arn:aws:s3:::photos', 'arn:aws:s3:::photos/*'] },
    's3:GetObject',
    OBJECT,
    false,
  ],
  [{ Effect: 'Allow', Action: 's3:*', NotResource: ['arn:aws:s3:::hr/*'] }, 's3:GetObject', OBJECT, true],
  [allow('s3:*', 'arn:aws:s3:::*/*/cat.jpg'), 's3:GetObject', OBJECT, true],
  [allow('s3:*', 'arn:aws:s3:::photos/????/cat.jpg'), 's3:GetObject', OBJECT, true],
  [allow('s3:*', 'arn:aws:s3:::Photos/*'), 's3:GetObject', OBJECT, false],
  [allow('sqs:*', 'arn:aws:sqs:*'), 'sqs:ListQueues', '*', false],
];

for (const [statement, action, arn, applies] of ELEMENTS) {
  test(`${JSON.stringify(statement)} ${applies ? 'covers' : 'does not cover'} ${action} on ${arn}`, () => {
    assert.equal(verdict({ identity: [policy(statement)] }, ask(action, arn)) === 'allowed', applies);
  });
}

/** IAM user guide, "Condition operators", "Conditions with multiple context keys or values", "Single-valued vs. multivalued". */
const CONDITIONS: readonly [condition: Json, context: Context, holds: boolean][] = [
  [
    { StringEquals: { 'aws:PrincipalTag/job-category': 'iamuser-admin' } },
    { 'aws:principaltag/job-category': 'iamuser-admin' },
    true,
  ],
  [{ StringEquals: { 'aws:username': ['a', 'b'] } }, { 'aws:username': 'b' }, true],
  [{ StringEquals: { 'aws:username': 'A' } }, { 'aws:username': 'a' }, false],
  [{ StringEqualsIgnoreCase: { 'aws:username': 'A' } }, { 'aws:username': 'a' }, true],
  [{ StringNotEquals: { 'aws:username': 'a' } }, {}, true],
  [{ StringNotEquals: { 'aws:username': ['a', 'b'] } }, { 'aws:username': 'b' }, false],
  [{ StringNotEqualsIgnoreCase: { 'aws:username': 'A' } }, { 'aws:username': 'a' }, false],
  [
    { StringLike: { 's3:prefix': ['', 'home/', 'home/${aws:username}/*'] } },
    { 's3:prefix': 'home/eve/x', 'aws:username': 'eve' },
    true,
  ],
  [{ StringLike: { 's3:prefix': 'home/${aws:username}/*' } }, { 's3:prefix': 'home/x/y' }, false],
  [{ StringLike: { 's3:prefix': "${aws:username,'guest'}/*" } }, { 's3:prefix': 'guest/y' }, true],
  [{ StringLike: { 's3:prefix': 'a${*}b' } }, { 's3:prefix': 'a*b' }, true],
  [{ StringLike: { 's3:prefix': 'a${*}b' } }, { 's3:prefix': 'axb' }, false],
  [{ StringLike: { 's3:prefix': '${aws:username}' } }, { 's3:prefix': 'anything', 'aws:username': '*' }, false],
  [{ StringNotLike: { 's3:prefix': 'a*' } }, { 's3:prefix': 'ab' }, false],
  [{ NumericLessThanEquals: { 's3:max-keys': '10' } }, { 's3:max-keys': '10' }, true],
  [{ NumericLessThan: { 's3:max-keys': '10' } }, { 's3:max-keys': '10' }, false],
  [{ NumericGreaterThan: { n: 1 } }, { n: '1.5' }, true],
  [{ NumericGreaterThanEquals: { n: 2 } }, { n: '1.5' }, false],
  [{ NumericEquals: { n: 2 } }, { n: '2.0' }, true],
  [{ NumericNotEquals: { n: 2 } }, { n: '2' }, false],
  [
    { DateGreaterThan: { 'aws:TokenIssueTime': '2020-01-01T00:00:01Z' } },
    { 'aws:TokenIssueTime': '2020-01-01T00:00:02Z' },
    true,
  ],
  [
    { DateLessThan: { 'aws:CurrentTime': '2020-01-01T00:00:01Z' } },
    { 'aws:CurrentTime': '2020-01-01T00:00:02Z' },
    false,
  ],
  [{ DateLessThanEquals: { 'aws:EpochTime': '1577836801' } }, { 'aws:EpochTime': '1577836801' }, true],
  [{ DateEquals: { d: '2020-01-01T00:00:00Z' } }, { d: '1577836800' }, true],
  [{ DateNotEquals: { d: '2020-01-01T00:00:00Z' } }, { d: '1577836800' }, false],
  [{ DateGreaterThanEquals: { d: '2020-01-01' } }, { d: '2020-01-01T00:00:00Z' }, true],
  [{ Bool: { 'aws:SecureTransport': 'false' } }, { 'aws:SecureTransport': 'false' }, true],
  [{ Bool: { 'aws:MultiFactorAuthPresent': true } }, {}, false],
  [{ BoolIfExists: { 'aws:MultiFactorAuthPresent': true } }, {}, true],
  [{ BinaryEquals: { key: 'QmluYXJ5VmFsdWVJbkJhc2U2NA==' } }, { key: 'QmluYXJ5VmFsdWVJbkJhc2U2NA==' }, true],
  [{ IpAddress: { 'aws:SourceIp': '203.0.113.0/24' } }, { 'aws:SourceIp': '203.0.113.77' }, true],
  [
    { IpAddress: { 'aws:SourceIp': ['203.0.113.0/24', '2001:DB8:1234:5678::/64'] } },
    { 'aws:SourceIp': '2001:db8:1234:5678::1' },
    true,
  ],
  [{ NotIpAddress: { 'aws:SourceIp': '203.0.113.0/24' } }, { 'aws:SourceIp': '203.0.113.77' }, false],
  [{ NotIpAddress: { 'aws:SourceIp': '203.0.113.0/24' } }, { 'aws:SourceIp': '198.51.100.1' }, true],
  [
    { ArnEquals: { 'aws:SourceArn': 'arn:aws:sns:us-east-1:123456789012:TOPIC-*' } },
    { 'aws:SourceArn': 'arn:aws:sns:us-east-1:123456789012:TOPIC-1' },
    true,
  ],
  [{ ArnLike: { 'aws:SourceArn': 'arn:aws:s3:*:*:photos' } }, { 'aws:SourceArn': 'arn:aws:s3:::photos' }, true],
  [{ ArnLike: { 'aws:SourceArn': 'arn:*:photos' } }, { 'aws:SourceArn': 'arn:aws:s3:::photos' }, false],
  [{ ArnNotLike: { 'aws:SourceArn': 'arn:aws:s3:::ph*' } }, { 'aws:SourceArn': 'arn:aws:s3:::photos' }, false],
  [{ Null: { 'aws:TokenIssueTime': 'true' } }, {}, true],
  [{ Null: { 'aws:TokenIssueTime': 'false' } }, {}, false],
  [{ StringEqualsIfExists: { 'ec2:InstanceType': 't1.*' } }, {}, true],
  [{ 'ForAllValues:StringLike': { 'aws:TagKeys': ['key*', 'b'] } }, { 'aws:TagKeys': ['key1', 'b'] }, true],
  [{ 'ForAllValues:StringLike': { 'aws:TagKeys': ['key*'] } }, { 'aws:TagKeys': ['key1', 'b'] }, false],
  [{ 'ForAllValues:StringEquals': { 'aws:TagKeys': ['a'] } }, {}, true],
  [{ 'ForAnyValue:StringEquals': { 'aws:TagKeys': ['a', 'b'] } }, { 'aws:TagKeys': ['x', 'b'] }, true],
  [{ 'ForAnyValue:StringEquals': { 'aws:TagKeys': ['a'] } }, {}, false],
  [{ 'ForAnyValue:StringNotEquals': { 'aws:TagKeys': ['a'] } }, { 'aws:TagKeys': ['a', 'b'] }, true],
  [{ 'ForAllValues:StringNotEquals': { 'aws:TagKeys': ['a'] } }, { 'aws:TagKeys': ['a', 'b'] }, false],
  [{ StringEquals: { a: '1', b: '2' } }, { a: '1', b: '3' }, false],
  [{ StringEquals: { a: '1' }, Bool: { b: 'true' } }, { a: '1', b: 'true' }, true],
];

for (const [condition, context, holds] of CONDITIONS) {
  test(`${JSON.stringify(condition)} ${holds ? 'holds' : 'does not hold'} for ${JSON.stringify(context)}`, () => {
    const identity = [policy(allow('s3:ListBucket', '*', { Condition: condition }))];
    assert.equal(verdict({ identity }, ask('s3:ListBucket', 'arn:aws:s3:::photos', context)) === 'allowed', holds);
  });
}

test('a variable in a resource is the value of this request, and nothing where it has none', () => {
  const identity = [policy(allow('s3:*', 'arn:aws:s3:::photos/${aws:username}/*'))];
  const of = (name: string) => ask('s3:GetObject', 'arn:aws:s3:::photos/eve/x', name ? { 'aws:username': name } : {});
  assert.equal(verdict({ identity }, of('eve')), 'allowed');
  assert.equal(verdict({ identity }, of('*')), 'no identity-based policy', 'its wildcards are text');
  assert.equal(verdict({ identity }, of('')), 'no identity-based policy');
  const others = [policy({ Effect: 'Allow', Action: '*', NotResource: 'arn:aws:s3:::photos/${aws:username}/*' })];
  assert.equal(verdict({ identity: others }, of('')), 'no identity-based policy', 'nobody knows what is left out');
  const old = parsePolicy(JSON.stringify({ Statement: allow('*', 'a/${aws:username}') }), 'identity');
  assert.equal(
    verdict({ identity: [old] }, ask('x:y', 'a/${aws:username}')),
    'allowed',
    'text before version 2012-10-17',
  );
});

test('a boundary and a session limit, and allow nothing themselves', () => {
  const everything = policy(allow('*'));
  const onlyS3 = policy(allow('s3:*'));
  const s3 = ask('s3:GetObject', OBJECT);
  const sqs = ask('sqs:SendMessage', '*');
  assert.equal(verdict({ boundary: everything }, s3), 'no identity-based policy');
  assert.equal(verdict({ identity: [everything], boundary: onlyS3 }, s3), 'allowed');
  assert.equal(verdict({ identity: [everything], boundary: onlyS3 }, sqs), 'no permissions boundary');
  assert.equal(verdict({ identity: [everything], session: [onlyS3] }, sqs), 'no session policy');
  assert.equal(verdict({ identity: [everything], session: [] }, s3), 'no session policy');
  assert.equal(verdict({ identity: [everything], session: [policy(deny('s3:*'))] }, s3), 'denied by session policy');
  assert.equal(
    verdict({ identity: [everything], boundary: policy(deny('s3:*')) }, s3),
    'denied by permissions boundary',
  );
});

/** IAM user guide, "Policy evaluation for requests within a single account", by how the resource's policy names the requester. */
test('who a resource names is let in past boundary and session, a role only within them', () => {
  const s3 = (requester: Requester) => ask('s3:GetObject', OBJECT, {}, requester);
  const named = (Principal: unknown) => resource({ ...allow('s3:*'), Principal });
  const limits = { boundary: policy(allow('sqs:*')), session: [policy(allow('sqs:*'))] };
  const byUser = named({ AWS: (USER as { arn: string }).arn });
  assert.equal(verdict({ resource: byUser }, s3(USER)), 'allowed');
  assert.equal(verdict({ resource: byUser, ...limits }, s3(USER)), 'allowed');
  assert.equal(verdict({ resource: byUser }, s3(SESSION)), 'no identity-based policy');
  const byRole = named({ AWS: [ROLE_ARN] });
  assert.equal(verdict({ resource: byRole }, s3(SESSION)), 'allowed');
  assert.equal(verdict({ resource: byRole, ...limits }, s3(SESSION)), 'no permissions boundary');
  assert.equal(verdict({ resource: byRole, session: limits.session }, s3(SESSION)), 'no session policy');
  const bySession = named({ AWS: (SESSION as { arn: string }).arn });
  assert.equal(verdict({ resource: bySession, ...limits }, s3(SESSION)), 'allowed');
  assert.equal(verdict({ resource: named('*'), ...limits }, s3(SESSION)), 'allowed');
  assert.equal(verdict({ resource: named({ AWS: '*' }) }, s3({ kind: 'anonymous' })), 'allowed');
  assert.equal(verdict({ resource: byUser }, s3({ kind: 'anonymous' })), 'no resource-based policy');
});

test('a resource that names the account leaves it to the policies of its identities', () => {
  for (const name of [ACCOUNT, `arn:aws:iam::${ACCOUNT}:root`]) {
    const named = resource({ ...allow('s3:*'), Principal: { AWS: name } });
    const read = ask('s3:GetObject', OBJECT);
    assert.equal(verdict({ resource: named }, read), 'no identity-based policy');
    assert.equal(verdict({ resource: named, identity: [policy(allow('s3:*'))] }, read), 'allowed');
    assert.equal(
      verdict({ resource: named }, ask('s3:GetObject', OBJECT, {}, { kind: 'account', accountId: ACCOUNT })),
      'allowed',
    );
    const shut = resource({ ...deny('s3:*'), Principal: { AWS: name } });
    assert.equal(verdict({ resource: shut, identity: [policy(allow('*'))] }, read), 'denied by resource-based policy');
  }
});

test('NotPrincipal leaves out who is named themselves', () => {
  const shut = resource({ ...deny('s3:*'), NotPrincipal: { AWS: [(USER as { arn: string }).arn, ACCOUNT] } });
  const identity = [policy(allow('*'))];
  assert.equal(verdict({ identity, resource: shut }, ask('s3:GetObject', OBJECT)), 'allowed');
  assert.equal(
    verdict({ identity, resource: shut }, ask('s3:GetObject', OBJECT, {}, SESSION)),
    'denied by resource-based policy',
  );
});

test('a service is let in by its name, for the resource that it acts for', () => {
  const sns: Requester = { kind: 'service', service: 'sns.amazonaws.com' };
  const topic = { 'aws:SourceArn': 'arn:aws:sns:us-east-1:000000000000:alarms' };
  const open = resource({
    ...allow('sqs:SendMessage', 'arn:aws:sqs:us-east-1:000000000000:q'),
    Principal: { Service: 'sns.amazonaws.com' },
    Condition: { ArnEquals: topic },
  });
  const send = (context: Context, requester = sns) =>
    ask('sqs:SendMessage', 'arn:aws:sqs:us-east-1:000000000000:q', context, requester);
  assert.equal(verdict({ resource: open }, send(topic)), 'allowed');
  assert.equal(
    verdict({ resource: open }, send({ 'aws:SourceArn': `${topic['aws:SourceArn']}2` })),
    'no resource-based policy',
  );
  assert.equal(verdict({ resource: open }, send({})), 'no resource-based policy');
  assert.equal(
    verdict({ resource: open }, send(topic, { kind: 'service', service: 's3.amazonaws.com' })),
    'no resource-based policy',
  );
  assert.equal(verdict({}, send(topic)), 'no resource-based policy');
});

test('a trust policy is needed beside the policies of who asks, unless it names them', () => {
  const trust = (Principal: unknown) => policy({ Effect: 'Allow', Action: 'sts:AssumeRole', Principal }, 'trust');
  const assume = ask('sts:AssumeRole', ROLE_ARN);
  const identity = [policy(allow('sts:AssumeRole'))];
  const ask2 = (stack: Partial<PolicyStack>) => verdict({ ...stack, isResourceRequired: true }, assume);
  assert.equal(ask2({ identity, resource: trust({ Service: 'lambda.amazonaws.com' }) }), 'no resource-based policy');
  assert.equal(ask2({ identity, resource: trust({ AWS: ACCOUNT }) }), 'allowed');
  assert.equal(ask2({ resource: trust({ AWS: ACCOUNT }) }), 'no identity-based policy');
  assert.equal(ask2({ resource: trust({ AWS: 'AIDASHIRLEY' }) }), 'allowed');
});

test('documents that say something else than the grammar are refused, not read half', () => {
  const bad: unknown[] = [
    {},
    { Statement: 'x' },
    { Version: '2026-01-01', Statement: [] },
    { Statement: [{ Effect: 'allow', Action: '*', Resource: '*' }] },
    { Statement: [{ Effect: 'Allow', Resource: '*' }] },
    { Statement: [{ Effect: 'Allow', Action: '*' }] },
    { Statement: [{ ...allow('*'), Conditions: {} }] },
    { Statement: [{ ...allow('*'), Principal: '*' }] },
    { Statement: [{ ...allow('*'), NotAction: 's3:*' }] },
    { Statement: [allow('s3')] },
    { Statement: [allow('*', '*', { Condition: { StringEqual: { a: 'b' } } })] },
    { Version: '2012-10-17', Statement: [allow('*', 'a${aws:username')] },
  ];
  for (const document of bad) {
    assert.throws(() => parsePolicy(JSON.stringify(document), 'identity'), SyntaxError, JSON.stringify(document));
  }
  assert.throws(() => policy(allow('*'), 'resource'), /either Principal or NotPrincipal/);
  assert.throws(() => policy({ ...allow('sts:AssumeRole'), Principal: '*' }, 'trust'), /no member Resource/);
});

const ACTIONS = ['s3:GetObject', 's3:PutObject', 'sqs:SendMessage'];
const RESOURCES = ['arn:aws:s3:::a/x', 'arn:aws:s3:::b/y', '*'];
const statement = fc.record({
  Effect: fc.constantFrom('Allow', 'Deny'),
  Action: fc.constantFrom(...ACTIONS, 's3:*', '*', 'S3:get*'),
  Resource: fc.constantFrom(...RESOURCES, 'arn:aws:s3:::a/*', 'arn:aws:s3:::?/*'),
});
const statements = fc.array(statement, { maxLength: 4 });
const request = fc.record({ action: fc.constantFrom(...ACTIONS), resource: fc.constantFrom(...RESOURCES) });

/** Written the other way round: by regular expressions, with one pass per question. */
function oracle(
  all: readonly Json[],
  { action, resource: arn }: { action: string; resource: string },
): 'Deny' | 'Allow' | 'none' {
  const pattern = (text: unknown, flags: string) =>
    new RegExp(
      `^${String(text)
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replaceAll('*', '.*')
        .replaceAll('?', '.')}$`,
      flags,
    );
  const about = all.filter(
    ({ Action, Resource }) => pattern(Action, 'i').test(action) && pattern(Resource, '').test(arn),
  );
  if (about.some(({ Effect }) => Effect === 'Deny')) return 'Deny';
  return about.some(({ Effect }) => Effect === 'Allow') ? 'Allow' : 'none';
}

test('identity, boundary and session decide as their definition says, whatever is in them', () => {
  const property = fc.property(
    statements,
    fc.option(statements),
    fc.option(statements),
    request,
    (own, boundary, session, asked) => {
      const limits = [boundary, session].filter((one) => one !== null);
      const each = [own, ...limits].map((one) => oracle(one, asked));
      const expected = !each.includes('Deny') && each.every((one) => one === 'Allow');
      const decision = evaluate(
        {
          identity: [policy(own)],
          ...(boundary && { boundary: policy(boundary) }),
          ...(session && { session: [policy(session)] }),
        },
        ask(asked.action, asked.resource),
      );
      assert.equal(decision.verdict === 'allowed', expected);
      assert.equal(decision.verdict === 'explicit-deny', each.includes('Deny'));
    },
  );
  fc.assert(property, { seed: 7, numRuns: 2000 });
});

test('a Deny more never lets more in, and the order of statements says nothing', () => {
  const property = fc.property(statements, statement, request, (own, more, { action, resource: arn }) => {
    const before = verdict({ identity: [policy(own)] }, ask(action, arn));
    assert.equal(verdict({ identity: [policy(own.toReversed())] }, ask(action, arn)), before);
    const stricter = verdict({ identity: [policy([...own, { ...more, Effect: 'Deny' }])] }, ask(action, arn));
    if (before !== 'allowed') assert.notEqual(stricter, 'allowed');
  });
  fc.assert(property, { seed: 11, numRuns: 1000 });
});

test('no text and no JSON makes the parser fail otherwise than by saying what is wrong', () => {
  const json = fc.json().map((text) => `{"Version":"2012-10-17","Statement":[${text}]}`);
  const close = fc.record({
    Effect: fc.constant('Allow'),
    Action: fc.anything(),
    Resource: fc.anything(),
    Condition: fc.anything(),
  });
  const documents = fc.oneof(
    fc.string(),
    json,
    close.map((one) => JSON.stringify({ Statement: one }) ?? ''),
  );
  const property = fc.property(
    documents,
    fc.constantFrom<PolicyKind>('identity', 'resource', 'trust'),
    (text, kind) => {
      try {
        parsePolicy(text, kind);
      } catch (error) {
        assert.ok(error instanceof SyntaxError, String(error));
      }
    },
  );
  fc.assert(property, { seed: 13, numRuns: 3000 });
});

test('patterns of stars do not keep it busy', () => {
  const identity = [policy(allow(`s3:${'*a'.repeat(200)}`.replaceAll('*a', '*Get'), `${'*a'.repeat(500)}b`))];
  assert.equal(verdict({ identity }, ask(`s3:${'Get'.repeat(300)}`, 'a'.repeat(5000))), 'no identity-based policy');
});
