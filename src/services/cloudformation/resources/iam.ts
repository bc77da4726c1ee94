import type { Json, JsonObject } from '../template/value.ts';
import { sameJson } from '../template/value.ts';
import { changes, pick, replaces, required, TAGS, tagChanges } from './properties.ts';
import {
  createOrAdopt,
  type Existing,
  ignoreMissing,
  label,
  type Made,
  type Reading,
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

  imports: { identifiers: ['RoleName'], find: ({ RoleName }, work) => describe(RoleName!, work) },

  async create(properties, work) {
    const RoleName = work.name;
    await createOrAdopt(work, () =>
      work.call('iam', 'CreateRole', {
        RoleName,
        AssumeRolePolicyDocument: documentOf(properties.AssumeRolePolicyDocument),
        ...pick(properties, ['Path', 'Description', 'MaxSessionDuration', 'PermissionsBoundary', 'Tags']),
      }),
    );
    await work.made(RoleName);
    await setPolicies('Role', RoleName, {}, properties, work);
    return describe(RoleName, work);
  },

  async update(existing, properties, work) {
    const RoleName = existing.physicalId;
    await updateRole(existing, properties, work);
    await setPolicies('Role', RoleName, existing.properties, properties, work);
    await setIamTags('Role', { RoleName }, existing.properties.Tags, properties.Tags, work);
    return describe(RoleName, work);
  },

  async delete({ physicalId: RoleName, properties }, work) {
    await ignoreMissing(() => setPolicies('Role', RoleName, properties, {}, work));
    await ignoreMissing(() => work.call('iam', 'DeleteRole', { RoleName }));
  },
};

async function describe(RoleName: string, work: Reading): Promise<Made> {
  const { Role } = await work.call('iam', 'GetRole', { RoleName });
  return { physicalId: RoleName, attributes: { Arn: Role.Arn, RoleId: Role.RoleId } };
}

async function updateRole(existing: Existing, properties: JsonObject, work: Work): Promise<void> {
  const RoleName = existing.physicalId;
  const changed = (name: string) => !sameJson(existing.properties[name], properties[name]);
  if (changed('AssumeRolePolicyDocument')) {
    const PolicyDocument = documentOf(properties.AssumeRolePolicyDocument);
    await work.call('iam', 'UpdateAssumeRolePolicy', { RoleName, PolicyDocument });
  }
  if (changed('Description') || changed('MaxSessionDuration')) {
    const { Description = '', MaxSessionDuration = 3600 } = properties;
    await work.call('iam', 'UpdateRole', { RoleName, Description, MaxSessionDuration });
  }
  await setBoundary('Role', existing, properties, work);
}

/** What policies hang on, by the operations' word for it. */
export type Holder = 'Role' | 'User' | 'Group';

/** Brings attached and inline policies of a role, user or group from one set to the other. */
export async function setPolicies(
  kind: Holder,
  name: string,
  before: JsonObject,
  after: JsonObject,
  work: Work,
): Promise<void> {
  const holder = { [`${kind}Name`]: name };
  const [oldArns, arns] = [arnsOf(before), arnsOf(after)];
  for (const PolicyArn of arns.filter((arn) => !oldArns.includes(arn))) {
    await work.call('iam', `Attach${kind}Policy`, { ...holder, PolicyArn });
  }
  for (const PolicyArn of oldArns.filter((arn) => !arns.includes(arn))) {
    await ignoreMissing(() => work.call('iam', `Detach${kind}Policy`, { ...holder, PolicyArn }));
  }
  const [oldInline, inline] = [inlineOf(before), inlineOf(after)];
  for (const policy of inline.filter((one) => !oldInline.some((other) => sameJson(one, other)))) {
    await putInlinePolicy(kind, name, policy, work);
  }
  const gone = oldInline.filter((one) => !inline.some((other) => other.PolicyName === one.PolicyName));
  for (const { PolicyName } of gone) {
    await ignoreMissing(() => work.call('iam', `Delete${kind}Policy`, { ...holder, PolicyName }));
  }
}

const arnsOf = (properties: JsonObject) => (properties.ManagedPolicyArns ?? []) as readonly string[];
const inlineOf = (properties: JsonObject) => (properties.Policies ?? []) as unknown as readonly InlinePolicy[];

