import type { IncomingMessage } from 'node:http';
import { SignatureFailure } from '../../../codec/aws/index.ts';
import type { SignedCaller } from '../../../services/iot/index.ts';
import type { Authenticator } from '../../../wire/index.ts';

/** Finds who has signed a request (Signature Version 4); `undefined` where nobody has. @throws SignatureFailure, AuthenticationFailure */
export type SignatureCheck = (request: IncomingMessage) => SignedCaller | undefined;

/** The name that WebSockets to AWS IoT are signed with. */
const SERVICE = 'iotdevicegateway';
const NO_BODY = new Uint8Array(0);

/** Checks signatures of WebSocket requests as AWS IoT has them, in the query or in a header. */
export function signatureCheck(authenticator: Authenticator): SignatureCheck {
  return ({ url = '', method = 'GET', headers }) => {
    const mark = url.indexOf('?');
    const [path, query] = mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
    const parts = { method, path, query, headers, body: NO_BODY };
    const claim = authenticator.claim(parts);
    if (!claim) return undefined;
    // A URL that was signed for another service (an object called `mqtt`) must not open this door.
    if (claim.service !== SERVICE) {
      throw new SignatureFailure('mismatch', `Credential should be scoped to correct service: '${SERVICE}'.`);
    }
    const { caller, region, expiresAt } = authenticator.authenticate(claim, parts, NO_BODY);
    return { ...caller, region, ...(expiresAt !== undefined && { expiresAt }) };
  };
}
