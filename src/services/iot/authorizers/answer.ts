import { messageOf } from '../../../base/index.ts';
import { IOT_LIMITS } from '../limits.ts';
import { parsePolicyDocument } from '../policies/document.ts';
import type { EffectivePolicy } from '../policies/evaluate.ts';

/** What an authorizer's function has said of a client. */
export type AuthorizerAnswer =
  | { readonly kind: 'denied' }
  /** It has answered what no authorizer may answer. */
  | { readonly kind: 'invalid'; readonly reason: string }
  | AuthorizerGrant;

export interface AuthorizerGrant {
  readonly kind: 'granted';
  readonly principalId: string;
  /** As they were given, as text. */
  readonly documents: readonly string[];
  readonly policies: readonly EffectivePolicy[];
  readonly refreshAfterSeconds: number;
  readonly disconnectAfterSeconds: number;
}

/**
 * Reads the answer of an authorizer.
 *
 * @param via  ARN of the authorizer
 * @see AWS IoT developer guide, "Defining your Lambda function"
 */
export function readAnswer(value: unknown, via: string): AuthorizerAnswer {
  if (typeof value !== 'object' || value === null) return invalid('it is no object');
  const answer = value as Record<string, unknown>;
  if (answer.isAuthenticated !== true) {
    return answer.isAuthenticated === false ? { kind: 'denied' } : invalid('isAuthenticated is not a boolean');
  }
  const { principalId, policyDocuments } = answer;
  if (typeof principalId !== 'string' || !/^[a-zA-Z0-9]{1,128}$/.test(principalId)) {
    return invalid('principalId is not 1 to 128 letters and digits');
  }
  if (!Array.isArray(policyDocuments) || policyDocuments.length > IOT_LIMITS.authorizerPoliciesMax) {
    return invalid(`policyDocuments is not a list of at most ${IOT_LIMITS.authorizerPoliciesMax}`);
  }
  const refreshAfterSeconds = secondsOf(answer.refreshAfterInSeconds);
  const disconnectAfterSeconds = secondsOf(answer.disconnectAfterInSeconds);
  if (refreshAfterSeconds === undefined || disconnectAfterSeconds === undefined) {
    return invalid('refreshAfterInSeconds and disconnectAfterInSeconds are not whole numbers from 300 to 86400');
  }
  const documents = policyDocuments.map((one: unknown) => (typeof one === 'string' ? one : JSON.stringify(one)));
  try {
    const policies = documents.map((text, index) => {
      return { name: `policyDocuments[${index}]`, via, document: parsePolicyDocument(text) };
    });
    return { kind: 'granted', principalId, documents, policies, refreshAfterSeconds, disconnectAfterSeconds };
  } catch (error) {
    return invalid(messageOf(error));
  }
}

/** A day where the function does not say. */
function secondsOf(value: unknown): number | undefined {
  const { authorizerSecondsMin: least, authorizerSecondsMax: most } = IOT_LIMITS;
  if (value === undefined) return most;
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most
    ? (value as number)
    : undefined;
}

function invalid(reason: string): AuthorizerAnswer {
  return { kind: 'invalid', reason };
}
