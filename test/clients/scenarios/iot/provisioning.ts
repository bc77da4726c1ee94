import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Rig } from '../../scenario.ts';
import { arnOf } from './arns.ts';
import { newRequest } from './certificates.ts';

const notFound = { name: 'ResourceNotFoundException' };

/** A thing at a place, with a certificate. */
function templateFor(place: string): string {
  return JSON.stringify({
    Parameters: { Serial: { Type: 'String' }, Request: { Type: 'String' } },
    Resources: {
      thing: {
        Type: 'AWS::IoT::Thing',
        Properties: { ThingName: { Ref: 'Serial' }, AttributePayload: { place } },
      },
      certificate: {
        Type: 'AWS::IoT::Certificate',
        Properties: { CertificateSigningRequest: { Ref: 'Request' }, Status: 'Inactive' },
      },
    },
  });
}

/** Provisioning templates with their versions, claims, and a thing by a template. */
export async function provisioning(rig: Rig): Promise<void> {
  const { call, name } = rig;
  const templateName = name('fleet');
  await templates(rig, templateName);
  await versions(rig, templateName);

  const claim = await call('CreateProvisioningClaim', { templateName });
  assert.ok(claim.expiration > new Date() && claim.expiration <= new Date(Date.now() + 300_000), claim.expiration);
  assert.ok(new X509Certificate(claim.certificatePem).checkPrivateKey(createPrivateKey(claim.keyPair.PrivateKey)));
  const parameters = { Serial: name('bulk'), Request: await newRequest() };
  const { resourceArns, certificatePem } = await call('RegisterThing', {
    templateBody: templateFor('bulk'),
    parameters,
  });
  assert.equal(resourceArns.thing, arnOf(`thing/${parameters.Serial}`));
  const id = new X509Certificate(certificatePem).fingerprint256.replaceAll(':', '').toLowerCase();
  assert.equal(resourceArns.certificate, arnOf(`cert/${id}`));
  const { attributes } = await call('DescribeThing', { thingName: parameters.Serial });
  assert.deepEqual(attributes, { place: 'bulk' });

  await call('DeleteProvisioningTemplate', { templateName });
  await assert.rejects(call('DescribeProvisioningTemplate', { templateName }), notFound);
}

async function templates({ call }: Rig, templateName: string): Promise<void> {
  const provisioningRoleArn = 'arn:aws:iam::000000000000:role/provisioning';
  const about = { description: 'pumps', provisioningRoleArn, enabled: false };
  const tags = [{ Key: 'plant', Value: 'north' }];
  const made = await call('CreateProvisioningTemplate', {
    ...{ templateName, templateBody: templateFor('a'), ...about, tags },
  });
  assert.deepEqual([made.templateArn, made.defaultVersionId], [arnOf(`provisioningtemplate/${templateName}`), 1]);
  assert.deepEqual((await call('ListTagsForResource', { resourceArn: made.templateArn })).tags, tags);
  const second = await call('CreateProvisioningTemplateVersion', { templateName, templateBody: templateFor('b') });
  assert.deepEqual([second.versionId, second.isDefaultVersion], [2, false]);
  await call('UpdateProvisioningTemplate', { templateName, enabled: true, defaultVersionId: 2 });
  const described = await call('DescribeProvisioningTemplate', { templateName });
  assert.partialDeepStrictEqual(described, {
    ...{ ...about, enabled: true, defaultVersionId: 2, templateBody: templateFor('b'), type: 'FLEET_PROVISIONING' },
  });
  assert.ok(described.lastModifiedDate >= described.creationDate);
  const { templates: listed } = await call('ListProvisioningTemplates', { maxResults: 1 });
  assert.deepEqual(
    listed.map((one: any) => [one.templateName, one.enabled]),
    [[templateName, true]],
  );
}

async function versions({ call }: Rig, templateName: string): Promise<void> {
  const version = (versionId: number) => ({ templateName, versionId });
  const read = await call('DescribeProvisioningTemplateVersion', version(1));
  assert.deepEqual([read.templateBody, read.isDefaultVersion], [templateFor('a'), false]);
  const inUse = call('DeleteProvisioningTemplateVersion', version(2));
  await assert.rejects(inUse, { name: 'DeleteConflictException' });
  await call('DeleteProvisioningTemplateVersion', version(1));
  const { versions: left } = await call('ListProvisioningTemplateVersions', { templateName });
  assert.deepEqual(
    left.map((one: any) => [one.versionId, one.isDefaultVersion]),
    [[2, true]],
  );
}
