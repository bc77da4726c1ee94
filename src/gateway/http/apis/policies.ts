/* Policies of authorizers and of APIs. */
import type { ApiCall } from './call.ts';

export const INVOKE = 'execute-api:Invoke';

/** - `denied`: a statement says so; - `none`: no statement allows it. */
export type PolicyVerdict = 'allowed' | 'denied' | 'none';

/** What conditions of policies may ask about a request, beside who it is from. */
export interface CallFacts {
  readonly region: string;
  readonly sourceIp: string;
  readonly userAgent: string | undefined;
  readonly referer: string | undefined;
}

export function factsOf({ arrival }: ApiCall, region: string): CallFacts {
  const { 'user-agent': userAgent, referer } = arrival.request.headers;
  return { region, sourceIp: arrival.sourceIp, userAgent, referer };
}

/** The policy of an API, with the short form of its ARNs written out: `execute-api:/stage/GET/path`. */
export function wholePolicy(policy: string, { apiId, accountId }: ApiCall, region: string): string {
  return policy.replaceAll('"execute-api:/', `"arn:aws:execute-api:${region}:${accountId}:${apiId}/`);
}
