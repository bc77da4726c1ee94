import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import {
  AddThingToThingGroupCommand,
  AttachPolicyCommand,
  AttachPrincipalPolicyCommand,
  AttachThingPrincipalCommand,
  CreateKeysAndCertificateCommand,
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  DeletePolicyCommand,
  DeletePolicyVersionCommand,
  DeleteThingGroupCommand,
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
  UpdateCertificateCommand,
} from '@aws-sdk/client-iot';
import type { ClientPermissions, ConnectRequest, PeerCertificate } from '../../src/services/iot/index.ts';
import { type Cloud, openCloud } from './harness.ts';

const REGION = 'eu-central-1';
const arn = (resource: string) => `arn:aws:iot:${REGION}:000000000000:${resource}`;
const GROUP = arn('thinggroup/pumps');

/** A certificate of the built-in CA, as a TLS listener hands it over. */
interface Device {
  readonly principal: string;
  readonly peer: PeerCertificate;
}

async function newDevice({ control }: Cloud): Promise<Device> {
  const { certificateArn, certificatePem } = await control.send(
    new CreateKeysAndCertificateCommand({ setAsActive: true }),
  );
  const { raw } = new X509Certificate(certificatePem!);
  const certificateId = createHash('sha256').update(raw).digest('hex');
  return { principal: certificateArn!, peer: { certificateId, der: raw } };
}

/** Makes a thing of the device, in a group where one is named. */
async function asThing({ control }: Cloud, { principal }: Device, thingName: string, group?: string): Promise<void> {
  await control.send(new CreateThingCommand({ thingName }));
  await control.send(new AttachThingPrincipalCommand({ thingName, principal }));
  if (group === undefined) return;
  await control.send(new CreateThingGroupCommand({ thingGroupName: group }));
  await control.send(new AddThingToThingGroupCommand({ thingName, thingGroupName: group }));
}

const document = (...statements: readonly object[]) => JSON.stringify({ Version: '2012-10-17', Statement: statements });
const allow = (Action: string | string[], Resource: string | string[] = '*') => ({ Effect: 'Allow', Action, Resource });
const deny = (Action: string | string[], Resource: string | string[] = '*') => ({ Effect: 'Deny', Action, Resource });

async function policy({ control }: Cloud, policyName: string, ...statements: readonly object[]): Promise<void> {
  await control.send(new CreatePolicyCommand({ policyName, policyDocument: document(...statements) }));
}

const request = (device: Device, clientId: string): ConnectRequest => ({
  ...{ remoteAddress: '192.0.2.1', isEncrypted: true, clientId, username: undefined, password: undefined, version: 5 },
  connectAttributes: [],
  certificate: device.peer,
});