/** Inline policies in a template: documents may be written as objects or as text. */
export async function putInlinePolicy(
  kind: Holder,
  name: string,
  { PolicyName, PolicyDocument }: InlinePolicy,
  work: Work,
): Promise<void> {
  const holder = { [`${kind}Name`]: name };
  await work.call('iam', `Put${kind}Policy`, { ...holder, PolicyName, PolicyDocument: documentOf(PolicyDocument) });
}

/** A policy document as IAM takes it. */
export function documentOf(document: Json | undefined): string {
  return typeof document === 'string' ? document : JSON.stringify(document);
}

/** Brings the boundary of a role or user from one to the other. */
export async function setBoundary(
  kind: 'Role' | 'User',
  { physicalId, properties }: Existing,
  after: JsonObject,
  work: Work,
): Promise<void> {
  const { PermissionsBoundary } = after;
  if (sameJson(properties.PermissionsBoundary, PermissionsBoundary)) return;
  const holder = { [`${kind}Name`]: physicalId };
  if (PermissionsBoundary === undefined) {
    await ignoreMissing(() => work.call('iam', `Delete${kind}PermissionsBoundary`, holder));
  } else {
    await work.call('iam', `Put${kind}PermissionsBoundary`, { ...holder, PermissionsBoundary });
  }
}

/** Brings the tags of an entity from one set to the other. */
export async function setIamTags(
  kind: string,
  named: Readonly<Record<string, string>>,
  before: Json | undefined,
  after: Json | undefined,
  work: Work,
): Promise<void> {
  const { set, remove } = tagChanges(before, after);
  const Tags = Object.entries(set).map(([Key, Value]) => ({ Key, Value }));
  if (remove.length) await label(() => work.call('iam', `Untag${kind}`, { ...named, TagKeys: remove }));
  if (Tags.length) await label(() => work.call('iam', `Tag${kind}`, { ...named, Tags }));
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
      PolicyDocument: documentOf(PolicyDocument),
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
  attributes: [
    ...['PolicyArn', 'PolicyId', 'AttachmentCount', 'CreateDate', 'DefaultVersionId', 'IsAttachable'],
    ...['PermissionsBoundaryUsageCount', 'UpdateDate'],
  ],
  naming: { property: 'ManagedPolicyName', lengthMax: 128 },

  imports: { identifiers: ['PolicyArn'], find: ({ PolicyArn }, work) => describePolicy(PolicyArn!, work) },

  async create(properties, work) {
    const path = String(properties.Path ?? '/');
    const PolicyArn = `arn:aws:iam::${work.identity.accountId}:policy${path}${work.name}`;
    await createOrAdopt(work, () =>
      work.call('iam', 'CreatePolicy', {
        PolicyName: work.name,
        PolicyDocument: documentOf(properties.PolicyDocument),
        ...pick(properties, ['Path', 'Description']),
      }),
    );
    await work.made(PolicyArn);
    await attach(PolicyArn, {}, properties, work);
    return describePolicy(PolicyArn, work);
  },

  async update(existing, properties, work) {
    const PolicyArn = existing.physicalId;
    if (!sameJson(existing.properties.PolicyDocument, properties.PolicyDocument)) {
      const PolicyDocument = documentOf(properties.PolicyDocument);
      await dropOldVersions(PolicyArn, work);
      await work.call('iam', 'CreatePolicyVersion', { PolicyArn, PolicyDocument, SetAsDefault: true });
    }
    await attach(PolicyArn, existing.properties, properties, work);
    return describePolicy(PolicyArn, work);
  },

  async delete({ physicalId: PolicyArn, properties }, work) {
    await ignoreMissing(async () => {
      await attach(PolicyArn, properties, {}, work);
      await dropOldVersions(PolicyArn, work);
      await work.call('iam', 'DeletePolicy', { PolicyArn });
    });
  },
};

async function describePolicy(PolicyArn: string, work: Reading): Promise<Made> {
  const { Policy } = await work.call('iam', 'GetPolicy', { PolicyArn });
  const attributes = {
    PolicyArn,
    PolicyId: Policy.PolicyId,
    AttachmentCount: Policy.AttachmentCount,
    CreateDate: Policy.CreateDate.toISOString(),
    DefaultVersionId: Policy.DefaultVersionId,
    IsAttachable: Policy.IsAttachable,
    PermissionsBoundaryUsageCount: Policy.PermissionsBoundaryUsageCount,
    UpdateDate: Policy.UpdateDate.toISOString(),
  };
  return { physicalId: PolicyArn, attributes };
}

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
