import type { Operation } from '../../index.ts';
import type { Tags } from '../entities.ts';
import { changeHolder, holder } from '../holders.ts';
import { changeInstanceProfile, instanceProfile } from '../instance-profiles.ts';
import { changeOidcProvider, oidcProviderByArn } from '../oidc-providers.ts';
import { changePolicy, managedPolicy } from '../policies.ts';
import type { IamState } from '../state.ts';
import { type Tag, toTags, withoutTags, withTags } from '../tags.ts';
import { page } from './pages.ts';

/** How one kind of entity is tagged. */
interface Taggable {
  /** Member of the input that names it. */
  readonly member: string;
  tags(name: string): Tags;
  change(name: string, decide: (found: { readonly tags: Tags }) => { readonly tags: Tags }): Promise<void>;
}

/** Tags of users, roles, policies, instance profiles and providers. */
export function tagOperations(state: IamState): Record<string, Operation> {
  const kinds: Readonly<Record<string, Taggable>> = {
    User: {
      member: 'UserName',
      tags: (name) => holder(state, 'User', name).tags,
      change: (name, decide) => changeHolder(state, 'User', name, decide),
    },
    Role: {
      member: 'RoleName',
      tags: (name) => holder(state, 'Role', name).tags,
      change: (name, decide) => changeHolder(state, 'Role', name, decide),
    },
    Policy: {
      member: 'PolicyArn',
      tags: (arn) => {
        const policy = managedPolicy(state, arn);
        return 'tags' in policy ? policy.tags : {};
      },
      change: (arn, decide) => changePolicy(state, arn, (policy) => ({ changed: decide(policy), result: undefined })),
    },
    InstanceProfile: {
      member: 'InstanceProfileName',
      tags: (name) => instanceProfile(state, name).tags,
      change: (name, decide) => changeInstanceProfile(state, name, decide),
    },
    OpenIDConnectProvider: {
      member: 'OpenIDConnectProviderArn',
      tags: (arn) => oidcProviderByArn(state, arn).tags,
      change: (arn, decide) => changeOidcProvider(state, arn, decide),
    },
  };
  return Object.assign({}, ...Object.entries(kinds).map(([kind, taggable]) => operationsOf(kind, taggable)));
}

function operationsOf(kind: string, { member, tags, change }: Taggable): Record<string, Operation> {
  return {
    [`Tag${kind}`]: (input: Input) =>
      change(input[member] as string, (found) => ({ tags: withTags(found.tags, input.Tags) })),
    [`Untag${kind}`]: (input: Input) =>
      change(input[member] as string, (found) => ({ tags: withoutTags(found.tags, input.TagKeys!) })),
    [`List${kind}Tags`]: (input: Input) => {
      const { items, rest } = page(toTags(tags(input[member] as string)), ({ Key }) => Key, input);
      return { Tags: items, ...rest };
    },
  };
}

interface Input {
  readonly [member: string]: unknown;
  readonly Tags?: readonly Tag[];
  readonly TagKeys?: readonly string[];
  readonly Marker?: string;
  readonly MaxItems?: number;
}
