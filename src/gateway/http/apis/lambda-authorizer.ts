/* What functions that authorize have answered. */
import { isObject } from '../response.ts';

/** A function's answer about a caller. */
export type AuthorizerAnswer =
  /** `{isAuthorized, context}`: for whatever route asks with the same identity. */
  | { readonly kind: 'simple'; readonly isAuthorized: boolean; readonly context: Readonly<Record<string, unknown>> }
  /** A policy, which is asked for each route anew. */
  | {
      readonly kind: 'policy';
      readonly principalId: string;
      readonly policy: string;
      readonly context: Readonly<Record<string, unknown>>;
      /** Key that an API's usage plans count by. */
      readonly usageKey?: string;
    };

/** The function has answered something that decides nothing. */
export class AuthorizerMalformed extends Error {}

/**
 * Reads an answer.
 * @param simple  it may be simple; a policy is understood all the same
 * @throws AuthorizerMalformed
 */
export function authorizerAnswer(payload: Uint8Array, simple: boolean): AuthorizerAnswer {
  const value = parsed(payload);
  if (!isObject(value)) throw new AuthorizerMalformed('it is no object');
  const context = contextOf(value.context);
  if (simple && typeof value.isAuthorized === 'boolean') {
    return { kind: 'simple', isAuthorized: value.isAuthorized, context };
  }
  const { principalId, policyDocument, usageIdentifierKey } = value;
  if (typeof principalId !== 'string' || principalId === '') throw new AuthorizerMalformed('it has no principalId');
  if (!isObject(policyDocument)) throw new AuthorizerMalformed('it has no policyDocument');
  return {
    ...{ kind: 'policy', principalId, context, policy: JSON.stringify(policyDocument) },
    ...(typeof usageIdentifierKey === 'string' && { usageKey: usageIdentifierKey }),
  };
}

function parsed(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString());
  } catch {
    throw new AuthorizerMalformed('it is no JSON');
  }
}

function contextOf(context: unknown): Readonly<Record<string, unknown>> {
  if (context === undefined || context === null) return {};
  if (!isObject(context)) throw new AuthorizerMalformed('its context is no object');
  return context;
}
