import { isObject, type Json, type JsonObject } from '../template/value.ts';
import { iotTags } from './iot.ts';
import { changes, replaces, required, TAGS } from './properties.ts';
import { createOrAdopt, ignoreMissing, type Made, type Reading, type ResourceType } from './resource-type.ts';
import { setTags } from './tags.ts';

const policy: ResourceType = {
  properties: { PolicyName: replaces('text'), PolicyDocument: required(changes('any')), Tags: TAGS },
  attributes: ['Arn', 'Id'],
  naming: { property: 'PolicyName', lengthMax: 128 },

  imports: { identifiers: ['Id'], find: ({ Id }, work) => describePolicy(Id!, work) },

  async create(properties, work) {
    const policyName = work.name;
    const policyDocument = documentOf(properties);
    const input = { policyName, policyDocument, ...iotTags(properties.Tags) };
    await createOrAdopt(work, () => work.call('iot', 'CreatePolicy', input));
    await work.made(policyName);
    return describePolicy(policyName, work);
  },

  /** A new version becomes the default; where there are five, the oldest that is not makes room, as AWS does it. */
  async update(existing, properties, work) {
    const { physicalId: policyName } = existing;
    const policyDocument = documentOf(properties);
    const current = await work.call('iot', 'GetPolicy', { policyName });
    if (current.policyDocument !== policyDocument) {
      const { policyVersions } = await work.call('iot', 'ListPolicyVersions', { policyName });
      const old = policyVersions.find((version: { isDefaultVersion: boolean }) => !version.isDefaultVersion);
      if (policyVersions.length >= VERSIONS_MAX) {
        await work.call('iot', 'DeletePolicyVersion', { policyName, policyVersionId: old.versionId });
      }
      await work.call('iot', 'CreatePolicyVersion', { policyName, policyDocument, setAsDefault: true });
    }
    await setTags('iot', existing.attributes.Arn!, existing.properties.Tags, properties.Tags, work);
    return describePolicy(policyName, work);
  },

  async delete({ physicalId: policyName }, work) {
    await ignoreMissing(async () => {
      const { policyVersions } = await work.call('iot', 'ListPolicyVersions', { policyName });
      for (const { versionId, isDefaultVersion } of policyVersions) {
        if (isDefaultVersion) continue;
        await work.call('iot', 'DeletePolicyVersion', { policyName, policyVersionId: versionId });
      }
      await work.call('iot', 'DeletePolicy', { policyName });
    });
  },
};

/** Versions that a policy may have. */
const VERSIONS_MAX = 5;

async function describePolicy(policyName: string, work: Reading): Promise<Made> {
  const { policyArn } = await work.call('iot', 'GetPolicy', { policyName });
  return { physicalId: policyName, attributes: { Arn: policyArn, Id: policyName } };
}

/** Written as JSON, or as text that holds it. */
function documentOf({ PolicyDocument }: JsonObject): string {
  return typeof PolicyDocument === 'string' ? PolicyDocument : JSON.stringify(PolicyDocument);
}

const policyPrincipalAttachment: ResourceType = {
  properties: { PolicyName: required(replaces('text')), Principal: required(replaces('text')) },
  attributes: ['Id'],

  async create({ PolicyName, Principal }, work) {
    const physicalId = `${PolicyName}|${Principal}`;
    await work.call('iot', 'AttachPolicy', { policyName: PolicyName, target: Principal });
    await work.made(physicalId);
    return { physicalId, attributes: { Id: physicalId } };
  },

  async delete({ properties: { PolicyName, Principal } }, work) {
    await ignoreMissing(() => work.call('iot', 'DetachPolicy', { policyName: PolicyName, target: Principal }));
  },
};

const authorizer: ResourceType = {
  properties: {
    AuthorizerName: replaces('text'),
    AuthorizerFunctionArn: required(changes('text')),
    SigningDisabled: replaces('flag'),
    Status: changes('text'),
    TokenKeyName: changes('text'),
    TokenSigningPublicKeys: changes({ map: 'text' }),
    EnableCachingForHttp: changes('flag'),
    Tags: TAGS,
  },
  attributes: ['Arn'],
  naming: { property: 'AuthorizerName', lengthMax: 128 },

  imports: {
    identifiers: ['AuthorizerName'],
    find: ({ AuthorizerName }, work) => describeAuthorizer(AuthorizerName!, work),
  },

  async create(properties, work) {
    const authorizerName = work.name;
    const { SigningDisabled } = properties;
    const input = {
      ...authorizerInput(authorizerName, properties),
      ...(SigningDisabled !== undefined && { signingDisabled: SigningDisabled }),
      ...iotTags(properties.Tags),
    };
    await createOrAdopt(work, () => work.call('iot', 'CreateAuthorizer', input));
    await work.made(authorizerName);
    return describeAuthorizer(authorizerName, work);
  },

  async update(existing, properties, work) {
    const { physicalId: authorizerName } = existing;
    await work.call('iot', 'UpdateAuthorizer', authorizerInput(authorizerName, properties));
    await setTags('iot', existing.attributes.Arn!, existing.properties.Tags, properties.Tags, work);
    return describeAuthorizer(authorizerName, work);
  },

  /** An active authorizer cannot be deleted. */
  async delete({ physicalId: authorizerName }, work) {
    await ignoreMissing(async () => {
      await work.call('iot', 'UpdateAuthorizer', { authorizerName, status: 'INACTIVE' });
      await work.call('iot', 'DeleteAuthorizer', { authorizerName });
    });
  },
};

/** What leaves a template goes back to what a new authorizer has. */
function authorizerInput(authorizerName: string, properties: JsonObject) {
  const { AuthorizerFunctionArn, Status, TokenKeyName, TokenSigningPublicKeys, EnableCachingForHttp } = properties;
  return {
    authorizerName,
    authorizerFunctionArn: AuthorizerFunctionArn,
    status: Status ?? 'ACTIVE',
    ...(TokenKeyName !== undefined && { tokenKeyName: TokenKeyName }),
    tokenSigningPublicKeys: keysOf(TokenSigningPublicKeys),
    enableCachingForHttp: EnableCachingForHttp ?? false,
  };
}

function keysOf(keys: Json | undefined): JsonObject {
  return isObject(keys) ? keys : {};
}

async function describeAuthorizer(authorizerName: string, work: Reading): Promise<Made> {
  const { authorizerDescription } = await work.call('iot', 'DescribeAuthorizer', { authorizerName });
  return { physicalId: authorizerName, attributes: { Arn: authorizerDescription.authorizerArn } };
}

export const IOT_ACCESS_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::IoT::Policy': policy,
  'AWS::IoT::PolicyPrincipalAttachment': policyPrincipalAttachment,
  'AWS::IoT::Authorizer': authorizer,
};
