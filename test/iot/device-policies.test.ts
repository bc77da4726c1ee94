import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AttachPolicyCommand,
  AttachPrincipalPolicyCommand,
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  DeletePolicyCommand,
  DeletePolicyVersionCommand,
  DetachPolicyCommand,
  DetachPrincipalPolicyCommand,
  GetEffectivePoliciesCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  ListAttachedPoliciesCommand,
  ListPoliciesCommand,
  ListPolicyPrincipalsCommand,
  ListPolicyVersionsCommand,
  ListPrincipalPoliciesCommand,
  ListTargetsForPolicyCommand,
  SetDefaultPolicyVersionCommand,
  TestAuthorizationCommand,
} from '@aws-sdk/client-iot';
import type {
  AttachedThing,
  CertificateAdmission,
  ClientPermissions,
  ConnectRequest,
  ThingDirectory,
} from '../../src/services/iot/index.ts';
import { type Cloud, openCloud } from './harness.ts';

const REGION = 'eu-central-1';
const arn = (resource: string) => `arn:aws:iot:${REGION}:000000000000:${resource}`;
const certId = (digit: string) => digit.repeat(64);
const certArn = (digit: string) => arn(`cert/${certId(digit)}`);
const GROUP = arn('thinggroup/pumps');

/** Certificates and things as a test sets them. */
class Registries implements CertificateAdmission, ThingDirectory {
  readonly inactive = new Set<string>();
  readonly things = new Map<string, AttachedThing[]>();

  admit({ certificateId }: { readonly certificateId: string }) {
    const certificateArn = arn(`cert/${certificateId}`);
    if (this.isActive(certificateArn)) return { kind: 'active', certificateArn } as const;
    return { kind: 'refused', reason: 'INACTIVE', reasonCode: 0x87 } as const;
  }

  isActive(certificateArn: string): boolean {
    return !this.inactive.has(certificateArn);
  }

  der(): undefined {
    return undefined;
  }

  ofPrincipal(principal: string): readonly AttachedThing[] {
    return this.things.get(principal) ?? [];
  }

  attach(principal: string, name: string, groupArns: readonly string[] = []): void {
    const thing = { name, typeName: undefined, attributes: {}, groupArns, isExclusive: false };
    this.things.set(principal, [...this.ofPrincipal(principal), thing]);
  }
}

async function openPair(): Promise<{ cloud: Cloud; registries: Registries } & AsyncDisposable> {
  const registries = new Registries();
  const cloud = await openCloud(undefined, { certificates: registries, things: registries });
  return { cloud, registries, [Symbol.asyncDispose]: () => cloud[Symbol.asyncDispose]() };
}

const document = (...statements: readonly object[]) => JSON.stringify({ Version: '2012-10-17', Statement: statements });
const allow = (Action: string | string[], Resource: string | string[] = '*') => ({ Effect: 'Allow', Action, Resource });
const deny = (Action: string | string[], Resource: string | string[] = '*') => ({ Effect: 'Deny', Action, Resource });

async function policy({ control }: Cloud, policyName: string, ...statements: readonly object[]): Promise<void> {
  await control.send(new CreatePolicyCommand({ policyName, policyDocument: document(...statements) }));
}

const request = (digit: string, clientId: string): ConnectRequest => ({
  ...{ remoteAddress: '192.0.2.1', isEncrypted: true, clientId, username: undefined, password: undefined, version: 5 },
  connectAttributes: [],
  certificate: { certificateId: certId(digit), chain: [Buffer.alloc(0)] },
});

async function connected({ iot }: Cloud, digit: string, clientId: string): Promise<ClientPermissions> {
  const decision = await iot.access.connect(request(digit, clientId));
  assert(decision.kind === 'accepted', JSON.stringify(decision));
  return decision.permissions;
}

const isNamed = (name: string) => (error: Error) => error.name === name;

