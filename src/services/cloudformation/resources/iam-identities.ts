import type { JsonObject } from '../template/value.ts';
import { sameJson } from '../template/value.ts';
import { documentOf, type Holder, putInlinePolicy, setBoundary, setIamTags, setPolicies } from './iam.ts';
import { changes, pick, replaces, required, TAGS } from './properties.ts';
import {
  createOrAdopt,
  ignoreMissing,
  type Made,
  type Reading,
  type ResourceType,
  type Work,
} from './resource-type.ts';

const POLICIES = {
  ManagedPolicyArns: changes({ list: 'text' }),
  Policies: changes({ list: { object: { PolicyName: 'text', PolicyDocument: 'any' } } }),
};

const user: ResourceType = {
  properties: {
    UserName: replaces('text'),
    Path: changes('text'),
    Groups: changes({ list: 'text' }),
    PermissionsBoundary: changes('text'),
    ...POLICIES,
    Tags: TAGS,
  },
  // There is no console to sign in to with a password.
  notBuilt: ['LoginProfile'],
  attributes: ['Arn'],
  naming: { property: 'UserName', lengthMax: 64 },

  imports: { identifiers: ['UserName'], find: ({ UserName }, work) => describeUser(UserName!, work) },

  async create(properties, work) {
    const UserName = work.name;
    await createOrAdopt(work, () =>
      work.call('iam', 'CreateUser', { UserName, ...pick(properties, ['Path', 'PermissionsBoundary', 'Tags']) }),
    );
    await work.made(UserName);
    await setPolicies('User', UserName, {}, properties, work);
    await setGroups(UserName, {}, properties, work);
    return describeUser(UserName, work);
  },

  async update(existing, properties, work) {
    const UserName = existing.physicalId;
    await setPath('User', existing, properties, work);
    await setBoundary('User', existing, properties, work);
    await setPolicies('User', UserName, existing.properties, properties, work);
    await setGroups(UserName, existing.properties, properties, work);
    await setIamTags('User', { UserName }, existing.properties.Tags, properties.Tags, work);
    return describeUser(UserName, work);
  },

  async delete({ physicalId: UserName, properties }, work) {
    await ignoreMissing(() => setPolicies('User', UserName, properties, {}, work));
    await ignoreMissing(() => setGroups(UserName, properties, {}, work));
    await ignoreMissing(() => deleteKeys(UserName, work));
    await ignoreMissing(() => work.call('iam', 'DeleteUser', { UserName }));
  },
};

async function describeUser(UserName: string, work: Reading): Promise<Made> {
  const { User } = await work.call('iam', 'GetUser', { UserName });
  return { physicalId: UserName, attributes: { Arn: User.Arn } };
}

/** Keys that were made by hand would hold the user; AWS takes them away too. */
async function deleteKeys(UserName: string, work: Work): Promise<void> {
  const { AccessKeyMetadata } = await work.call('iam', 'ListAccessKeys', { UserName });
  for (const { AccessKeyId } of AccessKeyMetadata) {
    await ignoreMissing(() => work.call('iam', 'DeleteAccessKey', { UserName, AccessKeyId }));
  }
}

async function setGroups(UserName: string, before: JsonObject, after: JsonObject, work: Work): Promise<void> {
  await setMembers(
    (before.Groups ?? []) as readonly string[],
    (after.Groups ?? []) as readonly string[],
    (GroupName) => ({ GroupName, UserName }),
    work,
  );
}

/** Adds who is new and removes who is gone. */
async function setMembers(
  before: readonly string[],
  after: readonly string[],
  pairOf: (name: string) => { readonly GroupName: string; readonly UserName: string },
  work: Work,
): Promise<void> {
  for (const name of after.filter((one) => !before.includes(one))) {
    await work.call('iam', 'AddUserToGroup', pairOf(name));
  }
  for (const name of before.filter((one) => !after.includes(one))) {
    await ignoreMissing(() => work.call('iam', 'RemoveUserFromGroup', pairOf(name)));
  }
}

async function setPath(
  kind: 'User' | 'Group',
  { physicalId, properties }: { readonly physicalId: string; readonly properties: JsonObject },
  after: JsonObject,
  work: Work,
): Promise<void> {
  if (sameJson(properties.Path, after.Path)) return;
  await work.call('iam', `Update${kind}`, { [`${kind}Name`]: physicalId, NewPath: after.Path ?? '/' });
}

const group: ResourceType = {
  properties: { GroupName: replaces('text'), Path: changes('text'), ...POLICIES },
  attributes: ['Arn'],
  naming: { property: 'GroupName', lengthMax: 128 },

  imports: { identifiers: ['GroupName'], find: ({ GroupName }, work) => describeGroup(GroupName!, work) },

  async create(properties, work) {
    const GroupName = work.name;
    await createOrAdopt(work, () => work.call('iam', 'CreateGroup', { GroupName, ...pick(properties, ['Path']) }));
    await work.made(GroupName);
    await setPolicies('Group', GroupName, {}, properties, work);
    return describeGroup(GroupName, work);
  },

  async update(existing, properties, work) {
    const GroupName = existing.physicalId;
    await setPath('Group', existing, properties, work);
    await setPolicies('Group', GroupName, existing.properties, properties, work);
    return describeGroup(GroupName, work);
  },

  async delete({ physicalId: GroupName, properties }, work) {
    await ignoreMissing(() => setPolicies('Group', GroupName, properties, {}, work));
    await ignoreMissing(() => work.call('iam', 'DeleteGroup', { GroupName }));
  },
};

