/** iam: roles with their policies, users with their keys. Who may do what is decided elsewhere, by what is kept here. */
import type { AccessKey, Credentials, Service } from '../index.ts';
import type { Role } from './entities.ts';
import { IAM_ANSWERS } from './errors.ts';
import { type IamDependencies, Identities } from './iam.ts';
import { rolePolicyOperations } from './operations/role-policies.ts';
import { roleOperations } from './operations/roles.ts';
import { userOperations } from './operations/users.ts';

export { Authority } from './authority.ts';
export { newSecret, type Role, type User, uniqueId } from './entities.ts';
export type { IamErrorCode } from './errors.ts';
export type { IamDependencies } from './iam.ts';
export { IAM_LIMITS } from './limits.ts';

export interface Iam extends AsyncDisposable, Credentials {
  readonly service: Service;
  /** Grows with every change of users, groups, roles and policies. */
  readonly generation: number;
  /** What decides about the calls of a role; `undefined` when there is none of that ARN. */
  policiesOf(principalArn: string):
    | {
        readonly id: string;
        readonly name: string;
        readonly tags: Readonly<Record<string, string>>;
        readonly identity: readonly { readonly text: string }[];
      }
    | undefined;
  /** The role of an ARN, for whoever takes one on; `undefined` when there is none. */
  roleByArn(arn: string): Role | undefined;
  /** The stable id of a user, by its ARN. */
  userIdByArn(arn: string): string | undefined;
}

/** Reads the identities from the records store. */
export async function openIam(dependencies: IamDependencies): Promise<Iam> {
  const identities = await Identities.open(dependencies);
  return {
    service: { name: 'iam', errors: IAM_ANSWERS, operations: iamOperations(identities) },
    secretFor: (accessKeyId: string): AccessKey | undefined => identities.secretFor(accessKeyId),
    generation: Number.NaN,
    policiesOf: (arn) => {
      const role = identities.roleByArn(arn);
      return role && { ...role, identity: Object.values(role.inlinePolicies).map((text) => ({ text })) };
    },
    roleByArn: (arn) => identities.roleByArn(arn),
    userIdByArn: (arn) => identities.users().find((user) => user.arn === arn)?.id,
    // Everything is durable when its call resolves; the store is its opener's to close.
    async [Symbol.asyncDispose]() {},
  };
}

function iamOperations(identities: Identities): Service['operations'] {
  return { ...roleOperations(identities), ...rolePolicyOperations(identities), ...userOperations(identities) };
}
