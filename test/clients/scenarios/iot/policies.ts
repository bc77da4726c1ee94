import assert from 'node:assert/strict';
import type { Rig } from '../../scenario.ts';
import { arnOf } from './arns.ts';

const notFound = { name: 'ResourceNotFoundException' };
const conflict = { name: 'DeleteConflictException' };

/** Lets publish to a topic. */
function documentFor(topic: string): string {
  const Statement = [{ Effect: 'Allow', Action: 'iot:Publish', Resource: arnOf(`topic/${topic}`) }];
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

/** Policies and their versions. */
export async function policies({ call, name }: Rig): Promise<void> {
  const policyName = name('own');
  const made = await call('CreatePolicy', { policyName, policyDocument: documentFor('a') });
  assert.deepEqual([made.policyVersionId, made.policyArn], ['1', arnOf(`policy/${policyName}`)]);
  const broken = call('CreatePolicy', { policyName: `${policyName}-2`, policyDocument: '{' });
  await assert.rejects(broken, { name: 'MalformedPolicyException' });
  const second = await call('CreatePolicyVersion', { policyName, policyDocument: documentFor('b') });
  assert.deepEqual([second.policyVersionId, second.isDefaultVersion], ['2', false]);
  await call('SetDefaultPolicyVersion', { policyName, policyVersionId: '2' });
  const got = await call('GetPolicy', { policyName });
  assert.deepEqual([got.defaultVersionId, JSON.parse(got.policyDocument)], ['2', JSON.parse(documentFor('b'))]);
  const first = await call('GetPolicyVersion', { policyName, policyVersionId: '1' });
  assert.deepEqual([first.isDefaultVersion, JSON.parse(first.policyDocument)], [false, JSON.parse(documentFor('a'))]);
  const { policyVersions } = await call('ListPolicyVersions', { policyName });
  assert.deepEqual(policyVersions.map((one: any) => [one.versionId, one.isDefaultVersion]).sort(), [
    ['1', false],
    ['2', true],
  ]);
  await assert.rejects(call('DeletePolicyVersion', { policyName, policyVersionId: '2' }), conflict);
  await call('DeletePolicyVersion', { policyName, policyVersionId: '1' });
  await assert.rejects(call('GetPolicyVersion', { policyName, policyVersionId: '1' }), notFound);
  const { policies: listed } = await call('ListPolicies', { pageSize: 100 });
  const ours = listed.filter((one: any) => one.policyName === policyName);
  assert.deepEqual(ours, [{ policyName, policyArn: made.policyArn }]);
}

/** Policies at a certificate, by both generations of the API, and what it may do by them. */
export async function attachments({ call, name }: Rig): Promise<void> {
  const [own, old] = [name('own'), name('old')];
  const { certificateArn: target, certificateId } = await call('CreateKeysAndCertificate', { setAsActive: true });
  await call('AttachPolicy', { policyName: own, target });
  const namesIn = (found: readonly { policyName: string }[]) => found.map((one) => one.policyName).sort();
  assert.deepEqual(namesIn((await call('ListAttachedPolicies', { target })).policies), [own]);
  assert.deepEqual((await call('ListTargetsForPolicy', { policyName: own })).targets, [target]);
  await assert.rejects(call('DeletePolicy', { policyName: own }), conflict);

  await call('CreatePolicy', { policyName: old, policyDocument: documentFor('c') });
  await call('AttachPrincipalPolicy', { policyName: old, principal: target });
  const ofPrincipal = await call('ListPrincipalPolicies', { principal: target });
  assert.deepEqual(namesIn(ofPrincipal.policies), [old, own].sort());
  const { principals } = await call('ListPolicyPrincipals', { policyName: old });
  assert.deepEqual([principals.length, principals[0].includes(certificateId)], [1, true]);
  const { effectivePolicies } = await call('GetEffectivePolicies', { principal: target });
  assert.deepEqual(namesIn(effectivePolicies), [old, own].sort());

  const decide = async (topic: string, more: object = {}) => {
    const authInfos = [{ actionType: 'PUBLISH', resources: [arnOf(`topic/${topic}`)] }];
    return (await call('TestAuthorization', { principal: target, authInfos, ...more })).authResults[0].authDecision;
  };
  const decisions = [await decide('a'), await decide('b'), await decide('c')];
  assert.deepEqual(decisions, ['IMPLICIT_DENY', 'ALLOWED', 'ALLOWED']);
  assert.equal(await decide('c', { policyNamesToSkip: [old] }), 'IMPLICIT_DENY');

  await ofThing(call, own, name('grouped'));

  await call('DetachPrincipalPolicy', { policyName: old, principal: target });
  await call('DetachPolicy', { policyName: own, target });
  for (const policyName of [own, old]) await call('DeletePolicy', { policyName });
  await assert.rejects(call('GetPolicy', { policyName: own }), notFound);
  await call('UpdateCertificate', { certificateId, newStatus: 'INACTIVE' });
  await call('DeleteCertificate', { certificateId });
}

/** A thing has the policies of its groups, whoever it is attached to. */
async function ofThing(call: Rig['call'], policyName: string, stem: string): Promise<void> {
  const [thingName, thingGroupName] = [`${stem}-thing`, `${stem}-group`];
  await call('CreateThing', { thingName });
  const { thingGroupArn: target } = await call('CreateThingGroup', { thingGroupName });
  await call('AddThingToThingGroup', { thingName, thingGroupName });
  assert.deepEqual((await call('GetEffectivePolicies', { thingName })).effectivePolicies, []);
  await call('AttachPolicy', { policyName, target });
  const { effectivePolicies } = await call('GetEffectivePolicies', { thingName });
  assert.deepEqual(
    effectivePolicies.map((one: any) => one.policyName),
    [policyName],
  );
  await assert.rejects(call('GetEffectivePolicies', { thingName: `${thingName}-none` }), notFound);
  await call('DetachPolicy', { policyName, target });
  await call('DeleteThing', { thingName });
  await call('DeleteThingGroup', { thingGroupName });
}