async function describeGroup(GroupName: string, work: Reading): Promise<Made> {
  const { Group } = await work.call('iam', 'GetGroup', { GroupName });
  return { physicalId: GroupName, attributes: { Arn: Group.Arn } };
}

const userToGroupAddition: ResourceType = {
  properties: { GroupName: required(changes('text')), Users: required(changes({ list: 'text' })) },
  attributes: ['Id'],
  naming: { property: 'Id', lengthMax: 128 },

  async create(properties, work) {
    await work.made(work.name);
    await setMembers([], usersOf(properties), pairWith(properties), work);
    return { physicalId: work.name, attributes: { Id: work.name } };
  },

  async update(existing, properties, work) {
    const moved = existing.properties.GroupName !== properties.GroupName;
    const before = usersOf(existing.properties);
    await setMembers(moved ? [] : before, usersOf(properties), pairWith(properties), work);
    if (moved) await setMembers(before, [], pairWith(existing.properties), work);
    return existing;
  },

  async delete({ properties }, work) {
    await setMembers(usersOf(properties), [], pairWith(properties), work);
  },
};

const usersOf = ({ Users }: JsonObject) => (Users ?? []) as readonly string[];
const pairWith =
  ({ GroupName }: JsonObject) =>
  (UserName: string) => ({ GroupName: String(GroupName), UserName });

const accessKey: ResourceType = {
  properties: { UserName: required(replaces('text')), Status: changes('text'), Serial: replaces('number') },
  attributes: ['Id', 'SecretAccessKey'],

  async create(properties, work) {
    const { UserName } = properties;
    const { AccessKey } = await work.call('iam', 'CreateAccessKey', { UserName });
    const { AccessKeyId, SecretAccessKey } = AccessKey;
    await work.made(AccessKeyId);
    if (properties.Status === 'Inactive') {
      await work.call('iam', 'UpdateAccessKey', { UserName, AccessKeyId, Status: 'Inactive' });
    }
    // Nobody can read the secret again: the stack keeps what Fn::GetAtt gives.
    return { physicalId: AccessKeyId, attributes: { Id: AccessKeyId, SecretAccessKey } };
  },

  async update(existing, { UserName, Status = 'Active' }, work) {
    await work.call('iam', 'UpdateAccessKey', { UserName, AccessKeyId: existing.physicalId, Status });
    return existing;
  },

  async delete({ physicalId: AccessKeyId, properties: { UserName } }, work) {
    await ignoreMissing(() => work.call('iam', 'DeleteAccessKey', { UserName, AccessKeyId }));
  },
};

/** One inline policy as a resource of its own. */
function inlinePolicy(kind: Holder): ResourceType {
  const nameMember = `${kind}Name`;
  const physicalIdOf = (properties: JsonObject) => `${properties.PolicyName}|${properties[nameMember]}`;
  const put = async (properties: JsonObject, work: Work) => {
    const PolicyName = String(properties.PolicyName);
    const PolicyDocument = documentOf(properties.PolicyDocument ?? null);
    await putInlinePolicy(kind, String(properties[nameMember]), { PolicyName, PolicyDocument }, work);
  };
  return {
    properties: {
      [nameMember]: required(replaces('text')),
      PolicyName: required(replaces('text')),
      PolicyDocument: changes('any'),
    },
    attributes: [],
    imports: {
      identifiers: ['PolicyName', nameMember],
      async find(named, work) {
        await work.call('iam', `Get${kind}Policy`, named);
        return { physicalId: physicalIdOf(named), attributes: {} };
      },
    },

    async create(properties, work) {
      const physicalId = physicalIdOf(properties);
      await put(properties, work);
      await work.made(physicalId);
      return { physicalId, attributes: {} };
    },

    async update(existing, properties, work) {
      await put(properties, work);
      return existing;
    },

    async delete({ properties }, work) {
      const input = pick(properties, [nameMember, 'PolicyName']);
      await ignoreMissing(() => work.call('iam', `Delete${kind}Policy`, input));
    },
  };
}

export const IAM_IDENTITY_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::IAM::AccessKey': accessKey,
  'AWS::IAM::Group': group,
  'AWS::IAM::GroupPolicy': inlinePolicy('Group'),
  'AWS::IAM::RolePolicy': inlinePolicy('Role'),
  'AWS::IAM::User': user,
  'AWS::IAM::UserPolicy': inlinePolicy('User'),
  'AWS::IAM::UserToGroupAddition': userToGroupAddition,
};