test('policies have versions, of which one counts', async () => {
  await using cloud = await openCloud();
  const { control } = cloud;
  const first = document(allow('iot:Connect'));
  const policyName = 'a+b=c,.@-d';
  const created = await control.send(new CreatePolicyCommand({ policyName, policyDocument: first }));
  assert.deepEqual(
    [created.policyArn, created.policyVersionId, created.policyDocument],
    [arn(`policy/${policyName}`), '1', first],
  );
  const again = control.send(new CreatePolicyCommand({ policyName, policyDocument: first }));
  await assert.rejects(again, isNamed('ResourceAlreadyExistsException'));
  const bad = control.send(new CreatePolicyCommand({ policyName: 'x', policyDocument: '{"Statement":1}' }));
  await assert.rejects(bad, isNamed('MalformedPolicyException'));

  for (const setAsDefault of [false, true, false, false]) {
    await control.send(new CreatePolicyVersionCommand({ policyName, policyDocument: first, setAsDefault }));
  }
  const sixth = control.send(new CreatePolicyVersionCommand({ policyName, policyDocument: first }));
  await assert.rejects(sixth, isNamed('VersionsLimitExceededException'));
  const { policyVersions } = await control.send(new ListPolicyVersionsCommand({ policyName }));
  assert.deepEqual(
    policyVersions!.map(({ versionId, isDefaultVersion }) => [versionId, isDefaultVersion]),
    ['1', '2', '3', '4', '5'].map((id) => [id, id === '3']),
  );
  const ofDefault = control.send(new DeletePolicyVersionCommand({ policyName, policyVersionId: '3' }));
  await assert.rejects(ofDefault, isNamed('DeleteConflictException'));
  await control.send(new SetDefaultPolicyVersionCommand({ policyName, policyVersionId: '5' }));
  for (const policyVersionId of ['1', '2', '3']) {
    await control.send(new DeletePolicyVersionCommand({ policyName, policyVersionId }));
  }
  const sixthNow = await control.send(new CreatePolicyVersionCommand({ policyName, policyDocument: first }));
  assert.equal(sixthNow.policyVersionId, '6', 'numbers are not used again');
  assert.equal((await control.send(new GetPolicyCommand({ policyName }))).defaultVersionId, '5');
  const got = await control.send(new GetPolicyVersionCommand({ policyName, policyVersionId: '6' }));
  assert.equal(got.isDefaultVersion, false);
  const gone = control.send(new GetPolicyVersionCommand({ policyName, policyVersionId: '1' }));
  await assert.rejects(gone, isNamed('ResourceNotFoundException'));
  await assert.rejects(control.send(new DeletePolicyCommand({ policyName })), isNamed('DeleteConflictException'));
  for (const policyVersionId of ['4', '6']) {
    await control.send(new DeletePolicyVersionCommand({ policyName, policyVersionId }));
  }
  await control.send(new DeletePolicyCommand({ policyName }));
  await assert.rejects(control.send(new GetPolicyCommand({ policyName })), isNamed('ResourceNotFoundException'));
});

