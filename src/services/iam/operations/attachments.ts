import type { Operation } from '../../index.ts';
import { iamError } from '../errors.ts';
import { changePolicies, checkInlineSize, type HolderKind, holder, withAttached } from '../holders.ts';
import { checkAttachable, checkBoundary } from '../policies.ts';
import { checkIdentityPolicy } from '../policy-document.ts';
import type { IamState } from '../state.ts';
import { page } from './pages.ts';
import { encodeDocument, toAttached } from './shapes.ts';

/** What hangs on users, groups and roles: inline policies, managed policies, boundaries. */
export function attachmentOperations(state: IamState): Record<string, Operation> {
  return {
    ...inlineOperations(state, 'User'),
    ...inlineOperations(state, 'Group'),
    ...inlineOperations(state, 'Role'),
    ...managedOperations(state, 'User'),
    ...managedOperations(state, 'Group'),
    ...managedOperations(state, 'Role'),
    ...boundaryOperations(state, 'User'),
    ...boundaryOperations(state, 'Role'),
  };
}

function inlineOperations(state: IamState, kind: HolderKind): Record<string, Operation> {
  const nameMember = `${kind}Name`;
  const find = (policies: Readonly<Record<string, string>> | undefined, policy: string): string => {
    if (policies && Object.hasOwn(policies, policy)) return policies[policy]!;
    throw iamError('no-such-entity', `The ${kind.toLowerCase()} policy with name ${policy} cannot be found.`);
  };
  return {
    [`Put${kind}Policy`]: ({ [nameMember]: name, PolicyName, PolicyDocument }) => {
      checkIdentityPolicy(PolicyDocument);
      return changePolicies(state, kind, name, (found) => {
        const inlinePolicies = { ...found.inlinePolicies, [PolicyName]: PolicyDocument };
        checkInlineSize(kind, name, inlinePolicies);
        return { inlinePolicies };
      });
    },
    [`Get${kind}Policy`]: ({ [nameMember]: name, PolicyName }) => {
      const document = find(holder(state, kind, name).inlinePolicies, PolicyName);
      return { [nameMember]: name, PolicyName, PolicyDocument: encodeDocument(document) };
    },
    [`Delete${kind}Policy`]: ({ [nameMember]: name, PolicyName }) =>
      changePolicies(state, kind, name, (found) => {
        find(found.inlinePolicies, PolicyName);
        const { [PolicyName]: _, ...inlinePolicies } = found.inlinePolicies!;
        return { inlinePolicies };
      }),
    [`List${kind}Policies`]: (input) => {
      const names = Object.keys(holder(state, kind, input[nameMember]).inlinePolicies ?? {});
      const { items, rest } = page(names, (name) => name, input);
      return { PolicyNames: items, ...rest };
    },
  };
}

function managedOperations(state: IamState, kind: HolderKind): Record<string, Operation> {
  const nameMember = `${kind}Name`;
  return {
    [`Attach${kind}Policy`]: ({ [nameMember]: name, PolicyArn }) =>
      changePolicies(state, kind, name, (found) => {
        checkAttachable(state, PolicyArn, found.arn);
        return { attachedPolicies: withAttached(kind, found, PolicyArn) };
      }),
    [`Detach${kind}Policy`]: ({ [nameMember]: name, PolicyArn }) =>
      changePolicies(state, kind, name, ({ attachedPolicies = [] }) => {
        if (!attachedPolicies.includes(PolicyArn)) {
          throw iamError('no-such-entity', `Policy ${PolicyArn} was not found.`);
        }
        return { attachedPolicies: attachedPolicies.filter((arn) => arn !== PolicyArn) };
      }),
    [`ListAttached${kind}Policies`]: (input) => {
      const attached = toAttached(holder(state, kind, input[nameMember]));
      const shown = attached.filter(({ PolicyArn }) => pathOf(PolicyArn).startsWith(input.PathPrefix ?? '/'));
      const { items, rest } = page(shown, ({ PolicyArn }) => PolicyArn, input);
      return { AttachedPolicies: items, ...rest };
    },
  };
}

function boundaryOperations(state: IamState, kind: 'User' | 'Role'): Record<string, Operation> {
  const nameMember = `${kind}Name`;
  return {
    [`Put${kind}PermissionsBoundary`]: ({ [nameMember]: name, PermissionsBoundary }) =>
      changePolicies(state, kind, name, (found) => {
        checkBoundary(state, PermissionsBoundary, found.arn);
        return { boundary: PermissionsBoundary };
      }),
    [`Delete${kind}PermissionsBoundary`]: ({ [nameMember]: name }) =>
      changePolicies(state, kind, name, ({ boundary }) => {
        if (boundary !== undefined) return { boundary: undefined };
        const what = `The ${kind.toLowerCase()} with name ${name} does not have a permissions boundary.`;
        throw iamError('no-such-entity', what);
      }),
  };
}

/** The path in a policy's ARN. */
function pathOf(policyArn: string): string {
  const resource = policyArn.slice(policyArn.indexOf(':policy/') + ':policy'.length);
  return resource.slice(0, resource.lastIndexOf('/') + 1);
}
