import type { Json, JsonObject } from '../template/value.ts';
import { sameJson } from '../template/value.ts';
import { changes, pick, replaces, required, TAGS, tagChanges } from './properties.ts';
import {
  createOrAdopt,
  type Existing,
  ignoreMissing,
  label,
  type Made,
  type ResourceType,
  type Work,
} from './resource-type.ts';

interface InlinePolicy {
  readonly PolicyName: string;
  readonly PolicyDocument: Json;
}

const role: ResourceType = {
  properties: {
    RoleName: replaces('text'),
    Path: replaces('text'),
    AssumeRolePolicyDocument: required(changes('any')),
    Description: changes('text'),
    MaxSessionDuration: changes('number'),
    PermissionsBoundary: changes('text'),
    ManagedPolicyArns: changes({ list: 'text' }),
    Policies: changes({ list: { object: { PolicyName: 'text', PolicyDocument: 'any' } } }),
    Tags: TAGS,
  },
  attributes: ['Arn', 'RoleId'],
  naming: { property: 'RoleName', lengthMax: 64 },

  async create(properties, work) {
    const RoleName = work.name;
    await createOrAdopt(work, () =>
      work.call('iam', 'CreateRole', {
        RoleName,
        AssumeRolePolicyDocument: JSON.stringify(properties.AssumeRolePolicyDocument),
        ...pick(properties, ['Path', 'Description', 'MaxSessionDuration', 'PermissionsBoundary', 'Tags']),
      }),
    );
    await work.made(RoleName);
    await setPolicies(RoleName, {}, properties, work);
    return describe(RoleName, work);
  },

  async update(existing, properties, work) {
    const RoleName = existing.physicalId;
    await updateRole(existing, properties, work);
    await setPolicies(RoleName, existing.properties, properties, work);
    await setTags(existing, properties, work);
    return describe(RoleName, work);
  },

  async delete({ physicalId: RoleName, properties }, work) {
    await ignoreMissing(() => setPolicies(RoleName, properties, {}, work));
    await ignoreMissing(() => work.call('iam', 'DeleteRole', { RoleName }));
  },
};

async function describe(RoleName: string, work: Work): Promise<Made> {
  const { Role } = await work.call('iam', 'GetRole', { RoleName });
  return { physicalId: RoleName, attributes: { Arn: Role.Arn, RoleId: Role.RoleId } };
}

async function updateRole(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const RoleName = existing.physicalId;
  const changed = (name: string) => !sameJson(existing.properties[name], properties[name]);
  if (changed('AssumeRolePolicyDocument')) {
    const PolicyDocument = JSON.stringify(properties.AssumeRolePolicyDocument);
    await work.call('iam', 'UpdateAssumeRolePolicy', { RoleName, PolicyDocument });
  }
  if (changed('Description') || changed('MaxSessionDuration')) {
    const { Description = '', MaxSessionDuration = 3600 } = properties;
    await work.call('iam', 'UpdateRole', { RoleName, Description, MaxSessionDuration });
  }
  if (!changed('PermissionsBoundary')) return;
  const PermissionsBoundary = properties.PermissionsBoundary;
  if (PermissionsBoundary === undefined) await work.call('iam', 'DeleteRolePermissionsBoundary', { RoleName });
  else await work.call('iam', 'PutRolePermissionsBoundary', { RoleName, PermissionsBoundary });
}

/** Brings attached and inline policies from one set to the other. */
async function setPolicies(RoleName: string, before: JsonObject, after: JsonObject, work: Work): Promise<void> {
  const [oldArns, arns] = [arnsOf(before), arnsOf(after)];
  for (const PolicyArn of arns.filter((arn) => !oldArns.includes(arn))) {
    await work.call('iam', 'AttachRolePolicy', { RoleName, PolicyArn });
  }
  for (const PolicyArn of oldArns.filter((arn) => !arns.includes(arn))) {
    await ignoreMissing(() => work.call('iam', 'DetachRolePolicy', { RoleName, PolicyArn }));
  }
  const [oldInline, inline] = [inlineOf(before), inlineOf(after)];
  for (const policy of inline.filter((one) => !oldInline.some((other) => sameJson(one, other)))) {
    await putRolePolicy(RoleName, policy, work);
  }
  for (const { PolicyName } of oldInline.filter(
    (one) => !inline.some((other) => other.PolicyName === one.PolicyName),
  )) {
    await ignoreMissing(() => work.call('iam', 'DeleteRolePolicy', { RoleName, PolicyName }));
  }
}

const arnsOf = (properties: JsonObject) => (properties.ManagedPolicyArns ?? []) as readonly string[];
const inlineOf = (properties: JsonObject) => (properties.Policies ?? []) as unknown as readonly InlinePolicy[];

async function putRolePolicy(
  RoleName: string,
  { PolicyName, PolicyDocument }: InlinePolicy,
  work: Work,
): Promise<void> {
  await work.call('iam', 'PutRolePolicy', { RoleName, PolicyName, PolicyDocument: JSON.stringify(PolicyDocument) });
}

async function setTags(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const { set, remove } = tagChanges(existing.properties.Tags, properties.Tags);
  const RoleName = existing.physicalId;
  const Tags = Object.entries(set).map(([Key, Value]) => ({ Key, Value }));
  if (Tags.length) await label(() => work.call('iam', 'TagRole', { RoleName, Tags }));
  if (remove.length) await label(() => work.call('iam', 'UntagRole', { RoleName, TagKeys: remove }));
}

