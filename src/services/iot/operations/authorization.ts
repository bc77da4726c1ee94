import type { Operation } from '../../index.ts';
import type { Inquiry } from '../access/inquiry.ts';
import { IotError } from '../errors.ts';
import type { DeviceAction } from '../policies/document.ts';
import type { EffectivePolicy } from '../policies/evaluate.ts';
import type { Explanation, StatementFinding } from '../policies/explain.ts';
import type { Policies } from '../policies/policies.ts';
import { listItem } from './policies.ts';

interface AuthInfo {
  readonly actionType?: 'PUBLISH' | 'SUBSCRIBE' | 'RECEIVE' | 'CONNECT';
  readonly resources: readonly string[];
}

interface TestInput {
  readonly principal?: string;
  readonly cognitoIdentityPoolId?: string;
  readonly authInfos: readonly AuthInfo[];
  readonly clientId?: string;
  readonly policyNamesToAdd?: readonly string[];
  readonly policyNamesToSkip?: readonly string[];
}

const ACTIONS: Readonly<Record<NonNullable<AuthInfo['actionType']>, DeviceAction>> = {
  PUBLISH: 'Publish',
  SUBSCRIBE: 'Subscribe',
  RECEIVE: 'Receive',
  CONNECT: 'Connect',
};

/** GetEffectivePolicies and TestAuthorization: what a principal may do, without its being connected. */
export function authorizationOperations(policies: Policies, inquiry: Inquiry) {
  const described = (name: string) => listItem(policies.get(name));
  return {
    GetEffectivePolicies: (input: { principal?: string; thingName?: string; cognitoIdentityPoolId?: string }) => {
      refuseCognito(input);
      const found = inquiry.policiesOf(input.principal, input.thingName);
      const effectivePolicies = found.map(({ name }) => {
        const { document } = policies.version(name, policies.get(name).defaultVersionId);
        return { ...described(name), policyDocument: document };
      });
      return { effectivePolicies };
    },
    TestAuthorization: async (input: TestInput) => {
      refuseCognito(input);
      const { principal, clientId, authInfos, policyNamesToAdd = [], policyNamesToSkip = [] } = input;
      const own = inquiry.policiesOf(principal);
      const added = policyNamesToAdd.map(
        (name): EffectivePolicy => ({ name, via: 'policyNamesToAdd', document: policies.document(name) }),
      );
      const counting = [...own, ...added].filter(({ name }) => !policyNamesToSkip.includes(name));
      const context = await inquiry.contextOf({ principalArn: principal, ...(clientId !== undefined && { clientId }) });
      const test = (authInfo: AuthInfo) => {
        const action = ACTIONS[authInfo.actionType ?? 'PUBLISH'];
        const answers = authInfo.resources.map((resource) => inquiry.explain(counting, context, action, resource));
        return authResult(authInfo, answers, counting, described);
      };
      return { authResults: authInfos.map(test) };
    },
  } satisfies Record<string, Operation>;
}

/** Several resources are allowed only if each of them is. */
function authResult(
  authInfo: AuthInfo,
  answers: readonly Explanation[],
  counting: readonly EffectivePolicy[],
  described: (name: string) => object,
) {
  const findings = answers.flatMap((answer) => answer.findings);
  const named = (effect: 'Allow' | 'Deny') => {
    const names = findings.filter((one) => one.applies && one.effect === effect).map(({ policy }) => policy);
    return [...new Set(names)].map(described);
  };
  const isDenied = answers.some(({ verdict }) => verdict === 'EXPLICIT_DENY');
  const isAllowed = answers.every(({ verdict }) => verdict === 'ALLOWED');
  const implicit = isAllowed || isDenied ? [] : counting.map(({ name }) => described(name));
  return {
    authInfo,
    allowed: { policies: isAllowed ? named('Allow') : [] },
    denied: { implicitDeny: { policies: implicit }, explicitDeny: { policies: named('Deny') } },
    authDecision: isDenied ? 'EXPLICIT_DENY' : isAllowed ? 'ALLOWED' : 'IMPLICIT_DENY',
    missingContextValues: missing(findings),
  };
}

/** What statements about the action ask for and the request does not tell. */
function missing(findings: readonly StatementFinding[]): string[] {
  const names = findings
    .filter(({ actionMatches }) => actionMatches)
    .flatMap(({ resources, conditions }) => [
      ...resources.flatMap(({ unresolved }) => unresolved),
      ...conditions.filter(({ actual }) => actual === undefined).map(({ key }) => key),
    ]);
  return [...new Set(names)];
}

function refuseCognito({ cognitoIdentityPoolId }: { readonly cognitoIdentityPoolId?: string }): void {
  if (cognitoIdentityPoolId === undefined) return;
  throw new IotError('request-invalid', 'Amazon Cognito identities are not served here; name a principal instead.');
}
