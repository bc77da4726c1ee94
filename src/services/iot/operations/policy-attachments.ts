import type { Operation } from '../../index.ts';
import type { ThingDirectory } from '../access/ports.ts';
import { IotError } from '../errors.ts';
import { markedPage } from '../pagination.ts';
import type { Policies } from '../policies/policies.ts';
import { listItem, type Marked } from './policies.ts';

interface Attachment {
  readonly policyName: string;
  readonly target: string;
}

interface PrincipalAttachment {
  readonly policyName: string;
  readonly principal: string;
}

/** AttachPolicy and its family, and the generation before it, which knew certificates only. */
/** @param isKnown  false for a certificate that does not exist */
export function policyAttachmentOperations(
  policies: Policies,
  things: ThingDirectory,
  isKnown: (principal: string) => boolean,
) {
  const attach = async (policyName: string, target: string) => {
    if (!isKnown(checkedTarget(target))) {
      throw new IotError('resource-not-found', `There is no certificate ${target}.`);
    }
    await policies.attach(policyName, target);
    return {};
  };
  const detach = async (policyName: string, target: string) => {
    await policies.detach(policyName, checkedTarget(target));
    return {};
  };
  return {
    AttachPolicy: ({ policyName, target }: Attachment) => attach(policyName, target),
    DetachPolicy: ({ policyName, target }: Attachment) => detach(policyName, target),
    AttachPrincipalPolicy: ({ policyName, principal }: PrincipalAttachment) => attach(policyName, principal),
    DetachPrincipalPolicy: ({ policyName, principal }: PrincipalAttachment) => {
      policies.get(policyName);
      return detach(policyName, principal);
    },
    ListAttachedPolicies: ({
      target,
      recursive = false,
      ...page
    }: { target: string; recursive?: boolean } & Omit<Marked, 'ascendingOrder'>) => {
      const groups = recursive ? things.ofPrincipal(target).flatMap(({ groupArns }) => groupArns) : [];
      const names = policies.effective([checkedTarget(target), ...groups]).map(({ name }) => name);
      const { items, nextMarker } = markedPage(names.sort(), (name) => name, page);
      const found = items.map((name) => listItem(policies.get(name)));
      return { policies: found, ...(nextMarker !== undefined && { nextMarker }) };
    },
    ListTargetsForPolicy: ({ policyName, ...page }: { policyName: string } & Omit<Marked, 'ascendingOrder'>) => {
      const { items, nextMarker } = markedPage(policies.targetsOf(policyName), (target) => target, page);
      return { targets: items, ...(nextMarker !== undefined && { nextMarker }) };
    },
    ListPolicyPrincipals: ({ policyName, ascendingOrder = false, ...page }: { policyName: string } & Marked) => {
      const principals = policies.targetsOf(policyName).filter((target) => !target.includes(':thinggroup/'));
      const { items, nextMarker } = markedPage(principals, (target) => target, { ...page, ascendingOrder });
      return { principals: items, ...(nextMarker !== undefined && { nextMarker }) };
    },
    ListPrincipalPolicies: ({ principal, ascendingOrder = false, ...page }: { principal: string } & Marked) => {
      const attached = policies.attachedTo(checkedTarget(principal));
      const { items, nextMarker } = markedPage(attached, ({ name }) => name, { ...page, ascendingOrder });
      return { policies: items.map(listItem), ...(nextMarker !== undefined && { nextMarker }) };
    },
  } satisfies Record<string, Operation>;
}

/** @throws IotError request-invalid  nothing that a policy could count for */
function checkedTarget(target: string): string {
  if (/^arn:aws[a-z-]*:iot:[a-z0-9-]+:\d{12}:(cert|thinggroup|user|tokens|token)\/.+$/s.test(target)) return target;
  const isCognito = /^[a-z0-9-]+:[0-9a-f-]{36}$/.test(target);
  const message = isCognito
    ? 'Amazon Cognito identities are not served here; attach the policy to a certificate, user or thing group.'
    : `${target} is not the ARN of a certificate, user, token issuer or thing group.`;
  throw new IotError('request-invalid', message);
}
