import type { JsonObject } from '../template/value.ts';
import { sameJson } from '../template/value.ts';
import { setIamTags } from './iam.ts';
import { changes, pick, replaces, required, TAGS } from './properties.ts';
import {
  createOrAdopt,
  ignoreMissing,
  type Made,
  type Reading,
  type ResourceType,
  type Work,
} from './resource-type.ts';

const instanceProfile: ResourceType = {
  properties: {
    InstanceProfileName: replaces('text'),
    Path: replaces('text'),
    Roles: required(changes({ list: 'text' })),
  },
  attributes: ['Arn'],
  naming: { property: 'InstanceProfileName', lengthMax: 128 },

  imports: {
    identifiers: ['InstanceProfileName'],
    find: ({ InstanceProfileName }, work) => describeProfile(InstanceProfileName!, work),
  },

  async create(properties, work) {
    const InstanceProfileName = work.name;
    await createOrAdopt(work, () =>
      work.call('iam', 'CreateInstanceProfile', { InstanceProfileName, ...pick(properties, ['Path']) }),
    );
    await work.made(InstanceProfileName);
    await setRoles(InstanceProfileName, properties, work);
    return describeProfile(InstanceProfileName, work);
  },

  async update({ physicalId: InstanceProfileName }, properties, work) {
    await setRoles(InstanceProfileName, properties, work);
    return describeProfile(InstanceProfileName, work);
  },

  async delete({ physicalId: InstanceProfileName }, work) {
    await ignoreMissing(() => setRoles(InstanceProfileName, {}, work));
    await ignoreMissing(() => work.call('iam', 'DeleteInstanceProfile', { InstanceProfileName }));
  },
};

/** A profile holds one role: the old one goes before the new one comes. */
async function setRoles(InstanceProfileName: string, after: JsonObject, work: Work): Promise<void> {
  const roles = (after.Roles ?? []) as readonly string[];
  const { InstanceProfile } = await work.call('iam', 'GetInstanceProfile', { InstanceProfileName });
  const held = (InstanceProfile.Roles as { RoleName: string }[]).map(({ RoleName }) => RoleName);
  for (const RoleName of held.filter((name) => !roles.includes(name))) {
    await work.call('iam', 'RemoveRoleFromInstanceProfile', { InstanceProfileName, RoleName });
  }
  for (const RoleName of roles.filter((name) => !held.includes(name))) {
    await work.call('iam', 'AddRoleToInstanceProfile', { InstanceProfileName, RoleName });
  }
}

async function describeProfile(InstanceProfileName: string, work: Reading): Promise<Made> {
  const { InstanceProfile } = await work.call('iam', 'GetInstanceProfile', { InstanceProfileName });
  return { physicalId: InstanceProfileName, attributes: { Arn: InstanceProfile.Arn } };
}

const oidcProvider: ResourceType = {
  properties: {
    Url: replaces('text'),
    ClientIdList: changes({ list: 'text' }),
    ThumbprintList: changes({ list: 'text' }),
    Tags: TAGS,
  },
  attributes: ['Arn'],

  imports: {
    identifiers: ['Arn'],
    async find({ Arn }, work) {
      await work.call('iam', 'GetOpenIDConnectProvider', { OpenIDConnectProviderArn: Arn });
      return { physicalId: Arn!, attributes: { Arn: Arn! } };
    },
  },

  async create(properties, work) {
    const { Url, ClientIdList, ThumbprintList, Tags } = properties;
    const place = String(Url ?? '')
      .replace(/^https:\/\//, '')
      .replace(/\/$/, '');
    const arn = `arn:aws:iam::${work.identity.accountId}:oidc-provider/${place}`;
    await createOrAdopt(work, () =>
      work.call('iam', 'CreateOpenIDConnectProvider', { Url, ClientIDList: ClientIdList, ThumbprintList, Tags }),
    );
    await work.made(arn);
    return { physicalId: arn, attributes: { Arn: arn } };
  },

  async update(existing, properties, work) {
    const OpenIDConnectProviderArn = existing.physicalId;
    const named = { OpenIDConnectProviderArn };
    const listOf = ({ ClientIdList }: JsonObject) => (ClientIdList ?? []) as readonly string[];
    const [before, after] = [listOf(existing.properties), listOf(properties)];
    for (const ClientID of after.filter((id) => !before.includes(id))) {
      await work.call('iam', 'AddClientIDToOpenIDConnectProvider', { ...named, ClientID });
    }
    for (const ClientID of before.filter((id) => !after.includes(id))) {
      await work.call('iam', 'RemoveClientIDFromOpenIDConnectProvider', { ...named, ClientID });
    }
    if (!sameJson(existing.properties.ThumbprintList, properties.ThumbprintList)) {
      const ThumbprintList = properties.ThumbprintList ?? [];
      await work.call('iam', 'UpdateOpenIDConnectProviderThumbprint', { ...named, ThumbprintList });
    }
    await setIamTags('OpenIDConnectProvider', named, existing.properties.Tags, properties.Tags, work);
    return existing;
  },

  async delete({ physicalId: OpenIDConnectProviderArn }, work) {
    await work.call('iam', 'DeleteOpenIDConnectProvider', { OpenIDConnectProviderArn });
  },
};

const serviceLinkedRole: ResourceType = {
  properties: { AWSServiceName: replaces('text'), CustomSuffix: replaces('text'), Description: changes('text') },
  attributes: ['RoleName'],

  imports: {
    identifiers: ['RoleName'],
    async find({ RoleName }, work) {
      await work.call('iam', 'GetRole', { RoleName });
      return { physicalId: RoleName!, attributes: { RoleName: RoleName! } };
    },
  },

  async create(properties, work) {
    const { Role } = await work.call('iam', 'CreateServiceLinkedRole', properties);
    await work.made(Role.RoleName);
    return { physicalId: Role.RoleName, attributes: { RoleName: Role.RoleName } };
  },

  async update(existing, { Description = '' }, work) {
    await work.call('iam', 'UpdateRole', { RoleName: existing.physicalId, Description });
    return existing;
  },

  async delete({ physicalId: RoleName }, work) {
    await ignoreMissing(() => work.call('iam', 'DeleteServiceLinkedRole', { RoleName }));
  },
};

export const IAM_ROLE_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::IAM::InstanceProfile': instanceProfile,
  'AWS::IAM::OIDCProvider': oidcProvider,
  'AWS::IAM::ServiceLinkedRole': serviceLinkedRole,
};