const PRINCIPALS = {
  Roles: changes({ list: 'text' }),
  Users: changes({ list: 'text' }),
  Groups: changes({ list: 'text' }),
};

/** Whom a policy is for, by the operation's word for them. */
function principalsOf(properties: JsonObject): readonly (readonly [kind: string, name: string])[] {
  const named = (property: string, kind: string) =>
    ((properties[property] ?? []) as readonly string[]).map((name) => [kind, name] as const);
  return [...named('Roles', 'Role'), ...named('Users', 'User'), ...named('Groups', 'Group')];
}

const policy: ResourceType = {
  properties: { PolicyName: required(replaces('text')), PolicyDocument: required(changes('any')), ...PRINCIPALS },
  attributes: ['Id'],
  naming: { property: 'Id', lengthMax: 128 },

  async create(properties, work) {
    if (principalsOf(properties).length === 0)
      throw new Error('At least one of [Groups,Roles,Users] must be non-empty.');
    await work.made(work.name);
    await putInline(properties, work);
    return { physicalId: work.name, attributes: { Id: work.name } };
  },

  async update(existing, properties, work) {
    await deleteInline(existing.properties, properties, work);
    await putInline(properties, work);
    return existing;
  },

  async delete({ properties }, work) {
    await deleteInline(properties, {}, work);
  },
};

async function putInline(properties: JsonObject, work: Work): Promise<void> {
  const { PolicyName, PolicyDocument } = properties;
  for (const [kind, name] of principalsOf(properties)) {
    await work.call('iam', `Put${kind}Policy`, {
      [`${kind}Name`]: name,
      PolicyName,
      PolicyDocument: JSON.stringify(PolicyDocument),
    });
  }
}

async function deleteInline(before: JsonObject, after: JsonObject, work: Work): Promise<void> {
  const kept = principalsOf(after).map(([kind, name]) => `${kind}/${name}`);
  for (const [kind, name] of principalsOf(before)) {
    if (kept.includes(`${kind}/${name}`)) continue;
    const input = { [`${kind}Name`]: name, PolicyName: before.PolicyName };
    await ignoreMissing(() => work.call('iam', `Delete${kind}Policy`, input));
  }
}

const managedPolicy: ResourceType = {
  properties: {
    ManagedPolicyName: replaces('text'),
    Path: replaces('text'),
    Description: replaces('text'),
    PolicyDocument: required(changes('any')),
    ...PRINCIPALS,
  },
  attributes: ['PolicyArn', 'PolicyId'],
  naming: { property: 'ManagedPolicyName', lengthMax: 128 },

  async create(properties, work) {
    const path = String(properties.Path ?? '/');
    const PolicyArn = `arn:aws:iam::${work.identity.accountId}:policy${path}${work.name}`;
    await createOrAdopt(work, () =>
      work.call('iam', 'CreatePolicy', {
        PolicyName: work.name,
        PolicyDocument: JSON.stringify(properties.PolicyDocument),
        ...pick(properties, ['Path', 'Description']),
      }),
    );
    await work.made(PolicyArn);
    await attach(PolicyArn, {}, properties, work);
    const { Policy } = await work.call('iam', 'GetPolicy', { PolicyArn });
    return { physicalId: PolicyArn, attributes: { PolicyArn, PolicyId: Policy.PolicyId } };
  },

  async update(existing, properties, work) {
    const PolicyArn = existing.physicalId;
    if (!sameJson(existing.properties.PolicyDocument, properties.PolicyDocument)) {
      const PolicyDocument = JSON.stringify(properties.PolicyDocument);
      await dropOldVersions(PolicyArn, work);
      await work.call('iam', 'CreatePolicyVersion', { PolicyArn, PolicyDocument, SetAsDefault: true });
    }
    await attach(PolicyArn, existing.properties, properties, work);
    return existing;
  },

  async delete({ physicalId: PolicyArn, properties }, work) {
    await ignoreMissing(async () => {
      await attach(PolicyArn, properties, {}, work);
      await dropOldVersions(PolicyArn, work);
      await work.call('iam', 'DeletePolicy', { PolicyArn });
    });
  },
};

/** A policy holds five versions at most, and none may be left but the default one when it is deleted. */
async function dropOldVersions(PolicyArn: string, work: Work): Promise<void> {
  const { Versions = [] } = await work.call('iam', 'ListPolicyVersions', { PolicyArn });
  for (const { VersionId, IsDefaultVersion } of Versions) {
    if (!IsDefaultVersion) await work.call('iam', 'DeletePolicyVersion', { PolicyArn, VersionId });
  }
}

async function attach(PolicyArn: string, before: JsonObject, after: JsonObject, work: Work): Promise<void> {
  const [old, now] = [principalsOf(before), principalsOf(after)];
  const has = (list: typeof old, [kind, name]: readonly [string, string]) =>
    list.some(([otherKind, otherName]) => otherKind === kind && otherName === name);
  for (const one of now.filter((principal) => !has(old, principal))) {
    await work.call('iam', `Attach${one[0]}Policy`, { [`${one[0]}Name`]: one[1], PolicyArn });
  }
  for (const one of old.filter((principal) => !has(now, principal))) {
    await ignoreMissing(() => work.call('iam', `Detach${one[0]}Policy`, { [`${one[0]}Name`]: one[1], PolicyArn }));
  }
}

export const IAM_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::IAM::Role': role,
  'AWS::IAM::Policy': policy,
  'AWS::IAM::ManagedPolicy': managedPolicy,
};