test('both generations of attachments are one, and outlive a restart', async () => {
  const before = await openCloud();
  const { control } = before;
  for (const name of ['p1', 'p2', 'p3']) await policy(before, name, allow('iot:*'));
  await control.send(new AttachPolicyCommand({ policyName: 'p1', target: certArn('a') }));
  await control.send(new AttachPrincipalPolicyCommand({ policyName: 'p2', principal: certArn('a') }));
  await control.send(new AttachPolicyCommand({ policyName: 'p2', target: GROUP }));
  await assert.rejects(
    control.send(new AttachPolicyCommand({ policyName: 'none', target: GROUP })),
    isNamed('ResourceNotFoundException'),
  );
  await assert.rejects(
    control.send(new AttachPolicyCommand({ policyName: 'p1', target: 'pump' })),
    isNamed('InvalidRequestException'),
  );
  await using cloud = await before.restart();
  const c = cloud.control;
  const names = (list: { policyName?: string }[] | undefined) => list?.map(({ policyName }) => policyName);
  const attached = await c.send(new ListAttachedPoliciesCommand({ target: certArn('a') }));
  assert.deepEqual(names(attached.policies), ['p1', 'p2']);
  const old = await c.send(new ListPrincipalPoliciesCommand({ principal: certArn('a'), ascendingOrder: true }));
  assert.deepEqual(names(old.policies), ['p1', 'p2']);
  assert.deepEqual((await c.send(new ListTargetsForPolicyCommand({ policyName: 'p2' }))).targets, [
    certArn('a'),
    GROUP,
  ]);
  assert.deepEqual((await c.send(new ListPolicyPrincipalsCommand({ policyName: 'p2' }))).principals, [certArn('a')]);
  const page = await c.send(new ListPoliciesCommand({ pageSize: 2 }));
  assert.deepEqual(names(page.policies), ['p3', 'p2']);
  const rest = await c.send(new ListPoliciesCommand({ pageSize: 2, marker: page.nextMarker! }));
  assert.deepEqual([names(rest.policies), rest.nextMarker], [['p1'], undefined]);
  await assert.rejects(c.send(new DeletePolicyCommand({ policyName: 'p1' })), isNamed('DeleteConflictException'));
  await c.send(new DetachPolicyCommand({ policyName: 'p1', target: certArn('a') }));
  await c.send(new DetachPrincipalPolicyCommand({ policyName: 'p2', principal: certArn('a') }));
  await c.send(new DeletePolicyCommand({ policyName: 'p1' }));
  assert.deepEqual((await c.send(new ListAttachedPoliciesCommand({ target: certArn('a') }))).policies, []);
});

test('a certificate connects as its policies say, and does no more than they say', async () => {
  await using pair = await openPair();
  const { cloud, registries } = pair;
  registries.attach(certArn('a'), 'pump-1');
  await policy(
    cloud,
    'device',
    allow('iot:Connect', arn('client/${iot:Connection.Thing.ThingName}')),
    allow(['iot:Publish', 'iot:Receive'], arn('topic/${iot:Connection.Thing.ThingName}/*')),
    allow('iot:Subscribe', arn('topicfilter/${iot:Connection.Thing.ThingName}/*')),
  );
  assert.equal((await cloud.iot.access.connect(request('a', 'pump-1'))).kind, 'refused', 'no policy is attached yet');
  await cloud.control.send(new AttachPolicyCommand({ policyName: 'device', target: certArn('a') }));
  const pump = await connected(cloud, 'a', 'pump-1');
  assert.equal(pump.principal, certId('a'));
  assert.equal(pump.thingName, 'pump-1');
  assert(pump.mayPublish('pump-1/x') && pump.mayReceive('pump-1/x') && pump.maySubscribe('pump-1/#'));
  assert(!pump.mayPublish('pump-2/x') && !pump.mayReceive('pump-2/x') && !pump.maySubscribe('#'));
  assert(!pump.mayRetain('pump-1/x') && !pump.receivesAll);
  const spoofed = await cloud.iot.access.connect(request('a', 'pump-2'));
  assert(spoofed.kind === 'refused');
  assert.match(spoofed.reason!, /iot:Connect as client\/pump-2/);
  assert.equal((await cloud.iot.access.connect(request('b', 'pump-1'))).kind, 'refused', 'another certificate');
});

