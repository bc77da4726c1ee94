/** iam: users, groups, roles and policies. What a caller may do is decided by what is kept here, in `evaluation/`. */
import type { AccessKey, Credentials, Service } from '../index.ts';
import type { OidcProvider, Role } from './entities.ts';
import { IAM_ANSWERS } from './errors.ts';
import { lazyOperations, lazyPermissions } from './lazy.ts';
import {
  managedText,
  oidcProvider,
  type PrincipalPolicies,
  policiesOf,
  roleByArn,
  secretFor,
  userByArn,
} from './principals.ts';
import { type IamDependencies, IamState } from './state.ts';

export { Authority } from './authority.ts';
export { newSecret, type OidcProvider, type Role, type User, uniqueId } from './entities.ts';
export type { IamErrorCode } from './errors.ts';
export type { Denial, RequestFacts, Verdict } from './evaluation/index.ts';
export { IAM_LIMITS } from './limits.ts';
export type { PolicyText, PrincipalPolicies } from './principals.ts';
export type { IamDependencies } from './state.ts';

export interface Iam extends AsyncDisposable, Credentials {
  readonly service: Service;
  /** Grows with every change of users, groups, roles and policies: what was derived from them is to be derived again. */
  readonly generation: number;
  /** Has the listener told of every such change, and of those of access keys, until the result is called. */
  onChange(listener: () => void): () => void;
  /** What decides about the calls of a user, a role or a session of one; `undefined` when there is none of that ARN. */
  policiesOf(principalArn: string): PrincipalPolicies | undefined;
  /** JSON text of a managed policy's default version, AWS's own among them; `undefined` for one that is not known. */
  managedPolicy(arn: string): string | undefined;
  /** A provider by its URL without `https://`. */
  oidcProvider(url: string): OidcProvider | undefined;
  /** The role of an ARN, for whoever takes one on; `undefined` when there is none. */
  roleByArn(arn: string): Role | undefined;
  /** The stable id of a user, by its ARN. */
  userIdByArn(arn: string): string | undefined;
}

/** Reads the identities from the records store. */
export async function openIam(dependencies: IamDependencies): Promise<Iam> {
  const state = await IamState.open(dependencies);
  return {
    service: {
      name: 'iam',
      errors: IAM_ANSWERS,
      operations: lazyOperations(state),
      permissions: lazyPermissions(state),
    },
    get generation() {
      return state.generation;
    },
    onChange: (listener) => state.onChange(listener),
    secretFor: (accessKeyId: string): AccessKey | undefined => secretFor(state, accessKeyId),
    policiesOf: (principalArn) => policiesOf(state, principalArn),
    managedPolicy: (arn) => managedText(state, arn)?.text,
    oidcProvider: (url) => oidcProvider(state, url),
    roleByArn: (arn) => roleByArn(state, arn),
    userIdByArn: (arn) => userByArn(state, arn)?.id,
    // Everything is durable when its call resolves; the store is its opener's to close.
    async [Symbol.asyncDispose]() {},
  };
}
