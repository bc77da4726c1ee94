/*
 * Who is meant by the `Principal` of a policy. How a statement names somebody decides what else limits them:
 * see IAM user guide, "Policy evaluation for requests within a single account".
 */
import { ACCOUNT_ID } from '../../../base/index.ts';
import { isText } from './texts.ts';

/** Who asks, under all the names that policies may have for them. */
export type Requester =
  | { readonly kind: 'account'; readonly accountId: string }
  | { readonly kind: 'user'; readonly accountId: string; readonly arn: string; readonly id: string | undefined }
  | {
      readonly kind: 'role-session';
      readonly accountId: string;
      /** `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION` */
      readonly arn: string;
      readonly roleArn: string;
      /** `AROA...`, without the name of the session. */
      readonly roleId: string | undefined;
    }
  | { readonly kind: 'federated-user'; readonly accountId: string; readonly arn: string }
  /** Somebody who shows a token of an identity provider, by the provider's ARN. */
  | { readonly kind: 'web-identity'; readonly provider: string }
  | { readonly kind: 'service'; readonly service: string }
  | { readonly kind: 'anonymous' };

/**
 * How a statement means a requester:
 * - `direct`: by the name that they have in this session, or as anybody;
 * - `role`: by the role that they have taken on, so that what limits the session limits this too;
 * - `account`: by the account, which then says by its own policies who of it is meant.
 */
export type Naming = 'none' | 'account' | 'role' | 'direct';

export interface PrincipalElement {
  readonly isNot: boolean;
  /** Anybody, whether they have signed or not. */
  readonly anybody: boolean;
  readonly aws: ReadonlySet<string>;
  readonly services: ReadonlySet<string>;
  readonly federated: ReadonlySet<string>;
}

const KINDS = ['AWS', 'Service', 'Federated', 'CanonicalUser'];

/** @throws SyntaxError  neither `*` nor names by kind */
export function parsePrincipal(statement: Record<string, unknown>, where: string): PrincipalElement {
  const { Principal, NotPrincipal } = statement;
  const isNot = NotPrincipal !== undefined;
  if (isNot === (Principal !== undefined)) throw new SyntaxError(`${where} has either Principal or NotPrincipal`);
  const value = isNot ? NotPrincipal : Principal;
  if (value === '*') return { isNot, anybody: true, aws: NONE, services: NONE, federated: NONE };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SyntaxError(`${where}: Principal is * or an object of names by kind`);
  }
  const names = value as Record<string, unknown>;
  for (const kind in names) if (!KINDS.includes(kind)) throw new SyntaxError(`${where}: ${kind} is no principal`);
  const aws = namesOf(names.AWS, where);
  return {
    isNot,
    anybody: aws.has('*'),
    aws,
    services: namesOf(names.Service, where),
    federated: namesOf(names.Federated, where),
  };
}

const NONE: ReadonlySet<string> = new Set();

function namesOf(value: unknown, where: string): ReadonlySet<string> {
  if (value === undefined) return NONE;
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (!list.every(isText)) throw new SyntaxError(`${where}: a principal is a text or a list of texts`);
  return new Set(list);
}

/** Whether, and how, a statement is about a requester. */
export function namingOf(element: PrincipalElement, requester: Requester, effect: 'Allow' | 'Deny'): Naming {
  const naming = element.anybody ? 'direct' : namedIn(element, requester);
  if (!element.isNot) return naming;
  // Whoever is left out of a Deny must be named themselves: their account alone does not stand for them.
  const isLeftOut = effect === 'Deny' ? naming === 'direct' || naming === 'role' : naming !== 'none';
  return isLeftOut ? 'none' : 'direct';
}

function namedIn({ aws, services, federated }: PrincipalElement, requester: Requester): Naming {
  switch (requester.kind) {
    case 'anonymous':
      return 'none';
    case 'service':
      return services.has(requester.service) ? 'direct' : 'none';
    case 'web-identity':
      return federated.has(requester.provider) ? 'direct' : 'none';
    case 'account':
      return namesAccount(aws, requester.accountId) ? 'direct' : 'none';
    case 'user':
      if (aws.has(requester.arn) || (requester.id !== undefined && aws.has(requester.id))) return 'direct';
      break;
    case 'federated-user':
      if (aws.has(requester.arn)) return 'direct';
      break;
    case 'role-session':
      if (aws.has(requester.arn)) return 'direct';
      if (aws.has(requester.roleArn) || (requester.roleId !== undefined && aws.has(requester.roleId))) return 'role';
  }
  return namesAccount(aws, requester.accountId) ? 'account' : 'none';
}

/** Templates that were written for another account mean this one, which has no number of its own choosing. */
function namesAccount(aws: ReadonlySet<string>, accountId: string = ACCOUNT_ID): boolean {
  return aws.has(accountId) || aws.has(`arn:aws:iam::${accountId}:root`);
}
