import { type SignedCall, signed } from '../aws.ts';
import { type Attempt, hasBody, named } from './attempt.ts';
import type { Api } from './model.ts';

export interface Reply {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
  /** From sending to the last byte. */
  readonly ms: number;
}

/**
 * Sends it, by the API's path on this node: a page may not call other hosts.
 *
 * @param isSigned  as who has signed in, for routes that ask for IAM credentials
 */
export async function send(
  { id }: Api,
  address: string,
  attempt: Attempt,
  isSigned: boolean,
  signal: AbortSignal,
): Promise<Reply> {
  const url = `/_execute-api/${id}${address}`;
  const [path, query = ''] = url.split('?') as [string, string?];
  const headers = Object.fromEntries(named(attempt.headers).map(({ name, value }) => [name.toLowerCase(), value]));
  const body = hasBody(attempt) ? attempt.body : '';
  const call: SignedCall = { method: attempt.method, path, query, headers, body };
  const own = isSigned ? await signed('execute-api', call) : {};
  const start = performance.now();
  const response = await fetch(url, {
    ...{ method: attempt.method, headers: { ...headers, ...own }, signal, redirect: 'manual', cache: 'no-store' },
    ...(body !== '' && { body }),
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  const ms = performance.now() - start;
  const { status, statusText } = response;
  return { ...{ status, statusText, ms }, headers: [...response.headers], body: bytes };
}
