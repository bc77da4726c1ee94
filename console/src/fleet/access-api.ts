/** Why a device may or may not do something: docs/device-policies.md. */
import { ask } from '../api.ts';

export const ACTIONS = ['Publish', 'Subscribe', 'Receive', 'Connect', 'RetainPublish'] as const;
export type Action = (typeof ACTIONS)[number];

export interface Finding {
  readonly policy: string;
  readonly via: string;
  /** 1 is the first. */
  readonly statement: number;
  readonly sid?: string;
  readonly effect: 'Allow' | 'Deny';
  readonly applies: boolean;
  readonly because: string;
}

export interface Explanation {
  readonly action: string;
  readonly resource: string;
  readonly verdict: 'ALLOWED' | 'EXPLICIT_DENY' | 'IMPLICIT_DENY';
  readonly because: string;
  readonly findings: readonly Finding[];
}

export interface Refusal {
  readonly lastAt: number;
  readonly count: number;
  readonly action: string;
  readonly name: string;
  readonly because: string;
}

export async function listRefusals(clientId: string, signal: AbortSignal): Promise<readonly Refusal[]> {
  const query = new URLSearchParams({ client: clientId, limit: '20' });
  const answer = await ask(`/_millrace/access/refusals?${query}`, { signal });
  return (answer as { readonly refusals: readonly Refusal[] }).refusals;
}

/** By its principal where it has one, else by the client's last connection. */
export function explainAccess(
  who: { readonly principal: string } | { readonly client: string },
  action: Action,
  name: string,
  signal: AbortSignal,
): Promise<Explanation> {
  return ask('/_millrace/access/explain', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...who, action, name }),
    signal,
  }) as Promise<Explanation>;
}