async function connected({ iot }: Cloud, device: Device, clientId: string): Promise<ClientPermissions> {
  const decision = await iot.access.connect(request(device, clientId));
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
  const { principal } = await newDevice(before);
  for (const name of ['p1', 'p2', 'p3']) await policy(before, name, allow('iot:*'));
  await control.send(new AttachPolicyCommand({ policyName: 'p1', target: principal }));
  await control.send(new AttachPrincipalPolicyCommand({ policyName: 'p2', principal: principal }));
  await control.send(new AttachPolicyCommand({ policyName: 'p2', target: GROUP }));
  await assert.rejects(
    control.send(new AttachPolicyCommand({ policyName: 'none', target: GROUP })),
    isNamed('ResourceNotFoundException'),
  );
  const unknown = arn(`cert/${'a'.repeat(64)}`);
  await assert.rejects(
    control.send(new AttachPolicyCommand({ policyName: 'p1', target: unknown })),
    isNamed('ResourceNotFoundException'),
  );
  await assert.rejects(
    control.send(new AttachPolicyCommand({ policyName: 'p1', target: 'pump' })),
    isNamed('InvalidRequestException'),
  );
  await using cloud = await before.restart();
  const c = cloud.control;
  const names = (list: { policyName?: string }[] | undefined) => list?.map(({ policyName }) => policyName);
  const attached = await c.send(new ListAttachedPoliciesCommand({ target: principal }));
  assert.deepEqual(names(attached.policies), ['p1', 'p2']);
  const old = await c.send(new ListPrincipalPoliciesCommand({ principal: principal, ascendingOrder: true }));
  assert.deepEqual(names(old.policies), ['p1', 'p2']);
  assert.deepEqual((await c.send(new ListTargetsForPolicyCommand({ policyName: 'p2' }))).targets, [principal, GROUP]);
  assert.deepEqual((await c.send(new ListPolicyPrincipalsCommand({ policyName: 'p2' }))).principals, [principal]);
  const page = await c.send(new ListPoliciesCommand({ pageSize: 2 }));
  assert.deepEqual(names(page.policies), ['p3', 'p2']);
  const rest = await c.send(new ListPoliciesCommand({ pageSize: 2, marker: page.nextMarker! }));
  assert.deepEqual([names(rest.policies), rest.nextMarker], [['p1'], undefined]);
  await assert.rejects(c.send(new DeletePolicyCommand({ policyName: 'p1' })), isNamed('DeleteConflictException'));
  await c.send(new DetachPolicyCommand({ policyName: 'p1', target: principal }));
  await c.send(new DetachPrincipalPolicyCommand({ policyName: 'p2', principal: principal }));
  await c.send(new DeletePolicyCommand({ policyName: 'p1' }));
  assert.deepEqual((await c.send(new ListAttachedPoliciesCommand({ target: principal }))).policies, []);
});

test('a certificate connects as its policies say, and does no more than they say', async () => {
  await using cloud = await openCloud();
  const device = await newDevice(cloud);
  await asThing(cloud, device, 'pump-1');
  await policy(
    cloud,
    'device',
    allow('iot:Connect', arn('client/${iot:Connection.Thing.ThingName}')),
    allow(['iot:Publish', 'iot:Receive'], arn('topic/${iot:Connection.Thing.ThingName}/*')),
    allow('iot:Subscribe', arn('topicfilter/${iot:Connection.Thing.ThingName}/*')),
  );
  assert.equal(
    (await cloud.iot.access.connect(request(device, 'pump-1'))).kind,
    'refused',
    'no policy is attached yet',
  );
  await cloud.control.send(new AttachPolicyCommand({ policyName: 'device', target: device.principal }));
  const pump = await connected(cloud, device, 'pump-1');
  assert.equal(pump.principal, device.peer.certificateId);
  assert.equal(pump.thingName, 'pump-1');
  assert(pump.mayPublish('pump-1/x') && pump.mayReceive('pump-1/x') && pump.maySubscribe('pump-1/#'));
  assert(!pump.mayPublish('pump-2/x') && !pump.mayReceive('pump-2/x') && !pump.maySubscribe('#'));
  assert(!pump.mayRetain('pump-1/x') && !pump.receivesAll);
  const spoofed = await cloud.iot.access.connect(request(device, 'pump-2'));
  assert(spoofed.kind === 'refused');
  assert.match(spoofed.reason!, /iot:Connect as client\/pump-2/);
  assert.equal(
    (await cloud.iot.access.connect(request(await newDevice(cloud), 'pump-1'))).kind,
    'refused',
    'another certificate',
  );
});

