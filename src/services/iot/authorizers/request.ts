import { X509Certificate } from 'node:crypto';
import type { Arrival } from '../access/access.ts';
import type { Authorizer } from './authorizer.ts';

/** What a client brings, whatever way it has come. */
export interface Proof extends Arrival {
  readonly clientId?: string;
  readonly username?: string | undefined;
  readonly password?: Buffer | undefined;
}

const NAME = 'x-amz-customauthorizer-name';
const SIGNATURE = 'x-amz-customauthorizer-signature';

/** The authorizer that a client asks for by name, in a header, the query string or its user name. */
export function namedAuthorizer(proof: Proof): string | undefined {
  return parameter(proof, NAME);
}

/** The token of a client and its signature. */
export function tokenOf(
  proof: Proof,
  { tokenKeyName }: Authorizer,
): { readonly token: string | undefined; readonly signature: string | undefined } {
  const token = tokenKeyName === undefined ? undefined : parameter(proof, tokenKeyName);
  return { token, signature: parameter(proof, SIGNATURE) };
}

/**
 * The event that the authorizer's function gets.
 *
 * @see AWS IoT developer guide, "Defining your Lambda function"
 */
export function authorizerEvent(
  proof: Proof,
  parts: { readonly token: string | undefined; readonly signatureVerified: boolean; readonly connectionId: string },
) {
  const { isEncrypted, upgrade, certificate, clientId, username, password, serverName } = proof;
  const { token, signatureVerified, connectionId } = parts;
  const isMqtt = clientId !== undefined;
  const tls = {
    ...(serverName !== undefined && { serverName }),
    ...(certificate && {
      x509CertificatePem: new X509Certificate(certificate.der).toString(),
      principalId: certificate.certificateId,
    }),
  };
  const mqtt = {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password: password.toString('base64') }),
    ...(clientId !== undefined && { clientId }),
  };
  return {
    ...(token !== undefined && { token }),
    signatureVerified,
    protocols: [...(isEncrypted ? ['tls'] : []), ...(upgrade ? ['http'] : []), ...(isMqtt ? ['mqtt'] : [])],
    protocolData: {
      ...(isEncrypted && { tls }),
      ...(upgrade && { http: { headers: plainHeaders(upgrade.headers), queryString: `?${upgrade.queryString}` } }),
      ...(isMqtt && { mqtt }),
    },
    connectionMetadata: { id: connectionId },
  };
}

/** A parameter by its name, whatever the case of its letters: MQTT user name first, then header, then query string. */
function parameter({ username, upgrade }: Proof, name: string): string | undefined {
  const wanted = name.toLowerCase();
  const header = upgrade?.headers[wanted];
  return (
    queryParameter(username?.slice(username.indexOf('?') + 1 || username.length), wanted) ??
    (typeof header === 'string' ? header : header?.[0]) ??
    queryParameter(upgrade?.queryString, wanted)
  );
}

/** `+` stays itself: signatures are base64, and clients do not all escape it. */
function queryParameter(query: string | undefined, wanted: string): string | undefined {
  for (const pair of query?.split('&') ?? []) {
    const mark = pair.indexOf('=');
    if (mark > 0 && unescaped(pair.slice(0, mark)).toLowerCase() === wanted) return unescaped(pair.slice(mark + 1));
  }
  return undefined;
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function plainHeaders(headers: NonNullable<Arrival['upgrade']>['headers']): Record<string, string> {
  const entries = Object.entries(headers).filter((entry) => entry[1] !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : `${value}`]),
  );
}