test('changes of policies change the answers of connected clients, and end those who may not stay', async () => {
  await using pair = await openPair();
  const { cloud, registries } = pair;
  const { control } = cloud;
  await policy(cloud, 'connect', allow('iot:Connect'));
  await policy(cloud, 'talk', allow(['iot:Publish', 'iot:Receive']));
  for (const policyName of ['connect', 'talk']) {
    await control.send(new AttachPolicyCommand({ policyName, target: certArn('a') }));
  }
  const client = await connected(cloud, 'a', 'c');
  const revoked: string[] = [];
  const unwatch = client.watch({ revoked: (reason) => void revoked.push(reason) });
  assert(client.mayPublish('a') && client.mayPublish('a') && client.receivesAll);

  const policyDocument = document(allow(['iot:Publish', 'iot:Receive'], arn('topic/b')));
  await control.send(new CreatePolicyVersionCommand({ policyName: 'talk', policyDocument }));
  assert(client.mayPublish('a'), 'the version does not count yet');
  await control.send(new SetDefaultPolicyVersionCommand({ policyName: 'talk', policyVersionId: '2' }));
  assert(!client.mayPublish('a') && client.mayPublish('b') && !client.receivesAll);

  registries.attach(certArn('a'), 'c', [GROUP]);
  await policy(cloud, 'group', deny('iot:Publish'));
  await control.send(new AttachPolicyCommand({ policyName: 'group', target: GROUP }));
  assert(!client.mayPublish('b'), 'policies of groups count');
  await control.send(new DetachPolicyCommand({ policyName: 'group', target: GROUP }));
  assert(client.mayPublish('b'));

  assert.deepEqual(revoked, []);
  await control.send(new DetachPolicyCommand({ policyName: 'connect', target: certArn('a') }));
  assert.deepEqual(revoked, ['its policies no longer allow iot:Connect']);
  unwatch();
});

test('TestAuthorization and GetEffectivePolicies tell what a principal may do', async () => {
  await using pair = await openPair();
  const { cloud, registries } = pair;
  const { control } = cloud;
  await policy(
    cloud,
    'own',
    allow('iot:Publish', arn('topic/${iot:ClientId}/*')),
    allow('iot:Subscribe', arn('topicfilter/${iot:Connection.Thing.ThingName}')),
  );
  await policy(cloud, 'group', deny('iot:Publish', arn('topic/c/secret')));
  await policy(cloud, 'more', allow('iot:Receive', arn('topic/a')));
  registries.attach(certArn('a'), 'c', [GROUP]);
  await control.send(new AttachPolicyCommand({ policyName: 'own', target: certArn('a') }));
  await control.send(new AttachPolicyCommand({ policyName: 'group', target: GROUP }));
  const { effectivePolicies } = await control.send(new GetEffectivePoliciesCommand({ principal: certArn('a') }));
  assert.deepEqual(effectivePolicies!.map(({ policyName }) => policyName).sort(), ['group', 'own']);
  const { authResults } = await control.send(
    new TestAuthorizationCommand({
      principal: certArn('a'),
      clientId: 'c',
      policyNamesToAdd: ['more'],
      authInfos: [
        { actionType: 'PUBLISH', resources: [arn('topic/c/x')] },
        { actionType: 'PUBLISH', resources: [arn('topic/c/x'), arn('topic/c/secret')] },
        { actionType: 'PUBLISH', resources: [arn('topic/d/x')] },
        { actionType: 'SUBSCRIBE', resources: [arn('topicfilter/c')] },
        { actionType: 'RECEIVE', resources: [arn('topic/a')] },
        { actionType: 'CONNECT', resources: [arn('client/c')] },
      ],
    }),
  );
  assert.deepEqual(
    authResults!.map(({ authDecision }) => authDecision),
    ['ALLOWED', 'EXPLICIT_DENY', 'IMPLICIT_DENY', 'ALLOWED', 'ALLOWED', 'IMPLICIT_DENY'],
  );
  assert.deepEqual(
    authResults![0]!.allowed!.policies!.map(({ policyName }) => policyName),
    ['own'],
  );
  assert.deepEqual(
    authResults![1]!.denied!.explicitDeny!.policies!.map(({ policyName }) => policyName),
    ['group'],
  );
  const unknown = await control.send(
    new TestAuthorizationCommand({
      principal: certArn('a'),
      policyNamesToSkip: ['group'],
      authInfos: [{ actionType: 'PUBLISH', resources: [arn('topic/c/secret')] }],
    }),
  );
  assert.deepEqual(unknown.authResults![0]!.missingContextValues, ['iot:ClientId']);
});