test('changes of policies change the answers of connected clients, and end those who may not stay', async () => {
  await using cloud = await openCloud();
  const device = await newDevice(cloud);
  const { control } = cloud;
  await policy(cloud, 'connect', allow('iot:Connect'));
  await policy(cloud, 'talk', allow(['iot:Publish', 'iot:Receive']));
  for (const policyName of ['connect', 'talk']) {
    await control.send(new AttachPolicyCommand({ policyName, target: device.principal }));
  }
  const client = await connected(cloud, device, 'c');
  const revoked: string[] = [];
  const unwatch = client.watch({ revoked: (reason) => void revoked.push(reason) });
  assert(client.mayPublish('a') && client.mayPublish('a') && client.receivesAll);

  const policyDocument = document(allow(['iot:Publish', 'iot:Receive'], arn('topic/b')));
  await control.send(new CreatePolicyVersionCommand({ policyName: 'talk', policyDocument }));
  assert(client.mayPublish('a'), 'the version does not count yet');
  await control.send(new SetDefaultPolicyVersionCommand({ policyName: 'talk', policyVersionId: '2' }));
  assert(!client.mayPublish('a') && client.mayPublish('b') && !client.receivesAll);

  await asThing(cloud, device, 'c', 'pumps');
  await policy(cloud, 'group', deny('iot:Publish'));
  await control.send(new AttachPolicyCommand({ policyName: 'group', target: GROUP }));
  assert(!client.mayPublish('b'), 'policies of groups count');
  await control.send(new DetachPolicyCommand({ policyName: 'group', target: GROUP }));
  assert(client.mayPublish('b'));
  await control.send(new AttachPolicyCommand({ policyName: 'group', target: GROUP }));
  await control.send(new DeleteThingGroupCommand({ thingGroupName: 'pumps' }));
  assert(client.mayPublish('b'), 'a policy goes with its group');
  const { targets } = await control.send(new ListTargetsForPolicyCommand({ policyName: 'group' }));
  assert.deepEqual(targets, []);

  assert.deepEqual(revoked, []);
  await control.send(new DetachPolicyCommand({ policyName: 'connect', target: device.principal }));
  assert.deepEqual(revoked, ['its policies no longer allow iot:Connect']);
  unwatch();
});

test('a certificate that is not active any more ends its connections', async () => {
  await using cloud = await openCloud();
  const device = await newDevice(cloud);
  await policy(cloud, 'all', allow('iot:*'));
  await cloud.control.send(new AttachPolicyCommand({ policyName: 'all', target: device.principal }));
  const client = await connected(cloud, device, 'c');
  const revoked: string[] = [];
  client.watch({ revoked: (reason) => void revoked.push(reason) });
  const { certificateId } = device.peer;
  await cloud.control.send(new UpdateCertificateCommand({ certificateId, newStatus: 'INACTIVE' }));
  assert.deepEqual(revoked, ['its certificate is not active any more']);
  assert.equal((await cloud.iot.access.connect(request(device, 'c'))).kind, 'refused');
});

test('TestAuthorization and GetEffectivePolicies tell what a principal may do', async () => {
  await using cloud = await openCloud();
  const device = await newDevice(cloud);
  const { control } = cloud;
  await policy(
    cloud,
    'own',
    allow('iot:Publish', arn('topic/${iot:ClientId}/*')),
    allow('iot:Subscribe', arn('topicfilter/${iot:Connection.Thing.ThingName}')),
  );
  await policy(cloud, 'group', deny('iot:Publish', arn('topic/c/secret')));
  await policy(cloud, 'more', allow('iot:Receive', arn('topic/a')));
  await asThing(cloud, device, 'c', 'pumps');
  await control.send(new AttachPolicyCommand({ policyName: 'own', target: device.principal }));
  await control.send(new AttachPolicyCommand({ policyName: 'group', target: GROUP }));
  const { effectivePolicies } = await control.send(new GetEffectivePoliciesCommand({ principal: device.principal }));
  assert.deepEqual(effectivePolicies!.map(({ policyName }) => policyName).sort(), ['group', 'own']);
  const { authResults } = await control.send(
    new TestAuthorizationCommand({
      principal: device.principal,
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
      principal: device.principal,
      policyNamesToSkip: ['group'],
      authInfos: [{ actionType: 'PUBLISH', resources: [arn('topic/c/secret')] }],
    }),
  );
  assert.deepEqual(unknown.authResults![0]!.missingContextValues, ['iot:ClientId']);
});
